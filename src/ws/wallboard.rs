//! A subscriber of live counts.
//!
//! The actor identifies it, answers its requests and ends it. What it follows is sent past the actor, as
//! it was written once for all (`fan_out`): one that missed a frame gets a snapshot instead, never a gap,
//! never a backlog.

use super::fan_out::Outlet;
use super::following::Following;
use super::refresh::{self, Judged, Refreshable};
use super::session::{Connection, Flow, Peer, Session, Who, Wire, send};
use super::token::{self, Purpose};
use crate::actor::directory::AskError;
use crate::actor::live::Feed;
use crate::auth::Claims;
use crate::broker::admission::Subscriber;
use crate::domain::ids::OrganisationId;
use crate::domain::reason::Departure;
use crate::limits::REQUESTS_UNDER_WAY_PER_SESSION_MAX;
use crate::protocol::close::Close;
use crate::protocol::device;
use crate::protocol::request::{self, Envelope, Request, RequestError, RequestId};
use crate::telemetry;
use crate::telemetry::process::{Alive, Kind};
use actix::fut::wrap_future;
use actix::prelude::*;
use std::rc::Rc;
use std::time::Duration;

/// A connected wallboard, or a person who looks.
pub struct Wallboard {
    organisation: OrganisationId,
    stage: Stage,
    /// When something last came in.
    seen: Duration,
    /// How many fresh tokens wait for their key.
    refreshing: usize,
    _alive: Alive,
}

enum Stage {
    /// Nothing but `subscribe` is possible.
    Unidentified { of_upgrade: Option<Claims> },
    /// The organisation is being found.
    Subscribing { claims: Claims, place: Subscriber },
    Subscribed {
        claims: Claims,
        /// One of the subscribers that there may be.
        _place: Subscriber,
        /// What it is sent goes out here, past this actor.
        _outlet: Rc<Outlet>,
    },
    /// Closed.
    Over,
}

impl Wallboard {
    /// A wallboard that has just connected, at `elapsed`.
    pub fn new(
        organisation: OrganisationId,
        of_upgrade: Option<Claims>,
        elapsed: Duration,
    ) -> Self {
        let stage = Stage::Unidentified { of_upgrade };
        let _alive = Alive::new(Kind::Wallboard);
        Self { organisation, stage, seen: elapsed, refreshing: 0, _alive }
    }

    fn subscribe(
        &mut self,
        of_upgrade: Option<&Claims>,
        envelope: Envelope,
        connection: &Connection,
        wire: &mut Wire<Self>,
    ) -> Flow {
        let id = envelope.id;
        let token = match envelope.request {
            Ok(Request::Subscribe { token }) => token,
            Err(error @ RequestError::BadField(..)) => {
                send(wire, device::error(id.as_ref(), error.into()));
                return bad_message();
            }
            Ok(_) | Err(_) => return bad_message(),
        };
        let (broker, organisation) = (connection.broker.clone(), self.organisation);
        let token = token.as_deref();
        match token::judge(&broker, organisation, Purpose::Live, of_upgrade, token) {
            Err(close) => return Flow::Close(close, Departure::Unanswered),
            Ok(claims) => match broker.admission.subscriber(organisation) {
                Err(_) => return Flow::Close(Close::OVERLOADED, Departure::Unanswered),
                Ok(place) => self.stage = Stage::Subscribing { claims, place },
            },
        }
        let found = async move { broker.directory.live(organisation).await };
        let found = wrap_future::<_, Session<Self>>(found);
        wire.spawn(found.map(move |feed, session: &mut Session<Self>, wire| match feed {
            Ok(feed) => session.follow_live(id, feed, wire),
            Err(AskError::Overloaded) => {
                session.close(Close::OVERLOADED, Departure::Unanswered, wire);
            }
            Err(AskError::Unavailable | AskError::UnknownOrganisation) => {
                let departure = Departure::StorageUnavailable;
                session.close(Close::STORAGE_UNAVAILABLE, departure, wire);
            }
        }));
        Flow::Continue
    }

    fn serve(
        &mut self,
        envelope: Envelope,
        connection: &Connection,
        wire: &mut Wire<Self>,
    ) -> Flow {
        let id = envelope.id;
        let error = match envelope.request {
            Ok(Request::Ping) => {
                send(wire, device::pong(id.as_ref()));
                return Flow::Continue;
            }
            Ok(Request::Refresh { token }) => {
                return refresh::refresh(self, id, token, connection, wire);
            }
            Ok(Request::Logout) => return Flow::Close(Close::NORMAL, Departure::Logout),
            Err(error) => error,
            Ok(Request::Login(_)) => RequestError::UnknownType("login".to_owned()),
            Ok(Request::Resume(_)) => RequestError::UnknownType("resume".to_owned()),
            Ok(Request::Subscribe { .. }) => RequestError::UnknownType("subscribe".to_owned()),
            Ok(Request::Acquire { .. }) => RequestError::UnknownType("acquire".to_owned()),
            Ok(Request::Release { .. }) => RequestError::UnknownType("release".to_owned()),
        };
        send(wire, device::error(id.as_ref(), error.into()));
        Flow::Continue
    }
}

impl Refreshable for Wallboard {
    fn postpone(&mut self) {
        self.refreshing += 1;
    }

    fn resume_reading(&mut self) {
        self.refreshing -= 1;
    }

    fn refreshed(&mut self, id: Option<&RequestId>, judged: Judged, wire: &mut Wire<Self>) -> Flow {
        let Stage::Subscribed { claims, .. } = &mut self.stage else { return Flow::Continue };
        let Some(fresh) = judged.ok().filter(|fresh| token::is_same_bearer(fresh, claims)) else {
            return Flow::Close(Close::UNAUTHORISED, Departure::Misbehaved);
        };
        send(wire, device::refreshed(id, fresh.expires_at));
        *claims = fresh;
        Flow::Continue
    }
}

fn bad_message() -> Flow {
    Flow::Close(Close::BAD_MESSAGE, Departure::Misbehaved)
}

impl Peer for Wallboard {
    fn on_message(&mut self, connection: &Connection, text: &str, wire: &mut Wire<Self>) -> Flow {
        let Ok(envelope) = request::parse(text) else { return bad_message() };
        match &mut self.stage {
            Stage::Unidentified { of_upgrade } => {
                let of_upgrade = of_upgrade.take();
                self.subscribe(of_upgrade.as_ref(), envelope, connection, wire)
            }
            Stage::Subscribed { .. } => self.serve(envelope, connection, wire),
            Stage::Subscribing { .. } | Stage::Over => Flow::Continue,
        }
    }

    fn may_read(&self) -> bool {
        self.refreshing < REQUESTS_UNDER_WAY_PER_SESSION_MAX
            && matches!(self.stage, Stage::Unidentified { .. } | Stage::Subscribed { .. })
    }

    /// It holds nothing.
    fn may_answer(&self, _: &Connection) -> bool {
        true
    }

    fn who(&self) -> Who {
        Who { organisation: self.organisation, link: None, session: None }
    }

    fn is_identified(&self) -> bool {
        !matches!(self.stage, Stage::Unidentified { .. })
    }

    fn seen(&mut self, elapsed: Duration) {
        self.seen = elapsed;
    }

    const IS_RESTLESS: bool = true;

    fn on_beat(&mut self, connection: &Connection) -> Flow {
        let broker = &connection.broker;
        let now = broker.clock.now();
        let is_over = match &self.stage {
            Stage::Subscribed { claims, .. } | Stage::Subscribing { claims, .. } => {
                claims.expires_at <= now.at
            }
            Stage::Unidentified { .. } | Stage::Over => false,
        };
        if is_over {
            return Flow::Close(Close::TOKEN_EXPIRED, Departure::TokenExpired);
        }
        if now.elapsed.saturating_sub(self.seen) > broker.heartbeat.silence_max() {
            return Flow::Close(Close::HEARTBEAT_TIMEOUT, Departure::HeartbeatTimeout);
        }
        if !broker.directory.exists(self.organisation) && self.is_identified() {
            return Flow::Close(Close::FORCED, Departure::ConnectionLost);
        }
        if !broker.directory.is_served_here(self.organisation) && self.is_identified() {
            return Flow::Close(Close::MOVED, Departure::Drain);
        }
        Flow::Continue
    }

    fn on_end(&mut self, _: Departure) {
        self.stage = Stage::Over;
    }
}

impl Session<Wallboard> {
    /// Sends everything, then what changes.
    fn follow_live(&mut self, id: Option<RequestId>, feed: Feed, wire: &mut Wire<Wallboard>) {
        let Stage::Subscribing { claims, place } =
            std::mem::replace(&mut self.peer.stage, Stage::Over)
        else {
            return;
        };
        let Connection { broker, .. } = &self.connection;
        let present = telemetry::subscribed_by("ws");
        let organisation = self.peer.organisation;
        let mut following = Following::begin(broker, organisation, &claims, feed, id, present);
        if let Some(news) = following.next(&broker.catalogue) {
            send(wire, news.written.text);
        }
        let Connection { line, heart, .. } = &self.connection;
        let (line, backlog) = (line.clone(), heart.backlog());
        let outlet = Outlet::new(following, line, backlog, wire.address());
        outlet.join(&broker.catalogue);
        self.peer.stage = Stage::Subscribed { claims, _place: place, _outlet: outlet };
        self.pump(wire);
    }
}

/// Its wallboard was taken away.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Removed;

impl Handler<Removed> for Session<Wallboard> {
    type Result = ();

    fn handle(&mut self, Removed: Removed, wire: &mut Self::Context) {
        self.close(Close::FORBIDDEN, Departure::Misbehaved, wire);
    }
}
