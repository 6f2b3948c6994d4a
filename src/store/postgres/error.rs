//! Errors of the database as the fates that the layers above know, in words that say what to do.

use super::StoreError;
use deadpool_postgres::PoolError;
use refinery::error::Kind as MigrationKind;
use std::error::Error as _;
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity, SqlState};

/// `must_be` did not find what it had to (migrations/postgres).
const NOT_FOUND: &str = "LB001";

/// An error before any `COMMIT` was sent, or of a statement that only reads: nothing was applied.
#[expect(clippy::needless_pass_by_value, reason = "stands in `map_err`")]
pub(super) fn aborted(error: Error) -> StoreError {
    match error.as_db_error() {
        Some(told) => fate(told),
        None if error.is_closed() || has_io(&error) => {
            StoreError::Refused(format!("the connection to it was lost ({})", chain(&error)))
        }
        // It was reached and it answered, but with what this program cannot read.
        None => StoreError::Corrupt(chain(&error)),
    }
}

/// An error of a transaction whose `COMMIT` was sent with everything else: whoever told it says whether it
/// can have been done.
#[expect(clippy::needless_pass_by_value, reason = "stands in `map_err`")]
pub(super) fn after_sending(error: Error) -> StoreError {
    match error.as_db_error() {
        // A pooler tells of a server that it lost as the server would, and may have lost its last answer.
        Some(told) if !is_farewell(told) => fate(told),
        Some(_) | None => maybe_applied(&error),
    }
}

/// An error of `COMMIT` itself.
#[expect(clippy::needless_pass_by_value, reason = "stands in `map_err`")]
pub(super) fn of_commit(error: Error) -> StoreError {
    match error.as_db_error() {
        Some(told) if matches!(class(told.code()), "23" | "40") => fate(told),
        Some(_) | None => maybe_applied(&error),
    }
}

fn maybe_applied(error: &Error) -> StoreError {
    StoreError::MaybeApplied(chain(error))
}

/// No connection could be had: nothing was sent.
pub(super) fn unreachable(error: PoolError) -> StoreError {
    match error {
        PoolError::Backend(error) => cannot_connect(&error),
        PoolError::Timeout(_)
        | PoolError::Closed
        | PoolError::NoRuntimeSpecified
        | PoolError::PostCreateHook(_) => {
            StoreError::Refused(format!("no connection to it is free ({error})"))
        }
    }
}

/// A connection could not be made.
pub(super) fn cannot_connect(error: &Error) -> StoreError {
    let why = error.as_db_error().map_or_else(|| chain(error), in_words);
    StoreError::Refused(format!("it cannot be reached: {why}"))
}

/// An error of bringing the schema up to date.
#[expect(clippy::needless_pass_by_value, reason = "stands in `map_err`")]
pub(super) fn migration(error: refinery::Error) -> StoreError {
    if let MigrationKind::Connection(_, cause) = error.kind() {
        let told = cause.downcast_ref::<Error>().and_then(Error::as_db_error);
        return told.map_or_else(|| StoreError::Refused(format!("{error}: {cause}")), fate);
    }
    // Whatever else it is, the schema is not one that this program was made for.
    StoreError::Corrupt(format!("the schema is not of this version: {error}"))
}

/// Whether it is the refusal of `must_be`.
pub(super) fn is_not_found(error: &Error) -> bool {
    error.code().is_some_and(|code| code.code() == NOT_FOUND)
}

/// Whether the server ends the connection with these words.
fn is_farewell(told: &DbError) -> bool {
    let ends = matches!(told.parsed_severity(), Some(Severity::Fatal | Severity::Panic));
    ends || class(told.code()) == "08" || told.code().code().starts_with("57P0")
}

/// The first two letters (https://www.postgresql.org/docs/current/errcodes-appendix.html).
fn class(code: &SqlState) -> &str {
    code.code().get(..2).unwrap_or_default()
}

/// Whether others would meet the same is what tells `Refused` from `Aborted`.
fn fate(told: &DbError) -> StoreError {
    let why = in_words(told);
    let code = told.code();
    match class(code) {
        // Of a damaged file, and of one that cannot be read.
        "58" | "XX" if *code != SqlState::INTERNAL_ERROR => StoreError::Damaged(why),
        // Connection, resources, the server's own end, who may do what, what there is.
        "08" | "28" | "3D" | "53" => StoreError::Refused(why),
        _ if code.code().starts_with("57P0") => StoreError::Refused(why),
        _ if *code == SqlState::READ_ONLY_SQL_TRANSACTION
            || *code == SqlState::INSUFFICIENT_PRIVILEGE =>
        {
            StoreError::Refused(why)
        }
        _ => StoreError::Aborted(why),
    }
}

/// What is wrong and what helps, then what PostgreSQL says.
fn in_words(told: &DbError) -> String {
    let code = told.code().code();
    let words = match (class(told.code()), code) {
        (_, "53100") => "its disk is full: make room, and the broker goes on by itself",
        (_, "53300") => {
            "it has as many connections as it may: raise max_connections, or use a pooler"
        }
        ("57", "57P01" | "57P02" | "57P03") => "it is being stopped or started",
        (_, "25006") => "it is read-only: a standby, or default_transaction_read_only is on",
        ("28", _) => "it does not let this user in: look at the user, its password and pg_hba.conf",
        ("3D", _) => "there is no such database: create it",
        (_, "42501") => "this user may not do that: give it the schema's CREATE and its tables",
        ("58" | "XX", _) if code != "XX000" => "it is damaged: look at its log, restore a backup",
        _ => return format!("{} ({code})", told.message()),
    };
    format!("{words} ({}, {code})", told.message())
}

fn has_io(error: &Error) -> bool {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.is::<std::io::Error>() {
            return true;
        }
        cause = inner.source();
    }
    false
}

/// An error and what it comes from: the driver's own text names only its kind.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}
