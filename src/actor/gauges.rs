//! What of an organisation can be read at any time without asking its actor: a mailbox that is stuck, or
//! an actor that is down, holds up nobody who looks from outside.

use chrono::{DateTime, Utc};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicUsize, Ordering};

/// How an organisation and its actor stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing was asked of it yet.
    Idle,
    /// It is being read from the store.
    Loading,
    /// It decides.
    Loaded,
    /// It could not be read; that is tried again.
    Failing,
}

impl State {
    /// Every state, in the order of the numbers.
    pub const ALL: &[Self] = &[Self::Idle, Self::Loading, Self::Loaded, Self::Failing];

    /// As metrics and `/readyz` call it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Loading => "loading",
            Self::Loaded => "loaded",
            Self::Failing => "failing",
        }
    }
}

/// Why an organisation is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// It was first needed.
    Start,
    /// What it had decided could not be kept.
    CommitFailed,
    /// Its actor ended without saying why.
    Panic,
}

impl Cause {
    const ALL: &[Self] = &[Self::Start, Self::CommitFailed, Self::Panic];

    /// As metrics and the log call it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::CommitFailed => "commit_failed",
            Self::Panic => "panic",
        }
    }
}

/// See the module. Written by the organisation's actor and by whoever sends to it.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    /// Messages that are on their way to the actor.
    waiting: Arc<AtomicUsize>,
    /// Sessions that linger.
    lingering: AtomicUsize,
    /// The place of a [`State`] in its list.
    state: AtomicU8,
    /// The place, in its list, of the [`Cause`] for which the next actor starts.
    cause: AtomicU8,
}

/// A place in the mailbox of an organisation's actor; goes with its message.
pub(super) struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is on its way to the store, and when something last arrived; cheap to clone.
#[derive(Clone, Debug)]
pub struct Backlog(Arc<Arriving>);

#[derive(Debug)]
struct Arriving {
    /// Batches that have no outcome yet.
    batches: AtomicUsize,
    /// Milliseconds of the Unix epoch.
    durable_ms: AtomicI64,
}

impl Backlog {
    pub(super) fn new(at: DateTime<Utc>) -> Self {
        let durable_ms = AtomicI64::new(at.timestamp_millis());
        Self(Arc::new(Arriving { batches: AtomicUsize::new(0), durable_ms }))
    }

    /// Batches that have no outcome yet.
    pub fn batches(&self) -> usize {
        self.0.batches.load(Ordering::Relaxed)
    }

    /// When something was last made durable: milliseconds of the Unix epoch.
    pub fn durable_ms(&self) -> i64 {
        self.0.durable_ms.load(Ordering::Relaxed)
    }

    pub(super) fn queue(&self) {
        self.0.batches.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn settle(&self) {
        self.0.batches.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn durable(&self, at: DateTime<Utc>) {
        self.0.durable_ms.store(at.timestamp_millis(), Ordering::Relaxed);
    }
}

impl Gauges {
    /// A message is about to be sent.
    pub(super) fn queue(&self) -> Place {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Place(self.waiting.clone())
    }

    /// Messages that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// So many sessions linger now.
    pub(super) fn set_lingering(&self, sessions: usize) {
        self.lingering.store(sessions, Ordering::Relaxed);
    }

    /// How many sessions linger.
    pub(super) fn lingering(&self) -> usize {
        self.lingering.load(Ordering::Relaxed)
    }

    /// An actor starts; says why. One that does not say what ended it was ended by a panic.
    pub(super) fn start(&self) -> Cause {
        self.set_state(State::Loading);
        let cause = self.cause.swap(place(Cause::ALL, Cause::Panic), Ordering::Relaxed);
        Cause::ALL.get(usize::from(cause)).copied().unwrap_or(Cause::Panic)
    }

    /// The actor ends, and this is why another one is to start.
    pub(super) fn ends_for(&self, cause: Cause) {
        self.cause.store(place(Cause::ALL, cause), Ordering::Relaxed);
    }

    pub(super) fn set_state(&self, state: State) {
        self.state.store(place(State::ALL, state), Ordering::Relaxed);
    }

    pub(super) fn state(&self) -> State {
        let state = usize::from(self.state.load(Ordering::Relaxed));
        State::ALL.get(state).copied().unwrap_or(State::Idle)
    }
}

fn place<T: PartialEq + Copy>(all: &[T], wanted: T) -> u8 {
    let place = all.iter().position(|value| *value == wanted);
    place.and_then(|place| u8::try_from(place).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_counts_until_it_is_dropped_served_or_not() {
        let gauges = Gauges::default();
        let places = [gauges.queue(), gauges.queue()];
        assert_eq!(gauges.waiting(), 2);
        drop(places);
        assert_eq!(gauges.waiting(), 0);
    }

    #[test]
    fn an_end_that_nobody_explained_was_a_panic() {
        let gauges = Gauges::default();
        assert_eq!((gauges.state(), gauges.start()), (State::Idle, Cause::Start));
        assert_eq!((gauges.state(), gauges.start()), (State::Loading, Cause::Panic));
        gauges.ends_for(Cause::CommitFailed);
        assert_eq!((gauges.start(), gauges.start()), (Cause::CommitFailed, Cause::Panic));
    }

    #[test]
    fn every_state_is_found_again() {
        let gauges = Gauges::default();
        for state in State::ALL {
            gauges.set_state(*state);
            assert_eq!(gauges.state(), *state);
        }
    }
}
