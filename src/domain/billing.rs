//! The billing month (SPEC §7): what was bought, and the most contingency that was used.

use super::catalogue::Model;
use super::event::{Effects, Event};
use super::ids::LicenceId;
use super::moment;
use super::organisation::Organisation;
use super::overflow::HeldBy;
use super::pool::Totals;
use chrono::{DateTime, Months, NaiveDate, Utc};
use rust_decimal::Decimal;

/// What one month of one licence type is charged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BillLine {
    /// The type.
    pub licence: LicenceId,
    /// The highest totals that were in force during the month, each by itself.
    pub bought: Totals,
    /// The most contingency licences that were in use.
    pub contingency_max: u32,
    /// What a contingency licence costs in a month.
    pub unit_price: Option<Decimal>,
}

/// A full month's fee for each contingency licence that was used; exact. `None` without a price.
pub fn amount(contingency_max: u32, unit_price: Option<Decimal>) -> Option<Decimal> {
    unit_price.map(|price| price * Decimal::from(contingency_max))
}

impl Totals {
    /// The higher of each number.
    #[must_use]
    pub fn highest(self, other: Self) -> Self {
        Self {
            base: self.base.max(other.base),
            concurrent: self.concurrent.max(other.concurrent),
            contingency: self.contingency.max(other.contingency),
            fixed: self.fixed.max(other.fixed),
        }
    }
}

impl Organisation {
    /// The month that is under way, and its lines so far: a line for each type of which anything was
    /// bought in it or in use.
    pub fn bill(&self) -> (NaiveDate, Vec<BillLine>) {
        (self.month, self.bill_lines())
    }

    fn bill_lines(&self) -> Vec<BillLine> {
        let lines = self.catalogue.iter().map(|(licence, _)| {
            let pool = self.pool(licence);
            BillLine {
                licence,
                bought: pool.highest,
                contingency_max: pool.contingency_max,
                unit_price: pool.unit_price,
            }
        });
        lines.filter(|line| line.bought != Totals::default() || line.contingency_max > 0).collect()
    }

    /// Closes every month that has ended by `at`. Nothing was decided since the turn, so what is in use
    /// now was in use then.
    pub(super) fn turn_months(&mut self, at: DateTime<Utc>, effects: &mut Effects) {
        while at >= self.month_ends_at {
            let turned_at = self.month_ends_at;
            let (month, lines) = self.bill();
            effects.events.push(Event::MonthClosed { month, lines, at: turned_at });
            let zone = self.settings.time_zone;
            self.month = month + Months::new(1);
            self.month_ends_at = moment::end_of_month(self.month, zone).max(turned_at);
            self.restart_month(turned_at.max(self.last_at), effects);
        }
    }

    /// Maxima restart at what is in use, what was bought at what is in force, and who was active at who
    /// is.
    fn restart_month(&mut self, at: DateTime<Utc>, effects: &mut Effects) {
        self.forget_lapses();
        for index in 0..self.pools.len() {
            let licence = LicenceId::from_index(index);
            let pool = &mut self.pools[index];
            pool.highest = pool.totals;
            let maximum = pool.contingency_used();
            if pool.contingency_max != maximum {
                self.pool_mut(licence).contingency_max = maximum;
            }
            if maximum > 0 {
                self.note_maximum(licence, maximum, at, effects);
            }
        }
    }

    /// Raises the month's maximum if a new holder has brought more contingency into use than before.
    pub(super) fn raise_maximum(
        &mut self,
        licence: LicenceId,
        at: DateTime<Utc>,
        effects: &mut Effects,
    ) {
        let maximum = self.pool(licence).contingency_used();
        if self.model(licence) == Model::Concurrent && maximum > self.pool(licence).contingency_max
        {
            self.pool_mut(licence).contingency_max = maximum;
            self.note_maximum(licence, maximum, at, effects);
        }
    }

    fn note_maximum(
        &self,
        licence: LicenceId,
        maximum: u32,
        at: DateTime<Utc>,
        effects: &mut Effects,
    ) {
        let sessions = HeldBy::now(&self.pool(licence).overflow, maximum);
        let month = self.month;
        effects.events.push(Event::MaximumRaised { month, licence, maximum, at, sessions });
    }
}
