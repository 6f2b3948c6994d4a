//! `licence-broker demo`: a made-up organisation to look at.

use super::Failure;
use crate::app;
use crate::config::Log;
use crate::config::settings::LogFormat;
use crate::demo::{self, Options};
use crate::telemetry;
use clap::Args;
use std::io::Write as _;
use std::time::Duration;

/// How the demo runs.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// Port of its pages on 127.0.0.1; 0 lets the system choose
    #[arg(long, default_value_t = 8080, value_name = "PORT")]
    pub port: u16,
    /// Agents that come and go, 0 to 1000
    #[arg(long, default_value_t = 60, value_name = "N",
          value_parser = clap::value_parser!(u16).range(0..=1_000))]
    pub agents: u16,
    /// Seconds between pings, 1 to 300
    #[arg(long, default_value_t = 15, value_name = "SECONDS",
          value_parser = clap::value_parser!(u16).range(1..=300))]
    pub heartbeat_s: u16,
}

/// Runs until it is asked to stop.
pub(super) async fn run(arguments: &DemoArgs) -> Result<(), Failure> {
    let log = Log { format: LogFormat::Human, level: "warn".to_owned() };
    telemetry::start_log(&log).map_err(Failure::of)?;
    let options = Options {
        port: arguments.port,
        agents: usize::from(arguments.agents),
        heartbeat: Duration::from_secs(arguments.heartbeat_s.into()),
    };
    let demo = demo::start(options).await.map_err(Failure::of)?;
    writeln!(std::io::stdout(), "{}", demo.guide()).map_err(Failure::of)?;
    let asked = app::until_told_to_stop().await.map_err(Failure::of);
    demo.stop().await;
    asked
}
