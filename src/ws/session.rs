//! The session actor, alike for devices and wallboards: frames in and out, heartbeat, back-pressure,
//! closing. What the messages mean is the [`Peer`]'s business.
//!
//! The only user of actix-web-actors, which is deprecated in favour of actix-ws: a change of it is a
//! change of this file (docs/adr).

use super::frames::Violation;
use super::inbox::{Fault, Fragment, Fragments, Gate, Inbound, Inbox, Next};
use super::pulse::{Beat, Heart};
use super::sent_away::sent_away;
use super::upgrade::Asked;
use crate::broker::Broker;
use crate::domain::ids::{LinkId, OrganisationId, SessionId};
use crate::domain::reason::Departure;
use crate::limits::bound::Bound;
use crate::limits::{CLOSE_TIMEOUT, LOGIN_TIMEOUT, MESSAGE_BYTES_MAX, NOTICES_PER_SESSION_MAX};
use crate::problem::{Kind, Problem};
use crate::protocol::SUBPROTOCOL;
use crate::protocol::close::Close;
use crate::telemetry::{self, count_bound};
use crate::transport::line::{Line, Takeover};
use actix::prelude::*;
use actix_http::body::BoxBody;
use actix_http::ws::{
    CloseCode, CloseReason, Codec, HandshakeError, Message as Frame, ProtocolError, handshake,
};
use actix_http::{RequestHead, Response};
use actix_web::error::PayloadError;
use actix_web::http::header::{SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION};
use actix_web::{HttpResponse, web};
use actix_web_actors::ws::WebsocketContext;
use bytestring::ByteString;
use futures_util::TryStreamExt as _;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// Where a session actor runs: inside its connection.
pub type Wire<P> = WebsocketContext<Session<P>>;

/// Whether a session goes on.
#[derive(Clone, Copy, Debug)]
pub enum Flow {
    /// It does.
    Continue,
    /// It ends: how the client is told, and how the organisation.
    Close(Close, Departure),
}

/// What lines of the log about a connection have in common.
#[derive(Clone, Copy, Debug)]
pub struct Who {
    /// The organisation's number.
    pub organisation: OrganisationId,
    /// The number of the connection; wallboards have none.
    pub link: Option<LinkId>,
    /// `None` before there is one.
    pub session: Option<SessionId>,
}

/// What is at the other end of a session.
pub trait Peer: Sized + Unpin + 'static {
    /// Serves a message.
    fn on_message(&mut self, session: &Connection, text: &str, wire: &mut Wire<Self>) -> Flow;

    /// Whether the next message may be served now; else it waits, and nothing more is read.
    fn may_read(&self) -> bool;

    /// Whether it may be answered at this instant: each frame passes for a sign that what it holds is held
    /// still.
    fn may_answer(&self, session: &Connection) -> bool;

    /// What lines of the log say of it.
    fn who(&self) -> Who;

    /// Whether it has said who it is.
    fn is_identified(&self) -> bool;

    /// Something came in.
    fn seen(&mut self, elapsed: Duration);

    /// Whether there is anything to look after that no message brings.
    const IS_RESTLESS: bool;

    /// Looks after it, several times in each heartbeat.
    fn on_beat(&mut self, session: &Connection) -> Flow;

    /// The connection ends; called once.
    fn on_end(&mut self, departure: Departure);
}

/// What a session knows of its connection.
pub struct Connection {
    /// The broker.
    pub broker: web::Data<Broker>,
    /// The peer's address, as text.
    pub address: Arc<str>,
    /// One of the sockets that may be open; given back with the session actor.
    pub permit: OwnedSemaphorePermit,
    /// Of the socket.
    pub heart: Rc<Heart>,
    /// Past which a frame may be sent that is made for many.
    pub line: Line,
}

impl Connection {
    /// Takes a place among the sockets that may be open.
    ///
    /// # Errors
    /// 503, if there is none.
    pub fn new(broker: web::Data<Broker>, asked: &Asked<'_>) -> Result<Self, Problem> {
        let address = asked.head.peer_addr.map(|peer| peer.ip());
        let permit = broker.admission.socket(address)?;
        let address = address.map_or_else(|| "unknown".to_owned(), |address| address.to_string());
        let line = Line::default();
        let heart = asked.pulse.heart(line.clone(), asked.socket, broker.clock.elapsed());
        Ok(Self { broker, address: address.into(), permit, heart, line })
    }
}

/// One connection. Lives from the upgrade until the connection ends.
pub struct Session<P> {
    /// What does not change.
    pub connection: Connection,
    /// Device or wallboard.
    pub peer: P,
    inbox: Inbox,
    fragments: Fragments,
    /// What ends the session if it does not identify itself in time.
    login_timeout: Option<SpawnHandle>,
    pub(super) is_closing: bool,
    /// Whether a timer will serve the inbox.
    is_paced: bool,
}

/// The answer to an upgrade, and the session that its connection becomes.
pub struct Answered {
    /// The head of the answer; it has no body.
    pub response: Response<BoxBody>,
    /// What the connection is taken over by.
    pub takeover: Takeover,
}

/// As the application passes it on: what the connection becomes goes along.
impl From<Answered> for HttpResponse {
    fn from(Answered { mut response, takeover }: Answered) -> Self {
        response.extensions_mut().insert(takeover);
        response.into()
    }
}

/// Answers an upgrade, with the session that its connection becomes.
///
/// # Errors
/// 400 or 426 if the request is no WebSocket handshake.
pub fn start<P: Peer>(
    request: &RequestHead,
    connection: Connection,
    peer: P,
) -> Result<Answered, Problem> {
    let mut response = handshake(request).map_err(|error| no_handshake(&error))?;
    if request.headers().contains_key(SEC_WEBSOCKET_PROTOCOL) {
        // What is offered has been judged: ours is among it.
        response.insert_header((SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL));
    }
    let gate = Gate::default();
    let elapsed = connection.broker.clock.elapsed();
    let line = connection.line.clone();
    let inbox = Inbox::new(connection.broker.limits.frames_per_second, gate.clone(), elapsed);
    let session = Session {
        connection,
        peer,
        inbox,
        fragments: Fragments::default(),
        login_timeout: None,
        is_closing: false,
        is_paced: false,
    };
    let codec = Codec::new().max_size(MESSAGE_BYTES_MAX);
    let payload = gate.guard(line.reading().map_err(PayloadError::from));
    let output = Box::pin(WebsocketContext::with_codec(session, payload, codec));
    let response = response.finish().map_into_boxed_body();
    Ok(Answered { response, takeover: Takeover { line, output } })
}

fn no_handshake(error: &HandshakeError) -> Problem {
    match error {
        HandshakeError::UnsupportedVersion => {
            Problem::new(Kind::UpgradeRequired, error.to_string())
                .header(SEC_WEBSOCKET_VERSION, "13")
        }
        HandshakeError::GetMethodRequired
        | HandshakeError::NoWebsocketUpgrade
        | HandshakeError::NoConnectionUpgrade
        | HandshakeError::NoVersionHeader
        | HandshakeError::BadWebsocketKey => Problem::new(Kind::Malformed, error.to_string()),
    }
}

impl<P: Peer> Actor for Session<P> {
    type Context = Wire<P>;

    fn started(&mut self, wire: &mut Self::Context) {
        wire.set_mailbox_capacity(NOTICES_PER_SESSION_MAX);
        let beats = wire.address().downgrade().recipient();
        self.connection.heart.belongs_to(beats, P::IS_RESTLESS);
        self.login_timeout = Some(wire.run_later(LOGIN_TIMEOUT, |session, wire| {
            if !session.peer.is_identified() && !session.is_closing {
                count_bound(Bound::LoginTimeout);
                session.close(Close::LOGIN_TIMEOUT, Departure::Unanswered, wire);
            }
        }));
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.end(Departure::ConnectionLost);
    }
}

impl<P: Peer> Session<P> {
    /// Serves what was received, as far as the peer and the rate allow. A frame that had to wait is a
    /// sign of life when it is served: behind it nothing else was read. A peer that vanished meanwhile
    /// takes no answers, and is found by that.
    pub fn pump(&mut self, wire: &mut Wire<P>) {
        while !self.is_closing && !self.is_paced && self.peer.may_read() {
            let elapsed = self.connection.broker.clock.elapsed();
            match self.inbox.next(elapsed) {
                Next::Nothing => return,
                Next::Frame(Inbound::Quiet) => self.peer.seen(elapsed),
                Next::Frame(Inbound::NotText) => {
                    self.close(Close::BAD_MESSAGE, Departure::Misbehaved, wire);
                }
                Next::Frame(Inbound::Ping(_) | Inbound::Text(_))
                    if !self.peer.may_answer(&self.connection) =>
                {
                    self.close(Close::MOVED, Departure::Drain, wire);
                }
                Next::Frame(Inbound::Ping(payload)) => {
                    self.peer.seen(elapsed);
                    wire.pong(&payload);
                }
                Next::Frame(Inbound::Text(text)) => {
                    self.peer.seen(elapsed);
                    let flow = self.peer.on_message(&self.connection, &text, wire);
                    self.follow(flow, wire);
                    if self.peer.is_identified()
                        && let Some(timeout) = self.login_timeout.take()
                    {
                        wire.cancel_future(timeout);
                    }
                }
                Next::After(wait) => {
                    count_bound(Bound::FramesPerSecond);
                    self.is_paced = true;
                    wire.run_later(wait, |session, wire| {
                        session.is_paced = false;
                        session.pump(wire);
                    });
                }
            }
        }
    }

    /// Goes on or closes.
    pub fn follow(&mut self, flow: Flow, wire: &mut Wire<P>) {
        match flow {
            Flow::Continue => {}
            Flow::Close(close, departure) => self.close(close, departure, wire),
        }
    }

    /// Sends the close frame and, answered or not, ends the connection soon after.
    pub fn close(&mut self, close: Close, departure: Departure, wire: &mut Wire<P>) {
        if self.is_closing {
            return;
        }
        let Who { organisation, link, session } = self.peer.who();
        self.end(departure);
        let directory = &self.connection.broker.directory;
        let (close, elsewhere) = sent_away(close, directory, organisation);
        tracing::debug!(
            organisation = organisation.get(),
            link = link.map(|link| link.0),
            session = session.map(tracing::field::display),
            code = close.code,
            reason = close.name,
            "closing"
        );
        telemetry::count_close(close.code, close.name);
        self.connection.heart.is_over();
        let description = elsewhere.map_or_else(|| close.name.to_owned(), |to| to.url.to_string());
        let code = CloseCode::from(close.code);
        wire.close(Some(CloseReason { code, description: Some(description) }));
        wire.run_later(CLOSE_TIMEOUT, |session, wire| {
            session.connection.heart.cut();
            wire.stop();
        });
    }

    /// Both sides have said goodbye: ends the connection as soon as what is written has left.
    fn part(&self, wire: &mut Wire<P>) {
        self.connection.heart.read_no_more();
        wire.stop();
    }

    /// Tells the organisation, once.
    fn end(&mut self, departure: Departure) {
        if !self.is_closing {
            self.is_closing = true;
            self.inbox.clear();
            self.peer.on_end(departure);
        }
    }

    fn beat(&mut self, wire: &mut Wire<P>) {
        if self.is_closing {
            return;
        }
        let Connection { broker, heart, .. } = &self.connection;
        if heart.stuck_for(broker.clock.elapsed()) > broker.heartbeat.silence_max() {
            // The close frame would stand behind the output that is not taken.
            self.close(Close::HEARTBEAT_TIMEOUT, Departure::HeartbeatTimeout, wire);
            self.connection.heart.cut();
            return wire.stop();
        }
        let flow = self.peer.on_beat(&self.connection);
        self.follow(flow, wire);
    }

    fn on_error(&mut self, error: &ProtocolError, wire: &mut Wire<P>) {
        let (close, departure) = match (error, self.inbox.fault()) {
            (_, Some(Fault::Refused(Violation::TooBig))) | (ProtocolError::Overflow, _) => {
                count_bound(Bound::MessageBytes);
                (Close::TOO_BIG, Departure::Misbehaved)
            }
            (_, Some(Fault::Refused(Violation::Forbidden))) => {
                (Close::PROTOCOL_ERROR, Departure::Misbehaved)
            }
            (ProtocolError::Io(_), Some(Fault::Lost)) => {
                (Close::BAD_MESSAGE, Departure::ConnectionLost)
            }
            // The connection is whole: a text that is no UTF-8.
            (ProtocolError::Io(_), None) => (Close::BAD_MESSAGE, Departure::Misbehaved),
            // A close frame whose code or reason is forbidden is a close frame still. No other frame
            // comes as these: its header would have been refused.
            (ProtocolError::BadOpCode | ProtocolError::InvalidLength(_), _) => {
                (Close::PROTOCOL_ERROR, Departure::Logout)
            }
            (
                ProtocolError::UnmaskedFrame
                | ProtocolError::MaskedFrame
                | ProtocolError::InvalidOpcode(_)
                | ProtocolError::ContinuationNotStarted
                | ProtocolError::ContinuationStarted
                | ProtocolError::ContinuationFragment(_),
                _,
            ) => (Close::PROTOCOL_ERROR, Departure::Misbehaved),
        };
        self.close(close, departure, wire);
    }

    fn receive(&mut self, frame: Inbound, wire: &mut Wire<P>) {
        self.inbox.push(frame);
        self.pump(wire);
    }

    fn receive_quiet(&mut self, wire: &mut Wire<P>) {
        self.inbox.push_quiet(self.connection.broker.clock.elapsed());
        self.pump(wire);
    }
}

impl<P: Peer> StreamHandler<Result<Frame, ProtocolError>> for Session<P> {
    fn handle(&mut self, frame: Result<Frame, ProtocolError>, wire: &mut Self::Context) {
        self.inbox.decoded();
        if self.is_closing {
            match frame {
                Ok(Frame::Close(_)) => self.part(wire),
                // Its own connection is lingered on while the peer takes the close frame.
                Err(_) => wire.stop(),
                Ok(
                    Frame::Text(_)
                    | Frame::Binary(_)
                    | Frame::Continuation(_)
                    | Frame::Ping(_)
                    | Frame::Pong(_)
                    | Frame::Nop,
                ) => {}
            }
            return;
        }
        self.peer.seen(self.connection.broker.clock.elapsed());
        let fragment = match frame {
            Ok(Frame::Text(text)) => Fragment::Text(text),
            Ok(Frame::Continuation(item)) => self.fragments.add(item),
            Ok(Frame::Binary(_)) => Fragment::NotText,
            Ok(Frame::Ping(payload)) => return self.receive(Inbound::Ping(payload), wire),
            Ok(Frame::Pong(_) | Frame::Nop) => return self.receive_quiet(wire),
            Ok(Frame::Close(reason)) => {
                self.end(Departure::Logout);
                self.connection.heart.is_over();
                wire.close(reason);
                return self.part(wire);
            }
            Err(error) => return self.on_error(&error, wire),
        };
        match fragment {
            Fragment::Incomplete => self.receive_quiet(wire),
            Fragment::Text(text) => self.receive(Inbound::Text(text), wire),
            Fragment::NotText => self.receive(Inbound::NotText, wire),
            Fragment::TooBig => {
                count_bound(Bound::MessageBytes);
                self.close(Close::TOO_BIG, Departure::Misbehaved, wire);
            }
        }
    }

    fn finished(&mut self, wire: &mut Self::Context) {
        self.end(Departure::ConnectionLost);
        wire.stop();
    }
}

impl<P: Peer> Handler<Beat> for Session<P> {
    type Result = ();

    fn handle(&mut self, beat: Beat, wire: &mut Self::Context) {
        match beat {
            Beat::Look => self.beat(wire),
            // Connections without a session are not told before: they have nothing to come back to.
            Beat::Closing => self.close(Close::GOING_AWAY, Departure::Drain, wire),
        }
    }
}

/// Sends a message.
pub fn send<P: Peer>(wire: &mut Wire<P>, text: ByteString) {
    wire.text(text);
}
