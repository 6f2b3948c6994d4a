//! `GET …/advice`: what should have been bought, with the calculation (see [`crate::domain::advice`]).

use super::by_time;
use super::cursor::List;
use super::page::Page;
use super::prices::price;
use super::query::Parameters;
use super::range;
use super::reports::permit;
use super::words;
use crate::broker::Broker;
use crate::domain::advice::{self, Mix, Prices};
use crate::domain::catalogue::{LicenceType, Model};
use crate::domain::ids::{LicenceSet, OrganisationId};
use crate::domain::moment::{end_of_month, month_of};
use crate::domain::organisation::Organisation;
use crate::domain::period::Span;
use crate::domain::view::LicenceCounts;
use crate::problem::{Answer, Problem};
use crate::store::reports::DemandRow;
use actix_web::HttpRequest;
use actix_web::web::{Data, ReqData};
use chrono::NaiveDate;
use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::Serialize;
use std::sync::Arc;

#[derive(Serialize)]
struct Shape {
    licence: Arc<str>,
    from: String,
    to: String,
    months: Vec<MonthShape>,
    bought: MixShape,
    advice: PricedMix,
    current_cost: Option<String>,
    candidates: Vec<PricedMix>,
}

#[derive(Serialize)]
struct MonthShape {
    month: String,
    held_peak: u32,
    denied_peak: u32,
    demand_peak: u32,
    at: Option<String>,
}

#[derive(Serialize)]
struct MixShape {
    concurrent: u32,
    contingency: u32,
}

#[derive(Serialize)]
struct PricedMix {
    concurrent: u32,
    contingency: u32,
    cost: Option<String>,
}

impl PricedMix {
    fn new(mix: Mix, cost: Option<Decimal>) -> Self {
        let cost = cost.map(|cost| cost.to_string());
        Self { concurrent: mix.concurrent, contingency: mix.contingency, cost }
    }
}

/// The prices that a caller gives.
#[derive(Clone, Copy)]
struct Given {
    concurrent: Option<Decimal>,
    contingency: Option<Decimal>,
}

/// A billing month, as far as it lies in the range, and what was needed in it.
struct Month {
    first: NaiveDate,
    rows: Vec<DemandRow>,
}

pub(super) async fn list(
    request: HttpRequest,
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
) -> Answer {
    let parameters = Parameters::of(&request);
    let only = parameters.licence(&broker.catalogue)?;
    let is_advised = |licence: &LicenceType| licence.model == Model::Concurrent && licence.reported;
    if only.is_some_and(|only| !is_advised(broker.catalogue.get(only))) {
        let why = "must be a type that is bought as concurrent licences, and is reported";
        return Err(Problem::field("licence", why));
    }
    let given = Given {
        concurrent: parameters.read("concurrent_price", A_PRICE, price)?,
        contingency: parameters.read("contingency_price", A_PRICE, price)?,
    };
    let span = range::bounded(parameters.range()?, broker.clock.now().at)?;
    let settings = by_time::settings(&broker, *organisation).await?;
    let _permit = permit(&broker)?;
    let months = months(&broker, *organisation, span, settings.time_zone).await?;
    let types = broker.catalogue.iter().filter(|(_, licence)| is_advised(licence));
    let types: LicenceSet =
        types.map(|(id, _)| id).filter(|id| only.is_none_or(|only| only == *id)).collect();
    let counts = move |organisation: &Organisation| organisation.counts(types);
    let counts = broker.directory.view(*organisation, counts).await?;
    let advised = counts.iter().map(|counts| {
        let licence = broker.catalogue.get(counts.licence);
        (counts.licence.index(), Shape::new(counts, licence, span, &months, given))
    });
    let rows = advised.filter(|(_, shape)| only.is_some() || !shape.is_idle());
    let limit_max = broker.limits.page_limit_max;
    Ok(Page::at_hand(rows, List::Advice, &parameters, limit_max)?.respond())
}

const A_PRICE: &str = "a decimal as 12.50, not negative and below a billion";

/// The months in which anything was recorded; before an organisation began there was no demand to serve.
async fn months(
    broker: &Broker,
    organisation: OrganisationId,
    span: Span,
    zone: Tz,
) -> Result<Vec<Month>, Problem> {
    let mut months = Vec::new();
    let mut start = span.start;
    while start < span.end {
        let first = month_of(start, zone);
        let end = end_of_month(first, zone).min(span.end);
        let rows = broker.store.demand(organisation, Span { start, end }).await?;
        if !rows.is_empty() {
            months.push(Month { first, rows });
        }
        start = end;
    }
    Ok(months)
}

impl MonthShape {
    fn new(month: &Month, key: &str) -> Self {
        let row = month.rows.iter().find(|row| row.licence == key);
        Self {
            month: month.first.format("%Y-%m").to_string(),
            held_peak: row.map_or(0, |row| row.held_peak),
            denied_peak: row.map_or(0, |row| row.denied_peak),
            demand_peak: row.map_or(0, |row| row.demand_peak),
            at: row.map(|row| words::instant(row.at)),
        }
    }
}

impl Shape {
    fn new(
        counts: &LicenceCounts,
        licence: &LicenceType,
        span: Span,
        months: &[Month],
        given: Given,
    ) -> Self {
        let months: Vec<_> =
            months.iter().map(|month| MonthShape::new(month, &licence.key)).collect();
        let peaks: Vec<u32> = months.iter().map(|month| month.demand_peak).collect();
        let bought =
            Mix { concurrent: counts.totals.concurrent, contingency: counts.totals.contingency };
        let prices = given.or(counts.unit_price);
        let candidates = prices
            .map(|prices| advice::candidates(&peaks, licence.contingency, prices))
            .unwrap_or_default();
        let cheapest = advice::cheapest(&candidates);
        let blind = || PricedMix::new(advice::without_prices(&peaks, licence.contingency), None);
        let current = prices.and_then(|prices| advice::cost(&peaks, bought, prices));
        Self {
            licence: licence.key.clone(),
            from: words::instant(span.start),
            to: words::instant(span.end),
            months,
            bought: MixShape { concurrent: bought.concurrent, contingency: bought.contingency },
            advice: cheapest.map_or_else(blind, |best| PricedMix::new(best.mix, best.cost)),
            current_cost: current.map(|cost| cost.to_string()),
            candidates: candidates.iter().map(|one| PricedMix::new(one.mix, one.cost)).collect(),
        }
    }

    /// Nothing was bought of it and nothing needed.
    fn is_idle(&self) -> bool {
        let bought = self.bought.concurrent + self.bought.contingency;
        bought == 0 && self.months.iter().all(|month| month.demand_peak == 0)
    }
}

impl Given {
    /// What was given, else the price of the type; nothing is calculated with one price alone.
    fn or(self, unit_price: Option<Decimal>) -> Option<Prices> {
        let concurrent = self.concurrent.or(unit_price)?;
        Some(Prices { concurrent, contingency: self.contingency.or(unit_price)? })
    }
}
