//! The options of `loadtest baseline`, and of the server that it starts.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;

use crate::cli::{OutputArgs, TenancyArgs};
use crate::limits::{CONNECTIONS_PER_ADDRESS, TURNS_MAX};

#[derive(Args)]
pub(crate) struct Baseline {
    /// Connections of each turn
    #[arg(long, default_value_t = 5_000, value_name = "N")]
    pub(crate) connections: usize,
    /// Turns of each server
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub(crate) turns: usize,
    /// Connections under way at once; the next begins when one of them has its answer
    #[arg(long, default_value_t = 256, value_name = "N")]
    pub(crate) at_once: usize,
    /// Worker threads of either server
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub(crate) workers: usize,
    /// Take turns with this broker, which the run starts in a new folder; absent: the bare server alone
    #[arg(long, value_name = "PATH")]
    pub(crate) broker: Option<PathBuf>,
    /// Seconds for everything together; then the run ends by itself
    #[arg(long, default_value_t = 170, value_name = "SECONDS")]
    pub(crate) timeout_s: u64,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// The bare server on its own.
#[derive(Args)]
pub(crate) struct EchoServer {
    /// Worker threads
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub(crate) workers: usize,
}

impl Baseline {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_s)
    }

    /// One organisation, and a seat and every channel for each.
    pub(crate) fn tenancy(&self) -> TenancyArgs {
        let everybody = u64::try_from(self.connections).unwrap_or(u64::MAX);
        TenancyArgs {
            organisations: 1,
            first_organisation: 9001,
            seats: Some(everybody),
            contingency: Some(0),
            web_chat_seats: None,
            keep: false,
        }
    }

    /// Judges the options against each other.
    ///
    /// # Errors
    ///
    /// The first option that does not fit, named.
    pub(crate) fn check(&self) -> Result<()> {
        let most = CONNECTIONS_PER_ADDRESS;
        ensure!((1..=most).contains(&self.connections), "--connections: from 1 to {most}");
        let most = TURNS_MAX;
        ensure!((1..=most).contains(&self.turns), "--turns: from 1 to {most}");
        ensure!(self.at_once > 0, "--at-once: at least 1");
        ensure!(self.workers > 0, "--workers: at least 1");
        ensure!(self.timeout_s > 0, "--timeout-s: at least 1");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Profile};

    fn parse(line: &str) -> Baseline {
        let words = ["loadtest", "baseline"].into_iter().chain(line.split_whitespace());
        let parsed = Cli::try_parse_from(words).expect("it parses").profile;
        let Profile::Baseline(options) = parsed else { panic!("another profile") };
        options
    }

    #[test]
    fn the_defaults_pass_and_there_is_a_licence_for_everybody() {
        let options = parse("");
        options.check().expect("defaults");
        let tenancy = options.tenancy();
        assert_eq!((tenancy.seats, tenancy.web_chat_seats), (Some(5_000), None));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (line, named) in [
            ("--connections 0", "--connections"),
            ("--connections 28001", "--connections"),
            ("--turns 0", "--turns"),
            ("--at-once 0", "--at-once"),
            ("--workers 0", "--workers"),
            ("--timeout-s 0", "--timeout-s"),
        ] {
            let error = parse(line).check().expect_err("refused").to_string();
            assert!(error.starts_with(named), "{line} gave: {error}");
        }
    }
}
