//! The composition root: what the broker is made of, in which order it starts, and in which it stops.

mod drain;
mod entrance;
mod listener;
pub(crate) mod open_files;
mod upgrading;
mod upkeep;

use crate::actor::directory::{Directory, DirectoryParts};
use crate::actor::journal::Journal;
use crate::auth::{Authenticator, Hashing, KeySources, KeysError};
use crate::broker::admission::Admission;
use crate::broker::{Broker, LinkNumbers, Phase, Readiness};
use crate::catalogue_file::{self, CatalogueFileError};
use crate::clock::Clock;
use crate::cluster::{Cluster, Node};
use crate::config::Config;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::OrganisationId;
use crate::domain::interval::{INTERVAL, interval_of};
use crate::domain::organisation::Bounds;
use crate::limits::{
    EDITIONS_INTERVAL, Heartbeat, LEASE_DEFAULT, LIFE_INTERVAL, Limits, PRUNE_INTERVAL,
    PRUNE_PAUSE, PRUNED_AT_ONCE_MAX, REPORTS_UNDER_WAY_MAX,
};
use crate::store::{self, Store, StoreError};
use crate::telemetry;
use crate::thread_priority;
use crate::transport::certificate::Certificate;
use crate::transport::door::Door;
use crate::transport::files::CertificateError;
use actix::Arbiter;
use actix_server::ServerHandle;
use actix_web::web;
use chrono::TimeDelta;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// What a broker is made of. Tests give it port 0, a clock that they turn, and a store that fails.
pub struct Parts {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where organisations are kept.
    pub store: Arc<dyn Store>,
    /// Judges and issues tokens.
    pub authenticator: Arc<Authenticator>,
    /// Tells the time.
    pub clock: Clock,
    /// The licence types.
    pub catalogue: Arc<Catalogue>,
    /// The bounds that an operator may set.
    pub limits: Limits,
    /// How liveness is judged.
    pub heartbeat: Heartbeat,
    /// The certificate to serve TLS with; `None` serves in the clear.
    pub certificate: Option<Arc<Certificate>>,
    /// Origins that may connect beside the broker's own pages.
    pub allowed_origins: Vec<String>,
    /// How long records of the logs are kept; `None` for ever.
    pub retention: Option<TimeDelta>,
    /// This node, where several share the store.
    pub node: NodeSettings,
    /// Threads that serve connections; at least 1.
    pub workers: usize,
    /// Further routes: the demo's pages.
    pub routes: fn(&mut web::ServiceConfig),
}

/// This node, as its operator describes it.
#[derive(Clone, Debug)]
pub struct NodeSettings {
    /// No two nodes that share a store may run under one name.
    pub name: Arc<str>,
    /// Where clients reach it, without a path; where it listens, if nothing is said.
    pub url: Option<Arc<str>>,
    /// How long its lease is: so long after it is lost others take over what it had.
    pub lease: Duration,
}

impl Default for NodeSettings {
    fn default() -> Self {
        Self { name: "node".into(), url: None, lease: LEASE_DEFAULT }
    }
}

impl NodeSettings {
    fn at(self, address: SocketAddr, serves_tls: bool) -> Node {
        let scheme = if serves_tls { "https" } else { "http" };
        let url = self.url.unwrap_or_else(|| format!("{scheme}://{address}").into());
        Node { name: self.name, url, lease: self.lease }
    }
}

/// Why a broker did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// What is kept cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

impl StartError {
    /// The same, with the name of the database where it is what cannot be used.
    fn of_database(self, database: &str) -> Self {
        match self {
            Self::Store(error) => {
                Self::Store(error.of(format_args!("database {}", store::open::shown(database))))
            }
            listen @ Self::Listen { .. } => listen,
        }
    }
}

/// Why `serve` ended otherwise than by a signal.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Its catalogue is none.
    #[error("catalogue: {0}")]
    Catalogue(#[from] CatalogueFileError),
    /// Its certificate cannot be served.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Its keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// What is kept cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Signals cannot be waited for.
    #[error("cannot wait for signals: {0}")]
    Signals(#[from] std::io::Error),
    /// Whoever asked it to stop did not wait for the drain.
    #[error("told to stop again while draining: stopped at once; what was answered is kept")]
    Hurried,
}

/// Runs a broker until SIGTERM or SIGINT, then drains it; a second signal ends it at once. Needs an actix
/// system.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve(config: Config) -> Result<(), ServeError> {
    let room = open_files::raise();
    outlive_full_files();
    outlive_hang_ups();
    let mut signals = StopSignals::listen()?;
    let database = config.database.clone();
    let mut parts = parts_of(config).await?;
    parts.limits.sessions_max = open_files::sockets_within(room, parts.limits.sessions_max);
    parts.limits.connections_max = open_files::connections_within(room, &parts.limits);
    let started = tokio::select! {
        started = start(parts) => started,
        () = signals.next() => {
            tracing::info!("told to stop before logins were taken");
            return Ok(());
        }
    };
    let running = started.map_err(|error| error.of_database(&database))?;
    tracing::info!(address = %running.address, "taking logins");
    signals.next().await;
    tracing::info!("draining");
    tokio::select! {
        () = running.drain() => {
            tracing::info!("stopped");
            Ok(())
        }
        () = signals.next() => Err(ServeError::Hurried),
    }
}

async fn parts_of(config: Config) -> Result<Parts, ServeError> {
    let catalogue = match &config.catalogue {
        Some(path) => catalogue_file::read(path)?,
        None => catalogue_file::built_in(),
    };
    let clock = Clock::system();
    let load = |files| Certificate::load(files, clock.clone()).map(Arc::new);
    let certificate = config.tls.map(load).transpose()?;
    let keys = KeySources {
        data_dir: config.data_dir,
        secret_file: config.jwt_secret_file,
        jwks: config.jwks,
    };
    Ok(Parts {
        listen: config.listen,
        store: store::open(&config.database, catalogue.clone()).await?,
        authenticator: Arc::new(Authenticator::start(&keys).await?),
        clock,
        catalogue,
        limits: Limits {
            max_grace_default_s: config.max_grace_s,
            metrics_organisations_max: config.metrics_organisations_max,
            ..config.bounds.limits()
        },
        heartbeat: Heartbeat { every: Duration::from_secs(config.heartbeat_s.into()) },
        certificate,
        allowed_origins: config.allow_origin,
        retention: config.retention_days.map(|days| TimeDelta::days(days.into())),
        workers: config.workers,
        node: NodeSettings {
            name: config.node.into(),
            url: config.advertise_url.map(Into::into),
            lease: Duration::from_secs(config.lease_s.into()),
        },
        routes: |_| {},
    })
}

/// A write beyond the limit of the size of files (`ulimit -f`) is to fail like one to a full disk; the
/// signal that comes with it would end the process.
fn outlive_full_files() {
    // The handler stays when the stream of signals is gone.
    if let Err(error) = signal(SignalKind::from_raw(libc::SIGXFSZ)) {
        tracing::warn!(%error, "a file that meets its limit of size would end the broker");
    }
}

/// Told to read its certificate again, a broker that has none, or does not serve yet, goes on.
fn outlive_hang_ups() {
    // The handler stays when the stream of signals is gone.
    if let Err(error) = signal(SignalKind::hangup()) {
        tracing::warn!(%error, "SIGHUP would end the broker");
    }
}

/// SIGTERM from whatever runs the broker, SIGINT from a person.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn listen() -> std::io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { terminate, interrupt })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Waits for SIGTERM or SIGINT.
///
/// # Errors
/// If the process cannot listen for signals.
pub async fn until_told_to_stop() -> std::io::Result<()> {
    StopSignals::listen()?.next().await;
    Ok(())
}

/// A broker that serves.
pub struct Running {
    /// Where it listens; the port that was found, if 0 was given.
    pub address: SocketAddr,
    broker: web::Data<Broker>,
    server: ServerHandle,
    serving: JoinHandle<std::io::Result<()>>,
    tasks: Vec<JoinHandle<()>>,
    arbiters: Vec<Arbiter>,
    /// Organisations that are still to be settled.
    unsettled: Vec<OrganisationId>,
}

/// Starts a broker: listens, and settles what was open when it last stopped. When this returns it takes
/// logins. Needs an actix system.
///
/// # Errors
/// See [`StartError`]; nothing is left running.
pub async fn start(parts: Parts) -> Result<Running, StartError> {
    let mut running = open(parts).await?;
    match running.recover().await {
        Ok(()) => Ok(running),
        Err(error) => {
            running.halt().await;
            Err(error.into())
        }
    }
}

/// The threads that decide.
fn arbiters() -> Vec<Arbiter> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let arbiters: Vec<Arbiter> = (0..threads.min(4)).map(|_| Arbiter::new()).collect();
    for arbiter in &arbiters {
        arbiter.spawn_fn(thread_priority::by_batches);
    }
    arbiters
}

/// Has a broker listen that takes no logins yet: probes are told how far it is, and connections to come
/// again. Needs an actix system.
///
/// # Errors
/// See [`StartError`].
pub async fn open(parts: Parts) -> Result<Running, StartError> {
    // First of all: an address that is taken leaves nothing running.
    let cannot_listen = |source| StartError::Listen { address: parts.listen, source };
    let listener = listener::bind(parts.listen, parts.heartbeat).map_err(cannot_listen)?;
    let address = listener.local_addr().map_err(cannot_listen)?;
    let node = parts.node.at(address, parts.certificate.is_some());
    let cluster = Cluster::join(&parts.store, &parts.clock, node.clone()).await?;
    // Where several nodes share the store, each organisation has a last run of its own.
    let last_run = if cluster.is_none() { parts.store.last_run().await? } else { None };
    parts.authenticator.editions().load(parts.store.editions().await?);
    let running_since = parts.clock.now().at;
    let (journal, committing) = Journal::start(parts.store.clone(), parts.clock.clone());
    let arbiters = arbiters();
    let (directory, unsettled) = Directory::open(DirectoryParts {
        store: parts.store.clone(),
        journal,
        clock: parts.clock.clone(),
        catalogue: parts.catalogue.clone(),
        bounds: Bounds {
            waiting_per_licence_max: parts.limits.waiting_per_licence_max,
            users_max: parts.limits.users_per_organisation_max,
        },
        heartbeat: parts.heartbeat,
        arbiters: arbiters.iter().map(Arbiter::handle).collect(),
        asks_max: parts.limits.requests_under_way_max,
        last_run,
        running_since,
        cluster: cluster.clone(),
    })
    .await?;
    let broker = web::Data::new(Broker {
        directory,
        store: parts.store,
        authenticator: parts.authenticator,
        clock: parts.clock,
        catalogue: parts.catalogue,
        hashing: Hashing::default(),
        ready: Readiness::starting(),
        reports: Semaphore::new(REPORTS_UNDER_WAY_MAX),
        admission: Admission::new(&parts.limits),
        limits: parts.limits,
        metrics: telemetry::install_metrics(),
        heartbeat: parts.heartbeat,
        serves_tls: parts.certificate.is_some(),
        allowed_origins: parts.allowed_origins,
        links: LinkNumbers::default(),
        node,
    });
    let door = Door::new(parts.certificate.as_ref(), &broker.limits);
    let mut tasks = vec![committing];
    tasks.extend(keep_house(&broker, parts.retention, parts.certificate));
    tasks.extend(cluster.map(|cluster| keep_its_place(cluster, &broker)).into_iter().flatten());
    let (address, server, serving) =
        listener::serve(listener, door, &broker, parts.workers, parts.routes)
            .map_err(cannot_listen)?;
    Ok(Running { address, broker, server, serving, tasks, arbiters, unsettled })
}

/// What is done beside serving, for as long as the broker runs.
fn keep_house(
    broker: &web::Data<Broker>,
    retention: Option<TimeDelta>,
    certificate: Option<Arc<Certificate>>,
) -> Vec<JoinHandle<()>> {
    let every = broker.limits.tls_look_every;
    let retaining = retention.map(|retention| tokio::spawn(retain(broker.clone(), retention)));
    let watching = certificate.map(|certificate| tokio::spawn(certificate.watch(every)));
    let always = [
        tokio::spawn(keep_up(broker.clone())),
        tokio::spawn(upkeep::keep_store_up(broker.store.clone())),
        tokio::spawn(close_intervals(broker.clone())),
    ];
    always.into_iter().chain(retaining).chain(watching).collect()
}

/// Keeps the lease, what this node has of the organisations, and what it knows of accounts.
fn keep_its_place(cluster: Arc<Cluster>, broker: &web::Data<Broker>) -> [JoinHandle<()>; 3] {
    let losing = broker.directory.clone();
    let keeping = cluster.keep_lease(move || losing.give_up_all());
    [
        tokio::spawn(keeping),
        tokio::spawn(broker.directory.clone().keep_estate()),
        tokio::spawn(follow_editions(broker.clone())),
    ]
}

/// An account that is changed on one node ends its tokens on all.
async fn follow_editions(broker: web::Data<Broker>) {
    let mut interval = tokio::time::interval(EDITIONS_INTERVAL);
    loop {
        interval.tick().await;
        if let Err(error) = broker.authenticator.editions().replace(broker.store.editions()).await {
            telemetry::count_store_error("editions", error.kind());
        }
    }
}

/// Closes the five-minute intervals of every organisation, those included that nobody asks for anything.
async fn close_intervals(broker: web::Data<Broker>) {
    // A commit before that would pass for a sign of life, and date wrongly what is still to be settled.
    let mut phases = broker.ready.subscribe();
    if phases.wait_for(|phase| *phase == Phase::Ready).await.is_err() {
        return;
    }
    loop {
        let now = broker.clock.now().at;
        let left = interval_of(now) + INTERVAL - now;
        tokio::time::sleep(left.to_std().unwrap_or_default()).await;
        broker.directory.tick().await;
    }
}

/// Keeps what only grows from growing: samples of metrics, addresses that were seen.
async fn keep_up(broker: web::Data<Broker>) {
    let mut interval = tokio::time::interval(LIFE_INTERVAL);
    loop {
        interval.tick().await;
        broker.metrics.run_upkeep();
        broker.admission.forget_the_quiet();
    }
}

/// Deletes records that need not be kept any longer, a few at a time.
async fn retain(broker: web::Data<Broker>, retention: TimeDelta) {
    let mut interval = tokio::time::interval(PRUNE_INTERVAL);
    loop {
        interval.tick().await;
        // One node is enough for what they share.
        if broker.directory.nodes().is_some_and(|cluster| !cluster.is_first()) {
            continue;
        }
        let before = broker.clock.now().at - retention;
        loop {
            match broker.store.prune(before, PRUNED_AT_ONCE_MAX).await {
                Ok(0) => break,
                Ok(records) => telemetry::count_pruned(records),
                Err(error) => {
                    tracing::warn!(%error, "old records stay for now");
                    telemetry::count_store_error("prune", error.kind());
                    break;
                }
            }
            tokio::time::sleep(PRUNE_PAUSE).await;
        }
    }
}

impl Running {
    /// Settles what was open when the broker last stopped, and takes logins from then on.
    ///
    /// # Errors
    /// If the store refuses; it takes none then.
    pub async fn recover(&mut self) -> Result<(), StoreError> {
        let unsettled = std::mem::take(&mut self.unsettled);
        self.broker.directory.recover(unsettled).await?;
        self.broker.ready.enter(Phase::Ready);
        Ok(())
    }

    /// What every connection has of it.
    pub fn broker(&self) -> &web::Data<Broker> {
        &self.broker
    }

    /// Stops at once, as if the process ended: what is not durable is lost, as it may be.
    pub async fn halt(self) {
        self.broker.ready.enter(Phase::Closing);
        self.server.stop(false).await;
        let _ = self.serving.await;
        for arbiter in &self.arbiters {
            arbiter.stop();
        }
        for arbiter in self.arbiters {
            let _ = tokio::task::spawn_blocking(move || arbiter.join()).await;
        }
        for task in &self.tasks {
            task.abort();
        }
    }
}
