//! `GET …/licence-metrics`, `PUT …/licence-metrics/wallboard`: Licence Metrics (SPEC §6). A snapshot of
//! what is assigned now; an invoice goes by what was bought during its month.

use super::body;
use super::etag;
use super::gate::Caller;
use super::words;
use crate::broker::Broker;
use crate::domain::catalogue::{Catalogue, Group};
use crate::domain::ids::OrganisationId;
use crate::domain::organisation::Organisation;
use crate::domain::view::LicenceCounts;
use crate::domain::wallboards::{MaximumRefusal, SetWallboardMaximum, WallboardCounts};
use crate::problem::{Answer, Kind, Problem};
use actix_web::http::header::ETAG;
use actix_web::web::{Data, Payload, ReqData};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use std::sync::Arc;

/// The most wallboards that an organisation can be allowed.
const WALLBOARDS_MAX: u64 = 10_000;

#[derive(Serialize)]
struct Shape {
    taken_at: String,
    users: Vec<Assigned>,
    clients: Vec<Assigned>,
    supervisor: Vec<Assigned>,
    devices: Devices,
}

#[derive(Serialize)]
struct Assigned {
    licence: Arc<str>,
    name: Arc<str>,
    assigned: u32,
}

#[derive(Serialize)]
struct Devices {
    wallboard: Wallboards,
}

#[derive(Serialize)]
struct Wallboards {
    used: u32,
    maximum: u32,
    analytics: u32,
    live_analytics: u32,
}

impl From<WallboardCounts> for Wallboards {
    fn from(counts: WallboardCounts) -> Self {
        let WallboardCounts { used, maximum, analytics, live_analytics, .. } = counts;
        Self { used, maximum, analytics, live_analytics }
    }
}

pub(super) async fn show(broker: Data<Broker>, organisation: ReqData<OrganisationId>) -> Answer {
    let taken_at = broker.clock.now().at;
    let read = |o: &Organisation| {
        let grouped = o.catalogue().iter().filter(|(_, licence)| licence.group.is_some());
        (o.counts(grouped.map(|(licence, _)| licence).collect()), o.wallboard_counts())
    };
    let (counts, wallboards) = broker.directory.view(*organisation, read).await?;
    let group = |group| of_group(group, &counts, &broker.catalogue);
    let shape = Shape {
        taken_at: words::instant(taken_at),
        users: group(Group::Users),
        clients: group(Group::Clients),
        supervisor: group(Group::Supervisor),
        devices: Devices { wallboard: wallboards.into() },
    };
    let tag = (ETAG, etag::tag(wallboards.version));
    Ok(HttpResponse::Ok().insert_header(tag).json(shape))
}

fn of_group(group: Group, counts: &[LicenceCounts], catalogue: &Catalogue) -> Vec<Assigned> {
    let assigned = |counts: &LicenceCounts| {
        let licence = catalogue.get(counts.licence);
        (licence.group == Some(group)).then(|| Assigned {
            licence: licence.key.clone(),
            name: licence.name_en.clone(),
            assigned: counts.assigned,
        })
    };
    counts.iter().filter_map(assigned).collect()
}

pub(super) async fn set_maximum(
    request: HttpRequest,
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
    caller: ReqData<Caller>,
    body: Payload,
) -> Answer {
    let expected_version = etag::expected_version(&request)?;
    let fields = body::fields(&request, body, broker.limits.body_max_bytes).await?;
    let maximum = fields.needed("maximum", fields.integer("maximum", 0..=WALLBOARDS_MAX)?)?;
    let maximum = u32::try_from(maximum).map_err(|_| fields.invalid("maximum", "is too large"))?;
    let command = SetWallboardMaximum { maximum, expected_version };
    let decided = broker.directory.ask_by(Some(caller.author()), *organisation, command).await?;
    let counts = decided.map_err(|refusal| match refusal {
        MaximumRefusal::Changed => etag::changed(),
        MaximumRefusal::InUse(used) => {
            let detail = format!("{used} wallboards are configured, more than would be allowed");
            Problem::new(Kind::WallboardsExhausted, detail).with("field", "maximum")
        }
    })?;
    let tag = (ETAG, etag::tag(counts.version));
    Ok(HttpResponse::Ok().insert_header(tag).json(Wallboards::from(counts)))
}
