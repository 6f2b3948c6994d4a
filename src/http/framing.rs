//! Refuses requests whose end is unclear.
//!
//! The HTTP library refuses most of them itself. What it lets through: a request that wants to become a
//! WebSocket has no body for it, whatever its length says; to it everything that follows is the socket's. A
//! proxy that reads the length would take what follows for another request, perhaps somebody else's.

use crate::problem::{Kind, Problem};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING, UPGRADE};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError as _};

/// What a request to become a WebSocket wants to upgrade to.
const SOCKET: &[u8] = b"websocket";

/// Wraps everything that answers requests: 400 for an upgrade with a body or to several protocols, and the connection is closed.
///
/// # Errors
/// With what it wraps.
pub async fn refuse_two_readings(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if has_two_readings(request.headers()) {
        let problem = Problem::new(
            Kind::Malformed,
            "a request to upgrade names `websocket` alone and has no body",
        );
        let mut response = problem.error_response();
        response.head_mut().set_connection_type(ConnectionType::Close);
        return Ok(request.into_response(response));
    }
    next.call(request).await.map(ServiceResponse::map_into_boxed_body)
}

/// Whether a request is an upgrade with a body, or to several protocols.
pub fn has_two_readings(headers: &HeaderMap) -> bool {
    let declares_body = headers.contains_key(TRANSFER_ENCODING)
        || headers.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0");
    // The HTTP library knows a socket by this word alone; the handshake finds the word anywhere.
    headers.get_all(UPGRADE).any(|to| {
        let to = to.as_bytes().trim_ascii().to_ascii_lowercase();
        let names_a_socket = to.windows(SOCKET.len()).any(|word| word == SOCKET);
        names_a_socket && (declares_body || to != SOCKET)
    })
}
