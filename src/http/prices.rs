//! `GET …/prices`, `PUT …/prices/{licence}`: what a contingency licence costs in a month. Optional: a
//! statement has amounts for the types that have a price (SPEC §7).
//!
//! Their version is that of all totals: both are what the organisation pays by.

use super::body::{self, Fields, Invalid};
use super::cursor::List;
use super::etag;
use super::gate::Caller;
use super::page::Page;
use super::query::Parameters;
use crate::broker::Broker;
use crate::domain::ids::{LicenceSet, OrganisationId};
use crate::domain::organisation::Organisation;
use crate::domain::purchases::SetPrice;
use crate::problem::{Answer, Problem};
use actix_web::http::header::ETAG;
use actix_web::web::{Data, Path, Payload, ReqData};
use actix_web::{HttpRequest, HttpResponse};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The most digits after the point.
const SCALE_MAX: u32 = 6;

#[derive(Serialize)]
struct Shape {
    licence: Arc<str>,
    unit_price: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct PricePath {
    licence: String,
}

pub(super) async fn list(
    request: HttpRequest,
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
) -> Answer {
    let sold = broker.catalogue.iter().filter(|(_, licence)| licence.contingency);
    let sold: LicenceSet = sold.map(|(licence, _)| licence).collect();
    let read = move |o: &Organisation| (o.totals_version(), o.counts(sold));
    let (version, counts) = broker.directory.view(*organisation, read).await?;
    let rows = counts.into_iter().map(|counts| {
        let licence = broker.catalogue.key(counts.licence).clone();
        let unit_price = counts.unit_price.map(|price| price.to_string());
        (counts.licence.index(), Shape { licence, unit_price })
    });
    let limit_max = broker.limits.page_limit_max;
    let page = Page::at_hand(rows, List::Prices, &Parameters::of(&request), limit_max)?;
    Ok(HttpResponse::Ok().insert_header((ETAG, etag::tag(version))).json(page))
}

pub(super) async fn set(
    request: HttpRequest,
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
    caller: ReqData<Caller>,
    path: Path<PricePath>,
    body: Payload,
) -> Answer {
    let licence = broker.catalogue.find(&path.licence);
    let licence = licence.filter(|licence| broker.catalogue.get(*licence).contingency);
    let licence =
        licence.ok_or_else(|| Problem::not_found("no such licence type is sold as contingency"))?;
    let expected_version = etag::expected_version(&request)?;
    let fields = body::fields(&request, body, broker.limits.body_max_bytes).await?;
    let price = unit_price(&fields)?;
    let command = SetPrice { licence, price, expected_version };
    let decided = broker.directory.ask_by(Some(caller.author()), *organisation, command).await?;
    let version = decided.map_err(|_| etag::changed())?;
    let shape = Shape {
        licence: broker.catalogue.key(licence).clone(),
        unit_price: price.map(|price| price.to_string()),
    };
    Ok(HttpResponse::Ok().insert_header((ETAG, etag::tag(version))).json(shape))
}

pub(super) fn unit_price(fields: &Fields) -> Result<Option<Decimal>, Invalid> {
    let text = fields.needed("unit_price", fields.nullable_text("unit_price")?)?;
    let complaint = "must be a decimal as \"12.50\", not negative, below a billion, or null";
    text.map(|text| price(text).ok_or_else(|| fields.invalid("unit_price", complaint))).transpose()
}

/// A price as people write it: digits, and at most [`SCALE_MAX`] more after a point.
pub(super) fn price(text: &str) -> Option<Decimal> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str, max: usize| {
        (1..=max).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    (digits(whole, 9) && digits(rest, SCALE_MAX as usize)).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_an_exact_decimal_and_nothing_else() {
        for good in ["12.50", "0", "0.000001", "999999999.999999", "007"] {
            assert!(price(good).is_some(), "{good}");
        }
        for bad in
            ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,50", " 1", "1.0000001", "1000000000", "٣"]
        {
            assert_eq!(price(bad), None, "{bad}");
        }
        assert_eq!(price("12.50").map(|price| price.to_string()).as_deref(), Some("12.50"));
    }
}
