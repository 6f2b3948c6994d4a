//! `PUT …/licence-sync/{licence}`: the PBX's list of the users who have a type (SPEC §10).

use super::body;
use super::gate::Caller;
use crate::broker::Broker;
use crate::domain::ids::{OrganisationId, UserName};
use crate::domain::sync::{SyncAnswer, SyncLicence};
use crate::problem::{Answer, Problem};
use actix_web::web::{Data, Path, Payload, ReqData};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
struct Shape {
    /// Users who have the type by the list now.
    synced: u32,
    added: u32,
    removed: u32,
    /// Names on the list that are no user's.
    unknown: Vec<UserName>,
}

#[derive(Deserialize)]
pub(super) struct SyncPath {
    licence: String,
}

pub(super) async fn put(
    request: HttpRequest,
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
    caller: ReqData<Caller>,
    path: Path<SyncPath>,
    body: Payload,
) -> Answer {
    let licence = broker.catalogue.find(&path.licence);
    let licence = licence.filter(|licence| broker.catalogue.get(*licence).synced);
    let licence =
        licence.ok_or_else(|| Problem::not_found("no list is taken for such a licence type"))?;
    let fields = body::fields(&request, body, broker.limits.import_body_max_bytes).await?;
    let users = fields.needed("users", fields.texts("users")?)?;
    let users_max = broker.limits.import_users_max;
    if users.len() > users_max {
        return Err(fields.invalid("users", format!("has more than {users_max} names")).into());
    }
    let users = users.into_iter().map(UserName::from).collect();
    let command = SyncLicence { licence, users };
    let answer = broker.directory.ask_by(Some(caller.author()), *organisation, command).await?;
    let SyncAnswer { added, removed, synced, unknown } = answer;
    Ok(HttpResponse::Ok().json(Shape { synced, added, removed, unknown }))
}
