//! `GET /v1/nodes`, `GET …/endpoint`, `POST …/move`: which node has which organisation.

use super::body;
use super::gate::Caller;
use super::words;
use crate::actor::directory::estate::{MoveError, Whereabouts};
use crate::broker::Broker;
use crate::cluster::Elsewhere;
use crate::domain::ids::OrganisationId;
use crate::problem::{Answer, Kind, Problem};
use crate::store::ownership::NodeRow;
use actix_web::http::header::RETRY_AFTER;
use actix_web::web::{Data, Payload, ReqData};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use std::sync::Arc;

const MOVE_BODY_MAX_BYTES: usize = 4 * 1024;

#[derive(Serialize)]
struct EndpointShape {
    organisation: u64,
    node: Arc<str>,
    url: Arc<str>,
    here: bool,
}

impl EndpointShape {
    fn new(broker: &Broker, organisation: OrganisationId, at: Elsewhere) -> Self {
        let here = at.node == broker.node.name;
        Self { organisation: organisation.get(), node: at.node, url: at.url, here }
    }
}

#[derive(Serialize)]
struct NodeShape {
    node: Arc<str>,
    url: Arc<str>,
    since: String,
    seen_at: String,
    /// `None` where nothing has to be renewed.
    lease_until: Option<String>,
    live: bool,
    here: bool,
    organisations: Vec<u64>,
}

impl NodeShape {
    fn new(broker: &Broker, (row, organisations): (NodeRow, Vec<OrganisationId>)) -> Self {
        Self {
            since: words::instant(row.since),
            seen_at: words::instant(row.seen_at),
            lease_until: Some(words::instant(row.lease_until)),
            live: row.is_live,
            here: row.run.node == broker.node.name,
            url: row.url,
            node: row.run.node,
            organisations: organisations.into_iter().map(OrganisationId::get).collect(),
        }
    }
}

#[derive(Serialize)]
struct Nodes {
    items: Vec<NodeShape>,
    next_cursor: Option<String>,
}

/// Every node that shares the store, and what it has, as this one heard within the last second. A broker
/// that has its store to itself lists itself.
pub(super) async fn list(broker: Data<Broker>) -> Answer {
    let items = match broker.directory.nodes() {
        Some(cluster) => {
            cluster.nodes().into_iter().map(|node| NodeShape::new(&broker, node)).collect()
        }
        None => vec![alone(&broker)],
    };
    Ok(HttpResponse::Ok().json(Nodes { items, next_cursor: None }))
}

fn alone(broker: &Broker) -> NodeShape {
    NodeShape {
        node: broker.node.name.clone(),
        url: broker.node.url.clone(),
        since: words::instant(broker.directory.running_since()),
        seen_at: words::instant(broker.clock.now().at),
        lease_until: None,
        live: true,
        here: true,
        organisations: broker.directory.numbers().into_iter().map(OrganisationId::get).collect(),
    }
}

/// For clients that ask first where to connect: whoever may connect there may ask.
pub(super) async fn endpoint(
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
) -> Answer {
    let here = || Elsewhere { node: broker.node.name.clone(), url: broker.node.url.clone() };
    let at = match broker.directory.whereabouts(*organisation).await {
        Whereabouts::Here => here(),
        Whereabouts::Elsewhere(elsewhere) => elsewhere,
        Whereabouts::Unknown => return Err(Problem::not_found("there is no such organisation")),
        Whereabouts::Unavailable => return Err(nobody()),
    };
    Ok(HttpResponse::Ok().json(EndpointShape::new(&broker, *organisation, at)))
}

/// The operator gives an organisation to another node. Its devices are told where it went; what they hold
/// stays theirs.
pub(super) async fn relocate(
    request: HttpRequest,
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
    caller: ReqData<Caller>,
    body: Payload,
) -> Answer {
    let fields = body::fields(&request, body, MOVE_BODY_MAX_BYTES).await?;
    let node = fields.text("node")?.ok_or_else(|| fields.invalid("node", "is missing"))?;
    let here = Elsewhere { node: broker.node.name.clone(), url: broker.node.url.clone() };
    let moved = match node == &*here.node {
        true => Ok(here),
        false => broker.directory.move_to(*organisation, node).await,
    };
    let at = moved.map_err(|error| match error {
        MoveError::NoSuchNode => Problem::field("node", error.to_string()),
        MoveError::Unavailable => nobody(),
    })?;
    let organisation = *organisation;
    tracing::info!(
        organisation = organisation.get(), node = &*at.node, user = %caller.0.subject,
        "moved by an operator"
    );
    Ok(HttpResponse::Ok().json(EndpointShape::new(&broker, organisation, at)))
}

/// Its node was lost, and the next one has not taken over yet.
pub(super) fn nobody() -> Problem {
    Problem::new(Kind::Unavailable, "nobody decides for this organisation at the moment")
        .header(RETRY_AFTER, "1")
}
