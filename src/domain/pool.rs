//! The numbers of one licence type in one organisation, and the arithmetic of overflow.

use super::ids::SessionId;
use super::interval::Window;
use super::overflow::Overflow;
use super::reason::GrantPool;
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// What was bought of one licence type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Base licences, for user types that need one.
    pub base: u32,
    /// Concurrent licences.
    pub concurrent: u32,
    /// Contingency licences, in use only while demand exceeds the concurrent ones.
    pub contingency: u32,
    /// Fixed seats.
    pub fixed: u32,
}

/// How a number of holders falls on the totals (SPEC §4, Counting).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// `min(holders, concurrent total)`
    pub concurrent: u32,
    /// `min(holders − concurrent used, contingency total)`
    pub contingency: u32,
    /// Holders above both totals.
    pub over_allocated: u32,
}

impl Totals {
    /// Spreads `holders` over the totals: concurrent first, then contingency, then beyond.
    pub fn split(&self, holders: u32) -> Split {
        let concurrent = holders.min(self.concurrent);
        let contingency = (holders - concurrent).min(self.contingency);
        Split { concurrent, contingency, over_allocated: holders - concurrent - contingency }
    }

    /// From which pool one more holder would be served; `None` when all are in use.
    pub fn next(&self, holders: u32) -> Option<GrantPool> {
        if holders < self.concurrent {
            Some(GrantPool::Concurrent)
        } else if u64::from(holders) < u64::from(self.concurrent) + u64::from(self.contingency) {
            Some(GrantPool::Contingency)
        } else {
            None
        }
    }

    /// Whether neither a concurrent nor a contingency licence was bought.
    pub fn is_unpurchased(&self) -> bool {
        self.concurrent == 0 && self.contingency == 0
    }
}

/// The state of one licence type in one organisation.
#[derive(Debug, Default)]
pub(super) struct Pool {
    /// What was bought.
    pub(super) totals: Totals,
    /// Distinct users with an instance.
    pub(super) holders: u32,
    /// Instances, over all sessions.
    pub(super) instances: u32,
    /// Users, deleted ones apart, who have the type.
    pub(super) assigned: u32,
    /// Those of them who are active.
    pub(super) active: u32,
    /// Users who were active with the type this month and are not any more.
    pub(super) lapsed: u32,
    /// Of a concurrent type the holders beyond the concurrent total, by [`super::user::Holding::order`].
    pub(super) overflow: Overflow,
    /// What a contingency licence costs in a month.
    pub(super) unit_price: Option<Decimal>,
    /// The highest totals in force this month, each by itself.
    pub(super) highest: Totals,
    /// What has been in use since the five-minute interval began.
    pub(super) window: Window,
    /// The month's contingency maximum.
    pub(super) contingency_max: u32,
    /// Denials since the organisation's midnight.
    pub(super) denied_today: u32,
    /// Waiting sessions by place, those aside whose connection is lost.
    pub(super) queue: BTreeMap<u64, SessionId>,
    /// Waiting sessions, lingering ones included.
    pub(super) waiting: u32,
}

impl Pool {
    /// The contingency licences in use now.
    pub(super) fn contingency_used(&self) -> u32 {
        self.totals.split(self.holders).contingency
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOTALS: Totals = Totals { base: 0, concurrent: 3, contingency: 2, fixed: 0 };

    #[test]
    fn holders_fill_concurrent_then_contingency_then_stand_over() {
        let split = |holders| {
            let Split { concurrent, contingency, over_allocated } = TOTALS.split(holders);
            [concurrent, contingency, over_allocated]
        };
        assert_eq!(split(0), [0, 0, 0]);
        assert_eq!(split(3), [3, 0, 0]);
        assert_eq!(split(5), [3, 2, 0]);
        assert_eq!(split(9), [3, 2, 4]);
    }

    #[test]
    fn the_next_holder_is_served_in_the_same_order() {
        assert_eq!(TOTALS.next(2), Some(GrantPool::Concurrent));
        assert_eq!(TOTALS.next(3), Some(GrantPool::Contingency));
        assert_eq!(TOTALS.next(5), None);
    }

    #[test]
    fn totals_at_the_end_of_their_range_do_not_overflow() {
        let all = Totals { concurrent: u32::MAX, contingency: u32::MAX, ..Totals::default() };
        assert_eq!(all.next(u32::MAX), Some(GrantPool::Contingency));
        assert_eq!(all.split(u32::MAX).over_allocated, 0);
    }
}
