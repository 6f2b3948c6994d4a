//! The options of reports beside logins.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;

use super::{OutputArgs, TenancyArgs, seconds};
use crate::arrival::Arrival;
use crate::limits::{SESSIONS_MAX, TURNS_MAX};

#[derive(Args)]
pub(crate) struct Exports {
    /// Where the broker is to listen; http only
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,
    /// The program that is started as the broker, anew for each turn
    #[arg(long, value_name = "PATH")]
    pub(crate) broker: PathBuf,
    /// A database of that broker with a large log; each turn has a copy of it. No broker may be writing to it:
    /// one with a -wal beside it that is not empty is refused
    #[arg(long, value_name = "FILE")]
    pub(crate) store: PathBuf,
    /// Number of the organisation in it whose log is exported
    #[arg(long, value_name = "NUMBER")]
    pub(crate) of: u64,
    /// Clients that export it, one file after the other
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) clients: usize,
    /// Number of the organisation that the run creates
    #[arg(long, default_value_t = 9001, value_name = "NUMBER")]
    organisation: u64,
    /// Agents who log in to it, open loop; there is a licence for each
    #[arg(long, default_value_t = 5_000, value_name = "N")]
    pub(crate) agents: usize,
    /// Seconds over which their logins are due
    #[arg(long, default_value = "10", value_parser = seconds, value_name = "SECONDS")]
    pub(crate) over_s: Duration,
    /// Turns with exports, and as many without
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub(crate) turns: usize,
    /// How many times as long logins may take at p99 beside an export as without, in the median of turns
    #[arg(long, default_value_t = 1.3, value_name = "TIMES")]
    pub(crate) ratio_max: f64,
    /// Seed of the jitter of the arrivals
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Seconds from the start of a login's connection until it counts as timed out
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    pub(crate) login_timeout_s: u64,
    /// Seconds for everything together; then the run ends by itself
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    pub(crate) timeout_s: u64,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl Exports {
    /// One organisation with a licence for everybody.
    pub(crate) fn tenancy(&self) -> TenancyArgs {
        TenancyArgs {
            organisations: 1,
            first_organisation: self.organisation,
            seats: Some(u64::try_from(self.agents).unwrap_or(u64::MAX)),
            contingency: Some(0),
            web_chat_seats: None,
            keep: false,
        }
    }

    pub(crate) fn arrival(&self) -> Arrival {
        let agents = u32::try_from(self.agents).unwrap_or(u32::MAX);
        Arrival::PerSecond(f64::from(agents) / self.over_s.as_secs_f64())
    }

    /// Whether each turn is one with exports: every other pair begins without.
    pub(crate) fn turns(&self) -> impl Iterator<Item = bool> {
        (0..self.turns).flat_map(|turn| [turn % 2 == 0, turn % 2 == 1])
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_s)
    }

    /// Judges the options against each other.
    ///
    /// # Errors
    ///
    /// The first option that does not fit, named.
    pub(crate) fn check(&self) -> Result<()> {
        ensure!((1..=SESSIONS_MAX).contains(&self.agents), "--agents: from 1 to {SESSIONS_MAX}");
        ensure!((1..=64).contains(&self.clients), "--clients: from 1 to 64");
        ensure!((1..=TURNS_MAX).contains(&self.turns), "--turns: from 1 to {TURNS_MAX}");
        ensure!(self.login_timeout_s > 0, "--login-timeout-s: at least 1");
        ensure!(!self.over_s.is_zero(), "--over-s: more than 0");
        ensure!(self.ratio_max.is_finite() && self.ratio_max > 0.0, "--ratio-max: above 0");
        let turns = u32::try_from(self.turns().count()).unwrap_or(u32::MAX);
        ensure!(
            self.over_s.saturating_mul(turns) < self.timeout(),
            "--timeout-s: the arrivals of {turns} turns alone take longer"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Profile};

    fn parse(line: &str) -> Exports {
        let words = "loadtest exports --broker x --store y --of 129".split_whitespace();
        let parsed = Cli::try_parse_from(words.chain(line.split_whitespace()));
        let Profile::Exports(options) = parsed.expect("it parses").profile else {
            panic!("another profile")
        };
        options
    }

    #[test]
    fn turns_with_and_without_exports_alternate_and_neither_is_always_first() {
        let options = parse("--turns 3");
        options.check().expect("defaults");
        let turns: Vec<_> = options.turns().collect();
        assert_eq!(turns, [true, false, false, true, true, false]);
    }

    #[test]
    fn turns_that_cannot_end_in_time_are_refused() {
        let error = parse("--over-s 60").check().expect_err("360 s").to_string();
        assert!(error.contains("--timeout-s"), "{error}");
    }
}
