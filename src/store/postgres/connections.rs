//! The connections of a store, and what is done with one.
//!
//! Between a transaction and the next a connection keeps nothing: a pooler in transaction mode may stand
//! between, and give the next one to another server process.

use super::StoreError;
use super::error::{aborted, unreachable};
use super::location::Location;
use super::pipeline::{self, Request};
use super::statement::Statement;
use super::threads::Threads;
use super::transaction::{Lent, Transaction, in_time};
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use rustls::ClientConfig;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::{CancelToken, NoTls, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Questions that are answered at the same time; further ones wait for one of these.
const READERS_MAX: usize = 8;

/// Transactions that write at the same time: claims, accounts, what is forgotten.
const WRITERS_MAX: usize = 6;

/// Commits at the same time; they follow each other, and wait for nobody else.
const COMMITTERS_MAX: usize = 2;

/// For the node's lease, which must not wait for anybody.
const KEEPERS_MAX: usize = 2;

/// For so long a connection is waited for; then the store takes nothing.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Begins a transaction that writes. What is answered is on the disk, whatever the server's own setting is.
/// A node that falls silent in the middle of one gives back what it locked within a second: a lock that others
/// waited for longer would cost them their lease.
pub(super) const BEGIN: &str = "BEGIN; SET LOCAL synchronous_commit = on; \
    SET LOCAL statement_timeout = '10s'; SET LOCAL lock_timeout = '4s'; \
    SET LOCAL idle_in_transaction_session_timeout = '1s'";

/// Begins a transaction of one question.
const BEGIN_QUESTION: &str = "BEGIN READ ONLY; SET LOCAL statement_timeout = '30s'";

/// Begins the reading of a page, which is to be by an index whatever the planner takes a filter to let
/// through: it knows neither the organisation nor the cursor's instant when it plans, nor what came since it
/// last counted, and would rather sort a whole log than go on where a page ended. Compiling such a statement
/// takes longer than running it.
const BEGIN_PAGE: &str = "BEGIN READ ONLY; SET LOCAL statement_timeout = '30s'; \
    SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; \
    SET LOCAL enable_sort = off; SET LOCAL jit = off";

/// Begins a transaction that reads everything at one instant. Reports sort a year of records in memory.
const BEGIN_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
    SET LOCAL statement_timeout = '60s'; SET LOCAL jit = off; SET LOCAL work_mem = '64MB'";

/// An answer that takes longer than the server itself would let it does not come any more: the server stands
/// still, or nothing of it gets through. Of writing.
pub(super) const WRITE_TIME_MAX: Duration = Duration::from_secs(12);

/// The same, of reading.
const READ_TIME_MAX: Duration = Duration::from_secs(65);

/// The pools of a database.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    readers: Pool,
    writers: Pool,
    committers: Pool,
    keepers: Pool,
    /// Where the server is spoken to by TLS.
    tls: Option<ClientConfig>,
    /// Last: the lines end before them.
    _threads: Arc<Threads>,
}

impl Connections {
    /// Opens nothing yet.
    pub(super) fn new(location: &Location) -> Result<Self, StoreError> {
        let threads = Threads::start()?;
        Ok(Self {
            readers: pool(location, READERS_MAX, &threads)?,
            writers: pool(location, WRITERS_MAX, &threads)?,
            committers: pool(location, COMMITTERS_MAX, &threads)?,
            keepers: pool(location, KEEPERS_MAX, &threads)?,
            tls: location.tls.clone(),
            _threads: Arc::new(threads),
        })
    }

    /// A connection for commits, which are sent by [`pipeline::send`] as a whole.
    pub(super) async fn committer(&self) -> Result<Object, StoreError> {
        self.committers.get().await.map_err(unreachable)
    }

    /// The rows that a question is answered with; it may only read.
    pub(super) async fn rows(&self, statement: &Statement<'_>) -> Result<Vec<Row>, StoreError> {
        self.asked(BEGIN_QUESTION, statement).await
    }

    /// The rows of a page, which are in the order of an index.
    pub(super) async fn page(&self, statement: &Statement<'_>) -> Result<Vec<Row>, StoreError> {
        self.asked(BEGIN_PAGE, statement).await
    }

    /// One question in a transaction of its own, in one round trip.
    async fn asked(&self, begin: &str, statement: &Statement<'_>) -> Result<Vec<Row>, StoreError> {
        let reader = Lent::of(&self.readers).await?;
        let requests =
            [Request::Text(begin), Request::Statement(statement), Request::Text("COMMIT")];
        let answers = pipeline::send(reader.get()?, requests);
        let answers = in_time(READ_TIME_MAX, answers).await?;
        reader.give_back();
        let answers: Result<Vec<_>, _> = answers.into_iter().collect();
        Ok(answers.map_err(aborted)?.swap_remove(1))
    }

    /// The first of them.
    pub(super) async fn one(&self, statement: &Statement<'_>) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(statement).await?.into_iter().next())
    }

    /// Many questions about one instant.
    pub(super) async fn snapshot(&self) -> Result<Transaction, StoreError> {
        let reader = Lent::of(&self.readers).await?;
        Transaction::begin(reader, BEGIN_SNAPSHOT, READ_TIME_MAX).await
    }

    /// A transaction that writes.
    pub(super) async fn transaction(&self) -> Result<Transaction, StoreError> {
        Transaction::begin(Lent::of(&self.writers).await?, BEGIN, WRITE_TIME_MAX).await
    }

    /// The same, for the node's lease.
    pub(super) async fn lease_transaction(&self) -> Result<Transaction, StoreError> {
        Transaction::begin(Lent::of(&self.keepers).await?, BEGIN, WRITE_TIME_MAX).await
    }

    /// Has the server stop whatever the connection of this token is doing; it may be too late for that.
    pub(super) async fn cancel(&self, token: CancelToken) {
        let asked = match &self.tls {
            Some(tls) => token.cancel_query(MakeRustlsConnect::new(tls.clone())).await,
            None => token.cancel_query(NoTls).await,
        };
        if let Err(error) = asked {
            tracing::debug!(%error, "a statement could not be cancelled");
        }
    }
}

fn pool(location: &Location, size: usize, threads: &Threads) -> Result<Pool, StoreError> {
    // Whoever gets a connection that was lost meanwhile gets a new one in its place.
    let how = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let config = location.config.clone();
    let manager = match &location.tls {
        Some(tls) => {
            let lines = threads.lines(MakeRustlsConnect::new(tls.clone()));
            lines.map(|lines| Manager::from_connect(config, lines, how))
        }
        None => threads.lines(NoTls).map(|lines| Manager::from_connect(config, lines, how)),
    };
    let ended = || StoreError::Refused("its threads have ended".to_owned());
    let manager = manager.ok_or_else(ended)?;
    let pool = Pool::builder(manager)
        .max_size(size)
        .wait_timeout(Some(WAIT_MAX))
        .create_timeout(Some(WAIT_MAX))
        .runtime(Runtime::Tokio1)
        .build();
    pool.map_err(|error| StoreError::Aborted(error.to_string()))
}
