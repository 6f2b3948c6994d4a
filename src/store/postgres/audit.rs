//! The audit: written within the transaction of what it tells.

use super::statement::Statement;
use super::value::millis;
use crate::store::audit::AuditRow;
use serde_json::Value;

/// A record is kept in its organisation's turn: whoever else keeps one (a commit has that row from its first
/// statement on) waits. So records are seen in the order of their numbers, and no page misses one that came
/// to be seen after later ones.
const WRITE: &str = "WITH turn AS (SELECT 1 FROM organisations WHERE key = $1 FOR NO KEY UPDATE) \
    INSERT INTO audit (organisation, at, actor, role, action, target, before, after) \
    SELECT $1, $2, $3, $4, $5, $6, $7, $8 FROM (SELECT count(*) FROM turn) AS come";

/// Adds a record; `key` is the organisation's internal one, `None` the platform. To be sent together with
/// the end of its transaction, for commits of the organisation wait.
pub(super) fn write(key: Option<i64>, row: AuditRow) -> Statement<'static> {
    let text = |value: Option<Value>| value.map(|value| value.to_string());
    Statement::new(WRITE)
        .bind(key)
        .bind(millis(row.at))
        .bind(row.actor)
        .bind(row.role)
        .bind(row.action)
        .bind(row.target)
        .bind(text(row.before))
        .bind(text(row.after))
}
