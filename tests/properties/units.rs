//! Base licences in the model: a list of units, each with all that ever became of it, looked through for
//! every question.

use chrono::{DateTime, TimeDelta, Utc};
use licence_broker::domain::ids::{LicenceId, UserName};

/// One user's time with a unit, with interruptions.
#[derive(Clone, Debug)]
struct Assignment {
    user: UserName,
    at: DateTime<Utc>,
    /// It took the unit from whoever had it within the 90 days before.
    is_again: bool,
    /// When the user was active; the last one may last.
    spells: Vec<(DateTime<Utc>, Option<DateTime<Utc>>)>,
    /// The user was deleted.
    is_gone: bool,
}

/// A unit that was bought, from its first assignment on.
#[derive(Clone, Debug)]
struct Unit {
    licence: LicenceId,
    /// Never empty; oldest first.
    history: Vec<Assignment>,
}

impl Unit {
    fn last(&self) -> &Assignment {
        self.history.last().expect("a unit begins with an assignment")
    }

    fn free_at(&self) -> DateTime<Utc> {
        self.last().at + TimeDelta::days(90)
    }

    fn is_in_hands(&self) -> bool {
        self.last().spells.last().is_some_and(|(_, until)| until.is_none())
    }

    fn is_used(&self, now: DateTime<Utc>) -> bool {
        self.is_in_hands() || now < self.free_at()
    }

    fn is_reusable(&self, now: DateTime<Utc>) -> bool {
        self.is_used(now) && !self.is_in_hands() && !self.last().is_again
    }
}

/// All units of an organisation, in the order in which they were first assigned.
#[derive(Clone, Debug, Default)]
pub(crate) struct Units(Vec<Unit>);

impl Units {
    fn count(&self, licence: LicenceId, is: impl Fn(&Unit) -> bool) -> u32 {
        let of_type = self.0.iter().filter(|unit| unit.licence == licence && is(unit));
        u32::try_from(of_type.count()).expect("few units")
    }

    pub(crate) fn used(&self, licence: LicenceId, now: DateTime<Utc>) -> u32 {
        self.count(licence, |unit| unit.is_used(now))
    }

    pub(crate) fn reusable(&self, licence: LicenceId, now: DateTime<Utc>) -> u32 {
        self.count(licence, |unit| unit.is_reusable(now))
    }

    /// When the units in use would be free.
    pub(crate) fn edges(&self, now: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        let used = self.0.iter().filter(|unit| unit.is_used(now));
        used.map(Unit::free_at).filter(|free_at| *free_at > now).collect()
    }

    /// `user` is active with a type from `now` on; whether there was a unit for that.
    pub(crate) fn assign(
        &mut self,
        licence: LicenceId,
        user: &UserName,
        total: u32,
        now: DateTime<Utc>,
    ) -> bool {
        let (used, reusable) = (self.used(licence, now), self.reusable(licence, now));
        let available = total + reusable > used;
        let own = self.0.iter_mut().find(|unit| {
            let last = unit.last();
            unit.licence == licence && last.user == *user && !last.is_gone && unit.is_used(now)
        });
        if let Some(own) = own {
            let is_allowed = available || !own.is_reusable(now);
            if is_allowed && let Some(last) = own.history.last_mut() {
                last.spells.push((now, None));
            }
            return is_allowed;
        }
        if !available {
            return false;
        }
        let mut first = Assignment {
            user: user.clone(),
            at: now,
            is_again: false,
            spells: vec![(now, None)],
            is_gone: false,
        };
        if used < total {
            self.0.push(Unit { licence, history: vec![first] });
            return true;
        }
        first.is_again = true;
        // Whom nobody can ask back goes first, then what is bound for longest, then the oldest.
        let reusable = self.0.iter_mut().filter(|u| u.licence == licence && u.is_reusable(now));
        let chosen = reusable.reduce(|best, unit| {
            let worth = |unit: &Unit| (unit.last().is_gone, unit.free_at());
            if worth(unit) > worth(best) { unit } else { best }
        });
        let is_found = chosen.is_some();
        if let Some(unit) = chosen {
            unit.history.push(first);
        }
        is_found
    }

    /// `user` is not active with a type any more.
    pub(crate) fn release(&mut self, licence: LicenceId, user: &UserName, now: DateTime<Utc>) {
        for unit in self.0.iter_mut().filter(|unit| unit.licence == licence) {
            if unit.is_in_hands()
                && let Some(last) = unit.history.last_mut()
                && last.user == *user
                && let Some((_, until)) = last.spells.last_mut()
            {
                *until = Some(now);
            }
        }
    }

    /// `user` is deleted; whoever has the name later is somebody else.
    pub(crate) fn forget(&mut self, user: &UserName) {
        let all = self.0.iter_mut().flat_map(|unit| &mut unit.history);
        all.filter(|spell| spell.user == *user).for_each(|spell| spell.is_gone = true);
    }

    /// Fails if a unit was re-assigned twice within 90 days, or had two users at once.
    pub(crate) fn check(&self) -> Result<(), String> {
        for unit in &self.0 {
            let again: Vec<&Assignment> = unit.history.iter().filter(|a| a.is_again).collect();
            let is_soon = |pair: &[&Assignment]| pair[1].at - pair[0].at < TimeDelta::days(90);
            if again.windows(2).any(is_soon) {
                return Err(format!("re-assigned twice within 90 days: {unit:?}"));
            }
        }
        Ok(())
    }
}
