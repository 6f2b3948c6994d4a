//! Licence Broker: reads the command line, runs one command, and exits.

use licence_broker::cli::{self, Cli};
use std::process::ExitCode;

fn main() -> ExitCode {
    cli::conclude(Cli::from_process().and_then(|cli| cli.command.run()))
}
