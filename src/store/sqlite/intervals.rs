//! Reads the five-minute figures themselves; an export has millions of them, so they are lent.

use super::error::aborted;
use super::value::{corrupt, millis, number};
use crate::domain::ids::OrganisationId;
use crate::store::reports::{Figures, IntervalFilter, IntervalRow};
use crate::store::{Page, StoreError, Stored};
use chrono::DateTime;
use rusqlite::{Connection, Row, params};

/// Ids and starts grow together.
const PAGE: &str = "SELECT id, start, licence, concurrent, concurrent_peak, concurrent_low, \
    contingency, contingency_peak, contingency_low FROM intervals INDEXED BY intervals_start \
    WHERE organisation = (SELECT key FROM organisations WHERE removed_at IS NULL AND number = ?1) \
    AND id > ?2 AND start >= max(?3, coalesce((SELECT start FROM intervals WHERE id = ?2), ?3)) \
    AND start < ?4 AND (?5 IS NULL OR licence = ?5) ORDER BY start, id LIMIT ?6";

/// A page, oldest first, then as in the catalogue.
pub(super) fn page(
    connection: &mut Connection,
    organisation: OrganisationId,
    filter: &IntervalFilter,
    page: Page,
) -> Result<Vec<Stored<IntervalRow>>, StoreError> {
    let mut statement = connection.prepare_cached(PAGE).map_err(aborted)?;
    let values = params![
        number(organisation),
        page.after,
        filter.range.from.map_or(i64::MIN, millis),
        filter.range.to.map_or(i64::MAX, millis),
        filter.licence,
        page.limit,
    ];
    let mut rows = statement.query(values).map_err(aborted)?;
    let mut stored = Vec::new();
    while let Some(row) = rows.next().map_err(aborted)? {
        stored.push(Stored { cursor: row.get(0).map_err(aborted)?, row: interval(row)? });
    }
    Ok(stored)
}

fn interval(row: &Row<'_>) -> Result<IntervalRow, StoreError> {
    let start: i64 = row.get(1).map_err(aborted)?;
    Ok(IntervalRow {
        start: DateTime::from_timestamp_millis(start).ok_or_else(|| corrupt("start", start))?,
        licence: row.get(2).map_err(aborted)?,
        concurrent: figures(row, 3)?,
        contingency: figures(row, 6)?,
    })
}

/// Count, peak and low, which stand side by side.
fn figures(row: &Row<'_>, first: usize) -> Result<Figures, StoreError> {
    Ok(Figures {
        count: row.get(first).map_err(aborted)?,
        peak: row.get(first + 1).map_err(aborted)?,
        low: row.get(first + 2).map_err(aborted)?,
    })
}
