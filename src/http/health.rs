//! `/healthz`, `/readyz`, `/metrics`: for whoever keeps the broker running. No token is needed.

use crate::actor::store_health::Refusal;
use crate::broker::Broker;
use crate::problem::{Answer, Kind, Problem};
use crate::telemetry;
use actix_web::{HttpResponse, web};
use chrono::SecondsFormat;
use metrics::gauge;
use serde_json::json;

/// 200 for as long as requests are answered at all.
pub(super) async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "alive"}))
}

/// 200 once every organisation has found its sessions again, until the broker drains; not while the store
/// refuses.
pub(super) async fn ready(broker: web::Data<Broker>) -> Answer {
    if !broker.ready.is_ready() {
        return Err(Problem::new(Kind::Unavailable, "not ready to take logins"));
    }
    if let Some(Refusal { since, error }) = broker.directory.store_refusal() {
        let since = since.to_rfc3339_opts(SecondsFormat::Millis, true);
        let why = format!("the store has taken no commit since {since}: {error}");
        return Err(Problem::new(Kind::Unavailable, why));
    }
    Ok(HttpResponse::Ok().json(json!({"status": "ready"})))
}

/// Prometheus' text format.
pub(super) async fn metrics(broker: web::Data<Broker>) -> HttpResponse {
    let connected = u32::try_from(broker.directory.connected()).unwrap_or(u32::MAX);
    gauge!(telemetry::SESSIONS).set(connected);
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(broker.metrics.render())
}
