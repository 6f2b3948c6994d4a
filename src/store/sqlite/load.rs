//! Reads an organisation as a whole, from one snapshot of the database.

use super::error::aborted;
use super::value::{
    self, Reader, SETTINGS_COLUMNS, SessionText, USER_COLUMNS, corrupt, millis, number,
};
use super::{Loaded, StoreError};
use crate::domain::catalogue::Catalogue;
use crate::domain::event::SessionOpened;
use crate::domain::ids::{LicenceId, OrganisationId, ResumeDigest, SessionId, UserName};
use crate::domain::moment::{day_of, start_of_day};
use crate::domain::organisation::Settings;
use crate::domain::reason::{DenialReason, Device};
use crate::domain::resume::{Snapshot, StoredSession};
use crate::domain::session::Place;
use crate::domain::user::UserRecord;
use chrono::{DateTime, NaiveDate, Utc};
use rusqlite::types::ToSql;
use rusqlite::{Connection, Params, params};
use std::collections::HashMap;

/// A row that is lent for as long as it is looked at.
pub(super) type Lent<'r> = Reader<'r, rusqlite::Row<'r>>;

/// An organisation's own row.
pub(super) struct Head {
    key: i64,
    pub(super) settings: Settings,
    totals_version: u64,
    batch: u64,
    pub(super) last_at: DateTime<Utc>,
    sequence: u64,
    pub(super) intervals_until: DateTime<Utc>,
    /// The month that was under way and when it was begun, where that is kept.
    pub(super) month: Option<(NaiveDate, DateTime<Utc>)>,
    wallboard_maximum: u32,
    wallboard_version: u64,
}

/// The row of the organisation that has this number now. The first read of a transaction: it fixes
/// what all later ones see.
pub(super) fn head(
    connection: &Connection,
    organisation: OrganisationId,
) -> Result<Option<Head>, StoreError> {
    let text = format!(
        "SELECT key, {SETTINGS_COLUMNS}, totals_version, batch, last_at, sequence, intervals_until, \
         wallboards_maximum, wallboards_version, month, month_began_at FROM organisations \
         WHERE number = ? AND removed_at IS NULL"
    );
    let found = rows(connection, &text, [number(organisation)], |row| {
        Ok(Head {
            key: row.integer("key")?,
            settings: value::settings(row)?,
            totals_version: row.counter("totals_version")?,
            batch: row.counter("batch")?,
            last_at: row.instant("last_at")?,
            sequence: row.counter("sequence")?,
            intervals_until: row.instant("intervals_until")?,
            month: value::month_under_way(row)?,
            wallboard_maximum: row.count("wallboards_maximum")?,
            wallboard_version: row.counter("wallboards_version")?,
        })
    });
    Ok(found?.into_iter().next())
}

/// All the rest of it.
pub(super) fn body(
    connection: &Connection,
    head: Head,
    catalogue: &Catalogue,
) -> Result<Loaded, StoreError> {
    let loading = Loading { connection, catalogue, key: head.key };
    let (month, began_at) = loading.month(&head)?;
    let users = loading.users()?;
    let bought = loading.totals_log()?;
    let (totals, prices) = loading.totals()?;
    let snapshot = Snapshot {
        totals,
        prices,
        highest: bought.highest_in(began_at),
        totals_version: head.totals_version,
        sessions: loading.sessions(&users)?,
        users,
        base_units: loading.base_units(head.last_at)?,
        lapses: loading.lapses(month)?,
        wallboards: loading.wallboards()?,
        wallboard_maximum: head.wallboard_maximum,
        wallboard_version: head.wallboard_version,
        maxima: loading.maxima(month)?,
        month,
        intervals_until: head.intervals_until,
        since_interval: loading.since_interval(&head, &bought)?,
        denied_today: loading.denied_today(&head)?,
        last_at: head.last_at,
        sequence: head.sequence,
        settings: head.settings,
    };
    Ok(Loaded { snapshot, batch: head.batch })
}

/// What `read` makes of each row of a statement.
pub(super) fn rows<T>(
    connection: &Connection,
    text: &str,
    parameters: impl Params,
    read: impl Fn(Lent<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare_cached(text).map_err(aborted)?;
    let mut lent = statement.query(parameters).map_err(aborted)?;
    let mut all = Vec::new();
    while let Some(row) = lent.next().map_err(aborted)? {
        all.push(read(Reader(row))?);
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
    pub(super) fn rows<T>(
        &self,
        text: &str,
        read: impl Fn(Lent<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        rows(self.connection, text, [self.key], read)
    }

    /// The same, with a second parameter.
    pub(super) fn rows_with<T>(
        &self,
        text: &str,
        parameter: impl ToSql,
        read: impl Fn(Lent<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        rows(self.connection, text, params![self.key, parameter], read)
    }

    fn users(&self) -> Result<Vec<UserRecord>, StoreError> {
        let text = format!(
            "SELECT {USER_COLUMNS} FROM users WHERE organisation = ? AND removed_at IS NULL \
             ORDER BY id"
        );
        self.rows(&text, |row| value::user(row, self.catalogue))
    }

    fn sessions(&self, users: &[UserRecord]) -> Result<Vec<StoredSession>, StoreError> {
        let users: HashMap<&str, &UserName> =
            users.iter().map(|record| (&*record.user, &record.user)).collect();
        let mut sessions = self.rows(
            "SELECT session, user, device, since, grace_s, resume, address, held FROM sessions \
             WHERE organisation = ? ORDER BY session",
            |row| opened(row, &users, self.catalogue),
        )?;
        self.places(&mut sessions)?;
        Ok(sessions)
    }

    fn places(&self, sessions: &mut [StoredSession]) -> Result<(), StoreError> {
        let text = "SELECT session, licence, place FROM places WHERE organisation = ?";
        let places = self.rows(text, |row| {
            let licence = row.licence("licence", self.catalogue)?;
            Ok((row.session()?, Place { licence, place: row.counter("place")? }))
        })?;
        for (session, place) in places {
            session_of(sessions, session)?.places.push(place);
        }
        Ok(())
    }

    fn maxima(&self, month: NaiveDate) -> Result<Vec<(LicenceId, u32)>, StoreError> {
        let text = "SELECT licence, maximum FROM maxima WHERE organisation = ? AND month = ?";
        let maximum = |row: Lent<'_>| self.if_known(row, |row| row.count("maximum"));
        known(self.rows_with(text, value::month_text(month), maximum))
    }

    fn denied_today(&self, head: &Head) -> Result<Vec<(LicenceId, u32)>, StoreError> {
        const COUNT: &str = "SELECT licence, count(*) AS denied FROM denials INDEXED BY denials_at \
             WHERE organisation = ? AND at >= ? AND reason <> ? GROUP BY licence";
        let zone = head.settings.time_zone;
        let midnight = start_of_day(day_of(head.last_at, zone), zone);
        let of = params![self.key, millis(midnight), DenialReason::UnknownLicence.as_str()];
        let denied = |row: Lent<'_>| self.if_known(row, |row| row.count("denied"));
        known(rows(self.connection, COUNT, of, denied))
    }

    /// What is counted by type; types that the catalogue has lost are passed over.
    pub(super) fn if_known<T>(
        &self,
        row: Lent<'_>,
        read: impl Fn(Lent<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<(LicenceId, T)>, StoreError> {
        let licence = self.catalogue.find(row.text("licence")?);
        licence.map(|licence| Ok((licence, read(row)?))).transpose()
    }
}

/// Those of which something is known.
pub(super) fn known<T>(rows: Result<Vec<Option<T>>, StoreError>) -> Result<Vec<T>, StoreError> {
    rows.map(|rows| rows.into_iter().flatten().collect())
}

fn opened(
    row: Lent<'_>,
    users: &HashMap<&str, &UserName>,
    catalogue: &Catalogue,
) -> Result<StoredSession, StoreError> {
    let user = row.text("user")?;
    let user = users.get(user).ok_or_else(|| corrupt("a session of the unknown user", user))?;
    let resume = row.blob("resume")?;
    let digest =
        resume.try_into().map_err(|_| corrupt("a resume digest of length", resume.len()))?;
    let opened = SessionOpened {
        session: row.session()?,
        user: UserName::clone(user),
        device: row.word("device", Device::from_word)?,
        since: row.instant("since")?,
        grace_s: row.count("grace_s")?,
        resume: ResumeDigest(digest),
        address: row.shared_text("address")?,
    };
    let instances = value::held(row.text("held")?, catalogue)?;
    Ok(StoredSession { opened, instances, places: Vec::new() })
}

/// The session among those that are ordered by id.
fn session_of(
    sessions: &mut [StoredSession],
    id: SessionId,
) -> Result<&mut StoredSession, StoreError> {
    match sessions.binary_search_by_key(&id, |stored| stored.opened.session) {
        Ok(position) => Ok(&mut sessions[position]),
        Err(_) => Err(corrupt("something held by the unknown session", SessionText::of(id))),
    }
}
