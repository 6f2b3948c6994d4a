//! Words of closed vocabularies, and names of licence types.

use super::Checking;
use super::finding::Severity;
use super::queries::run;
use crate::auth::Role;
use crate::domain::reason::{
    AuditAction, BaseChange, DenialOutcome, DenialReason, Device, GrantPool, LogonSource,
    ReleaseReason, UsageType, UserStatus,
};

const WORDS: &str = "every word is of its vocabulary";
const HELD_TYPES: &str = "what users have and sessions hold is in the catalogue";
const TYPES: &str = "every licence type is in the catalogue";

/// A column that has the words of a vocabulary.
type Column = (&'static str, fn() -> Vec<&'static str>);

macro_rules! words {
    ($vocabulary:ident) => {
        || $vocabulary::ALL.iter().map(|word| word.as_str()).collect()
    };
}

/// Table, how its records are told apart, and its columns.
const VOCABULARIES: &[(&str, &str, &[Column])] = &[
    (
        "usage",
        "id",
        &[
            ("usage_type", words!(UsageType)),
            ("device", words!(Device)),
            ("logon_source", words!(LogonSource)),
            ("pool", words!(GrantPool)),
            ("reason", words!(ReleaseReason)),
        ],
    ),
    (
        "denials",
        "id",
        &[
            ("device", words!(Device)),
            ("reason", words!(DenialReason)),
            ("outcome", words!(DenialOutcome)),
        ],
    ),
    ("users", "user", &[("status", words!(UserStatus))]),
    ("sessions", "session", &[("device", words!(Device))]),
    ("instances", "session || ' ' || licence", &[("pool", words!(GrantPool))]),
    ("base_log", "id", &[("change", words!(BaseChange))]),
    ("audit", "id", &[("action", words!(AuditAction)), ("role", words!(Role))]),
];

/// Tables whose types must be in the catalogue: nobody could be logged in or out otherwise. Each with
/// how its records are told apart, where it comes from, and where the type stands.
const IN_USE: &[(&str, &str, &str, &str)] = &[
    ("users", "user", "users WHERE removed_at IS NULL AND", "user_type"),
    ("users", "user", "users, json_each(features) WHERE removed_at IS NULL AND", "value"),
    ("users", "user", "users, json_each(synced) WHERE removed_at IS NULL AND", "value"),
    ("instances", "session", "instances WHERE", "licence"),
    ("places", "session", "places WHERE", "licence"),
];

/// Tables that outlive a catalogue, and which of their records name a type.
const KEPT: &[(&str, &str)] = &[
    ("usage", "true"),
    ("denials", "reason <> 'unknown_licence'"),
    ("totals", "true"),
    ("totals_log", "true"),
    ("base_units", "true"),
    ("base_log", "true"),
    ("lapses", "licence <> ''"),
    ("intervals", "true"),
    ("interval_hours", "true"),
    ("maxima", "true"),
    ("maximum_sessions", "true"),
    ("bill_lines", "true"),
];

/// How many invariants there were.
pub(super) async fn check(checking: &mut Checking<'_>) -> usize {
    for (table, record, columns) in VOCABULARIES {
        let sql = foreign_words(table, record, columns);
        run(checking, Severity::Broken, WORDS, table, &sql).await;
    }
    let known = list(checking.catalogue.iter().map(|(_, licence)| &*licence.key));
    for (table, record, source, column) in IN_USE {
        let sql = format!(
            "SELECT organisation, {record}, 'the catalogue has no `' || {column} || '`' \
             FROM {source} {column} NOT IN ({known})"
        );
        run(checking, Severity::Broken, HELD_TYPES, table, &sql).await;
    }
    for (table, condition) in KEPT {
        let sql = format!(
            "SELECT organisation, count(*) || ' records', 'the catalogue has no `' || licence || '`' \
             FROM {table} WHERE {condition} AND licence NOT IN ({known}) \
             GROUP BY organisation, licence"
        );
        run(checking, Severity::Warning, TYPES, table, &sql).await;
    }
    3
}

/// The records of a table that have a word of no vocabulary, in one pass.
fn foreign_words(table: &str, record: &str, columns: &[Column]) -> String {
    let cases: Vec<String> = columns
        .iter()
        .map(|(column, words)| {
            let words = list(words().into_iter());
            format!("WHEN {column} NOT IN ({words}) THEN '{column} is `' || {column} || '`'")
        })
        .collect();
    let cases = cases.join(" ");
    format!(
        "SELECT organisation, {record}, what FROM \
         (SELECT *, CASE {cases} END AS what FROM {table}) WHERE what IS NOT NULL"
    )
}

/// As SQL has a list. Neither vocabularies nor keys have quotes; those of an operator's own catalogue
/// are doubled all the same.
pub(super) fn list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = words.map(|word| format!("'{}'", word.replace('\'', "''"))).collect();
    quoted.join(",")
}
