//! What devices are told, what they do about it, and how the auditor hears of it.

use crate::auditor::Certain;
use crate::auditor::told::{Answer, Told};
use crate::device::{Heard, MayResume, Said, Stage};
use crate::kept::Key;
use crate::world::{Ticket, World};
use licence_broker::actor::reply::Unavailable;
use licence_broker::domain::admission::{AcquireAnswer, LoginAnswer, Welcome};
use licence_broker::domain::event::{Denied, DeniedName, Notice};
use licence_broker::domain::ids::LicenceId;
use licence_broker::domain::reason::{Departure, EndReason, GrantPool};
use licence_broker::domain::release::{LeaveAnswer, ReleaseAnswer};
use licence_broker::domain::resume::ResumeAnswer;

impl World {
    /// Looks at everything that was told since.
    pub(crate) fn hear(&mut self) {
        let heard = std::mem::take(&mut *self.post.lock().expect("nobody panics in it"));
        for one in heard {
            self.coverage.trace(&format!("{} {} {:?}", one.conn, one.durable, one.said));
            if self.conns.contains_key(&one.conn) {
                self.take(one);
            }
        }
        let certain = self.conns.iter().filter(|(_, conn)| self.is_certain(conn));
        let certain = certain.map(|(id, conn)| {
            let (session, since) = (conn.session.0, conn.since_row);
            (conn.place, Certain { conn: *id, session, since })
        });
        let (here, certain) = (self.conns.keys().copied().collect(), certain.collect());
        self.auditor.connected(&here, certain);
        for place in 0..self.tenants.len() {
            self.catch_up(place);
        }
    }

    /// The auditor reads what has become durable.
    pub(crate) fn catch_up(&mut self, place: usize) {
        let id = self.tenants[place].id;
        let from = self.auditor.read(place);
        let records = self.store.since(id, from);
        self.auditor.catch_up(place, &records);
    }

    fn take(&mut self, Heard { conn, said, durable }: Heard) {
        let place = self.conns[&conn].place;
        self.catch_up(place);
        match said {
            Said::Login(answer) => self.on_login(conn, answer, durable),
            Said::Resume(answer) => self.on_resume(conn, answer, durable),
            Said::Acquire(answer) => self.on_acquire(conn, answer, durable),
            Said::Release(answer) => self.on_release(conn, answer, durable),
            Said::Leave(answer) => self.on_leave(conn, answer, durable),
            Said::Notice(notice) => self.on_notice(conn, notice, durable),
            Said::Draining => self.coverage.count("told: draining"),
        }
    }

    fn tell(&mut self, conn: usize, durable: usize, answer: Answer) {
        self.coverage.count(format!("told: {}", answer.name()));
        let (id, conn) = (conn, &self.conns[&conn]);
        let (place, session, user) = (conn.place, conn.session.0, conn.user.clone());
        let is_certain = self.is_certain(conn);
        let from = conn.asked.0;
        self.auditor
            .told(place, Told { conn: id, session, user, durable, from, is_certain, answer });
    }

    fn on_login(&mut self, id: usize, answer: Result<LoginAnswer, Unavailable>, durable: usize) {
        match answer {
            Ok(LoginAnswer::LoggedIn(welcome)) => {
                self.coverage.count("session");
                self.welcome(id, &welcome, durable, false);
            }
            Ok(LoginAnswer::Refused { reason, denied }) => {
                let denied = self.denied(&denied);
                let reason = reason.as_str();
                self.tell(id, durable, Answer::Refused { reason, denied });
                self.drop_unsaid(id);
            }
            Err(Unavailable) => {
                self.tell(id, durable, Answer::Unavailable);
                self.let_go(id, Departure::Unanswered);
            }
        }
    }

    fn welcome(&mut self, id: usize, welcome: &Welcome, durable: usize, is_resumed: bool) {
        let granted = self.granted(&welcome.granted);
        let waiting = self.keys(&welcome.waiting);
        let conn = self.conns.get_mut(&id).expect("it is there");
        (conn.stage, conn.since_row, conn.grace_s) = (Stage::In, durable, welcome.grace_s);
        if is_resumed {
            self.tell(id, durable, Answer::Resumed { granted, waiting });
            return;
        }
        let ticket = Ticket {
            place: conn.place,
            session: conn.session,
            user: conn.user.clone(),
            device: conn.device,
            digest: conn.digest,
        };
        self.tickets.push(ticket);
        if self.tickets.len() > 60 {
            self.tickets.remove(0);
        }
        let denied = self.denied(&welcome.denied);
        self.tell(id, durable, Answer::LoggedIn { granted, waiting, denied });
    }

    fn on_resume(&mut self, id: usize, answer: Result<ResumeAnswer, Unavailable>, durable: usize) {
        match answer {
            Ok(ResumeAnswer::Resumed(welcome)) => {
                if self.conns[&id].asked.1 == MayResume::Never {
                    let session = self.conns[&id].session;
                    self.auditor.fault(format!("{session} was resumed with a wrong token or late"));
                }
                self.welcome(id, &welcome, durable, true);
            }
            Ok(ResumeAnswer::Failed(_)) => {
                let may = self.conns[&id].asked.1 == MayResume::Yes;
                self.tell(id, durable, Answer::ResumeFailed { may });
                self.drop_unsaid(id);
            }
            Err(Unavailable) => {
                self.tell(id, durable, Answer::Unavailable);
                self.let_go(id, Departure::StorageUnavailable);
            }
        }
    }

    fn on_acquire(
        &mut self,
        id: usize,
        answer: Result<AcquireAnswer, Unavailable>,
        durable: usize,
    ) {
        match answer {
            Ok(AcquireAnswer::Acquired { granted, denied, waiting }) => {
                let (granted, denied) = (self.granted(&granted), self.denied(&denied));
                let waiting = self.keys(&waiting);
                self.tell(id, durable, Answer::Acquired { granted, waiting, denied });
            }
            Ok(AcquireAnswer::TooManyWaiting) => self.coverage.count("told: too many waiting"),
            Ok(AcquireAnswer::Gone) => self.coverage.count("told: gone"),
            Err(Unavailable) => {
                self.tell(id, durable, Answer::Unavailable);
                self.let_go(id, Departure::StorageUnavailable);
            }
        }
    }

    fn on_release(
        &mut self,
        id: usize,
        answer: Result<ReleaseAnswer, Unavailable>,
        durable: usize,
    ) {
        match answer {
            Ok(ReleaseAnswer::Released(licences)) => {
                let licences = self.keys(&licences);
                self.tell(id, durable, Answer::Released { licences });
            }
            Ok(ReleaseAnswer::SeatNotReleasable | ReleaseAnswer::NotHeld(_)) => {
                self.coverage.count("told: not releasable");
            }
            Ok(ReleaseAnswer::Gone) => self.coverage.count("told: gone"),
            Err(Unavailable) => {
                self.tell(id, durable, Answer::Unavailable);
                self.let_go(id, Departure::StorageUnavailable);
            }
        }
    }

    fn on_leave(&mut self, id: usize, answer: Result<LeaveAnswer, Unavailable>, durable: usize) {
        match answer {
            Ok(LeaveAnswer::Left { released }) => {
                let released = self.keys(&released);
                self.tell(id, durable, Answer::LoggedOut { released });
            }
            Ok(LeaveAnswer::Lingers | LeaveAnswer::Gone) => self.coverage.count("told: gone"),
            Err(Unavailable) => self.tell(id, durable, Answer::Unavailable),
        }
        self.drop_unsaid(id);
    }

    fn on_notice(&mut self, id: usize, notice: Notice, durable: usize) {
        match notice {
            Notice::Granted(granted) => {
                let granted = self.granted(&granted);
                self.tell(id, durable, Answer::Granted { granted });
            }
            Notice::Released { licences, .. } => {
                let licences = self.keys(&licences);
                self.tell(id, durable, Answer::Released { licences });
            }
            Notice::Ended(reason) => {
                let (name, departure) = ended(reason);
                self.tell(id, durable, Answer::Ended { reason: name });
                let conn = &self.conns[&id];
                let departure = match conn.stage {
                    Stage::LoggingIn | Stage::Resuming => conn.unless_said(),
                    Stage::In => departure,
                    Stage::LoggingOut => return self.drop_unsaid(id),
                };
                self.let_go(id, departure);
            }
        }
    }

    /// The connection is over, and there is nothing to say goodbye to.
    fn drop_unsaid(&mut self, id: usize) {
        if let Some(conn) = self.conns.remove(&id) {
            conn.end();
        }
    }

    fn keys(&self, licences: &[LicenceId]) -> Vec<Key> {
        licences.iter().map(|licence| self.catalogue.key(*licence).clone()).collect()
    }

    fn granted(&self, granted: &[(LicenceId, GrantPool)]) -> Vec<(Key, &'static str)> {
        let plain = |(licence, pool): &(LicenceId, GrantPool)| {
            (self.catalogue.key(*licence).clone(), pool.as_str())
        };
        granted.iter().map(plain).collect()
    }

    fn denied(&self, denied: &[Denied]) -> Vec<Key> {
        let name = |denied: &Denied| match &denied.licence {
            DeniedName::Licence(licence) => self.catalogue.key(*licence).clone(),
            DeniedName::Unknown(name) => name.clone(),
        };
        denied.iter().map(name).collect()
    }
}

/// The end of a connection in plain words, and what the socket layer says when it is told.
fn ended(reason: EndReason) -> (&'static str, Departure) {
    match reason {
        EndReason::Superseded => ("superseded", Departure::ConnectionLost),
        EndReason::Forced => ("forced", Departure::ConnectionLost),
        EndReason::Scheduled => ("scheduled", Departure::ConnectionLost),
        EndReason::OrganisationRemoved => ("organisation removed", Departure::ConnectionLost),
        EndReason::UserNotActive => ("user not active", Departure::ConnectionLost),
        EndReason::UserUnknown => ("user unknown", Departure::ConnectionLost),
        EndReason::UserChanged => ("user changed", Departure::ConnectionLost),
        EndReason::TokenExpired => ("token expired", Departure::ConnectionLost),
        EndReason::HeartbeatTimeout => ("heartbeat timeout", Departure::ConnectionLost),
        EndReason::SlowConsumer => ("slow consumer", Departure::ConnectionLost),
        EndReason::StorageUnavailable => ("storage unavailable", Departure::StorageUnavailable),
        EndReason::GoingAway => ("going away", Departure::Drain),
        EndReason::Moved => ("moved", Departure::Drain),
    }
}
