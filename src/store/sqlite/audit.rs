//! The audit: written within the transaction of what it tells.

use super::StoreError;
use super::error::aborted;
use super::value::{Reader, corrupt, millis};
use crate::store::audit::AuditRow;
use serde_json::Value;
use sqlx::sqlite::SqliteConnection;

/// The columns that [`row`] reads.
pub(super) const COLUMNS: &str = "at, actor, role, action, target, before, after";

/// Adds a record; `key` is the organisation's internal one, `None` the platform.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    key: Option<i64>,
    row: &AuditRow,
) -> Result<(), StoreError> {
    let text = |value: &Option<Value>| value.as_ref().map(Value::to_string);
    let query = sqlx::query(
        "INSERT INTO audit (organisation, at, actor, role, action, target, before, after) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(key)
    .bind(millis(row.at))
    .bind(row.actor.clone())
    .bind(row.role.clone())
    .bind(row.action.clone())
    .bind(row.target.clone())
    .bind(text(&row.before))
    .bind(text(&row.after));
    query.execute(connection).await.map_err(aborted)?;
    Ok(())
}

pub(super) fn row(row: Reader<'_>) -> Result<AuditRow, StoreError> {
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
