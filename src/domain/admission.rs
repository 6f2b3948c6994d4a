//! Login and acquire: what is granted, what is denied and why, what is queued (SPEC §4).

use super::catalogue::Model;
use super::event::{
    DenialRecord, Denied, DeniedName, Effects, Event, Notice, SessionOpened, UsageRecord,
};
use super::ids::{LicenceId, LicenceSet, LinkId, ResumeDigest, SessionId, UserName};
use super::moment::Moment;
use super::organisation::{Command, Organisation};
use super::overflow::BySession;
use super::reason::{
    DenialOutcome, DenialReason, Device, EndReason, GrantPool, Refusal, ReleaseReason, UsageType,
    UserStatus,
};
use super::session::{Instance, Presence, Session};
use super::user::{Holding, User};
use std::cmp::Ordering;
use std::sync::Arc;

/// Which features a login wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Every assigned feature that the device carries.
    Assigned,
    /// Exactly these, as the client wrote them; a name given twice counts once.
    Named(Vec<Arc<str>>),
}

/// A device asks to be logged in.
#[derive(Clone, Debug)]
pub struct Login {
    /// The id that the session will have.
    pub session: SessionId,
    /// The connection on which the device is.
    pub link: LinkId,
    /// The token's user.
    pub user: UserName,
    /// The kind of device.
    pub device: Device,
    /// Which features.
    pub wanted: Wanted,
    /// Whether exhausted features are queued.
    pub wait: bool,
    /// Seconds of grace asked for; the organisation's maximum bounds them.
    pub grace_s: u32,
    /// Proves a later resume.
    pub resume: ResumeDigest,
    /// The peer's address.
    pub address: Arc<str>,
}

/// What a session has, as its device is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The session.
    pub session: SessionId,
    /// Whose it is.
    pub user: UserName,
    /// On which device.
    pub device: Device,
    /// What it holds, in catalogue order, with the pool that the record of each grant names.
    pub granted: Vec<(LicenceId, GrantPool)>,
    /// What was denied, in catalogue order, unknown names last.
    pub denied: Vec<Denied>,
    /// What it waits for, in catalogue order.
    pub waiting: Vec<LicenceId>,
    /// Seconds of grace that it has.
    pub grace_s: u32,
}

/// What a login is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginAnswer {
    /// The seat is held, and every feature that could be had.
    LoggedIn(Welcome),
    /// Nothing is held; another session of the user is untouched.
    Refused {
        /// Why.
        reason: Refusal,
        /// Which licences could not be had.
        denied: Vec<Denied>,
    },
}

/// A running session asks for more features.
#[derive(Clone, Debug)]
pub struct Acquire {
    /// The session.
    pub session: SessionId,
    /// The connection that asks.
    pub link: LinkId,
    /// Which features, as the client wrote them.
    pub channels: Vec<Arc<str>>,
    /// Whether exhausted ones are queued.
    pub wait: bool,
}

/// What an acquire is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AcquireAnswer {
    /// What the session has of what it asked for.
    Acquired {
        /// Held now, in catalogue order, also what was held before.
        granted: Vec<(LicenceId, GrantPool)>,
        /// Denied, in catalogue order, unknown names last.
        denied: Vec<Denied>,
        /// Waited for, in catalogue order.
        waiting: Vec<LicenceId>,
    },
    /// A queue is at its bound; nothing changed.
    TooManyWaiting,
    /// The session is no longer on this connection.
    Gone,
}

/// What a request for features comes to, before anything is changed.
#[derive(Debug, Default)]
struct Plan {
    granted: Vec<(LicenceId, GrantPool)>,
    denied: Vec<Denied>,
    /// Exhausted, and waited for.
    queued: Vec<LicenceId>,
    /// A queue was at its bound.
    queue_full: bool,
}

impl Plan {
    /// Nobody waits at a login that is refused: what would have been queued is denied.
    fn all_denied(self) -> Vec<Denied> {
        let exhausted = |licence| Denied {
            licence: DeniedName::Licence(licence),
            reason: DenialReason::Exhausted,
        };
        let mut all = self.denied;
        all.extend(self.queued.into_iter().map(exhausted));
        // A licence of the catalogue sorts before every unknown name, and those stay as they were named.
        all.sort_by(|a, b| match (&a.licence, &b.licence) {
            (DeniedName::Unknown(_), DeniedName::Unknown(_)) => Ordering::Equal,
            (a, b) => a.cmp(b),
        });
        all
    }
}

impl Command for Login {
    type Answer = LoginAnswer;

    fn decide(
        self,
        organisation: &mut Organisation,
        now: Moment,
        effects: &mut Effects,
    ) -> LoginAnswer {
        match organisation.plan_login(&self) {
            Ok(plan) => LoginAnswer::LoggedIn(organisation.open(self, plan, now, effects)),
            Err((reason, denied)) => {
                for one in &denied {
                    let outcome = DenialOutcome::Refused;
                    let (user, device) = (&self.user, self.device);
                    organisation.record_denial(user, device, one.clone(), outcome, now, effects);
                }
                LoginAnswer::Refused { reason, denied }
            }
        }
    }
}

impl Command for Acquire {
    type Answer = AcquireAnswer;

    fn decide(
        self,
        organisation: &mut Organisation,
        now: Moment,
        effects: &mut Effects,
    ) -> AcquireAnswer {
        if !organisation.is_connected(self.session, self.link) {
            return AcquireAnswer::Gone;
        }
        let plan = organisation.plan_acquire(&self);
        if plan.queue_full {
            return AcquireAnswer::TooManyWaiting;
        }
        let session = organisation.session_ref(self.session);
        let (user, device) = (session.user.clone(), session.device);
        for (licence, pool) in &plan.granted {
            if organisation.session_ref(self.session).instance(*licence).is_none() {
                organisation.grant(self.session, *licence, *pool, now, effects);
            }
        }
        for denied in &plan.denied {
            let outcome = DenialOutcome::Partial;
            organisation.record_denial(&user, device, denied.clone(), outcome, now, effects);
        }
        for licence in &plan.queued {
            if organisation.session_ref(self.session).place(*licence).is_none() {
                organisation.record_waiting(&user, device, *licence, now, effects);
                organisation.enqueue(self.session, *licence, effects);
            }
        }
        AcquireAnswer::Acquired { granted: plan.granted, denied: plan.denied, waiting: plan.queued }
    }
}

impl Organisation {
    /// Steps 1 to 4 of an admission, without changing anything: what is refused leaves no trace
    /// because none was made.
    fn plan_login(&self, login: &Login) -> Result<Plan, (Refusal, Vec<Denied>)> {
        if self.removed {
            return Err((Refusal::UserUnknown, Vec::new()));
        }
        let user = self.users.get(&login.user).ok_or((Refusal::UserUnknown, Vec::new()))?;
        if user.record.status != UserStatus::Active {
            return Err((Refusal::UserNotActive, Vec::new()));
        }
        let seat = user.record.user_type;
        let seat_pool = self.judge(user, login.device, seat).map_err(|reason| {
            let refusal = match reason {
                DenialReason::DeviceNotPermitted => Refusal::DeviceNotPermitted,
                DenialReason::NotAssigned | DenialReason::UnknownLicence => Refusal::NotAssigned,
                DenialReason::NotPurchased | DenialReason::Exhausted => Refusal::SeatExhausted,
            };
            (refusal, vec![Denied { licence: DeniedName::Licence(seat), reason }])
        })?;

        let carried = self.catalogue.carried_by(login.device);
        let (mut asked, unknown) = match &login.wanted {
            Wanted::Assigned => (user.record.all_features().intersection(carried), Vec::new()),
            Wanted::Named(names) => self.resolve(names),
        };
        asked.remove(seat);
        let replaced = user.sessions[login.device.index()].map(|old| self.session_ref(old));
        let mut plan = self.plan(user, login.device, asked, &unknown, login.wait, replaced);

        let applied = asked
            .intersection(carried)
            .intersection(user.record.all_features())
            .intersection(self.catalogue.channels());
        let served = |licence| {
            plan.granted.iter().any(|(granted, _)| *granted == licence)
                || plan.queued.contains(&licence)
        };
        if !applied.is_empty() && !applied.iter().any(served) {
            return Err((Refusal::NoChannelLicensed, plan.all_denied()));
        }
        plan.granted.insert(0, (seat, seat_pool));
        plan.granted.sort_unstable_by_key(|(licence, _)| *licence);
        Ok(plan)
    }

    fn plan_acquire(&self, acquire: &Acquire) -> Plan {
        let session = self.session_ref(acquire.session);
        let user = self.users.get(&session.user).expect("the user of a session exists");
        let (asked, unknown) = self.resolve(&acquire.channels);
        let fresh = asked.difference(session.held()).difference(session.waiting());
        let mut plan = self.plan(user, session.device, fresh, &unknown, acquire.wait, None);
        let held = asked.intersection(session.held());
        plan.granted.extend(
            held.iter()
                .filter_map(|licence| session.instance(licence))
                .map(|i| (i.licence, i.pool)),
        );
        plan.granted.sort_unstable_by_key(|(licence, _)| *licence);
        plan.queued.extend(asked.intersection(session.waiting()).iter());
        plan.queued.sort_unstable();
        plan
    }

    /// Names as types of the catalogue, and those that are none, each once, in the order given.
    fn resolve(&self, names: &[Arc<str>]) -> (LicenceSet, Vec<Arc<str>>) {
        let mut known = LicenceSet::EMPTY;
        let mut unknown: Vec<Arc<str>> = Vec::new();
        for name in names {
            match self.catalogue.find(name) {
                Some(licence) => {
                    known.insert(licence);
                }
                None if unknown.contains(name) => {}
                None => unknown.push(name.clone()),
            }
        }
        (known, unknown)
    }

    /// Judges each of `asked` by itself. `replaced` is the session whose places pass over.
    fn plan(
        &self,
        user: &User,
        device: Device,
        asked: LicenceSet,
        unknown: &[Arc<str>],
        wait: bool,
        replaced: Option<&Session>,
    ) -> Plan {
        let mut plan = Plan::default();
        for licence in asked.iter() {
            let denied = |reason| Denied { licence: DeniedName::Licence(licence), reason };
            match self.judge(user, device, licence) {
                Ok(pool) => plan.granted.push((licence, pool)),
                Err(DenialReason::Exhausted) if wait => {
                    let has_place = replaced.is_some_and(|old| old.place(licence).is_some());
                    if has_place || self.pool(licence).waiting < self.bounds.waiting_per_licence_max
                    {
                        plan.queued.push(licence);
                    } else {
                        plan.queue_full = true;
                        plan.denied.push(denied(DenialReason::Exhausted));
                    }
                }
                Err(reason) => plan.denied.push(denied(reason)),
            }
        }
        plan.denied.extend(unknown.iter().map(|name| Denied {
            licence: DeniedName::Unknown(name.clone()),
            reason: DenialReason::UnknownLicence,
        }));
        plan
    }

    /// From which pool `user` would get `licence` on `device` now, or the first reason against it.
    fn judge(
        &self,
        user: &User,
        device: Device,
        licence: LicenceId,
    ) -> Result<GrantPool, DenialReason> {
        if !self.catalogue.carried_by(device).contains(licence) {
            return Err(DenialReason::DeviceNotPermitted);
        }
        if !user.record.licences().contains(licence) {
            return Err(DenialReason::NotAssigned);
        }
        if self.model(licence) == Model::FixedSeat {
            return Ok(GrantPool::Fixed);
        }
        if user.holds(licence) {
            return Ok(GrantPool::Shared);
        }
        let pool = self.pool(licence);
        if pool.totals.is_unpurchased() {
            return Err(DenialReason::NotPurchased);
        }
        pool.totals.next(pool.holders).ok_or(DenialReason::Exhausted)
    }

    /// Carries out a login's plan, and takes over the session that stands in its place.
    fn open(&mut self, login: Login, plan: Plan, now: Moment, effects: &mut Effects) -> Welcome {
        let grace_s = login.grace_s.min(self.settings.max_grace_s);
        let replaced = self.insert_session(&login, &plan, grace_s, now, effects);
        for (licence, pool) in &plan.granted {
            self.grant(login.session, *licence, *pool, now, effects);
        }
        for denied in &plan.denied {
            let outcome = DenialOutcome::Partial;
            self.record_denial(&login.user, login.device, denied.clone(), outcome, now, effects);
        }
        for licence in &plan.queued {
            self.record_waiting(&login.user, login.device, *licence, now, effects);
            match replaced.filter(|old| self.session_ref(*old).place(*licence).is_some()) {
                Some(old) => self.pass_place(old, login.session, *licence, effects),
                None => self.enqueue(login.session, *licence, effects),
            }
        }
        if let Some(old) = replaced {
            if let Some(link) = self.session_ref(old).link() {
                effects.notices.push((link, Notice::Ended(EndReason::Superseded)));
            }
            self.end_sessions(&[old], ReleaseReason::Superseded, now, effects);
        }
        Welcome {
            session: login.session,
            user: login.user,
            device: login.device,
            granted: plan.granted,
            denied: plan.denied,
            waiting: plan.queued,
            grace_s,
        }
    }

    /// Adds the session, without licences, and returns the one of the same user and kind of device.
    fn insert_session(
        &mut self,
        login: &Login,
        plan: &Plan,
        grace_s: u32,
        now: Moment,
        effects: &mut Effects,
    ) -> Option<SessionId> {
        let session = Session {
            id: login.session,
            user: login.user.clone(),
            device: login.device,
            since: now.at,
            presence: Presence::Connected(login.link),
            grace_s,
            resume: login.resume,
            address: login.address.clone(),
            // As many as it will be, for as long as it is there.
            instances: Vec::with_capacity(plan.granted.len()),
            places: Vec::with_capacity(plan.queued.len()),
        };
        effects.events.push(Event::SessionOpened(SessionOpened {
            session: session.id,
            user: session.user.clone(),
            device: session.device,
            since: session.since,
            grace_s,
            resume: session.resume,
            address: session.address.clone(),
        }));
        let user = self.user_mut(&login.user);
        user.holdings.reserve_exact(plan.granted.len().saturating_sub(user.holdings.len()));
        let replaced = user.sessions[login.device.index()].replace(login.session);
        self.sessions.insert(login.session, Box::new(session));
        replaced
    }

    /// Gives a session an instance. Where that makes its user a holder, the month's maximum may rise
    /// and the user's other sessions that wait for the type share it at once.
    pub(super) fn grant(
        &mut self,
        session: SessionId,
        licence: LicenceId,
        pool: GrantPool,
        now: Moment,
        effects: &mut Effects,
    ) {
        let holder = self.session_mut(session);
        holder.instances.push(Instance { licence, pool, since: now.at });
        let (name, device) = (holder.user.clone(), holder.device);
        self.pool_mut(licence).instances += 1;
        let next_order = self.next_sequence();
        let user = self.user_mut(&name);
        let known = user.holdings.iter_mut().find(|holding| holding.licence == licence);
        let (is_new_holder, holder_order, holder_since) = match known {
            Some(holding) => {
                holding.instances += 1;
                (false, holding.order, holding.since)
            }
            None => {
                let (order, since) = (next_order, now.at);
                user.holdings.push(Holding { licence, order, since, instances: 1 });
                (true, order, since)
            }
        };
        effects.events.push(Event::Acquired {
            record: UsageRecord {
                usage_type: UsageType::Acquired,
                at: now.at,
                licence,
                user: name.clone(),
                device,
                session,
                pool,
                reason: None,
            },
            holder_order,
            holder_since,
        });
        if is_new_holder {
            self.count_new_holder(&name, holder_order, licence);
        }
        self.pool_mut(licence).overflow.join(holder_order, device, session);
        if is_new_holder {
            self.raise_maximum(licence, now.at, effects);
            self.share_with_waiting(&name, licence, now, effects);
        }
    }

    fn count_new_holder(&mut self, name: &UserName, order: u64, licence: LicenceId) {
        let is_concurrent = self.model(licence) == Model::Concurrent;
        let pool = self.pool_mut(licence);
        pool.holders += 1;
        if is_concurrent && pool.holders > pool.totals.concurrent {
            pool.overflow.insert(order, name.clone(), BySession::default());
        }
    }

    /// Demand that could not be served.
    fn record_denial(
        &mut self,
        user: &UserName,
        device: Device,
        denied: Denied,
        outcome: DenialOutcome,
        now: Moment,
        effects: &mut Effects,
    ) {
        if let DeniedName::Licence(licence) = denied.licence {
            self.pool_mut(licence).denied_today += 1;
        }
        effects.events.push(Event::Denied(DenialRecord {
            at: now.at,
            denied,
            user: user.clone(),
            device,
            outcome,
        }));
    }

    /// Queueing is demand that could not be served yet.
    fn record_waiting(
        &mut self,
        user: &UserName,
        device: Device,
        licence: LicenceId,
        now: Moment,
        effects: &mut Effects,
    ) {
        let denied =
            Denied { licence: DeniedName::Licence(licence), reason: DenialReason::Exhausted };
        self.record_denial(user, device, denied, DenialOutcome::Waiting, now, effects);
    }

    /// Whether the session is there and on this very connection.
    pub fn is_connected(&self, session: SessionId, link: LinkId) -> bool {
        self.sessions.get(&session).is_some_and(|session| session.link() == Some(link))
    }
}
