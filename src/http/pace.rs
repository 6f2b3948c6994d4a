//! Tells the connection when a request is being served and when the next one may come.

use crate::limits::PIECE_BYTES;
use crate::transport::pace::{Pace, Serving};
use actix_web::Error;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use bytes::Bytes;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Wraps everything that answers requests.
///
/// # Errors
/// With what it wraps.
pub async fn keep_pace(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let serving = request.conn_data::<Pace>().map(Pace::begin);
    let response = next.call(request).await?;
    let paced = |body: BoxBody| Paced { body, rest: Bytes::new(), _serving: serving };
    Ok(response.map_body(|_, body| BoxBody::new(paced(body.boxed()))))
}

/// The body of an answer; while it is being sent, its request is being served.
struct Paced {
    body: BoxBody,
    /// What came of it and was not passed on yet.
    rest: Bytes,
    _serving: Option<Serving>,
}

impl MessageBody for Paced {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        // The HTTP library copies a chunk whole, whether anybody takes it or not.
        if self.rest.is_empty() {
            match ready!(self.body.as_pin_mut().poll_next(cx)) {
                Some(Ok(bytes)) => self.rest = bytes,
                end @ (Some(Err(_)) | None) => return Poll::Ready(end),
            }
        }
        let piece = self.rest.len().min(PIECE_BYTES);
        Poll::Ready(Some(Ok(self.rest.split_to(piece))))
    }
}
