//! Reads an organisation as a whole, from one snapshot of the database.

use super::error::aborted;
use super::value::{self, Named, Reader, millis, month_text, number};
use super::{Loaded, StoreError};
use crate::domain::base::REASSIGN_PERIOD;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::{LicenceId, OrganisationId};
use crate::domain::interval::PastChange;
use crate::domain::reason::DenialReason;
use crate::domain::resume::StoredSession;
use crate::domain::user::UserRecord;
use crate::store::loaded::{self, Body, Head, TotalsLog, known};
use chrono::{DateTime, NaiveDate, Utc};
use rusqlite::types::ToSql;
use rusqlite::{Connection, Params, params};

/// A row that is lent for as long as it is looked at.
pub(super) type Lent<'r> = Reader<'r, Named<'r>>;

/// The row of the organisation that has this number now. The first read of a transaction: it fixes
/// what all later ones see.
#[expect(clippy::redundant_closure, reason = "the function is of rows of one lifetime")]
pub(super) fn head(
    connection: &Connection,
    organisation: OrganisationId,
) -> Result<Option<Head>, StoreError> {
    let text = format!(
        "SELECT {} FROM organisations WHERE number = $1 AND removed_at IS NULL",
        loaded::HEAD_COLUMNS
    );
    let found = rows(connection, &text, [number(organisation)], |row| loaded::head(row));
    Ok(found?.into_iter().next())
}

/// All the rest of it.
#[expect(clippy::redundant_closure, reason = "the function is of rows of one lifetime")]
pub(super) fn body(
    connection: &Connection,
    head: Head,
    catalogue: &Catalogue,
) -> Result<Loaded, StoreError> {
    let loading = Loading { connection, catalogue, key: head.key };
    let users = loading.rows(loaded::USERS, |row| value::user(row, catalogue))?;
    let month = loading.month(&head)?;
    let since_units = millis(head.last_at - REASSIGN_PERIOD);
    let body = Body {
        sessions: loading.sessions(&users)?,
        users,
        bought: loading.by_type(loaded::BOUGHT, |row| loaded::bought(row))?,
        totals_log: TotalsLog(
            loading.by_type(loaded::TOTALS_LOG, |row| loaded::change_of_totals(row))?,
        ),
        base_units: loading
            .rows_with(loaded::BASE_UNITS, since_units, |row| loaded::base_unit(row, catalogue))?,
        lapses: loading
            .rows_with(loaded::LAPSES, month_text(month.0), |row| loaded::lapse(row, catalogue))?,
        wallboards: loading.rows(loaded::WALLBOARDS, |row| loaded::wallboard(row))?,
        maxima: loading.maxima(month.0)?,
        month,
        since_interval: loading.since_interval(&head)?,
        denied_today: loading.denied_today(&head)?,
    };
    Ok(loaded::whole(head, body))
}

/// What `read` makes of each row of a statement.
pub(super) fn rows<T>(
    connection: &Connection,
    text: &str,
    parameters: impl Params,
    read: impl Fn(Lent<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare_cached(text).map_err(aborted)?;
    let names: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let mut lent = statement.query(parameters).map_err(aborted)?;
    let mut all = Vec::new();
    while let Some(row) = lent.next().map_err(aborted)? {
        all.push(read(Reader(&Named { row, names: &names }))?);
    }
    Ok(all)
}

pub(super) struct Loading<'a> {
    pub(super) connection: &'a Connection,
    pub(super) catalogue: &'a Catalogue,
    pub(super) key: i64,
}

impl Loading<'_> {
    /// What `read` makes of each row of a statement whose first parameter is the organisation's key.
    fn rows<T>(
        &self,
        text: &str,
        read: impl Fn(Lent<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        rows(self.connection, text, [self.key], read)
    }

    /// The same, with a second parameter.
    fn rows_with<T>(
        &self,
        text: &str,
        parameter: impl ToSql,
        read: impl Fn(Lent<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        rows(self.connection, text, params![self.key, parameter], read)
    }

    /// What `read` makes of rows by licence type; of types that the catalogue has lost nothing.
    #[expect(clippy::redundant_closure, reason = "the function is of rows of one lifetime")]
    fn by_type<T>(
        &self,
        text: &str,
        read: impl Fn(Lent<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<(LicenceId, T)>, StoreError> {
        known(self.rows(text, |row| loaded::if_known(row, self.catalogue, |row| read(row))))
    }

    /// The month that was under way when the last record was made, and when it was begun.
    pub(super) fn month(&self, head: &Head) -> Result<(NaiveDate, DateTime<Utc>), StoreError> {
        let closed = match head.month {
            Some(_) => None,
            None => self.rows(loaded::MONTH_CLOSED, |row| row.word("month", value::month))?.pop(),
        };
        Ok(head.month_after(closed))
    }

    fn sessions(&self, users: &[UserRecord]) -> Result<Vec<StoredSession>, StoreError> {
        let names = loaded::names(users);
        let mut sessions =
            self.rows(loaded::SESSIONS, |row| loaded::session(row, &names, self.catalogue))?;
        let places = self.rows(loaded::PLACES, |row| loaded::place(row, self.catalogue))?;
        loaded::put_places(&mut sessions, places)?;
        Ok(sessions)
    }

    fn maxima(&self, month: NaiveDate) -> Result<Vec<(LicenceId, u32)>, StoreError> {
        let maximum =
            |row: Lent<'_>| loaded::if_known(row, self.catalogue, |row| row.count("maximum"));
        known(self.rows_with(loaded::MAXIMA, month_text(month), maximum))
    }

    fn denied_today(&self, head: &Head) -> Result<Vec<(LicenceId, u32)>, StoreError> {
        const COUNT: &str = "SELECT licence, count(*) AS denied FROM denials INDEXED BY denials_at \
             WHERE organisation = ? AND at >= ? AND reason <> ? GROUP BY licence";
        let of = params![self.key, millis(head.midnight()), DenialReason::UnknownLicence.as_str()];
        let denied =
            |row: Lent<'_>| loaded::if_known(row, self.catalogue, |row| row.count("denied"));
        known(rows(self.connection, COUNT, of, denied))
    }

    /// What changed the figures since the interval of the last record began.
    fn since_interval(&self, head: &Head) -> Result<Vec<PastChange>, StoreError> {
        const LOG: &str = "SELECT at, usage_type, licence, user FROM usage INDEXED BY usage_at \
            WHERE organisation = ? AND at >= ? ORDER BY at, id";
        let Some(start) = head.open_interval() else { return Ok(Vec::new()) };
        known(self.rows_with(LOG, millis(start), |row| loaded::past_change(row, self.catalogue)))
    }
}
