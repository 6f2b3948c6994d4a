//! The options of profiles that have everybody log in beside something, and without it.

use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;

use super::{TenancyArgs, seconds};
use crate::arrival::Arrival;
use crate::limits::{SESSIONS_MAX, TURNS_MAX};

#[derive(Args)]
pub(crate) struct LoginsArgs {
    /// Number of the organisation that the run creates
    #[arg(long, default_value_t = 9001, value_name = "NUMBER")]
    organisation: u64,
    /// Agents who log in to it, open loop; there is a licence for each where nothing else is said
    #[arg(long, default_value_t = 5_000, value_name = "N")]
    pub(crate) agents: usize,
    /// Seconds over which their logins are due
    #[arg(long, default_value = "10", value_parser = seconds, value_name = "SECONDS")]
    pub(crate) over_s: Duration,
    /// Turns of each kind: with what the logins are beside, and without
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub(crate) turns: usize,
    /// Seed of the jitter of the arrivals
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Seconds from the start of a login's connection until it counts as timed out
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    login_timeout_s: u64,
    /// Seconds for everything together; then the run ends by itself
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    pub(crate) timeout_s: u64,
}

impl LoginsArgs {
    /// One organisation with so many licences of each type, else with one for everybody.
    pub(crate) fn tenancy(&self, seats: Option<u64>) -> TenancyArgs {
        let everybody = u64::try_from(self.agents).unwrap_or(u64::MAX);
        TenancyArgs {
            organisations: 1,
            first_organisation: self.organisation,
            seats: Some(seats.unwrap_or(everybody)),
            contingency: Some(0),
            web_chat_seats: None,
            keep: false,
        }
    }

    pub(crate) fn arrival(&self) -> Arrival {
        let agents = u32::try_from(self.agents).unwrap_or(u32::MAX);
        Arrival::PerSecond(f64::from(agents) / self.over_s.as_secs_f64())
    }

    /// Whether each turn is one with what is beside: every other pair begins without.
    pub(crate) fn alternating(&self) -> impl Iterator<Item = bool> + use<> {
        (0..self.turns).flat_map(|turn| [turn % 2 == 0, turn % 2 == 1])
    }

    pub(crate) fn login_timeout(&self) -> Duration {
        Duration::from_secs(self.login_timeout_s)
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_s)
    }

    /// Judges the options against each other, and against the turns that are played in all.
    ///
    /// # Errors
    ///
    /// The first option that does not fit, named.
    pub(super) fn check(&self, turns: usize) -> Result<()> {
        ensure!((1..=SESSIONS_MAX).contains(&self.agents), "--agents: from 1 to {SESSIONS_MAX}");
        ensure!((1..=TURNS_MAX).contains(&self.turns), "--turns: from 1 to {TURNS_MAX}");
        ensure!(self.login_timeout_s > 0, "--login-timeout-s: at least 1");
        ensure!(!self.over_s.is_zero(), "--over-s: more than 0");
        let turns = u32::try_from(turns).unwrap_or(u32::MAX);
        ensure!(
            self.over_s.saturating_mul(turns) < self.timeout(),
            "--timeout-s: the arrivals of {turns} turns alone take longer"
        );
        Ok(())
    }
}
