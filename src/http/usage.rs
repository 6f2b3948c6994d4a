//! `GET …/licence-usage`: the per-user log (SPEC §7, Licence Usage).

use super::body::Invalid;
use super::csv::{self, Lines, PART_ROWS};
use super::cursor::List;
use super::page::Page;
use super::query::Parameters;
use super::words;
use crate::broker::Broker;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::{OrganisationId, UserName};
use crate::domain::reason::{LogonSource, ReleaseReason, UsageType};
use crate::problem::{Answer, Problem};
use crate::store::{self, UsageFilter, UsageLine, UsageRow, UsageScribe};
use actix_web::HttpRequest;
use actix_web::web::{Data, ReqData};
use serde::Serialize;
use std::rc::Rc;
use std::sync::Arc;

/// The first five are the reference's; the rest follow them.
const COLUMNS: &[&str] = &[
    "Usage Type",
    "Logged Date Time",
    "Licence Type",
    "User",
    "Logon Source",
    "Device",
    "Session",
    "Pool",
    "Reason",
];

#[derive(Serialize)]
struct Shape {
    usage_type: &'static str,
    logged_at: String,
    licence: String,
    user: UserName,
    logon_source: &'static str,
    device: &'static str,
    session: String,
    pool: &'static str,
    reason: Option<&'static str>,
}

impl From<UsageRow> for Shape {
    fn from(row: UsageRow) -> Self {
        Self {
            usage_type: row.usage_type.as_str(),
            logged_at: words::instant(row.at),
            licence: row.licence,
            user: row.user,
            logon_source: row.logon_source.as_str(),
            device: row.device.as_str(),
            session: words::session(row.session),
            pool: row.pool.as_str(),
            reason: row.reason.map(ReleaseReason::as_str),
        }
    }
}

pub(super) async fn list(
    request: HttpRequest,
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
) -> Answer {
    let parameters = Parameters::of(&request);
    let filter = filter(&parameters, &broker.catalogue)?;
    if parameters.wants_csv(&request)? {
        return as_csv(broker, *organisation, filter).await;
    }
    let limit = parameters.limit(broker.limits.page_limit_max)?;
    let after = parameters.after(List::LicenceUsage)?.unwrap_or(0);
    let page = store::Page { after, limit: limit + 1 };
    let rows = broker.store.usage_page(*organisation, &filter, page).await?;
    Ok(Page::stored(rows, limit, List::LicenceUsage, Shape::from).respond())
}

pub(super) fn filter(
    parameters: &Parameters,
    catalogue: &Catalogue,
) -> Result<UsageFilter, Invalid> {
    let licence = parameters.licence(catalogue)?;
    Ok(UsageFilter {
        range: parameters.range()?,
        user: parameters.get("user").map(str::to_owned),
        licence: licence.map(|licence| catalogue.key(licence).to_string()),
        usage_type: parameters.word("usage_type", UsageType::ALL, UsageType::as_str)?,
        logon_source: parameters.word("logon_source", LogonSource::ALL, LogonSource::as_str)?,
        reason: parameters.word("reason", ReleaseReason::ALL, ReleaseReason::as_str)?,
        session: parameters.session()?,
    })
}

async fn as_csv(broker: Data<Broker>, organisation: OrganisationId, filter: UsageFilter) -> Answer {
    let settings = broker.store.settings(organisation).await?;
    let settings = settings.ok_or_else(|| Problem::not_found("there is no such organisation"))?;
    let filter = Rc::new(filter);
    csv::send(broker.admission.export()?, "licence-usage", COLUMNS, move |after| {
        let (broker, filter) = (broker.clone(), Rc::clone(&filter));
        let lines = Lines::new(settings.time_zone, Arc::clone(&broker.catalogue));
        let page = store::Page { after, limit: PART_ROWS };
        async move { broker.store.export_usage(organisation, &filter, page, Box::new(lines)).await }
    })
    .await
}

impl UsageScribe for Lines {
    fn write(&mut self, line: &UsageLine<'_>) {
        self.cell(line.usage_type);
        self.time(line.at);
        self.licence(line.licence);
        self.cell(line.user);
        self.cell(line.logon_source);
        self.cell(line.device);
        self.cell(line.session);
        self.cell(line.pool);
        self.cell(line.reason.unwrap_or_default());
        self.end_line();
    }

    fn finish(self: Box<Self>) -> Vec<u8> {
        self.into_text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue_file;
    use crate::domain::ids::SessionId;
    use crate::domain::reason::{Device, GrantPool};
    use actix_web::test::TestRequest;
    use serde_json::json;

    fn row() -> UsageRow {
        UsageRow {
            usage_type: UsageType::Acquired,
            at: "2026-07-06T13:30:28.123Z".parse().expect("an instant"),
            licence: "agent_email".to_owned(),
            user: "edred".into(),
            logon_source: LogonSource::AgentDesktop,
            device: Device::AgentDesktop,
            session: SessionId(1),
            pool: GrantPool::Concurrent,
            reason: None,
        }
    }

    #[test]
    fn a_record_has_the_shape_of_the_contract() {
        assert_eq!(
            serde_json::to_value(Shape::from(row())).expect("JSON"),
            json!({"usage_type": "Acquired", "logged_at": "2026-07-06T13:30:28.123Z",
                "licence": "agent_email", "user": "edred", "logon_source": "Agent Desktop",
                "device": "agent_desktop", "session": "00000000000000000000000001",
                "pool": "concurrent", "reason": null})
        );
    }

    #[test]
    fn a_line_of_csv_has_names_and_local_time() {
        let row = row();
        let line = UsageLine {
            usage_type: row.usage_type.as_str(),
            at: row.at,
            licence: &row.licence,
            user: &row.user,
            logon_source: row.logon_source.as_str(),
            device: row.device.as_str(),
            session: "00000000000000000000000001",
            pool: row.pool.as_str(),
            reason: None,
        };
        let lines = Lines::new(chrono_tz::Europe::London, catalogue_file::built_in());
        let mut scribe: Box<dyn UsageScribe> = Box::new(lines);
        scribe.write(&line);
        scribe.write(&UsageLine { licence: "of_old", reason: Some("logout"), ..line });
        assert_eq!(
            String::from_utf8(scribe.finish()).expect("text"),
            "Acquired,2026-07-06 14:30:28,Agent E-mail,edred,Agent Desktop,agent_desktop,\
             00000000000000000000000001,concurrent,\r\n\
             Acquired,2026-07-06 14:30:28,of_old,edred,Agent Desktop,agent_desktop,\
             00000000000000000000000001,concurrent,logout\r\n",
            "a type that the catalogue has lost keeps its key"
        );
    }

    #[test]
    fn every_filter_is_read_and_a_wrong_one_is_named() {
        let catalogue = catalogue_file::built_in();
        let read = |query: &str| {
            let request = TestRequest::with_uri(&format!("/x?{query}")).to_http_request();
            filter(&Parameters::of(&request), &catalogue).map_err(|invalid| invalid.field)
        };
        let all = read(
            "user=%C3%A9&licence=agent_email&usage_type=Released&reason=logout&unknown=7\
             &logon_source=Paired+Device&session=00000000000000000000000001",
        );
        let all = all.expect("good");
        assert_eq!(all.user.as_deref(), Some("é"));
        assert_eq!(all.licence.as_deref(), Some("agent_email"));
        assert_eq!(all.usage_type, Some(UsageType::Released));
        assert_eq!(all.reason, Some(ReleaseReason::Logout));
        assert_eq!(all.logon_source, Some(LogonSource::PairedDevice));
        assert_eq!(all.session, Some(SessionId(1)));
        for name in ["licence", "usage_type", "reason", "logon_source", "session", "from", "to"] {
            assert_eq!(read(&format!("{name}=telex")).err(), Some(name.to_owned()));
        }
    }
}
