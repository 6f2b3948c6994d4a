//! Reads metrics over the five-minute figures.

use crate::store::by_time::Figure;
use crate::store::figure_rows;
use crate::store::figure_sql::{METRICS_FIRST, METRICS_LAST_END, METRICS_ROWS};
use crate::store::reports::MetricsRow;
use sqlx::sqlite::SqliteRow;

/// Average, highest and lowest.
pub(super) const METRICS: Figure<MetricsRow, SqliteRow> = Figure {
    first: METRICS_FIRST,
    last_end: METRICS_LAST_END,
    rows: METRICS_ROWS,
    read: figure_rows::metrics,
};
