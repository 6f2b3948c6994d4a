//! Rows by licence type and stretch of time, page by page: an hour or a day at a time, so that its bounds
//! are those of the calendar and a page costs what it shows.

use super::error::aborted;
use super::value::{Reader, millis, number};
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::{LicenceId, OrganisationId};
use crate::domain::period::Span;
use crate::store::reports::{ByTime, IntervalFilter};
use crate::store::{Page, StoreError, Stored};
use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteRow};

pub(super) const HOUR_MS: i64 = 3_600_000;

/// How many rows one stretch can have; a cursor is its start times this, and the row's rank in it.
const RANKS: i64 = 256;

/// What is read. Its SQL has as parameters: `?1` the organisation's key, `?2` the first instant, `?5` the
/// first after the last, `?6` the licence type or null.
pub(super) struct Figure<R> {
    /// Answers `at`: of the first record.
    pub(super) first: &'static str,
    /// Answers `at`: the end of the last record.
    pub(super) last_end: &'static str,
    /// Answers a row for each licence type. `?3` and `?4` bound the whole hours, UTC, within.
    pub(super) rows: &'static str,
    /// Reads one of them.
    pub(super) read: fn(Reader<'_, SqliteRow>, Span) -> Result<R, StoreError>,
}

/// One statement after the other, on how things stood at one instant.
struct Reading<'c> {
    connection: &'c mut SqliteConnection,
    key: i64,
    filter: &'c IntervalFilter,
}

/// A page of a figure, oldest first, then in the order of the catalogue.
pub(super) async fn page<R>(
    readers: &SqlitePool,
    catalogue: &Catalogue,
    organisation: OrganisationId,
    (figure, question): (&Figure<R>, &ByTime),
    page: Page,
) -> Result<Vec<Stored<R>>, StoreError> {
    let mut transaction = readers.begin().await.map_err(aborted)?;
    let Some(key) = key_of(&mut transaction, organisation).await? else { return Ok(vec![]) };
    let filter = &question.filter;
    let mut reading = Reading { connection: &mut transaction, key, filter };
    let mut found = Vec::new();
    let mut from = match page.after {
        0 => i64::MIN,
        after => after.div_euclid(RANKS),
    };
    while found.len() < page.limit as usize {
        let Some(span) = reading.next_span(figure, question, from).await? else { break };
        let rows = reading.rows(figure, span).await?;
        found.extend(ranked(figure, span, &rows, catalogue, page.after)?);
        from = millis(span.end);
        if question.period.is_none() {
            break;
        }
    }
    found.truncate(page.limit as usize);
    Ok(found)
}

/// The internal key of the organisation that has a number now.
pub(super) async fn key_of(
    connection: &mut SqliteConnection,
    organisation: OrganisationId,
) -> Result<Option<i64>, StoreError> {
    let query = "SELECT key FROM organisations WHERE number = ? AND removed_at IS NULL";
    let query = sqlx::query_scalar(query).bind(number(organisation));
    query.fetch_optional(connection).await.map_err(aborted)
}

/// The instants `?2` to `?5` of a statement over a span.
pub(super) fn bounds(start_ms: i64, end_ms: i64) -> [i64; 4] {
    let first_hour = start_ms.div_euclid(HOUR_MS) + i64::from(start_ms.rem_euclid(HOUR_MS) > 0);
    let (first_hour, last_hour) = (first_hour * HOUR_MS, end_ms.div_euclid(HOUR_MS) * HOUR_MS);
    if first_hour < last_hour {
        [start_ms, first_hour, last_hour, end_ms]
    } else {
        [start_ms, end_ms, end_ms, end_ms]
    }
}

impl Reading<'_> {
    fn range_start_ms(&self) -> i64 {
        self.filter.range.from.map_or(i64::MIN, millis)
    }

    fn range_end_ms(&self) -> i64 {
        self.filter.range.to.map_or(i64::MAX, millis)
    }

    /// The first stretch with records at or after `from_ms`; without periods it is all of the range.
    async fn next_span<R>(
        &mut self,
        figure: &Figure<R>,
        question: &ByTime,
        from_ms: i64,
    ) -> Result<Option<Span>, StoreError> {
        let from_ms = match question.period {
            Some(_) => from_ms.max(self.range_start_ms()),
            None => self.range_start_ms(),
        };
        let Some(first) = self.instant(figure.first, from_ms).await? else { return Ok(None) };
        if let Some(period) = question.period {
            return Ok(Some(period.around(first, question.zone)));
        }
        let end = match self.filter.range.to {
            Some(to) => Some(to),
            None => self.instant(figure.last_end, from_ms).await?,
        };
        let start = self.filter.range.from.unwrap_or(first);
        Ok(end.map(|end| Span { start, end }))
    }

    async fn instant(
        &mut self,
        text: &'static str,
        from_ms: i64,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let to_ms = self.range_end_ms();
        let found = self.fetch(text, [from_ms, to_ms, to_ms, to_ms]).await?;
        found.first().map(|row| Reader(row).instant("at")).transpose()
    }

    async fn rows<R>(
        &mut self,
        figure: &Figure<R>,
        span: Span,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        let start_ms = millis(span.start).max(self.range_start_ms());
        let end_ms = millis(span.end).min(self.range_end_ms());
        self.fetch(figure.rows, bounds(start_ms, end_ms)).await
    }

    async fn fetch(
        &mut self,
        text: &'static str,
        bounds: [i64; 4],
    ) -> Result<Vec<SqliteRow>, StoreError> {
        let query = sqlx::query(AssertSqlSafe(text)).bind(self.key);
        let query = bounds.into_iter().fold(query, sqlx::query::Query::bind);
        let query = query.bind(self.filter.licence.as_deref());
        query.fetch_all(&mut *self.connection).await.map_err(aborted)
    }
}

/// The rows of one stretch, with their cursors, in the order of the catalogue, those up to `after` left
/// out. Types that the catalogue has lost come last, by their keys.
fn ranked<R>(
    figure: &Figure<R>,
    span: Span,
    rows: &[SqliteRow],
    catalogue: &Catalogue,
    after: i64,
) -> Result<Vec<Stored<R>>, StoreError> {
    let mut known = Vec::with_capacity(rows.len());
    for row in rows {
        let key = Reader(row).text("licence")?;
        known.push((catalogue.find(key).map_or(usize::MAX, LicenceId::index), key, row));
    }
    known.sort_unstable_by_key(|(index, key, _)| (*index, *key));
    let mut stored = Vec::with_capacity(known.len());
    let mut rank = 0;
    for (index, _, row) in known {
        // The position in the catalogue, so that a filter by type does not change it.
        rank = i64::try_from(index).unwrap_or(rank + 1);
        let cursor = millis(span.start) * RANKS + rank;
        if after == 0 || cursor > after {
            stored.push(Stored { cursor, row: (figure.read)(Reader(row), span)? });
        }
    }
    Ok(stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_hours_are_told_from_what_is_left_at_both_ends() {
        let hour = HOUR_MS;
        assert_eq!(bounds(hour, 3 * hour), [hour, hour, 3 * hour, 3 * hour]);
        assert_eq!(bounds(hour - 1, 3 * hour + 1), [hour - 1, hour, 3 * hour, 3 * hour + 1]);
        for (start, end) in [(1, hour - 1), (1, hour), (hour - 1, hour + 1), (5, 5)] {
            assert_eq!(bounds(start, end), [start, end, end, end], "no whole hour within");
        }
    }
}
