//! Agents who are there for a time: they come when they are due, whatever became of others, and leave when
//! it is time. Whoever loses the connection before comes back.
//!
//! | file | what it holds |
//! |---|---|
//! | here | visits, and what all of them share |
//! | `bare` | the same at a server that knows no licences |
//! | `counted` | what became of them, told by one process to another |
//! | `visitor` | one agent: comes, stays, leaves, comes again |
//! | `tally` | what became of them, by phase of the run |
//! | `report` | the result of a run |
//! | `table` | the same, to be read |

mod bare;
pub(crate) mod counted;
pub(crate) mod report;
mod table;
pub(crate) mod tally;
pub(crate) mod visitor;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

use self::tally::Phase;
use crate::baseline::turn::Server;
use crate::conversation::Witness;
use crate::sampler::Counts;
use crate::target::Target;

/// From one login to the logout that belongs to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visit {
    pub(crate) comes: Instant,
    pub(crate) leaves: Instant,
    pub(crate) comes_in: Label,
    pub(crate) leaves_in: Label,
}

/// The phase of the run under which something is counted, by its place in their list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Label {
    Always(usize),
    /// The one that the profile says it is when it happens.
    AsItIs,
}

/// A time in which nobody can connect. Whatever is due within it is due at its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outage {
    pub(crate) begins: Instant,
    pub(crate) ends: Instant,
    /// Under which everybody is counted who is due because of it.
    pub(crate) phase: usize,
    /// Whether agents drop their connections themselves when it begins; else the broker is down.
    pub(crate) is_played: bool,
}

/// Owned by the profile; every visitor holds it for its life.
pub(crate) struct Scene {
    pub(crate) target: Target,
    pub(crate) server: Server,
    pub(crate) witness: Arc<Witness>,
    /// For one attempt.
    pub(crate) answer_timeout: Duration,
    /// Set by the profile before anybody comes, once it knows when the run begins.
    pub(crate) outage: OnceLock<Outage>,
    /// The phase that it is now, for whoever is counted under that.
    now: AtomicUsize,
    phases: Vec<Mutex<Phase>>,
}

impl Scene {
    /// At a broker.
    ///
    /// # Errors
    ///
    /// Where the histograms cannot be made.
    pub(crate) fn new(
        target: Target,
        answer_timeout: Duration,
        phases: &[&'static str],
    ) -> Result<Self> {
        let phases = phases.iter().map(|name| Phase::new(name).map(Mutex::new));
        Ok(Self {
            target,
            server: Server::Broker,
            witness: Arc::default(),
            answer_timeout,
            outage: OnceLock::new(),
            now: AtomicUsize::new(0),
            phases: phases.collect::<Result<_>>()?,
        })
    }

    /// The run is in this phase from now on.
    pub(crate) fn enter(&self, phase: usize) {
        self.now.store(phase, Ordering::Relaxed);
    }

    pub(crate) fn phase(&self, phase: usize) -> MutexGuard<'_, Phase> {
        self.phases[phase].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn labelled(&self, label: Label) -> MutexGuard<'_, Phase> {
        self.phase(self.number(label))
    }

    fn number(&self, label: Label) -> usize {
        match label {
            Label::Always(phase) => phase,
            Label::AsItIs => self.now.load(Ordering::Relaxed),
        }
    }

    /// When somebody is due who would be at `at`, and the phase if the outage decides it.
    fn due(&self, at: Instant) -> (Instant, Option<usize>) {
        match self.outage.get() {
            Some(outage) if outage.begins <= at && at < outage.ends => {
                (outage.ends, Some(outage.phase))
            }
            Some(_) | None => (at, None),
        }
    }

    /// What the sampler shows over time.
    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for phase in self.phases() {
            counts.begun += phase.begun.len();
            counts.granted += phase.licence.len();
        }
        counts.held = self.witness.audit().held_now();
        counts
    }

    pub(crate) fn phases(&self) -> impl Iterator<Item = MutexGuard<'_, Phase>> {
        (0..self.phases.len()).map(|phase| self.phase(phase))
    }
}
