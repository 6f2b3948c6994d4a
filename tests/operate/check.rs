//! `check`: a store that nobody touched passes, and whatever is broken is named.

use crate::breaks::BREAKS;
use crate::busy::{Busy, findings, number, raw};
use licence_broker::catalogue_file;
use licence_broker::store::sqlite::SqliteStore;
use licence_broker::store::sqlite::backup::backup;
use licence_broker::store::sqlite::check::{Finding, Severity, check};
use serde_json::json;
use std::path::Path;

#[tokio::test]
async fn a_busy_store_passes_while_its_broker_runs_and_afterwards() {
    let busy = Busy::everything().await;
    let (found, summary) = findings(&busy.broker.database).await;
    assert_eq!(found, []);
    let records = number(&busy.broker.database, "SELECT count(*) FROM usage").await;
    assert_eq!((summary.organisations, summary.usage), (2, records as u64));
    assert!(summary.instances >= 8 && summary.invariants >= 35, "{summary:?}");
    for (what, least) in [
        ("SELECT count(*) FROM denials", 2),
        ("SELECT count(*) FROM intervals", 12),
        ("SELECT count(*) FROM maxima", 2),
        ("SELECT count(*) FROM bill_lines", 3),
        ("SELECT count(*) FROM maximum_sessions", 2),
        ("SELECT count(*) FROM lapses", 1),
        ("SELECT count(*) FROM base_units WHERE released_at IS NOT NULL", 1),
        ("SELECT count(*) FROM usage WHERE pool = 'contingency'", 2),
        ("SELECT count(*) FROM usage WHERE reason = 'superseded'", 1),
    ] {
        let count = number(&busy.broker.database, what).await;
        assert!(count >= least, "the store is busy: {what} is {count}");
    }
    let (_folder, database) = busy.halt().await;
    assert_eq!(findings(&database).await.0, []);
}

#[tokio::test]
async fn each_invariant_that_is_broken_is_named_with_the_record_that_breaks_it() {
    let (folder, database) = Busy::everything().await.halt().await;
    for (index, (invariant, table, part, sql)) in BREAKS.iter().enumerate() {
        let copy = folder.path().join(format!("copy-{index}.db"));
        backup(&database.display().to_string(), &copy).await.unwrap();
        sqlx::raw_sql(*sql).execute(&mut raw(&copy).await).await.unwrap();
        let (found, _) = findings(&copy).await;
        let named = found.iter().filter(|one| one.invariant == *invariant && one.table == *table);
        let is_named = named.clone().any(|one| one.to_string().contains(part));
        assert!(is_named, "{sql}\nshould break `{invariant}` with `{part}`, but: {found:#?}");
        assert!(named.clone().all(|one| one.severity == Severity::Broken));
    }
}

#[tokio::test]
async fn every_invariant_that_a_check_can_name_is_broken_here() {
    let sources = [
        include_str!("../../src/store/sqlite/check/queries.rs"),
        include_str!("../../src/store/sqlite/check/replay.rs"),
        include_str!("../../src/store/sqlite/check/maxima.rs"),
        include_str!("../../src/store/sqlite/check/bills.rs"),
        include_str!("../../src/store/sqlite/check/lapses.rs"),
    ];
    let queries = sources[0].lines().filter_map(|line| line.trim().strip_prefix("invariant: \""));
    let named = queries.map(|rest| rest.split('"').next().unwrap());
    let unbroken: Vec<_> =
        named.filter(|name| BREAKS.iter().all(|(invariant, ..)| invariant != name)).collect();
    assert_eq!(unbroken, [""; 0]);
    for (invariant, ..) in BREAKS {
        let known = sources.iter().any(|source| source.contains(invariant));
        let elsewhere = [
            include_str!("../../src/store/sqlite/check/mod.rs"),
            include_str!("../../src/store/sqlite/check/sound.rs"),
            include_str!("../../src/store/sqlite/check/words.rs"),
            include_str!("../../src/store/sqlite/check/order.rs"),
            include_str!("../../src/store/sqlite/check/by_user.rs"),
            include_str!("../../src/store/sqlite/check/known.rs"),
        ];
        assert!(known || elsewhere.iter().any(|source| source.contains(invariant)), "{invariant}");
    }
}

/// Bytes of a page in the middle, which SQLite itself must notice.
#[tokio::test]
async fn a_damaged_file_is_named_as_such() {
    let (folder, database) = Busy::everything().await.halt().await;
    let copy = folder.path().join("copy.db");
    backup(&database.display().to_string(), &copy).await.unwrap();
    let page =
        number(&copy, "SELECT rootpage FROM sqlite_schema WHERE name = 'usage_session'").await;
    let size = number(&copy, "PRAGMA page_size").await;
    damage(&copy, ((page - 1) * size) as usize + 8);
    let url = copy.display().to_string();
    let catalogue = catalogue_file::built_in();
    let mut lines = Vec::new();
    let mut note = |finding: &Finding| lines.push(finding.to_string());
    let outcome = check(&url, &catalogue, &mut note).await;
    let is_named = lines.iter().any(|line| line.contains("SQLite finds its file in order"));
    assert!(is_named || outcome.is_err(), "{outcome:?} {lines:?}");
}

fn damage(file: &Path, offset: usize) {
    let mut bytes = std::fs::read(file).unwrap();
    bytes[offset..offset + 200].fill(0xa5);
    std::fs::write(file, bytes).unwrap();
}

#[tokio::test]
async fn types_that_the_catalogue_lost_are_a_warning_in_the_logs() {
    let (_folder, database) = Busy::everything().await.halt().await;
    let lose = "UPDATE denials SET licence = 'telex'";
    sqlx::raw_sql(lose).execute(&mut raw(&database).await).await.unwrap();
    let (found, summary) = findings(&database).await;
    assert_eq!((summary.broken, summary.warnings), (0, 1), "{found:#?}");
    assert!(found[0].to_string().starts_with("warning: denials "), "{}", found[0]);
}

#[tokio::test]
async fn a_check_takes_no_lock_and_holds_up_no_login() {
    let mut busy = Busy::everything().await;
    let mut reader = raw(&busy.broker.database).await;
    sqlx::query("BEGIN").execute(&mut reader).await.unwrap();
    let (found, _) = findings(&busy.broker.database).await;
    assert_eq!(found, []);
    busy.stay(129, "e", json!({})).await;
}

#[tokio::test]
async fn a_store_of_an_older_schema_is_refused_and_once_it_is_newer_only_what_is_known_is_judged() {
    let (_folder, database) = Busy::everything().await.halt().await;
    // Nobody knows when what is bought now was bought.
    let older = "UPDATE totals_log SET at = (SELECT max(at) FROM totals_log); \
                 ALTER TABLE organisations DROP COLUMN month; \
                 ALTER TABLE organisations DROP COLUMN month_began_at; \
                 ALTER TABLE organisations DROP COLUMN whole_from; \
                 CREATE TABLE held AS SELECT * FROM instances; DROP VIEW instances; \
                 ALTER TABLE sessions DROP COLUMN held; ALTER TABLE held RENAME TO instances; \
                 DELETE FROM _sqlx_migrations WHERE version >= 5";
    sqlx::raw_sql(older).execute(&mut raw(&database).await).await.unwrap();
    let (url, catalogue) = (database.display().to_string(), catalogue_file::built_in());
    let refused = check(&url, &catalogue, &mut |_| ()).await.expect_err("older").to_string();
    assert!(refused.contains("`serve` brings an older one up to date"), "{refused}");
    drop(SqliteStore::open(&url, catalogue).await.unwrap());
    let (found, _) = findings(&database).await;
    let judged = ["nobody becomes a holder", "a month's maximum is what"];
    let wrong =
        found.iter().filter(|one| judged.iter().any(|name| one.invariant.starts_with(name)));
    assert_eq!(wrong.count(), 0, "{found:#?}");
}
