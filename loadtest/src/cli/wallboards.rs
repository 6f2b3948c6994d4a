//! The options of wallboards beside logins.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;

use super::{OutputArgs, TargetArgs, TenancyArgs, seconds};
use crate::arrival::Arrival;
use crate::limits::{BOARDS_MAX, SESSIONS_MAX, TURNS_MAX};

#[derive(Args)]
pub(crate) struct Wallboards {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Number of the organisation that the run creates
    #[arg(long, default_value_t = 9001, value_name = "NUMBER")]
    organisation: u64,
    /// Subscribers of its live counts
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    pub(crate) boards: usize,
    /// Agents who log in meanwhile, open loop; there is a licence for each unless --seats
    /// says otherwise
    #[arg(long, default_value_t = 5_000, value_name = "N")]
    pub(crate) agents: usize,
    /// Seconds over which their logins are due
    #[arg(long, default_value = "10", value_parser = seconds, value_name = "SECONDS")]
    pub(crate) over_s: Duration,
    /// Start this program as the broker, anew for each turn, at the address of --url; turns with the
    /// boards alternate with turns without, and the broker's own processor time is compared. Absent: one
    /// turn with the boards, on the broker that is there
    #[arg(long, value_name = "PATH")]
    pub(crate) broker: Option<PathBuf>,
    /// Turns of each kind
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub(crate) turns: usize,
    /// Milliseconds that the age of the counts shown may have at p99
    #[arg(long, default_value_t = 250, value_name = "MS")]
    pub(crate) age_max_ms: u64,
    /// Seed of the jitter of the arrivals
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Seconds from the start of a login's connection until it counts as timed out
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    pub(crate) login_timeout_s: u64,
    /// Seconds for all boards to have their first snapshot, and to show the last login
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    pub(crate) boards_timeout_s: u64,
    /// Concurrent licences of each type; absent: one for each agent
    #[arg(long, value_name = "N")]
    seats: Option<u64>,
    /// Seconds for everything together; then the run ends by itself
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    pub(crate) timeout_s: u64,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl Wallboards {
    /// One organisation with a licence for everybody.
    pub(crate) fn tenancy(&self) -> TenancyArgs {
        TenancyArgs {
            organisations: 1,
            first_organisation: self.organisation,
            seats: Some(
                self.seats.unwrap_or_else(|| u64::try_from(self.agents).unwrap_or(u64::MAX)),
            ),
            contingency: Some(0),
            web_chat_seats: None,
            keep: false,
        }
    }

    pub(crate) fn arrival(&self) -> Arrival {
        let agents = u32::try_from(self.agents).unwrap_or(u32::MAX);
        Arrival::PerSecond(f64::from(agents) / self.over_s.as_secs_f64())
    }

    /// How many boards there are in each turn, in order: every other pair of turns begins without.
    pub(crate) fn turns(&self) -> Vec<usize> {
        if self.broker.is_none() {
            return vec![self.boards];
        }
        let pair = |turn| if turn % 2 == 0 { [self.boards, 0] } else { [0, self.boards] };
        (0..self.turns).flat_map(pair).collect()
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
        ensure!((1..=BOARDS_MAX).contains(&self.boards), "--boards: from 1 to {BOARDS_MAX}");
        ensure!((1..=TURNS_MAX).contains(&self.turns), "--turns: from 1 to {TURNS_MAX}");
        ensure!(self.login_timeout_s > 0, "--login-timeout-s: at least 1");
        ensure!(!self.over_s.is_zero(), "--over-s: more than 0");
        let turns = u32::try_from(self.turns().len()).unwrap_or(u32::MAX);
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

    fn parse(line: &str) -> Wallboards {
        let words = ["loadtest", "wallboards"].into_iter().chain(line.split_whitespace());
        let parsed = Cli::try_parse_from(words).expect("it parses").profile;
        let Profile::Wallboards(options) = parsed else { panic!("another profile") };
        options
    }

    #[test]
    fn the_defaults_pass_and_everybody_has_a_licence() {
        let options = parse("");
        options.check().expect("defaults");
        assert_eq!(options.tenancy().seats, Some(5_000));
        assert_eq!(options.turns(), [1_000]);
    }

    #[test]
    fn turns_with_and_without_boards_alternate_and_neither_is_always_first() {
        let options = parse("--broker x --turns 3 --boards 7");
        assert_eq!(options.turns(), [7, 0, 0, 7, 7, 0]);
    }

    #[test]
    fn turns_that_cannot_end_in_time_are_refused() {
        let error = parse("--broker x --over-s 100").check().expect_err("600 s").to_string();
        assert!(error.contains("--timeout-s"), "{error}");
        parse("--over-s 0").check().expect_err("no time at all");
        parse("--boards 0").check().expect_err("no boards");
    }
}
