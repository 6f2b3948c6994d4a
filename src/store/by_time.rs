//! Rows by licence type and stretch of time, page by page: an hour or a day at a time, so that its bounds
//! are those of the calendar and a page costs what it shows. The stretches are cut here, in whatever
//! database the records are.

use super::reports::{ByTime, IntervalFilter};
use super::value::{Columns, Reader, millis};
use super::{Page, StoreError, Stored};
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::LicenceId;
use crate::domain::period::Span;
use async_trait::async_trait;
use chrono::{DateTime, Utc};

pub(super) const HOUR_MS: i64 = 3_600_000;

/// How many rows one stretch can have; a cursor is its start times this, and the row's rank in it.
const RANKS: i64 = 256;

/// What is read, from rows of the type `C`. Its SQL has as parameters, numbered: 1 the organisation's key,
/// 2 the first instant, 5 the first after the last, 6 the licence type or null.
pub(super) struct Figure<R, C> {
    /// Answers `at`: of the first record.
    pub(super) first: &'static str,
    /// Answers `at`: the end of the last record.
    pub(super) last_end: &'static str,
    /// Answers a row for each licence type. 3 and 4 bound the whole hours, UTC, within.
    pub(super) rows: &'static str,
    /// Reads one of them.
    pub(super) read: fn(Reader<'_, C>, Span) -> Result<R, StoreError>,
}

/// Answers statements on one organisation, one after the other, on how things stood at one instant.
#[async_trait]
pub(super) trait Snapshot: Send {
    /// A row as the database's library has it.
    type Row: Columns + Send + Sync;

    /// The rows that a statement of a [`Figure`] answers with the instants 2 to 5.
    async fn rows(
        &mut self,
        text: &'static str,
        bounds: [i64; 4],
        licence: Option<&str>,
    ) -> Result<Vec<Self::Row>, StoreError>;
}

/// One figure of one organisation.
struct Reading<'a, S> {
    snapshot: &'a mut S,
    filter: &'a IntervalFilter,
}

/// A page of a figure, oldest first, then in the order of the catalogue.
pub(super) async fn page<R, S: Snapshot>(
    snapshot: &mut S,
    catalogue: &Catalogue,
    (figure, question): (&Figure<R, S::Row>, &ByTime),
    page: Page,
) -> Result<Vec<Stored<R>>, StoreError> {
    let mut reading = Reading { snapshot, filter: &question.filter };
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

/// The instants 2 to 5 of a statement over a span.
pub(super) fn bounds(start_ms: i64, end_ms: i64) -> [i64; 4] {
    let first_hour = start_ms.div_euclid(HOUR_MS) + i64::from(start_ms.rem_euclid(HOUR_MS) > 0);
    let (first_hour, last_hour) = (first_hour * HOUR_MS, end_ms.div_euclid(HOUR_MS) * HOUR_MS);
    if first_hour < last_hour {
        [start_ms, first_hour, last_hour, end_ms]
    } else {
        [start_ms, end_ms, end_ms, end_ms]
    }
}

/// Where a type stands in the catalogue; those that it has lost come last, by their keys.
pub(super) fn rank_of<'k>(catalogue: &Catalogue, key: &'k str) -> (usize, &'k str) {
    (catalogue.find(key).map_or(usize::MAX, LicenceId::index), key)
}

impl<S: Snapshot> Reading<'_, S> {
    fn range_start_ms(&self) -> i64 {
        self.filter.range.from.map_or(i64::MIN, millis)
    }

    fn range_end_ms(&self) -> i64 {
        self.filter.range.to.map_or(i64::MAX, millis)
    }

    /// The first stretch with records at or after `from_ms`; without periods it is all of the range.
    async fn next_span<R>(
        &mut self,
        figure: &Figure<R, S::Row>,
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
        figure: &Figure<R, S::Row>,
        span: Span,
    ) -> Result<Vec<S::Row>, StoreError> {
        let start_ms = millis(span.start).max(self.range_start_ms());
        let end_ms = millis(span.end).min(self.range_end_ms());
        self.fetch(figure.rows, bounds(start_ms, end_ms)).await
    }

    async fn fetch(
        &mut self,
        text: &'static str,
        bounds: [i64; 4],
    ) -> Result<Vec<S::Row>, StoreError> {
        self.snapshot.rows(text, bounds, self.filter.licence.as_deref()).await
    }
}

/// The rows of one stretch, with their cursors, in the order of the catalogue, those up to `after` left
/// out.
fn ranked<R, C: Columns>(
    figure: &Figure<R, C>,
    span: Span,
    rows: &[C],
    catalogue: &Catalogue,
    after: i64,
) -> Result<Vec<Stored<R>>, StoreError> {
    let mut known = Vec::with_capacity(rows.len());
    for row in rows {
        known.push((rank_of(catalogue, Reader(row).text("licence")?), row));
    }
    known.sort_unstable_by_key(|(rank, _)| *rank);
    let mut stored = Vec::with_capacity(known.len());
    let mut rank = 0;
    for ((index, _), row) in known {
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
