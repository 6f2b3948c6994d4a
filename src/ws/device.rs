//! A device: unidentified, then deciding, then identified. Only an identified one has a session, and
//! only what an identified one sends can acquire.

use super::answers;
use super::attachment::Attachment;
use super::session::{Connection, Flow, Peer, Session, Wire, send};
use super::token::{self, Purpose};
use crate::actor::admission::QueuePlace;
use crate::actor::directory::OrganisationRef;
use crate::actor::link::{Link, Marks, ToDevice};
use crate::actor::reply::{Reply, Unavailable};
use crate::auth::Claims;
use crate::broker::Broker;
use crate::domain::admission::{Acquire, AcquireAnswer, Login, LoginAnswer, Welcome};
use crate::domain::ids::{LinkId, OrganisationId, ResumeDigest, SessionId};
use crate::domain::reason::Departure;
use crate::domain::release::{LeaveAnswer, Release, ReleaseAnswer};
use crate::domain::resume::{Resume, ResumeAnswer};
use crate::limits::{DRAIN_TIMEOUT, REQUESTS_UNDER_WAY_PER_SESSION_MAX};
use crate::protocol::close::Close;
use crate::protocol::device::{self, ErrorCode, SessionTerms, Writer};
use crate::protocol::request::{
    self, Envelope, LoginRequest, Request, RequestError, RequestId, ResumeRequest,
};
use crate::telemetry;
use actix::prelude::*;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use ulid::Ulid;

/// Bytes of chance in a resume token.
const RESUME_TOKEN_BYTES: usize = 24;

/// A connected device.
pub struct Device {
    organisation: OrganisationId,
    link: LinkId,
    stage: Stage,
}

enum Stage {
    /// Nothing but a first message is possible.
    Unidentified {
        /// What the upgrade's token said, if it carried one.
        of_upgrade: Option<Claims>,
    },
    /// A login or resume is under way; what is sent meanwhile waits.
    Deciding { attachment: Attachment, claims: Claims, resume_token: String, marks: Arc<Marks> },
    /// There is a session.
    Identified(Identified),
    /// Logged out or closed; messages are not read.
    Over,
}

/// A device with a session.
struct Identified {
    attachment: Attachment,
    claims: Claims,
    marks: Arc<Marks>,
    requests_under_way: usize,
}

/// The answer to a request, from the organisation's actor.
#[derive(Message)]
#[rtype(result = "()")]
enum Resolved {
    Login(Option<RequestId>, Result<LoginAnswer, Unavailable>),
    Resume(Option<RequestId>, Result<ResumeAnswer, Unavailable>),
    Acquire(Option<RequestId>, Result<AcquireAnswer, Unavailable>),
    Release(Option<RequestId>, Result<ReleaseAnswer, Unavailable>),
    Leave(Option<RequestId>, Result<LeaveAnswer, Unavailable>),
}

/// A login's share of what may be under way at once; given back when it is answered.
struct Admitted {
    _permit: OwnedSemaphorePermit,
    _place: QueuePlace,
}

impl Admitted {
    /// Lets a login in, or sends it away to come back later. Resumes are not asked: they need no commit,
    /// and their grace may be running out.
    fn by(
        broker: &Broker,
        organisation: &OrganisationRef,
        elapsed: Duration,
    ) -> Result<Self, Close> {
        let overloaded = |bound| {
            telemetry::count_bound(bound);
            Close::OVERLOADED
        };
        let permit = broker.logins_under_way.clone().try_acquire_owned();
        let _permit = permit.map_err(|_| overloaded("logins_under_way"))?;
        let place = organisation.logins().enter(elapsed, broker.limits.login_wait_max);
        let _place = place.ok_or_else(|| overloaded("login_wait"))?;
        Ok(Self { _permit, _place })
    }
}

impl Device {
    /// A device that has just connected.
    pub fn new(organisation: OrganisationId, link: LinkId, of_upgrade: Option<Claims>) -> Self {
        Self { organisation, link, stage: Stage::Unidentified { of_upgrade } }
    }

    /// The first message: `login` or `resume`, or the end.
    fn identify(
        &mut self,
        of_upgrade: Option<&Claims>,
        envelope: Envelope,
        connection: &Connection,
        wire: &mut Wire<Self>,
    ) -> Flow {
        let judge = |token: Option<&str>| {
            let purpose = Purpose::Session;
            token::judge(&connection.broker, self.organisation, purpose, of_upgrade, token)
        };
        let id = envelope.id;
        let judged = match envelope.request {
            Ok(Request::Login(login)) => judge(login.token.as_deref())
                .and_then(|claims| self.login(id, login, claims, connection, wire)),
            Ok(Request::Resume(resume)) => judge(resume.token.as_deref())
                .and_then(|claims| self.resume(id, &resume, claims, connection, wire)),
            Ok(
                Request::Subscribe { .. }
                | Request::Acquire { .. }
                | Request::Release { .. }
                | Request::Refresh { .. }
                | Request::Ping
                | Request::Logout,
            )
            | Err(RequestError::UnknownType(_)) => Err(Close::BAD_MESSAGE),
            Err(error @ (RequestError::BadField(..) | RequestError::UnknownDevice(_))) => {
                send(wire, device::error(id.as_ref(), error.into()));
                Err(Close::BAD_MESSAGE)
            }
        };
        match judged {
            Ok(stage) => {
                self.stage = stage;
                Flow::Continue
            }
            Err(close) => Flow::Close(close, Departure::Unanswered),
        }
    }

    fn login(
        &self,
        id: Option<RequestId>,
        login: LoginRequest,
        claims: Claims,
        connection: &Connection,
        wire: &mut Wire<Self>,
    ) -> Result<Stage, Close> {
        let broker = &connection.broker;
        let organisation = broker.directory.find(self.organisation).ok_or(Close::UNAUTHORISED)?;
        let now = broker.clock.now();
        let admitted = Admitted::by(broker, &organisation, now.elapsed)?;
        let millis = u64::try_from(now.at.timestamp_millis()).unwrap_or(0);
        let session = SessionId(Ulid::from_parts(millis, rand::random()).0);
        let resume_token = URL_SAFE_NO_PAD.encode(rand::random::<[u8; RESUME_TOKEN_BYTES]>());
        let command = Login {
            session,
            link: self.link,
            user: claims.subject.clone(),
            device: login.device,
            wanted: login.wanted,
            wait: login.wait,
            grace_s: login.grace_s,
            resume: digest(&resume_token),
            address: connection.address.clone(),
        };
        let marks = Arc::new(Marks::new(now.elapsed, claims.expires_at));
        let recipient = wire.address();
        let reply = Reply::new(move |answer| {
            drop(admitted);
            recipient.do_send(Resolved::Login(id, answer));
        });
        organisation.submit(command, Some(self.new_link(session, &marks, wire)), reply);
        let departure = Departure::Unanswered;
        let attachment =
            Attachment::new(organisation, session, self.link, marks.clone(), departure);
        Ok(Stage::Deciding { attachment, claims, resume_token, marks })
    }

    fn resume(
        &self,
        id: Option<RequestId>,
        resume: &ResumeRequest,
        claims: Claims,
        connection: &Connection,
        wire: &mut Wire<Self>,
    ) -> Result<Stage, Close> {
        let broker = &connection.broker;
        let session = resume.session.ok_or(Close::RESUME_FAILED)?;
        let organisation = broker.directory.find(self.organisation).ok_or(Close::UNAUTHORISED)?;
        let command = Resume {
            session,
            link: self.link,
            user: claims.subject.clone(),
            resume: digest(&resume.resume_token),
        };
        let marks = Arc::new(Marks::new(broker.clock.now().elapsed, claims.expires_at));
        let recipient = wire.address();
        let reply = Reply::new(move |answer| recipient.do_send(Resolved::Resume(id, answer)));
        organisation.submit(command, Some(self.new_link(session, &marks, wire)), reply);
        let departure = Departure::ConnectionLost;
        let attachment =
            Attachment::new(organisation, session, self.link, marks.clone(), departure);
        let resume_token = resume.resume_token.clone();
        Ok(Stage::Deciding { attachment, claims, resume_token, marks })
    }

    fn new_link(&self, session: SessionId, marks: &Arc<Marks>, wire: &mut Wire<Self>) -> Link {
        let recipient = wire.address().recipient();
        Link { id: self.link, session, recipient, marks: marks.clone() }
    }

    /// A login or resume that came through.
    fn welcome(
        &mut self,
        id: Option<&RequestId>,
        welcome: &Welcome,
        is_resumed: bool,
        connection: &Connection,
        wire: &mut Wire<Self>,
    ) {
        let Stage::Deciding { mut attachment, claims, resume_token, marks } =
            std::mem::replace(&mut self.stage, Stage::Over)
        else {
            return;
        };
        attachment.answered();
        let heartbeat_s = connection.broker.heartbeat.every.as_secs();
        let terms = SessionTerms { resume_token: &resume_token, heartbeat_s };
        let writer = Writer(&connection.broker.catalogue);
        send(
            wire,
            if is_resumed {
                writer.resumed(id, welcome, terms)
            } else {
                writer.logged_in(id, welcome, terms)
            },
        );
        tracing::debug!(
            organisation = %self.organisation, user = %welcome.user, session = %welcome.session,
            device = %welcome.device, is_resumed, "logged in"
        );
        let identified = Identified { attachment, claims, marks, requests_under_way: 0 };
        self.stage = Stage::Identified(identified);
        if !connection.broker.ready.is_ready() {
            self.draining(DRAIN_TIMEOUT.as_secs(), wire);
        }
    }

    /// The broker is about to stop. Who is still being decided on is told after the answer.
    fn draining(&self, reconnect_within_s: u64, wire: &mut Wire<Self>) {
        if matches!(self.stage, Stage::Identified(_)) {
            send(wire, device::draining(reconnect_within_s));
        }
    }

    /// A login or resume that did not come through: nothing is held.
    fn turn_away(&mut self, close: Close) -> Flow {
        if let Stage::Deciding { attachment, .. } = std::mem::replace(&mut self.stage, Stage::Over)
        {
            attachment.refused();
        }
        Flow::Close(close, Departure::Unanswered)
    }

    fn on_logged_in(
        &mut self,
        id: Option<&RequestId>,
        answer: Result<LoginAnswer, Unavailable>,
        connection: &Connection,
        wire: &mut Wire<Self>,
    ) -> Flow {
        match answer {
            Ok(LoginAnswer::LoggedIn(welcome)) => {
                telemetry::count_login(if welcome.denied.is_empty() { "full" } else { "partial" });
                self.welcome(id, &welcome, false, connection, wire);
                Flow::Continue
            }
            Ok(LoginAnswer::Refused { reason, denied }) => {
                telemetry::count_login(reason.as_str());
                let writer = Writer(&connection.broker.catalogue);
                send(wire, writer.login_refused(id, reason, &denied));
                self.turn_away(reason.into())
            }
            Err(Unavailable) => {
                telemetry::count_login("unavailable");
                Flow::Close(Close::STORAGE_UNAVAILABLE, Departure::Unanswered)
            }
        }
    }

    fn on_resumed(
        &mut self,
        id: Option<&RequestId>,
        answer: Result<ResumeAnswer, Unavailable>,
        connection: &Connection,
        wire: &mut Wire<Self>,
    ) -> Flow {
        match answer {
            Ok(ResumeAnswer::Resumed(welcome)) => {
                self.welcome(id, &welcome, true, connection, wire);
                Flow::Continue
            }
            Ok(ResumeAnswer::Failed) => self.turn_away(Close::RESUME_FAILED),
            Err(Unavailable) => {
                Flow::Close(Close::STORAGE_UNAVAILABLE, Departure::StorageUnavailable)
            }
        }
    }

    fn answered(&mut self) {
        if let Stage::Identified(identified) = &mut self.stage {
            identified.requests_under_way -= 1;
        }
    }

    /// Serves a message of an identified device.
    fn serve(
        &mut self,
        envelope: Envelope,
        connection: &Connection,
        wire: &mut Wire<Self>,
    ) -> Flow {
        let Stage::Identified(identified) = &mut self.stage else { return Flow::Continue };
        let id = envelope.id;
        match envelope.request {
            Err(error) => send(wire, device::error(id.as_ref(), error.into())),
            Ok(Request::Login(_) | Request::Resume(_)) => {
                send(wire, device::error(id.as_ref(), ErrorCode::AlreadyLoggedIn));
            }
            Ok(Request::Subscribe { .. }) => {
                let error = RequestError::UnknownType("subscribe".to_owned());
                send(wire, device::error(id.as_ref(), error.into()));
            }
            Ok(Request::Ping) => send(wire, device::pong(id.as_ref())),
            Ok(Request::Refresh { token }) => {
                return identified.refresh(id.as_ref(), &token, connection, wire);
            }
            Ok(Request::Acquire { channels, wait }) => {
                let (session, link) = identified.ids();
                let command = Acquire { session, link, channels, wait };
                identified.ask(command, wire, |answer| Resolved::Acquire(id, answer));
            }
            Ok(Request::Release { channels }) => {
                let (session, link) = identified.ids();
                let command = Release { session, link, channels };
                identified.ask(command, wire, |answer| Resolved::Release(id, answer));
            }
            Ok(Request::Logout) => self.log_out(id, wire),
        }
        Flow::Continue
    }

    fn log_out(&mut self, id: Option<RequestId>, wire: &mut Wire<Self>) {
        if let Stage::Identified(identified) = std::mem::replace(&mut self.stage, Stage::Over) {
            let recipient = wire.address();
            let reply = Reply::new(move |answer| recipient.do_send(Resolved::Leave(id, answer)));
            identified.attachment.depart(Departure::Logout, reply);
        }
    }
}

impl Identified {
    fn ids(&self) -> (SessionId, LinkId) {
        (self.attachment.session(), self.attachment.link())
    }

    fn ask<C>(
        &mut self,
        command: C,
        wire: &mut Wire<Device>,
        resolve: impl FnOnce(Result<C::Answer, Unavailable>) -> Resolved + Send + 'static,
    ) where
        C: crate::domain::organisation::Command + Send + 'static,
        C::Answer: Send + 'static,
    {
        self.requests_under_way += 1;
        let recipient = wire.address();
        let reply = Reply::new(move |answer| recipient.do_send(resolve(answer)));
        self.attachment.organisation().submit(command, None, reply);
    }

    /// A fresh token keeps user, organisation and role.
    fn refresh(
        &mut self,
        id: Option<&RequestId>,
        token: &str,
        connection: &Connection,
        wire: &mut Wire<Device>,
    ) -> Flow {
        let broker = &connection.broker;
        let fresh = broker.authenticator.judge(token, broker.clock.now().at);
        let Some(fresh) = fresh.ok().filter(|fresh| token::is_same_bearer(fresh, &self.claims))
        else {
            return Flow::Close(Close::UNAUTHORISED, Departure::Misbehaved);
        };
        self.marks.token_until(fresh.expires_at);
        send(wire, device::refreshed(id, fresh.expires_at));
        self.claims = fresh;
        Flow::Continue
    }
}

impl Peer for Device {
    fn on_message(&mut self, connection: &Connection, text: &str, wire: &mut Wire<Self>) -> Flow {
        let Ok(envelope) = request::parse(text) else {
            return Flow::Close(Close::BAD_MESSAGE, Departure::Misbehaved);
        };
        match &mut self.stage {
            // It came before the drain and speaks after it: another broker will serve it.
            Stage::Unidentified { .. } if !connection.broker.ready.is_ready() => {
                Flow::Close(Close::GOING_AWAY, Departure::Unanswered)
            }
            Stage::Unidentified { of_upgrade } => {
                let of_upgrade = of_upgrade.take();
                self.identify(of_upgrade.as_ref(), envelope, connection, wire)
            }
            Stage::Identified(_) => self.serve(envelope, connection, wire),
            Stage::Deciding { .. } | Stage::Over => Flow::Continue,
        }
    }

    fn may_read(&self) -> bool {
        match &self.stage {
            Stage::Unidentified { .. } => true,
            Stage::Identified(identified) => {
                identified.requests_under_way < REQUESTS_UNDER_WAY_PER_SESSION_MAX
            }
            Stage::Deciding { .. } | Stage::Over => false,
        }
    }

    fn is_identified(&self) -> bool {
        !matches!(self.stage, Stage::Unidentified { .. })
    }

    fn seen(&mut self, elapsed: Duration) {
        match &self.stage {
            Stage::Identified(Identified { marks, .. }) | Stage::Deciding { marks, .. } => {
                marks.seen(elapsed);
            }
            Stage::Unidentified { .. } | Stage::Over => {}
        }
    }

    fn taken(&mut self, elapsed: Duration) {
        match &self.stage {
            Stage::Identified(Identified { marks, .. }) | Stage::Deciding { marks, .. } => {
                marks.taken(elapsed);
            }
            Stage::Unidentified { .. } | Stage::Over => {}
        }
    }

    fn on_beat(&mut self, _: &Connection) -> Flow {
        // The organisation's sweep looks after silence and the token: it cannot be blocked by a socket.
        Flow::Continue
    }

    fn on_end(&mut self, departure: Departure) {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Identified(identified) => {
                identified.attachment.depart(departure, Reply::nobody());
            }
            Stage::Deciding { attachment, .. } if departure == Departure::Logout => {
                attachment.depart(departure, Reply::nobody());
            }
            // What the attachment says by itself is right: nobody has heard of this session yet, or
            // it was there before.
            Stage::Deciding { .. } | Stage::Unidentified { .. } | Stage::Over => {}
        }
    }
}

impl Handler<Resolved> for Session<Device> {
    type Result = ();

    fn handle(&mut self, resolved: Resolved, wire: &mut Self::Context) {
        let (device, connection) = (&mut self.peer, &self.connection);
        let flow = match resolved {
            Resolved::Login(id, answer) => {
                device.on_logged_in(id.as_ref(), answer, connection, wire)
            }
            Resolved::Resume(id, answer) => {
                device.on_resumed(id.as_ref(), answer, connection, wire)
            }
            Resolved::Acquire(id, answer) => {
                device.answered();
                answers::on_acquired(id.as_ref(), answer, connection, wire)
            }
            Resolved::Release(id, answer) => {
                device.answered();
                answers::on_released(id.as_ref(), answer, connection, wire)
            }
            Resolved::Leave(id, answer) => {
                answers::on_logged_out(id.as_ref(), answer, connection, wire)
            }
        };
        self.follow(flow, wire);
        self.pump(wire);
    }
}

impl Handler<ToDevice> for Session<Device> {
    type Result = ();

    fn handle(&mut self, message: ToDevice, wire: &mut Self::Context) {
        match message {
            ToDevice::Draining { reconnect_within_s } => {
                self.peer.draining(reconnect_within_s, wire);
            }
            ToDevice::Notice(notice) => {
                let flow = answers::on_notice(&notice, &self.connection, wire);
                self.follow(flow, wire);
            }
        }
    }
}

/// What is kept of a resume token.
fn digest(resume_token: &str) -> ResumeDigest {
    ResumeDigest(Sha256::digest(resume_token.as_bytes()).into())
}
