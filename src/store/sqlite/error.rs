//! Errors of the database as the fates that the layers above know.

use super::StoreError;
use sqlx::migrate::MigrateError;

/// Primary result codes of SQLite for a file that cannot be believed.
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_NOTADB: i32 = 26;

/// An error before any `COMMIT`: nothing was applied.
#[expect(clippy::needless_pass_by_value, reason = "stands in `map_err`")]
pub(super) fn aborted(error: sqlx::Error) -> StoreError {
    if is_corruption(&error) {
        StoreError::Corrupt(error.to_string())
    } else {
        StoreError::Aborted(error.to_string())
    }
}

/// An error of `COMMIT` itself: the journal may have reached the disk, or may not.
#[expect(clippy::needless_pass_by_value, reason = "stands in `map_err`")]
pub(super) fn maybe_applied(error: sqlx::Error) -> StoreError {
    StoreError::MaybeApplied(error.to_string())
}

/// An error of reading rows that are lent.
#[expect(clippy::needless_pass_by_value, reason = "stands in `map_err`")]
pub(super) fn unread(error: rusqlite::Error) -> StoreError {
    let is_corruption = matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::InvalidColumnIndex(_)
    );
    let code = error.sqlite_error().map(|error| error.extended_code & 0xff);
    if is_corruption || matches!(code, Some(SQLITE_CORRUPT | SQLITE_NOTADB)) {
        StoreError::Corrupt(error.to_string())
    } else {
        StoreError::Aborted(error.to_string())
    }
}

/// An error of bringing the schema up to date.
pub(super) fn migration(error: MigrateError) -> StoreError {
    if let MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) = error {
        return aborted(error);
    }
    // Whatever else it is, the schema is not one that this program was made for.
    StoreError::Corrupt(format!("the schema is not of this version: {error}"))
}

fn is_corruption(error: &sqlx::Error) -> bool {
    if matches!(
        error,
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_)
    ) {
        return true;
    }
    let extended = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    let primary = extended.and_then(|code| code.parse::<i32>().ok()).map(|code| code & 0xff);
    matches!(primary, Some(SQLITE_CORRUPT | SQLITE_NOTADB))
}
