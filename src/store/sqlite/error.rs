//! Errors of the database as the fates that the layers above know, in words that say what to do.

use super::StoreError;
use sqlx::migrate::MigrateError;
use std::fmt::Display;

// Primary result codes of SQLite (https://www.sqlite.org/rescode.html).
const SQLITE_PERM: i32 = 3;
const SQLITE_BUSY: i32 = 5;
const SQLITE_NOMEM: i32 = 7;
const SQLITE_READONLY: i32 = 8;
const SQLITE_IOERR: i32 = 10;
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_FULL: i32 = 13;
const SQLITE_CANTOPEN: i32 = 14;
const SQLITE_PROTOCOL: i32 = 15;
const SQLITE_NOTADB: i32 = 26;

/// An error before any `COMMIT`: nothing was applied.
pub(super) fn aborted(error: impl Into<Failure>) -> StoreError {
    let Failure { why, code, is_undecodable } = error.into();
    if is_undecodable { StoreError::Corrupt(why) } else { fate(code, why) }
}

/// An error of `COMMIT` itself: the journal may have reached the disk, or may not.
pub(super) fn maybe_applied(error: &rusqlite::Error) -> StoreError {
    StoreError::MaybeApplied(in_words(code_of_rusqlite(error), error))
}

/// What one of the two libraries says of an error.
pub(super) struct Failure {
    why: String,
    /// Of SQLite, its primary part.
    code: Option<i32>,
    /// A value is not what its column holds.
    is_undecodable: bool,
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        let is_undecodable = matches!(
            error,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::InvalidColumnIndex(_)
                | rusqlite::Error::InvalidColumnName(_)
        );
        let code = code_of_rusqlite(&error);
        Self { why: in_words(code, &error), code, is_undecodable }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error::{ColumnDecode, ColumnNotFound, Decode};
        let is_undecodable = matches!(error, ColumnDecode { .. } | Decode(_) | ColumnNotFound(_));
        let extended = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        let code = extended.and_then(|code| code.parse::<i32>().ok()).map(primary);
        Self { why: in_words(code, &error), code, is_undecodable }
    }
}

fn code_of_rusqlite(error: &rusqlite::Error) -> Option<i32> {
    error.sqlite_error().map(|error| primary(error.extended_code))
}

fn primary(extended_code: i32) -> i32 {
    extended_code & 0xff
}

/// An error of bringing the schema up to date.
pub(super) fn migration(error: MigrateError) -> StoreError {
    if let MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) = error {
        return aborted(error);
    }
    // Whatever else it is, the schema is not one that this program was made for.
    StoreError::Corrupt(format!("the schema is not of this version: {error}"))
}

/// Whether others would meet the same is what tells `Refused` from `Aborted`.
fn fate(code: Option<i32>, why: String) -> StoreError {
    match code {
        Some(SQLITE_CORRUPT | SQLITE_NOTADB) => StoreError::Damaged(why),
        Some(
            SQLITE_PERM | SQLITE_BUSY | SQLITE_NOMEM | SQLITE_READONLY | SQLITE_IOERR | SQLITE_FULL
            | SQLITE_CANTOPEN | SQLITE_PROTOCOL,
        ) => StoreError::Refused(why),
        Some(_) | None => StoreError::Aborted(why),
    }
}

/// What is wrong and what helps, then what SQLite says.
fn in_words(code: Option<i32>, error: &dyn Display) -> String {
    let words = match code {
        Some(SQLITE_FULL) => "its disk is full: make room, and the broker goes on by itself",
        Some(SQLITE_IOERR) => {
            "it cannot be read or written: look at its disk, at quotas and at the limit of the size \
             of files (ulimit -f)"
        }
        Some(SQLITE_BUSY | SQLITE_PROTOCOL) => {
            "another program has it locked: end that program (`fuser` names it)"
        }
        Some(SQLITE_READONLY | SQLITE_PERM) => {
            "it is read-only for this user: give it, its directory and their file system back the \
             right to be written"
        }
        Some(SQLITE_CANTOPEN) => {
            "it or its journal cannot be opened: this user must be able to read and write it and to \
             make files in its directory"
        }
        Some(SQLITE_CORRUPT) => "it is damaged: stop the broker and restore a backup",
        Some(SQLITE_NOTADB) => "it is no SQLite database: name another, or restore a backup",
        Some(_) | None => return error.to_string(),
    };
    format!("{words} ({error})")
}
