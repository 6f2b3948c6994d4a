//! Reads an organisation as a whole, from one snapshot of the database, in two round trips: its own row, then
//! everything else.

use super::connections::Connections;
use super::keys::Keys;
use super::statement::Statement;
use super::transaction::Transaction;
use super::value::{self, Reader, millis, month_text, number};
use super::{Loaded, StoreError};
use crate::domain::base::REASSIGN_PERIOD;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::{LicenceId, OrganisationId};
use crate::domain::interval::PastChange;
use crate::domain::reason::DenialReason;
use crate::store::loaded::{self, Body, Head, TotalsLog, known};
use chrono::{DateTime, NaiveDate, Utc};
use tokio_postgres::Row;

/// The organisation that has this number now.
pub(super) async fn load(
    connections: &Connections,
    keys: &Keys,
    organisation: OrganisationId,
    catalogue: &Catalogue,
) -> Result<Option<Loaded>, StoreError> {
    let snapshot = connections.snapshot().await?;
    let loaded = match head(&snapshot, organisation).await? {
        Some(head) => {
            keys.note(organisation, head.key);
            Some(body(&snapshot, head, catalogue).await?)
        }
        None => None,
    };
    snapshot.roll_back().await?;
    Ok(loaded)
}

/// The row of the organisation that has this number now.
pub(super) async fn head(
    snapshot: &Transaction,
    organisation: OrganisationId,
) -> Result<Option<Head>, StoreError> {
    let text = format!(
        "SELECT {} FROM organisations WHERE number = $1 AND removed_at IS NULL",
        loaded::HEAD_COLUMNS
    );
    let row = snapshot.one(&Statement::new(text).bind(number(organisation))).await?;
    row.as_ref().map(|row| loaded::head(Reader(row))).transpose()
}

/// The month that was under way when the last record was made, and when it was begun.
pub(super) async fn month(
    snapshot: &Transaction,
    head: &Head,
) -> Result<(NaiveDate, DateTime<Utc>), StoreError> {
    let mut closed = None;
    if head.month.is_none() {
        let question = Statement::new(loaded::MONTH_CLOSED).bind(head.key);
        let row = snapshot.one(&question).await?;
        closed = row.map(|row| Reader(&row).word("month", value::month)).transpose()?;
    }
    Ok(head.month_after(closed))
}

async fn body(
    snapshot: &Transaction,
    head: Head,
    catalogue: &Catalogue,
) -> Result<Loaded, StoreError> {
    let month = month(snapshot, &head).await?;
    let answers = snapshot.all(&questions(&head, month.0)).await?;
    let answers: Result<[Vec<Row>; QUESTIONS], _> = answers.try_into();
    let missing = |_| StoreError::Aborted("an answer is missing".to_owned());
    let [users, sessions, places, bought, totals_log, rest @ ..] = answers.map_err(missing)?;
    let [units, lapses, wallboards, maxima, denied, log] = rest;
    let read = Reading { catalogue };
    let users = read.rows(&users, |row| value::user(row, catalogue))?;
    let names = loaded::names(&users);
    let mut sessions = read.rows(&sessions, |row| loaded::session(row, &names, catalogue))?;
    let places = read.rows(&places, |row| loaded::place(row, catalogue))?;
    loaded::put_places(&mut sessions, places)?;
    let body = Body {
        sessions,
        bought: read.by_type(&bought, loaded::bought)?,
        totals_log: TotalsLog(read.by_type(&totals_log, loaded::change_of_totals)?),
        base_units: read.rows(&units, |row| loaded::base_unit(row, catalogue))?,
        lapses: read.rows(&lapses, |row| loaded::lapse(row, catalogue))?,
        wallboards: read.rows(&wallboards, loaded::wallboard)?,
        maxima: read.by_type(&maxima, |row| row.count("maximum"))?,
        month,
        since_interval: read.since_interval(&log)?,
        denied_today: read.by_type(&denied, |row| row.count("denied"))?,
        users,
    };
    Ok(loaded::whole(head, body))
}

/// How many there are.
const QUESTIONS: usize = 11;

/// In the order in which [`body`] takes the answers apart.
fn questions(head: &Head, month: NaiveDate) -> [Statement<'static>; QUESTIONS] {
    const DENIED: &str = "SELECT licence, count(*) AS denied FROM denials \
        WHERE organisation = $1 AND at >= $2 AND reason <> $3 GROUP BY licence";
    // Where the last interval has its records already, nothing is as late as this.
    const LOG: &str = "SELECT at, usage_type, licence, \"user\" FROM usage \
        WHERE organisation = $1 AND at >= $2 ORDER BY at, id";
    let of = |text: &'static str| Statement::new(text).bind(head.key);
    let since_units = millis(head.last_at - REASSIGN_PERIOD);
    let since_interval = head.open_interval().map_or(i64::MAX, millis);
    [
        of(loaded::USERS),
        of(loaded::SESSIONS),
        of(loaded::PLACES),
        of(loaded::BOUGHT),
        of(loaded::TOTALS_LOG),
        of(loaded::BASE_UNITS).bind(since_units),
        of(loaded::LAPSES).bind(month_text(month)),
        of(loaded::WALLBOARDS),
        of(loaded::MAXIMA).bind(month_text(month)),
        of(DENIED).bind(millis(head.midnight())).bind(DenialReason::UnknownLicence.as_str()),
        of(LOG).bind(since_interval),
    ]
}

/// What rows mean.
struct Reading<'a> {
    catalogue: &'a Catalogue,
}

impl Reading<'_> {
    fn rows<T>(
        &self,
        rows: &[Row],
        read: impl Fn(Reader<'_, Row>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        rows.iter().map(|row| read(Reader(row))).collect()
    }

    /// What `read` makes of rows by licence type; of types that the catalogue has lost nothing.
    fn by_type<T>(
        &self,
        rows: &[Row],
        read: impl Fn(Reader<'_, Row>) -> Result<T, StoreError>,
    ) -> Result<Vec<(LicenceId, T)>, StoreError> {
        known(self.rows(rows, |row| loaded::if_known(row, self.catalogue, &read)))
    }

    fn since_interval(&self, log: &[Row]) -> Result<Vec<PastChange>, StoreError> {
        known(self.rows(log, |row| loaded::past_change(row, self.catalogue)))
    }
}
