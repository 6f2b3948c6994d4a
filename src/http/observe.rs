//! What is seen of every HTTP request from outside: its id, its line in the log, its metrics.
//!
//! Smaller than `tracing-actix-web`, which takes no id from callers, answers none, and writes the path that
//! was asked for into the log; here it is the path of the URL table, which holds no names and no secrets.

use super::gate::Caller;
use crate::broker::Broker;
use crate::telemetry::{self, field, request};
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, web};
use std::sync::Arc;
use std::time::Duration;
use tracing::{Instrument as _, Level, Span};

/// Where callers say their id, and are told it.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The path of requests that fit none of the URL table.
const NO_SUCH_PATH: &str = "none";

/// A request that is being answered.
pub struct Seen {
    id: Arc<str>,
    since: Duration,
}

impl Seen {
    /// It comes now.
    pub fn begin(broker: &Broker, headers: &HeaderMap) -> Self {
        let now = broker.clock.now();
        let given = headers.get(REQUEST_ID).map(HeaderValue::as_bytes);
        Self { id: request::id_of(given, now.at.timestamp_millis()), since: now.elapsed }
    }

    /// Whoever asked is told its id.
    pub fn name(&self, answer: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::from_str(&self.id) {
            answer.insert(REQUEST_ID, value);
        }
    }

    /// At the level of errors, so that no level of the log leaves a line without its request.
    fn span(&self) -> Span {
        tracing::error_span!("http", { field::REQUEST } = &*self.id)
    }

    /// Makes `request` a socket, past the application; `path` is of the URL table.
    ///
    /// # Errors
    /// Those of `becoming`: the application is to answer, and sees the request itself.
    pub async fn becoming_socket<T, E>(
        &self,
        broker: &Broker,
        organisation: &str,
        path: &str,
        becoming: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        // Nothing else is said of it on its way, and a span costs more than what is done in it.
        let span = if tracing::enabled!(Level::DEBUG) { self.span() } else { Span::none() };
        let socket = becoming.instrument(span.clone()).await?;
        let took = broker.clock.elapsed().saturating_sub(self.since);
        let status = StatusCode::SWITCHING_PROTOCOLS.as_u16();
        telemetry::count_http("GET", path, status, took);
        let (organisation, took_ms) = (organisation.parse::<u64>().ok(), millis(took));
        let _in = span.entered();
        tracing::debug!(organisation, method = "GET", path, status, took_ms, "answered");
        Ok(socket)
    }
}

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
    let seen = Seen::begin(&broker, request.headers());
    let method = method_of(request.method());
    let span = seen.span();
    let served = request::serve(seen.id.clone(), next.call(request)).instrument(span.clone());
    let mut response = served.await?;
    seen.name(response.headers_mut());
    let took = broker.clock.elapsed().saturating_sub(seen.since);
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
    let took_ms = millis(took);
    let extensions = request.extensions();
    let user = extensions.get::<Caller>().map(|Caller(claims)| claims.subject.as_ref());
    let number = || request.match_info().get("org").and_then(|org| org.parse::<u64>().ok());
    if is_failure || !is_reading {
        tracing::info!(organisation = number(), user, method, path, status, took_ms, "answered");
    } else {
        tracing::debug!(organisation = number(), user, method, path, status, took_ms, "answered");
    }
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

/// Callers may send any word as a method: those that are none of ours are one.
fn method_of(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}
