//! What the demo's page needs beside the broker's own paths: who may be tried, and their tokens. Handed
//! to everybody who can reach the demo, which listens on loopback alone.

use super::{ORGANISATION, claims, organisation_id};
use crate::auth::Role;
use crate::broker::Broker;
use crate::domain::user::UserRecord;
use crate::problem::{Kind, Problem};
use crate::store::{Page, UserFilter};
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

/// How many people the page offers.
const PEOPLE_MAX: u32 = 7;

/// `GET /demo/config.json` and `POST /demo/token`
pub(super) fn configure(routes: &mut web::ServiceConfig) {
    routes
        .route("/demo/config.json", web::get().to(config))
        .route("/demo/token", web::post().to(token));
}

/// A token of the demo's organisation.
pub(super) fn issue(broker: &Broker, role: Role, subject: &str) -> String {
    let now = broker.clock.now().at;
    broker.authenticator.issue(&claims(role, subject, now), now).expect("the demo's own key signs")
}

async fn config(broker: web::Data<Broker>) -> Result<HttpResponse, Problem> {
    let settings = broker.store.settings(organisation_id()).await?;
    let settings = settings.ok_or_else(|| Problem::not_found("the demo is not set up yet"))?;
    let page = Page { after: 0, limit: PEOPLE_MAX };
    let users = broker.store.users_page(organisation_id(), &UserFilter::default(), page).await?;
    let users: Vec<Value> = users.iter().map(|user| person(&broker, &user.row)).collect();
    let answer = json!({
        "organisation": {
            "id": ORGANISATION,
            "name": &*settings.name,
            "time_zone": settings.time_zone.name(),
        },
        "wallboard_token": issue(&broker, Role::Wallboard, "demo-wallboard"),
        "users": users,
    });
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(answer))
}

fn person(broker: &Broker, user: &UserRecord) -> Value {
    let key = |licence| broker.catalogue.key(licence).to_string();
    let features: Vec<String> = user.features.iter().map(key).collect();
    json!({
        "user": &*user.user,
        "name": &*user.name,
        "user_type": key(user.user_type),
        "features": features,
    })
}

/// As whom somebody comes in.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Visitor {
    #[default]
    Device,
    Supervisor,
    Admin,
}

impl From<Visitor> for Role {
    fn from(visitor: Visitor) -> Self {
        match visitor {
            Visitor::Device => Self::Device,
            Visitor::Supervisor => Self::Supervisor,
            Visitor::Admin => Self::Admin,
        }
    }
}

#[derive(Deserialize)]
struct TokenRequest {
    user: String,
    #[serde(default)]
    role: Visitor,
}

async fn token(broker: web::Data<Broker>, body: web::Bytes) -> Result<HttpResponse, Problem> {
    let shape = "the body has to be {\"user\":\"…\"}, with `role` for another than a device's";
    let request: TokenRequest =
        serde_json::from_slice(&body).map_err(|_| Problem::new(Kind::Malformed, shape))?;
    let token = issue(&broker, request.role.into(), &request.user);
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(json!({ "token": token })))
}
