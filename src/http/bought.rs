//! `GET …/licences/{licence}/bought`: what was bought of one licence type, and from when on.

use super::cursor::List;
use super::licences::LicencePath;
use super::page::Page;
use super::query::Parameters;
use super::words;
use crate::broker::Broker;
use crate::domain::ids::OrganisationId;
use crate::problem::{Answer, Problem};
use crate::store::bills::TotalsRow;
use actix_web::HttpRequest;
use actix_web::web::{Data, Path, ReqData};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

/// In force from `since` until the next one.
#[derive(Serialize)]
struct Shape {
    licence: String,
    since: String,
    base: u32,
    concurrent: u32,
    contingency: u32,
    fixed: u32,
}

impl Shape {
    fn new(licence: &str, row: &TotalsRow) -> Self {
        Self {
            licence: licence.to_owned(),
            since: words::instant(row.at),
            base: row.totals.base,
            concurrent: row.totals.concurrent,
            contingency: row.totals.contingency,
            fixed: row.totals.fixed,
        }
    }
}

pub(super) async fn list(
    request: HttpRequest,
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
    path: Path<LicencePath>,
) -> Answer {
    let parameters = Parameters::of(&request);
    let licence = broker.catalogue.find(&path.licence);
    let licence = licence.ok_or_else(|| Problem::not_found("there is no such licence type"))?;
    let licence = broker.catalogue.key(licence);
    let range = parameters.range()?;
    // What is decided at this very instant is past as well.
    let end = range.to.unwrap_or(broker.clock.now().at + TimeDelta::milliseconds(1));
    let history = broker.store.totals_history(*organisation, licence, end).await?;
    let first = range.from.map_or(0, |from| in_force(&history, from));
    let rows = history.iter().enumerate().skip(first);
    let rows = rows.map(|(position, row)| (position, Shape::new(licence, row)));
    Ok(Page::at_hand(rows, List::Bought, &parameters, broker.limits.page_limit_max)?.respond())
}

/// The position of what was in force at an instant; the first, if nothing was bought yet.
fn in_force(history: &[TotalsRow], at: DateTime<Utc>) -> usize {
    history.iter().rposition(|row| row.at <= at).unwrap_or(0)
}
