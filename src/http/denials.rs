//! `GET …/denials`: the demand that could not be served (SPEC §7).

use super::body::Invalid;
use super::csv::{self, Sheet};
use super::cursor::List;
use super::page::Page;
use super::query::Parameters;
use super::words;
use crate::broker::Broker;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::{OrganisationId, UserName};
use crate::domain::reason::{DenialReason, LogonSource};
use crate::problem::{Answer, Problem};
use crate::store::{self, DenialFilter, DenialRow};
use actix_web::HttpRequest;
use actix_web::web::{Data, ReqData};
use chrono_tz::Tz;
use serde::Serialize;
use std::rc::Rc;
use std::sync::Arc;

const COLUMNS: &[&str] =
    &["Denied Date Time", "Licence Type", "User", "Device", "Reason", "Outcome"];

#[derive(Serialize)]
struct Shape {
    at: String,
    licence: String,
    user: UserName,
    device: &'static str,
    reason: &'static str,
    outcome: &'static str,
}

impl From<DenialRow> for Shape {
    fn from(row: DenialRow) -> Self {
        Self {
            at: words::instant(row.at),
            licence: row.licence,
            user: row.user,
            device: row.device.as_str(),
            reason: row.reason.as_str(),
            outcome: row.outcome.as_str(),
        }
    }
}

pub(super) async fn list(
    request: HttpRequest,
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
) -> Answer {
    let parameters = Parameters::of(&request);
    let filter = filter(&parameters)?;
    if parameters.wants_csv(&request)? {
        return as_csv(broker, *organisation, filter).await;
    }
    let limit = parameters.limit(broker.limits.page_limit_max)?;
    let after = parameters.after(List::Denials)?.unwrap_or(0);
    let page = store::Page { after, limit: limit + 1 };
    let rows = broker.store.denials_page(*organisation, &filter, page).await?;
    Ok(Page::stored(rows, limit, List::Denials, Shape::from).respond())
}

/// Any name may have been denied, so `licence` is not held against the catalogue.
pub(super) fn filter(parameters: &Parameters) -> Result<DenialFilter, Invalid> {
    Ok(DenialFilter {
        range: parameters.range()?,
        user: parameters.get("user").map(str::to_owned),
        licence: parameters.get("licence").map(str::to_owned),
        logon_source: parameters.word("logon_source", LogonSource::ALL, LogonSource::as_str)?,
        reason: parameters.word("reason", DenialReason::ALL, DenialReason::as_str)?,
    })
}

async fn as_csv(
    broker: Data<Broker>,
    organisation: OrganisationId,
    filter: DenialFilter,
) -> Answer {
    let settings = broker.store.settings(organisation).await?;
    let settings = settings.ok_or_else(|| Problem::not_found("there is no such organisation"))?;
    let (zone, catalogue) = (settings.time_zone, Arc::clone(&broker.catalogue));
    let cells = Box::new(move |row: &DenialRow| cells(row, zone, &catalogue));
    let sheet = Sheet { file_name: "denials", columns: COLUMNS, cells };
    let filter = Rc::new(filter);
    csv::respond(broker.admission.export()?, sheet, move |page| {
        let (broker, filter) = (broker.clone(), Rc::clone(&filter));
        async move { broker.store.denials_page(organisation, &filter, page).await }
    })
    .await
}

fn cells(row: &DenialRow, zone: Tz, catalogue: &Catalogue) -> Vec<String> {
    vec![
        words::local_instant(row.at, zone),
        words::name_of(catalogue, &row.licence).to_owned(),
        row.user.to_string(),
        row.device.to_string(),
        row.reason.to_string(),
        row.outcome.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue_file;
    use crate::domain::reason::{DenialOutcome, Device};
    use actix_web::test::TestRequest;
    use serde_json::json;

    fn row(licence: &str) -> DenialRow {
        DenialRow {
            at: "2026-07-06T13:30:28Z".parse().expect("an instant"),
            licence: licence.to_owned(),
            user: "edred".into(),
            device: Device::Deskphone,
            reason: DenialReason::Exhausted,
            outcome: DenialOutcome::Partial,
        }
    }

    #[test]
    fn a_denial_has_the_shape_of_the_contract() {
        assert_eq!(
            serde_json::to_value(Shape::from(row("agent_calls"))).expect("JSON"),
            json!({"at": "2026-07-06T13:30:28.000Z", "licence": "agent_calls", "user": "edred",
                "device": "deskphone", "reason": "exhausted", "outcome": "partial"})
        );
    }

    #[test]
    fn a_line_of_csv_names_the_type_or_what_was_asked_for() {
        let cells = |licence| cells(&row(licence), Tz::UTC, &catalogue_file::built_in());
        assert_eq!(cells("agent_calls").len(), COLUMNS.len());
        assert_eq!(cells("agent_calls")[..2], ["2026-07-06 13:30:28", "Agent Calls"]);
        assert_eq!(cells("agent_fax")[1], "agent_fax");
    }

    #[test]
    fn any_name_may_be_asked_for_but_only_a_known_reason() {
        let read = |query: &str| {
            let request = TestRequest::with_uri(&format!("/x?{query}")).to_http_request();
            filter(&Parameters::of(&request)).map_err(|invalid| invalid.field)
        };
        let good = read("licence=agent_fax&reason=unknown_licence").expect("good");
        assert_eq!(good.licence.as_deref(), Some("agent_fax"));
        assert_eq!(good.reason, Some(DenialReason::UnknownLicence));
        assert_eq!(read("reason=logout").err(), Some("reason".to_owned()));
        assert_eq!(read("logon_source=Fax").err(), Some("logon_source".to_owned()));
    }
}
