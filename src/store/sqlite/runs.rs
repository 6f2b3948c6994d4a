//! The index of the per-user log by user, written behind the log in sorted runs (`usage_of_user`).

use super::StoreError;
use super::error::aborted;
use super::writer::Writer;
use rusqlite::{Connection, Row};
use sqlx::sqlite::SqlitePool;

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

const BACKLOG: &str = "SELECT coalesce((SELECT max(last_id) FROM usage_runs), 0), \
    coalesce((SELECT max(id) FROM usage), 0)";

impl Backlog {
    async fn read(readers: &SqlitePool) -> Result<Self, StoreError> {
        let read = sqlx::query_as(BACKLOG).fetch_one(readers).await;
        let (indexed, newest) = read.map_err(aborted)?;
        Ok(Self { indexed, newest })
    }

    fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let read = |row: &Row<'_>| Ok(Self { indexed: row.get(0)?, newest: row.get(1)? });
        connection.prepare_cached(BACKLOG)?.query_row([], read)
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
    if !Backlog::read(readers).await?.has_a_run() {
        return Ok(false);
    }
    writer.write(|connection| write(connection).map_err(aborted)).await
}

/// Runs that are still to be written.
pub(super) async fn behind(readers: &SqlitePool) -> Result<u64, StoreError> {
    Ok(Backlog::read(readers).await?.runs())
}

/// Writes a run, if nobody else has written it meanwhile.
fn write(connection: &Connection) -> rusqlite::Result<bool> {
    let backlog = Backlog::of(connection)?;
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
        connection.prepare_cached(statement)?.execute([before, last])?;
    }
    Ok(Backlog { indexed: last, ..backlog }.has_a_run())
}

/// Takes the records with these ids, a JSON array of numbers, out of the index; they are still in the log.
/// A run that is empty then goes as well. The last one stays, for it says how far the index goes.
pub(super) fn forget(connection: &Connection, ids: &str) -> rusqlite::Result<()> {
    for statement in [
        "DELETE FROM usage_of_user WHERE (run, organisation, user, id) IN \
         (SELECT (SELECT min(last_id) FROM usage_runs WHERE last_id >= u.id), u.organisation, u.user, \
         u.id FROM json_each(?) JOIN usage u ON u.id = value)",
        "DELETE FROM usage_runs WHERE last_id IN \
         (SELECT (SELECT min(last_id) FROM usage_runs WHERE last_id >= value) FROM json_each(?)) \
         AND last_id < (SELECT max(last_id) FROM usage_runs) \
         AND NOT EXISTS (SELECT 1 FROM usage_of_user WHERE run = last_id)",
    ] {
        connection.prepare_cached(statement)?.execute([ids])?;
    }
    Ok(())
}
