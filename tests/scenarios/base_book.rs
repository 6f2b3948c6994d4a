//! Base licences as a store keeps them, each change held against what the unit was before.

use super::ensure;
use chrono::{DateTime, TimeDelta, Utc};
use licence_broker::domain::base::BaseUnit;
use licence_broker::domain::ids::{LicenceId, UserName};
use licence_broker::domain::reason::BaseChange;
use std::collections::BTreeMap;

/// SPEC §5: 90 × 24 hours.
const PERIOD: TimeDelta = TimeDelta::hours(90 * 24);

/// Every unit that was ever assigned, as it stands now.
#[derive(Default)]
pub(super) struct BaseBook {
    units: BTreeMap<u64, BaseUnit>,
    /// When each was last re-assigned.
    reassigned: BTreeMap<u64, DateTime<Utc>>,
}

impl BaseBook {
    /// Keeps a unit; an error says what contradicts its history.
    pub(super) fn save(
        &mut self,
        unit: &BaseUnit,
        change: Option<BaseChange>,
        at: DateTime<Utc>,
    ) -> Result<(), String> {
        let before = self.units.insert(unit.unit, unit.clone());
        let before = before.filter(|before| before.released_at.is_none() || is_bound(before, at));
        let begins = unit.assigned_at == at && unit.released_at.is_none() && !unit.is_gone;
        let holds = match (change, &before) {
            (Some(BaseChange::Assigned), None) => begins && !unit.is_reassigned,
            (Some(BaseChange::Reassigned), Some(before)) => {
                let earlier = self.reassigned.insert(unit.unit, at);
                let is_first = earlier.is_none_or(|earlier| earlier + PERIOD <= at);
                begins && is_first && is_reusable(before) && unit.is_reassigned
            }
            (Some(BaseChange::Returned), Some(before)) => {
                let expected = BaseUnit { released_at: None, ..before.clone() };
                before.released_at.is_some() && !before.is_gone && *unit == expected
            }
            (Some(BaseChange::Released), Some(before)) => {
                let expected = BaseUnit { released_at: Some(at), ..before.clone() };
                before.released_at.is_none() && *unit == expected
            }
            (None, Some(before)) => {
                before.released_at.is_some()
                    && *unit == (BaseUnit { is_gone: true, ..before.clone() })
            }
            (Some(_) | None, _) => false,
        };
        ensure(holds, || format!("{change:?} of a unit that was {before:?}"))
    }

    /// What a store hands back.
    pub(super) fn all(&self) -> Vec<BaseUnit> {
        self.units.values().cloned().collect()
    }

    /// Who has a unit of the type now, in order.
    pub(super) fn users(&self, licence: LicenceId) -> Vec<UserName> {
        let of_type = self.units.values().filter(|unit| unit.licence == licence);
        let mut users: Vec<UserName> = of_type
            .filter(|unit| unit.released_at.is_none())
            .map(|unit| unit.user.clone())
            .collect();
        users.sort_unstable();
        users
    }

    /// Used and reusable units of a type.
    pub(super) fn counts(&self, licence: LicenceId, at: DateTime<Utc>) -> (usize, usize) {
        let of_type = self.units.values().filter(|unit| unit.licence == licence);
        let used = of_type.filter(|unit| unit.released_at.is_none() || is_bound(unit, at));
        (used.clone().count(), used.filter(|unit| is_reusable(unit)).count())
    }
}

fn is_bound(unit: &BaseUnit, at: DateTime<Utc>) -> bool {
    unit.assigned_at + PERIOD > at
}

fn is_reusable(unit: &BaseUnit) -> bool {
    unit.released_at.is_some() && !unit.is_reassigned
}
