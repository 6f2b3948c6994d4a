//! How values stand in the tables, both ways: the same on every database.

use super::StoreError;
use super::net_effect::InstanceRow;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::{LicenceId, LicenceSet, OrganisationId, SessionId};
use crate::domain::organisation::Settings;
use crate::domain::reason::{GrantPool, UserStatus};
use crate::domain::resume::StoredInstance;
use crate::domain::session::Instance;
use crate::domain::user::UserRecord;
use chrono::{DateTime, NaiveDate, NaiveTime, Timelike, Utc};
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;
use ulid::Ulid;

/// The columns that [`settings`] reads.
pub(super) const SETTINGS_COLUMNS: &str =
    "number, name, time_zone, max_grace_s, scheduled_log_off_s, created_at, version";

/// The columns that [`user`] reads.
pub(super) const USER_COLUMNS: &str =
    "\"user\", name, status, user_type, features, synced, created_at, version";

/// An instant as it is kept: milliseconds UTC.
pub(super) fn millis(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis()
}

/// The number as it is kept; [`OrganisationId::MAX`] fits.
pub(super) fn number(organisation: OrganisationId) -> i64 {
    organisation.get().cast_signed()
}

/// A session as it is kept: the ULID that the wire has.
#[derive(Clone, Copy, Debug)]
pub(super) struct SessionText(pub(super) [u8; ulid::ULID_LEN]);

impl SessionText {
    pub(super) fn of(session: SessionId) -> Self {
        let mut text = [0; ulid::ULID_LEN];
        Ulid(session.0).array_to_str(&mut text);
        Self(text)
    }
}

impl fmt::Display for SessionText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| f.write_char(char::from(*byte)))
    }
}

/// A month as it is kept.
pub(super) fn month_text(first: NaiveDate) -> String {
    first.format("%Y-%m-%d").to_string()
}

/// A month as it is kept.
pub(super) fn month(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()
}

/// The month that is under way and when it was begun, from an organisation's row.
pub(super) fn month_under_way<R: Columns>(
    row: Reader<'_, R>,
) -> Result<Option<(NaiveDate, DateTime<Utc>)>, StoreError> {
    Ok(row.optional_word("month", month)?.zip(row.optional_instant("month_began_at")?))
}

/// A time of day as it is kept: seconds after midnight.
pub(super) fn seconds_of_day(time: NaiveTime) -> i64 {
    i64::from(time.num_seconds_from_midnight())
}

/// A user's features as they are kept: a JSON array of keys, which need no escapes.
pub(super) fn features_text(features: LicenceSet, catalogue: &Catalogue) -> String {
    let keys: Vec<String> =
        features.iter().map(|licence| format!("\"{}\"", catalogue.key(licence))).collect();
    format!("[{}]", keys.join(","))
}

/// What a session holds as it is kept: a JSON object of arrays, by the keys of the types. `None` takes a type
/// out where the text is merged with what was held before.
pub(super) fn held_text(
    held: impl Iterator<Item = (LicenceId, Option<InstanceRow>)>,
    catalogue: &Catalogue,
) -> String {
    let mut text = String::with_capacity(256);
    for (licence, instance) in held {
        text.push(if text.is_empty() { '{' } else { ',' });
        // Writing into a text cannot fail; neither keys nor words need escapes.
        let _ = write!(text, "\"{}\":", catalogue.key(licence));
        let _ = match instance {
            None => text.write_str("null"),
            Some(InstanceRow { pool, since, holder_order, holder_since }) => write!(
                text,
                "[\"{}\",{},{},{}]",
                pool.as_str(),
                millis(since),
                holder_order.cast_signed(),
                millis(holder_since)
            ),
        };
    }
    text.push_str(if text.is_empty() { "{}" } else { "}" });
    text
}

/// What a session holds, from [`held_text`]; in the order of the keys.
///
/// # Errors
/// [`StoreError::Corrupt`] if it is not what could have been written, or of types that the catalogue has
/// lost.
pub(super) fn held(text: &str, catalogue: &Catalogue) -> Result<Vec<StoredInstance>, StoreError> {
    let kept: BTreeMap<&str, (&str, i64, i64, i64)> =
        serde_json::from_str(text).map_err(|_| corrupt("held", text))?;
    let instant = |at| DateTime::from_timestamp_millis(at).ok_or_else(|| corrupt("since", at));
    let instance = |(key, (pool, since, holder_order, holder_since)): (&str, _)| {
        let instance = Instance {
            licence: catalogue.find(key).ok_or_else(|| corrupt("licence", key))?,
            pool: GrantPool::from_word(pool).ok_or_else(|| corrupt("pool", pool))?,
            since: instant(since)?,
        };
        let (holder_order, holder_since) =
            (i64::cast_unsigned(holder_order), instant(holder_since)?);
        Ok(StoredInstance { instance, holder_order, holder_since })
    };
    kept.into_iter().map(instance).collect()
}

/// What is kept is not what could have been written.
pub(super) fn corrupt(what: &str, value: impl fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("{what} `{value}`"))
}

/// A row of any of the libraries, read by the names of its columns.
pub(super) trait Columns {
    fn optional_text(&self, column: &str) -> Result<Option<&str>, StoreError>;
    fn optional_integer(&self, column: &str) -> Result<Option<i64>, StoreError>;
    fn blob(&self, column: &str) -> Result<&[u8], StoreError>;
}

/// What the columns of a row mean.
pub(super) struct Reader<'r, R>(pub(super) &'r R);

impl<R> Clone for Reader<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Reader<'_, R> {}

impl<'r, R: Columns> Reader<'r, R> {
    pub(super) fn text(&self, column: &str) -> Result<&'r str, StoreError> {
        self.optional_text(column)?.ok_or_else(|| corrupt("no text in column", column))
    }

    pub(super) fn optional_text(&self, column: &str) -> Result<Option<&'r str>, StoreError> {
        self.0.optional_text(column)
    }

    pub(super) fn shared_text(&self, column: &str) -> Result<Arc<str>, StoreError> {
        self.text(column).map(Arc::from)
    }

    pub(super) fn integer(&self, column: &str) -> Result<i64, StoreError> {
        self.optional_integer(column)?.ok_or_else(|| corrupt("no integer in column", column))
    }

    pub(super) fn optional_integer(&self, column: &str) -> Result<Option<i64>, StoreError> {
        self.0.optional_integer(column)
    }

    pub(super) fn blob(&self, column: &str) -> Result<&'r [u8], StoreError> {
        self.0.blob(column)
    }

    /// Numbers that only grow; kept with their bits as they are.
    pub(super) fn counter(&self, column: &str) -> Result<u64, StoreError> {
        self.integer(column).map(i64::cast_unsigned)
    }

    pub(super) fn count(&self, column: &str) -> Result<u32, StoreError> {
        let value = self.integer(column)?;
        u32::try_from(value).map_err(|_| corrupt(column, value))
    }

    pub(super) fn instant(&self, column: &str) -> Result<DateTime<Utc>, StoreError> {
        let value = self.integer(column)?;
        DateTime::from_timestamp_millis(value).ok_or_else(|| corrupt(column, value))
    }

    pub(super) fn optional_instant(
        &self,
        column: &str,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let instant =
            |value| DateTime::from_timestamp_millis(value).ok_or_else(|| corrupt(column, value));
        self.optional_integer(column)?.map(instant).transpose()
    }

    /// A word of a closed vocabulary; `parse` is its `from_word`.
    pub(super) fn word<T>(
        &self,
        column: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        let word = self.text(column)?;
        parse(word).ok_or_else(|| corrupt(column, word))
    }

    pub(super) fn optional_word<T>(
        &self,
        column: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let word = self.optional_text(column)?;
        word.map(|word| parse(word).ok_or_else(|| corrupt(column, word))).transpose()
    }

    /// An organisation's number.
    pub(super) fn organisation(&self) -> Result<OrganisationId, StoreError> {
        let number = self.counter("number")?;
        OrganisationId::new(number).ok_or_else(|| corrupt("number", number))
    }

    pub(super) fn session(&self) -> Result<SessionId, StoreError> {
        self.word("session", |text| Ulid::from_string(text).ok().map(|ulid| SessionId(ulid.0)))
    }

    /// A type that the catalogue must still have.
    pub(super) fn licence(
        &self,
        column: &str,
        catalogue: &Catalogue,
    ) -> Result<LicenceId, StoreError> {
        self.word(column, |key| catalogue.find(key))
    }

    fn features(&self, column: &str, catalogue: &Catalogue) -> Result<LicenceSet, StoreError> {
        let text = self.text(column)?;
        let keys: Vec<&str> = serde_json::from_str(text).map_err(|_| corrupt(column, text))?;
        let known = |key| catalogue.find(key).ok_or_else(|| corrupt(column, key));
        keys.into_iter().map(known).collect()
    }
}

/// An organisation's settings, from [`SETTINGS_COLUMNS`].
pub(super) fn settings<R: Columns>(row: Reader<'_, R>) -> Result<Settings, StoreError> {
    let seconds = row.optional_integer("scheduled_log_off_s")?;
    let time = |seconds| {
        let time = u32::try_from(seconds).ok();
        time.and_then(|time| NaiveTime::from_num_seconds_from_midnight_opt(time, 0))
            .ok_or_else(|| corrupt("scheduled_log_off_s", seconds))
    };
    Ok(Settings {
        id: row.organisation()?,
        name: row.shared_text("name")?,
        time_zone: row.word("time_zone", |zone| zone.parse().ok())?,
        max_grace_s: row.count("max_grace_s")?,
        scheduled_log_off: seconds.map(time).transpose()?,
        created_at: row.instant("created_at")?,
        version: row.counter("version")?,
    })
}

/// A user, from [`USER_COLUMNS`].
pub(super) fn user<R: Columns>(
    row: Reader<'_, R>,
    catalogue: &Catalogue,
) -> Result<UserRecord, StoreError> {
    Ok(UserRecord {
        user: row.shared_text("user")?,
        name: row.shared_text("name")?,
        status: row.word("status", UserStatus::from_word)?,
        user_type: row.licence("user_type", catalogue)?,
        features: row.features("features", catalogue)?,
        synced: row.features("synced", catalogue)?,
        created_at: row.instant("created_at")?,
        version: row.counter("version")?,
    })
}
