//! The per-user log, as it is read: by session, by user, or by time, each by an index of its own.

use super::connections::Connections;
use super::question::{Order, Question};
use super::statement::Statement;
use super::value::{corrupt, session_text};
use crate::domain::ids::OrganisationId;
use crate::domain::reason::{LogonSource, ReleaseReason, UsageType};
use crate::store::background::Background;
use crate::store::{
    Page, Part, StoreError, Stored, UsageFilter, UsageLine, UsageRow, UsageScribe, log_rows,
};
use chrono::DateTime;
use tokio::sync::Mutex;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

/// The columns of [`line`], behind the cursor, in its order.
const COLUMNS: &str =
    "at, usage_type, licence, \"user\", device, logon_source, session, pool, reason";

/// The records of a page.
pub(super) async fn page(
    connections: &Connections,
    organisation: OrganisationId,
    filter: &UsageFilter,
    page: Page,
) -> Result<Vec<Stored<UsageRow>>, StoreError> {
    let rows = connections.page(&question(organisation, filter, page)).await?;
    rows.iter().map(|row| log_rows::usage(value(row, 0)?, &line(row)?)).collect()
}

fn question(organisation: OrganisationId, filter: &UsageFilter, page: Page) -> Statement<'static> {
    let order = match (filter.session, &filter.user) {
        (Some(_), _) => Order::Cursor,
        (None, Some(_)) => Order::CursorInRange,
        (None, None) => Order::Instant,
    };
    let mut question = Question::new(COLUMNS, "usage", organisation, page, order);
    question.within(filter.range);
    question.equals("session", filter.session.map(session_text));
    question.equals("\"user\"", filter.user.clone());
    question.equals("licence", filter.licence.clone());
    question.equals("usage_type", filter.usage_type.map(UsageType::as_str));
    question.equals("logon_source", filter.logon_source.map(LogonSource::as_str));
    question.equals("reason", filter.reason.map(ReleaseReason::as_str));
    question.end(page.limit)
}

/// Exports, one part after the other: all of them together have one reader, and the thread that steps back
/// behind logins.
#[derive(Debug, Default)]
pub(super) struct Exports {
    turn: Mutex<()>,
    background: Background,
}

impl Exports {
    /// What `filter` lets through of the records of a page, as `scribe` writes them.
    pub(super) async fn part(
        &self,
        connections: &Connections,
        organisation: OrganisationId,
        filter: &UsageFilter,
        page: Page,
        scribe: Box<dyn UsageScribe>,
    ) -> Result<Part, StoreError> {
        let _turn = self.turn.lock().await;
        let asked = question(organisation, &log_rows::looked_at(filter), page);
        let rows = connections.page(&asked).await?;
        let filter = filter.clone();
        self.background.run(move || written(&rows, &filter, page.limit, scribe)).await
    }
}

fn written(
    rows: &[Row],
    filter: &UsageFilter,
    limit: u32,
    mut scribe: Box<dyn UsageScribe>,
) -> Result<Part, StoreError> {
    for row in rows {
        let line = line(row)?;
        if log_rows::lets_through(filter, &line) {
            scribe.write(&line);
        }
    }
    let last = rows.last().filter(|_| rows.len() == limit as usize);
    let after = last.map(|row| value(row, 0)).transpose()?;
    Ok(Part { text: scribe.finish(), after })
}

fn line(row: &Row) -> Result<UsageLine<'_>, StoreError> {
    let at: i64 = value(row, 1)?;
    Ok(UsageLine {
        at: DateTime::from_timestamp_millis(at).ok_or_else(|| corrupt("at", at))?,
        usage_type: value(row, 2)?,
        licence: value(row, 3)?,
        user: value(row, 4)?,
        device: value(row, 5)?,
        logon_source: value(row, 6)?,
        session: value(row, 7)?,
        pool: value(row, 8)?,
        reason: value(row, 9)?,
    })
}

fn value<'r, T: FromSql<'r>>(row: &'r Row, column: usize) -> Result<T, StoreError> {
    row.try_get(column).map_err(|_| corrupt("the per-user log's column", column))
}
