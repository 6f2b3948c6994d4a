//! The only reader of time.

use crate::domain::moment::Moment;
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// As far as two clocks may be apart before one is put right: more than an answer is under way.
const CLOCKS_APART_MAX: TimeDelta = TimeDelta::milliseconds(500);

/// Of a clock that goes by the machine's own.
const NOBODYS: i64 = i64::MIN;

/// Wall-clock and monotonic time, or a hand that a test turns.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Source>);

#[derive(Debug)]
enum Source {
    System {
        started: Instant,
        /// When the clock that is followed showed that monotonic time began, in milliseconds UTC;
        /// [`NOBODYS`] while none is.
        followed_from_ms: AtomicI64,
    },
    Manual(Mutex<Moment>),
}

impl Clock {
    /// The machine's clocks; monotonic time counts from this call.
    pub fn system() -> Self {
        let followed_from_ms = AtomicI64::new(NOBODYS);
        Self(Arc::new(Source::System { started: Instant::now(), followed_from_ms }))
    }

    /// A clock that stands still until it is turned.
    pub fn manual(at: DateTime<Utc>) -> Self {
        Self(Arc::new(Source::Manual(Mutex::new(Moment { at, elapsed: Duration::ZERO }))))
    }

    /// The present instant; the wall clock to the millisecond.
    pub fn now(&self) -> Moment {
        match &*self.0 {
            Source::System { started, followed_from_ms } => {
                let elapsed = started.elapsed();
                let at = followed(followed_from_ms.load(Ordering::Relaxed), elapsed);
                Moment { at: at.unwrap_or_else(|| Utc::now().trunc_subsecs(3)), elapsed }
            }
            Source::Manual(hand) => *hand.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Monotonic time alone, where nobody asks for the date.
    pub fn elapsed(&self) -> Duration {
        match &*self.0 {
            Source::System { started, .. } => started.elapsed(),
            Source::Manual(hand) => hand.lock().unwrap_or_else(PoisonError::into_inner).elapsed,
        }
    }

    /// Goes by another clock from now on, which shows `at`; differences that a network makes are left alone.
    /// By how much this one was wrong, if it is put right. In between it goes by monotonic time: whoever sets
    /// the machine's clock changes nothing any more. A manual clock stays as it is.
    pub fn follow(&self, at: DateTime<Utc>) -> Option<TimeDelta> {
        let Source::System { followed_from_ms, .. } = &*self.0 else { return None };
        let now = self.now();
        let behind = at - now.at;
        let is_wrong = behind.abs() > CLOCKS_APART_MAX;
        if is_wrong || followed_from_ms.load(Ordering::Relaxed) == NOBODYS {
            let at = if is_wrong { at } else { now.at };
            let from = at.timestamp_millis() - milliseconds(now.elapsed);
            followed_from_ms.store(from, Ordering::Relaxed);
        }
        is_wrong.then_some(behind)
    }

    /// Turns a manual clock forward, both hands alike.
    ///
    /// # Panics
    /// On the machine's clocks, which nobody turns.
    pub fn advance(&self, by: Duration) {
        match &*self.0 {
            Source::System { .. } => panic!("the machine's clocks are not for turning"),
            Source::Manual(hand) => {
                let mut moment = hand.lock().unwrap_or_else(PoisonError::into_inner);
                moment.at += TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX);
                moment.elapsed += by;
            }
        }
    }

    /// Sets the wall clock of a manual clock forward or back, as whoever sets a machine's clock does;
    /// monotonic time knows nothing of it.
    ///
    /// # Panics
    /// On the machine's clocks, which nobody turns.
    pub fn step(&self, by: TimeDelta) {
        match &*self.0 {
            Source::System { .. } => panic!("the machine's clocks are not for turning"),
            Source::Manual(hand) => {
                hand.lock().unwrap_or_else(PoisonError::into_inner).at += by;
            }
        }
    }
}

/// What a followed clock shows; `None` if none is followed.
fn followed(from_ms: i64, elapsed: Duration) -> Option<DateTime<Utc>> {
    let at_ms = (from_ms != NOBODYS).then(|| from_ms + milliseconds(elapsed))?;
    DateTime::from_timestamp_millis(at_ms)
}

fn milliseconds(elapsed: Duration) -> i64 {
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_follows_another_shows_its_time() {
        let clock = Clock::system();
        let there = clock.now().at + TimeDelta::hours(3);
        let behind = clock.follow(there).expect("it was wrong");
        assert!((behind - TimeDelta::hours(3)).abs() < CLOCKS_APART_MAX, "{behind}");
        let apart = clock.now().at - there;
        assert!(apart >= TimeDelta::zero() && apart < TimeDelta::minutes(1), "{apart}");
        assert_eq!(clock.follow(clock.now().at), None, "it is right now");
    }

    #[test]
    fn a_small_difference_is_left_alone() {
        let clock = Clock::system();
        let before = clock.now().at;
        assert_eq!(clock.follow(before + CLOCKS_APART_MAX / 2), None);
        assert!(clock.now().at >= before, "and time does not jump");
    }
}
