//! Login, acquire and release in the model.

use crate::model::{Model, Sitting};
use licence_broker::domain::admission::{
    Acquire, AcquireAnswer, Login, LoginAnswer, Wanted, Welcome,
};
use licence_broker::domain::event::{Denied, DeniedName};
use licence_broker::domain::ids::{LicenceId, UserName};
use licence_broker::domain::reason::{
    DenialOutcome, DenialReason, Device, EndReason, GrantPool, Refusal, ReleaseReason, UserStatus,
};
use licence_broker::domain::release::{Release, ReleaseAnswer};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What becomes of the names that were asked for.
#[derive(Default)]
struct Judged {
    granted: Vec<(LicenceId, GrantPool)>,
    denied: Vec<Denied>,
    queued: Vec<LicenceId>,
    is_full: bool,
}

impl Judged {
    /// Nobody waits at a login that is refused: what would have been queued is denied.
    fn all_denied(self) -> Vec<Denied> {
        let queued = self.queued.into_iter();
        let mut all = self.denied;
        all.extend(queued.map(|licence| denied(licence, DenialReason::Exhausted)));
        // Catalogue order; unknown names come last as they were named.
        all.sort_by_key(|one| match &one.licence {
            DeniedName::Licence(licence) => (0, Some(*licence)),
            DeniedName::Unknown(_) => (1, None),
        });
        all
    }
}

fn denied(licence: LicenceId, reason: DenialReason) -> Denied {
    Denied { licence: DeniedName::Licence(licence), reason }
}

impl Model {
    pub(crate) fn login(&mut self, login: &Login) -> LoginAnswer {
        match self.admit(login) {
            Ok(judged) => LoginAnswer::LoggedIn(self.seat(login, judged)),
            Err((reason, denied)) => {
                for one in &denied {
                    self.deny(&login.user, login.device, one, DenialOutcome::Refused);
                }
                LoginAnswer::Refused { reason, denied }
            }
        }
    }

    fn admit(&self, login: &Login) -> Result<Judged, (Refusal, Vec<Denied>)> {
        let person = self.users.get(&login.user).ok_or((Refusal::UserUnknown, Vec::new()))?;
        if person.status != UserStatus::Active {
            return Err((Refusal::UserNotActive, Vec::new()));
        }
        let seat = person.seat;
        let pool = self.judge(&login.user, login.device, seat).map_err(|reason| {
            let refusal = if reason == DenialReason::DeviceNotPermitted {
                Refusal::DeviceNotPermitted
            } else {
                Refusal::SeatExhausted
            };
            (refusal, vec![denied(seat, reason)])
        })?;
        let carried = |licence: &LicenceId| {
            self.fact(*licence).is_some_and(|fact| fact.devices.contains(&login.device))
        };
        let names = match &login.wanted {
            Wanted::Assigned => person.features.iter().filter(|l| carried(l)).copied().collect(),
            Wanted::Named(names) => self.known(names),
        };
        let mut asked: BTreeSet<LicenceId> = names;
        asked.remove(&seat);
        let old = self.same_device(&login.user, login.device);
        let mut judged = self.judge_all(&login.user, login.device, &asked, login.wait, old);
        self.add_unknown(&login.wanted, &mut judged);
        let applied = asked.iter().filter(|licence| {
            let is_channel = self.fact(**licence).is_some_and(|fact| fact.is_channel);
            is_channel && carried(licence) && person.features.contains(licence)
        });
        let served = |licence: &LicenceId| {
            judged.queued.contains(licence) || judged.granted.iter().any(|(l, _)| l == licence)
        };
        let outcomes: Vec<bool> = applied.map(served).collect();
        if !outcomes.is_empty() && !outcomes.contains(&true) {
            return Err((Refusal::NoChannelLicensed, judged.all_denied()));
        }
        judged.granted.push((seat, pool));
        judged.granted.sort_unstable_by_key(|(licence, _)| *licence);
        Ok(judged)
    }

    fn known(&self, names: &[Arc<str>]) -> BTreeSet<LicenceId> {
        let facts = self.facts.iter().filter(|fact| names.iter().any(|name| **name == *fact.key));
        facts.map(|fact| fact.licence).collect()
    }

    fn add_unknown(&self, wanted: &Wanted, judged: &mut Judged) {
        let Wanted::Named(names) = wanted else { return };
        let mut seen = BTreeSet::new();
        for name in names.iter().filter(|name| self.facts.iter().all(|fact| fact.key != &***name)) {
            if seen.insert(name) {
                judged.denied.push(Denied {
                    licence: DeniedName::Unknown(name.clone()),
                    reason: DenialReason::UnknownLicence,
                });
            }
        }
    }

    pub(crate) fn same_device(&self, user: &str, device: Device) -> Option<usize> {
        self.sittings.iter().position(|s| &*s.user == user && s.device == device)
    }

    fn judge_all(
        &self,
        user: &UserName,
        device: Device,
        asked: &BTreeSet<LicenceId>,
        wait: bool,
        old: Option<usize>,
    ) -> Judged {
        let mut judged = Judged::default();
        for licence in asked {
            let old_waits = old.is_some_and(|old| self.sittings[old].ticket(*licence).is_some());
            match self.judge(user, device, *licence) {
                Ok(pool) => judged.granted.push((*licence, pool)),
                Err(DenialReason::Exhausted) if wait => {
                    if old_waits || self.waiting(*licence) < self.queue_max {
                        judged.queued.push(*licence);
                    } else {
                        judged.is_full = true;
                        judged.denied.push(denied(*licence, DenialReason::Exhausted));
                    }
                }
                Err(reason) => judged.denied.push(denied(*licence, reason)),
            }
        }
        judged
    }

    /// Begins the session and takes over the one of the same user and kind of device.
    fn seat(&mut self, login: &Login, judged: Judged) -> Welcome {
        let old = self.same_device(&login.user, login.device).map(|old| self.sittings[old].clone());
        let grace_s = login.grace_s.min(self.max_grace_s);
        self.sittings.push(Sitting {
            id: login.session,
            user: login.user.clone(),
            device: login.device,
            link: Some(login.link),
            until: self.elapsed,
            grace_s,
            held: Vec::new(),
            waits: Vec::new(),
        });
        let index = self.sittings.len() - 1;
        for (licence, pool) in &judged.granted {
            self.grant(index, *licence, *pool);
        }
        for one in &judged.denied {
            self.deny(&login.user, login.device, one, DenialOutcome::Partial);
        }
        for licence in &judged.queued {
            let place = old.as_ref().and_then(|old| old.ticket(*licence));
            self.line_up(index, *licence, place);
        }
        match old {
            Some(old) => {
                self.throw_out(&[old.id], (ReleaseReason::Superseded, EndReason::Superseded));
            }
            None => self.settle(),
        }
        Welcome {
            session: login.session,
            user: login.user.clone(),
            device: login.device,
            granted: judged.granted,
            denied: judged.denied,
            waiting: judged.queued,
            grace_s,
        }
    }

    fn line_up(&mut self, index: usize, licence: LicenceId, place: Option<u64>) {
        let (user, device) = (self.sittings[index].user.clone(), self.sittings[index].device);
        let why = denied(licence, DenialReason::Exhausted);
        self.deny(&user, device, &why, DenialOutcome::Waiting);
        self.tickets += 1;
        let ticket = place.unwrap_or(self.tickets);
        self.sittings[index].waits.push((licence, ticket));
    }

    pub(crate) fn acquire(&mut self, acquire: &Acquire) -> AcquireAnswer {
        let Some(index) = self.on_link(acquire.session, acquire.link) else {
            return AcquireAnswer::Gone;
        };
        let sitting = self.sittings[index].clone();
        let asked = self.known(&acquire.channels);
        let is_fresh =
            |l: &&LicenceId| sitting.holds(**l).is_none() && sitting.ticket(**l).is_none();
        let fresh = asked.iter().filter(is_fresh).copied().collect();
        let (user, device) = (&sitting.user, sitting.device);
        let mut judged = self.judge_all(user, device, &fresh, acquire.wait, None);
        if judged.is_full {
            return AcquireAnswer::TooManyWaiting;
        }
        self.add_unknown(&Wanted::Named(acquire.channels.clone()), &mut judged);
        for (licence, pool) in &judged.granted {
            self.grant(index, *licence, *pool);
        }
        for one in &judged.denied {
            self.deny(user, device, one, DenialOutcome::Partial);
        }
        for licence in &judged.queued {
            self.line_up(index, *licence, None);
        }
        let had = asked.iter().filter_map(|l| sitting.holds(*l).map(|pool| (*l, pool)));
        judged.granted.extend(had);
        judged.granted.sort_unstable_by_key(|(licence, _)| *licence);
        judged.queued.extend(asked.iter().filter(|l| sitting.ticket(**l).is_some()));
        judged.queued.sort_unstable();
        self.settle();
        AcquireAnswer::Acquired {
            granted: judged.granted,
            denied: judged.denied,
            waiting: judged.queued,
        }
    }

    pub(crate) fn release(&mut self, release: &Release) -> ReleaseAnswer {
        let Some(index) = self.on_link(release.session, release.link) else {
            return ReleaseAnswer::Gone;
        };
        let sitting = &self.sittings[index];
        let seat = self.users[&sitting.user].seat;
        let mut given = BTreeSet::new();
        for name in &release.channels {
            let licence = self.known(std::slice::from_ref(name)).pop_first();
            match licence {
                Some(licence) if licence == seat => return ReleaseAnswer::SeatNotReleasable,
                Some(l) if sitting.holds(l).is_some() || sitting.ticket(l).is_some() => {
                    given.insert(l);
                }
                Some(_) | None => return ReleaseAnswer::NotHeld(name.clone()),
            }
        }
        for licence in &given {
            self.take(index, *licence, ReleaseReason::Requested);
        }
        self.settle();
        ReleaseAnswer::Released(given.into_iter().collect())
    }
}
