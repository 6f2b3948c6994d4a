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
        let expected = self.expected_version.unwrap_or(organisation.totals_version);
        if expected != organisation.totals_version {
            return Err(TotalsRefusal::Changed);
        }
        let is_fixed = organisation.model(self.licence) == Model::FixedSeat;
        let assigned = organisation.pool(self.licence).assigned;
        if is_fixed && self.totals.fixed < assigned {
            return Err(TotalsRefusal::FixedExhausted(assigned));
        }
        let ledger = &organisation.base[self.licence.index()];
        let bound = ledger.used() - ledger.reusable();
        if self.totals.base < bound {
            return Err(TotalsRefusal::BaseExhausted(bound));
        }
        let version = organisation.next_sequence();
        organisation.totals_version = version;
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
        let expected = self.expected_version.unwrap_or(organisation.totals_version);
        if expected != organisation.totals_version {
            return Err(TotalsRefusal::Changed);
        }
        let version = organisation.next_sequence();
        organisation.totals_version = version;
        let Self { licence, price, .. } = self;
        let before = std::mem::replace(&mut organisation.pool_mut(licence).unit_price, price);
        effects.events.push(Event::PriceSet { licence, price, version });
        let key = organisation.catalogue.key(licence).clone();
        let (before, after) = (Subject::Price(before), Subject::Price(price));
        effects.audit(now, AuditAction::PricePut, key, Some(before), Some(after));
        Ok(version)
    }
}
