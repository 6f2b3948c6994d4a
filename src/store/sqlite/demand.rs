//! Reads the demand: what could not be served, and what was needed at once in all.

use super::by_time::Snapshot;
use super::value::millis;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::OrganisationId;
use crate::domain::period::Span;
use crate::store::by_time::{Figure, Snapshot as _, bounds};
use crate::store::figure_sql::{denied, of_denied, with_parts};
use crate::store::reports::{DemandRow, DeniedRow};
use crate::store::{StoreError, figure_rows};
use sqlx::sqlite::{SqlitePool, SqliteRow};

/// Denials for want of a licence, not of a right to one.
pub(super) const DENIED: Figure<DeniedRow, SqliteRow> =
    denied!("denials INDEXED BY denials_at", figure_rows::denied);

/// `asked`: who was denied what in which five minutes. `served`: who of them got a licence within those,
/// found by one look at the log for all who were denied then. `denied`: how many did not get it. `needed`:
/// what was held, by hours where they are whole, and what was held and denied in the same five minutes. Of
/// those the greatest sum, and the first five minutes in which it was reached.
const DEMAND: &str = with_parts!(
    ", asked AS MATERIALIZED (SELECT licence, user, at - at % 300000 AS start \
     FROM denials INDEXED BY denials_at WHERE organisation = $1 AND at >= $2 AND at < $5 \
     AND reason IN ('exhausted', 'not_purchased') AND ($6 IS NULL OR licence = $6)), \
     served AS MATERIALIZED (SELECT DISTINCT stretch.start, usage.user, usage.licence \
     FROM (SELECT DISTINCT start FROM asked) AS stretch CROSS JOIN usage INDEXED BY usage_at \
     ON organisation = $1 AND at >= stretch.start AND at < stretch.start + 300000 \
     WHERE (stretch.start, usage.user) IN (SELECT start, user FROM asked) \
     AND usage_type = 'Acquired'), \
     denied AS (SELECT licence, start, count(DISTINCT user) AS users FROM asked \
     WHERE NOT EXISTS (SELECT 1 FROM served WHERE served.start = asked.start \
     AND served.user = asked.user AND served.licence = asked.licence) GROUP BY 1, 2), \
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
    readers: &SqlitePool,
    catalogue: &Catalogue,
    organisation: OrganisationId,
    span: Span,
) -> Result<Vec<DemandRow>, StoreError> {
    let Some(mut snapshot) = Snapshot::of(readers, organisation).await? else { return Ok(vec![]) };
    let bounds = bounds(millis(span.start), millis(span.end));
    figure_rows::demand(&snapshot.rows(DEMAND, bounds, None).await?, catalogue)
}
