//! The one way out. Whatever ends a session or an instance comes through here, and a second goodbye for
//! the same session, or one of a connection that it has left, changes nothing.

use super::audit::Subject;
use super::event::{Effects, Event, Notice, UsageRecord};
use super::ids::{LicenceId, LicenceSet, LinkId, SessionId};
use super::moment::{self, Moment};
use super::organisation::{Command, Organisation};
use super::reason::{AuditAction, Departure, Device, EndReason, ReleaseReason, UsageType};
use super::session::{Instance, Presence};
use super::user::Holding;
use std::sync::Arc;
use std::time::Duration;

/// A connection ended.
#[derive(Clone, Copy, Debug)]
pub struct Leave {
    /// The session that was on it.
    pub session: SessionId,
    /// The connection: a session that has moved to another is not touched.
    pub link: LinkId,
    /// How it ended.
    pub departure: Departure,
}

/// What became of a session whose connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaveAnswer {
    /// It is over.
    Left {
        /// What it released, in catalogue order.
        released: Vec<LicenceId>,
    },
    /// It asked for grace, and keeps what it holds until that runs out.
    Lingers,
    /// It was over before, or is on another connection.
    Gone,
}

/// A running session gives features back.
#[derive(Clone, Debug)]
pub struct Release {
    /// The session.
    pub session: SessionId,
    /// The connection that asks.
    pub link: LinkId,
    /// Which features, as the client wrote them.
    pub channels: Vec<Arc<str>>,
}

/// What a release is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReleaseAnswer {
    /// Given back or withdrawn from their queues, in catalogue order.
    Released(Vec<LicenceId>),
    /// One of them is the seat, which goes only with the session; nothing changed.
    SeatNotReleasable,
    /// One of them, named, is neither held nor waited for; nothing changed.
    NotHeld(Arc<str>),
    /// The session is no longer on this connection.
    Gone,
}

/// Someone with the right to do so ends a session. The answer says whether there was one.
#[derive(Clone, Copy, Debug)]
pub struct ForceLogout {
    /// Which.
    pub session: SessionId,
}

/// Time has passed; nobody asks for anything. What time brings comes with every command, and with this
/// one it comes alone.
#[derive(Clone, Copy, Debug)]
pub struct Tick;

/// The organisation is deleted: everybody is logged out and nothing is granted any more.
#[derive(Clone, Copy, Debug)]
pub struct RemoveOrganisation;

impl Command for Leave {
    type Answer = LeaveAnswer;

    fn decide(
        self,
        organisation: &mut Organisation,
        now: Moment,
        effects: &mut Effects,
    ) -> LeaveAnswer {
        if !organisation.is_connected(self.session, self.link) {
            return LeaveAnswer::Gone;
        }
        organisation.depart(self.session, self.departure, now, effects)
    }
}

impl Command for Release {
    type Answer = ReleaseAnswer;

    fn decide(
        self,
        organisation: &mut Organisation,
        now: Moment,
        effects: &mut Effects,
    ) -> ReleaseAnswer {
        if !organisation.is_connected(self.session, self.link) {
            return ReleaseAnswer::Gone;
        }
        let licences = match organisation.releasable(self.session, &self.channels) {
            Ok(licences) => licences,
            Err(refused) => return refused,
        };
        organisation.withdraw(self.session, licences, ReleaseReason::Requested, now, effects);
        ReleaseAnswer::Released(licences.iter().collect())
    }
}

impl Command for ForceLogout {
    type Answer = bool;

    fn decide(self, organisation: &mut Organisation, now: Moment, effects: &mut Effects) -> bool {
        let Some(known) = organisation.sessions.get(&self.session) else { return false };
        let (session, user, device) = (known.id, known.user.clone(), known.device);
        let before = Some(Subject::Session { session, user, device });
        let target = session.to_string();
        effects.audit(now, AuditAction::SessionForced, target, before, None);
        let (reason, end) = (ReleaseReason::Forced, EndReason::Forced);
        organisation.throw_out(&[session], reason, end, now, effects);
        true
    }
}

impl Command for Tick {
    type Answer = ();

    fn decide(self, _: &mut Organisation, _: Moment, _: &mut Effects) {}
}

impl Command for RemoveOrganisation {
    type Answer = ();

    fn decide(self, organisation: &mut Organisation, now: Moment, effects: &mut Effects) {
        let everybody = organisation.session_ids();
        let (reason, end) = (ReleaseReason::OrganisationRemoved, EndReason::OrganisationRemoved);
        organisation.throw_out(&everybody, reason, end, now, effects);
        organisation.removed = true;
        let settings = organisation.settings.clone();
        let target = settings.id.to_string();
        let before = Some(Subject::Settings(settings));
        effects.audit(now, AuditAction::OrganisationDeleted, target, before, None);
        effects.events.push(Event::OrganisationRemoved { at: now.at });
    }
}

impl Organisation {
    /// Ends a session as its connection ended, or leaves it lingering if it asked for grace.
    pub(super) fn depart(
        &mut self,
        session: SessionId,
        departure: Departure,
        now: Moment,
        effects: &mut Effects,
    ) -> LeaveAnswer {
        let leaving = self.session_ref(session);
        if departure.is_unclean() && leaving.grace_s > 0 {
            self.linger(session, now);
            return LeaveAnswer::Lingers;
        }
        let released = leaving.held().iter().collect();
        self.end_sessions(&[session], departure.release_reason(), now, effects);
        LeaveAnswer::Left { released }
    }

    /// Keeps a session without its device until its grace runs out.
    pub(super) fn linger(&mut self, session: SessionId, now: Moment) {
        self.linger_for(session, Duration::ZERO, now);
    }

    /// For so long at least.
    pub(super) fn linger_for(&mut self, session: SessionId, least: Duration, now: Moment) {
        self.stand_aside(session);
        let lingering = self.session_mut(session);
        let grace = Duration::from_secs(u64::from(lingering.grace_s));
        let until = now.elapsed + grace.max(least);
        lingering.presence = Presence::Lingering { until };
        self.lingering.insert((until, session));
    }

    /// Devices can connect from `elapsed` of monotonic time on: whoever lingers has the whole grace from
    /// then.
    pub fn begin_grace(&mut self, elapsed: Duration) {
        for (_, session) in std::mem::take(&mut self.lingering) {
            let lingering = self.session_mut(session);
            let until = elapsed + Duration::from_secs(u64::from(lingering.grace_s));
            lingering.presence = Presence::Lingering { until };
            self.lingering.insert((until, session));
        }
    }

    /// Ends sessions and tells those that are connected why.
    pub(super) fn throw_out(
        &mut self,
        sessions: &[SessionId],
        reason: ReleaseReason,
        end: EndReason,
        now: Moment,
        effects: &mut Effects,
    ) {
        let links = sessions.iter().filter_map(|session| self.session_ref(*session).link());
        effects.notices.extend(links.map(|link| (link, Notice::Ended(end))));
        self.end_sessions(sessions, reason, now, effects);
    }

    /// The funnel: releases everything that these sessions hold, then serves who waited for it. All of
    /// them leave their queues first, so that nothing is granted to a session that is about to end.
    pub(super) fn end_sessions(
        &mut self,
        sessions: &[SessionId],
        reason: ReleaseReason,
        now: Moment,
        effects: &mut Effects,
    ) {
        for session in sessions {
            for licence in self.session_ref(*session).waiting().iter() {
                self.dequeue(*session, licence, effects);
            }
        }
        let mut freed = LicenceSet::EMPTY;
        for session in sessions {
            let held = self.session_ref(*session).held();
            for licence in held.iter() {
                self.release_instance(*session, licence, reason, now, effects);
            }
            freed = freed.union(held);
            self.forget(*session);
            effects.events.push(Event::SessionClosed { session: *session });
        }
        self.serve(freed, now, effects);
    }

    /// Takes some features from a running session, held or waited for, and serves who waited.
    pub(super) fn withdraw(
        &mut self,
        session: SessionId,
        licences: LicenceSet,
        reason: ReleaseReason,
        now: Moment,
        effects: &mut Effects,
    ) {
        for licence in licences.iter() {
            if !self.dequeue(session, licence, effects) {
                self.release_instance(session, licence, reason, now, effects);
            }
        }
        self.serve(licences, now, effects);
    }

    fn release_instance(
        &mut self,
        session: SessionId,
        licence: LicenceId,
        reason: ReleaseReason,
        now: Moment,
        effects: &mut Effects,
    ) {
        let holder = self.session_mut(session);
        let Some(index) = holder.instances.iter().position(|held| held.licence == licence) else {
            return;
        };
        let Instance { pool, .. } = holder.instances.remove(index);
        let (user, device) = (holder.user.clone(), holder.device);
        self.pool_mut(licence).instances -= 1;
        self.drop_holding(&user, licence, device, session);
        effects.events.push(Event::Released(UsageRecord {
            usage_type: UsageType::Released,
            at: now.at,
            licence,
            user,
            device,
            session,
            pool,
            reason: Some(reason),
        }));
    }

    /// One instance less; with the last one the user is no holder any more.
    fn drop_holding(&mut self, user: &str, licence: LicenceId, device: Device, session: SessionId) {
        let holdings = &mut self.user_mut(user).holdings;
        let index = holdings
            .iter()
            .position(|holding| holding.licence == licence)
            .expect("the user of an instance holds its type");
        holdings[index].instances -= 1;
        if holdings[index].instances == 0 {
            let Holding { order, .. } = holdings.swap_remove(index);
            if holdings.is_empty() {
                // Most users are not logged in, and need no room.
                *holdings = Vec::new();
            }
            let pool = self.pool_mut(licence);
            pool.holders -= 1;
            if !pool.overflow.remove(order) {
                // Whoever stood first beyond the concurrent total moves up.
                pool.overflow.pop_first();
            }
        } else {
            let order = holdings[index].order;
            self.pool_mut(licence).overflow.leave(order, device, session);
        }
    }

    /// Drops a session that holds nothing any more from every index.
    fn forget(&mut self, id: SessionId) {
        let session = self.sessions.remove(&id).expect("an indexed session exists");
        if let Presence::Lingering { until } = session.presence {
            self.lingering.remove(&(until, id));
        }
        let place = &mut self.user_mut(&session.user).sessions[session.device.index()];
        // A successor that has taken over stands there already.
        if *place == Some(id) {
            *place = None;
        }
    }

    /// The features named, if every one of them can be given back.
    fn releasable(
        &self,
        session: SessionId,
        channels: &[Arc<str>],
    ) -> Result<LicenceSet, ReleaseAnswer> {
        let session = self.session_ref(session);
        let seat = self.users.get(&session.user).map(|user| user.record.user_type);
        let mut licences = LicenceSet::EMPTY;
        for name in channels {
            let licence = self.catalogue.find(name);
            if licence.is_some() && licence == seat {
                return Err(ReleaseAnswer::SeatNotReleasable);
            }
            match licence {
                Some(licence) if session.held().union(session.waiting()).contains(licence) => {
                    licences.insert(licence);
                }
                _ => return Err(ReleaseAnswer::NotHeld(name.clone())),
            }
        }
        Ok(licences)
    }

    /// Ends the sessions whose grace has run out.
    pub(super) fn end_expired(&mut self, now: Moment, effects: &mut Effects) {
        let mut expired = Vec::new();
        while let Some((until, session)) = self.lingering.first().copied()
            && until <= now.elapsed
        {
            self.lingering.pop_first();
            expired.push(session);
        }
        if !expired.is_empty() {
            self.end_sessions(&expired, ReleaseReason::ConnectionLost, now, effects);
        }
    }

    /// Logs everybody out when the schedule says so. Comes before whatever is decided at that instant, so
    /// that a login after the hour is not ended by it, however late anybody looks at the clock.
    pub(super) fn log_off_if_due(&mut self, now: Moment, effects: &mut Effects) {
        if self.log_off_at.is_some_and(|due| due <= now.at) {
            self.schedule_log_off(now);
            let everybody = self.session_ids();
            let (reason, end) = (ReleaseReason::Scheduled, EndReason::Scheduled);
            self.throw_out(&everybody, reason, end, now, effects);
        }
    }

    /// Sets the next log-off, from the organisation's settings.
    pub(super) fn schedule_log_off(&mut self, now: Moment) {
        let zone = self.settings.time_zone;
        self.log_off_at = self
            .settings
            .scheduled_log_off
            .map(|time| moment::next_time_of_day(now.at, time, zone));
    }

    /// Every session, oldest first.
    pub(super) fn session_ids(&self) -> Vec<SessionId> {
        let mut ids: Vec<SessionId> = self.sessions.keys().copied().collect();
        ids.sort_unstable();
        ids
    }
}
