//! The options of the herd that comes back.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};

use super::{OutputArgs, TargetArgs, TenancyArgs, WaitArgs, seconds};

#[derive(Args)]
pub(crate) struct ReconnectStorm {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    tenancy: TenancyArgs,
    /// Agents over all organisations; there is a licence for each unless --seats says otherwise
    #[arg(long, default_value_t = 500, value_name = "N")]
    pub(crate) agents: usize,
    /// Seconds of grace that agents ask for
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub(crate) grace_s: u64,
    /// Of the agents, those that ask for no grace and so have to log in anew
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) without_grace: usize,
    /// Start this program as the broker, at the address of --url and in a new folder, and end it and
    /// start it again; absent: somebody else restarts it when the run asks for it
    #[arg(long, value_name = "PATH")]
    pub(crate) broker: Option<PathBuf>,
    /// What everybody loses their connection by
    #[arg(long, value_enum, default_value = "terminate")]
    pub(crate) end: End,
    /// Seconds to work between the last login and that end
    #[arg(long, default_value = "1", value_parser = seconds, value_name = "SECONDS")]
    pub(crate) hold: Duration,
    /// With --end drop, seconds between the last connection that is dropped and everybody's return
    #[arg(long, default_value = "0", value_parser = seconds, value_name = "SECONDS")]
    pub(crate) pause: Duration,
    #[command(flatten)]
    pub(crate) waits: WaitArgs,
    /// Seconds for everything together; then the run ends by itself
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    pub(crate) timeout_s: u64,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// What everybody loses their connection by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum End {
    /// The broker gets SIGTERM: it drains.
    Terminate,
    /// The broker gets SIGKILL.
    Kill,
    /// Every agent drops its connection, without a close frame; the broker stays.
    Drop,
}

impl ReconnectStorm {
    /// What is bought: a licence for each agent where nothing else is said.
    pub(crate) fn tenancy(&self) -> TenancyArgs {
        self.tenancy.with_room_for(self.agents)
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
        self.tenancy.check(self.agents)?;
        self.waits.check()?;
        ensure!(self.without_grace <= self.agents, "--without-grace: no more than --agents");
        ensure!(self.grace_s > 0, "--grace-s: at least 1");
        ensure!(
            self.hold.saturating_add(self.pause) < self.timeout(),
            "--timeout-s: --hold and --pause alone take longer"
        );
        ensure!(
            self.pause.is_zero() || self.end == End::Drop,
            "--pause: only --end drop has one, a broker takes its own time"
        );
        Ok(())
    }
}
