//! Churn: agents that come and go in every way there is, and whether the broker grows by it.
//!
//! `options` is the command line, an `agent` lives one life after the other over a `talk`, a `board`
//! follows live counts now and then, `sample` reads the broker's own figures, `verdict` compares them, and
//! `ledger` balances the log.

pub(crate) mod agent;
pub(crate) mod board;
pub(crate) mod ledger;
pub(crate) mod options;
pub(crate) mod sample;
mod talk;
pub(crate) mod verdict;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::audit::Auditor;
use crate::net::Target;
use crate::tally::Words;

/// What all agents and boards of a run share. The two locks are never held together, nor over an await.
pub(crate) struct Shared {
    pub(crate) target: Target,
    /// Between two lives of one agent, on average.
    pub(crate) pause: Duration,
    audit: Mutex<Auditor>,
    counts: Mutex<Counts>,
}

/// How lives went, and what should not have happened.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) outcomes: Words,
    pub(crate) faults: Words,
}

impl Shared {
    pub(crate) fn new(target: Target, pause: Duration) -> Self {
        Self { target, pause, audit: Mutex::default(), counts: Mutex::default() }
    }

    pub(crate) fn audit(&self) -> MutexGuard<'_, Auditor> {
        self.audit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn outcome(&self, what: &str) {
        self.counts().outcomes.add(what);
    }

    pub(crate) fn fault(&self, what: &str) {
        self.counts().faults.add(what);
    }
}
