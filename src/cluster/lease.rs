//! This node's lease, as its own monotonic clock tells.

use crate::clock::Clock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What part of a lease is given away, so that a clock which runs a little slow does no harm.
const MARGIN: u32 = 10;

/// Until when this node may decide. Read before every decision, and before every answer that tells of one.
#[derive(Debug)]
pub struct Lease {
    clock: Clock,
    /// Microseconds of monotonic time; 0 if there is none.
    until_us: AtomicU64,
}

impl Lease {
    pub(super) fn over(clock: Clock) -> Self {
        Self { clock, until_us: AtomicU64::new(0) }
    }

    /// Whether it is in force at this instant.
    pub fn holds(&self) -> bool {
        self.clock.elapsed() < self.until()
    }

    /// When it is over, in monotonic time.
    pub(super) fn until(&self) -> Duration {
        Duration::from_micros(self.until_us.load(Ordering::Acquire))
    }

    /// A lease of this length was asked for at `asked`, and given: the store's clock began to count it later
    /// than that.
    pub(super) fn given(&self, asked: Duration, length: Duration) {
        let until = asked + length - length / MARGIN;
        let until = u64::try_from(until.as_micros()).unwrap_or(u64::MAX);
        self.until_us.store(until, Ordering::Release);
    }

    /// It is over, whatever was given.
    pub(super) fn end(&self) {
        self.until_us.store(0, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    #[test]
    fn a_lease_is_over_before_the_stores_clock_says_so() {
        let clock = Clock::manual(DateTime::UNIX_EPOCH);
        let lease = Lease::over(clock.clone());
        assert!(!lease.holds());
        clock.advance(Duration::from_secs(7));
        lease.given(Duration::from_secs(6), Duration::from_secs(3));
        assert!(lease.holds());
        clock.advance(Duration::from_millis(1_699));
        assert!(lease.holds());
        clock.advance(Duration::from_millis(1));
        assert!(!lease.holds(), "a tenth of it is given away");
    }

    #[test]
    fn a_lease_that_was_ended_holds_no_more() {
        let clock = Clock::manual(DateTime::UNIX_EPOCH);
        let lease = Lease::over(clock);
        lease.given(Duration::ZERO, Duration::from_secs(3));
        lease.end();
        assert!(!lease.holds());
    }
}
