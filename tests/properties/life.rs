//! How sessions end and go on, and what provisioning does to them, in the model.

use crate::calendar;
use crate::model::{Model, Person};
use crate::units::Units;
use licence_broker::domain::admission::Welcome;
use licence_broker::domain::ids::{LicenceId, LinkId, SessionId, UserName};
use licence_broker::domain::moment::Moment;
use licence_broker::domain::provisioning::{ProvisionUsers, UserChange, UserDraft, UserRefusal};
use licence_broker::domain::purchases::{SetTotals, TotalsRefusal};
use licence_broker::domain::reason::{
    Departure, EndReason, ReleaseReason, ResumeFailure, UserStatus,
};
use licence_broker::domain::release::{Leave, LeaveAnswer};
use licence_broker::domain::resume::{Resume, ResumeAnswer};
use std::collections::BTreeMap;
use std::time::Duration;

/// SPEC §4, Grace and resume: which ends are unclean, and what a release without grace says.
fn end_of(departure: Departure) -> (bool, ReleaseReason) {
    match departure {
        Departure::Logout => (false, ReleaseReason::Logout),
        Departure::ConnectionLost => (true, ReleaseReason::ConnectionLost),
        Departure::Misbehaved | Departure::Unanswered => (false, ReleaseReason::ConnectionLost),
        Departure::HeartbeatTimeout => (true, ReleaseReason::HeartbeatTimeout),
        Departure::SlowConsumer | Departure::StorageUnavailable => {
            (true, ReleaseReason::ConnectionLost)
        }
        Departure::Drain => (true, ReleaseReason::BrokerRestart),
        Departure::TokenExpired => (false, ReleaseReason::TokenExpired),
    }
}

impl Model {
    pub(crate) fn leave(&mut self, leave: Leave) -> LeaveAnswer {
        let Some(index) = self.on_link(leave.session, leave.link) else {
            return LeaveAnswer::Gone;
        };
        let (is_unclean, reason) = end_of(leave.departure);
        if is_unclean && self.sittings[index].grace_s > 0 {
            self.linger(index);
            return LeaveAnswer::Lingers;
        }
        let mut released: Vec<LicenceId> =
            self.sittings[index].held.iter().map(|(licence, _)| *licence).collect();
        released.sort_unstable();
        self.end(&[leave.session], reason);
        LeaveAnswer::Left { released }
    }

    fn linger(&mut self, index: usize) {
        let sitting = &mut self.sittings[index];
        sitting.link = None;
        sitting.until = self.elapsed + Duration::from_secs(u64::from(sitting.grace_s));
    }

    /// `is_right`: whether the token that proves it is the session's own.
    pub(crate) fn resume(&mut self, resume: &Resume, is_right: bool) -> ResumeAnswer {
        let found = self.sittings.iter().position(|s| s.id == resume.session);
        let Some(index) = found else {
            return ResumeAnswer::Failed(ResumeFailure::UnknownSession);
        };
        let sitting = &self.sittings[index];
        let is_over = sitting.link.is_none() && self.elapsed >= sitting.until;
        let failure = match (is_over, sitting.user == resume.user, is_right) {
            (true, _, _) => Some(ResumeFailure::GraceOver),
            (false, false, _) => Some(ResumeFailure::OtherUser),
            (false, true, false) => Some(ResumeFailure::WrongToken),
            (false, true, true) => None,
        };
        if let Some(failure) = failure {
            return ResumeAnswer::Failed(failure);
        }
        let mut granted = sitting.held.clone();
        granted.sort_unstable_by_key(|(licence, _)| *licence);
        let mut waiting: Vec<LicenceId> = sitting.waits.iter().map(|(l, _)| *l).collect();
        waiting.sort_unstable();
        let welcome = Welcome {
            session: sitting.id,
            user: sitting.user.clone(),
            device: sitting.device,
            granted,
            denied: Vec::new(),
            waiting,
            grace_s: sitting.grace_s,
        };
        self.tell_end(self.sittings[index].link, EndReason::Superseded);
        self.sittings[index].link = Some(resume.link);
        self.settle();
        ResumeAnswer::Resumed(welcome)
    }

    pub(crate) fn tick(&mut self) {
        let elapsed = self.elapsed;
        let over = |s: &&crate::model::Sitting| s.link.is_none() && s.until <= elapsed;
        let over: Vec<SessionId> = self.sittings.iter().filter(over).map(|s| s.id).collect();
        self.end(&over, ReleaseReason::ConnectionLost);
        if self.log_off_due.is_some_and(|due| due <= self.at) {
            self.log_everybody_off();
        }
    }

    fn log_everybody_off(&mut self) {
        let everybody: Vec<SessionId> = self.sittings.iter().map(|s| s.id).collect();
        self.throw_out(&everybody, (ReleaseReason::Scheduled, EndReason::Scheduled));
        self.plan_log_off();
    }

    pub(crate) fn plan_log_off(&mut self) {
        let (at, zone) = (self.at, self.zone);
        self.log_off_due = self.log_off.map(|time| calendar::next_reached(at, time, zone));
    }

    pub(crate) fn force(&mut self, session: SessionId) -> bool {
        let is_known = self.sittings.iter().any(|s| s.id == session);
        if is_known {
            self.throw_out(&[session], (ReleaseReason::Forced, EndReason::Forced));
        }
        is_known
    }

    pub(crate) fn set_totals(&mut self, set: &SetTotals) -> Result<(), TotalsRefusal> {
        if set.expected_version.is_some() {
            return Err(TotalsRefusal::Changed);
        }
        let assigned = self.assigned(&self.users, set.licence);
        let is_fixed = self.fact(set.licence).is_some_and(|fact| fact.is_fixed);
        if is_fixed && set.totals.fixed < assigned {
            return Err(TotalsRefusal::FixedExhausted(assigned));
        }
        let used = self.units.used(set.licence, self.at);
        let bound = used - self.units.reusable(set.licence, self.at);
        if set.totals.base < bound {
            return Err(TotalsRefusal::BaseExhausted(bound));
        }
        self.totals.insert(set.licence, set.totals);
        self.settle();
        Ok(())
    }

    pub(crate) fn assigned(&self, users: &BTreeMap<UserName, Person>, licence: LicenceId) -> u32 {
        let having = users.values().filter(|person| person.has(licence)).count();
        u32::try_from(having).expect("few users")
    }

    /// The user after each change, or the refusal; every change is of another user.
    pub(crate) fn provision(
        &mut self,
        provision: &ProvisionUsers,
    ) -> Vec<Result<Option<Person>, UserRefusal>> {
        let mut users = self.users.clone();
        let mut units = self.units.clone();
        let mut answers = Vec::new();
        let mut names = Vec::new();
        for change in &provision.changes {
            let answer = self.changed(&users, change).and_then(|(name, after)| {
                self.move_unit(&mut units, &name, users.get(&name), after.as_ref())?;
                Ok((name, after))
            });
            if let Ok((name, person)) = &answer {
                match person {
                    Some(person) => users.insert(name.clone(), person.clone()),
                    None => users.remove(name),
                };
                names.push(name.clone());
            }
            answers.push(answer.map(|(_, person)| person));
        }
        if !(provision.atomic && answers.iter().any(Result::is_err)) {
            self.units = units;
            for name in names {
                self.replace(&name, users.get(&name).cloned());
            }
        }
        answers
    }

    fn changed(
        &self,
        users: &BTreeMap<UserName, Person>,
        change: &UserChange,
    ) -> Result<(UserName, Option<Person>), UserRefusal> {
        let as_drafted = |draft: &UserDraft| Person {
            status: draft.status,
            seat: draft.user_type,
            features: draft.features.iter().collect(),
        };
        let (name, after) = match change {
            UserChange::Create(draft) | UserChange::Upsert(draft) => {
                let is_new = matches!(change, UserChange::Create(_));
                if is_new && users.contains_key(&draft.user) {
                    return Err(UserRefusal::Exists);
                }
                (&draft.user, Some(as_drafted(draft)))
            }
            UserChange::Patch { user, patch, expected_version } => {
                let mut after = users.get(user).cloned().ok_or(UserRefusal::Unknown)?;
                if expected_version.is_some() {
                    return Err(UserRefusal::Changed);
                }
                after.status = patch.status.unwrap_or(after.status);
                after.seat = patch.user_type.unwrap_or(after.seat);
                if let Some(features) = patch.features {
                    after.features = features.iter().collect();
                }
                (user, Some(after))
            }
            UserChange::Delete { user, .. } => {
                users.get(user).ok_or(UserRefusal::Unknown)?;
                (user, None)
            }
        };
        let after = after.filter(|person| person.status != UserStatus::Deleted);
        let before = users.get(name);
        for fact in self.facts.iter().filter(|fact| fact.is_fixed) {
            let had = before.is_some_and(|before| before.has(fact.licence));
            let will = after.as_ref().is_some_and(|after| after.has(fact.licence));
            let is_taken = self.assigned(users, fact.licence) >= self.totals_of(fact.licence).fixed;
            if will && !had && is_taken {
                return Err(UserRefusal::FixedExhausted(fact.licence));
            }
        }
        if before.is_none() && users.len() >= self.users_max {
            return Err(UserRefusal::TooManyUsers);
        }
        Ok((name.clone(), after))
    }

    /// Who is active with a type that needs a base licence has one, and nobody else.
    fn move_unit(
        &self,
        units: &mut Units,
        name: &UserName,
        before: Option<&Person>,
        after: Option<&Person>,
    ) -> Result<(), UserRefusal> {
        let based = |person: &&Person| {
            let is_based = self.fact(person.seat).is_some_and(|fact| fact.is_based);
            person.status == UserStatus::Active && is_based
        };
        let had = before.filter(based).map(|person| person.seat);
        let needs = after.filter(based).map(|person| person.seat);
        if let Some(licence) = needs.filter(|needs| had != Some(*needs)) {
            let total = self.totals_of(licence).base;
            if !units.assign(licence, name, total, self.at) {
                return Err(UserRefusal::BaseExhausted(licence));
            }
        }
        if let Some(licence) = had.filter(|had| needs != Some(*had)) {
            units.release(licence, name, self.at);
        }
        if after.is_none() {
            units.forget(name);
        }
        Ok(())
    }

    fn replace(&mut self, name: &UserName, after: Option<Person>) {
        let before = self.users.get(name).cloned();
        let theirs: Vec<SessionId> =
            self.sittings.iter().filter(|s| s.user == *name).map(|s| s.id).collect();
        let ending = match (&before, &after) {
            (_, None) => Some((ReleaseReason::UserRemoved, EndReason::UserUnknown)),
            (_, Some(after)) if after.status != UserStatus::Active => {
                Some((ReleaseReason::UserChanged, EndReason::UserNotActive))
            }
            (Some(before), Some(after)) if before.seat != after.seat => {
                Some((ReleaseReason::UserChanged, EndReason::UserChanged))
            }
            (_, Some(_)) => None,
        };
        match (ending, &after) {
            (Some(why), _) => self.throw_out(&theirs, why),
            (None, Some(after)) => self.unassign(&theirs, after),
            (None, None) => {}
        }
        match after {
            Some(after) => self.users.insert(name.clone(), after),
            None => self.users.remove(name),
        };
    }

    fn unassign(&mut self, sessions: &[SessionId], after: &Person) {
        let reason = ReleaseReason::Unassigned;
        for session in sessions {
            let index = self.index(*session);
            let sitting = self.sittings[index].clone();
            let held = sitting.held.iter().map(|(licence, _)| *licence);
            let waited = sitting.waits.iter().map(|(licence, _)| *licence);
            for licence in held.chain(waited).filter(|licence| !after.has(*licence)) {
                if let Some(told) = self.tell(sitting.link) {
                    told.released.push((licence, reason));
                }
                self.take(index, licence, reason);
            }
        }
        self.settle();
    }

    /// A crash: nobody is connected; at the last sign of life those without grace go.
    pub(crate) fn crash(&mut self, known: &[SessionId]) {
        for sitting in &mut self.sittings {
            sitting.link = None;
        }
        let gone = |s: &&crate::model::Sitting| s.grace_s == 0 && !known.contains(&s.id);
        let gone: Vec<SessionId> = self.sittings.iter().filter(gone).map(|s| s.id).collect();
        self.end(&gone, ReleaseReason::BrokerRestart);
    }

    /// Readiness: sockets find their sessions, the rest lingers from now on.
    pub(crate) fn reattach(
        &mut self,
        connected: &[(SessionId, LinkId)],
        departed: &[(SessionId, Departure)],
        now: Moment,
    ) -> Vec<LinkId> {
        self.turn_to(now.at, now.elapsed);
        let mut orphans = Vec::new();
        for (session, link) in connected {
            match self.sittings.iter_mut().find(|s| s.id == *session) {
                Some(sitting) => sitting.link = Some(*link),
                None => orphans.push(*link),
            }
        }
        if self.log_off_due.is_some_and(|due| due <= self.at) {
            self.log_everybody_off();
            return orphans;
        }
        for index in 0..self.sittings.len() {
            if self.sittings[index].link.is_none() {
                self.linger(index);
            }
        }
        for (session, departure) in departed {
            let (is_unclean, reason) = end_of(*departure);
            let found = self.sittings.iter().find(|s| s.id == *session);
            if found.is_some_and(|s| s.link.is_none() && !(is_unclean && s.grace_s > 0)) {
                self.end(&[*session], reason);
            }
        }
        self.settle();
        orphans
    }
}
