//! The one connection that writes.

use super::StoreError;
use super::error::{aborted, maybe_applied};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::{Mutex, MutexGuard};

/// Holds the connection, and opens another when it broke.
#[derive(Debug)]
pub(super) struct Writer {
    options: SqliteConnectOptions,
    /// `None` after an error that may have left the connection in the middle of something.
    slot: Mutex<Option<SqliteConnection>>,
    /// Never used, never closed. While one connection is open, SQLite's index of the journal lives on,
    /// and in it a commit whose `fsync` failed does not count: it is written anew by the next one.
    /// Without it the last connection to close would let the index go, and whoever opens the journal
    /// next would believe pages that are in memory and not on the disk. It also spares a full disk the
    /// making of that index.
    _anchor: Mutex<SqliteConnection>,
}

/// A transaction under way. Dropped before its end, it closes its connection, and SQLite rolls back.
pub(super) struct Transaction<'a> {
    slot: MutexGuard<'a, Option<SqliteConnection>>,
    connection: SqliteConnection,
}

/// While it is held nothing is being committed.
pub(super) struct Pause<'a>(#[expect(dead_code, reason = "held, never read")] Guard<'a>);

type Guard<'a> = MutexGuard<'a, Option<SqliteConnection>>;

impl Writer {
    /// Of a connection that is open; `options` reopen it.
    ///
    /// # Errors
    /// If no other connection can be opened beside it.
    pub(super) async fn open(
        options: SqliteConnectOptions,
        connection: SqliteConnection,
    ) -> Result<Self, StoreError> {
        let mut anchor = options.connect().await.map_err(aborted)?;
        // Only a read opens the journal.
        sqlx::query("SELECT count(*) FROM organisations")
            .fetch_one(&mut anchor)
            .await
            .map_err(aborted)?;
        Ok(Self { options, slot: Mutex::new(Some(connection)), _anchor: Mutex::new(anchor) })
    }

    /// Waits for its turn and begins, with the right to write.
    pub(super) async fn begin(&self) -> Result<Transaction<'_>, StoreError> {
        let mut slot = self.slot.lock().await;
        let mut connection = match slot.take() {
            Some(connection) => connection,
            None => self.options.connect().await.map_err(aborted)?,
        };
        match sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await {
            Ok(_) => Ok(Transaction { slot, connection }),
            Err(error) => {
                close(connection).await;
                Err(aborted(error))
            }
        }
    }

    /// Waits until no commit is under way.
    pub(super) async fn pause(&self) -> Pause<'_> {
        Pause(self.slot.lock().await)
    }
}

impl Transaction<'_> {
    /// For the statements of this transaction.
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Commits if `outcome` is good, else rolls back.
    pub(super) async fn end<T>(self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        match outcome {
            Ok(value) => self.commit().await.map(|()| value),
            Err(error) => {
                self.roll_back().await;
                Err(error)
            }
        }
    }

    async fn commit(mut self) -> Result<(), StoreError> {
        match sqlx::query("COMMIT").execute(&mut self.connection).await {
            Ok(_) => {
                *self.slot = Some(self.connection);
                Ok(())
            }
            Err(error) => {
                close(self.connection).await;
                Err(maybe_applied(error))
            }
        }
    }

    /// Nothing of it stays. Some errors make SQLite roll back by itself; then there is nothing left to
    /// roll back, which cannot be told from a broken connection: both are answered with a new one.
    async fn roll_back(mut self) {
        match sqlx::query("ROLLBACK").execute(&mut self.connection).await {
            Ok(_) => *self.slot = Some(self.connection),
            Err(_) => close(self.connection).await,
        }
    }
}

/// Closes and waits for it, so that whoever looks next sees how the transaction ended.
async fn close(connection: SqliteConnection) {
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "the store's connection did not close cleanly");
    }
}
