//! The options of reports beside logins.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;

use super::{LoginsArgs, OutputArgs};

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
    #[command(flatten)]
    pub(crate) logins: LoginsArgs,
    /// How many times as long logins may take at p99 beside an export as without, in the median of turns
    #[arg(long, default_value_t = 1.3, value_name = "TIMES")]
    pub(crate) ratio_max: f64,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl Exports {
    /// Whether each turn is one with exports.
    pub(crate) fn turns(&self) -> impl Iterator<Item = bool> + use<> {
        self.logins.alternating()
    }

    /// Judges the options against each other.
    ///
    /// # Errors
    ///
    /// The first option that does not fit, named.
    pub(crate) fn check(&self) -> Result<()> {
        ensure!((1..=64).contains(&self.clients), "--clients: from 1 to 64");
        ensure!(self.ratio_max.is_finite() && self.ratio_max > 0.0, "--ratio-max: above 0");
        self.logins.check(self.turns().count())
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
