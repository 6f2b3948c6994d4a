//! Rows that are lent, not handed over.
//!
//! An export reads millions of rows and keeps none. `sqlx` reads on a thread of its own and sends each row
//! across with a copy of every value, which costs several times what SQLite takes to find it
//! (docs/PERFORMANCE.md). `rusqlite` is the same SQLite, and lends the values where they stand.

use super::error::aborted;
use super::{BUSY_TIMEOUT, READERS_MAX, StoreError};
use crate::store::background::Background;
use crate::thread_priority;
use rusqlite::{Connection, OpenFlags};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Statements that a connection keeps prepared.
const STATEMENTS_KEPT: usize = 32;

/// Who reads. Each has turns of its own, so that neither waits long for the other.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reading {
    /// Somebody waits for a page.
    Page,
    /// An export, part by part. All exports together take one turn after the other, on a thread that steps
    /// back behind logins.
    Export,
}

/// One of the readings that run at the same time; the next one's when it is dropped.
#[derive(Debug)]
pub(super) struct Turn(
    #[expect(dead_code, reason = "held, never read")] Option<OwnedSemaphorePermit>,
);

impl Turn {
    async fn of(turns: &Arc<Semaphore>) -> Self {
        // Nobody closes the semaphore.
        Self(Arc::clone(turns).acquire_owned().await.ok())
    }
}

/// Connections that only read, and work on threads where waiting is allowed.
#[derive(Debug)]
pub(super) struct Scanner {
    path: PathBuf,
    /// Not at work at the moment; at most as many as there are turns.
    idle: Mutex<Vec<Connection>>,
    organisations: Arc<Semaphore>,
    pages: Arc<Semaphore>,
    exports: Background,
}

impl Scanner {
    /// Of a database that is there; connections are opened when they are needed.
    pub(super) fn new(path: PathBuf) -> Self {
        let turns = || Arc::new(Semaphore::new(READERS_MAX as usize));
        let (organisations, pages, exports) = (turns(), turns(), Background::default());
        Self { path, idle: Mutex::default(), organisations, pages, exports }
    }

    /// Does `work` with a connection. It runs to its end even if whoever waits for it goes away.
    pub(super) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        reading: Reading,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match reading {
            Reading::Export => self.exports.run(Arc::clone(self).connected(work)).await,
            Reading::Page => {
                let turn = Turn::of(&self.pages).await;
                self.run_in(turn, work).await
            }
        }
    }

    /// A turn to load an organisation. Whoever holds something up meanwhile waits for it first.
    pub(super) async fn turn_to_load(&self) -> Turn {
        Turn::of(&self.organisations).await
    }

    /// Does `work` with a connection, in a turn that has come.
    pub(super) async fn run_in<T: Send + 'static>(
        self: &Arc<Self>,
        turn: Turn,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let work = Arc::clone(self).connected(work);
        let task = thread_priority::blocking(move || {
            let outcome = work();
            drop(turn);
            outcome
        });
        task.await.unwrap_or_else(|error| Err(StoreError::Aborted(error.to_string())))
    }

    /// The work with a connection that is idle, or a new one.
    fn connected<T>(
        self: Arc<Self>,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> impl FnOnce() -> Result<T, StoreError> {
        move || {
            let mut connection = self.take()?;
            let outcome = work(&mut connection);
            // After an error nobody knows in which state it is; the next one opens another.
            if outcome.is_ok() {
                self.idle().push(connection);
            }
            outcome
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Result<Connection, StoreError> {
        let idle = self.idle().pop();
        idle.map_or_else(|| self.open().map_err(aborted), Ok)
    }

    /// Not read-only, with which SQLite cannot always open a database in write-ahead mode.
    fn open(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "query_only", "ON")?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        Ok(connection)
    }
}
