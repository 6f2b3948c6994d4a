//! `export` and `import`: an organisation goes elsewhere and is the same there.

use crate::busy::{Busy, findings, number};
use licence_broker::catalogue_file;
use licence_broker::domain::ids::OrganisationId;
use licence_broker::store::sqlite::SqliteStore;
use licence_broker::store::sqlite::transfer::{Imported, export};
use licence_broker::store::{Store, StoreError};
use std::path::Path;

fn id(number: u64) -> OrganisationId {
    OrganisationId::new(number).unwrap()
}

async fn exported(database: &Path, organisation: u64) -> String {
    let mut bytes = Vec::new();
    export(&database.display().to_string(), id(organisation), &mut bytes).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

async fn imported(
    database: &Path,
    number: Option<u64>,
    text: &str,
) -> Result<Imported, StoreError> {
    let url = database.display().to_string();
    let store = SqliteStore::open(&url, catalogue_file::built_in()).await.unwrap();
    store.import(number.map(id), &mut text.as_bytes()).await
}

#[tokio::test]
async fn an_organisation_that_goes_elsewhere_is_the_same_there() {
    let busy = Busy::everything().await;
    let while_running = exported(&busy.broker.database, 129).await;
    let (folder, database) = busy.halt().await;
    let out = exported(&database, 129).await;
    assert_eq!(while_running, out);
    let elsewhere = folder.path().join("elsewhere.db");
    let done = imported(&elsewhere, None, &out).await.unwrap();
    assert_eq!((done.organisation, done.rows), (id(129), out.lines().count() as u64 - 2));
    assert!(exported(&elsewhere, 129).await == out, "byte by byte");
    assert_eq!(findings(&elsewhere).await.0, []);
    // Beside itself, under another number: other keys and ids, the same rows.
    imported(&database, Some(130), &out).await.unwrap();
    let again = exported(&database, 130).await;
    let rows = |text: &str| -> Vec<String> {
        let rows =
            text.lines().skip(1).map(|line| line.replace("\"number\":130", "\"number\":129"));
        rows.filter(|line| line.starts_with("{\"table\"")).collect()
    };
    assert!(rows(&again) == rows(&out), "row by row");
    assert_eq!(findings(&database).await.0, []);
    let url = database.display().to_string();
    let store = SqliteStore::open(&url, catalogue_file::built_in()).await.unwrap();
    let (one, other) = (store.load(id(129)).await.unwrap(), store.load(id(130)).await.unwrap());
    let sessions =
        |loaded: Option<licence_broker::store::Loaded>| loaded.unwrap().snapshot.sessions;
    assert_eq!(sessions(one).len(), sessions(other).len());
}

#[tokio::test]
async fn every_table_that_has_rows_of_an_organisation_is_in_its_export() {
    let busy = Busy::everything().await;
    let out = exported(&busy.broker.database, 129).await;
    for table in [
        "organisations",
        "users",
        "totals",
        "totals_log",
        "sessions",
        "maxima",
        "maximum_sessions",
        "usage",
        "denials",
        "base_units",
        "base_log",
        "lapses",
        "intervals",
        "interval_hours",
        "bill_lines",
        "audit",
    ] {
        assert!(out.contains(&format!("{{\"table\":\"{table}\",")), "{table}");
    }
    // Whatever refers to another's id would lose it on the way: ids are given anew.
    let foreign = "SELECT count(*) FROM sqlite_schema s, pragma_foreign_key_list(s.name) f \
                   WHERE s.type = 'table' AND f.\"table\" NOT IN ('organisations', 'sessions')";
    assert_eq!(number(&busy.broker.database, foreign).await, 0);
}

#[tokio::test]
async fn what_is_not_as_it_was_written_is_refused_with_its_line_and_changes_nothing() {
    let (folder, database) = Busy::everything().await.halt().await;
    let out = exported(&database, 129).await;
    let lines = out.lines().count();
    let last = lines - 1;
    let elsewhere = folder.path().join("elsewhere.db");
    let without_last = out.lines().take(last).map(|line| format!("{line}\n")).collect::<String>();
    let cut = &out[..out.len() / 2];
    for (text, expected) in [
        (String::new(), "line 1: this is no export".to_owned()),
        (out.replacen("\"version\":2", "\"version\":1", 1), "line 1: format".to_owned()),
        (out.replacen("{\"name\":", "{\"nick\":", 1), "has no column".to_owned()),
        (
            out.replacen("\"max_grace_s\":60", "\"max_grace_s\":61", 1),
            format!("line {lines}: rows or checksum"),
        ),
        (
            out.replacen("\"time_zone\":", "\"planet\":", 1),
            "line 2: table `organisations` has no column `planet`".to_owned(),
        ),
        (
            out.replacen("{\"table\":\"usage\"", "{\"table\":\"usages\"", 1),
            "there is no table `usages`".to_owned(),
        ),
        (
            out.replacen("\"max_grace_s\":60,", "", 1),
            "line 2: column `max_grace_s` of `organisations` is missing".to_owned(),
        ),
        (without_last, format!("line {lines}: the last line is missing")),
        (cut.to_owned(), "it does not end, or is too long".to_owned()),
        (format!("{out}{{}}\n"), "does not hold one organisation".to_owned()),
    ] {
        if text == out {
            continue;
        }
        let refused = imported(&elsewhere, None, &text).await.expect_err("refused").to_string();
        assert!(refused.contains(&expected), "{expected}: {refused}");
        assert_eq!(number(&elsewhere, "SELECT count(*) FROM organisations").await, 0);
        assert_eq!(number(&elsewhere, "SELECT count(*) FROM usage").await, 0);
    }
    let refused = imported(&database, None, &out).await.expect_err("refused").to_string();
    assert!(refused.contains("organisation 129 exists"), "{refused}");
}

#[tokio::test]
async fn a_store_that_a_broker_has_open_takes_nothing_in() {
    let busy = Busy::everything().await;
    let url = busy.broker.database.display().to_string();
    let refused = SqliteStore::open(&url, catalogue_file::built_in()).await.expect_err("locked");
    assert!(refused.to_string().contains("another broker"), "{refused}");
    let mut nowhere = Vec::new();
    let refused = export(&url, id(130), &mut nowhere).await.expect_err("no such organisation");
    assert!(refused.to_string().contains("no organisation 130"), "{refused}");
}
