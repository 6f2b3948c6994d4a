//! The only reader of time.

use crate::domain::moment::Moment;
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// As far as two clocks may be apart before one is put right: more than an answer is under way.
const CLOCKS_APART_MAX: TimeDelta = TimeDelta::milliseconds(500);

/// Wall-clock and monotonic time, or a hand that a test turns.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Source>);

#[derive(Debug)]
enum Source {
    System {
        started: Instant,
        /// What the wall clock is told to add, in milliseconds.
        ahead_ms: AtomicI64,
    },
    Manual(Mutex<Moment>),
}

impl Clock {
    /// The machine's clocks; monotonic time counts from this call.
    pub fn system() -> Self {
        Self(Arc::new(Source::System { started: Instant::now(), ahead_ms: AtomicI64::new(0) }))
    }

    /// A clock that stands still until it is turned.
    pub fn manual(at: DateTime<Utc>) -> Self {
        Self(Arc::new(Source::Manual(Mutex::new(Moment { at, elapsed: Duration::ZERO }))))
    }

    /// The present instant; the wall clock to the millisecond.
    pub fn now(&self) -> Moment {
        match &*self.0 {
            Source::System { started, ahead_ms } => {
                let ahead = TimeDelta::milliseconds(ahead_ms.load(Ordering::Relaxed));
                Moment { at: Utc::now().trunc_subsecs(3) + ahead, elapsed: started.elapsed() }
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
    /// By how much this one was wrong, if it is put right. A manual clock stays as it is.
    pub fn follow(&self, at: DateTime<Utc>) -> Option<TimeDelta> {
        let Source::System { ahead_ms, .. } = &*self.0 else { return None };
        let behind = at - self.now().at;
        if behind.abs() <= CLOCKS_APART_MAX {
            return None;
        }
        ahead_ms.fetch_add(behind.num_milliseconds(), Ordering::Relaxed);
        Some(behind)
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
