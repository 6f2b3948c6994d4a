//! Custom reports: PostgreSQL's dialect, and how a report is stopped.

use super::StoreError;
use super::by_time::key_of;
use super::connections::Connections;
use super::statement::Statement;
use super::transaction::Transaction;
use super::value::{Reader, corrupt};
use crate::domain::ids::OrganisationId;
use crate::limits::REPORT_TIME_MAX;
use crate::store::report_fields::{Calendar, Source};
use crate::store::report_statement::{self, Bound, Cells, Dialect};
use crate::store::reports::{ReportOutcome, ReportQuery};
use chrono::{NaiveDate, TimeDelta};
use std::pin::pin;
use tokio::sync::oneshot::{self, Sender};
use tokio_postgres::Row;

/// Who waits for a report.
type Answer = Sender<Result<Vec<Row>, StoreError>>;

/// Makes a report, within the time that a report may take.
///
/// A statement goes on in the server though nobody waits for it any more. So it runs in a task of its own,
/// which has it cancelled then.
pub(super) async fn run(
    connections: &Connections,
    organisation: OrganisationId,
    query: &ReportQuery,
) -> Result<ReportOutcome, StoreError> {
    let Some(row) = connections.one(&key_of(organisation)).await? else {
        return Ok(ReportOutcome::Rows(vec![]));
    };
    let statement = statement(query, Reader(&row).integer("key")?);
    let (answer, answered) = oneshot::channel();
    tokio::spawn(fetch(connections.clone(), statement, answer));
    match tokio::time::timeout(REPORT_TIME_MAX, answered).await {
        Ok(Ok(rows)) => report_statement::rows(query, &rows?).map(ReportOutcome::Rows),
        Ok(Err(error)) => Err(StoreError::Aborted(error.to_string())),
        Err(_) => Ok(ReportOutcome::TooLong),
    }
}

fn statement(query: &ReportQuery, key: i64) -> Statement<'static> {
    let (text, values) = report_statement::statement(query, key, &DIALECT);
    values.into_iter().fold(Statement::new(text), |statement, value| match value {
        Bound::Integer(number) => statement.bind(number),
        Bound::Text(text) => statement.bind(text),
    })
}

/// Runs the statement for as long as somebody waits for its answer.
async fn fetch(connections: Connections, statement: Statement<'static>, mut answer: Answer) {
    let outcome = async {
        let transaction = connections.snapshot().await?;
        let rows = wanted_rows(&connections, &transaction, &statement, &mut answer).await?;
        transaction.roll_back().await?;
        Ok(rows)
    };
    let outcome = outcome.await;
    // Nobody may want it any more.
    let _ = answer.send(outcome);
}

async fn wanted_rows(
    connections: &Connections,
    transaction: &Transaction,
    statement: &Statement<'_>,
    answer: &mut Answer,
) -> Result<Vec<Row>, StoreError> {
    let stop = transaction.cancel_token()?;
    let mut rows = pin!(transaction.rows(statement));
    tokio::select! {
        rows = &mut rows => rows,
        () = answer.closed() => {
            connections.cancel(stop).await;
            rows.await
        }
    }
}

const DIALECT: Dialect = Dialect { mark: '$', table, stretch, place: "strpos" };

const fn table(source: Source) -> &'static str {
    match source {
        Source::LicenceUsage => "usage",
        Source::OrganisationLicenceUsage => "intervals",
        Source::Denials => "denials",
    }
}

/// Where the stretch of a record begins. An hour begins no earlier than clocks were moved. Dates are numbers
/// of days since the first of all: to write them in the server for each record takes as long as all the rest.
const fn stretch(calendar: Calendar) -> &'static str {
    match calendar {
        Calendar::FiveMinutes => "instant_ms - instant_ms % 300000",
        Calendar::Hour => "greatest(instant_ms - (instant_ms + shift_ms) % 3600000, since_ms)",
        Calendar::Day => "(instant_ms + shift_ms) / 86400000",
        // The first day of all, a Thursday, is the fourth of its week.
        Calendar::Week => {
            "(instant_ms + shift_ms) / 86400000 - ((instant_ms + shift_ms) / 86400000 + 3) % 7"
        }
        Calendar::Month => {
            "to_char(timestamp '1970-01-01' + (instant_ms + shift_ms) / 86400000 \
             * interval '1 day', 'YYYY-MM') COLLATE \"C\""
        }
    }
}

impl Cells for Row {
    fn integer(&self, column: usize) -> Result<Option<i64>, StoreError> {
        self.try_get(column).map_err(|_| corrupt("a number of a report in column", column))
    }

    fn text(&self, column: usize) -> Result<Option<String>, StoreError> {
        self.try_get(column).map_err(|_| corrupt("a text of a report in column", column))
    }

    fn date(&self, column: usize) -> Result<Option<String>, StoreError> {
        let written = |days: i64| {
            let date = TimeDelta::try_days(days)
                .and_then(|days| NaiveDate::default().checked_add_signed(days))
                .ok_or_else(|| corrupt("a day of a report", days))?;
            Ok(date.format("%Y-%m-%d").to_string())
        };
        self.integer(column)?.map(written).transpose()
    }
}
