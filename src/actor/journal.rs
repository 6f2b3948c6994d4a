//! One commit for all that wait.

use super::gauges::Backlog;
use super::store_health::StoreHealth;
use crate::clock::Clock;
use crate::limits::{BATCHES_PER_COMMIT_MAX, LIFE_INTERVAL};
use crate::store::{Batch, Run, Store, StoreError};
use crate::telemetry;
use chrono::{DateTime, Utc};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

enum Entry {
    /// A batch on its way to the store, and who wants to know what became of it.
    Batch(Batch, Done),
    /// Somebody who wants to know when everything before this has its outcome.
    Settled(oneshot::Sender<()>),
}

type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// Where organisations' actors leave their batches. Each has at most one there, and waits at
/// most once for those before, so the queue is bounded by the number of organisations.
#[derive(Clone)]
pub struct Journal {
    entries: mpsc::UnboundedSender<Entry>,
    health: StoreHealth,
    backlog: Backlog,
}

impl Journal {
    /// Starts the task that commits, on the present runtime. It ends when the last `Journal` is dropped
    /// and everything left with it is committed; the handle says when.
    pub fn start(store: Arc<dyn Store>, clock: Clock) -> (Self, tokio::task::JoinHandle<()>) {
        let (entries, receiver) = mpsc::unbounded_channel();
        let (health, backlog) = (StoreHealth::default(), Backlog::new(clock.now().at));
        let committer =
            Committer { store, clock, health: health.clone(), backlog: backlog.clone() };
        (Self { entries, health, backlog }, tokio::spawn(committer.run(receiver)))
    }

    /// Whether the store takes what is left here.
    pub fn health(&self) -> &StoreHealth {
        &self.health
    }

    /// What is on its way to the store.
    pub fn backlog(&self) -> &Backlog {
        &self.backlog
    }

    /// Leaves a batch. `done` is called once it is durable, or is not; it must not wait.
    pub fn commit(&self, batch: Batch, done: impl FnOnce(Result<(), StoreError>) + Send + 'static) {
        self.backlog.queue();
        let backlog = self.backlog.clone();
        let settle = move |outcome| {
            backlog.settle();
            done(outcome);
        };
        let entry = Entry::Batch(batch, Box::new(settle));
        if let Err(mpsc::error::SendError(Entry::Batch(_, done))) = self.entries.send(entry) {
            done(Err(StoreError::Aborted("the journal has stopped".to_owned())));
        }
    }

    /// Waits until every batch that was left here before has its outcome. An actor that died may have
    /// left one; whoever loads the organisation before that is settled would not see it.
    pub async fn settled(&self) {
        let (sender, settled) = oneshot::channel();
        if self.entries.send(Entry::Settled(sender)).is_ok() {
            // Dropped unsent, the journal has stopped: nothing will be committed any more.
            let _ = settled.await;
        }
    }
}

/// The task that commits, and what it needs.
struct Committer {
    store: Arc<dyn Store>,
    clock: Clock,
    health: StoreHealth,
    backlog: Backlog,
}

impl Committer {
    async fn run(self, mut receiver: mpsc::UnboundedReceiver<Entry>) {
        let since = self.clock.now().at;
        let mut entries = Vec::new();
        let mut life = tokio::time::interval(LIFE_INTERVAL);
        life.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                count = receiver.recv_many(&mut entries, BATCHES_PER_COMMIT_MAX) => {
                    if count == 0 {
                        return;
                    }
                    self.serve(std::mem::take(&mut entries)).await;
                }
                _ = life.tick() => self.show_life(since).await,
            }
        }
    }

    async fn show_life(&self, since: DateTime<Utc>) {
        let run = Run { since, last: self.clock.now().at };
        let outcome = self.store.record_life(run).await;
        self.note("life", &outcome);
        if let Err(error) = outcome {
            tracing::warn!(%error, "the sign of life could not be kept");
        }
    }

    async fn serve(&self, entries: Vec<Entry>) {
        let (mut batches, mut waiting) = (Vec::new(), Vec::new());
        for entry in entries {
            match entry {
                Entry::Batch(batch, done) => batches.push((batch, done)),
                Entry::Settled(settled) => waiting.push(settled),
            }
        }
        if !batches.is_empty() {
            self.commit_together(batches).await;
        }
        for settled in waiting {
            // Whoever waited may have gone.
            let _ = settled.send(());
        }
    }

    /// Commits all batches at once; where that fails, each by itself, so that one organisation's bad
    /// record costs no other anything. The store applies a batch once however often it is committed, so an
    /// unknown outcome of the common commit does no harm to the single ones.
    async fn commit_together(&self, entries: Vec<(Batch, Done)>) {
        let (batches, dones): (Vec<Batch>, Vec<Done>) = entries.into_iter().unzip();
        match self.commit(&batches).await {
            Ok(()) => dones.into_iter().for_each(|done| done(Ok(()))),
            Err(error) if batches.len() == 1 => {
                dones.into_iter().for_each(|done| done(Err(error.clone())));
            }
            Err(error) => {
                tracing::warn!(%error, batches = batches.len(), "a common commit failed; one by one");
                for (batch, done) in batches.iter().zip(dones) {
                    done(self.commit(std::slice::from_ref(batch)).await);
                }
            }
        }
    }

    async fn commit(&self, batches: &[Batch]) -> Result<(), StoreError> {
        let started = self.clock.now().elapsed;
        let outcome = self.store.commit(batches).await;
        let took = self.clock.now().elapsed.saturating_sub(started);
        let events = batches.iter().map(|batch| batch.events.len()).sum();
        telemetry::record_commit(took, batches.len(), events);
        self.note("commit", &outcome);
        outcome
    }

    fn note(&self, work: &'static str, outcome: &Result<(), StoreError>) {
        let at = self.clock.now().at;
        match outcome {
            Ok(()) => {
                self.health.took();
                self.backlog.durable(at);
            }
            Err(error) => {
                self.health.refused(error, at);
                telemetry::count_store_error(work, error.kind());
            }
        }
    }
}
