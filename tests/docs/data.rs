//! `docs/DATA.md` against the schema of a fresh store, and against the vocabularies.

use licence_broker::catalogue_file;
use licence_broker::domain::reason::{
    AuditAction, BaseChange, DenialOutcome, DenialReason, Device, GrantPool, LogonSource,
    ReleaseReason, UsageType, UserStatus,
};
use licence_broker::store::sqlite::SqliteStore;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Row};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const DOCUMENT: &str = include_str!("../../docs/DATA.md");

/// Columns by table.
type Schema = BTreeMap<String, BTreeSet<String>>;

/// The tables that the document describes, with the columns of each.
fn described() -> Schema {
    let sections = DOCUMENT.split("\n## ").skip(1);
    let section = |section: &str| {
        let (name, rest) = section.split_once('\n').expect("a heading");
        let rows = rest.lines().filter_map(|line| line.strip_prefix("| `"));
        let columns = rows.map(|row| row.split('`').next().expect("a name").to_owned());
        let columns: Vec<String> = columns.collect();
        let distinct: BTreeSet<String> = columns.iter().cloned().collect();
        assert_eq!(distinct.len(), columns.len(), "{name}: a column stands there twice");
        (name.to_owned(), distinct)
    };
    sections.map(section).collect()
}

async fn real(database: &Path) -> Schema {
    let url = database.display().to_string();
    let store = SqliteStore::open(&url, catalogue_file::built_in()).await;
    drop(store.expect("a fresh store"));
    let options = SqliteConnectOptions::new().filename(database);
    let mut connection = options.connect().await.expect("the file opens");
    let columns = "SELECT s.name, c.name FROM sqlite_schema s, pragma_table_info(s.name) c \
                   WHERE s.type = 'table' AND s.name NOT IN ('sqlite_sequence', '_sqlx_migrations')";
    let rows = sqlx::query(columns).fetch_all(&mut connection).await.expect("columns");
    let mut schema = Schema::new();
    for row in rows {
        schema.entry(row.get(0)).or_default().insert(row.get(1));
    }
    schema
}

#[tokio::test]
async fn every_table_and_column_is_described_and_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(described(), real(&folder.path().join("fresh.db")).await);
}

/// The words of a column, from its row in the section of its table.
fn words(table: &str, column: &str) -> Vec<String> {
    let mut sections = DOCUMENT.split("\n## ");
    let section = sections.find(|section| section.starts_with(&format!("{table}\n")));
    let mut lines = section.expect("a section").lines();
    let row = lines.find(|line| line.starts_with(&format!("| `{column}` |"))).expect("a row");
    let unit = row.split(" | ").nth(1).expect("a unit");
    unit.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_words_of_each_vocabulary_are_all_there() {
    macro_rules! same {
        ($table:literal, $column:literal, $vocabulary:ident) => {
            let all: Vec<&str> = $vocabulary::ALL.iter().map(|word| word.as_str()).collect();
            assert_eq!(words($table, $column), all, "{}.{}", $table, $column);
        };
    }
    same!("users", "status", UserStatus);
    same!("sessions", "device", Device);
    same!("sessions", "held", GrantPool);
    same!("usage", "usage_type", UsageType);
    same!("usage", "device", Device);
    same!("usage", "logon_source", LogonSource);
    same!("usage", "pool", GrantPool);
    same!("usage", "reason", ReleaseReason);
    same!("denials", "device", Device);
    same!("denials", "reason", DenialReason);
    same!("denials", "outcome", DenialOutcome);
    same!("base_log", "change", BaseChange);
    same!("audit", "action", AuditAction);
}
