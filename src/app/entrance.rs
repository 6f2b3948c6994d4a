//! Where connections come in. A device's upgrade that came whole with the first bytes is answered here; every
//! other connection goes on to the HTTP library, as if nothing had been read of it (docs/adr/0016).

use super::upgrading;
use crate::broker::Broker;
use crate::broker::admission::Connected;
use crate::http::{self, Seen};
use crate::transport::door::Door;
use crate::transport::line::Driving;
use crate::transport::watched::Watched;
use crate::ws::pulse::Pulse;
use crate::ws::session::Answered;
use crate::ws::tcp::Socket;
use crate::ws::upgrade::{self, Asked, Refused};
use actix_codec::Decoder as _;
use actix_http::error::DispatchError;
use actix_http::h1::{Codec, Message};
use actix_http::{HttpMessage as _, KeepAlive, Request, ServiceConfig};
use actix_service::Service;
use actix_web::http::Method;
use actix_web::http::header::HeaderValue;
use actix_web::web;
use bytes::{Bytes, BytesMut};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::TcpStream;

/// What answers connections, on one thread.
pub(super) struct Entrance<H> {
    door: Door,
    broker: web::Data<Broker>,
    pulse: Rc<Pulse>,
    /// Answers whatever is no device's upgrade.
    http: H,
    /// How heads are read and written here: as the HTTP library does.
    heads: ServiceConfig,
}

/// How a connection goes on.
enum Begun {
    /// As a socket; counted until it ends.
    Socket(Driving, Connected),
    /// With requests. In a box, for a socket's task would keep the room for it.
    Requests(Box<Watched>),
}

/// A device's upgrade, as it was read.
struct Upgrade {
    request: Request,
    codec: Codec,
    /// What came behind it.
    rest: BytesMut,
}

impl<H> Entrance<H>
where
    H: Service<(Watched, Option<SocketAddr>), Response = (), Error = DispatchError> + 'static,
{
    /// On this thread.
    pub(super) fn new(
        door: Door,
        broker: web::Data<Broker>,
        pulse: Rc<Pulse>,
        http: H,
    ) -> Rc<Self> {
        let (keep_alive, no_time) = (KeepAlive::default(), Duration::ZERO);
        let heads = ServiceConfig::new(keep_alive, no_time, no_time, broker.serves_tls, None);
        Rc::new(Self { door, broker, pulse, http, heads })
    }

    /// Serves a connection until it ends.
    ///
    /// # Errors
    /// Those of the connection, which nobody is told.
    pub(super) fn serve(
        self: Rc<Self>,
        stream: TcpStream,
    ) -> impl Future<Output = Result<(), DispatchError>> {
        // In a box of its own, for a socket outlives by hours what its request needed.
        let beginning = Box::pin(Rc::clone(&self).begin(stream));
        async move {
            let begun = beginning.await.map_err(DispatchError::Io)?;
            match begun {
                Begun::Socket(driving, _connected) => driving.await,
                Begun::Requests(connection) => Box::pin(self.answer(connection)).await?,
            }
            Ok(())
        }
    }

    async fn begin(self: Rc<Self>, stream: TcpStream) -> io::Result<Begun> {
        let mut connection = self.door.accept(stream).await?;
        let socket = Socket::of(connection.tcp());
        let connected = self.broker.admission.connections().accepted();
        let first = connection.first().await;
        if let Some((organisation, mut upgrade)) = self.devices_upgrade(&first) {
            upgrade.request.head_mut().peer_addr = connection.peer();
            match self.straight(&upgrade.request, socket, organisation).await {
                Ok(Answered { response, takeover }) => {
                    let nothing = BytesMut::new();
                    let head = upgrading::with_head(nothing, response, &mut upgrade.codec)?;
                    // A copy, for what is mostly nothing would keep all that was read.
                    let rest = BytesMut::from(&upgrade.rest[..]);
                    let driving = takeover.drive(connection.into_wire(), rest, head);
                    return Ok(Begun::Socket(driving, connected));
                }
                Err(refused) => connection.know(refused),
            }
        }
        connection.put_back(first);
        connection.know(socket);
        connection.know(Rc::new(connected));
        connection.know(connection.pace());
        Ok(Begun::Requests(Box::new(connection)))
    }

    async fn answer(self: Rc<Self>, connection: Box<Watched>) -> Result<(), DispatchError> {
        let peer = connection.peer();
        poll_fn(|cx| self.http.poll_ready(cx)).await?;
        self.http.call((*connection, peer)).await
    }

    /// A device's upgrade and its organisation, if that is what came, and all of it.
    fn devices_upgrade<'a>(&self, first: &'a Bytes) -> Option<(&'a str, Upgrade)> {
        let organisation = upgrade::session_asked_for(first)?;
        let mut codec = Codec::new(self.heads.clone());
        let mut rest = BytesMut::from(&first[..]);
        let Ok(Some(Message::Item(request))) = codec.decode(&mut rest) else { return None };
        let is_one = codec.upgrade()
            && request.method() == Method::GET
            && !http::has_two_readings(request.headers());
        is_one.then_some((organisation, Upgrade { request, codec, rest }))
    }

    /// Nothing that other requests go through is needed for it, and together it would cost as much as a
    /// login (docs/adr/0013).
    async fn straight(
        &self,
        request: &Request,
        socket: Socket,
        organisation: &str,
    ) -> Result<Answered, Refused> {
        let Self { broker, pulse, .. } = self;
        let seen = Seen::begin(broker, request.headers());
        let asked = Asked { head: request.head(), socket: Some(socket), pulse };
        let becoming = upgrade::straight(broker, &asked, organisation);
        let becoming = seen.becoming_socket(broker, organisation, upgrade::SESSION_PATH, becoming);
        let mut answered = becoming.await?;
        let headers = answered.response.headers_mut();
        seen.name(headers);
        if broker.serves_tls {
            let (name, value) = http::BY_TLS_ALONE;
            headers.insert(name, HeaderValue::from_static(value));
        }
        Ok(answered)
    }
}
