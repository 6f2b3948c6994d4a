//! `GET …/licences`, `PUT …/licences/{licence}`: View Licences (SPEC §6).
//!
//! The version of a list is that of all totals together: buying changes it, logging in does not.

use super::body::{self, Fields, Invalid};
use super::csv;
use super::cursor;
use super::etag;
use super::gate::Caller;
use super::page::Page;
use super::query::Parameters;
use super::words;
use crate::broker::Broker;
use crate::domain::catalogue::{Catalogue, Class, LicenceType, Model};
use crate::domain::ids::{LicenceId, LicenceSet, OrganisationId};
use crate::domain::organisation::Organisation;
use crate::domain::pool::Totals;
use crate::domain::purchases::{SetTotals, TotalsRefusal};
use crate::domain::view::LicenceCounts;
use crate::problem::{Answer, Kind, Problem};
use actix_web::http::header::ETAG;
use actix_web::web::{Data, Path, Payload, ReqData};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The most that can be bought of anything.
const TOTAL_MAX: u64 = 1_000_000;

/// The columns of the reference's page; the rest follow them.
const COLUMNS: &[&str] = &[
    "Organisation",
    "Active Users",
    "Licence Type",
    "Base Total",
    "Base Used",
    "Base Reusable",
    "Base Available",
    "Concurrent Logons - Total",
    "Concurrent Used",
    "Concurrent Available",
    "Contingency Logons - Total",
    "Contingency Used",
    "Contingency Max Used",
    "Contingency Available",
    "Active - Billing Period",
    "Fixed Total",
    "Fixed Used",
    "Fixed Available",
    "Over-Allocated",
    "Waiting",
];

#[derive(Serialize)]
struct Row {
    licence: Arc<str>,
    name: Arc<str>,
    class: &'static str,
    model: &'static str,
    active_users: u32,
    base: Base,
    concurrent: Counts,
    contingency: Contingency,
    fixed: Counts,
    over_allocated: u32,
    waiting: u32,
    active_billing_period: u32,
}

#[derive(Serialize)]
struct Base {
    total: u32,
    used: u32,
    reusable: u32,
    available: u32,
}

#[derive(Serialize)]
struct Counts {
    total: u32,
    used: u32,
    available: u32,
}

#[derive(Serialize)]
struct Contingency {
    total: u32,
    used: u32,
    max_used: u32,
    available: u32,
}

impl Counts {
    const fn new(total: u32, used: u32) -> Self {
        Self { total, used, available: total.saturating_sub(used) }
    }
}

impl Row {
    fn new(licence: &LicenceType, counts: &LicenceCounts) -> Self {
        let LicenceCounts { totals, split, .. } = *counts;
        let seats = if licence.model == Model::FixedSeat { counts.assigned } else { 0 };
        let contingency = Counts::new(totals.contingency, split.contingency);
        Self {
            licence: licence.key.clone(),
            name: licence.name_en.clone(),
            class: words::class(licence.class),
            model: words::model(licence.model),
            active_users: counts.active,
            base: Base {
                total: totals.base,
                used: counts.base.used,
                reusable: counts.base.reusable,
                available: counts.base.available,
            },
            concurrent: Counts::new(totals.concurrent, split.concurrent),
            contingency: Contingency {
                total: contingency.total,
                used: contingency.used,
                max_used: counts.contingency_max,
                available: contingency.available,
            },
            fixed: Counts::new(totals.fixed, seats),
            over_allocated: split.over_allocated,
            waiting: counts.waiting,
            active_billing_period: counts.active_in_month,
        }
    }
}

/// What stands at the head of the page: the organisation's own totals.
#[derive(Serialize)]
struct Head {
    id: u64,
    name: Arc<str>,
    /// In which its days and months begin: supervisors see times, but not the organisation's settings.
    time_zone: &'static str,
    active_users: u32,
    active_billing_period: u32,
}

/// A list with its head.
#[derive(Serialize)]
struct List {
    organisation: Head,
    #[serde(flatten)]
    page: Page<Row>,
}

/// Rows of licence types, and what held for all of them at that moment.
struct Rows {
    /// Of all totals together.
    version: u64,
    head: Head,
    rows: Vec<(usize, Row)>,
}

async fn rows(
    broker: &Broker,
    organisation: OrganisationId,
    wanted: LicenceSet,
) -> Result<Rows, Problem> {
    let read = move |organisation: &Organisation| {
        let (active_users, active_billing_period) = organisation.active_users();
        let (id, settings) = (organisation.id().get(), organisation.settings());
        let (name, time_zone) = (settings.name.clone(), settings.time_zone.name());
        let head = Head { id, name, time_zone, active_users, active_billing_period };
        (organisation.totals_version(), head, organisation.counts(wanted))
    };
    let (version, head, counts) = broker.directory.view(organisation, read).await?;
    let row = |counts: &LicenceCounts| {
        (counts.licence.index(), Row::new(broker.catalogue.get(counts.licence), counts))
    };
    Ok(Rows { version, head, rows: counts.iter().map(row).collect() })
}

pub(super) async fn list(
    request: HttpRequest,
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
) -> Answer {
    let parameters = Parameters::of(&request);
    let classes = classes(&parameters)?;
    let wanted = broker.catalogue.iter().filter(|(_, licence)| classes.contains(&licence.class));
    let wanted = wanted.map(|(id, _)| id).collect();
    let wants_csv = parameters.wants_csv(&request)?;
    let Rows { version, head, rows } = rows(&broker, *organisation, wanted).await?;
    if wants_csv {
        let cells = rows.iter().map(|(_, row)| cells(&head, row));
        let mut response = csv::whole("licences", COLUMNS, cells);
        let tag = etag::value(version);
        response.headers_mut().insert(ETAG, tag);
        return Ok(response);
    }
    let limit_max = broker.limits.page_limit_max;
    let page = Page::at_hand(rows, cursor::List::Licences, &parameters, limit_max)?;
    let tag = (ETAG, etag::tag(version));
    Ok(HttpResponse::Ok().insert_header(tag).json(List { organisation: head, page }))
}

/// A row as View Licences shows it: the licence type by its name.
fn cells(head: &Head, row: &Row) -> Vec<String> {
    let Row { base, concurrent, contingency, fixed, .. } = row;
    let numbers = [
        base.total,
        base.used,
        base.reusable,
        base.available,
        concurrent.total,
        concurrent.used,
        concurrent.available,
        contingency.total,
        contingency.used,
        contingency.max_used,
        contingency.available,
        row.active_billing_period,
        fixed.total,
        fixed.used,
        fixed.available,
        row.over_allocated,
        row.waiting,
    ];
    let names = [head.name.to_string(), row.active_users.to_string(), row.name.to_string()];
    names.into_iter().chain(numbers.iter().map(u32::to_string)).collect()
}

/// The classes of `?class=user_type,feature`; all without it.
pub(super) fn classes(parameters: &Parameters) -> Result<Vec<Class>, Invalid> {
    let find = |word: &str| {
        words::CLASSES.iter().find(|(_, known)| *known == word).map(|(class, _)| *class)
    };
    let read = |list: &str| list.split(',').map(|word| find(word.trim())).collect();
    let expected = "user_type, feature, product or device, or several with commas";
    let classes: Option<Vec<Class>> = parameters.read("class", expected, read)?;
    Ok(classes.unwrap_or_else(|| words::CLASSES.map(|(class, _)| class).to_vec()))
}

#[derive(Deserialize)]
pub(super) struct LicencePath {
    pub(super) licence: String,
}

pub(super) async fn set(
    request: HttpRequest,
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
    path: Path<LicencePath>,
    caller: ReqData<Caller>,
    body: Payload,
) -> Answer {
    let licence = broker.catalogue.find(&path.licence);
    let licence = licence.ok_or_else(|| Problem::not_found("there is no such licence type"))?;
    let expected_version = etag::expected_version(&request)?;
    let fields = body::fields(&request, body, broker.limits.body_max_bytes).await?;
    let totals = totals(&fields, broker.catalogue.get(licence))?;
    let command = SetTotals { licence, totals, expected_version };
    let decided = broker.directory.ask_by(Some(caller.author()), *organisation, command).await?;
    decided.map_err(|refusal| refused(refusal, &broker.catalogue, licence))?;
    let wanted = [licence].into_iter().collect();
    let Rows { version, rows, .. } = rows(&broker, *organisation, wanted).await?;
    let row = rows.first().map(|(_, row)| row);
    let row = row.ok_or_else(|| Problem::new(Kind::Internal, "the type has no row"))?;
    Ok(HttpResponse::Ok().insert_header((ETAG, etag::tag(version))).json(row))
}

pub(super) fn totals(fields: &Fields, licence: &LicenceType) -> Result<Totals, Invalid> {
    let total = |name| {
        let number = fields.needed(name, fields.integer(name, 0..=TOTAL_MAX)?)?;
        u32::try_from(number).map_err(|_| fields.invalid(name, "is too large"))
    };
    let totals = Totals {
        base: total("base")?,
        concurrent: total("concurrent")?,
        contingency: total("contingency")?,
        fixed: total("fixed")?,
    };
    match totals.not_for_sale(licence) {
        Some((field, reason)) => Err(fields.invalid(field, reason)),
        None => Ok(totals),
    }
}

fn refused(refusal: TotalsRefusal, catalogue: &Catalogue, licence: LicenceId) -> Problem {
    match refusal {
        TotalsRefusal::Changed => etag::changed(),
        TotalsRefusal::FixedExhausted(assigned) => {
            let detail = format!("{assigned} seats are assigned, and would be more than bought");
            Problem::new(Kind::FixedExhausted, detail)
                .with("field", "fixed")
                .with("licence", &**catalogue.key(licence))
                .with("assigned", assigned)
        }
        TotalsRefusal::BaseExhausted(bound) => {
            let detail = format!("{bound} base licences are bound, and would be more than bought");
            Problem::new(Kind::BaseExhausted, detail)
                .with("field", "base")
                .with("licence", &**catalogue.key(licence))
                .with("bound", bound)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue_file;
    use crate::domain::view::BaseCounts;
    use actix_web::test::TestRequest;
    use serde_json::{Value, json};

    fn counts(key: &str, totals: Totals, holders: u32) -> Value {
        let catalogue = catalogue_file::built_in();
        let licence = catalogue.find(key).expect("a type");
        let counts = LicenceCounts {
            licence,
            holders,
            instances: holders,
            totals,
            split: totals.split(holders),
            contingency_max: 7,
            waiting: 2,
            denied_today: 3,
            assigned: 215,
            active: 212,
            active_in_month: 214,
            base: BaseCounts { used: 215, reusable: 3, available: 288 },
            unit_price: None,
        };
        serde_json::to_value(Row::new(catalogue.get(licence), &counts)).expect("JSON")
    }

    #[test]
    fn a_row_has_the_shape_of_the_contract() {
        let totals = Totals { base: 500, concurrent: 200, contingency: 20, fixed: 0 };
        assert_eq!(
            counts("inbound_agent", totals, 205),
            json!({"licence": "inbound_agent", "name": "Inbound Agent", "class": "user_type",
                "model": "concurrent", "active_users": 212,
                "base": {"total": 500, "used": 215, "reusable": 3, "available": 288},
                "concurrent": {"total": 200, "used": 200, "available": 0},
                "contingency": {"total": 20, "used": 5, "max_used": 7, "available": 15},
                "fixed": {"total": 0, "used": 0, "available": 0},
                "over_allocated": 0, "waiting": 2, "active_billing_period": 214})
        );
    }

    #[test]
    fn seats_are_used_by_whom_they_are_assigned_to_and_never_available_below_zero() {
        let row = counts("view", Totals { fixed: 200, ..Totals::default() }, 0);
        assert_eq!(row["fixed"], json!({"total": 200, "used": 215, "available": 0}));
    }

    #[test]
    fn what_is_bought_is_four_numbers_that_the_type_is_sold_by() {
        let catalogue = catalogue_file::built_in();
        let judge = |key: &str, name: &str, value: Value| {
            let mut body = json!({"base": 0, "concurrent": 0, "contingency": 0, "fixed": 0});
            body[name] = value;
            let fields = Fields::new(body.as_object().expect("an object").clone());
            let licence = catalogue.get(catalogue.find(key).expect("a type"));
            totals(&fields, licence).map_err(|invalid| invalid.field)
        };
        let bought = judge("inbound_agent", "concurrent", json!(1_000_000)).expect("for sale");
        assert_eq!(bought.concurrent, 1_000_000);
        for (key, name, wrong) in [
            ("inbound_agent", "concurrent", json!(1_000_001)),
            ("inbound_agent", "base", json!(-1)),
            ("inbound_agent", "contingency", json!("1")),
            ("inbound_agent", "contingency", json!(null)),
            ("inbound_agent", "fixed", json!(1)),
            ("view", "concurrent", json!(1)),
            ("agent_calls", "base", json!(1)),
        ] {
            assert_eq!(judge(key, name, wrong), Err(name.to_owned()), "{key} {name}");
        }
    }

    #[test]
    fn classes_filter_exactly_and_their_absence_not_at_all() {
        let classes = |query: &str| {
            let request = TestRequest::with_uri(&format!("/x{query}")).to_http_request();
            classes(&Parameters::of(&request)).map_err(|invalid| invalid.field)
        };
        assert_eq!(classes("?class=feature,user_type"), Ok(vec![Class::Feature, Class::UserType]));
        assert_eq!(classes("").map(|all| all.len()), Ok(4));
        assert_eq!(classes("?class=features"), Err("class".to_owned()));
        assert_eq!(classes("?class="), Err("class".to_owned()));
    }
}
