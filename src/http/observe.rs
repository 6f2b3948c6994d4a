//! What is seen of every HTTP request from outside: its id, its line in the log, its metrics.
//!
//! Smaller than `tracing-actix-web`, which takes no id from callers, answers none, and writes the path that
//! was asked for into the log; here it is the path of the URL table, which holds no names and no secrets.

use super::gate::Caller;
use crate::broker::Broker;
use crate::telemetry::{self, field, request};
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, web};
use std::time::Duration;
use tracing::Instrument as _;

/// Where callers say their id, and are told it.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The path of requests that fit none of the URL table.
const NO_SUCH_PATH: &str = "none";

/// Wraps the whole application.
///
/// # Errors
/// Those of the application.
pub async fn observe<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let broker = request.app_data::<web::Data<Broker>>().cloned();
    let Some(broker) = broker else { return next.call(request).await };
    let now = broker.clock.now();
    let given = request.headers().get(REQUEST_ID).map(HeaderValue::as_bytes);
    let id = request::id_of(given, now.at.timestamp_millis());
    let method = method_of(request.method());
    // At the level of errors, so that no level of the log leaves a line without its request.
    let span = tracing::error_span!("http", { field::REQUEST } = &*id);
    let served = request::serve(id.clone(), next.call(request)).instrument(span.clone());
    let mut response = served.await?;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let took = broker.clock.elapsed().saturating_sub(now.elapsed);
    span.in_scope(|| note(method, &response, took));
    Ok(response)
}

fn note<B>(method: &'static str, response: &ServiceResponse<B>, took: Duration) {
    let status = response.status();
    let request = response.request();
    let path = request.match_pattern();
    let path = path.as_deref().unwrap_or(NO_SUCH_PATH);
    telemetry::count_http(method, path, status.as_u16(), took);
    let is_reading = matches!(method, "GET" | "HEAD" | "OPTIONS");
    let (status, is_failure) = (status.as_u16(), status.is_server_error());
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let extensions = request.extensions();
    let user = extensions.get::<Caller>().map(|Caller(claims)| claims.subject.as_ref());
    let number = || request.match_info().get("org").and_then(|org| org.parse::<u64>().ok());
    if is_failure || !is_reading {
        tracing::info!(organisation = number(), user, method, path, status, took_ms, "answered");
    } else {
        tracing::debug!(organisation = number(), user, method, path, status, took_ms, "answered");
    }
}

/// Callers may send any word as a method: those that are none of ours are one.
fn method_of(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}
