//! The year that benchmarks read, in small: it is one that a broker could have written.

use crate::fixture::{ALL, catalogue, id};
use licence_broker::domain::reason::UsageType;
use licence_broker::store::sqlite::SqliteStore;
use licence_broker::store::{Store, Stored, UsageFilter, UsageRow};
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::path::Path;

#[path = "../../benches/year/mod.rs"]
#[allow(dead_code, reason = "benchmarks use the rest of it")]
pub(crate) mod made_up;

const SCALE: made_up::Scale = made_up::Scale { agents: 60, days: 33, seed: 7 };

async fn usage(path: &Path) -> Vec<Stored<UsageRow>> {
    let url = path.display().to_string();
    let store = SqliteStore::open(&url, catalogue()).await.expect("opens");
    let page = store.usage_page(id(made_up::ORGANISATION), &UsageFilter::default(), ALL).await;
    page.expect("a page")
}

#[tokio::test]
async fn a_year_is_the_same_for_the_same_seed_and_its_records_are_consistent() {
    let folder = tempfile::tempdir().expect("a directory");
    let paths = ["first.db", "second.db"].map(|name| folder.path().join(name));
    for path in &paths {
        made_up::write(path, SCALE).await;
    }
    let records = usage(&paths[0]).await;
    assert!(records.len() > 5_000 && records == usage(&paths[1]).await);
    let mut held = BTreeSet::new();
    for Stored { row, .. } in &records {
        let instance = (row.session, row.licence.clone());
        match row.usage_type {
            UsageType::Acquired => assert!(held.insert(instance), "{row:?}"),
            UsageType::Released => assert!(held.remove(&instance), "{row:?}"),
        }
    }
    assert!(held.is_empty(), "everybody goes home");
    let database = Connection::open(&paths[0]).expect("opens");
    let count =
        |query: &str| -> i64 { database.query_row(query, [], |row| row.get(0)).expect("counted") };
    let whole_days =
        i64::from(SCALE.days) * 288 * count("SELECT count(DISTINCT licence) FROM intervals");
    assert_eq!(count("SELECT count(*) FROM intervals"), whole_days, "no interval is left out");
    assert_eq!(count("SELECT sum(intervals) FROM interval_hours"), whole_days);
    assert!(count("SELECT count(*) FROM bill_lines WHERE month = '2025-01-01'") > 0);
    assert!(count("SELECT max(last_id) FROM usage_runs") > 0, "the index by user is there");
}
