//! Which organisations there are, and where their actors are.
//!
//! An actor is started when its organisation is first asked for anything, and again whenever it died.
//! What outlives it — the connections and the latest counts — stands in the organisation's [`Cell`].

use super::cell::{Cell, WallboardGuard};
use super::journal::Journal;
use super::link::{Link, Marks, ToDevice};
use super::live::Feed;
use super::organisation::{OrganisationActor, Retire, Submit, Tell, View};
use super::reply::{Reply, Unavailable};
use crate::clock::Clock;
use crate::domain::audit::Author;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::{LinkId, OrganisationId, SessionId};
use crate::domain::organisation::{Bounds, Command, Organisation, Settings};
use crate::domain::reason::{Departure, EndReason};
use crate::domain::release::{LeaveAnswer, RemoveOrganisation, Tick};
use crate::limits::{ASKS_UNDER_WAY_MAX, Heartbeat};
use crate::store::{Run, Store, StoreError};
use actix::{Actor, Addr, ArbiterHandle, Context};
use chrono::{DateTime, Utc};
use dashmap::DashMap;
use futures_util::{StreamExt, stream};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot};

/// The longest pause before an actor that keeps dying is started again.
const RESTART_PAUSE_MAX: Duration = Duration::from_secs(5);

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
    pub(super) bounds: Bounds,
    pub(super) heartbeat: Heartbeat,
    /// When this run of the broker began.
    pub(super) running_since: DateTime<Utc>,
    deaths: mpsc::UnboundedSender<Arc<Cell>>,
}

impl Shared {
    pub(super) fn report_death(&self, cell: &Arc<Cell>) {
        // Nobody listens any more when the broker itself ends.
        let _ = self.deaths.send(cell.clone());
    }
}

/// Finds organisations; cheap to clone.
#[derive(Clone)]
pub struct Directory(Arc<Inner>);

struct Inner {
    cells: DashMap<OrganisationId, Arc<Cell>>,
    shared: Arc<Shared>,
    /// Threads on which organisations' actors run; an organisation stays on one.
    arbiters: Vec<ArbiterHandle>,
    /// A permit for each question that is under way.
    asks: Semaphore,
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
    /// The broker's last run before this one, read before this one left a sign of life.
    pub last_run: Option<Run>,
    /// When this run of the broker began.
    pub running_since: DateTime<Utc>,
}

impl Directory {
    /// Lists the organisations that exist, starts the task that restarts their actors, and settles what
    /// was open when the broker last stopped. When this returns `Ok`, logins can be taken.
    ///
    /// # Errors
    /// If the store cannot be read, or what was open cannot be settled.
    pub async fn open(parts: DirectoryParts) -> Result<Self, StoreError> {
        let DirectoryParts {
            store,
            journal,
            clock,
            catalogue,
            bounds,
            heartbeat,
            arbiters,
            last_run,
            running_since,
        } = parts;
        assert!(!arbiters.is_empty(), "organisations need a thread to run on");
        let entries = store.organisations().await?;
        let now = clock.now().at;
        let cells = DashMap::new();
        for entry in &entries {
            let cell = Cell::new(entry.id, now, last_run);
            cells.insert(entry.id, Arc::new(cell));
        }
        let (deaths, died) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            store,
            journal,
            clock,
            catalogue,
            bounds,
            heartbeat,
            running_since,
            deaths,
        });
        let directory = Self(Arc::new(Inner {
            cells,
            shared,
            arbiters,
            asks: Semaphore::new(ASKS_UNDER_WAY_MAX),
        }));
        tokio::spawn(directory.clone().restart_the_dead(died));
        let open = entries.iter().filter(|entry| entry.has_open_sessions).map(|entry| entry.id);
        match directory.settle(open.collect()).await {
            0 => Ok(directory),
            unsettled => Err(StoreError::Aborted(format!(
                "the open sessions of {unsettled} organisations could not be settled"
            ))),
        }
    }

    /// Waits until everything that these organisations decided, or found at their start, is durable.
    /// How many did not come so far.
    async fn settle(&self, organisations: Vec<OrganisationId>) -> usize {
        let asked = organisations.into_iter().map(|id| self.ask(id, Tick));
        stream::iter(asked)
            .buffer_unordered(ASKS_UNDER_WAY_MAX / 2)
            .filter(|settled| std::future::ready(settled.is_err()))
            .count()
            .await
    }

    /// Has every organisation see that time has passed, started or not: five-minute figures are made of
    /// all of them.
    pub async fn tick(&self) {
        let failed = self.settle(self.cells().iter().map(|cell| cell.id()).collect()).await;
        if failed > 0 {
            tracing::warn!(organisations = failed, "could not be served at the end of an interval");
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
            if cell.is_retired() {
                continue;
            }
            let deaths = cell.count_death();
            let pause = Duration::from_millis(20) * 2_u32.saturating_pow(deaths.min(10));
            let directory = self.clone();
            tracing::warn!(organisation = %cell.id(), ?pause, "an organisation's actor starts anew");
            tokio::spawn(async move {
                tokio::time::sleep(pause.min(RESTART_PAUSE_MAX)).await;
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
                tracing::error!(organisation = %settings.id, %error, "cannot create");
                AskError::Unavailable
            })?;
        if created {
            let cell = Cell::new(settings.id, self.0.shared.clock.now().at, None);
            self.0.cells.insert(settings.id, Arc::new(cell));
        }
        Ok(created)
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
        let _permit = self.0.asks.try_acquire().map_err(|_| AskError::Overloaded)?;
        let (sender, answer) = oneshot::channel();
        let reply = Reply::new(move |answer| {
            // Whoever asked may have gone; the decision stands all the same.
            let _ = sender.send(answer);
        });
        found.send(Submit { command, reply, link: None, author });
        Ok(answer.await.unwrap_or(Err(Unavailable))?)
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
        let _permit = self.0.asks.try_acquire().map_err(|_| AskError::Overloaded)?;
        let (sender, answer) = oneshot::channel();
        let read = Box::new(move |organisation: &Organisation| {
            let present = read(organisation);
            let tell: Tell = Box::new(move || {
                // Whoever asked may have gone.
                let _ = sender.send(present);
            });
            tell
        });
        let view = View { read, when_durable };
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
            return Err(if is_gone { AskError::UnknownOrganisation } else { error });
        }
        // Its number was free from the commit on, and may be another organisation's by now.
        self.0.cells.remove_if(&organisation, |_, current| Arc::ptr_eq(current, &cell));
        cell.retire();
        if let Some(address) = cell.address() {
            address.do_send(Retire);
        }
        Ok(())
    }

    /// The ids of the wallboards that are connected, configured or not.
    pub fn connected_wallboards(&self, organisation: OrganisationId) -> HashSet<Arc<str>> {
        self.0.cells.get(&organisation).map(|cell| cell.wallboards()).unwrap_or_default()
    }

    /// Notes that a wallboard is connected, for as long as what is returned lives.
    pub fn enter_wallboard(
        &self,
        organisation: OrganisationId,
        wallboard: Arc<str>,
    ) -> Option<WallboardGuard> {
        let cell = self.0.cells.get(&organisation)?.clone();
        Some(WallboardGuard::enter(cell, wallboard))
    }

    /// How many sessions are connected, over all organisations.
    pub fn connected(&self) -> usize {
        self.0.cells.iter().map(|cell| cell.links().len()).sum()
    }

    /// Sends to every connected device.
    pub fn broadcast(&self, message: &ToDevice) {
        self.cells().iter().for_each(|cell| cell.links().broadcast(message));
    }

    /// The connections that are there, for closing them in batches.
    pub fn connections(&self) -> Vec<(OrganisationRef, LinkId)> {
        let links = |cell: Arc<Cell>| {
            let links = cell.links().ids().into_iter();
            links.map(move |link| (OrganisationRef(cell.clone()), link))
        };
        self.cells().into_iter().flat_map(links).collect()
    }

    /// Waits until everything that was decided is durable, and ends the actors.
    pub async fn close(&self) {
        let cells = self.cells();
        let served = cells.iter().filter(|cell| cell.address().is_some());
        let ids = served.map(|cell| cell.id()).collect();
        self.settle(ids).await;
        for cell in cells {
            cell.retire();
            if let Some(address) = cell.address() {
                address.do_send(Retire);
            }
        }
    }
}

/// Does what must not be left half done, even if whoever asked goes before it is: what the store knows
/// and what the directory knows must stay the same.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, AskError>> + Send + 'static,
) -> Result<T, AskError> {
    tokio::spawn(work).await.unwrap_or(Err(AskError::Unavailable))
}

/// One organisation, found; holds on to it while a connection lasts.
#[derive(Clone)]
pub struct OrganisationRef(Arc<Cell>);

impl OrganisationRef {
    /// Its number.
    pub fn id(&self) -> OrganisationId {
        self.0.id()
    }

    /// Has a command decided, on behalf of the connection `link` if it is a login or a resume. Never
    /// waits; what is under way is bounded by whoever calls.
    pub fn submit<C>(&self, command: C, link: Option<Link>, reply: Reply<C::Answer>)
    where
        C: Command + Send + 'static,
        C::Answer: Send + 'static,
    {
        self.send(Submit { command, reply, link, author: None });
    }

    fn send<C>(&self, message: Submit<C>)
    where
        C: Command + Send + 'static,
        C::Answer: Send + 'static,
    {
        if let Some(address) = self.0.address() {
            address.do_send(message);
        }
    }

    /// Says goodbye for a connection, at once and without waiting: it reaches the organisation even if
    /// its actor is down and is started again.
    pub fn depart(
        &self,
        session: SessionId,
        link: LinkId,
        marks: &Marks,
        departure: Departure,
        reply: Reply<LeaveAnswer>,
    ) {
        marks.departed(departure);
        self.0.send_goodbye(session, link, departure, reply);
    }

    /// Tells a connection that the broker stops.
    pub fn send_away(&self, link: LinkId) {
        self.0.links().send_end(link, EndReason::GoingAway);
    }
}
