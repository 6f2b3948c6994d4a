//! Agents that have a session, lose their broker or their connection, and come back all at once.
//!
//! | file | what it holds |
//! |---|---|
//! | here | what all members share |
//! | `member` | one agent: login, work, loss, return |
//! | `tally` | what became of them |
//! | `report` | the result of a run |

pub(crate) mod member;
pub(crate) mod report;
pub(crate) mod tally;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use self::tally::Tally;
use crate::conversation::Witness;
use crate::limits::FIRST_LOGINS_AT_ONCE;
use crate::sampler::Counts;
use crate::target::Target;

/// Told by the profile to all members, through a watch channel; in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Everybody logs in and works.
    Working,
    /// Everybody shows that they are there, for the auditor.
    Proving,
    /// Everybody drops the connection, without a close frame.
    Dropping,
    /// Whoever has lost the connection comes back, from this moment on.
    Returning(Instant),
    /// Everybody leaves.
    Leaving,
}

/// Owned by the profile; every member holds it for its life.
pub(crate) struct Herd {
    pub(crate) target: Target,
    pub(crate) answer_timeout: Duration,
    /// The first logins are not what is measured: they take turns.
    turns: Semaphore,
    pub(crate) witness: Arc<Witness>,
    tally: Mutex<Tally>,
}

impl Herd {
    /// # Errors
    ///
    /// Where the histogram cannot be made.
    pub(crate) fn new(target: Target, answer_timeout: Duration) -> Result<Self> {
        let turns = Semaphore::new(FIRST_LOGINS_AT_ONCE);
        let (witness, tally) = (Arc::default(), Mutex::new(Tally::new()?));
        Ok(Self { target, answer_timeout, turns, witness, tally })
    }

    /// What the sampler shows over time: first logins and returns.
    pub(crate) fn counts(&self) -> Counts {
        let (begun, granted) = {
            let tally = self.tally();
            (tally.arrived() + tally.settled(), tally.outcomes.logged_in + tally.back.len())
        };
        Counts { begun, granted, held: self.witness.audit().held_now() }
    }

    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
