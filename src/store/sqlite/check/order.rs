//! Within one organisation ids and instants of each log grow together: ranges and pages rest on it.

use super::Checking;
use crate::store::StoreError;
use crate::store::sqlite::error::aborted;
use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Row};
use std::collections::HashMap;

pub(super) const GROWS: &str = "ids and instants of a log grow together";

/// Logs, and the column that has the instant. `usage` is replayed, and judged there; the audit log goes by
/// the order in which its records were kept, and nothing rests on their instants.
const LOGS: &[(&str, &str)] =
    &[("denials", "at"), ("totals_log", "at"), ("base_log", "at"), ("intervals", "start")];

/// How many invariants there were.
pub(super) async fn check(checking: &mut Checking<'_>) -> Result<usize, StoreError> {
    for (table, column) in LOGS {
        grows(checking, table, column).await?;
    }
    Ok(1)
}

async fn grows(
    checking: &mut Checking<'_>,
    table: &'static str,
    column: &str,
) -> Result<(), StoreError> {
    let text = format!("SELECT id, organisation, {column} FROM {table} ORDER BY id");
    let mut rows = sqlx::query(AssertSqlSafe(text)).fetch(&mut *checking.connection);
    let mut last: HashMap<i64, i64> = HashMap::new();
    while let Some(row) = rows.try_next().await.map_err(aborted)? {
        let (id, organisation, at): (i64, i64, i64) = (
            row.try_get(0).map_err(aborted)?,
            row.try_get(1).map_err(aborted)?,
            row.try_get(2).map_err(aborted)?,
        );
        let before = last.insert(organisation, at).unwrap_or(at);
        if at < before {
            let what = format!("its instant {at} is before {before}, that of the record before");
            checking.findings.broken(GROWS, table, Some(organisation), id, what);
        }
    }
    Ok(())
}
