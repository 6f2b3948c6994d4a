//! The rules of SPEC §4 once more, as plainly as they can be said: a list of sessions, counted through
//! for every question. Nothing here is kept up to date; what can be counted is counted.

use crate::calendar::{self, Day};
use crate::facts::Fact;
use crate::units::Units;
use chrono::{DateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use licence_broker::domain::event::{DenialRecord, Denied, DeniedName, UsageRecord};
use licence_broker::domain::ids::{LicenceId, LinkId, SessionId, UserName};
use licence_broker::domain::pool::Totals;
use licence_broker::domain::reason::{
    DenialOutcome, DenialReason, Device, EndReason, GrantPool, ReleaseReason, UsageType, UserStatus,
};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Person {
    pub(crate) status: UserStatus,
    pub(crate) seat: LicenceId,
    pub(crate) features: BTreeSet<LicenceId>,
}

impl Person {
    pub(crate) fn has(&self, licence: LicenceId) -> bool {
        self.seat == licence || self.features.contains(&licence)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Sitting {
    pub(crate) id: SessionId,
    pub(crate) user: UserName,
    pub(crate) device: Device,
    /// `None` while it lingers.
    pub(crate) link: Option<LinkId>,
    pub(crate) until: Duration,
    pub(crate) grace_s: u32,
    pub(crate) held: Vec<(LicenceId, GrantPool)>,
    /// With the number of the ticket.
    pub(crate) waits: Vec<(LicenceId, u64)>,
}

impl Sitting {
    pub(crate) fn holds(&self, licence: LicenceId) -> Option<GrantPool> {
        self.held.iter().find(|(held, _)| *held == licence).map(|(_, pool)| *pool)
    }

    pub(crate) fn ticket(&self, licence: LicenceId) -> Option<u64> {
        self.waits.iter().find(|(waited, _)| *waited == licence).map(|(_, ticket)| *ticket)
    }
}

/// What one connection is told, in no order: grants, licences taken away, the end.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Told {
    pub(crate) granted: Vec<(LicenceId, GrantPool)>,
    pub(crate) released: Vec<(LicenceId, ReleaseReason)>,
    pub(crate) ended: Vec<EndReason>,
}

/// What a decision should bring.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) usage: Vec<UsageRecord>,
    pub(crate) denials: Vec<DenialRecord>,
    pub(crate) maxima: Vec<(Day, LicenceId, u32)>,
    pub(crate) told: BTreeMap<LinkId, Told>,
}

pub(crate) struct Model {
    pub(crate) facts: Vec<Fact>,
    pub(crate) zone: Tz,
    pub(crate) max_grace_s: u32,
    pub(crate) queue_max: usize,
    pub(crate) users_max: usize,
    pub(crate) log_off: Option<NaiveTime>,
    pub(crate) log_off_due: Option<DateTime<Utc>>,
    pub(crate) users: BTreeMap<UserName, Person>,
    pub(crate) totals: BTreeMap<LicenceId, Totals>,
    pub(crate) units: Units,
    /// In the order of their logins.
    pub(crate) sittings: Vec<Sitting>,
    /// Who holds a type, in the order in which they came to.
    pub(crate) ranks: BTreeMap<LicenceId, Vec<UserName>>,
    pub(crate) maxima: BTreeMap<LicenceId, u32>,
    pub(crate) denied_today: BTreeMap<LicenceId, u32>,
    pub(crate) today: Day,
    pub(crate) tickets: u64,
    /// The time of what is decided: never before the last record.
    pub(crate) at: DateTime<Utc>,
    /// Noted by who sees the events.
    pub(crate) last_record: DateTime<Utc>,
    pub(crate) elapsed: Duration,
    pub(crate) outcome: Outcome,
}

impl Model {
    pub(crate) fn fact(&self, licence: LicenceId) -> Option<&Fact> {
        self.facts.iter().find(|fact| fact.licence == licence)
    }

    /// Before a command: the time is noted, and a day or month that is over ends.
    pub(crate) fn begin(&mut self, at: DateTime<Utc>, elapsed: Duration) {
        self.outcome = Outcome::default();
        self.turn_to(at, elapsed);
    }

    pub(crate) fn turn_to(&mut self, at: DateTime<Utc>, elapsed: Duration) {
        self.at = at.max(self.last_record);
        self.elapsed = elapsed;
        let today = calendar::local_day(self.at, self.zone);
        if today > self.today {
            self.denied_today.clear();
        }
        let mut month = calendar::month(self.today);
        while month < calendar::month(today) {
            month = calendar::next_month(month);
            let licences: Vec<LicenceId> = self.facts.iter().map(|fact| fact.licence).collect();
            for licence in licences {
                let used = self.contingency_used(licence);
                self.maxima.insert(licence, used);
                if used > 0 {
                    self.outcome.maxima.push((month, licence, used));
                }
            }
        }
        self.today = self.today.max(today);
    }

    pub(crate) fn totals_of(&self, licence: LicenceId) -> Totals {
        self.totals.get(&licence).copied().unwrap_or_default()
    }

    pub(crate) fn holders(&self, licence: LicenceId) -> BTreeSet<UserName> {
        let holding = self.sittings.iter().filter(|sitting| sitting.holds(licence).is_some());
        holding.map(|sitting| sitting.user.clone()).collect()
    }

    pub(crate) fn holds(&self, user: &str, licence: LicenceId) -> bool {
        self.sittings.iter().any(|s| &*s.user == user && s.holds(licence).is_some())
    }

    pub(crate) fn waiting(&self, licence: LicenceId) -> usize {
        self.sittings.iter().filter(|sitting| sitting.ticket(licence).is_some()).count()
    }

    pub(crate) fn contingency_used(&self, licence: LicenceId) -> u32 {
        let holders = u32::try_from(self.holders(licence).len()).expect("few holders");
        let totals = self.totals_of(licence);
        holders.saturating_sub(totals.concurrent).min(totals.contingency)
    }

    /// What one more holder would get.
    pub(crate) fn free(&self, licence: LicenceId) -> Option<GrantPool> {
        let holders = u32::try_from(self.holders(licence).len()).expect("few holders");
        let totals = self.totals_of(licence);
        if holders < totals.concurrent {
            Some(GrantPool::Concurrent)
        } else if holders < totals.concurrent + totals.contingency {
            Some(GrantPool::Contingency)
        } else {
            None
        }
    }

    pub(crate) fn on_link(&self, session: SessionId, link: LinkId) -> Option<usize> {
        self.sittings.iter().position(|s| s.id == session && s.link == Some(link))
    }

    pub(crate) fn tell(&mut self, link: Option<LinkId>) -> Option<&mut Told> {
        link.map(|link| self.outcome.told.entry(link).or_default())
    }

    pub(crate) fn tell_end(&mut self, link: Option<LinkId>, why: EndReason) {
        if let Some(told) = self.tell(link) {
            told.ended.push(why);
        }
    }

    fn record(
        &mut self,
        index: usize,
        licence: LicenceId,
        pool: GrantPool,
        reason: Option<ReleaseReason>,
    ) {
        let sitting = &self.sittings[index];
        let usage_type = if reason.is_none() { UsageType::Acquired } else { UsageType::Released };
        self.outcome.usage.push(UsageRecord {
            usage_type,
            at: self.at,
            licence,
            user: sitting.user.clone(),
            device: sitting.device,
            session: sitting.id,
            pool,
            reason,
        });
    }

    pub(crate) fn grant(&mut self, index: usize, licence: LicenceId, pool: GrantPool) {
        let user = self.sittings[index].user.clone();
        let is_new = !self.holds(&user, licence);
        self.record(index, licence, pool, None);
        self.sittings[index].held.push((licence, pool));
        if is_new {
            self.ranks.entry(licence).or_default().push(user);
            let used = self.contingency_used(licence);
            let maximum = self.maxima.entry(licence).or_default();
            if used > *maximum {
                *maximum = used;
                self.outcome.maxima.push((calendar::month(self.today), licence, used));
            }
        }
    }

    /// Takes one licence from a session, held or waited for.
    pub(crate) fn take(&mut self, index: usize, licence: LicenceId, reason: ReleaseReason) {
        self.sittings[index].waits.retain(|(waited, _)| *waited != licence);
        let Some(pool) = self.sittings[index].holds(licence) else {
            return;
        };
        self.record(index, licence, pool, Some(reason));
        self.sittings[index].held.retain(|(held, _)| *held != licence);
        let user = self.sittings[index].user.clone();
        if !self.holds(&user, licence) {
            self.ranks.entry(licence).or_default().retain(|holder| *holder != user);
        }
    }

    /// Ends sessions; nobody among them is served by what the others leave.
    pub(crate) fn end(&mut self, sessions: &[SessionId], reason: ReleaseReason) {
        for session in sessions {
            let index = self.index(*session);
            for (licence, _) in self.sittings[index].held.clone() {
                self.take(index, licence, reason);
            }
            self.sittings.remove(index);
        }
        self.settle();
    }

    pub(crate) fn throw_out(&mut self, sessions: &[SessionId], why: (ReleaseReason, EndReason)) {
        for session in sessions {
            self.tell_end(self.sittings[self.index(*session)].link, why.1);
        }
        self.end(sessions, why.0);
    }

    pub(crate) fn index(&self, session: SessionId) -> usize {
        self.sittings.iter().position(|s| s.id == session).expect("a session of the model")
    }

    pub(crate) fn deny(
        &mut self,
        user: &UserName,
        device: Device,
        denied: &Denied,
        outcome: DenialOutcome,
    ) {
        if let DeniedName::Licence(licence) = denied.licence {
            *self.denied_today.entry(licence).or_default() += 1;
        }
        let (at, denied, user) = (self.at, denied.clone(), user.clone());
        self.outcome.denials.push(DenialRecord { at, denied, user, device, outcome });
    }

    /// Step 5 of an admission: the first reason that fits, or the pool.
    pub(crate) fn judge(
        &self,
        user: &UserName,
        device: Device,
        licence: LicenceId,
    ) -> Result<GrantPool, DenialReason> {
        let fact = self.fact(licence).ok_or(DenialReason::DeviceNotPermitted)?;
        if !fact.devices.contains(&device) {
            return Err(DenialReason::DeviceNotPermitted);
        }
        if !self.users[user].has(licence) {
            return Err(DenialReason::NotAssigned);
        }
        if fact.is_fixed {
            return Ok(GrantPool::Fixed);
        }
        if self.holds(user, licence) {
            return Ok(GrantPool::Shared);
        }
        let totals = self.totals_of(licence);
        if totals.concurrent == 0 && totals.contingency == 0 {
            return Err(DenialReason::NotPurchased);
        }
        self.free(licence).ok_or(DenialReason::Exhausted)
    }

    /// Serves everybody who can be served: who waits for what their user holds, and the first in line
    /// of whatever is free. Who is not there is passed over.
    pub(crate) fn settle(&mut self) {
        while let Some((index, licence, pool)) = self.next_served() {
            self.sittings[index].waits.retain(|(waited, _)| *waited != licence);
            let link = self.sittings[index].link;
            if let Some(told) = self.tell(link) {
                told.granted.push((licence, pool));
            }
            self.grant(index, licence, pool);
        }
    }

    fn next_served(&self) -> Option<(usize, LicenceId, GrantPool)> {
        let mut line: Vec<(u64, usize, LicenceId)> = Vec::new();
        for (index, sitting) in self.sittings.iter().enumerate() {
            if sitting.link.is_some() {
                line.extend(
                    sitting.waits.iter().map(|(licence, ticket)| (*ticket, index, *licence)),
                );
            }
        }
        line.sort_unstable();
        let shares = |(_, index, licence): &&(u64, usize, LicenceId)| {
            self.holds(&self.sittings[*index].user, *licence)
        };
        if let Some((_, index, licence)) = line.iter().find(shares) {
            return Some((*index, *licence, GrantPool::Shared));
        }
        line.iter().find_map(|(_, index, licence)| {
            self.free(*licence).map(|pool| (*index, *licence, pool))
        })
    }
}
