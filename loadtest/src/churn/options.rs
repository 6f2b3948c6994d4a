//! The options of `loadtest churn`.

use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;

use crate::cli::{OutputArgs, TargetArgs, TenancyArgs};
use crate::limits::{CHURN_MINUTES_MAX, SESSIONS_MAX};

const SECONDS_PER_MINUTE: f64 = 60.0;

#[derive(Args)]
pub(crate) struct Churn {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) tenancy: TenancyArgs,
    /// Minutes of churn; the first fifth of it warms the broker up
    #[arg(long, default_value_t = 15.0, value_name = "MINUTES")]
    pub(crate) minutes: f64,
    /// Agents over all organisations
    #[arg(long, default_value_t = 400, value_name = "N")]
    pub(crate) agents: usize,
    /// Lives of agents that begin per second, over all of them
    #[arg(long, default_value_t = 60.0, value_name = "PER_SECOND")]
    pub(crate) rate: f64,
    /// Subscribers of live counts per organisation, which come and go too
    #[arg(long, default_value_t = 4, value_name = "N")]
    pub(crate) boards: usize,
    /// Seconds between two looks at the broker's figures
    #[arg(long, default_value_t = 5.0, value_name = "SECONDS")]
    pub(crate) sample_s: f64,
    /// Seed of what the agents do
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Growth of resident memory, the store's own apart (page caches, bounded), that passes, in per cent of
    /// what it was after warm-up
    #[arg(long, default_value_t = 10.0, value_name = "PER_CENT")]
    pub(crate) memory_growth_percent: f64,
    /// The same in MiB, in addition: what an allocator keeps without anybody's leaking
    #[arg(long, default_value_t = 8.0, value_name = "MIB")]
    pub(crate) memory_growth_mib: f64,
    /// Seconds to look, after everybody left, until the broker is as it was before
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub(crate) release_timeout_s: u64,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl Churn {
    /// How long the churn lasts.
    pub(crate) fn length(&self) -> Duration {
        Duration::from_secs_f64(self.minutes * SECONDS_PER_MINUTE)
    }

    /// Between two looks.
    pub(crate) fn sample_every(&self) -> Duration {
        Duration::from_secs_f64(self.sample_s)
    }

    /// Between two lives of one agent, on average.
    pub(crate) fn pause(&self) -> Duration {
        let agents = u32::try_from(self.agents).unwrap_or(u32::MAX);
        Duration::from_secs_f64(f64::from(agents) / self.rate)
    }

    /// Judges the options against each other.
    ///
    /// # Errors
    ///
    /// The first option that does not fit, named.
    pub(crate) fn check(&self) -> Result<()> {
        ensure!(
            (1..=SESSIONS_MAX / 2).contains(&self.agents),
            "--agents: from 1 to {}",
            SESSIONS_MAX / 2
        );
        self.tenancy.check(self.agents)?;
        ensure!(
            self.minutes > 0.0 && self.minutes <= CHURN_MINUTES_MAX,
            "--minutes: more than 0, at most {CHURN_MINUTES_MAX}"
        );
        ensure!(self.rate >= 0.1 && self.rate <= 100_000.0, "--rate: from 0.1 to 100000");
        let samples = self.length().as_secs_f64() / self.sample_s;
        ensure!(
            self.sample_s >= 0.05 && (20.0..=100_000.0).contains(&samples),
            "--sample-s: so that there are 20 to 100000 samples in all"
        );
        ensure!(
            self.memory_growth_percent >= 0.0 && self.memory_growth_mib >= 0.0,
            "--memory-growth-…: not below 0"
        );
        Ok(())
    }
}
