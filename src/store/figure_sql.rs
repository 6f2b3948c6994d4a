//! The SQL of figures that databases answer alike. Parameters as in [`super::by_time`].

/// The figures of a span as a table `parts`: whole hours from the table of hours, what is left at both
/// ends from that of intervals.
macro_rules! with_parts {
    ($rest:literal) => {
        concat!(
            "WITH parts AS (\
             SELECT licence, hour AS start, 3600000 AS length, intervals, concurrent_sum, \
             contingency_sum, concurrent_peak, concurrent_low, contingency_peak, contingency_low, \
             holders_peak FROM interval_hours \
             WHERE organisation = $1 AND hour >= $3 AND hour < $4 AND ($6 IS NULL OR licence = $6) \
             UNION ALL SELECT licence, start, 300000, 1, concurrent, contingency, concurrent_peak, \
             concurrent_low, contingency_peak, contingency_low, holders_peak FROM intervals \
             WHERE organisation = $1 AND start >= $2 AND start < $3 \
             AND ($6 IS NULL OR licence = $6) \
             UNION ALL SELECT licence, start, 300000, 1, concurrent, contingency, concurrent_peak, \
             concurrent_low, contingency_peak, contingency_low, holders_peak FROM intervals \
             WHERE organisation = $1 AND start >= $4 AND start < $5 \
             AND ($6 IS NULL OR licence = $6)) ",
            $rest
        )
    };
}
pub(super) use with_parts;

/// The statements of [`super::by_time::Figure`] over the five-minute figures: average, highest and lowest.
pub(super) const METRICS_FIRST: &str = "SELECT start AS at FROM intervals WHERE organisation = $1 AND start >= $2 \
     AND start < $5 AND ($6 IS NULL OR licence = $6) ORDER BY start LIMIT 1";
pub(super) const METRICS_LAST_END: &str = "SELECT start + 300000 AS at FROM intervals WHERE organisation = $1 AND start >= $2 \
     AND start < $5 AND ($6 IS NULL OR licence = $6) ORDER BY start DESC LIMIT 1";
pub(super) const METRICS_ROWS: &str = with_parts!(
    "SELECT licence, CAST(sum(intervals) AS bigint) AS intervals, \
     CAST(sum(concurrent_sum) AS bigint) AS concurrent_sum, \
     CAST(sum(contingency_sum) AS bigint) AS contingency_sum, \
     max(concurrent_peak) AS concurrent_peak, min(concurrent_low) AS concurrent_low, \
     max(contingency_peak) AS contingency_peak, min(contingency_low) AS contingency_low \
     FROM parts GROUP BY licence"
);

/// A statement over the denials for want of a licence, not of a right to one; `denials` as a database is to
/// read them, with what goes before and behind.
macro_rules! of_denied {
    ($before:literal, $denials:literal, $behind:literal) => {
        concat!(
            $before,
            " FROM ",
            $denials,
            " WHERE organisation = $1 AND at >= $2 AND at < $5 \
             AND reason IN ('exhausted', 'not_purchased') AND ($6 IS NULL OR licence = $6) ",
            $behind
        )
    };
}
pub(super) use of_denied;

/// The statements of [`super::by_time::Figure`] over the demand that could not be served.
macro_rules! denied {
    ($denials:literal, $read:expr) => {
        $crate::store::by_time::Figure {
            first: of_denied!("SELECT at", $denials, "ORDER BY at LIMIT 1"),
            last_end: of_denied!("SELECT at + 1 AS at", $denials, "ORDER BY at DESC LIMIT 1"),
            rows: of_denied!(
                "SELECT licence, count(*) AS denials, count(DISTINCT \"user\") AS users, \
                 count(*) FILTER (WHERE outcome = 'refused') AS refused, \
                 count(*) FILTER (WHERE outcome = 'partial') AS partial, \
                 count(*) FILTER (WHERE outcome = 'waiting') AS waiting",
                $denials,
                "GROUP BY licence"
            ),
            read: $read,
        }
    };
}
pub(super) use denied;
