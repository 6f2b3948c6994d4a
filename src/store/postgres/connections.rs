//! The connections of a store, and what is done with one.
//!
//! Between a transaction and the next a connection keeps nothing: a pooler in transaction mode may stand
//! between, and give the next one to another server process.

use super::StoreError;
use super::error::{aborted, after_sending, of_commit, unreachable};
use super::location::Location;
use super::pipeline::{self, Request};
use super::statement::Statement;
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use rustls::ClientConfig;
use std::time::Duration;
use tokio_postgres::{CancelToken, NoTls, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Questions that are answered at the same time; further ones wait for one of these.
const READERS_MAX: usize = 8;

/// Transactions that write at the same time: commits, accounts, what is forgotten, the node's lease.
const WRITERS_MAX: usize = 6;

/// For so long a connection is waited for; then the store takes nothing.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Begins a transaction that writes. What is answered is on the disk, whatever the server's own setting is.
pub(super) const BEGIN: &str = "BEGIN; SET LOCAL synchronous_commit = on; \
    SET LOCAL statement_timeout = '10s'; SET LOCAL lock_timeout = '4s'; \
    SET LOCAL idle_in_transaction_session_timeout = '10s'";

/// Begins a transaction that reads everything at one instant. Reports sort a year of records in memory.
pub(super) const BEGIN_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
    SET LOCAL statement_timeout = '60s'; SET LOCAL jit = off; SET LOCAL work_mem = '64MB'";

/// Begins the reading of a page, which is to be by an index whatever the planner takes a filter to let
/// through: it knows neither the organisation nor the cursor's instant when it plans, nor what came since it
/// last counted, and would rather sort a whole log than go on where a page ended. Compiling such a statement
/// takes longer than running it.
const BEGIN_PAGE: &str = "BEGIN READ ONLY; SET LOCAL statement_timeout = '60s'; \
    SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; \
    SET LOCAL enable_sort = off; SET LOCAL jit = off";

/// The pools of a database.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    readers: Pool,
    writers: Pool,
    /// Where the server is spoken to by TLS.
    tls: Option<ClientConfig>,
}

impl Connections {
    /// Opens nothing yet.
    pub(super) fn new(location: &Location) -> Result<Self, StoreError> {
        let tls = location.tls.clone();
        let (readers, writers) = (pool(location, READERS_MAX)?, pool(location, WRITERS_MAX)?);
        Ok(Self { readers, writers, tls })
    }

    /// A connection for what is sent by [`pipeline::send`] as a whole transaction.
    pub(super) async fn writer(&self) -> Result<Object, StoreError> {
        self.writers.get().await.map_err(unreachable)
    }

    /// The rows that a question is answered with.
    pub(super) async fn rows(&self, statement: &Statement<'_>) -> Result<Vec<Row>, StoreError> {
        let reader = self.readers.get().await.map_err(unreachable)?;
        reader.query_typed(statement.text(), &statement.values()).await.map_err(aborted)
    }

    /// The first of them.
    pub(super) async fn one(&self, statement: &Statement<'_>) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(statement).await?.into_iter().next())
    }

    /// The rows of a page, which are in the order of an index; one round trip.
    pub(super) async fn page(&self, statement: &Statement<'_>) -> Result<Vec<Row>, StoreError> {
        let reader = self.readers.get().await.map_err(unreachable)?;
        let statement = Request::Statement(statement);
        let requests = [Request::Text(BEGIN_PAGE), statement, Request::Text("COMMIT")];
        let mut rows = Vec::new();
        for answer in pipeline::send(&reader, requests).await {
            rows.extend(answer.map_err(aborted)?);
        }
        Ok(rows)
    }

    /// Many questions about one instant.
    pub(super) async fn snapshot(&self) -> Result<Transaction, StoreError> {
        let reader = self.readers.get().await.map_err(unreachable)?;
        Transaction::begin(reader, BEGIN_SNAPSHOT).await
    }

    /// A transaction that writes.
    pub(super) async fn transaction(&self) -> Result<Transaction, StoreError> {
        Transaction::begin(self.writer().await?, BEGIN).await
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

fn pool(location: &Location, size: usize) -> Result<Pool, StoreError> {
    // Whoever gets a connection that was lost meanwhile gets a new one in its place.
    let how = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = match &location.tls {
        Some(tls) => {
            let tls = MakeRustlsConnect::new(tls.clone());
            Manager::from_config(location.config.clone(), tls, how)
        }
        None => Manager::from_config(location.config.clone(), NoTls, how),
    };
    let pool = Pool::builder(manager)
        .max_size(size)
        .wait_timeout(Some(WAIT_MAX))
        .create_timeout(Some(WAIT_MAX))
        .runtime(Runtime::Tokio1)
        .build();
    pool.map_err(|error| StoreError::Aborted(error.to_string()))
}

/// A transaction of several round trips. One that is dropped before its end is rolled back: its connection
/// is closed.
#[derive(Debug)]
pub(super) struct Transaction {
    /// `None` once it has ended.
    connection: Option<Object>,
}

impl Transaction {
    async fn begin(connection: Object, text: &str) -> Result<Self, StoreError> {
        let transaction = Self { connection: Some(connection) };
        transaction.connection()?.batch_execute(text).await.map_err(aborted)?;
        Ok(transaction)
    }

    fn connection(&self) -> Result<&Object, StoreError> {
        self.connection
            .as_ref()
            .ok_or_else(|| StoreError::Aborted("the transaction is over".into()))
    }

    /// The rows that a statement answers.
    pub(super) async fn rows(&self, statement: &Statement<'_>) -> Result<Vec<Row>, StoreError> {
        let connection = self.connection()?;
        connection.query_typed(statement.text(), &statement.values()).await.map_err(aborted)
    }

    /// The first of them.
    pub(super) async fn one(&self, statement: &Statement<'_>) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(statement).await?.into_iter().next())
    }

    /// How many rows a statement changed.
    pub(super) async fn execute(&self, statement: &Statement<'_>) -> Result<u64, StoreError> {
        let connection = self.connection()?;
        connection.execute_typed(statement.text(), &statement.values()).await.map_err(aborted)
    }

    /// The rows of each statement, all sent before the first is answered.
    pub(super) async fn all(
        &self,
        statements: &[Statement<'_>],
    ) -> Result<Vec<Vec<Row>>, StoreError> {
        let requests = statements.iter().map(Request::Statement);
        let answers = pipeline::send(self.connection()?, requests).await;
        answers.into_iter().map(|answer| answer.map_err(aborted)).collect()
    }

    /// What stops a statement of it; see [`Connections::cancel`].
    pub(super) fn cancel_token(&self) -> Result<CancelToken, StoreError> {
        Ok(self.connection()?.cancel_token())
    }

    /// Sends its last statements and its end together, so that what they lock is locked for no longer than the
    /// server needs.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub(super) async fn end_with(mut self, statements: &[Statement<'_>]) -> Result<(), StoreError> {
        let requests = statements.iter().map(Request::Statement).chain([Request::Text("COMMIT")]);
        let answers = pipeline::send(self.connection()?, requests).await;
        answers.into_iter().try_for_each(|answer| answer.map(drop).map_err(after_sending))?;
        drop(self.connection.take());
        Ok(())
    }

    /// Ends it; what it wrote is on the disk.
    ///
    /// # Errors
    /// [`StoreError::MaybeApplied`] where nobody knows.
    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        let connection = self.connection()?;
        connection.batch_execute("COMMIT").await.map_err(of_commit)?;
        drop(self.connection.take());
        Ok(())
    }

    /// Ends it without a trace.
    pub(super) async fn roll_back(mut self) -> Result<(), StoreError> {
        self.connection()?.batch_execute("ROLLBACK").await.map_err(aborted)?;
        drop(self.connection.take());
        Ok(())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        // Out of the pool: nobody else may find it in the middle of something.
        self.connection.take().map(Object::take);
    }
}
