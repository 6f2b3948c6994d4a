//! One commit for all that wait.

use super::company::Company;
use super::gauges::Backlog;
use super::store_health::StoreHealth;
use crate::clock::Clock;
use crate::domain::ids::OrganisationId;
use crate::limits::{BATCHES_PER_COMMIT_MAX, LIFE_INTERVAL, STORE_PROBE_INTERVAL};
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
    /// What was open at the start is settled: from now on there are signs of life.
    Begun,
}

/// Takes the outcome to whoever left a batch. One that is dropped, because the committer panicked, says
/// that nobody knows it: the organisation must not wait for ever.
struct Done(Option<Deliver>);

type Deliver = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

impl Done {
    fn tell(mut self, outcome: Result<(), StoreError>) {
        if let Some(deliver) = self.0.take() {
            deliver(outcome);
        }
    }
}

impl Drop for Done {
    fn drop(&mut self) {
        if let Some(deliver) = self.0.take() {
            deliver(Err(StoreError::MaybeApplied("the journal has stopped".to_owned())));
        }
    }
}

/// Where organisations' actors leave their batches. Each has at most one there, and waits at
/// most once for those before, so the queue is bounded by the number of organisations.
#[derive(Clone)]
pub struct Journal {
    entries: mpsc::UnboundedSender<Entry>,
    clock: Clock,
    health: StoreHealth,
    backlog: Backlog,
    company: Arc<Company>,
}

/// What the task that commits works with.
struct Committer {
    store: Arc<dyn Store>,
    clock: Clock,
    health: StoreHealth,
    backlog: Backlog,
}

impl Journal {
    /// Starts the task that commits, on the present runtime. It ends when the last `Journal` is dropped
    /// and everything left with it is committed; the handle says when.
    pub fn start(store: Arc<dyn Store>, clock: Clock) -> (Self, tokio::task::JoinHandle<()>) {
        let (entries, receiver) = mpsc::unbounded_channel();
        let (health, backlog) = (StoreHealth::default(), Backlog::new(clock.now().at));
        let committer = Committer {
            store,
            clock: clock.clone(),
            health: health.clone(),
            backlog: backlog.clone(),
        };
        let journal = Self { entries, clock, health, backlog, company: Arc::default() };
        (journal, tokio::spawn(committer.run(receiver)))
    }

    /// What was open when the broker last stopped is settled: from now on signs of life are kept. Before
    /// that, one would pass for the last of the run that ended, and date what is still to be settled.
    pub fn begin_life(&self) {
        // If the journal has stopped there is no life to note.
        let _ = self.entries.send(Entry::Begun);
    }

    /// Whether the store takes what is left here.
    pub fn health(&self) -> &StoreHealth {
        &self.health
    }

    /// What is on its way to the store.
    pub fn backlog(&self) -> &Backlog {
        &self.backlog
    }

    /// Whether other organisations than this one have left something here lately, which waits for the same
    /// commits.
    pub(super) fn serves_others_than(&self, organisation: OrganisationId) -> bool {
        self.company.has_others(organisation, self.clock.elapsed())
    }

    /// Leaves a batch. `done` is called once it is durable, or is not; it must not wait.
    pub fn commit(&self, batch: Batch, done: impl FnOnce(Result<(), StoreError>) + Send + 'static) {
        self.backlog.queue();
        self.company.note(batch.organisation, self.clock.elapsed());
        let backlog = self.backlog.clone();
        let settle = move |outcome| {
            backlog.settle();
            done(outcome);
        };
        let entry = Entry::Batch(batch, Done(Some(Box::new(settle))));
        if let Err(mpsc::error::SendError(Entry::Batch(_, done))) = self.entries.send(entry) {
            done.tell(Err(StoreError::Aborted("the journal has stopped".to_owned())));
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

impl Committer {
    async fn run(self, mut receiver: mpsc::UnboundedReceiver<Entry>) {
        let since = self.clock.now().at;
        let (mut entries, mut has_begun, mut is_noted) = (Vec::new(), false, false);
        let mut life = tokio::time::interval(LIFE_INTERVAL);
        life.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                count = receiver.recv_many(&mut entries, BATCHES_PER_COMMIT_MAX) => {
                    if count == 0 {
                        return;
                    }
                    has_begun |= entries.iter().any(|entry| matches!(entry, Entry::Begun));
                    let entries = std::mem::take(&mut entries);
                    match self.note_beginning(has_begun && !is_noted, since).await {
                        Ok(noted) => {
                            is_noted |= noted;
                            self.serve(entries).await;
                        }
                        Err(error) => refuse(entries, &error),
                    }
                }
                _ = life.tick(), if has_begun => is_noted |= self.note_life(since).await.is_ok(),
            }
            if self.health.refusal().is_some() {
                life.reset_after(STORE_PROBE_INTERVAL);
            }
        }
    }

    /// The smallest of commits; it also finds out whether a store that refused takes any again.
    async fn note_life(&self, since: DateTime<Utc>) -> Result<(), StoreError> {
        let run = Run { since, last: self.clock.now().at };
        let outcome = self.store.record_life(run).await;
        self.note("life", &outcome);
        outcome
    }

    /// A record that is kept is a sign of life too. Before the first of this run it must be known when the
    /// run began, or the time in which the broker was down would pass for a part of it.
    async fn note_beginning(&self, is_due: bool, since: DateTime<Utc>) -> Result<bool, StoreError> {
        if is_due {
            self.note_life(since).await?;
        }
        Ok(is_due)
    }

    async fn commit_to_store(&self, batches: &[Batch]) -> Result<(), StoreError> {
        let started = self.clock.elapsed();
        let outcome = self.store.commit(batches).await;
        let took = self.clock.elapsed().saturating_sub(started);
        let events = batches.iter().map(|batch| batch.events.len()).sum();
        telemetry::record_commit(took, batches.len(), events);
        match &outcome {
            // What becomes of each by itself tells whether it is the store's fault.
            Err(error) if batches.len() > 1 && !concerns_all(error) => {
                telemetry::count_store_error("commit", error.kind());
            }
            Ok(()) | Err(_) => self.note("commit", &outcome),
        }
        outcome
    }

    /// A store that refuses is logged when it begins to and when it takes commits again, not each time.
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

    async fn serve(&self, entries: Vec<Entry>) {
        let (mut batches, mut waiting) = (Vec::new(), Vec::new());
        for entry in entries {
            match entry {
                Entry::Batch(batch, done) => batches.push((batch, done)),
                Entry::Settled(settled) => waiting.push(settled),
                Entry::Begun => {}
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
        match self.commit_to_store(&batches).await {
            Err(error) if batches.len() > 1 && !concerns_all(&error) => {
                tracing::warn!(%error, batches = batches.len(), "a common commit failed; one by one");
                self.commit_singly(&batches, dones).await;
            }
            outcome => dones.into_iter().for_each(|done| done.tell(outcome.clone())),
        }
    }

    /// Until one shows that all meet the same: each may wait for seconds before it is refused.
    async fn commit_singly(&self, batches: &[Batch], dones: Vec<Done>) {
        let mut refused = None;
        for (batch, done) in batches.iter().zip(dones) {
            if let Some(error) = &refused {
                done.tell(Err(StoreError::clone(error)));
                continue;
            }
            let outcome = self.commit_to_store(std::slice::from_ref(batch)).await;
            refused = outcome.as_ref().err().filter(|error| concerns_all(error)).cloned();
            done.tell(outcome);
        }
    }
}

/// Nothing of these was tried.
fn refuse(entries: Vec<Entry>, error: &StoreError) {
    for entry in entries {
        match entry {
            Entry::Batch(_, done) => done.tell(Err(StoreError::Aborted(error.to_string()))),
            Entry::Settled(settled) => {
                // Whoever waited may have gone.
                let _ = settled.send(());
            }
            Entry::Begun => {}
        }
    }
}

/// Whether others that try meet the same.
fn concerns_all(error: &StoreError) -> bool {
    match error {
        StoreError::Refused(_) => true,
        StoreError::Aborted(_)
        | StoreError::MaybeApplied(_)
        | StoreError::Fenced(_)
        | StoreError::Damaged(_)
        | StoreError::Corrupt(_) => false,
    }
}
