//! `GET …/sessions`, `DELETE …/sessions/{session}`: who is logged in, and logging them out.

use super::cursor::List;
use super::gate::Caller;
use super::page::Page;
use super::query::Parameters;
use super::words;
use crate::broker::Broker;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::{OrganisationId, SessionId, UserName};
use crate::domain::release::ForceLogout;
use crate::domain::view::{HeldLicence, SessionView};
use crate::problem::{Answer, Problem};
use actix_web::web::{Data, Path, ReqData};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Serialize)]
struct Shape {
    session: String,
    user: UserName,
    device: &'static str,
    since: String,
    state: &'static str,
    address: Arc<str>,
    licences: Vec<Held>,
    waiting: Vec<Arc<str>>,
}

#[derive(Serialize)]
struct Held {
    licence: Arc<str>,
    /// By the holder's rank now, not at the grant.
    pool: &'static str,
    since: String,
}

impl Shape {
    fn new(view: SessionView, catalogue: &Catalogue) -> Self {
        let held = |held: &HeldLicence| Held {
            licence: catalogue.key(held.licence).clone(),
            pool: held.pool.as_str(),
            since: words::instant(held.since),
        };
        Self {
            session: words::session(view.session),
            device: view.device.as_str(),
            since: words::instant(view.since),
            state: if view.is_connected { "connected" } else { "lingering" },
            licences: view.licences.iter().map(held).collect(),
            waiting: words::keys(catalogue, view.waiting),
            user: view.user,
            address: view.address,
        }
    }
}

pub(super) async fn list(
    request: HttpRequest,
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
) -> Answer {
    let parameters = Parameters::of(&request);
    let limit = parameters.limit(broker.limits.page_limit_max)?;
    let after = parameters.after(List::Sessions)?.map(SessionId);
    let wanted = limit as usize + 1;
    let views = broker.directory.view(*organisation, move |o| o.sessions(after, wanted)).await?;
    let cursor = |view: &SessionView| List::Sessions.cursor(view.session.0);
    let shape = |view| Shape::new(view, &broker.catalogue);
    Ok(Page::of(views, limit, cursor, shape).respond())
}

#[derive(Deserialize)]
pub(super) struct SessionPath {
    session: String,
}

pub(super) async fn force_logout(
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
    caller: ReqData<Caller>,
    path: Path<SessionPath>,
) -> Answer {
    let unknown = || Problem::not_found("there is no such session");
    let session = words::read_session(&path.session).ok_or_else(unknown)?;
    let author = Some(caller.author());
    if broker.directory.ask_by(author, *organisation, ForceLogout { session }).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(unknown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue_file;
    use crate::domain::reason::{Device, HolderPool};
    use chrono::DateTime;
    use serde_json::json;

    #[test]
    fn a_session_has_the_shape_of_the_contract() {
        let catalogue = catalogue_file::built_in();
        let find = |key| catalogue.find(key).expect("a type");
        let view = SessionView {
            session: SessionId(1),
            user: "edred".into(),
            device: Device::AgentDesktop,
            since: DateTime::UNIX_EPOCH,
            is_connected: false,
            address: "192.0.2.7".into(),
            licences: vec![HeldLicence {
                licence: find("inbound_agent"),
                pool: HolderPool::OverAllocated,
                since: DateTime::UNIX_EPOCH,
            }],
            waiting: vec![find("agent_sms")],
        };
        assert_eq!(
            serde_json::to_value(Shape::new(view, &catalogue)).expect("JSON"),
            json!({"session": "00000000000000000000000001", "user": "edred",
                "device": "agent_desktop", "since": "1970-01-01T00:00:00.000Z",
                "state": "lingering", "address": "192.0.2.7",
                "licences": [{"licence": "inbound_agent", "pool": "over_allocated",
                    "since": "1970-01-01T00:00:00.000Z"}],
                "waiting": ["agent_sms"]})
        );
    }
}
