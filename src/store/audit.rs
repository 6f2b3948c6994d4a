//! The audit: who changed what, when, from what to what.

use super::Range;
use chrono::{DateTime, Utc};
use serde_json::Value;

/// An administrative change.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditRow {
    /// When it was decided.
    pub at: DateTime<Utc>,
    /// Who did it: a login name, or a command.
    pub actor: String,
    /// As what they did it.
    pub role: String,
    /// What was done: `account.created`, `licences.put`, …
    pub action: String,
    /// To what: a login name, the key of a licence type, …
    pub target: String,
    /// What it was; `None` if there was nothing.
    pub before: Option<Value>,
    /// What it is since; `None` if there is nothing.
    pub after: Option<Value>,
}

/// Which records of the audit; `None` filters nothing.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// When.
    pub range: Range,
    /// By whom.
    pub actor: Option<String>,
    /// What was done.
    pub action: Option<String>,
    /// To what.
    pub target: Option<String>,
    /// Whether the page goes back from its cursor, the latest record first.
    pub newest_first: bool,
}
