//! Reads the five-minute figures, metrics over them, and the demand: what could not be served, and what was
//! needed at once in all.

use super::by_time::Snapshot;
use super::connections::Connections;
use super::organisations::{KEY_OF_NUMBER, stored};
use super::statement::Statement;
use super::value::{Reader, millis, number};
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::OrganisationId;
use crate::domain::period::Span;
use crate::store::by_time::{Figure, Snapshot as _, bounds};
use crate::store::figure_sql::{
    METRICS_FIRST, METRICS_LAST_END, METRICS_ROWS, denied, of_denied, with_parts,
};
use crate::store::reports::{
    DemandRow, DeniedRow, Figures, IntervalFilter, IntervalRow, MetricsRow,
};
use crate::store::{Page, StoreError, Stored, figure_rows};
use tokio_postgres::Row;

/// Average, highest and lowest.
pub(super) const METRICS: Figure<MetricsRow, Row> = Figure {
    first: METRICS_FIRST,
    last_end: METRICS_LAST_END,
    rows: METRICS_ROWS,
    read: figure_rows::metrics,
};

/// Denials for want of a licence, not of a right to one.
pub(super) const DENIED: Figure<DeniedRow, Row> = denied!("denials", figure_rows::denied);

/// A page of the five-minute records, oldest first, then as in the catalogue: ids and starts grow together.
pub(super) async fn intervals_page(
    connections: &Connections,
    organisation: OrganisationId,
    filter: &IntervalFilter,
    page: Page,
) -> Result<Vec<Stored<IntervalRow>>, StoreError> {
    let text = format!(
        "SELECT id AS cursor, start, licence, concurrent, concurrent_peak, concurrent_low, \
         contingency, contingency_peak, contingency_low FROM intervals \
         WHERE organisation = {KEY_OF_NUMBER} AND id > $2 \
         AND start >= greatest($3, (SELECT start FROM intervals WHERE id = $2)) \
         AND start < $4 AND ($5 IS NULL OR licence = $5) ORDER BY start, id LIMIT $6"
    );
    let question = Statement::new(text)
        .bind(number(organisation))
        .bind(page.after)
        .bind(filter.range.from.map_or(i64::MIN, millis))
        .bind(filter.range.to.map_or(i64::MAX, millis))
        .bind(filter.licence.clone())
        .bind(i64::from(page.limit));
    stored(&connections.page(&question).await?, interval)
}

fn interval(row: Reader<'_, Row>) -> Result<IntervalRow, StoreError> {
    let figures = |count: &str, peak: &str, low: &str| {
        Ok(Figures { count: row.count(count)?, peak: row.count(peak)?, low: row.count(low)? })
    };
    Ok(IntervalRow {
        start: row.instant("start")?,
        licence: row.text("licence")?.to_owned(),
        concurrent: figures("concurrent", "concurrent_peak", "concurrent_low")?,
        contingency: figures("contingency", "contingency_peak", "contingency_low")?,
    })
}

/// `asked`: who was denied what in which five minutes. `stretch`: which records of the per-user log are of
/// those. `denied`: how many did not get it within them; each is looked up in the log of that user (`OFFSET 0`
/// keeps the planner from reading everybody's).
/// `needed`: what was held, by hours where they are whole, and what was held and denied in the same five
/// minutes. Of those the greatest sum, and the first five minutes in which it was reached.
const DEMAND: &str = with_parts!(
    ", asked AS MATERIALIZED (SELECT DISTINCT licence, \"user\", at - at % 300000 AS start \
     FROM denials WHERE organisation = $1 AND at >= $2 AND at < $5 \
     AND reason IN ('exhausted', 'not_purchased') AND ($6 IS NULL OR licence = $6)), \
     stretch AS MATERIALIZED (SELECT start, \
     coalesce((SELECT id FROM usage WHERE organisation = $1 AND at >= start \
     ORDER BY at, id LIMIT 1), 9223372036854775807) AS first_id, \
     coalesce((SELECT id FROM usage WHERE organisation = $1 AND at >= start + 300000 \
     ORDER BY at, id LIMIT 1), 9223372036854775807) AS end_id \
     FROM (SELECT DISTINCT start FROM asked) AS starts), \
     denied AS (SELECT licence, start, count(*) AS users FROM asked JOIN stretch USING (start) \
     WHERE NOT EXISTS (SELECT 1 FROM usage WHERE usage.organisation = $1 \
     AND usage.\"user\" = asked.\"user\" AND usage.id >= first_id AND usage.id < end_id \
     AND usage.licence = asked.licence AND usage_type = 'Acquired' OFFSET 0) GROUP BY 1, 2), \
     needed AS (SELECT licence, start, length, holders_peak AS held, 0 AS denied FROM parts \
     UNION ALL SELECT licence, start, 300000, coalesce((SELECT holders_peak FROM intervals \
     WHERE organisation = $1 AND intervals.start = denied.start \
     AND intervals.licence = denied.licence), 0), users FROM denied), \
     ranked AS (SELECT *, max(held) OVER type AS held_peak, max(denied) OVER type AS denied_peak, \
     row_number() OVER (PARTITION BY licence ORDER BY held + denied DESC, start) AS rank \
     FROM needed WINDOW type AS (PARTITION BY licence)) \
     SELECT licence, held_peak, denied_peak, held + denied AS demand_peak, \
     coalesce((SELECT min(start) FROM intervals WHERE organisation = $1 \
     AND intervals.start >= ranked.start AND intervals.start < ranked.start + ranked.length \
     AND intervals.licence = ranked.licence AND intervals.holders_peak = ranked.held), start) AS at \
     FROM ranked WHERE rank = 1"
);

/// What was needed of every type within a span.
pub(super) async fn demand(
    connections: &Connections,
    catalogue: &Catalogue,
    organisation: OrganisationId,
    span: Span,
) -> Result<Vec<DemandRow>, StoreError> {
    let Some(mut snapshot) = Snapshot::of(connections, organisation).await? else {
        return Ok(vec![]);
    };
    let bounds = bounds(millis(span.start), millis(span.end));
    let rows = snapshot.rows(DEMAND, bounds, None).await?;
    snapshot.end().await?;
    figure_rows::demand(&rows, catalogue)
}
