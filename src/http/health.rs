//! `/healthz`, `/readyz`, `/metrics`: for whoever keeps the broker running. No token is needed.

use super::standing;
use crate::broker::Broker;
use crate::problem::{Answer, Kind, Problem};
use actix_web::{HttpResponse, web};
use serde_json::json;

/// 200 for as long as requests are answered at all.
pub(super) async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "alive"}))
}

/// 200 once every organisation has found its sessions again, until the broker drains.
pub(super) async fn ready(broker: web::Data<Broker>) -> Answer {
    if broker.ready.is_ready() {
        Ok(HttpResponse::Ok().json(json!({"status": "ready"})))
    } else {
        Err(Problem::new(Kind::Unavailable, "not ready to take logins"))
    }
}

/// Prometheus' text format.
pub(super) async fn metrics(broker: web::Data<Broker>) -> HttpResponse {
    let mut page = standing::page(&broker);
    page.push_str(&broker.metrics.render());
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(page)
}
