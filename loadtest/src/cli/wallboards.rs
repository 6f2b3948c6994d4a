//! The options of wallboards beside logins.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;

use super::{LoginsArgs, OutputArgs, TargetArgs, TenancyArgs};
use crate::limits::BOARDS_MAX;

#[derive(Args)]
pub(crate) struct Wallboards {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Subscribers of the organisation's live counts
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    pub(crate) boards: usize,
    #[command(flatten)]
    pub(crate) logins: LoginsArgs,
    /// Start this program as the broker, anew for each turn, at the address of --url; turns with the
    /// boards alternate with turns without, and the broker's own processor time is compared. Absent: one
    /// turn with the boards, on the broker that is there
    #[arg(long, value_name = "PATH")]
    pub(crate) broker: Option<PathBuf>,
    /// Milliseconds that the age of the counts shown may have at p99
    #[arg(long, default_value_t = 250, value_name = "MS")]
    pub(crate) age_max_ms: u64,
    /// Seconds for all boards to have their first snapshot, and to show the last login
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    pub(crate) boards_timeout_s: u64,
    /// Concurrent licences of each type; absent: one for each agent
    #[arg(long, value_name = "N")]
    seats: Option<u64>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl Wallboards {
    /// One organisation with a licence for everybody where nothing else is said.
    pub(crate) fn tenancy(&self) -> TenancyArgs {
        self.logins.tenancy(self.seats)
    }

    /// How many boards there are in each turn, in order.
    pub(crate) fn turns(&self) -> Vec<usize> {
        if self.broker.is_none() {
            return vec![self.boards];
        }
        self.logins.alternating().map(|with| if with { self.boards } else { 0 }).collect()
    }

    /// Judges the options against each other.
    ///
    /// # Errors
    ///
    /// The first option that does not fit, named.
    pub(crate) fn check(&self) -> Result<()> {
        ensure!((1..=BOARDS_MAX).contains(&self.boards), "--boards: from 1 to {BOARDS_MAX}");
        self.logins.check(self.turns().len())
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
