//! The audit: written within the transaction of what it tells.

use super::StoreError;
use super::error::aborted;
use super::value::millis;
use crate::store::audit::AuditRow;
use rusqlite::{Connection, params};
use serde_json::Value;

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
