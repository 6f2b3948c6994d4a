//! The audit: written within the transaction of what it tells.

use super::StoreError;
use super::error::aborted;
use super::value::{Reader, corrupt, millis};
use crate::store::audit::AuditRow;
use rusqlite::{Connection, params};
use serde_json::Value;
use sqlx::sqlite::SqliteRow;

/// The columns that [`row`] reads.
pub(super) const COLUMNS: &str = "at, actor, role, action, target, before, after";

/// Adds a record; `key` is the organisation's internal one, `None` the platform.
pub(super) fn write(
    connection: &Connection,
    key: Option<i64>,
    row: &AuditRow,
) -> Result<(), StoreError> {
    const WRITE: &str = "INSERT INTO audit (organisation, at, actor, role, action, target, before, \
        after) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    let text = |value: &Option<Value>| value.as_ref().map(Value::to_string);
    let mut write = connection.prepare_cached(WRITE).map_err(aborted)?;
    let written = write.execute(params![
        key,
        millis(row.at),
        row.actor,
        row.role,
        row.action,
        row.target,
        text(&row.before),
        text(&row.after),
    ]);
    written.map(|_| ()).map_err(aborted)
}

pub(super) fn row(row: Reader<'_, SqliteRow>) -> Result<AuditRow, StoreError> {
    let value = |column| {
        let text = row.optional_text(column)?;
        text.map(|text| serde_json::from_str(text).map_err(|_| corrupt(column, text))).transpose()
    };
    Ok(AuditRow {
        at: row.instant("at")?,
        actor: row.text("actor")?.to_owned(),
        role: row.text("role")?.to_owned(),
        action: row.text("action")?.to_owned(),
        target: row.text("target")?.to_owned(),
        before: value("before")?,
        after: value("after")?,
    })
}
