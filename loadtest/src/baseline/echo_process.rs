//! The bare server in a process of its own: this program, started once more.

use std::net::SocketAddr;
use std::process::Stdio;

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::limits::BROKER_START_WAIT;

/// It ends when this is dropped.
pub(crate) struct EchoProcess {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl EchoProcess {
    /// Starts it, and waits until it listens.
    ///
    /// # Errors
    ///
    /// Where it cannot be started, or does not say where it listens.
    pub(crate) async fn start(workers: usize) -> Result<Self> {
        let program = std::env::current_exe().context("this program cannot be started again")?;
        let mut child = Command::new(program)
            .args(["echo-server", "--workers", &workers.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the bare server cannot be started")?;
        let said = child.stdout.take().context("the bare server has no standard output")?;
        let mut lines = BufReader::new(said).lines();
        let first = timeout(BROKER_START_WAIT, lines.next_line()).await;
        let first = first.context("the bare server was not ready in time")??;
        let address = first.context("the bare server does not say where it listens")?;
        Ok(Self { child, address: address.parse().context("the bare server's address")? })
    }

    /// Its number among the system's processes.
    ///
    /// # Errors
    ///
    /// Where it has ended.
    pub(crate) fn id(&self) -> Result<u32> {
        self.child.id().context("the bare server has ended by itself")
    }
}
