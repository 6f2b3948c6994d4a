//! Custom reports: SQLite's dialect, and how a report is stopped.

use super::by_time::key_of;
use super::error::aborted;
use crate::domain::ids::OrganisationId;
use crate::limits::REPORT_TIME_MAX;
use crate::store::StoreError;
use crate::store::report_fields::{Calendar, Source};
use crate::store::report_statement::{self, Bound, Cells, Dialect};
use crate::store::reports::{ReportOutcome, ReportQuery};
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, Row};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Instructions of SQLite's machine between two looks at whether the report is still wanted: a few
/// thousand times a second.
const INSTRUCTIONS_PER_LOOK: i32 = 10_000;

/// Makes a report, within the time that a report may take.
///
/// A statement cannot be taken back by dropping what waits for it. So it runs in a task of its own, which
/// asks while it works whether anybody still waits.
pub(super) async fn run(
    readers: &SqlitePool,
    organisation: OrganisationId,
    query: &ReportQuery,
) -> Result<ReportOutcome, StoreError> {
    let mut connection = readers.acquire().await.map_err(aborted)?;
    let Some(key) = key_of(&mut connection, organisation).await? else {
        return Ok(ReportOutcome::Rows(vec![]));
    };
    drop(connection);
    let statement = report_statement::statement(query, key, &DIALECT);
    let wanted = Wanted::default();
    let (readers, is_unwanted) = (readers.clone(), Arc::clone(&wanted.is_over));
    let task = tokio::spawn(async move { fetch(&readers, statement, is_unwanted).await });
    match tokio::time::timeout(REPORT_TIME_MAX, task).await {
        Ok(Ok(rows)) => report_statement::rows(query, &rows?).map(ReportOutcome::Rows),
        Ok(Err(error)) => Err(StoreError::Aborted(error.to_string())),
        Err(_) => Ok(ReportOutcome::TooLong),
    }
}

/// Somebody waits, until this is dropped.
#[derive(Default)]
struct Wanted {
    is_over: Arc<AtomicBool>,
}

impl Drop for Wanted {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

async fn fetch(
    readers: &SqlitePool,
    (text, values): (String, Vec<Bound>),
    is_unwanted: Arc<AtomicBool>,
) -> Result<Vec<SqliteRow>, StoreError> {
    let mut connection = readers.acquire().await.map_err(aborted)?;
    let mut handle = connection.lock_handle().await.map_err(aborted)?;
    let goes_on = move || !is_unwanted.load(Ordering::Relaxed);
    handle.set_progress_handler(INSTRUCTIONS_PER_LOOK, goes_on);
    drop(handle);
    let query = sqlx::query(AssertSqlSafe(text));
    let query = values.into_iter().fold(query, |query, value| match value {
        Bound::Integer(number) => query.bind(number),
        Bound::Text(text) => query.bind(text),
    });
    let rows = query.fetch_all(&mut *connection).await.map_err(aborted);
    connection.lock_handle().await.map_err(aborted)?.remove_progress_handler();
    rows
}

/// The index leads through a range of one organisation.
const DIALECT: Dialect = Dialect { mark: '?', table, stretch, place: "instr" };

const fn table(source: Source) -> &'static str {
    match source {
        Source::LicenceUsage => "usage INDEXED BY usage_at",
        Source::OrganisationLicenceUsage => "intervals INDEXED BY intervals_start",
        Source::Denials => "denials INDEXED BY denials_at",
    }
}

/// Where the stretch of a record begins. An hour begins no earlier than clocks were moved.
const fn stretch(calendar: Calendar) -> &'static str {
    match calendar {
        Calendar::FiveMinutes => "instant_ms - instant_ms % 300000",
        Calendar::Hour => "max(instant_ms - (instant_ms + shift_ms) % 3600000, since_ms)",
        Calendar::Day => "date((instant_ms + shift_ms) / 1000, 'unixepoch')",
        // The first day of all, a Thursday, is the fourth of its week.
        Calendar::Week => {
            "date((instant_ms + shift_ms) / 1000 \
             - ((instant_ms + shift_ms) / 86400000 + 3) % 7 * 86400, 'unixepoch')"
        }
        Calendar::Month => "strftime('%Y-%m', (instant_ms + shift_ms) / 1000, 'unixepoch')",
    }
}

impl Cells for SqliteRow {
    fn integer(&self, column: usize) -> Result<Option<i64>, StoreError> {
        self.try_get(column).map_err(aborted)
    }

    fn text(&self, column: usize) -> Result<Option<String>, StoreError> {
        self.try_get(column).map_err(aborted)
    }

    fn date(&self, column: usize) -> Result<Option<String>, StoreError> {
        self.text(column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::sqlite::SqlitePoolOptions;

    #[tokio::test]
    async fn a_report_that_nobody_waits_for_is_stopped_and_its_connection_serves_others() {
        let one = SqlitePoolOptions::new().max_connections(1);
        let readers = one.connect("sqlite::memory:").await.expect("a database");
        let endless = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) \
                       SELECT count(*) FROM n";
        let wanted = Wanted::default();
        let (is_unwanted, pool) = (Arc::clone(&wanted.is_over), readers.clone());
        let task = async move { fetch(&pool, (endless.to_owned(), vec![]), is_unwanted).await };
        let running = tokio::spawn(task);
        drop(wanted);
        let stopped = running.await.expect("no panic").expect_err("stopped");
        assert!(stopped.to_string().contains("interrupted"), "{stopped}");
        let count = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n LIMIT 100000) \
                     SELECT count(*) FROM n";
        let counted = fetch(&readers, (count.to_owned(), vec![]), Arc::default()).await;
        assert_eq!(counted.expect("goes on").len(), 1);
    }
}
