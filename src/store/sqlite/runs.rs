//! The index of the per-user log by user, written behind the log in sorted runs (`usage_of_user`).

use super::StoreError;
use super::error::aborted;
use super::writer::Writer;
use sqlx::sqlite::{SqliteConnection, SqliteExecutor, SqlitePool};

/// Records of one run. Commits wait while one is written: 7 ms with so many. A question about a user looks
/// into every run of its range: a month of 2.5 million records has 300.
const RUN_RECORDS: i64 = 8_192;

/// How far the index is behind.
#[derive(Clone, Copy)]
struct Backlog {
    /// The last record in the index.
    indexed: i64,
    /// The last record of the log.
    newest: i64,
}

impl Backlog {
    async fn read(executor: impl SqliteExecutor<'_>) -> Result<Self, sqlx::Error> {
        let query = sqlx::query_as(
            "SELECT coalesce((SELECT max(last_id) FROM usage_runs), 0), \
             coalesce((SELECT max(id) FROM usage), 0)",
        );
        let (indexed, newest) = query.fetch_one(executor).await?;
        Ok(Self { indexed, newest })
    }

    fn runs(self) -> u64 {
        u64::try_from((self.newest - self.indexed) / RUN_RECORDS).unwrap_or(0)
    }

    fn has_a_run(self) -> bool {
        self.newest - self.indexed >= RUN_RECORDS
    }
}

/// Adds the run that follows, if the log has all of it; whether there is another one to add.
pub(super) async fn add(readers: &SqlitePool, writer: &Writer) -> Result<bool, StoreError> {
    // Commits are held up only if there is something to do.
    if !Backlog::read(readers).await.map_err(aborted)?.has_a_run() {
        return Ok(false);
    }
    let mut transaction = writer.begin().await?;
    let outcome = write(transaction.connection()).await;
    transaction.end(outcome.map_err(aborted)).await
}

/// Runs that are still to be written.
pub(super) async fn behind(readers: &SqlitePool) -> Result<u64, StoreError> {
    Ok(Backlog::read(readers).await.map_err(aborted)?.runs())
}

/// Writes a run, if nobody else has written it meanwhile.
async fn write(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let backlog = Backlog::read(&mut *connection).await?;
    if !backlog.has_a_run() {
        return Ok(false);
    }
    let (before, last) = (backlog.indexed, backlog.indexed + RUN_RECORDS);
    for statement in [
        "INSERT INTO usage_of_user (run, organisation, user, id) \
         SELECT ?2, organisation, user, id FROM usage WHERE id > ?1 AND id <= ?2 \
         ORDER BY organisation, user, id",
        "INSERT INTO usage_runs (last_id, first_at, last_at) \
         SELECT ?2, coalesce(min(at), 0), max(coalesce(max(at), 0), \
         coalesce((SELECT last_at FROM usage_runs WHERE last_id = ?1), 0)) FROM usage \
         WHERE id > ?1 AND id <= ?2",
    ] {
        sqlx::query(statement).bind(before).bind(last).execute(&mut *connection).await?;
    }
    Ok(Backlog { indexed: last, ..backlog }.has_a_run())
}

/// Takes the records with these ids, a JSON array of numbers, out of the index; they are still in the log.
/// A run that is empty then goes as well. The last one stays, for it says how far the index goes.
pub(super) async fn forget(
    connection: &mut SqliteConnection,
    ids: &str,
) -> Result<(), sqlx::Error> {
    for statement in [
        "DELETE FROM usage_of_user WHERE (run, organisation, user, id) IN \
         (SELECT (SELECT min(last_id) FROM usage_runs WHERE last_id >= u.id), u.organisation, u.user, \
         u.id FROM json_each(?) JOIN usage u ON u.id = value)",
        "DELETE FROM usage_runs WHERE last_id IN \
         (SELECT (SELECT min(last_id) FROM usage_runs WHERE last_id >= value) FROM json_each(?)) \
         AND last_id < (SELECT max(last_id) FROM usage_runs) \
         AND NOT EXISTS (SELECT 1 FROM usage_of_user WHERE run = last_id)",
    ] {
        sqlx::query(statement).bind(ids).execute(&mut *connection).await?;
    }
    Ok(())
}
