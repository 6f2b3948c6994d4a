//! Forgets what is older than it must be kept.
//!
//! Only the logs: usage, denials, five-minute figures, the audit. Bills, maxima, what was bought and the
//! history of base licences stay. A session goes as a whole, once its last record is old enough, so that
//! what stays of the log still has a grant for each release.

use super::StoreError;
use super::connections::Connections;
use super::statement::Statement;
use super::value::{self, Reader, millis};
use crate::store::loaded;
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use tokio_postgres::Row;

/// An organisation, and up to when (exclusive) its records may go.
#[derive(Clone, Copy, Debug)]
struct Cut {
    key: i64,
    /// On a full hour: five-minute figures and those of their hour go together.
    at: i64,
}

/// Of each log the records that may go, oldest first: of organisation `$1` from before `$2`, at most `$3`. Of
/// the per-user log those of sessions that are over and have no later record.
const OLD: &[(&str, &str)] = &[
    (
        "usage",
        "SELECT u.ctid FROM usage AS u WHERE u.organisation = $1 AND u.at < $2 \
         AND NOT EXISTS (SELECT 1 FROM sessions AS s WHERE s.organisation = u.organisation \
         AND s.session = u.session) \
         AND NOT EXISTS (SELECT 1 FROM usage AS later WHERE later.session = u.session \
         AND later.organisation = u.organisation AND later.at >= $2) \
         ORDER BY u.at, u.id LIMIT $3",
    ),
    (
        "denials",
        "SELECT ctid FROM denials WHERE organisation = $1 AND at < $2 ORDER BY at, id LIMIT $3",
    ),
    (
        "intervals",
        "SELECT ctid FROM intervals WHERE organisation = $1 AND start < $2 ORDER BY start LIMIT $3",
    ),
    ("audit", "SELECT ctid FROM audit WHERE organisation = $1 AND at < $2 ORDER BY id LIMIT $3"),
    (
        "interval_hours",
        "SELECT ctid FROM interval_hours WHERE organisation = $1 AND hour < $2 LIMIT $3",
    ),
];

/// Forgets at most `limit` records of each log of each organisation that are from before `before`.
pub(super) async fn prune(
    connections: &Connections,
    before: DateTime<Utc>,
    limit: u32,
) -> Result<u64, StoreError> {
    let mut rows = 0;
    for cut in cuts(connections, before).await? {
        rows += forget(connections, cut, limit).await?;
    }
    Ok(rows)
}

/// Of an organisation that was deleted everything may go that is old enough; of the others nothing of a month
/// that is not closed. Those of which nothing may go are left out.
async fn cuts(connections: &Connections, before: DateTime<Utc>) -> Result<Vec<Cut>, StoreError> {
    const CLOSED: &str = "CASE WHEN month IS NULL THEN (SELECT b.month FROM bill_lines AS b \
        WHERE b.organisation = key ORDER BY b.month DESC LIMIT 1) END AS closed";
    let all = format!(
        "SELECT {}, {CLOSED}, removed_at IS NOT NULL AS is_removed FROM organisations",
        loaded::HEAD_COLUMNS
    );
    let cut = |row: Reader<'_, Row>| {
        let head = loaded::head(row)?;
        let closed = row.optional_word("closed", value::month)?;
        let (_, open_from) = head.month_after(closed);
        let is_removed = row.integer("is_removed")? != 0;
        let at = if is_removed { before } else { before.min(open_from) };
        Ok(Cut { key: head.key, at: millis(at.duration_trunc(TimeDelta::hours(1)).unwrap_or(at)) })
    };
    let rows = connections.rows(&Statement::new(all)).await?;
    let cuts: Result<Vec<Cut>, StoreError> = rows.iter().map(|row| cut(Reader(row))).collect();
    with_old(connections, &cuts?).await
}

/// Those of which any record may go.
async fn with_old(connections: &Connections, cuts: &[Cut]) -> Result<Vec<Cut>, StoreError> {
    let old = OLD.iter().map(|(_, old)| {
        let of_each = old.replace("$1", "c.key").replace("$2", "c.at").replace("$3", "1");
        format!("EXISTS ({of_each})")
    });
    let text = format!(
        "SELECT c.key, c.at FROM unnest($1, $2) AS c (key, at) WHERE {}",
        old.collect::<Vec<_>>().join(" OR ")
    );
    let question = Statement::new(text)
        .bind(cuts.iter().map(|cut| cut.key).collect::<Vec<_>>())
        .bind(cuts.iter().map(|cut| cut.at).collect::<Vec<_>>());
    let cut = |row: Reader<'_, Row>| Ok(Cut { key: row.integer("key")?, at: row.integer("at")? });
    connections.rows(&question).await?.iter().map(|row| cut(Reader(row))).collect()
}

/// Forgets a bounded number of records of each log. How many went in all.
async fn forget(connections: &Connections, cut: Cut, limit: u32) -> Result<u64, StoreError> {
    // First, so that nobody takes for whole what is being thinned out; and by itself, for whoever writes for
    // this organisation waits as long as its row is held.
    const WHOLE: &str =
        "UPDATE organisations SET whole_from = $2 WHERE key = $1 AND whole_from < $2";
    let marked = connections.transaction().await?;
    marked.execute(&Statement::new(WHOLE).bind(cut.key).bind(cut.at)).await?;
    marked.commit().await?;
    let transaction = connections.transaction().await?;
    let mut rows = 0;
    for (table, old) in OLD {
        let text = format!("DELETE FROM {table} WHERE ctid = ANY (ARRAY({old}))");
        let delete = Statement::new(text).bind(cut.key).bind(cut.at).bind(i64::from(limit));
        rows += transaction.execute(&delete).await?;
    }
    transaction.commit().await?;
    Ok(rows)
}
