//! `GET POST /v1/organisations`, `GET PATCH DELETE /v1/organisations/{org}`.
//!
//! An administrator's list is their own organisation alone.

use super::body::{self, Fields, Invalid, check_text};
use super::cursor::List;
use super::etag;
use super::gate::{self, Caller};
use super::page::Page;
use super::query::Parameters;
use super::words;
use crate::broker::Broker;
use crate::domain::ids::OrganisationId;
use crate::domain::organisation::Settings;
use crate::domain::settings::ChangeSettings;
use crate::problem::{Answer, Kind, Problem};
use crate::store;
use actix_web::http::header::{ETAG, LOCATION};
use actix_web::web::{Data, Payload, ReqData};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use chrono::{DateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use std::sync::Arc;

/// The longest name, in characters.
const NAME_MAX_CHARS: usize = 256;
/// The most seconds of grace that an organisation may allow: a day.
const MAX_GRACE_S_MAX: u64 = 86_400;

#[derive(Serialize)]
struct Shape {
    id: u64,
    name: Arc<str>,
    time_zone: &'static str,
    max_grace_s: u32,
    scheduled_log_off: Option<String>,
    created_at: String,
}

impl From<Settings> for Shape {
    fn from(settings: Settings) -> Self {
        Self {
            id: settings.id.get(),
            name: settings.name,
            time_zone: settings.time_zone.name(),
            max_grace_s: settings.max_grace_s,
            scheduled_log_off: settings.scheduled_log_off.map(|at| at.format("%H:%M").to_string()),
            created_at: words::instant(settings.created_at),
        }
    }
}

fn respond(mut response: HttpResponseBuilder, settings: Settings) -> HttpResponse {
    response.insert_header((ETAG, etag::tag(settings.version))).json(Shape::from(settings))
}

pub(super) async fn list(
    request: HttpRequest,
    broker: Data<Broker>,
    caller: ReqData<Caller>,
) -> Answer {
    let parameters = Parameters::of(&request);
    let limit = parameters.limit(broker.limits.page_limit_max)?;
    let after = parameters.after(List::Organisations)?;
    if let Some(own) = caller.0.organisation {
        let own = broker.store.settings(own).await?;
        return Ok(Page::whole(own.into_iter().map(Shape::from).collect()).respond());
    }
    let page = store::Page { after: after.unwrap_or(0), limit: limit + 1 };
    let rows = broker.store.settings_page(page).await?;
    Ok(Page::stored(rows, limit, List::Organisations, Shape::from).respond())
}

pub(super) async fn create(
    request: HttpRequest,
    broker: Data<Broker>,
    caller: ReqData<Caller>,
    body: Payload,
) -> Answer {
    gate::check_started(&broker)?;
    let fields = body::fields(&request, body, broker.limits.body_max_bytes).await?;
    let settings = new_settings(&fields, broker.limits.max_grace_default_s, broker.clock.now().at)?;
    if !broker.directory.exists(settings.id) {
        broker.authenticator.editions().forget_organisation(settings.id);
    }
    if !broker.directory.create(Some(caller.author()), settings.clone()).await? {
        let detail = format!("the number {} is taken", settings.id);
        return Err(Problem::new(Kind::Exists, detail).with("field", "id"));
    }
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, format!("/v1/organisations/{}", settings.id)));
    Ok(respond(response, settings))
}

pub(super) async fn show(broker: Data<Broker>, organisation: ReqData<OrganisationId>) -> Answer {
    let settings = broker.store.settings(*organisation).await?;
    let settings = settings.ok_or_else(|| Problem::not_found("there is no such organisation"))?;
    Ok(respond(HttpResponse::Ok(), settings))
}

pub(super) async fn change(
    request: HttpRequest,
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
    caller: ReqData<Caller>,
    body: Payload,
) -> Answer {
    let expected_version = etag::expected_version(&request)?;
    let fields = body::fields(&request, body, broker.limits.body_max_bytes).await?;
    let change = ChangeSettings {
        name: name(&fields)?,
        time_zone: time_zone(&fields)?,
        max_grace_s: max_grace_s(&fields)?,
        scheduled_log_off: scheduled_log_off(&fields)?,
        expected_version,
    };
    let id = fields.integer("id", 0..=u64::MAX)?;
    if id.is_some_and(|id| id != organisation.get()) {
        return Err(fields.invalid("id", "cannot change").into());
    }
    match broker.directory.ask_by(Some(caller.author()), *organisation, change).await? {
        Ok(settings) => Ok(respond(HttpResponse::Ok(), settings)),
        Err(_) => Err(etag::changed()),
    }
}

pub(super) async fn remove(
    request: HttpRequest,
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
    caller: ReqData<Caller>,
) -> Answer {
    // Read before it is removed, not decided together: who deletes an organisation deletes it whole, and
    // the version only tells them that they looked at something else.
    if let Some(expected) = etag::expected_version(&request)? {
        let current = broker.directory.view(*organisation, |o| o.settings().version).await?;
        if current != expected {
            return Err(etag::changed());
        }
    }
    broker.directory.remove(Some(caller.author()), *organisation).await?;
    Ok(HttpResponse::NoContent().finish())
}

pub(super) fn new_settings(
    fields: &Fields,
    max_grace_default_s: u32,
    now: DateTime<Utc>,
) -> Result<Settings, Invalid> {
    let id = fields.needed("id", fields.integer("id", 1..=OrganisationId::MAX)?)?;
    Ok(Settings {
        id: fields.needed("id", OrganisationId::new(id))?,
        name: fields.needed("name", name(fields)?)?,
        time_zone: time_zone(fields)?.unwrap_or(Tz::UTC),
        max_grace_s: max_grace_s(fields)?.unwrap_or(max_grace_default_s),
        scheduled_log_off: scheduled_log_off(fields)?.flatten(),
        created_at: now,
        version: 0,
    })
}

fn name(fields: &Fields) -> Result<Option<Arc<str>>, Invalid> {
    let Some(name) = fields.text("name")? else { return Ok(None) };
    check_text(name, 1, NAME_MAX_CHARS).map_err(|reason| fields.invalid("name", reason))?;
    Ok(Some(name.into()))
}

fn time_zone(fields: &Fields) -> Result<Option<Tz>, Invalid> {
    let Some(text) = fields.text("time_zone")? else { return Ok(None) };
    let complaint = |_| fields.invalid("time_zone", "must be an IANA time zone, as Europe/London");
    text.parse().map(Some).map_err(complaint)
}

fn max_grace_s(fields: &Fields) -> Result<Option<u32>, Invalid> {
    let seconds = fields.integer("max_grace_s", 0..=MAX_GRACE_S_MAX)?;
    Ok(seconds.and_then(|seconds| u32::try_from(seconds).ok()))
}

/// `Some(None)` for `null`: nobody is logged out by the clock.
fn scheduled_log_off(fields: &Fields) -> Result<Option<Option<NaiveTime>>, Invalid> {
    let Some(text) = fields.nullable_text("scheduled_log_off")? else { return Ok(None) };
    let Some(text) = text else { return Ok(Some(None)) };
    let time = NaiveTime::parse_from_str(text, "%H:%M").ok();
    let time = time.filter(|time| time.format("%H:%M").to_string() == text);
    let complaint = || fields.invalid("scheduled_log_off", "must be a time as 20:00, or null");
    time.map(|time| Some(Some(time))).ok_or_else(complaint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn settings(value: &Value) -> Result<Settings, Invalid> {
        let fields = Fields::new(value.as_object().expect("an object").clone());
        new_settings(&fields, 60, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn an_organisation_needs_a_number_and_a_name_and_has_defaults_for_the_rest() {
        let shape = Shape::from(settings(&json!({"id": 129, "name": "Example"})).expect("good"));
        assert_eq!(
            serde_json::to_value(shape).expect("JSON"),
            json!({"id": 129, "name": "Example", "time_zone": "UTC", "max_grace_s": 60,
                "scheduled_log_off": null, "created_at": "1970-01-01T00:00:00.000Z"})
        );
    }

    #[test]
    fn what_is_given_is_kept() {
        let given = json!({"id": 9_007_199_254_740_991_u64, "name": "例", "max_grace_s": 0,
            "time_zone": "Asia/Tokyo", "scheduled_log_off": "08:05"});
        let shape = serde_json::to_value(Shape::from(settings(&given).expect("good")));
        let shape = shape.expect("JSON");
        for (name, value) in given.as_object().expect("an object") {
            assert_eq!(&shape[name], value, "{name}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (name, wrong) in [
            ("id", json!(0)),
            ("id", json!(1_u64 << 53)),
            ("id", json!("129")),
            ("name", json!("")),
            ("name", json!("x".repeat(257))),
            ("time_zone", json!("Mars/Olympus")),
            ("time_zone", json!(null)),
            ("max_grace_s", json!(86_401)),
            ("max_grace_s", json!(-1)),
            ("scheduled_log_off", json!("8:05")),
            ("scheduled_log_off", json!("24:00")),
            ("scheduled_log_off", json!("20:00:00")),
            ("scheduled_log_off", json!(2000)),
        ] {
            let mut value = json!({"id": 129, "name": "Example"});
            value[name] = wrong;
            assert_eq!(settings(&value).expect_err("wrong").field, name);
        }
        assert_eq!(settings(&json!({"name": "Example"})).expect_err("no number").field, "id");
        assert_eq!(settings(&json!({"id": 129})).expect_err("no name").field, "name");
    }
}
