//! `GET POST …/wallboards`, `DELETE …/wallboards/{id}`: configured wallboards (SPEC §6, §10).

use super::body::{self, Fields, Invalid, check_text};
use super::cursor::List;
use super::gate::Caller;
use super::page::Page;
use super::query::Parameters;
use crate::broker::Broker;
use crate::domain::ids::{OrganisationId, UserName};
use crate::domain::organisation::Organisation;
use crate::domain::reason::WallboardKind;
use crate::domain::wallboards::{RegisterWallboard, RemoveWallboard, Wallboard, WallboardRefusal};
use crate::problem::{Answer, Kind, Problem};
use actix_web::web::{Data, Path, Payload, ReqData};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The longest id and the longest name, in characters.
const ID_MAX_CHARS: usize = 128;
const NAME_MAX_CHARS: usize = 256;

#[derive(Serialize)]
struct Shape {
    id: Arc<str>,
    name: Arc<str>,
    user: Option<UserName>,
    kind: &'static str,
    connected: bool,
}

impl Shape {
    fn new(wallboard: Wallboard, kind: WallboardKind, connected: bool) -> Self {
        let Wallboard { id, name, user, .. } = wallboard;
        Self { id, name, user, kind: kind.as_str(), connected }
    }
}

#[derive(Deserialize)]
pub(super) struct WallboardPath {
    id: String,
}

/// Never more than may be configured.
pub(super) async fn list(
    request: HttpRequest,
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
) -> Answer {
    let all = broker.directory.view(*organisation, Organisation::wallboards).await?;
    let connected = broker.directory.connected_wallboards(*organisation);
    let mut rows: Vec<_> = all
        .into_iter()
        .map(|(wallboard, kind)| {
            let is_connected = connected.contains(&wallboard.id);
            (position(&wallboard), Shape::new(wallboard, kind, is_connected))
        })
        .collect();
    rows.sort_by(|(one, _), (other, _)| one.cmp(other));
    let limit_max = broker.limits.page_limit_max;
    let page = Page::at_hand(rows, List::Wallboards, &Parameters::of(&request), limit_max)?;
    Ok(page.respond())
}

/// Oldest first; texts of equal length compare as their numbers do.
fn position(wallboard: &Wallboard) -> String {
    format!("{:016} {}", wallboard.created_at.timestamp_millis(), wallboard.id)
}

pub(super) async fn create(
    request: HttpRequest,
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
    caller: ReqData<Caller>,
    body: Payload,
) -> Answer {
    let fields = body::fields(&request, body, broker.limits.body_max_bytes).await?;
    let command = draft(&fields)?;
    let decided = broker.directory.ask_by(Some(caller.author()), *organisation, command).await?;
    let (wallboard, kind) = decided.map_err(refused)?;
    let connected = broker.directory.connected_wallboards(*organisation).contains(&wallboard.id);
    Ok(HttpResponse::Created().json(Shape::new(wallboard, kind, connected)))
}

pub(super) async fn remove(
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
    caller: ReqData<Caller>,
    path: Path<WallboardPath>,
) -> Answer {
    let command = RemoveWallboard { id: path.id.as_str().into() };
    if broker.directory.ask_by(Some(caller.author()), *organisation, command).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(Problem::not_found("there is no such wallboard"))
    }
}

pub(super) fn draft(fields: &Fields) -> Result<RegisterWallboard, Invalid> {
    let id = fields.needed("id", fields.text("id")?)?;
    check_text(id, 1, ID_MAX_CHARS).map_err(|reason| fields.invalid("id", reason))?;
    let name = fields.text("name")?.unwrap_or(id);
    check_text(name, 0, NAME_MAX_CHARS).map_err(|reason| fields.invalid("name", reason))?;
    let user = fields.nullable_text("user")?.flatten();
    Ok(RegisterWallboard { id: id.into(), name: name.into(), user: user.map(Into::into) })
}

fn refused(refusal: WallboardRefusal) -> Problem {
    match refusal {
        WallboardRefusal::Exists => {
            Problem::new(Kind::Exists, "the id is taken").with("field", "id")
        }
        WallboardRefusal::UnknownUser => Problem::field("user", "there is no such user"),
        WallboardRefusal::Exhausted(maximum) => {
            let detail = format!("{maximum} wallboards may be configured, and are");
            Problem::new(Kind::WallboardsExhausted, detail).with("maximum", maximum)
        }
    }
}
