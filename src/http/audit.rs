//! `GET …/audit`: administrative changes, who made them, from what to what (SPEC §9).

use super::body::Invalid;
use super::csv::{self, Sheet};
use super::cursor::List;
use super::page::Page;
use super::query::Parameters;
use super::words;
use crate::broker::Broker;
use crate::domain::ids::OrganisationId;
use crate::domain::reason::AuditAction;
use crate::problem::{Answer, Problem};
use crate::store::{self, AuditFilter, AuditRow};
use actix_web::HttpRequest;
use actix_web::web::{Data, ReqData};
use chrono_tz::Tz;
use serde::Serialize;
use serde_json::Value;
use std::rc::Rc;

const COLUMNS: &[&str] = &["Date Time", "Actor", "Role", "Action", "Target", "Before", "After"];

#[derive(Serialize)]
struct Shape {
    at: String,
    actor: String,
    role: String,
    action: String,
    target: String,
    before: Option<Value>,
    after: Option<Value>,
}

impl From<AuditRow> for Shape {
    fn from(row: AuditRow) -> Self {
        Self {
            at: words::instant(row.at),
            actor: row.actor,
            role: row.role,
            action: row.action,
            target: row.target,
            before: row.before,
            after: row.after,
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
        return as_csv(broker, *organisation, AuditFilter { newest_first: false, ..filter }).await;
    }
    let limit = parameters.limit(broker.limits.page_limit_max)?;
    let beginning = if filter.newest_first { i64::MAX } else { 0 };
    let after = parameters.after(List::Audit)?.unwrap_or(beginning);
    let page = store::Page { after, limit: limit + 1 };
    let rows = broker.store.audit_page(*organisation, &filter, page).await?;
    Ok(Page::stored(rows, limit, List::Audit, Shape::from).respond())
}

fn filter(parameters: &Parameters) -> Result<AuditFilter, Invalid> {
    let text = |name| parameters.get(name).map(str::to_owned);
    Ok(AuditFilter {
        range: parameters.range()?,
        actor: text("actor"),
        action: parameters
            .word("action", AuditAction::ALL, AuditAction::as_str)?
            .map(|action| action.to_string()),
        target: text("target"),
        newest_first: parameters.read("order", "oldest or newest", newest_first)?.unwrap_or(false),
    })
}

fn newest_first(order: &str) -> Option<bool> {
    match order {
        "oldest" => Some(false),
        "newest" => Some(true),
        _ => None,
    }
}

async fn as_csv(broker: Data<Broker>, organisation: OrganisationId, filter: AuditFilter) -> Answer {
    let settings = broker.store.settings(organisation).await?;
    let settings = settings.ok_or_else(|| Problem::not_found("there is no such organisation"))?;
    let cells = Box::new(move |row: &AuditRow| cells(row, settings.time_zone));
    let sheet = Sheet { file_name: "audit", columns: COLUMNS, cells };
    let filter = Rc::new(filter);
    csv::respond(broker.admission.export()?, sheet, move |page| {
        let (broker, filter) = (broker.clone(), Rc::clone(&filter));
        async move { broker.store.audit_page(organisation, &filter, page).await }
    })
    .await
}

fn cells(row: &AuditRow, zone: Tz) -> Vec<String> {
    let json = |value: &Option<Value>| value.as_ref().map(Value::to_string).unwrap_or_default();
    vec![
        words::local_instant(row.at, zone),
        row.actor.clone(),
        row.role.clone(),
        row.action.clone(),
        row.target.clone(),
        json(&row.before),
        json(&row.after),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;
    use serde_json::json;

    fn row() -> AuditRow {
        AuditRow {
            at: "2026-07-06T13:30:28.123Z".parse().expect("an instant"),
            actor: "alice".to_owned(),
            role: "admin".to_owned(),
            action: "licences.put".to_owned(),
            target: "inbound_agent".to_owned(),
            before: None,
            after: Some(json!({"base": 5})),
        }
    }

    #[test]
    fn a_record_has_the_shape_of_the_contract() {
        assert_eq!(
            serde_json::to_value(Shape::from(row())).expect("JSON"),
            json!({"at": "2026-07-06T13:30:28.123Z", "actor": "alice", "role": "admin",
                "action": "licences.put", "target": "inbound_agent", "before": null,
                "after": {"base": 5}})
        );
    }

    #[test]
    fn a_line_of_csv_has_local_time_and_what_changed_as_json() {
        let cells = cells(&row(), chrono_tz::Europe::London);
        assert_eq!(cells.len(), COLUMNS.len());
        assert_eq!(cells[0], "2026-07-06 14:30:28");
        assert_eq!(cells[5..], ["", r#"{"base":5}"#]);
    }

    #[test]
    fn every_filter_is_read_and_a_wrong_range_is_named() {
        let read = |query: &str| {
            let request = TestRequest::with_uri(&format!("/x?{query}")).to_http_request();
            filter(&Parameters::of(&request)).map_err(|invalid| invalid.field)
        };
        let all = read("actor=alice&action=account.locked&target=bob&order=newest").expect("good");
        assert!(all.newest_first && !read("").expect("good").newest_first);
        assert_eq!(all.actor.as_deref(), Some("alice"));
        assert_eq!(all.action.as_deref(), Some("account.locked"));
        assert_eq!(all.target.as_deref(), Some("bob"));
        for (wrong, field) in
            [("from=yesterday", "from"), ("action=account.shot", "action"), ("order=up", "order")]
        {
            assert_eq!(read(wrong).err(), Some(field.to_owned()));
        }
    }
}
