//! Load tests for Licence Broker: made-up agents on real WebSockets, latency percentiles, and an
//! auditor that counts holders from the messages alone.
//!
//! `cli` parses, a file of `profile` is one kind of test and tells its story from top to bottom.
//! A profile provisions through `api` and `provision`, plans its logins (`population`, `arrival`), lets an `agent` live
//! each of them as a `session` over a `socket` while the `sampler` looks at the broker's process, and hands what
//! `tally` and `audit` gathered to a report of its own. `results` is what the reports of all profiles have in common:
//! written as JSON, drawn by `html`, and held against another run by `compare`.
//!
//! Exit codes: 0 the run passed, 1 it failed (the report says why), 2 it could not be set up.

mod agent;
mod api;
mod arrival;
mod audit;
mod backoff;
mod baseline;
mod bounded;
mod broker_process;
mod churn;
mod cli;
mod compare;
mod conversation;
mod day;
mod exports;
mod free;
mod herd;
mod html;
mod limits;
mod net;
mod population;
mod process;
mod profile;
mod progress;
mod provision;
mod report;
mod results;
mod run;
mod sampler;
mod session;
mod socket;
mod storm;
mod table;
mod tally;
mod target;
mod visit;
mod wallboards;
mod wire;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Profile};

const FAILED: u8 = 1;
const NOT_SET_UP: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Cli::parse().profile {
        Profile::MassLogin(options) => profile::mass_login::run(&options).await,
        Profile::Churn(options) => profile::churn::run(&options).await,
        Profile::Exports(options) => profile::exports::run(&options).await,
        Profile::Wallboards(options) => profile::wallboards::run(&options).await,
        Profile::Baseline(options) => profile::baseline::run(&options).await,
        Profile::Compare(options) => compare::run(&options),
        Profile::EchoServer(options) => baseline::echo::serve(&options).await,
        Profile::StormCrowd => storm::crowd::serve().await,
        Profile::Day(options) => profile::day::run(&options).await,
        Profile::StormBeside(options) => profile::storm_beside::run(&options).await,
        Profile::ReconnectStorm(options) => profile::reconnect_storm::run(&options).await,
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err(error) => {
            // A standard error that is closed leaves the exit code as the only word.
            let _ = writeln!(std::io::stderr(), "loadtest: {error:#}");
            ExitCode::from(NOT_SET_UP)
        }
    }
}
