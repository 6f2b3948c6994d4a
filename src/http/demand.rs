//! `GET …/demand`: how many licences of each type would have been enough, over any range of days.

use super::by_time;
use super::cursor::List;
use super::page::Page;
use super::query::Parameters;
use super::range;
use super::reports::permit;
use super::words;
use crate::broker::Broker;
use crate::domain::ids::OrganisationId;
use crate::domain::period::Span;
use crate::problem::Answer;
use crate::store::reports::DemandRow;
use actix_web::HttpRequest;
use actix_web::web::{Data, ReqData};
use serde::Serialize;

/// What was needed of one type at once.
#[derive(Serialize)]
struct Shape {
    licence: String,
    from: String,
    to: String,
    held_peak: u32,
    denied_peak: u32,
    demand_peak: u32,
    at: String,
}

impl Shape {
    fn new(row: DemandRow, span: Span) -> Self {
        Self {
            licence: row.licence,
            from: words::instant(span.start),
            to: words::instant(span.end),
            held_peak: row.held_peak,
            denied_peak: row.denied_peak,
            demand_peak: row.demand_peak,
            at: words::instant(row.at),
        }
    }
}

pub(super) async fn list(
    request: HttpRequest,
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
) -> Answer {
    let parameters = Parameters::of(&request);
    let filter = by_time::filter(&parameters, &broker.catalogue)?;
    let span = range::bounded(filter.range, broker.clock.now().at)?;
    let _permit = permit(&broker)?;
    let rows = broker.store.demand(*organisation, span).await?;
    let is_wanted = |row: &DemandRow| filter.licence.as_ref().is_none_or(|key| *key == row.licence);
    let rows = rows.into_iter().enumerate().filter(|(_, row)| is_wanted(row));
    let rows = rows.map(|(position, row)| (position, Shape::new(row, span)));
    Ok(Page::at_hand(rows, List::Demand, &parameters, broker.limits.page_limit_max)?.respond())
}
