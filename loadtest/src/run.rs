//! What all agents of one run share.

use std::future::pending;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::select;
use tokio::signal::unix::{SignalKind, signal};

use crate::audit::Auditor;
use crate::cli::Leave;
use crate::sampler::Counts;
use crate::tally::Tally;
use crate::target::Target;

/// Told by the profile to all agents, through a watch channel; in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Logins are still due or under way.
    Arriving,
    /// Every login is decided.
    Holding,
    /// Everybody leaves, now; whoever is to drop the connection proves first that it lived.
    Leaving,
    /// Whoever has proved it drops the connection.
    Dropping,
}

/// Owned by the profile; every agent holds it for its life. The two locks are never held
/// together, nor over an await.
pub(crate) struct Run {
    pub(crate) target: Target,
    pub(crate) login_timeout: Duration,
    pub(crate) leave: Leave,
    audit: Mutex<Auditor>,
    tally: Mutex<Tally>,
}

impl Run {
    /// # Errors
    ///
    /// Where the histograms cannot be made.
    pub(crate) fn new(target: Target, login_timeout: Duration, leave: Leave) -> Result<Self> {
        let audit = Mutex::default();
        let tally = Mutex::new(Tally::new()?);
        Ok(Self { target, login_timeout, leave, audit, tally })
    }

    pub(crate) fn audit(&self) -> MutexGuard<'_, Auditor> {
        self.audit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the sampler shows over time.
    pub(crate) fn counts(&self) -> Counts {
        let (begun, granted) = {
            let tally = self.tally();
            (tally.latencies.begun.len(), tally.latencies.licence.len())
        };
        Counts { begun, granted, held: self.audit().held_now() }
    }

    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until a person or whatever runs this asks it to stop. It listens as soon as this returns, before it is
/// awaited; where it cannot, the signal ends the process by itself.
pub(crate) fn stop_signal() -> impl Future<Output = ()> {
    let interrupt = signal(SignalKind::interrupt());
    let signals = interrupt.and_then(|interrupt| Ok((interrupt, signal(SignalKind::terminate())?)));
    async move {
        let Ok((mut interrupt, mut terminate)) = signals else { return pending().await };
        select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}
