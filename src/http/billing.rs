//! `GET …/billing/{yyyy-mm}`: the month's statement, and `GET …/billing/{yyyy-mm}/{licence}`: what makes
//! one of its lines (SPEC §7, Billing month).
//!
//! The month that is under way is read from the organisation itself, a closed one as it was closed.

use super::csv::{self, Sheet};
use super::query::Parameters;
use super::words;
use crate::broker::Broker;
use crate::domain::billing::{BillLine, amount};
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::OrganisationId;
use crate::domain::moment;
use crate::domain::organisation::Settings;
use crate::domain::reason::UsageType;
use crate::problem::{Answer, Problem};
use crate::store::bills::{ClosedLine, MaximumRow};
use crate::store::{Page, Stored, UsageFilter};
use actix_web::web::{Data, Path, ReqData};
use actix_web::{HttpRequest, HttpResponse};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

const COLUMNS: &[&str] = &[
    "Organisation ID",
    "Month",
    "Licence Type",
    "Base",
    "Concurrent",
    "Fixed",
    "Contingency Max Used",
    "Reached At",
    "Sessions",
    "Unit Price",
    "Amount",
];

#[derive(Serialize)]
struct Statement {
    organisation: u64,
    month: String,
    closed: bool,
    lines: Vec<Line>,
    total: Option<String>,
}

#[derive(Clone, Serialize)]
struct Line {
    licence: String,
    base: u32,
    concurrent: u32,
    fixed: u32,
    contingency_max_used: u32,
    reached_at: Option<String>,
    sessions: Vec<String>,
    unit_price: Option<String>,
    amount: Option<String>,
}

/// What makes a line: the changes of what was bought, and who held the contingency licences.
#[derive(Serialize)]
struct Explanation {
    organisation: u64,
    month: String,
    closed: bool,
    line: Line,
    /// In force when the month began, and from each change on.
    bought: Vec<Bought>,
    /// As many as contingency licences were used at the maximum.
    holders: Vec<Holder>,
}

#[derive(Serialize)]
struct Bought {
    since: String,
    base: u32,
    concurrent: u32,
    contingency: u32,
    fixed: u32,
}

#[derive(Serialize)]
struct Holder {
    user: Arc<str>,
    sessions: Vec<HoldingSession>,
}

/// The record of the per-user log by which a session acquired the licence.
#[derive(Serialize)]
struct HoldingSession {
    session: String,
    device: &'static str,
    acquired_at: String,
    pool: &'static str,
}

/// A month of an organisation, and everything known of its lines.
struct Month {
    settings: Settings,
    month: NaiveDate,
    is_closed: bool,
    /// In catalogue order, types that the catalogue has lost last.
    lines: Vec<ClosedLine>,
    maxima: HashMap<String, MaximumRow>,
}

#[derive(Deserialize)]
pub(super) struct MonthPath {
    month: String,
}

#[derive(Deserialize)]
pub(super) struct LinePath {
    month: String,
    licence: String,
}

pub(super) async fn statement(
    request: HttpRequest,
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
    path: Path<MonthPath>,
) -> Answer {
    let wants_csv = Parameters::of(&request).wants_csv(&request)?;
    let month = month(&broker, *organisation, &path.month).await?;
    if wants_csv {
        return as_csv(month, &broker).await;
    }
    Ok(HttpResponse::Ok().json(month.statement()))
}

pub(super) async fn line(
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
    path: Path<LinePath>,
) -> Answer {
    let month = month(&broker, *organisation, &path.month).await?;
    let found = month.lines.iter().find(|line| line.licence == path.licence);
    let found = found.ok_or_else(|| Problem::not_found("the statement has no such line"))?;
    let explanation = Explanation {
        organisation: organisation.get(),
        month: month.name(),
        closed: month.is_closed,
        line: month.line(found),
        bought: bought(&broker, &month, &path.licence).await?,
        holders: holders(&broker, &month, &path.licence).await?,
    };
    Ok(HttpResponse::Ok().json(explanation))
}

/// The month of a path, if the organisation has begun it.
async fn month(
    broker: &Broker,
    organisation: OrganisationId,
    named: &str,
) -> Result<Month, Problem> {
    let unknown = || Problem::not_found("the organisation has no such month");
    let asked = NaiveDate::parse_from_str(&format!("{named}-01"), "%Y-%m-%d").ok();
    let asked = asked.filter(|first| first.format("%Y-%m").to_string() == named);
    let asked = asked.ok_or_else(unknown)?;
    let read = |o: &crate::domain::organisation::Organisation| (o.settings().clone(), o.bill());
    let (settings, (current, open)) = broker.directory.view(organisation, read).await?;
    let first = moment::month_of(settings.created_at, settings.time_zone);
    if asked > current || asked < first {
        return Err(unknown());
    }
    let is_closed = asked < current;
    let lines = if is_closed {
        let mut lines = broker.store.closed_lines(organisation, asked).await?;
        lines.sort_by_cached_key(|line| {
            let place = broker.catalogue.find(&line.licence);
            (place.is_none(), place, line.licence.clone())
        });
        lines
    } else {
        open.iter().map(|line| open_line(line, &broker.catalogue)).collect()
    };
    let maxima = broker.store.maxima(organisation, asked).await?;
    let maxima = maxima.into_iter().map(|row| (row.licence.clone(), row)).collect();
    Ok(Month { settings, month: asked, is_closed, lines, maxima })
}

/// A line of the month under way, as it would be closed.
fn open_line(line: &BillLine, catalogue: &Catalogue) -> ClosedLine {
    let BillLine { licence, bought, contingency_max, unit_price } = *line;
    let licence = catalogue.key(licence).to_string();
    ClosedLine { licence, bought, contingency_max, unit_price }
}

impl Month {
    fn name(&self) -> String {
        self.month.format("%Y-%m").to_string()
    }

    fn statement(&self) -> Statement {
        let amounts =
            self.lines.iter().filter_map(|line| amount(line.contingency_max, line.unit_price));
        let total = amounts.reduce(|sum, amount| sum + amount);
        Statement {
            organisation: self.settings.id.get(),
            month: self.name(),
            closed: self.is_closed,
            lines: self.lines.iter().map(|line| self.line(line)).collect(),
            total: total.map(|total| total.to_string()),
        }
    }

    fn line(&self, line: &ClosedLine) -> Line {
        let ClosedLine { licence, bought, contingency_max, unit_price } = line;
        let maximum = self.maxima.get(licence).filter(|_| *contingency_max > 0);
        let sessions = maximum.iter().flat_map(|row| &row.sessions);
        Line {
            licence: licence.clone(),
            base: bought.base,
            concurrent: bought.concurrent,
            fixed: bought.fixed,
            contingency_max_used: *contingency_max,
            reached_at: maximum.map(|row| words::instant(row.reached_at)),
            sessions: sessions.map(|(session, _)| words::session(*session)).collect(),
            unit_price: unit_price.map(|price| price.to_string()),
            amount: amount(*contingency_max, *unit_price).map(|amount| amount.to_string()),
        }
    }
}

/// What was in force when the month began, then every change within it.
async fn bought(broker: &Broker, month: &Month, licence: &str) -> Result<Vec<Bought>, Problem> {
    let zone = month.settings.time_zone;
    let (start, end) =
        (moment::start_of_day(month.month, zone), moment::end_of_month(month.month, zone));
    let history = broker.store.totals_history(month.settings.id, licence, end).await?;
    let before = history.iter().rposition(|change| change.at <= start).unwrap_or(0);
    let shape = |change: &crate::store::bills::TotalsRow| Bought {
        since: words::instant(change.at),
        base: change.totals.base,
        concurrent: change.totals.concurrent,
        contingency: change.totals.contingency,
        fixed: change.totals.fixed,
    };
    Ok(history[before..].iter().map(shape).collect())
}

async fn holders(broker: &Broker, month: &Month, licence: &str) -> Result<Vec<Holder>, Problem> {
    let Some(maximum) = month.maxima.get(licence) else { return Ok(Vec::new()) };
    let mut holders: Vec<Holder> = Vec::new();
    for (session, user) in &maximum.sessions {
        let filter = UsageFilter {
            session: Some(*session),
            licence: Some(licence.to_owned()),
            usage_type: Some(UsageType::Acquired),
            ..UsageFilter::default()
        };
        let page = Page { after: 0, limit: 1 };
        let records = broker.store.usage_page(month.settings.id, &filter, page).await?;
        // A record older than what is kept is gone; who held it then is known all the same.
        let records = records.into_iter().map(|Stored { row, .. }| HoldingSession {
            session: words::session(*session),
            device: row.device.as_str(),
            acquired_at: words::instant(row.at),
            pool: row.pool.as_str(),
        });
        match holders.iter_mut().find(|holder| holder.user == *user) {
            Some(holder) => holder.sessions.extend(records),
            None => holders.push(Holder { user: user.clone(), sessions: records.collect() }),
        }
    }
    Ok(holders)
}

async fn as_csv(month: Month, broker: &Broker) -> Answer {
    let catalogue = Arc::clone(&broker.catalogue);
    let (name, number, zone) = (month.name(), month.settings.id, month.settings.time_zone);
    let lines: Vec<Line> = month.lines.iter().map(|line| month.line(line)).collect();
    let reached = move |line: &Line| {
        let at = line.reached_at.as_deref().and_then(|at| at.parse().ok());
        at.map(|at| words::local_instant(at, zone)).unwrap_or_default()
    };
    let cells = Box::new(move |line: &Line| {
        vec![
            number.to_string(),
            name.clone(),
            words::name_of(&catalogue, &line.licence).to_owned(),
            line.base.to_string(),
            line.concurrent.to_string(),
            line.fixed.to_string(),
            line.contingency_max_used.to_string(),
            reached(line),
            line.sessions.join(" "),
            line.unit_price.clone().unwrap_or_default(),
            line.amount.clone().unwrap_or_default(),
        ]
    });
    let sheet = Sheet { file_name: "billing", columns: COLUMNS, cells };
    csv::respond(broker.admission.export()?, sheet, move |page| {
        std::future::ready(Ok(rows_after(&lines, page)))
    })
    .await
}

/// A page of rows that are all there.
fn rows_after(lines: &[Line], page: Page) -> Vec<Stored<Line>> {
    let numbered = (1..).zip(lines).skip_while(|(cursor, _)| *cursor <= page.after);
    let rows = numbered.map(|(cursor, line)| Stored { cursor, row: line.clone() });
    rows.take(page.limit as usize).collect()
}
