//! What was bought, and what its change does to who holds and who waits.

use super::audit::Subject;
use super::catalogue::{LicenceType, Model};
use super::event::{Effects, Event};
use super::ids::{LicenceId, LicenceSet};
use super::moment::Moment;
use super::organisation::{Command, Organisation};
use super::pool::Totals;
use super::reason::AuditAction;
use rust_decimal::Decimal;

/// What was bought of one type changes, in force at once.
#[derive(Clone, Copy, Debug)]
pub struct SetTotals {
    /// Of which type.
    pub licence: LicenceId,
    /// What is bought now.
    pub totals: Totals,
    /// The version of all totals that the change was made for, if whoever asks cares.
    pub expected_version: Option<u64>,
}

/// Why what was bought was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TotalsRefusal {
    /// The totals changed since the version that was expected.
    Changed,
    /// More fixed seats are assigned than would be bought; the number assigned.
    FixedExhausted(u32),
    /// More base licences are bound than would be bought: `Used − Reusable`.
    BaseExhausted(u32),
}

impl Totals {
    /// The first field, by name, that is not for sale for this type, with what it would need.
    pub fn not_for_sale(&self, licence: &LicenceType) -> Option<(&'static str, &'static str)> {
        let checks = [
            (self.base > 0 && !licence.base, "base", "this type needs no base licence"),
            (
                self.concurrent > 0 && licence.model != Model::Concurrent,
                "concurrent",
                "this type is not sold as concurrent licences",
            ),
            (
                self.contingency > 0 && !licence.contingency,
                "contingency",
                "this type is not sold as contingency licences",
            ),
            (
                self.fixed > 0 && licence.model != Model::FixedSeat,
                "fixed",
                "this type is not sold as fixed seats",
            ),
        ];
        checks.iter().find(|(broken, _, _)| *broken).map(|(_, field, why)| (*field, *why))
    }
}

impl Command for SetTotals {
    /// The new version of all totals, or why nothing changed.
    type Answer = Result<u64, TotalsRefusal>;

    fn decide(
        self,
        organisation: &mut Organisation,
        now: Moment,
        effects: &mut Effects,
    ) -> Self::Answer {
        organisation.expect_totals(self.expected_version)?;
        organisation.check_lowered(self.licence, self.totals)?;
        let version = organisation.renew_totals();
        let pool = organisation.pool_mut(self.licence);
        let before = std::mem::replace(&mut pool.totals, self.totals);
        pool.highest = pool.highest.highest(self.totals);
        organisation.resize_overflow(self.licence);
        let (licence, totals, at) = (self.licence, self.totals, now.at);
        effects.events.push(Event::TotalsSet { licence, totals, version, at });
        let key = organisation.catalogue.key(licence).clone();
        let (before, after) = (Subject::Totals(before), Subject::Totals(totals));
        effects.audit(now, AuditAction::LicencesPut, key, Some(before), Some(after));
        let raised: LicenceSet = [self.licence].into_iter().collect();
        organisation.serve(raised, now, effects);
        Ok(version)
    }
}

impl Organisation {
    /// Whether all totals and prices are as whoever changes them has seen them.
    fn expect_totals(&self, expected_version: Option<u64>) -> Result<(), TotalsRefusal> {
        let is_as_expected = expected_version.is_none_or(|seen| seen == self.totals_version);
        if is_as_expected { Ok(()) } else { Err(TotalsRefusal::Changed) }
    }

    /// The version that all totals and prices have from now on.
    fn renew_totals(&mut self) -> u64 {
        self.totals_version = self.next_sequence();
        self.totals_version
    }

    /// Nothing is lowered below what is in use. Where more is in use than was bought, because users are
    /// older than the rule or the catalogue, what stays as it is is not lowered.
    fn check_lowered(&self, licence: LicenceId, after: Totals) -> Result<(), TotalsRefusal> {
        let pool = self.pool(licence);
        let is_fixed = self.model(licence) == Model::FixedSeat;
        if is_fixed && after.fixed < pool.assigned.min(pool.totals.fixed) {
            return Err(TotalsRefusal::FixedExhausted(pool.assigned));
        }
        let ledger = &self.base[licence.index()];
        let bound = ledger.used() - ledger.reusable();
        if after.base < bound.min(pool.totals.base) {
            return Err(TotalsRefusal::BaseExhausted(bound));
        }
        Ok(())
    }
}

/// What a contingency licence of one type costs in a month changes.
#[derive(Clone, Copy, Debug)]
pub struct SetPrice {
    /// Of which type.
    pub licence: LicenceId,
    /// The price; `None` for none.
    pub price: Option<Decimal>,
    /// The version of all totals and prices that the change was made for, if whoever asks cares.
    pub expected_version: Option<u64>,
}

impl Command for SetPrice {
    /// The new version of all totals and prices, or that they changed since the one expected.
    type Answer = Result<u64, TotalsRefusal>;

    fn decide(
        self,
        organisation: &mut Organisation,
        now: Moment,
        effects: &mut Effects,
    ) -> Self::Answer {
        organisation.expect_totals(self.expected_version)?;
        let version = organisation.renew_totals();
        let Self { licence, price, .. } = self;
        let before = std::mem::replace(&mut organisation.pool_mut(licence).unit_price, price);
        effects.events.push(Event::PriceSet { licence, price, version });
        let key = organisation.catalogue.key(licence).clone();
        let (before, after) = (Subject::Price(before), Subject::Price(price));
        effects.audit(now, AuditAction::PricePut, key, Some(before), Some(after));
        Ok(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue_file;
    use crate::domain::ids::OrganisationId;
    use crate::domain::organisation::{Bounds, Settings};
    use crate::domain::reason::UserStatus;
    use crate::domain::resume::Snapshot;
    use crate::domain::user::UserRecord;
    use chrono::DateTime;
    use chrono_tz::Tz;
    use std::time::Duration;

    const NOW: Moment = Moment { at: DateTime::UNIX_EPOCH, elapsed: Duration::ZERO };

    /// An organisation whose users were made active before base licences were counted, `bought` of
    /// which there are.
    fn with_active_users(names: &[&str], licence: LicenceId, bought: Totals) -> Organisation {
        let settings = Settings {
            id: OrganisationId::new(129).expect("a number"),
            name: "Example".into(),
            time_zone: Tz::UTC,
            max_grace_s: 60,
            scheduled_log_off: None,
            created_at: NOW.at,
            version: 0,
        };
        let user = |name: &&str| UserRecord {
            user: (*name).into(),
            name: (*name).into(),
            status: UserStatus::Active,
            user_type: licence,
            features: LicenceSet::EMPTY,
            synced: LicenceSet::EMPTY,
            created_at: NOW.at,
            version: 1,
        };
        let mut snapshot = Snapshot::new(settings);
        snapshot.users = names.iter().map(user).collect();
        snapshot.totals = vec![(licence, bought)];
        let bounds = Bounds { waiting_per_licence_max: 9, users_max: 9 };
        Organisation::restore(snapshot, catalogue_file::built_in(), bounds, NOW.at)
    }

    #[test]
    fn what_was_never_bought_is_not_lowered_by_buying_something_else() {
        let licence = catalogue_file::built_in().find("inbound_agent").expect("a type");
        let bought = Totals { base: 1, concurrent: 1, ..Totals::default() };
        let mut organisation = with_active_users(&["ada", "bob", "cid"], licence, bought);
        let mut set = |base, concurrent| {
            let totals = Totals { base, concurrent, ..Totals::default() };
            let set = SetTotals { licence, totals, expected_version: None };
            organisation.apply(set, NOW).answer.map(|_| ())
        };
        assert_eq!(set(1, 9), Ok(()), "base licences stay as they were");
        assert_eq!(set(2, 9), Ok(()), "more of them");
        assert_eq!(set(1, 9), Err(TotalsRefusal::BaseExhausted(3)), "fewer");
    }
}
