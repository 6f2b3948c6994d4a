//! Agents that have a session, lose their broker, and come back all at once.
//!
//! | file | what it holds |
//! |---|---|
//! | here | what all members share |
//! | `member` | one agent: login, work, loss, return |
//! | `attempt` | one attempt to log in or to resume, and what its failure means |
//! | `tally` | what became of them |
//! | `report` | the result of a run |

mod attempt;
pub(crate) mod member;
pub(crate) mod report;
pub(crate) mod tally;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use self::tally::Tally;
use crate::limits::{BACKOFF_BASE, BACKOFF_MAX, FIRST_LOGINS_AT_ONCE};
use crate::net::Target;

/// Told by the profile to all members, through a watch channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Everybody logs in and works.
    Working,
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
    tally: Mutex<Tally>,
}

impl Herd {
    /// # Errors
    ///
    /// Where the histogram cannot be made.
    pub(crate) fn new(target: Target, answer_timeout: Duration) -> Result<Self> {
        let turns = Semaphore::new(FIRST_LOGINS_AT_ONCE);
        Ok(Self { target, answer_timeout, turns, tally: Mutex::new(Tally::new()?) })
    }

    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Full jitter before the attempt after so many: up to twice as long each time. Who has a grace to lose
/// waits at most for half of it.
fn backoff(attempts: u32, grace_s: u64) -> Duration {
    let max = match grace_s {
        0 => BACKOFF_MAX,
        grace_s => BACKOFF_MAX.min(Duration::from_secs(grace_s) / 2),
    };
    let bound = BACKOFF_BASE.saturating_mul(2_u32.saturating_pow(attempts)).min(max);
    bound.mul_f64(rand::random())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_back_off_grows_up_to_half_of_the_grace() {
        for (attempts, grace_s, most_ms) in
            [(0, 60, 500), (3, 60, 4_000), (20, 60, 30_000), (20, 8, 4_000), (40, 0, 30_000)]
        {
            let waits: Vec<_> = (0..1_000).map(|_| backoff(attempts, grace_s)).collect();
            let most = Duration::from_millis(most_ms);
            assert!(waits.iter().all(|wait| *wait <= most), "{attempts} {grace_s}");
            assert!(waits.iter().any(|wait| *wait > most / 2), "{attempts} {grace_s}");
            assert!(waits.iter().any(|wait| *wait < most / 2), "{attempts} {grace_s}");
        }
    }
}
