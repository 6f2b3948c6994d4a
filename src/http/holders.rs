//! `GET …/holders`: who holds what, since when, by which devices, from which pool.

use super::cursor::List;
use super::page::Page;
use super::query::Parameters;
use super::words;
use crate::broker::Broker;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::{OrganisationId, UserName};
use crate::domain::organisation::Organisation;
use crate::domain::view::HolderView;
use crate::problem::Answer;
use actix_web::HttpRequest;
use actix_web::web::{Data, ReqData};
use serde::Serialize;
use std::sync::Arc;

#[derive(Serialize)]
struct Shape {
    user: UserName,
    licence: Arc<str>,
    pool: &'static str,
    since: String,
    sessions: Vec<BySession>,
}

#[derive(Serialize)]
struct BySession {
    session: String,
    device: &'static str,
    since: String,
}

impl Shape {
    fn new(view: HolderView, catalogue: &Catalogue) -> Self {
        let sessions = view.sessions.iter().map(|(session, device, since)| BySession {
            session: words::session(*session),
            device: device.as_str(),
            since: words::instant(*since),
        });
        Self {
            sessions: sessions.collect(),
            licence: catalogue.key(view.licence).clone(),
            pool: view.pool.as_str(),
            since: words::instant(view.since),
            user: view.user,
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
    let after = parameters.after(List::Holders)?;
    let licence = parameters.licence(&broker.catalogue)?;
    let wanted = limit as usize + 1;
    let read = move |organisation: &Organisation| organisation.holders(licence, after, wanted);
    let views = broker.directory.view(*organisation, read).await?;
    let cursor = |view: &HolderView| List::Holders.cursor(view.order);
    let shape = |view| Shape::new(view, &broker.catalogue);
    Ok(Page::of(views, limit, cursor, shape).respond())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue_file;
    use crate::domain::ids::SessionId;
    use crate::domain::reason::{Device, HolderPool};
    use chrono::DateTime;
    use serde_json::json;

    #[test]
    fn a_holder_has_the_shape_of_the_contract() {
        let catalogue = catalogue_file::built_in();
        let at = DateTime::UNIX_EPOCH;
        let view = HolderView {
            user: "edred".into(),
            licence: catalogue.find("inbound_agent").expect("a type"),
            pool: HolderPool::Contingency,
            since: at,
            sessions: vec![(SessionId(1), Device::Deskphone, at)],
            order: 3,
        };
        assert_eq!(
            serde_json::to_value(Shape::new(view, &catalogue)).expect("JSON"),
            json!({"user": "edred", "licence": "inbound_agent", "pool": "contingency",
                "since": "1970-01-01T00:00:00.000Z",
                "sessions": [{"session": "00000000000000000000000001", "device": "deskphone",
                    "since": "1970-01-01T00:00:00.000Z"}]})
        );
    }
}
