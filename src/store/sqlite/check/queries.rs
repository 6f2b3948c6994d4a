//! Invariants that one statement can tell: it answers the records that break it.

use super::Checking;
use super::finding::Severity;
use super::words::list;
use crate::domain::catalogue::Model;
use crate::store::StoreError;
use crate::store::sqlite::error::aborted;
use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Row};

/// An invariant, the table whose records may break it, and the statement that finds them: the key of
/// their organisation, what tells them apart, what is wrong.
///
/// `{base}` and `{fixed}` stand for the types that need a base licence and those of fixed seats.
struct Query {
    invariant: &'static str,
    table: &'static str,
    sql: &'static str,
}

const QUERIES: &[Query] = &[
    Query {
        invariant: "an open session has a user who is active",
        table: "sessions",
        sql: "SELECT s.organisation, s.session, 'there is no active user `' || s.user || '`' \
              FROM sessions s WHERE NOT EXISTS (SELECT 1 FROM users u \
              WHERE u.organisation = s.organisation AND u.user = s.user \
              AND u.removed_at IS NULL AND u.status = 'active')",
    },
    Query {
        invariant: "an open session holds its user's seat",
        table: "sessions",
        sql: "SELECT s.organisation, s.session, \
              'it does not hold `' || u.user_type || '`, the seat of `' || s.user || '`' \
              FROM sessions s JOIN users u ON u.organisation = s.organisation \
              AND u.user = s.user AND u.removed_at IS NULL \
              WHERE NOT EXISTS (SELECT 1 FROM instances i WHERE i.organisation = s.organisation \
              AND i.session = s.session AND i.licence = u.user_type)",
    },
    Query {
        invariant: "a user has one session on each kind of device",
        table: "sessions",
        sql: "SELECT organisation, max(session), \
              '`' || user || '` has ' || count(*) || ' sessions on ' || device \
              FROM sessions GROUP BY organisation, user, device HAVING count(*) > 1",
    },
    Query {
        invariant: "nothing is open in a deleted organisation",
        table: "sessions",
        sql: "SELECT organisation, session, 'its organisation was deleted' FROM sessions \
              JOIN organisations ON key = organisation WHERE removed_at IS NOT NULL",
    },
    Query {
        invariant: "what a user has is a list",
        table: "users",
        sql: "SELECT organisation, user, 'features or synced is no JSON array' FROM users \
              WHERE coalesce(json_type(iif(json_valid(features), features, NULL)), '') <> 'array' \
              OR coalesce(json_type(iif(json_valid(synced), synced, NULL)), '') <> 'array'",
    },
    Query {
        invariant: "what a session holds is an object",
        table: "sessions",
        sql: "SELECT organisation, session, 'held is no JSON object' FROM sessions \
              WHERE coalesce(json_type(iif(json_valid(held), held, NULL)), '') <> 'object'",
    },
    Query {
        invariant: "nobody waits for what they hold",
        table: "places",
        sql: "SELECT p.organisation, p.session, 'it waits for `' || p.licence || '` and holds it' \
              FROM places p JOIN instances i USING (organisation, session, licence)",
    },
    Query {
        invariant: "what is in force is what was bought last",
        table: "totals",
        sql: "SELECT t.organisation, t.licence, 'it is not what the last record of totals_log has' \
              FROM totals t LEFT JOIN totals_log l ON l.id = (SELECT max(id) FROM totals_log \
              WHERE organisation = t.organisation AND licence = t.licence) \
              WHERE (t.base, t.concurrent, t.contingency, t.fixed) <> (coalesce(l.base, 0), \
              coalesce(l.concurrent, 0), coalesce(l.contingency, 0), coalesce(l.fixed, 0))",
    },
    Query {
        invariant: "a user has at most one base licence of a type",
        table: "base_units",
        sql: "SELECT organisation, max(unit), '`' || user || '` has ' || count(*) || ' of ' || licence \
              FROM base_units WHERE released_at IS NULL \
              GROUP BY organisation, user, licence HAVING count(*) > 1",
    },
    Query {
        invariant: "an active user of a type that needs a base licence has one",
        table: "users",
        sql: "SELECT u.organisation, u.user, 'there is no base licence of ' || u.user_type \
              FROM users u JOIN organisations o ON o.key = u.organisation \
              WHERE o.removed_at IS NULL AND u.removed_at IS NULL AND u.status = 'active' \
              AND u.user_type IN ({base}) AND NOT EXISTS (SELECT 1 FROM base_units b \
              WHERE b.organisation = u.organisation AND b.user = u.user \
              AND b.licence = u.user_type AND b.released_at IS NULL)",
    },
    Query {
        invariant: "a base licence that is not released has an active user of its type",
        table: "base_units",
        sql: "SELECT b.organisation, b.unit, '`' || b.user || '` is not active with ' || b.licence \
              FROM base_units b JOIN organisations o ON o.key = b.organisation \
              WHERE o.removed_at IS NULL AND b.released_at IS NULL AND NOT EXISTS (SELECT 1 \
              FROM users u WHERE u.organisation = b.organisation AND u.user = b.user \
              AND u.removed_at IS NULL AND u.status = 'active' AND u.user_type = b.licence)",
    },
    // 7,776,000,000 ms are the 90 days of a unit.
    Query {
        invariant: "no more base licences are bound than were bought",
        table: "base_units",
        sql: "SELECT organisation, licence, bound || ' are bound, ' || total || ' were bought' \
              FROM (SELECT b.organisation, b.licence, count(*) AS bound, coalesce((SELECT t.base \
              FROM totals t WHERE t.organisation = b.organisation AND t.licence = b.licence), 0) \
              AS total FROM base_units b JOIN organisations o ON o.key = b.organisation \
              WHERE o.removed_at IS NULL AND (b.released_at IS NULL OR (b.is_reassigned = 1 \
              AND b.assigned_at + 7776000000 > o.last_at)) GROUP BY b.organisation, b.licence) \
              WHERE bound > total",
    },
    Query {
        invariant: "no more fixed seats are assigned than were bought",
        table: "totals",
        sql: "SELECT organisation, licence, assigned || ' are assigned, ' || total || ' were bought' \
              FROM (SELECT u.organisation, u.licence, count(*) AS assigned, \
              coalesce((SELECT t.fixed FROM totals t WHERE t.organisation = u.organisation \
              AND t.licence = u.licence), 0) AS total FROM \
              (SELECT organisation, id, user_type AS licence FROM users WHERE removed_at IS NULL \
              UNION SELECT organisation, users.id, value FROM users, json_each(features) \
              WHERE removed_at IS NULL \
              UNION SELECT organisation, users.id, value FROM users, json_each(synced) \
              WHERE removed_at IS NULL) u WHERE u.licence IN ({fixed}) \
              GROUP BY u.organisation, u.licence) WHERE assigned > total",
    },
    Query {
        invariant: "no more wallboards are configured than may be",
        table: "wallboards",
        sql: "SELECT organisation, count(*) || ' wallboards', wallboards_maximum || ' are allowed' \
              FROM wallboards JOIN organisations ON key = organisation WHERE removed_at IS NULL \
              GROUP BY organisation HAVING count(*) > wallboards_maximum",
    },
    Query {
        invariant: "intervals begin at every fifth minute",
        table: "intervals",
        sql: "SELECT organisation, id, 'it begins at ' || start FROM intervals \
              WHERE start % 300000 <> 0",
    },
    Query {
        invariant: "an interval has one record of a type",
        table: "intervals",
        sql: "SELECT organisation, max(id), count(*) || ' records of ' || licence || ' at ' || start \
              FROM intervals GROUP BY organisation, start, licence HAVING count(*) > 1",
    },
    Query {
        invariant: "an interval's counts lie between its lows and its peaks",
        table: "intervals",
        sql: "SELECT organisation, id, 'its counts, lows and peaks contradict each other' \
              FROM intervals WHERE NOT (concurrent BETWEEN concurrent_low AND concurrent_peak \
              AND contingency BETWEEN contingency_low AND contingency_peak \
              AND concurrent_peak <= holders_peak AND contingency_peak <= holders_peak \
              AND concurrent_low >= 0 AND contingency_low >= 0)",
    },
    Query {
        invariant: "the hours are what the intervals come to",
        table: "interval_hours",
        sql: "SELECT h.organisation, h.licence || ' at ' || h.hour, \
              'the intervals come to other figures' FROM interval_hours h \
              JOIN organisations o ON o.key = h.organisation AND h.hour >= o.whole_from \
              LEFT JOIN (SELECT organisation, start - start % 3600000 AS hour, licence, \
              count(*) AS n, sum(concurrent) AS cs, sum(contingency) AS ts, \
              max(concurrent_peak) AS cp, min(concurrent_low) AS cl, max(contingency_peak) AS tp, \
              min(contingency_low) AS tl, max(holders_peak) AS hp FROM intervals GROUP BY 1, 2, 3) i \
              ON i.organisation = h.organisation AND i.hour = h.hour AND i.licence = h.licence \
              WHERE (h.intervals, h.concurrent_sum, h.contingency_sum, h.concurrent_peak, \
              h.concurrent_low, h.contingency_peak, h.contingency_low, h.holders_peak) \
              <> (n, cs, ts, cp, cl, tp, tl, hp) OR n IS NULL",
    },
    Query {
        invariant: "every interval is part of an hour",
        table: "intervals",
        sql: "SELECT organisation, id, 'its hour has no figures of ' || licence FROM intervals i \
              JOIN organisations o ON o.key = i.organisation \
              AND i.start - i.start % 3600000 >= o.whole_from \
              WHERE NOT EXISTS (SELECT 1 FROM interval_hours h \
              WHERE h.organisation = i.organisation AND h.hour = i.start - i.start % 3600000 \
              AND h.licence = i.licence)",
    },
    Query {
        invariant: "intervals_until is the end of the newest interval",
        table: "organisations",
        sql: "SELECT key, 'intervals_until', 'it is ' || intervals_until || ', the newest ends at ' \
              || coalesce(newest + 300000, 'no time') FROM (SELECT key, intervals_until, whole_from, \
              (SELECT max(start) FROM intervals WHERE organisation = key) AS newest \
              FROM organisations) WHERE intervals_until <> newest + 300000 \
              OR (newest IS NULL AND intervals_until > whole_from)",
    },
    Query {
        invariant: "a month's maximum has the sessions that held it",
        table: "maximum_sessions",
        sql: "SELECT m.organisation, m.month || ' ' || m.licence, \
              m.maximum || ' were used, by ' || count(DISTINCT s.user) || ' users' \
              FROM maxima m JOIN organisations o ON o.key = m.organisation \
              AND m.reached_at >= o.whole_from \
              LEFT JOIN maximum_sessions s USING (organisation, month, licence) \
              GROUP BY m.organisation, m.month, m.licence HAVING count(DISTINCT s.user) <> m.maximum",
    },
    Query {
        invariant: "sessions of a month's maximum belong to one",
        table: "maximum_sessions",
        sql: "SELECT organisation, month || ' ' || licence || ' ' || session, 'there is no maximum' \
              FROM maximum_sessions LEFT JOIN maxima USING (organisation, month, licence) \
              WHERE maximum IS NULL",
    },
    Query {
        invariant: "sessions of a month's maximum held the type when it was reached",
        table: "maximum_sessions",
        sql: "SELECT s.organisation, s.month || ' ' || s.licence || ' ' || s.session, \
              '`' || s.user || '` did not hold the type at ' || m.reached_at \
              FROM maximum_sessions s JOIN maxima m USING (organisation, month, licence) \
              JOIN organisations o ON o.key = m.organisation AND m.reached_at >= o.whole_from \
              WHERE NOT EXISTS (SELECT 1 FROM usage a INDEXED BY usage_session \
              WHERE a.session = s.session AND a.organisation = s.organisation \
              AND a.licence = s.licence AND a.user = s.user AND a.usage_type = 'Acquired' \
              AND a.at <= m.reached_at AND NOT EXISTS (SELECT 1 FROM usage r \
              INDEXED BY usage_session WHERE r.session = a.session \
              AND r.organisation = a.organisation AND r.licence = a.licence AND r.id > a.id \
              AND r.usage_type = 'Released' AND r.at < m.reached_at))",
    },
];

/// How many invariants there were.
pub(super) async fn check(checking: &mut Checking<'_>) -> usize {
    let types = checking.catalogue.iter().map(|(_, licence)| licence);
    let base = list(types.filter(|licence| licence.base).map(|licence| &*licence.key));
    let types = checking.catalogue.iter().map(|(_, licence)| licence);
    let fixed = types.filter(|licence| licence.model == Model::FixedSeat);
    let fixed = list(fixed.map(|licence| &*licence.key));
    for query in QUERIES {
        let sql = query.sql.replace("{base}", &base).replace("{fixed}", &fixed);
        run(checking, Severity::Broken, query.invariant, query.table, &sql).await;
    }
    QUERIES.len()
}

/// Notes every record that a statement answers; where it cannot be answered, that.
pub(super) async fn run(
    checking: &mut Checking<'_>,
    severity: Severity,
    invariant: &'static str,
    table: &'static str,
    sql: &str,
) {
    if let Err(error) = answers(checking, severity, invariant, table, sql).await {
        checking.findings.broken(invariant, table, None, "as a whole", error);
    }
}

async fn answers(
    checking: &mut Checking<'_>,
    severity: Severity,
    invariant: &'static str,
    table: &'static str,
    sql: &str,
) -> Result<(), StoreError> {
    let query = sqlx::query(AssertSqlSafe(sql.to_owned()));
    let mut rows = query.fetch(&mut *checking.connection);
    while let Some(row) = rows.try_next().await.map_err(aborted)? {
        let organisation: Option<i64> = row.try_get(0).map_err(aborted)?;
        // Ids are integers, keys are texts.
        let record = row.try_get_unchecked::<String, _>(1).map_err(aborted)?;
        let what = row.try_get_unchecked::<String, _>(2).map_err(aborted)?;
        checking.findings.add(severity, invariant, (table, record), organisation, what);
    }
    Ok(())
}
