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
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, SqlSafeStr};
use std::collections::HashMap;

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
pub(super) async fn head(
    connection: &mut SqliteConnection,
    organisation: OrganisationId,
) -> Result<Option<Head>, StoreError> {
    let text = format!(
        "SELECT key, {SETTINGS_COLUMNS}, totals_version, batch, last_at, sequence, intervals_until, \
         wallboards_maximum, wallboards_version, month, month_began_at FROM organisations \
         WHERE number = ? AND removed_at IS NULL"
    );
    let query = sqlx::query(AssertSqlSafe(text)).bind(number(organisation));
    let row = query.fetch_optional(connection).await.map_err(aborted)?;
    row.map(|row| {
        let reader = Reader(&row);
        Ok(Head {
            key: reader.integer("key")?,
            settings: value::settings(&row)?,
            totals_version: reader.counter("totals_version")?,
            batch: reader.counter("batch")?,
            last_at: reader.instant("last_at")?,
            sequence: reader.counter("sequence")?,
            intervals_until: reader.instant("intervals_until")?,
            month: value::month_under_way(reader)?,
            wallboard_maximum: reader.count("wallboards_maximum")?,
            wallboard_version: reader.counter("wallboards_version")?,
        })
    })
    .transpose()
}

/// All the rest of it.
pub(super) async fn body(
    connection: &mut SqliteConnection,
    head: Head,
    catalogue: &Catalogue,
) -> Result<Loaded, StoreError> {
    let mut loading = Loading { connection, catalogue, key: head.key };
    let (month, began_at) = loading.month(&head).await?;
    let users = loading.users().await?;
    let bought = loading.totals_log().await?;
    let (totals, prices) = loading.totals().await?;
    let snapshot = Snapshot {
        totals,
        prices,
        highest: bought.highest_in(began_at),
        totals_version: head.totals_version,
        sessions: loading.sessions(&users).await?,
        users,
        base_units: loading.base_units(head.last_at).await?,
        lapses: loading.lapses(month).await?,
        wallboards: loading.wallboards().await?,
        wallboard_maximum: head.wallboard_maximum,
        wallboard_version: head.wallboard_version,
        maxima: loading.maxima(month).await?,
        month,
        intervals_until: head.intervals_until,
        since_interval: loading.since_interval(&head, &bought).await?,
        denied_today: loading.denied_today(&head).await?,
        last_at: head.last_at,
        sequence: head.sequence,
        settings: head.settings,
    };
    Ok(Loaded { snapshot, batch: head.batch })
}

pub(super) struct Loading<'a> {
    pub(super) connection: &'a mut SqliteConnection,
    pub(super) catalogue: &'a Catalogue,
    pub(super) key: i64,
}

impl Loading<'_> {
    /// The rows of a statement whose only parameter is the organisation's key.
    pub(super) async fn rows(
        &mut self,
        text: impl SqlSafeStr,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        let query = sqlx::query(text).bind(self.key);
        query.fetch_all(&mut *self.connection).await.map_err(aborted)
    }

    async fn users(&mut self) -> Result<Vec<UserRecord>, StoreError> {
        let text = format!(
            "SELECT {USER_COLUMNS} FROM users WHERE organisation = ? AND removed_at IS NULL \
             ORDER BY id"
        );
        let rows = self.rows(AssertSqlSafe(text)).await?;
        rows.iter().map(|row| value::user(row, self.catalogue)).collect()
    }

    async fn sessions(&mut self, users: &[UserRecord]) -> Result<Vec<StoredSession>, StoreError> {
        let users: HashMap<&str, &UserName> =
            users.iter().map(|record| (&*record.user, &record.user)).collect();
        let rows = self
            .rows(
                "SELECT session, user, device, since, grace_s, resume, address, held FROM sessions \
                 WHERE organisation = ? ORDER BY session",
            )
            .await?;
        let mut sessions = rows
            .iter()
            .map(|row| opened(Reader(row), &users, self.catalogue))
            .collect::<Result<Vec<StoredSession>, StoreError>>()?;
        self.places(&mut sessions).await?;
        Ok(sessions)
    }

    async fn places(&mut self, sessions: &mut [StoredSession]) -> Result<(), StoreError> {
        let rows =
            self.rows("SELECT session, licence, place FROM places WHERE organisation = ?").await?;
        for row in rows.iter().map(Reader) {
            let licence = row.licence("licence", self.catalogue)?;
            let place = Place { licence, place: row.counter("place")? };
            session_of(sessions, row.session()?)?.places.push(place);
        }
        Ok(())
    }

    async fn maxima(&mut self, month: NaiveDate) -> Result<Vec<(LicenceId, u32)>, StoreError> {
        let query =
            sqlx::query("SELECT licence, maximum FROM maxima WHERE organisation = ? AND month = ?")
                .bind(self.key)
                .bind(value::month_text(month));
        let rows = query.fetch_all(&mut *self.connection).await.map_err(aborted)?;
        self.by_known_licence(&rows, |row| row.count("maximum"))
    }

    async fn denied_today(&mut self, head: &Head) -> Result<Vec<(LicenceId, u32)>, StoreError> {
        let zone = head.settings.time_zone;
        let midnight = start_of_day(day_of(head.last_at, zone), zone);
        let query = sqlx::query(
            "SELECT licence, count(*) AS denied FROM denials INDEXED BY denials_at \
             WHERE organisation = ? AND at >= ? AND reason <> ? GROUP BY licence",
        )
        .bind(self.key)
        .bind(millis(midnight))
        .bind(DenialReason::UnknownLicence.as_str());
        let rows = query.fetch_all(&mut *self.connection).await.map_err(aborted)?;
        self.by_known_licence(&rows, |row| row.count("denied"))
    }

    /// What is counted by type; types that the catalogue has lost are passed over.
    pub(super) fn by_known_licence<T>(
        &self,
        rows: &[SqliteRow],
        read: impl Fn(Reader<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<(LicenceId, T)>, StoreError> {
        let mut known = Vec::with_capacity(rows.len());
        for row in rows {
            if let Some(licence) = self.catalogue.find(Reader(row).text("licence")?) {
                known.push((licence, read(Reader(row))?));
            }
        }
        Ok(known)
    }
}

fn opened(
    row: Reader<'_>,
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
