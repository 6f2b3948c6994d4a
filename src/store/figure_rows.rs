//! What the rows of reports mean, in whatever database they are.

use super::StoreError;
use super::by_time::rank_of;
use super::reports::{DemandRow, DeniedRow, Metrics, MetricsRow};
use super::value::{Columns, Reader};
use crate::domain::catalogue::Catalogue;
use crate::domain::period::Span;

/// A row of metrics, from how many records it is made of, sums, peaks and lows.
pub(super) fn metrics<C: Columns>(
    row: Reader<'_, C>,
    span: Span,
) -> Result<MetricsRow, StoreError> {
    let records = row.counter("intervals")?;
    let metrics = |sum: &str, peak: &str, low: &str| {
        Ok(Metrics::new(records, row.counter(sum)?, row.count(peak)?, row.count(low)?))
    };
    Ok(MetricsRow {
        span,
        licence: row.text("licence")?.to_owned(),
        concurrent: metrics("concurrent_sum", "concurrent_peak", "concurrent_low")?,
        contingency: metrics("contingency_sum", "contingency_peak", "contingency_low")?,
    })
}

/// A row of the demand that could not be served.
pub(super) fn denied<C: Columns>(row: Reader<'_, C>, span: Span) -> Result<DeniedRow, StoreError> {
    Ok(DeniedRow {
        span,
        licence: row.text("licence")?.to_owned(),
        denials: row.counter("denials")?,
        users: row.counter("users")?,
        refused: row.counter("refused")?,
        partial: row.counter("partial")?,
        waiting: row.counter("waiting")?,
    })
}

/// What was needed of each type, in the order of the catalogue.
pub(super) fn demand<C: Columns>(
    rows: &[C],
    catalogue: &Catalogue,
) -> Result<Vec<DemandRow>, StoreError> {
    let one = |row: Reader<'_, C>| {
        Ok(DemandRow {
            licence: row.text("licence")?.to_owned(),
            held_peak: row.count("held_peak")?,
            denied_peak: row.count("denied_peak")?,
            demand_peak: row.count("demand_peak")?,
            at: row.instant("at")?,
        })
    };
    let rows = rows.iter().map(|row| one(Reader(row)));
    let mut rows: Vec<DemandRow> = rows.collect::<Result<_, StoreError>>()?;
    rows.sort_by(|a, b| rank_of(catalogue, &a.licence).cmp(&rank_of(catalogue, &b.licence)));
    Ok(rows)
}
