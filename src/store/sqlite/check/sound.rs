//! What SQLite itself can say of its file.

use super::Checking;
use crate::store::StoreError;
use crate::store::sqlite::error::aborted;
use futures_util::TryStreamExt;
use sqlx::Row;

const INTEGRITY: &str = "SQLite finds its file in order";
const REFERENCES: &str = "what a record refers to exists";
/// The most that SQLite is asked for; a file that is broken in more places is broken.
const PAGES_MAX: &str = "PRAGMA integrity_check(1000)";

/// How many invariants there were.
pub(super) async fn check(checking: &mut Checking<'_>) -> Result<usize, StoreError> {
    integrity(checking).await?;
    references(checking).await?;
    Ok(2)
}

async fn integrity(checking: &mut Checking<'_>) -> Result<(), StoreError> {
    let mut rows = sqlx::query_scalar::<_, String>(PAGES_MAX).fetch(&mut *checking.connection);
    while let Some(line) = rows.try_next().await.map_err(aborted)? {
        if line != "ok" {
            checking.findings.broken(INTEGRITY, "database", None, "file", line);
        }
    }
    Ok(())
}

async fn references(checking: &mut Checking<'_>) -> Result<(), StoreError> {
    let mut rows = sqlx::query("PRAGMA foreign_key_check").fetch(&mut *checking.connection);
    while let Some(row) = rows.try_next().await.map_err(aborted)? {
        let table: String = row.try_get(0).map_err(aborted)?;
        let rowid: Option<i64> = row.try_get(1).map_err(aborted)?;
        let parent: String = row.try_get(2).map_err(aborted)?;
        let record = rowid.map_or_else(|| table.clone(), |rowid| format!("{table} {rowid}"));
        let what = format!("refers to a row of {parent} that does not exist");
        checking.findings.broken(REFERENCES, "database", None, record, what);
    }
    Ok(())
}
