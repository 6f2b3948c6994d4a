//! `POST …/reports`: custom reports (SPEC §10).

use super::body;
use super::by_time;
use super::csv;
use super::query::Parameters;
use super::report_request;
use super::words;
use crate::broker::Broker;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::OrganisationId;
use crate::limits::REPORT_TIME_MAX;
use crate::limits::bound::Bound;
use crate::problem::{Answer, Problem};
use crate::store::reports::{ReportOutcome, ReportValue};
use crate::telemetry;
use actix_web::web::{Data, Payload, ReqData};
use actix_web::{HttpRequest, HttpResponse};
use chrono_tz::Tz;
use serde_json::{Value, json};
use tokio::sync::SemaphorePermit;

pub(super) async fn create(
    request: HttpRequest,
    payload: Payload,
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
) -> Answer {
    let is_csv = Parameters::of(&request).wants_csv(&request)?;
    let body = body::fields(&request, payload, broker.limits.body_max_bytes).await?;
    let settings = by_time::settings(&broker, *organisation).await?;
    let query = report_request::read(body, &settings, broker.clock.now().at)?;
    let _permit = permit(&broker)?;
    let rows = match broker.store.report(*organisation, &query).await? {
        ReportOutcome::Rows(rows) => rows,
        ReportOutcome::TooLong => {
            telemetry::count_bound(Bound::ReportTime);
            let limit_s = REPORT_TIME_MAX.as_secs();
            let detail =
                format!("the report took longer than {limit_s} s: ask for a shorter range");
            return Err(Problem::overloaded(&detail));
        }
    };
    let columns = report_request::columns(query.source, &query.dimensions, &query.metrics);
    if is_csv {
        let (zone, catalogue) = (settings.time_zone, &broker.catalogue);
        let cells = rows.iter().map(|row| {
            let cells = row.iter().zip(&columns);
            cells.map(|(value, column)| cell(value, column, zone, catalogue)).collect()
        });
        return Ok(csv::whole("report", &columns, cells));
    }
    let items: Vec<Vec<Value>> = rows.iter().map(|row| row.iter().map(member).collect()).collect();
    Ok(HttpResponse::Ok().json(json!({"columns": columns, "items": items})))
}

/// To be held while a report is made: it reads much, and others want to read as well.
pub(super) fn permit(broker: &Broker) -> Result<SemaphorePermit<'_>, Problem> {
    broker.reports.try_acquire().map_err(|_| {
        telemetry::count_bound(Bound::ReportsUnderWay);
        Problem::overloaded("as many reports as may be are being made; try again soon")
    })
}

fn member(value: &ReportValue) -> Value {
    match value {
        ReportValue::Null => Value::Null,
        ReportValue::Text(text) => json!(text),
        ReportValue::Integer(number) => json!(number),
        ReportValue::Hundredths(number) => json!(words::hundredths(number.unsigned_abs())),
        ReportValue::Time(at) => json!(words::instant(*at)),
    }
}

fn cell(value: &ReportValue, column: &str, zone: Tz, catalogue: &Catalogue) -> String {
    match value {
        ReportValue::Null => String::new(),
        ReportValue::Text(key) if column == "licence" => words::name_of(catalogue, key).to_owned(),
        ReportValue::Text(text) => text.clone(),
        ReportValue::Integer(number) => number.to_string(),
        ReportValue::Hundredths(number) => format!("{}.{:02}", number / 100, number % 100),
        ReportValue::Time(at) => words::local_instant(*at, zone),
    }
}
