//! Base licences: units, each with a history of its own (SPEC §5).
//!
//! A free unit has no memory, so the ledger knows only those that are *used*: assigned to an active user,
//! or released while their 90 days still run. Of the released ones those are *reusable* that were not
//! re-assigned already.

use super::ids::{LicenceId, UserName};
use super::lookup::Lookup;
use super::organisation::Organisation;
use super::reason::{BaseChange, UserStatus};
use super::user::UserRecord;
use chrono::{DateTime, TimeDelta, Utc};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// How long after its assignment a unit may be re-assigned only once: 90 × 24 hours.
pub const REASSIGN_PERIOD: TimeDelta = TimeDelta::days(90);

/// One base licence that is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUnit {
    /// Tells it from every other unit of the organisation.
    pub unit: u64,
    /// The user type that it is for.
    pub licence: LicenceId,
    /// Who has it; once it is released, who had it last.
    pub user: UserName,
    /// That user was deleted: whoever has the name now is somebody else.
    pub is_gone: bool,
    /// What the 90 days count from.
    pub assigned_at: DateTime<Utc>,
    /// That assignment was the unit's one re-assignment.
    pub is_reassigned: bool,
    /// When its user stopped being active with this type.
    pub released_at: Option<DateTime<Utc>>,
}

impl BaseUnit {
    fn fresh(licence: LicenceId, user: &UserName, unit: u64, now: DateTime<Utc>) -> Self {
        Self {
            unit,
            licence,
            user: user.clone(),
            is_gone: false,
            assigned_at: now,
            is_reassigned: false,
            released_at: None,
        }
    }

    /// When it is free, if it is released by then.
    pub fn free_at(&self) -> DateTime<Utc> {
        self.assigned_at + REASSIGN_PERIOD
    }

    /// Whether no active user has it and it may be re-assigned.
    pub fn is_reusable(&self) -> bool {
        self.released_at.is_some() && !self.is_reassigned
    }
}

/// A unit as it stands after a change, and the change.
pub(super) type Changed = (BaseUnit, Option<BaseChange>);

/// What the rules of one user type's base licences need, counted as it changes.
#[derive(Debug, Default)]
pub(super) struct BaseLedger {
    units: Lookup<u64, BaseUnit>,
    /// The unit that each user has, or may get back.
    of_user: Lookup<UserName, u64>,
    /// Released units by when they are free.
    released: BTreeSet<(DateTime<Utc>, u64)>,
    /// In the order in which they are given away: those that nobody can ask back first, and of these the
    /// one that would stay bound longest.
    reusable: BTreeSet<(bool, Reverse<DateTime<Utc>>, u64)>,
    /// While changes are only tried: what stood where, oldest first.
    undo: Option<Vec<(u64, Option<BaseUnit>)>>,
}

impl BaseLedger {
    /// Units assigned to active users, or released and still inside their 90 days.
    pub(super) fn used(&self) -> u32 {
        count(self.units.len())
    }

    /// Those of the used that no active user has and that may be re-assigned now.
    pub(super) fn reusable(&self) -> u32 {
        count(self.reusable.len())
    }

    /// `Total − Used + Reusable`; never negative, because no total is lowered below `Used − Reusable`
    /// and nothing is assigned above it.
    pub(super) fn available(&self, total: u32) -> u32 {
        total.saturating_sub(self.used() - self.reusable())
    }

    /// Whether `user` could be active now.
    pub(super) fn can_assign(&self, user: &str, total: u32) -> bool {
        let own = self.of_user.get(user).map(|unit| &self.units[unit]);
        own.is_some_and(|own| !own.is_reusable()) || self.available(total) > 0
    }

    /// Gives `user` their own unit, else a free one, else one that is re-assigned by it; `None` if there
    /// is none. A new unit gets the number `fresh`.
    pub(super) fn assign(
        &mut self,
        licence: LicenceId,
        user: &UserName,
        total: u32,
        fresh: u64,
        now: DateTime<Utc>,
    ) -> Option<Changed> {
        if !self.can_assign(user, total) {
            return None;
        }
        let own = self.of_user.get(user).map(|unit| self.units[unit].clone());
        let (unit, change) = if let Some(own) = own {
            (BaseUnit { released_at: None, ..own }, BaseChange::Returned)
        } else if self.used() < total {
            (BaseUnit::fresh(licence, user, fresh, now), BaseChange::Assigned)
        } else {
            let (_, _, unit) = self.reusable.first().copied()?;
            let unit =
                BaseUnit { is_reassigned: true, ..BaseUnit::fresh(licence, user, unit, now) };
            (unit, BaseChange::Reassigned)
        };
        self.put(unit.unit, Some(unit.clone()));
        Some((unit, Some(change)))
    }

    /// Takes the unit back from a user who is not active with this type any more. After its 90 days it
    /// is free at once.
    pub(super) fn release(&mut self, user: &str, now: DateTime<Utc>) -> Option<Changed> {
        let unit = &self.units[self.of_user.get(user)?];
        if unit.released_at.is_some() {
            return None;
        }
        let unit = BaseUnit { released_at: Some(now), ..unit.clone() };
        self.put(unit.unit, (unit.free_at() > now).then(|| unit.clone()));
        Some((unit, Some(BaseChange::Released)))
    }

    /// The user is deleted: nobody can ask for the unit that they had. To be called after
    /// [`Self::release`].
    pub(super) fn forget(&mut self, user: &str) -> Option<Changed> {
        let unit = self.units[self.of_user.get(user)?].clone();
        let unit = BaseUnit { is_gone: true, ..unit };
        self.put(unit.unit, Some(unit.clone()));
        Some((unit, None))
    }

    /// Frees what was released and whose 90 days have passed.
    pub(super) fn expire(&mut self, now: DateTime<Utc>) {
        while let Some((free_at, unit)) = self.released.first().copied()
            && free_at <= now
        {
            self.put(unit, None);
        }
    }

    /// Takes up a unit as it is kept.
    pub(super) fn restore(&mut self, unit: BaseUnit) {
        self.put(unit.unit, Some(unit));
    }

    /// From now on changes are only tried, until [`Self::keep`] or [`Self::take_back`].
    pub(super) fn begin(&mut self) {
        self.undo = Some(Vec::new());
    }

    /// What was tried stays.
    pub(super) fn keep(&mut self) {
        self.undo = None;
    }

    /// What was tried has not happened.
    pub(super) fn take_back(&mut self) {
        for (unit, before) in self.undo.take().into_iter().flatten().rev() {
            self.put(unit, before);
        }
    }

    /// The one place that changes units, and every index with them.
    fn put(&mut self, number: u64, unit: Option<BaseUnit>) {
        let before = self.units.remove(&number);
        if let Some(before) = &before {
            if self.of_user.get(&before.user) == Some(&number) {
                self.of_user.remove(&before.user);
            }
            self.released.remove(&(before.free_at(), number));
            self.reusable.remove(&rank(before));
        }
        if let Some(unit) = unit {
            if !unit.is_gone {
                self.of_user.insert(unit.user.clone(), number);
            }
            if unit.released_at.is_some() {
                self.released.insert((unit.free_at(), number));
            }
            if unit.is_reusable() {
                self.reusable.insert(rank(&unit));
            }
            self.units.insert(number, unit);
        }
        if let Some(undo) = &mut self.undo {
            undo.push((number, before));
        }
    }

    /// Who has a unit now. Costs time in proportion to them; for checks.
    pub(super) fn users(&self) -> impl Iterator<Item = &UserName> {
        self.units.values().filter(|unit| unit.released_at.is_none()).map(|unit| &unit.user)
    }
}

fn rank(unit: &BaseUnit) -> (bool, Reverse<DateTime<Utc>>, u64) {
    (!unit.is_gone, Reverse(unit.free_at()), unit.unit)
}

/// Units are bounded by users, and those far below this.
fn count(units: usize) -> u32 {
    u32::try_from(units).unwrap_or(u32::MAX)
}

impl Organisation {
    /// Gives units to users who were made active when base licences were not counted yet.
    pub(super) fn adopt_base(&mut self) {
        for (licence, _) in self.catalogue.clone().iter().filter(|(_, kind)| kind.base) {
            let needs = |record: &&UserRecord| {
                record.user_type == licence && record.status == UserStatus::Active
            };
            let ledger = &mut self.base[licence.index()];
            for record in self.users.values().map(|user| &user.record).filter(needs) {
                if ledger.of_user.contains_key(&record.user) {
                    continue;
                }
                self.sequence += 1;
                let (user, at) = (&record.user, record.created_at);
                let unit = BaseUnit::fresh(licence, user, self.sequence, at);
                ledger.units.insert(unit.unit, unit);
                ledger.of_user.insert(user.clone(), self.sequence);
            }
        }
    }

    /// Whoever is active with a type that needs a base licence has one, and nobody else.
    pub(super) fn assert_base_consistent(&self) {
        for (licence, kind) in self.catalogue.iter() {
            let ledger = &self.base[licence.index()];
            let mut have: Vec<&UserName> = ledger.users().collect();
            let mut need: Vec<&UserName> = self
                .users
                .values()
                .map(|user| &user.record)
                .filter(|record| kind.base && record.user_type == licence)
                .filter(|record| record.status == UserStatus::Active)
                .map(|record| &record.user)
                .collect();
            have.sort_unstable();
            need.sort_unstable();
            assert_eq!(have, need, "base licences of {}", kind.key);
        }
    }
}
