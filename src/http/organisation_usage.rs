//! `GET …/organisation-licence-usage`: the five-minute records, and metrics over them (SPEC §7).

use super::body::Invalid;
use super::by_time::{self, Length};
use super::csv::{self, Lines, PART_ROWS, Sheet};
use super::cursor::List;
use super::page::Page;
use super::query::Parameters;
use super::usage_shapes::{
    Interval, Line, METRICS_COLUMNS, MetricsShape, RECORD_COLUMNS, Wanted, record,
};
use crate::broker::Broker;
use crate::domain::ids::OrganisationId;
use crate::domain::interval::INTERVAL;
use crate::domain::organisation::Settings;
use crate::domain::period::Span;
use crate::problem::Answer;
use crate::store::reports::{ByTime, IntervalFilter, IntervalRow, Metrics, MetricsRow};
use crate::store::{self, Part, StoreError, Stored};
use actix_web::HttpRequest;
use actix_web::web::{Data, ReqData};
use std::rc::Rc;
use std::sync::Arc;

/// What is asked for.
enum Question {
    /// The records themselves.
    Records(IntervalFilter),
    /// Metrics of each record.
    OfRecords(IntervalFilter, Wanted),
    /// Metrics over longer stretches.
    ByTime(ByTime, Wanted),
}

pub(super) async fn list(
    request: HttpRequest,
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
) -> Answer {
    let parameters = Parameters::of(&request);
    let settings = by_time::settings(&broker, *organisation).await?;
    let is_csv = parameters.wants_csv(&request)?;
    let question = question(&parameters, &broker, &settings)?;
    if is_csv {
        return as_csv(broker, settings, question).await;
    }
    let limit = parameters.limit(broker.limits.page_limit_max)?;
    match question {
        Question::Records(filter) => {
            let after = parameters.after(List::Intervals)?.unwrap_or(0);
            let page = store::Page { after, limit: limit + 1 };
            let rows = broker.store.intervals_page(*organisation, &filter, page).await?;
            let shape = |row| Interval::new(*organisation, row);
            Ok(Page::stored(rows, limit, List::Intervals, shape).respond())
        }
        Question::OfRecords(filter, wanted) => {
            let after = parameters.after(List::Intervals)?.unwrap_or(0);
            let page = store::Page { after, limit: limit + 1 };
            let rows = of_records(&broker, *organisation, &filter, page).await?;
            let shape = |row| MetricsShape::new(&row, wanted);
            Ok(Page::stored(rows, limit, List::Intervals, shape).respond())
        }
        Question::ByTime(question, wanted) => {
            let after = parameters.after(List::Metrics)?.unwrap_or(0);
            let page = store::Page { after, limit: limit + 1 };
            let rows = broker.store.metrics_page(*organisation, &question, page).await?;
            let shape = |row| MetricsShape::new(&row, wanted);
            Ok(Page::stored(rows, limit, List::Metrics, shape).respond())
        }
    }
}

fn question(
    parameters: &Parameters,
    broker: &Broker,
    settings: &Settings,
) -> Result<Question, Invalid> {
    let filter = by_time::filter(parameters, &broker.catalogue)?;
    let length = by_time::length(parameters, &[Length::FiveMinutes, Length::Hour, Length::Day])?;
    let metrics = parameters.get("metrics").map(Wanted::read).transpose()?;
    let zone = settings.time_zone;
    Ok(match (length, metrics) {
        (None, None) => Question::Records(filter),
        // Without metrics, five minutes are what the records are.
        (Some(Length::FiveMinutes), None) => Question::Records(filter),
        (Some(Length::FiveMinutes), Some(wanted)) => Question::OfRecords(filter, wanted),
        (Some(length @ (Length::Hour | Length::Day)), wanted) => {
            let question = ByTime { filter, period: length.period(), zone };
            Question::ByTime(question, wanted.unwrap_or(Wanted::ALL))
        }
        (None, Some(wanted)) => Question::ByTime(ByTime { filter, period: None, zone }, wanted),
    })
}

/// The metrics of one record: it is its own average.
async fn of_records(
    broker: &Broker,
    organisation: OrganisationId,
    filter: &IntervalFilter,
    page: store::Page,
) -> Result<Vec<Stored<MetricsRow>>, StoreError> {
    let rows = broker.store.intervals_page(organisation, filter, page).await?;
    let metrics = |figures: store::reports::Figures| {
        Metrics::new(1, figures.count.into(), figures.peak, figures.low)
    };
    let one = |Stored { cursor, row }: Stored<IntervalRow>| {
        let span = Span { start: row.start, end: row.start + INTERVAL };
        let (concurrent, contingency) = (metrics(row.concurrent), metrics(row.contingency));
        Stored { cursor, row: MetricsRow { span, licence: row.licence, concurrent, contingency } }
    };
    Ok(rows.into_iter().map(one).collect())
}

async fn as_csv(broker: Data<Broker>, settings: Settings, question: Question) -> Answer {
    let (organisation, zone) = (settings.id, settings.time_zone);
    let line = Line { organisation, zone, catalogue: Arc::clone(&broker.catalogue) };
    match question {
        Question::Records(filter) => records_as_csv(broker, settings, filter).await,
        Question::OfRecords(filter, wanted) => {
            let filter = Rc::new(filter);
            csv::respond(broker.admission.export()?, metrics_sheet(line, wanted), move |page| {
                let (broker, filter) = (broker.clone(), Rc::clone(&filter));
                async move { of_records(&broker, organisation, &filter, page).await }
            })
            .await
        }
        Question::ByTime(question, wanted) => {
            let question = Rc::new(question);
            csv::respond(broker.admission.export()?, metrics_sheet(line, wanted), move |page| {
                let (broker, question) = (broker.clone(), Rc::clone(&question));
                async move { broker.store.metrics_page(organisation, &question, page).await }
            })
            .await
        }
    }
}

/// A year has millions of records, so they are written as they are read.
async fn records_as_csv(
    broker: Data<Broker>,
    settings: Settings,
    filter: IntervalFilter,
) -> Answer {
    let (organisation, filter) = (settings.id, Rc::new(filter));
    csv::send(broker.admission.export()?, FILE_NAME, RECORD_COLUMNS, move |after| {
        let (broker, filter) = (broker.clone(), Rc::clone(&filter));
        let page = store::Page { after, limit: PART_ROWS };
        async move {
            let rows = broker.store.intervals_page(organisation, &filter, page).await?;
            let mut lines = Lines::new(settings.time_zone, Arc::clone(&broker.catalogue));
            for stored in &rows {
                record(&mut lines, organisation, &stored.row);
            }
            let last = rows.last().filter(|_| rows.len() == PART_ROWS as usize);
            Ok(Part { text: lines.into_text(), after: last.map(|stored| stored.cursor) })
        }
    })
    .await
}

const FILE_NAME: &str = "organisation-licence-usage";

fn metrics_sheet(line: Line, wanted: Wanted) -> Sheet<MetricsRow> {
    let cells = Box::new(move |row: &MetricsRow| line.metrics(row, wanted));
    Sheet { file_name: FILE_NAME, columns: METRICS_COLUMNS, cells }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(list: &str) -> String {
        Wanted::read(list).expect_err("refused").field
    }

    #[test]
    fn metrics_are_any_of_three_and_at_least_one() {
        assert_eq!(Wanted::read("avg,highest,lowest"), Ok(Wanted::ALL));
        assert_eq!(Wanted::read("lowest , avg"), Wanted::read("avg,lowest"));
        for wrong in ["", "avg,", "mean", "AVG", "avg,median"] {
            assert_eq!(named(wrong), "metrics", "{wrong}");
        }
    }
}
