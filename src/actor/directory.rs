//! Which organisations there are, and where their actors are.
//!
//! An actor is started when its organisation is first asked for anything, and again whenever it died.
//! What outlives it — the connections and the latest counts — stands in the organisation's [`Cell`].

pub mod census;
pub mod estate;
mod recovery;

use super::cell::Cell;
use super::journal::Journal;
use super::link::ToDevice;
use super::live::Feed;
use super::organisation::{OrganisationActor, Tell, View};
pub use super::organisation_ref::OrganisationRef;
use super::reply::{Reply, Unavailable};
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::domain::audit::Author;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::OrganisationId;
use crate::domain::organisation::{Bounds, Command, Organisation, Settings};
use crate::domain::release::RemoveOrganisation;
use crate::limits::Heartbeat;
use crate::limits::bound::Bound;
use crate::store::{Run, Store, StoreError};
use crate::telemetry::{self, EventCounters, count_bound};
use actix::{Actor, Addr, ArbiterHandle, Context};
use chrono::{DateTime, Utc};
use dashmap::DashMap;
use foldhash::fast::RandomState;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot};

/// Why an organisation gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// There is no such organisation.
    #[error("there is no such organisation")]
    UnknownOrganisation,
    /// As many requests are under way as may be.
    #[error("too much is under way")]
    Overloaded,
    /// The store refuses, or the actor went down meanwhile: nothing of it may be relied on.
    #[error("the organisation cannot be served at present")]
    Unavailable,
}

impl From<Unavailable> for AskError {
    fn from(Unavailable: Unavailable) -> Self {
        Self::Unavailable
    }
}

/// What every organisation's actor needs.
pub(super) struct Shared {
    pub(super) store: Arc<dyn Store>,
    pub(super) journal: Journal,
    pub(super) clock: Clock,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) counters: EventCounters,
    pub(super) bounds: Bounds,
    pub(super) heartbeat: Heartbeat,
    /// When this run of the broker began.
    pub(super) running_since: DateTime<Utc>,
    /// Monotonic time since which devices can connect, once they can.
    pub(super) ready_since: OnceLock<Duration>,
    /// Where several nodes share the store.
    pub(super) cluster: Option<Arc<Cluster>>,
    deaths: mpsc::UnboundedSender<Arc<Cell>>,
}

impl Shared {
    /// Whether anything may be decided, or told of what was decided, at this instant.
    pub(super) fn may_decide(&self) -> bool {
        self.cluster.as_ref().is_none_or(|cluster| cluster.holds_lease())
    }

    pub(super) fn report_death(&self, cell: &Arc<Cell>) {
        // Nobody listens any more when the broker itself ends.
        let _ = self.deaths.send(cell.clone());
    }
}

/// Finds organisations; cheap to clone.
#[derive(Clone)]
pub struct Directory(Arc<Inner>);

struct Inner {
    cells: DashMap<OrganisationId, Arc<Cell>, RandomState>,
    shared: Arc<Shared>,
    /// Threads on which organisations' actors run; an organisation stays on one.
    arbiters: Vec<ArbiterHandle>,
    /// A permit for each question that is under way.
    asks: Semaphore,
    /// How many there are of those.
    asks_max: usize,
    /// Organisations with open sessions that are still to be settled.
    unsettled: AtomicUsize,
}

/// What the directory is made of.
pub struct DirectoryParts {
    /// Where organisations are kept.
    pub store: Arc<dyn Store>,
    /// What commits.
    pub journal: Journal,
    /// What tells the time.
    pub clock: Clock,
    /// The licence types.
    pub catalogue: Arc<Catalogue>,
    /// How far one organisation may grow.
    pub bounds: Bounds,
    /// How liveness is judged.
    pub heartbeat: Heartbeat,
    /// Threads for organisations' actors; at least one.
    pub arbiters: Vec<ArbiterHandle>,
    /// Questions that may be under way.
    pub asks_max: usize,
    /// The broker's last run before this one, read before this one left a sign of life.
    pub last_run: Option<Run>,
    /// When this run of the broker began.
    pub running_since: DateTime<Utc>,
    /// Where several nodes share the store.
    pub cluster: Option<Arc<Cluster>>,
}

impl Directory {
    /// Lists the organisations that exist, and starts the task that restarts their actors. Those that had
    /// open sessions when the broker last stopped are to be given to [`Self::recover`].
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn open(parts: DirectoryParts) -> Result<(Self, Vec<OrganisationId>), StoreError> {
        let DirectoryParts {
            store,
            journal,
            clock,
            catalogue,
            bounds,
            heartbeat,
            arbiters,
            asks_max,
            last_run,
            running_since,
            cluster,
        } = parts;
        assert!(!arbiters.is_empty(), "organisations need a thread to run on");
        let entries = store.organisations().await?;
        let cells = DashMap::default();
        for entry in &entries {
            let cell = Cell::new(entry.id, clock.clone(), last_run, running_since);
            cells.insert(entry.id, Arc::new(cell));
        }
        let (deaths, died) = mpsc::unbounded_channel();
        let ready_since = OnceLock::new();
        if cluster.is_some() {
            // Nothing is settled first: grace counts from each takeover.
            ready_since.get_or_init(|| clock.elapsed());
        }
        let shared = Arc::new(Shared {
            store,
            journal,
            clock,
            counters: EventCounters::new(&catalogue),
            catalogue,
            bounds,
            heartbeat,
            running_since,
            ready_since,
            cluster,
            deaths,
        });
        let directory = Self(Arc::new(Inner {
            cells,
            shared,
            arbiters,
            asks: Semaphore::new(asks_max),
            asks_max,
            unsettled: AtomicUsize::new(0),
        }));
        tokio::spawn(directory.clone().restart_the_dead(died));
        // Where several nodes share the store, each is settled by whoever claims it.
        let is_alone = directory.0.shared.cluster.is_none();
        let open = entries.iter().filter(|entry| is_alone && entry.has_open_sessions);
        let open = open.map(|entry| entry.id);
        let open: Vec<OrganisationId> = open.collect();
        directory.0.unsettled.store(open.len(), Ordering::Relaxed);
        Ok((directory, open))
    }

    /// Has every organisation see that time has passed, started or not: five-minute figures are made of
    /// all of them.
    pub async fn tick(&self) {
        // Where several nodes share the store, those of others are theirs.
        let is_alone = self.0.shared.cluster.is_none();
        let cells = self.cells();
        let mine = cells.iter().filter(|cell| is_alone || cell.is_served());
        let all = mine.map(|cell| cell.id()).collect();
        let failed = self.settle(all, || {}).await;
        if !failed.is_empty() {
            tracing::warn!(
                organisations = failed.len(),
                "organisations could not close their interval; they will with their next decision"
            );
        }
    }

    /// Every organisation, by its number: what is done must not depend on how a map is laid out.
    fn cells(&self) -> Vec<Arc<Cell>> {
        let mut cells: Vec<Arc<Cell>> = self.0.cells.iter().map(|cell| cell.clone()).collect();
        cells.sort_unstable_by_key(|cell| cell.id());
        cells
    }

    async fn restart_the_dead(self, mut died: mpsc::UnboundedReceiver<Arc<Cell>>) {
        while let Some(cell) = died.recv().await {
            if cell.is_removed() {
                // The number may have been given anew already.
                self.0.cells.remove_if(&cell.id(), |_, kept| Arc::ptr_eq(kept, &cell));
            }
            if cell.is_retired() || cell.vacate_if_given_up() {
                continue;
            }
            let pause = cell.restart_pause();
            let directory = self.clone();
            tracing::warn!(
                organisation = cell.id().get(),
                ?pause,
                "an organisation's actor starts anew"
            );
            tokio::spawn(async move {
                tokio::time::sleep(pause).await;
                directory.start(&cell);
            });
        }
    }

    /// Starts an actor and publishes its address before it can look at the connections.
    fn start(&self, cell: &Arc<Cell>) {
        cell.publish(|| self.start_actor(cell));
    }

    fn start_actor(&self, cell: &Arc<Cell>) -> Addr<OrganisationActor> {
        let (cell, shared) = (cell.clone(), self.0.shared.clone());
        let threads = u64::try_from(self.0.arbiters.len()).unwrap_or(1);
        let thread = usize::try_from(cell.id().get() % threads).unwrap_or(0);
        OrganisationActor::start_in_arbiter(
            &self.0.arbiters[thread],
            move |_: &mut Context<OrganisationActor>| OrganisationActor::new(cell, shared),
        )
    }

    /// Whether this node may decide anything at this instant.
    pub fn may_decide(&self) -> bool {
        self.0.shared.may_decide()
    }

    /// Whether the organisation exists.
    pub fn exists(&self, organisation: OrganisationId) -> bool {
        self.0.cells.contains_key(&organisation)
    }

    /// Keeps a new organisation; `false` if the number is taken.
    ///
    /// # Errors
    /// [`AskError::Unavailable`] if the store refuses.
    pub async fn create(
        &self,
        author: Option<Author>,
        settings: Settings,
    ) -> Result<bool, AskError> {
        let directory = self.clone();
        to_the_end(async move { directory.keep(author, settings).await }).await
    }

    async fn keep(&self, author: Option<Author>, settings: Settings) -> Result<bool, AskError> {
        let store = &self.0.shared.store;
        let created =
            store.create_organisation(&settings, author.as_ref()).await.map_err(|error| {
                tracing::error!(organisation = settings.id.get(), %error, "an organisation could not be created");
                telemetry::count_store_error("create", error.kind());
                AskError::Unavailable
            })?;
        if created
            && let Some(former) = self.0.cells.insert(settings.id, self.new_cell(settings.id))
        {
            // Its removal was never answered, so nobody has looked whether it is still there.
            former.dismiss();
        }
        Ok(created)
    }

    fn new_cell(&self, organisation: OrganisationId) -> Arc<Cell> {
        let Shared { clock, running_since, .. } = &*self.0.shared;
        Arc::new(Cell::new(organisation, clock.clone(), None, *running_since))
    }

    /// Finds an organisation and starts its actor if that was not needed before.
    pub fn find(&self, organisation: OrganisationId) -> Option<OrganisationRef> {
        let cell = self.0.cells.get(&organisation)?.clone();
        cell.publish_first(|| self.start_actor(&cell));
        Some(OrganisationRef(cell))
    }

    /// Has a command decided; resolves when the decision is durable.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn ask<C>(
        &self,
        organisation: OrganisationId,
        command: C,
    ) -> Result<C::Answer, AskError>
    where
        C: Command + Send + 'static,
        C::Answer: Send + 'static,
    {
        self.ask_by(None, organisation, command).await
    }

    /// [`Self::ask`] on behalf of somebody whose changes the audit log notes.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn ask_by<C>(
        &self,
        author: Option<Author>,
        organisation: OrganisationId,
        command: C,
    ) -> Result<C::Answer, AskError>
    where
        C: Command + Send + 'static,
        C::Answer: Send + 'static,
    {
        let found = self.find(organisation).ok_or(AskError::UnknownOrganisation)?;
        let _permit = self.permit()?;
        put(&found, author, command).await
    }

    /// To be held while a question is under way.
    fn permit(&self) -> Result<SemaphorePermit<'_>, AskError> {
        self.0.asks.try_acquire().map_err(|_| {
            count_bound(Bound::RequestsUnderWay);
            AskError::Overloaded
        })
    }

    /// How many questions are under way.
    pub fn asks_under_way(&self) -> usize {
        self.0.asks_max.saturating_sub(self.0.asks.available_permits())
    }

    /// Reads the present; resolves when everything that it rests on is durable.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn view<R: Send + 'static>(
        &self,
        organisation: OrganisationId,
        read: impl FnOnce(&Organisation) -> R + Send + 'static,
    ) -> Result<R, AskError> {
        self.read(organisation, true, read).await
    }

    /// Reads what is decided, durable or not: for live counts, which promise no more.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn peek<R: Send + 'static>(
        &self,
        organisation: OrganisationId,
        read: impl FnOnce(&Organisation) -> R + Send + 'static,
    ) -> Result<R, AskError> {
        self.read(organisation, false, read).await
    }

    async fn read<R: Send + 'static>(
        &self,
        organisation: OrganisationId,
        when_durable: bool,
        read: impl FnOnce(&Organisation) -> R + Send + 'static,
    ) -> Result<R, AskError> {
        let found = self.find(organisation).ok_or(AskError::UnknownOrganisation)?;
        let _permit = self.permit()?;
        let (sender, answer) = oneshot::channel();
        let read = Box::new(move |organisation: &Organisation| {
            let present = read(organisation);
            let tell: Tell = Box::new(move || {
                // Whoever asked may have gone.
                let _ = sender.send(present);
            });
            tell
        });
        let view = View { read, when_durable, place: found.0.gauges().queue() };
        found.0.address().ok_or(AskError::Unavailable)?.do_send(view);
        answer.await.map_err(|_| AskError::Unavailable)
    }

    /// Follows what wallboards follow; the live counts from a frame that holds them all.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn live(&self, organisation: OrganisationId) -> Result<Feed, AskError> {
        // The first frame goes out when the organisation is loaded, before any reading.
        self.peek(organisation, |_| ()).await?;
        let found = self.find(organisation).ok_or(AskError::UnknownOrganisation)?;
        Ok(found.0.live().subscribe())
    }

    /// Ends every session of an organisation and forgets it.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn remove(
        &self,
        author: Option<Author>,
        organisation: OrganisationId,
    ) -> Result<(), AskError> {
        let directory = self.clone();
        to_the_end(async move { directory.forget(author, organisation).await }).await
    }

    async fn forget(
        &self,
        author: Option<Author>,
        organisation: OrganisationId,
    ) -> Result<(), AskError> {
        let OrganisationRef(cell) = self.find(organisation).ok_or(AskError::UnknownOrganisation)?;
        if let Err(error) = self.ask_by(author, organisation, RemoveOrganisation).await {
            // What was decided after somebody else's removal cannot be kept, and need not be.
            let is_gone = matches!(self.0.shared.store.settings(organisation).await, Ok(None));
            if !is_gone {
                return Err(error);
            }
            self.dismiss(&cell);
            return Err(AskError::UnknownOrganisation);
        }
        self.dismiss(&cell);
        Ok(())
    }

    /// Its number was free from the commit on, and may be another organisation's by now.
    fn dismiss(&self, cell: &Arc<Cell>) {
        self.0.cells.remove_if(&cell.id(), |_, current| Arc::ptr_eq(current, cell));
        cell.dismiss();
    }

    /// Sends to every connected device.
    pub fn broadcast(&self, message: &ToDevice) {
        self.cells().iter().for_each(|cell| cell.links().broadcast(message));
    }

    /// Waits until everything that was decided is durable, and ends the actors.
    pub async fn close(&self) {
        let cells = self.cells();
        let served = cells.iter().filter(|cell| cell.address().is_some());
        let ids = served.map(|cell| cell.id()).collect();
        self.settle(ids, || {}).await;
        cells.iter().for_each(|cell| cell.retire());
    }
}

/// Has a command decided; whoever calls bounds how many are under way.
async fn put<C>(
    found: &OrganisationRef,
    author: Option<Author>,
    command: C,
) -> Result<C::Answer, AskError>
where
    C: Command + Send + 'static,
    C::Answer: Send + 'static,
{
    let (sender, answer) = oneshot::channel();
    let reply = Reply::new(move |answer| {
        // Whoever asked may have gone; the decision stands all the same.
        let _ = sender.send(answer);
    });
    found.0.submit(command, reply, None, author);
    Ok(answer.await.unwrap_or(Err(Unavailable))?)
}

/// Does what must not be left half done, even if whoever asked goes before it is: what the store knows
/// and what the directory knows must stay the same.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, AskError>> + Send + 'static,
) -> Result<T, AskError> {
    tokio::spawn(work).await.unwrap_or(Err(AskError::Unavailable))
}
