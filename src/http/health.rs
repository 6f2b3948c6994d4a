//! `/healthz`, `/readyz`, `/metrics`: for whoever keeps the broker running. No token is needed, so nothing
//! here names anybody, or says what the store said.

use super::standing;
use crate::broker::{Broker, Phase};
use crate::problem::{Answer, Kind, Problem};
use crate::thread_priority;
use actix_web::{HttpResponse, web};
use chrono::SecondsFormat;
use serde_json::{Value, json};

/// 200 for as long as requests are answered at all.
pub(super) async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "alive"}))
}

/// 200 while logins are taken, 503 with every reason why not. What a probe should not take the broker out
/// of rotation for is listed beside the 200.
pub(super) async fn ready(broker: web::Data<Broker>) -> Answer {
    let reasons = reasons(&broker);
    if !reasons.is_empty() {
        let problem = Problem::new(Kind::Unavailable, "not ready to take logins");
        return Err(problem.with("reasons", reasons));
    }
    let mut status = json!({"status": "ready"});
    let degraded = degraded(&broker);
    if !degraded.is_empty() {
        status["degraded"] = degraded.into();
    }
    Ok(HttpResponse::Ok().json(status))
}

/// Why no logins are taken.
pub(super) fn reasons(broker: &Broker) -> Vec<Value> {
    let phase = match broker.ready.phase() {
        Phase::Starting => {
            let left = broker.directory.unsettled();
            Some(json!({"reason": "starting", "organisations": left}))
        }
        Phase::Ready => None,
        Phase::Draining | Phase::Closing => Some(json!({"reason": "draining"})),
    };
    let refusal = broker.directory.store_refusal().map(|refusal| {
        let since = refusal.since.to_rfc3339_opts(SecondsFormat::Millis, true);
        json!({"reason": "store_unavailable", "since": since, "kind": refusal.error.kind()})
    });
    let is_out = broker.ready.is_ready() && !broker.directory.may_decide();
    let lease = is_out.then(|| json!({"reason": "no_lease"}));
    phase.into_iter().chain(refusal).chain(lease).collect()
}

/// What does not work although logins are taken. A full broker stays in rotation: administrators need it
/// most then, and whoever connects is told when to come again.
fn degraded(broker: &Broker) -> Vec<Value> {
    let failing = broker.directory.failing();
    let failing =
        (failing > 0).then(|| json!({"reason": "organisations_failing", "organisations": failing}));
    let is_full = broker.admission.is_full();
    let full = is_full.then(|| json!({"reason": "at_capacity"}));
    failing.into_iter().chain(full).collect()
}

/// Prometheus' text format. With a hundred organisations that is five milliseconds of work: it is done where
/// it holds up no session, and one page at a time, for anybody may ask.
pub(super) async fn metrics(broker: web::Data<Broker>) -> Answer {
    let writing = broker.clone();
    let _turn = broker.admission.scrape().await;
    let page = thread_priority::blocking(move || {
        let mut page = standing::page(&writing);
        page.push_str(&writing.metrics.render());
        page
    });
    let page = page.await.map_err(|_| Problem::stopping())?;
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(page))
}
