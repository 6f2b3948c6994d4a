//! Whether the store takes what is decided, as the journal last found it.

use crate::store::StoreError;
use chrono::{DateTime, Utc};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// What the store last refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// When it first refused; it has done nothing since.
    pub since: DateTime<Utc>,
    /// What it said last; for the log and the metrics, not for strangers.
    pub error: String,
}

/// See the module. Written by the journal, read by whoever looks from outside.
#[derive(Debug)]
pub struct StoreHealth {
    /// Batches that have no outcome yet.
    batches: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    durable_at: DateTime<Utc>,
    refusal: Option<Refusal>,
}

impl StoreHealth {
    /// Of a store that has just been read, at `at`.
    pub fn new(at: DateTime<Utc>) -> Self {
        let state = Mutex::new(State { durable_at: at, refusal: None });
        Self { batches: AtomicUsize::new(0), state }
    }

    /// What the store refuses now; `None` while it works.
    pub fn refusal(&self) -> Option<Refusal> {
        self.state().refusal.clone()
    }

    /// When something was last made durable.
    pub fn durable_at(&self) -> DateTime<Utc> {
        self.state().durable_at
    }

    /// Batches that have no outcome yet.
    pub fn batches(&self) -> usize {
        self.batches.load(Ordering::Relaxed)
    }

    pub(super) fn queue(&self) {
        self.batches.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn settle(&self) {
        self.batches.fetch_sub(1, Ordering::Relaxed);
    }

    /// The store did, or did not do, what it was asked at `at`. One writer that another has overtaken says
    /// nothing about the store.
    pub(super) fn note(&self, at: DateTime<Utc>, outcome: Result<(), &StoreError>) {
        let mut state = self.state();
        match outcome {
            Ok(()) => *state = State { durable_at: at, refusal: None },
            Err(StoreError::Fenced(_)) => {}
            Err(
                error @ (StoreError::Aborted(_)
                | StoreError::MaybeApplied(_)
                | StoreError::Corrupt(_)),
            ) => {
                let since = state.refusal.take().map_or(at, |refusal| refusal.since);
                state.refusal = Some(Refusal { since, error: error.to_string() });
            }
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn a_refusal_lasts_from_its_first_time_until_the_next_success() {
        let start = DateTime::UNIX_EPOCH;
        let after = |seconds| start + TimeDelta::seconds(seconds);
        let health = StoreHealth::new(start);
        let error = |why: &str| StoreError::Aborted(why.to_owned());
        health.note(after(1), Err(&error("full")));
        health.note(after(2), Err(&error("still full")));
        let refusal = health.refusal().expect("it refuses");
        assert_eq!((refusal.since, health.durable_at()), (after(1), start));
        assert!(refusal.error.contains("still full"), "{}", refusal.error);
        health.note(after(3), Ok(()));
        assert_eq!((health.refusal(), health.durable_at()), (None, after(3)));
    }

    #[test]
    fn a_writer_that_was_overtaken_says_nothing_about_the_store() {
        let health = StoreHealth::new(DateTime::UNIX_EPOCH);
        let organisation = crate::domain::ids::OrganisationId::new(1).expect("a number");
        health.note(DateTime::UNIX_EPOCH, Err(&StoreError::Fenced(organisation)));
        assert_eq!(health.refusal(), None);
    }
}
