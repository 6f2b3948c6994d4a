//! A device: unidentified, then deciding, then identified. Only an identified one has a session, and
//! only what an identified one sends can acquire.

use super::admitted::Admitted;
use super::attachment::Attachment;
use super::refresh::{self, Judged, Refreshable};
use super::resolved::Resolved;
use super::resume_token;
use super::session::{Connection, Flow, Peer, Who, Wire, send};
use super::token::{self, Purpose};
use crate::actor::directory::OrganisationRef;
use crate::actor::link::{Link, Marks};
use crate::actor::reply::{Reply, Unavailable};
use crate::auth::Claims;
use crate::broker::Broker;
use crate::broker::admission::UserSocket;
use crate::domain::admission::{Acquire, Login, LoginAnswer, Welcome};
use crate::domain::bounded_login::BoundedLogin;
use crate::domain::ids::{LinkId, OrganisationId, SessionId};
use crate::domain::moment::Moment;
use crate::domain::reason::{Departure, ResumeFailure};
use crate::domain::release::Release;
use crate::domain::resume::{Resume, ResumeAnswer};
use crate::limits::bound::Bound;
use crate::limits::{DRAIN_TIMEOUT, REQUESTS_UNDER_WAY_PER_SESSION_MAX};
use crate::protocol::close::Close;
use crate::protocol::device::{self, ErrorCode, SessionTerms, Writer};
use crate::protocol::request::{
    self, Envelope, LoginRequest, Request, RequestError, RequestId, ResumeRequest,
};
use crate::telemetry::process::{Alive, Kind};
use crate::telemetry::{self, Present};
use actix::prelude::*;
use std::sync::Arc;
use std::time::Duration;
use ulid::Ulid;

/// A connected device.
pub struct Device {
    organisation: OrganisationId,
    link: LinkId,
    stage: Stage,
    /// One of the sockets that its user may have; until the connection ends, for that is what is bounded.
    place: Option<UserSocket>,
    _alive: Alive,
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
    /// Whether it was told that the broker is about to stop.
    knows_of_drain: bool,
    /// For the metrics, until the session or its connection ends.
    _present: Present,
}

impl Device {
    /// A device that has just connected.
    pub fn new(organisation: OrganisationId, link: LinkId, of_upgrade: Option<Claims>) -> Self {
        let stage = Stage::Unidentified { of_upgrade };
        Self { organisation, link, stage, place: None, _alive: Alive::new(Kind::Session) }
    }

    /// The first message: `login` or `resume`, or the end.
    fn identify(
        &mut self,
        of_upgrade: Option<&Claims>,
        envelope: Envelope,
        connection: &Connection,
        wire: &mut Wire<Self>,
    ) -> Flow {
        let arrived = connection.broker.clock.now();
        let judge = |token: Option<&str>| {
            let purpose = Purpose::Session;
            token::judge(&connection.broker, self.organisation, purpose, of_upgrade, token)
        };
        let id = envelope.id;
        let judged = match envelope.request {
            Ok(Request::Login(login)) => judge(login.token.as_deref())
                .and_then(|claims| self.take_place(claims, connection))
                .and_then(|claims| self.login((id, arrived), login, claims, connection, wire))
                .inspect_err(count_overloaded),
            Ok(Request::Resume(resume)) => judge(resume.token.as_deref())
                .and_then(|claims| self.take_place(claims, connection))
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

    /// Whoever has said who they are takes one of their user's places.
    fn take_place(&mut self, claims: Claims, connection: &Connection) -> Result<Claims, Close> {
        let place = connection.broker.admission.user(self.organisation, &claims.subject);
        self.place = Some(place.map_err(|_| Close::OVERLOADED)?);
        Ok(claims)
    }

    fn login(
        &self,
        (id, arrived): (Option<RequestId>, Moment),
        login: LoginRequest,
        claims: Claims,
        connection: &Connection,
        wire: &mut Wire<Self>,
    ) -> Result<Stage, Close> {
        let broker = &connection.broker;
        let organisation = self.find(broker)?;
        let admitted = Admitted::by(broker, &organisation, arrived.elapsed)?;
        let millis = u64::try_from(arrived.at.timestamp_millis()).unwrap_or(0);
        let session = SessionId(Ulid::from_parts(millis, rand::random()).0);
        let resume_token = resume_token::new();
        let command = Login {
            session,
            link: self.link,
            user: claims.subject.clone(),
            device: login.device,
            wanted: login.wanted,
            wait: login.wait,
            grace_s: login.grace_s,
            resume: resume_token::digest(&resume_token),
            address: connection.address.clone(),
        };
        let marks = Arc::new(Marks::new(arrived.elapsed, claims.expires_at));
        connection.heart.mark(marks.clone());
        let recipient = wire.address();
        let reply = Reply::new(move |answer| {
            drop(admitted);
            recipient.do_send(Resolved::Login(id, arrived.elapsed, answer));
        });
        let sessions_max = broker.limits.sessions_per_organisation_max;
        let command = BoundedLogin { login: command, sessions_max };
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
        let session = resume.session.ok_or_else(|| {
            telemetry::count_resume(ResumeFailure::UnknownSession.as_str());
            Close::RESUME_FAILED
        })?;
        let organisation = self.find(broker)?;
        let command = Resume {
            session,
            link: self.link,
            user: claims.subject.clone(),
            resume: resume_token::digest(&resume.resume_token),
        };
        let marks = Arc::new(Marks::new(broker.clock.elapsed(), claims.expires_at));
        connection.heart.mark(marks.clone());
        let recipient = wire.address();
        let reply = Reply::new(move |answer| recipient.do_send(Resolved::Resume(id, answer)));
        organisation.submit(command, Some(self.new_link(session, &marks, wire)), reply);
        let departure = Departure::ConnectionLost;
        let attachment =
            Attachment::new(organisation, session, self.link, marks.clone(), departure);
        let resume_token = resume.resume_token.to_string();
        Ok(Stage::Deciding { attachment, claims, resume_token, marks })
    }

    /// The organisation, if this node decides for it.
    fn find(&self, broker: &Broker) -> Result<OrganisationRef, Close> {
        let found = broker.directory.find(self.organisation).ok_or(Close::UNAUTHORISED)?;
        if broker.directory.is_served_here(self.organisation) {
            Ok(found)
        } else {
            Err(Close::MOVED)
        }
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
            organisation = self.organisation.get(), link = self.link.0, user = %welcome.user,
            session = %welcome.session, device = %welcome.device, is_resumed, "logged in"
        );
        let _present = telemetry::present_on(welcome.device);
        self.stage = Stage::Identified(Identified {
            attachment,
            claims,
            marks,
            requests_under_way: 0,
            knows_of_drain: false,
            _present,
        });
        if !connection.broker.ready.is_ready() {
            self.draining(DRAIN_TIMEOUT.as_secs(), wire);
        }
    }

    /// The broker is about to stop; told once. Who is still being decided on is told after the answer.
    pub(super) fn draining(&mut self, reconnect_within_s: u64, wire: &mut Wire<Self>) {
        let Stage::Identified(identified) = &mut self.stage else { return };
        if !std::mem::replace(&mut identified.knows_of_drain, true) {
            send(wire, device::draining(reconnect_within_s));
        }
    }

    /// A login or resume that did not come through: nothing is held.
    fn turn_away(&mut self, close: Close) -> Flow {
        if let Stage::Deciding { attachment, claims, .. } =
            std::mem::replace(&mut self.stage, Stage::Over)
        {
            tracing::debug!(
                organisation = self.organisation.get(), link = self.link.0,
                user = %claims.subject, session = %attachment.session(),
                code = close.code, reason = close.name, "turned away"
            );
            attachment.refused();
        }
        Flow::Close(close, Departure::Unanswered)
    }

    pub(super) fn on_logged_in(
        &mut self,
        id: Option<&RequestId>,
        answer: Result<Option<LoginAnswer>, Unavailable>,
        connection: &Connection,
        wire: &mut Wire<Self>,
    ) -> Flow {
        match answer {
            Ok(Some(LoginAnswer::LoggedIn(welcome))) => {
                telemetry::count_login(if welcome.denied.is_empty() { "full" } else { "partial" });
                self.welcome(id, &welcome, false, connection, wire);
                Flow::Continue
            }
            Ok(None) => {
                telemetry::count_bound(Bound::SessionsPerOrganisation);
                telemetry::count_login("overloaded");
                self.turn_away(Close::OVERLOADED)
            }
            Ok(Some(LoginAnswer::Refused { reason, denied })) => {
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

    pub(super) fn on_resumed(
        &mut self,
        id: Option<&RequestId>,
        answer: Result<ResumeAnswer, Unavailable>,
        connection: &Connection,
        wire: &mut Wire<Self>,
    ) -> Flow {
        match answer {
            Ok(ResumeAnswer::Resumed(welcome)) => {
                telemetry::count_resume("resumed");
                self.welcome(id, &welcome, true, connection, wire);
                Flow::Continue
            }
            Ok(ResumeAnswer::Failed(why)) => {
                telemetry::count_resume(why.as_str());
                self.turn_away(Close::RESUME_FAILED)
            }
            Err(Unavailable) => {
                telemetry::count_resume("unavailable");
                Flow::Close(Close::STORAGE_UNAVAILABLE, Departure::StorageUnavailable)
            }
        }
    }

    pub(super) fn answered(&mut self) {
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
                return refresh::refresh(self, id, token, connection, wire);
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

/// A login that was sent away before it was decided.
fn count_overloaded(close: &Close) {
    if *close == Close::OVERLOADED {
        telemetry::count_login("overloaded");
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
        if self.requests_under_way == REQUESTS_UNDER_WAY_PER_SESSION_MAX {
            telemetry::count_bound(Bound::RequestsUnderWayPerSession);
        }
        let recipient = wire.address();
        let reply = Reply::new(move |answer| recipient.do_send(resolve(answer)));
        self.attachment.organisation().submit(command, None, reply);
    }
}

impl Refreshable for Device {
    fn postpone(&mut self) {
        if let Stage::Identified(identified) = &mut self.stage {
            identified.requests_under_way += 1;
        }
    }

    fn resume_reading(&mut self) {
        self.answered();
    }

    fn refreshed(&mut self, id: Option<&RequestId>, judged: Judged, wire: &mut Wire<Self>) -> Flow {
        let Stage::Identified(identified) = &mut self.stage else { return Flow::Continue };
        let is_same = |fresh: &Claims| token::is_same_bearer(fresh, &identified.claims);
        let Some(fresh) = judged.ok().filter(is_same) else {
            return Flow::Close(Close::UNAUTHORISED, Departure::Misbehaved);
        };
        identified.marks.token_until(fresh.expires_at);
        send(wire, device::refreshed(id, fresh.expires_at));
        identified.claims = fresh;
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

    fn may_answer(&self, connection: &Connection) -> bool {
        !matches!(self.stage, Stage::Identified(_))
            || connection.broker.directory.is_served_here(self.organisation)
    }

    fn who(&self) -> Who {
        let session = match &self.stage {
            Stage::Deciding { attachment, .. } => Some(attachment.session()),
            Stage::Identified(identified) => Some(identified.attachment.session()),
            Stage::Unidentified { .. } | Stage::Over => None,
        };
        Who { organisation: self.organisation, link: Some(self.link), session }
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

    /// The organisation's sweep looks after silence and the token: it cannot be blocked by a socket.
    const IS_RESTLESS: bool = false;

    fn on_beat(&mut self, _: &Connection) -> Flow {
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
