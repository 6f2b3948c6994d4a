//! `/healthz`, `/readyz`, `/metrics`: for whoever keeps the broker running. No token is needed.

use crate::broker::Broker;
use crate::limits::REPORTS_UNDER_WAY_MAX;
use crate::limits::bound::Bound;
use crate::problem::{Answer, Kind, Problem};
use crate::store::sqlite::memory_used;
use crate::telemetry;
use actix_web::{HttpResponse, web};
use metrics::gauge;
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

/// How many there are now of what is bounded.
fn levels(broker: &Broker) -> impl Iterator<Item = (Bound, usize)> {
    let reports = REPORTS_UNDER_WAY_MAX.saturating_sub(broker.reports.available_permits());
    broker.admission.levels().into_iter().chain([
        (Bound::RequestsUnderWay, broker.directory.asks_under_way()),
        (Bound::ReportsUnderWay, reports),
        (Bound::PasswordsWaiting, broker.hashing.waiting()),
    ])
}

/// Prometheus' text format.
pub(super) async fn metrics(broker: web::Data<Broker>) -> HttpResponse {
    let connected = u32::try_from(broker.directory.connected()).unwrap_or(u32::MAX);
    gauge!(telemetry::SESSIONS).set(connected);
    for (bound, level) in levels(&broker) {
        let level = u32::try_from(level).unwrap_or(u32::MAX);
        gauge!(telemetry::BOUND_LEVELS, "bound" => bound.as_str()).set(level);
    }
    telemetry::process::collect();
    telemetry::show_store_memory(memory_used());
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(broker.metrics.render())
}
