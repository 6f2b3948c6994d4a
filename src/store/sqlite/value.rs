//! How values stand in the tables, both ways.

use super::StoreError;
use super::error::aborted;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::{LicenceId, LicenceSet, OrganisationId, SessionId};
use crate::domain::organisation::Settings;
use crate::domain::reason::{
    AuditAction, BaseChange, Device, GrantPool, LogonSource, ReleaseReason, UsageType, UserStatus,
};
use crate::domain::user::UserRecord;
use chrono::{DateTime, NaiveDate, NaiveTime, Timelike, Utc};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use ulid::Ulid;

/// The columns that [`settings`] reads.
pub(super) const SETTINGS_COLUMNS: &str =
    "number, name, time_zone, max_grace_s, scheduled_log_off_s, created_at, version";

/// The columns that [`user`] reads.
pub(super) const USER_COLUMNS: &str =
    "user, name, status, user_type, features, synced, created_at, version";

/// An instant as it is kept: milliseconds UTC.
pub(super) fn millis(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis()
}

/// The number as it is kept; [`OrganisationId::MAX`] fits.
pub(super) fn number(organisation: OrganisationId) -> i64 {
    organisation.get().cast_signed()
}

/// A session as it is kept: the ULID that the wire has.
pub(super) fn session_text(session: SessionId) -> Arc<str> {
    let mut buffer = [0; ulid::ULID_LEN];
    Arc::from(&*Ulid(session.0).array_to_str(&mut buffer))
}

/// A word of a vocabulary, shared: a login binds some thirty of them.
pub(super) fn word(text: &'static str) -> Arc<str> {
    static WORDS: LazyLock<HashMap<&'static str, Arc<str>>> = LazyLock::new(|| {
        let devices = Device::ALL.iter().map(|word| word.as_str());
        let sources = LogonSource::ALL.iter().map(|word| word.as_str());
        let pools = GrantPool::ALL.iter().map(|word| word.as_str());
        let types = UsageType::ALL.iter().map(|word| word.as_str());
        let reasons = ReleaseReason::ALL.iter().map(|word| word.as_str());
        let bases = BaseChange::ALL.iter().map(|word| word.as_str());
        let actions = AuditAction::ALL.iter().map(|word| word.as_str());
        let words = devices.chain(sources).chain(pools).chain(types).chain(reasons);
        let words = words.chain(bases).chain(actions);
        words.map(|word| (word, Arc::from(word))).collect()
    });
    WORDS.get(text).cloned().unwrap_or_else(|| Arc::from(text))
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
pub(super) fn month_under_way(
    row: Reader<'_>,
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

/// What is kept is not what could have been written.
pub(super) fn corrupt(what: &str, value: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("{what} `{value}`"))
}

/// A row, read by the names of its columns.
#[derive(Clone, Copy)]
pub(super) struct Reader<'r>(pub(super) &'r SqliteRow);

impl<'r> Reader<'r> {
    pub(super) fn text(&self, column: &str) -> Result<&'r str, StoreError> {
        self.0.try_get(column).map_err(aborted)
    }

    pub(super) fn optional_text(&self, column: &str) -> Result<Option<&'r str>, StoreError> {
        self.0.try_get(column).map_err(aborted)
    }

    pub(super) fn shared_text(&self, column: &str) -> Result<Arc<str>, StoreError> {
        self.text(column).map(Arc::from)
    }

    pub(super) fn integer(&self, column: &str) -> Result<i64, StoreError> {
        self.0.try_get(column).map_err(aborted)
    }

    pub(super) fn blob(&self, column: &str) -> Result<&'r [u8], StoreError> {
        self.0.try_get(column).map_err(aborted)
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
        let value: Option<i64> = self.0.try_get(column).map_err(aborted)?;
        let instant =
            |value| DateTime::from_timestamp_millis(value).ok_or_else(|| corrupt(column, value));
        value.map(instant).transpose()
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
pub(super) fn settings(row: &SqliteRow) -> Result<Settings, StoreError> {
    let row = Reader(row);
    let seconds: Option<u32> = row.0.try_get("scheduled_log_off_s").map_err(aborted)?;
    let time = |seconds| {
        NaiveTime::from_num_seconds_from_midnight_opt(seconds, 0)
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
pub(super) fn user(row: &SqliteRow, catalogue: &Catalogue) -> Result<UserRecord, StoreError> {
    let row = Reader(row);
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
