//! The storm in a process of its own: this program, started once more to run when nobody else wants a processor.

use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use super::messages::{Plan, Seen, Told};
use crate::limits::{BROKER_START_WAIT, LEAVE_WAIT};
use crate::sampler::Counts;

/// What is run like this (Linux: `SCHED_IDLE`) gives its processor up as soon as anybody else is woken. One of
/// the least `nice` only gets less of it, and a server would wait for the rest of its slice.
const WHEN_IDLE: [&str; 2] = ["--idle", "0"];

/// What the process has said so far.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) counts: Counts,
    is_ready: bool,
    /// Storms whose logins are all decided, and those that all have left.
    decided: usize,
    left: usize,
    seen: Option<Arc<Seen>>,
}

/// It ends when this is dropped.
pub(crate) struct CrowdProcess {
    child: Child,
    /// `None`: there is nothing more to be asked for.
    asks: Option<ChildStdin>,
    heard: watch::Receiver<Heard>,
    /// That were asked for.
    storms: usize,
}

impl CrowdProcess {
    /// Starts it, and waits until it is ready for its first storm; what it says goes to `heard`.
    ///
    /// # Errors
    ///
    /// Where it cannot be started, or is not ready in time.
    pub(crate) async fn start(plan: &Plan, heard: watch::Sender<Heard>) -> Result<Self> {
        let program = std::env::current_exe().context("this program cannot be started again")?;
        let mut child = Command::new("chrt")
            .args(WHEN_IDLE)
            .arg(program)
            .arg("storm-crowd")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the storm's process cannot be started (by `chrt`)")?;
        let said = child.stdout.take().context("the storm's process has no output")?;
        let mut asks = child.stdin.take().context("the storm's process has no input")?;
        let receiver = heard.subscribe();
        tokio::spawn(hear(said, heard));
        let plan = serde_json::to_string(plan)? + "\n";
        asks.write_all(plan.as_bytes()).await.context("the storm's process takes no plan")?;
        let mut process = Self { child, asks: Some(asks), heard: receiver, storms: 0 };
        let ready = timeout(BROKER_START_WAIT, process.until(|heard| heard.is_ready)).await;
        ready.context("the storm's process was not ready in time")??;
        Ok(process)
    }

    /// Begins a storm.
    ///
    /// # Errors
    ///
    /// Where the process has ended.
    pub(crate) async fn begin(&mut self) -> Result<()> {
        self.storms += 1;
        let asks = self.asks.as_mut().context("the storms are over")?;
        asks.write_all(b"\n").await.context("the storm's process has ended by itself")
    }

    /// Waits until every login of the storm is decided.
    ///
    /// # Errors
    ///
    /// Where the process has ended before.
    pub(crate) async fn until_decided(&mut self) -> Result<()> {
        let storms = self.storms;
        self.until(|heard| heard.decided >= storms).await
    }

    /// Waits until all of the storm have left.
    ///
    /// # Errors
    ///
    /// Where the process has ended before.
    pub(crate) async fn until_left(&mut self) -> Result<()> {
        let storms = self.storms;
        self.until(|heard| heard.left >= storms).await
    }

    /// Ends it; a storm that is not over is dropped. What it saw.
    ///
    /// # Errors
    ///
    /// Where it does not say in time.
    pub(crate) async fn finish(mut self) -> Result<Arc<Seen>> {
        self.asks = None;
        let said = timeout(LEAVE_WAIT, self.until(|heard| heard.seen.is_some())).await;
        said.context("the storm's process did not say in time what it saw")??;
        // It has nothing more to do; where it does not end by itself, the drop ends it.
        let _ = timeout(LEAVE_WAIT, self.child.wait()).await;
        let seen = self.heard.borrow().seen.clone();
        seen.context("the storm's process saw nothing")
    }

    async fn until(&mut self, said: impl Fn(&Heard) -> bool) -> Result<()> {
        let heard = self.heard.wait_for(said).await;
        heard.map(drop).context("the storm's process has ended by itself")
    }
}

/// Until it ends, or says what is not understood.
async fn hear(said: ChildStdout, heard: watch::Sender<Heard>) {
    let mut lines = BufReader::new(said).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(told) = serde_json::from_str(&line) else { return };
        heard.send_modify(|heard| match told {
            Told::Ready => heard.is_ready = true,
            Told::Counts(counts) => heard.counts = counts,
            Told::Decided => heard.decided += 1,
            Told::Left => heard.left += 1,
            Told::Seen(seen) => heard.seen = Some(Arc::from(seen)),
        });
    }
}
