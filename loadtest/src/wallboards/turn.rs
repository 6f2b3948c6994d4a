//! One round of logins with the boards, or without.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

use super::ages;
use super::board::{Board, Followed, NOTHING_YET};
use crate::agent::{Login, live};
use crate::arrival::Arrival;
use crate::limits::{FIRST_PING_SPREAD, PROGRESS_POLL, SETTLE_POLL};
use crate::population::Device;
use crate::process::Meter;
use crate::provision::Ready;
use crate::run::{Phase, Run};
use crate::tally::latencies;

/// Everything that a turn is played with.
pub(crate) struct Stage<'a> {
    pub(crate) run: &'a Arc<Run>,
    pub(crate) organisation: &'a Ready,
    /// When its agents log in.
    pub(crate) arrival: Arrival,
    pub(crate) seed: u64,
    /// Seconds for the boards to show what they should.
    pub(crate) boards_timeout_s: u64,
    /// The process of the broker, where the run started it.
    pub(crate) broker: Option<u32>,
    /// Counts the rows that others export meanwhile, in a turn with exports.
    pub(crate) rows: Option<&'a AtomicU64>,
}

/// What came of a turn. Latencies are in microseconds.
pub(crate) struct Turn {
    pub(crate) boards: usize,
    pub(crate) window: Duration,
    /// Of the broker within the window.
    pub(crate) broker_time: Option<Duration>,
    /// Of one bare write of as many bytes to each of as many sockets, right after the turn.
    pub(crate) bare_write: Option<Duration>,
    /// Of this tool within the window.
    pub(crate) own_time: Duration,
    /// Rows exported within the window; `None` in a turn without exports.
    pub(crate) rows: Option<u64>,
    /// Frames delivered to all boards within it, their bytes, and the snapshots among them.
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
    pub(crate) snapshots: u64,
    pub(crate) ages: Histogram<u64>,
    /// From when a login was due until `logged_in`.
    pub(crate) licence: Histogram<u64>,
    /// What went wrong, in words.
    pub(crate) failures: Vec<String>,
}

/// Of the broker, where its process is known, and of this tool.
struct Meters {
    broker: Option<Meter>,
    tool: Meter,
}

impl Meters {
    /// Processor time of each up to now.
    fn read(&mut self) -> Result<(Option<Duration>, Duration)> {
        let broker = self.broker.as_mut().map(Meter::read).transpose()?;
        Ok((broker.map(|usage| usage.cpu), self.tool.read()?.cpu))
    }
}

impl Stage<'_> {
    /// Hangs the boards up, has everybody log in, waits until all boards show it, and sends all home.
    pub(crate) async fn play(&self, boards: &[Board]) -> Result<Turn> {
        let stop = watch::Sender::new(false);
        let mut followers = JoinSet::new();
        for board in boards {
            followers.spawn(board.clone().follow(stop.subscribe()));
        }
        let mut failures = Vec::new();
        if !self.until(boards, |latest| latest != NOTHING_YET).await {
            failures.push("not every board had a snapshot in time".to_owned());
        }
        let mut meters = self.meters()?;
        let (begun, times, rows) = (Instant::now(), meters.read()?, self.rows());
        let (phase, _) = watch::channel(Phase::Arriving);
        let mut agents = JoinSet::new();
        tokio::join!(self.arrive(&phase, &mut agents), self.until_decided());
        let granted = self.run.tally().outcomes.granted();
        if !self.until(boards, |latest| latest == granted).await {
            failures.push(format!("not every board showed all {granted} holders in the end"));
        }
        let (window, after, rows_after) = (begun.elapsed(), meters.read()?, self.rows());
        stop.send_replace(true);
        let followed = followers.join_all().await;
        phase.send_replace(Phase::Holding);
        sleep(FIRST_PING_SPREAD).await;
        phase.send_replace(Phase::Leaving);
        while let Some(over) = agents.join_next().await {
            over.context("an agent of this tool broke")?;
        }
        self.judge(&mut failures);
        let broker_time = after.0.zip(times.0).map(|(after, before)| after.saturating_sub(before));
        let own_time = after.1.saturating_sub(times.1);
        let rows = rows_after.zip(rows).map(|(after, before)| after.saturating_sub(before));
        let turn = self.turn(&followed, window, broker_time, own_time, failures)?;
        Ok(Turn { rows, ..turn })
    }

    /// Exported up to now.
    fn rows(&self) -> Option<u64> {
        self.rows.map(|rows| rows.load(Ordering::Relaxed))
    }

    fn meters(&self) -> Result<Meters> {
        let broker = self.broker.map(Meter::of).transpose()?;
        Ok(Meters { broker, tool: Meter::of(std::process::id())? })
    }

    /// Starts each login when it is due, whatever became of the ones before.
    async fn arrive(&self, phase: &watch::Sender<Phase>, agents: &mut JoinSet<()>) {
        let offsets = self.arrival.offsets(self.organisation.agents.len(), self.seed);
        let start = tokio::time::Instant::now();
        for ((user, authorization), offset) in self.organisation.agents.iter().zip(offsets) {
            let login = Login {
                organisation: self.organisation.number,
                user: Arc::clone(user),
                device: Device::AgentDesktop,
                authorization: authorization.clone(),
                source: None,
                due: start + offset,
            };
            sleep_until(login.due).await;
            agents.spawn(live(login, Arc::clone(self.run), phase.subscribe()));
        }
    }

    /// Waits until all boards show what is asked for; whether they did in time.
    async fn until(&self, boards: &[Board], shows: impl Fn(u64) -> bool) -> bool {
        let (begun, at_most) = (Instant::now(), self.boards_timeout_s);
        while !boards.iter().all(|board| shows(board.latest.load(Ordering::Acquire))) {
            if begun.elapsed().as_secs() >= at_most {
                return false;
            }
            sleep(SETTLE_POLL).await;
        }
        true
    }

    async fn until_decided(&self) {
        while self.run.tally().decided() < self.organisation.agents.len() {
            sleep(PROGRESS_POLL).await;
        }
    }

    fn judge(&self, failures: &mut Vec<String>) {
        let verdict = self.run.audit().verdict();
        failures.extend(verdict.violations.iter().map(ToString::to_string));
        if verdict.saw_nothing() {
            failures.push("audit: no session proved that it lived".to_owned());
        }
        let agents = u64::try_from(self.organisation.agents.len()).unwrap_or(u64::MAX);
        let granted = self.run.tally().outcomes.granted();
        if granted < agents {
            failures.push(format!("{} of {agents} logins were not granted", agents - granted));
        }
    }

    fn turn(
        &self,
        followed: &[Followed],
        window: Duration,
        broker_time: Option<Duration>,
        own_time: Duration,
        mut failures: Vec<String>,
    ) -> Result<Turn> {
        let tally = self.run.tally();
        let mut changes = tally.logged_in_at.clone();
        changes.sort_unstable();
        let mut ages = latencies()?;
        let (mut frames, mut bytes, mut snapshots) = (0, 0, 0);
        for board in followed {
            ages::add(&mut ages, &changes, &board.shown);
            frames += u64::try_from(board.shown.len())?;
            bytes += board.bytes;
            snapshots += board.snapshots;
            failures.extend(board.fault.clone());
        }
        let (boards, licence) = (followed.len(), tally.latencies.licence.clone());
        Ok(Turn {
            boards,
            window,
            broker_time,
            bare_write: None,
            own_time,
            rows: None,
            frames,
            bytes,
            snapshots,
            ages,
            licence,
            failures,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Leave;
    use crate::target::Target;

    #[tokio::test]
    async fn rows_that_are_exported_after_the_window_do_not_count() {
        let target = Target::resolve("http://127.0.0.1:9").await.expect("an address");
        let run = Run::new(target, Duration::from_secs(1), Leave::Logout).expect("a run");
        let organisation = Ready { number: 9001, agents: Vec::new(), licences: Vec::new() };
        let rows = Arc::new(AtomicU64::new(7));
        let stage = Stage {
            run: &Arc::new(run),
            organisation: &organisation,
            arrival: Arrival::AllAtOnce,
            seed: 1,
            boards_timeout_s: 0,
            broker: None,
            rows: Some(&rows),
        };
        let counting = Arc::clone(&rows);
        // On this one thread it has its turn when the window, in which nobody comes, is over.
        let export = tokio::spawn(async move { counting.fetch_add(1_000, Ordering::Relaxed) });
        let turn = stage.play(&[]).await.expect("a turn");
        assert_eq!(export.await.expect("it exports"), 7);
        assert_eq!(turn.rows, Some(0));
    }
}
