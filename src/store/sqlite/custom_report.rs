//! Custom reports. The text of a statement is put together from what stands in this file and in the table
//! of fields; whatever a caller says is bound as a value.

use super::by_time::key_of;
use super::error::aborted;
use super::value::{corrupt, millis};
use crate::domain::ids::OrganisationId;
use crate::domain::period::{Steady, steady_times};
use crate::limits::REPORT_TIME_MAX;
use crate::store::StoreError;
use crate::store::report_fields::{Calendar, FieldKind, Operator, Source};
use crate::store::reports::{ReportFilter, ReportOutcome, ReportQuery, ReportValue};
use chrono::DateTime;
use sqlx::sqlite::{Sqlite, SqlitePool, SqliteRow};
use sqlx::{QueryBuilder, Row};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Instructions of SQLite's machine between two looks at whether the report is still wanted: a few
/// thousand times a second.
const INSTRUCTIONS_PER_LOOK: i32 = 10_000;

/// Makes a report, within the time that a report may take.
///
/// A statement cannot be taken back by dropping what waits for it. So it runs in a task of its own, which
/// asks while it works whether anybody still waits.
pub(super) async fn run(
    readers: &SqlitePool,
    organisation: OrganisationId,
    query: &ReportQuery,
) -> Result<ReportOutcome, StoreError> {
    let mut connection = readers.acquire().await.map_err(aborted)?;
    let Some(key) = key_of(&mut connection, organisation).await? else {
        return Ok(ReportOutcome::Rows(vec![]));
    };
    drop(connection);
    let statement = Statement::of(query, key);
    let wanted = Wanted::default();
    let (readers, is_unwanted) = (readers.clone(), Arc::clone(&wanted.is_over));
    let task = tokio::spawn(async move { fetch(&readers, statement, is_unwanted).await });
    match tokio::time::timeout(REPORT_TIME_MAX, task).await {
        Ok(Ok(rows)) => {
            let rows = rows?;
            let rows = rows.iter().map(|row| values(query, row));
            Ok(ReportOutcome::Rows(rows.collect::<Result<_, _>>()?))
        }
        Ok(Err(error)) => Err(StoreError::Aborted(error.to_string())),
        Err(_) => Ok(ReportOutcome::TooLong),
    }
}

/// Somebody waits, until this is dropped.
#[derive(Default)]
struct Wanted {
    is_over: Arc<AtomicBool>,
}

impl Drop for Wanted {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

async fn fetch(
    readers: &SqlitePool,
    mut statement: QueryBuilder<Sqlite>,
    is_unwanted: Arc<AtomicBool>,
) -> Result<Vec<SqliteRow>, StoreError> {
    let mut connection = readers.acquire().await.map_err(aborted)?;
    let mut handle = connection.lock_handle().await.map_err(aborted)?;
    let goes_on = move || !is_unwanted.load(Ordering::Relaxed);
    handle.set_progress_handler(INSTRUCTIONS_PER_LOOK, goes_on);
    drop(handle);
    let rows = statement.build().fetch_all(&mut *connection).await.map_err(aborted);
    connection.lock_handle().await.map_err(aborted)?.remove_progress_handler();
    rows
}

/// Where the records of a source are, and which column has their instant. The index leads through a
/// range of one organisation.
const fn table(source: Source) -> (&'static str, &'static str) {
    match source {
        Source::LicenceUsage => ("usage INDEXED BY usage_at", "at"),
        Source::OrganisationLicenceUsage => ("intervals INDEXED BY intervals_start", "start"),
        Source::Denials => ("denials INDEXED BY denials_at", "at"),
    }
}

/// The statement of a report, being put together.
struct Statement(QueryBuilder<Sqlite>);

impl Statement {
    fn of(query: &ReportQuery, key: i64) -> QueryBuilder<Sqlite> {
        let mut statement = Self(QueryBuilder::new("SELECT "));
        statement.columns(query);
        statement.records(query, key);
        for filter in &query.filters {
            statement.filter(query.source, filter);
        }
        statement.groups_in_order(query);
        statement.0
    }

    fn columns(&mut self, query: &ReportQuery) {
        let (fields, metrics) = (query.source.fields(), query.source.metrics());
        let mut columns = self.0.separated(", ");
        for field in query.dimensions.iter().map(|position| &fields[*position]) {
            match field.kind {
                FieldKind::Calendar(calendar) => columns.push(stretch(calendar)),
                FieldKind::Text | FieldKind::Integer | FieldKind::Time | FieldKind::Word(_) => {
                    columns.push(field.column)
                }
            };
        }
        for metric in query.metrics.iter().map(|position| &metrics[*position]) {
            columns.push(metric.expression);
        }
    }

    /// The records of the range, each with `instant_ms`, and with `shift_ms` from UTC to local time and
    /// `since_ms` from when on clocks were so.
    fn records(&mut self, query: &ReportQuery, key: i64) {
        let (table, instant) = table(query.source);
        let mut times = steady_times(query.span, query.zone);
        if let Some(first) = times.first_mut() {
            // An hour that the range cuts begins where it began.
            first.span.start = DateTime::UNIX_EPOCH;
        }
        self.0.push(" FROM (SELECT *, ").push(instant).push(" AS instant_ms, ");
        self.by_time(instant, &times, |time| time.offset_ms);
        self.0.push(" AS shift_ms, ");
        self.by_time(instant, &times, |time| millis(time.span.start));
        self.0.push(" AS since_ms FROM ").push(table).push(" WHERE organisation = ");
        self.0.push_bind(key).push(" AND ").push(instant).push(" >= ");
        self.0.push_bind(millis(query.span.start)).push(" AND ").push(instant).push(" < ");
        self.0.push_bind(millis(query.span.end)).push(") WHERE 1");
    }

    /// The value of the steady time in which the instant falls.
    fn by_time(&mut self, instant: &'static str, times: &[Steady], value: impl Fn(&Steady) -> i64) {
        self.0.push("CASE");
        for time in times {
            self.0.push(" WHEN ").push(instant).push(" < ").push_bind(millis(time.span.end));
            self.0.push(" THEN ").push_bind(value(time));
        }
        self.0.push(" END");
    }

    fn filter(&mut self, source: Source, filter: &ReportFilter) {
        let column = source.fields()[filter.field].column;
        let comparison = match filter.operator {
            Operator::Equal => " IS ",
            Operator::NotEqual => " IS NOT ",
            Operator::Less => " < ",
            Operator::LessOrEqual => " <= ",
            Operator::Greater => " > ",
            Operator::GreaterOrEqual => " >= ",
            Operator::In => return self.among(column, &filter.values),
            Operator::Contains => return self.place_of(column, " > 0", &filter.values),
            Operator::StartsWith => return self.place_of(column, " = 1", &filter.values),
        };
        for value in &filter.values {
            self.0.push(" AND ").push(column).push(comparison);
            self.bind(value);
        }
    }

    fn among(&mut self, column: &'static str, values: &[ReportValue]) {
        self.0.push(" AND ").push(column).push(" IN (");
        for (index, value) in values.iter().enumerate() {
            self.0.push(if index == 0 { "" } else { ", " });
            self.bind(value);
        }
        self.0.push(")");
    }

    /// Where in the column the text begins first; 0 if nowhere.
    fn place_of(&mut self, column: &'static str, comparison: &'static str, values: &[ReportValue]) {
        for value in values {
            self.0.push(" AND instr(").push(column).push(", ");
            self.bind(value);
            self.0.push(")").push(comparison);
        }
    }

    fn bind(&mut self, value: &ReportValue) {
        match value {
            ReportValue::Null => self.0.push_bind(None::<i64>),
            ReportValue::Text(text) => self.0.push_bind(text.clone()),
            ReportValue::Integer(number) | ReportValue::Hundredths(number) => {
                self.0.push_bind(*number)
            }
            ReportValue::Time(at) => self.0.push_bind(millis(*at)),
        };
    }

    /// Rows that stand alike come in the order of their dimensions, so that the order is always the same.
    fn groups_in_order(&mut self, query: &ReportQuery) {
        let dimensions = 1..=query.dimensions.len();
        for (index, position) in dimensions.clone().enumerate() {
            self.0.push(if index == 0 { " GROUP BY " } else { ", " }).push(position);
        }
        let asked = query.order.iter().map(|(position, descends)| (position + 1, *descends));
        let order = asked.chain(dimensions.map(|position| (position, false)));
        for (index, (position, descends)) in order.enumerate() {
            self.0.push(if index == 0 { " ORDER BY " } else { ", " }).push(position);
            self.0.push(if descends { " DESC" } else { "" });
        }
        self.0.push(" LIMIT ").push_bind(i64::from(query.limit));
    }
}

/// Where the stretch of a record begins. An hour begins no earlier than clocks were moved.
const fn stretch(calendar: Calendar) -> &'static str {
    match calendar {
        Calendar::FiveMinutes => "instant_ms - instant_ms % 300000",
        Calendar::Hour => "max(instant_ms - (instant_ms + shift_ms) % 3600000, since_ms)",
        Calendar::Day => "date((instant_ms + shift_ms) / 1000, 'unixepoch')",
        // The first day of all, a Thursday, is the fourth of its week.
        Calendar::Week => {
            "date((instant_ms + shift_ms) / 1000 \
             - ((instant_ms + shift_ms) / 86400000 + 3) % 7 * 86400, 'unixepoch')"
        }
        Calendar::Month => "strftime('%Y-%m', (instant_ms + shift_ms) / 1000, 'unixepoch')",
    }
}

/// A row as the report shows it.
fn values(query: &ReportQuery, row: &SqliteRow) -> Result<Vec<ReportValue>, StoreError> {
    let fields = query.dimensions.iter().map(|position| query.source.fields()[*position].kind);
    let dimensions = fields.enumerate().map(|(column, kind)| dimension(row, column, kind));
    let metrics = query.metrics.iter().map(|position| &query.source.metrics()[*position]);
    let metrics = metrics.enumerate().map(|(index, metric)| {
        let number: Option<i64> = row.try_get(query.dimensions.len() + index).map_err(aborted)?;
        Ok(match number {
            None => ReportValue::Null,
            Some(number) if metric.is_hundredths => ReportValue::Hundredths(number),
            Some(number) => ReportValue::Integer(number),
        })
    });
    dimensions.chain(metrics).collect()
}

fn dimension(row: &SqliteRow, column: usize, kind: FieldKind) -> Result<ReportValue, StoreError> {
    match kind {
        FieldKind::Time | FieldKind::Calendar(Calendar::FiveMinutes | Calendar::Hour) => {
            let at: i64 = row.try_get(column).map_err(aborted)?;
            let time = DateTime::from_timestamp_millis(at).map(ReportValue::Time);
            time.ok_or_else(|| corrupt("an instant", at))
        }
        FieldKind::Integer => row.try_get(column).map(ReportValue::Integer).map_err(aborted),
        FieldKind::Text
        | FieldKind::Word(_)
        | FieldKind::Calendar(Calendar::Day | Calendar::Week | Calendar::Month) => {
            let text: Option<String> = row.try_get(column).map_err(aborted)?;
            Ok(text.map_or(ReportValue::Null, ReportValue::Text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::sqlite::SqlitePoolOptions;

    #[tokio::test]
    async fn a_report_that_nobody_waits_for_is_stopped_and_its_connection_serves_others() {
        let one = SqlitePoolOptions::new().max_connections(1);
        let readers = one.connect("sqlite::memory:").await.expect("a database");
        let endless = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) \
                       SELECT count(*) FROM n";
        let wanted = Wanted::default();
        let (is_unwanted, pool) = (Arc::clone(&wanted.is_over), readers.clone());
        let task = async move { fetch(&pool, QueryBuilder::new(endless), is_unwanted).await };
        let running = tokio::spawn(task);
        drop(wanted);
        let stopped = running.await.expect("no panic").expect_err("stopped");
        assert!(stopped.to_string().contains("interrupted"), "{stopped}");
        let count = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n LIMIT 100000) \
                     SELECT count(*) FROM n";
        let counted = fetch(&readers, QueryBuilder::new(count), Arc::default()).await;
        assert_eq!(counted.expect("goes on").len(), 1);
    }
}
