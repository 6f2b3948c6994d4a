//! Tells the connection when a request is being served and when the next one may come.

use crate::transport::pace::{Pace, Serving};
use actix_web::Error;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use bytes::Bytes;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Wraps everything that answers requests.
///
/// # Errors
/// With what it wraps.
pub async fn keep_pace(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let serving = request.conn_data::<Pace>().map(Pace::begin);
    let response = next.call(request).await?;
    Ok(response.map_body(|_, body| Paced { body: body.boxed(), _serving: serving }))
}

/// The body of an answer; while it is being sent, its request is being served.
struct Paced {
    body: BoxBody,
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
        self.body.as_pin_mut().poll_next(cx)
    }
}
