//! A subscriber of live counts.
//!
//! Every subscriber follows the organisation's latest frame and sends it as it was written once for all.
//! One that missed a frame gets a snapshot instead: never a gap, never a backlog.

use super::session::{Connection, Flow, Peer, Session, Wire, send};
use super::token::{self, Purpose};
use crate::actor::live::LiveFrame;
use crate::auth::Claims;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::OrganisationId;
use crate::domain::reason::Departure;
use crate::limits::LIVE_INTERVAL;
use crate::protocol::close::Close;
use crate::protocol::device;
use crate::protocol::request::{self, Envelope, Request, RequestError, RequestId};
use crate::protocol::wallboard;
use actix::fut::wrap_future;
use actix::prelude::*;
use bytestring::ByteString;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;

/// A connected wallboard, or a person who looks.
pub struct Wallboard {
    organisation: OrganisationId,
    stage: Stage,
    /// When something last came in.
    seen: Duration,
}

enum Stage {
    /// Nothing but `subscribe` is possible.
    Unidentified { of_upgrade: Option<Claims> },
    /// The organisation is being found.
    Subscribing { claims: Claims },
    /// Following; the sequence number that was last sent.
    Subscribed {
        claims: Claims,
        seq: u64,
        live: watch::Receiver<Arc<LiveFrame>>,
        /// Whether a timer will look if what waits has been taken.
        is_behind: bool,
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
        Self { organisation, stage: Stage::Unidentified { of_upgrade }, seen: elapsed }
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
            Ok(claims) => self.stage = Stage::Subscribing { claims },
        }
        let found = async move { broker.directory.live(organisation).await };
        let found = wrap_future::<_, Session<Self>>(found);
        wire.spawn(found.map(move |live, session: &mut Session<Self>, wire| match live {
            Ok(live) => session.follow_live(id.as_ref(), live, wire),
            Err(_) => {
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
                return self.refresh(id.as_ref(), &token, connection, wire);
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

    fn refresh(
        &mut self,
        id: Option<&RequestId>,
        token: &str,
        connection: &Connection,
        wire: &mut Wire<Self>,
    ) -> Flow {
        let Stage::Subscribed { claims, .. } = &mut self.stage else { return Flow::Continue };
        let broker = &connection.broker;
        let fresh = broker.authenticator.judge(token, broker.clock.now().at);
        let Some(fresh) = fresh.ok().filter(|fresh| token::is_same_bearer(fresh, claims)) else {
            return Flow::Close(Close::UNAUTHORISED, Departure::Misbehaved);
        };
        send(wire, device::refreshed(id, fresh.expires_at));
        *claims = fresh;
        Flow::Continue
    }
}

/// What a new subscriber is sent: everything. Its request's id, if it had one, makes the text its own.
fn snapshot(frame: &LiveFrame, id: Option<&RequestId>, catalogue: &Catalogue) -> ByteString {
    if id.is_some() {
        return wallboard::snapshot(id, frame.seq, frame.at, &frame.all, catalogue);
    }
    snapshot_text(frame, catalogue).clone()
}

/// The whole of a frame, written once for all who need it.
pub(super) fn snapshot_text<'a>(frame: &'a LiveFrame, catalogue: &Catalogue) -> &'a ByteString {
    let write = || wallboard::snapshot(None, frame.seq, frame.at, &frame.all, catalogue);
    frame.all_text.get_or_init(write)
}

/// What changed with a frame, written once for all who need it.
pub(super) fn counts_text<'a>(frame: &'a LiveFrame, catalogue: &Catalogue) -> &'a ByteString {
    let write = || wallboard::counts(frame.seq, frame.at, &frame.changed, catalogue);
    frame.changed_text.get_or_init(write)
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
        matches!(self.stage, Stage::Unidentified { .. } | Stage::Subscribed { .. })
    }

    fn is_identified(&self) -> bool {
        !matches!(self.stage, Stage::Unidentified { .. })
    }

    fn seen(&mut self, elapsed: Duration) {
        self.seen = elapsed;
    }

    fn taken(&mut self, _: Duration) {
        // It holds nothing: that its own beat and the kernel notice is enough.
    }

    fn on_beat(&mut self, connection: &Connection) -> Flow {
        let broker = &connection.broker;
        let now = broker.clock.now();
        let is_over = match &self.stage {
            Stage::Subscribed { claims, .. } | Stage::Subscribing { claims } => {
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
        Flow::Continue
    }

    fn on_end(&mut self, _: Departure) {
        self.stage = Stage::Over;
    }
}

impl Session<Wallboard> {
    /// Sends everything, then what changes.
    fn follow_live(
        &mut self,
        id: Option<&RequestId>,
        mut live: watch::Receiver<Arc<LiveFrame>>,
        wire: &mut Wire<Wallboard>,
    ) {
        let Stage::Subscribing { claims } = std::mem::replace(&mut self.peer.stage, Stage::Over)
        else {
            return;
        };
        let frame = live.borrow_and_update().clone();
        send(wire, snapshot(&frame, id, &self.connection.broker.catalogue));
        let (seq, is_behind) = (frame.seq, false);
        self.peer.stage = Stage::Subscribed { claims, seq, live: live.clone(), is_behind };
        wire.add_stream(WatchStream::from_changes(live));
        self.pump(wire);
    }
}

impl Session<Wallboard> {
    /// Sends what is new, unless so much waits already that it would be a backlog: then later.
    fn catch_up(&mut self, wire: &mut Wire<Wallboard>) {
        let Stage::Subscribed { seq, live, is_behind, .. } = &mut self.peer.stage else { return };
        if *is_behind {
            return;
        }
        if self.output.is_behind() {
            *is_behind = true;
            wire.run_later(LIVE_INTERVAL, |session, wire| {
                if let Stage::Subscribed { is_behind, .. } = &mut session.peer.stage {
                    *is_behind = false;
                }
                session.catch_up(wire);
            });
            return;
        }
        let catalogue = &self.connection.broker.catalogue;
        let frame = live.borrow().clone();
        let text = match frame.seq.saturating_sub(*seq) {
            0 => return,
            1 => counts_text(&frame, catalogue),
            _ => snapshot_text(&frame, catalogue),
        };
        *seq = frame.seq;
        send(wire, text.clone());
    }
}

impl StreamHandler<Arc<LiveFrame>> for Session<Wallboard> {
    fn handle(&mut self, _: Arc<LiveFrame>, wire: &mut Self::Context) {
        self.catch_up(wire);
    }

    fn finished(&mut self, _: &mut Self::Context) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue_file;
    use chrono::DateTime;

    #[test]
    fn however_many_subscribe_a_frame_is_written_once() {
        let catalogue = catalogue_file::built_in();
        let frame = LiveFrame::new(7, DateTime::UNIX_EPOCH, Vec::new(), Vec::new());
        let first = counts_text(&frame, &catalogue).as_bytes().as_ptr();
        let whole = snapshot_text(&frame, &catalogue).as_bytes().as_ptr();
        for _ in 0..1_000 {
            // What is queued for a socket shares the bytes that were written for the first.
            let queued = counts_text(&frame, &catalogue).clone();
            assert_eq!(queued.as_bytes().as_ptr(), first);
            let queued = snapshot(&frame, None, &catalogue);
            assert_eq!(queued.as_bytes().as_ptr(), whole);
        }
    }
}
