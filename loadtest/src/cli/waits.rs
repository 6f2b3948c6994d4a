//! How long agents who come back wait for the broker, and the run for them.

use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;

#[derive(Args, Clone, Copy)]
pub(crate) struct WaitArgs {
    /// Seconds from the start of an attempt until it counts as timed out
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    answer_timeout_s: u64,
    /// Seconds to look, after everybody left, until the broker shows nothing held
    #[arg(long, default_value_t = 35, value_name = "SECONDS")]
    pub(crate) release_timeout_s: u64,
}

impl WaitArgs {
    pub(crate) fn answer_timeout(self) -> Duration {
        Duration::from_secs(self.answer_timeout_s)
    }

    /// # Errors
    ///
    /// The first option that does not fit, named.
    pub(crate) fn check(self) -> Result<()> {
        ensure!(self.answer_timeout_s > 0, "--answer-timeout-s: at least 1");
        Ok(())
    }
}
