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

use anyhow::Result;
use hdrhistogram::Histogram;

use crate::audit::Auditor;
use crate::sampler;
use crate::tally::{Words, latencies};
use crate::target::Target;

/// What all agents and boards of a run share. The three locks are never held together, nor over an await.
pub(crate) struct Shared {
    pub(crate) target: Target,
    /// Between two lives of one agent, on average.
    pub(crate) pause: Duration,
    audit: Mutex<Auditor>,
    counts: Mutex<Counts>,
    arrivals: Mutex<Arrivals>,
}

/// In microseconds, from the moment at which a life was due.
pub(crate) struct Arrivals {
    /// Until this tool began with it.
    pub(crate) begun: Histogram<u64>,
    /// Until it had a session, by login or resume.
    pub(crate) licence: Histogram<u64>,
}

/// How lives went, and what should not have happened.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) outcomes: Words,
    pub(crate) faults: Words,
}

impl Shared {
    /// # Errors
    ///
    /// Where the histograms cannot be made.
    pub(crate) fn new(target: Target, pause: Duration) -> Result<Self> {
        let arrivals = Mutex::new(Arrivals { begun: latencies()?, licence: latencies()? });
        let (audit, counts) = (Mutex::default(), Mutex::default());
        Ok(Self { target, pause, audit, counts, arrivals })
    }

    pub(crate) fn arrivals(&self) -> MutexGuard<'_, Arrivals> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the sampler shows over time.
    pub(crate) fn so_far(&self) -> sampler::Counts {
        let (begun, granted) = {
            let arrivals = self.arrivals();
            (arrivals.begun.len(), arrivals.licence.len())
        };
        sampler::Counts { begun, granted, held: self.audit().held_now() }
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
