//! Requests to become a WebSocket that go through the application: answered by the same handlers as all
//! others; then the connection is taken from the HTTP library.

use crate::broker::admission::Connected;
use crate::http;
use crate::transport::line::{self, Takeover};
use crate::transport::watched::Watched;
use crate::ws::session::Answered;
use actix_codec::{Encoder as _, Framed, FramedParts};
use actix_http::body::{BodySize, BoxBody, MessageBody as _};
use actix_http::h1::{Codec, Message};
use actix_http::{ConnectionType, Request, Response};
use actix_service::Service;
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{
    HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL, STRICT_TRANSPORT_SECURITY, UPGRADE,
};
use actix_web::{Error, HttpResponse};
use bytes::{Bytes, BytesMut};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;

/// An answer that the HTTP library writes: its head, or a piece of its body.
type Piece = Message<(Response<()>, BodySize)>;

/// What the answer says that makes a connection a socket; and the request's id.
const OF_A_SOCKET: [HeaderName; 5] = [
    UPGRADE,
    SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_PROTOCOL,
    STRICT_TRANSPORT_SECURITY,
    http::REQUEST_ID,
];

/// What answers requests to become a socket, on one thread.
pub(super) struct Upgrades<A> {
    /// Everything that answers requests.
    pub(super) application: A,
}

impl<A> Upgrades<A>
where
    A: Service<Request, Response = ServiceResponse<BoxBody>, Error = Error> + 'static,
{
    /// Serves the request, and then the socket, if there is one.
    ///
    /// # Errors
    /// Never: that the peer is gone before it is answered is nobody's fault.
    pub(super) fn answer(
        self: Rc<Self>,
        request: Request,
        framed: Framed<Watched, Codec>,
    ) -> impl Future<Output = Result<(), Error>> {
        let connected = request.conn_data::<Rc<Connected>>().cloned();
        // In a box of its own, for the socket outlives by hours what its request needed.
        let answering = Box::pin(self.respond(request, framed));
        async move {
            let answered = answering.await;
            if let Ok(driving) = answered {
                driving.await;
            }
            drop(connected);
            Ok(())
        }
    }

    async fn respond(
        self: Rc<Self>,
        request: Request,
        framed: Framed<Watched, Codec>,
    ) -> io::Result<line::Driving> {
        let response = self.application.call(request).await;
        let response = response.map_or_else(HttpResponse::from_error, HttpResponse::from);
        let mut response = Response::from(response);
        let takeover = response.extensions_mut().remove::<Takeover>();
        match takeover {
            Some(takeover) => become_socket(Answered { response, takeover }, framed),
            None => refuse(response, framed).await,
        }
    }
}

/// The answer's head, and from there on the socket.
fn become_socket(
    Answered { response, takeover }: Answered,
    framed: Framed<Watched, Codec>,
) -> io::Result<line::Driving> {
    let FramedParts { io, mut codec, read_buf, write_buf, .. } = framed.into_parts();
    let waiting = with_head(write_buf, response, &mut codec)?;
    // A copy, for it is few bytes of a large buffer.
    let early = BytesMut::from(&read_buf[..]);
    Ok(takeover.drive(io.into_wire(), early, waiting))
}

/// What is still to be written to the peer, answers to requests before, and behind it the head of the answer that
/// makes the connection a socket.
///
/// # Errors
/// Those of the codec.
pub(super) fn with_head(
    mut waiting: BytesMut,
    mut response: Response<BoxBody>,
    codec: &mut Codec,
) -> io::Result<Bytes> {
    // What a browser may do with an answer that it shows says nothing of a socket.
    response.headers_mut().retain(|name, _| OF_A_SOCKET.contains(name));
    let head: Piece = Message::Item((response.drop_body(), BodySize::None));
    codec.encode(head, &mut waiting)?;
    // A copy, for it is few bytes of a large buffer.
    Ok(Bytes::copy_from_slice(&waiting))
}

/// Another answer than a socket. What the peer sent behind the request is nobody's: the connection ends.
async fn refuse(
    mut response: Response<BoxBody>,
    mut framed: Framed<Watched, Codec>,
) -> io::Result<line::Driving> {
    response.head_mut().set_connection_type(ConnectionType::Close);
    let (head, mut body) = response.into_parts();
    let head: Piece = Message::Item((head, body.size()));
    Pin::new(&mut framed).write(head)?;
    while let Some(bytes) = poll_fn(|cx| Pin::new(&mut body).poll_next(cx)).await {
        let bytes = bytes.map_err(|error| io::Error::other(error.to_string()))?;
        let piece: Piece = Message::Chunk(Some(bytes));
        Pin::new(&mut framed).write(piece)?;
        poll_fn(|cx| Pin::new(&mut framed).flush::<Piece>(cx)).await?;
    }
    let end: Piece = Message::Chunk(None);
    Pin::new(&mut framed).write(end)?;
    poll_fn(|cx| Pin::new(&mut framed).flush::<Piece>(cx)).await?;
    Ok(line::part(framed.into_parts().io.into_wire()))
}
