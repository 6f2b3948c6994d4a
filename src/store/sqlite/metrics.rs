//! Reads metrics over the five-minute figures.

use super::by_time::Figure;
use super::value::Reader;
use crate::domain::period::Span;
use crate::store::StoreError;
use crate::store::reports::{Metrics, MetricsRow};
use sqlx::sqlite::SqliteRow;

/// The figures of a span as a table `parts`: whole hours from the table of hours, what is left at both
/// ends from that of intervals. Parameters as in [`super::by_time`].
macro_rules! with_parts {
    ($rest:literal) => {
        concat!(
            "WITH parts AS (\
             SELECT licence, hour AS start, 3600000 AS length, intervals, concurrent_sum, \
             contingency_sum, concurrent_peak, concurrent_low, contingency_peak, contingency_low, \
             holders_peak FROM interval_hours \
             WHERE organisation = ?1 AND hour >= ?3 AND hour < ?4 AND (?6 IS NULL OR licence = ?6) \
             UNION ALL SELECT licence, start, 300000, 1, concurrent, contingency, concurrent_peak, \
             concurrent_low, contingency_peak, contingency_low, holders_peak FROM intervals \
             WHERE organisation = ?1 AND start >= ?2 AND start < ?3 \
             AND (?6 IS NULL OR licence = ?6) \
             UNION ALL SELECT licence, start, 300000, 1, concurrent, contingency, concurrent_peak, \
             concurrent_low, contingency_peak, contingency_low, holders_peak FROM intervals \
             WHERE organisation = ?1 AND start >= ?4 AND start < ?5 \
             AND (?6 IS NULL OR licence = ?6)) ",
            $rest
        )
    };
}
pub(super) use with_parts;

/// Average, highest and lowest.
pub(super) const METRICS: Figure<MetricsRow> = Figure {
    first: "SELECT start AS at FROM intervals WHERE organisation = ?1 AND start >= ?2 \
            AND start < ?5 AND (?6 IS NULL OR licence = ?6) ORDER BY start LIMIT 1",
    last_end: "SELECT start + 300000 AS at FROM intervals WHERE organisation = ?1 AND start >= ?2 \
               AND start < ?5 AND (?6 IS NULL OR licence = ?6) ORDER BY start DESC LIMIT 1",
    rows: with_parts!(
        "SELECT licence, sum(intervals) AS intervals, \
         sum(concurrent_sum) AS concurrent_sum, sum(contingency_sum) AS contingency_sum, \
         max(concurrent_peak) AS concurrent_peak, min(concurrent_low) AS concurrent_low, \
         max(contingency_peak) AS contingency_peak, min(contingency_low) AS contingency_low \
         FROM parts GROUP BY licence"
    ),
    read: metrics_row,
};

fn metrics_row(row: Reader<'_, SqliteRow>, span: Span) -> Result<MetricsRow, StoreError> {
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
