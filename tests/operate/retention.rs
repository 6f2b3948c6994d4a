//! What need not be kept any longer is forgotten, and nothing else.

use crate::busy::{Busy, an_hour_before_the_turn, findings, number};
use crate::support::until::until_seen;
use chrono::TimeDelta;
use licence_broker::catalogue_file;
use licence_broker::store::Store;
use licence_broker::store::sqlite::SqliteStore;
use serde_json::json;
use std::path::Path;

const USAGE: &str = "SELECT count(*) FROM usage";
const KEPT: &[&str] = &[
    "SELECT count(*) FROM bill_lines",
    "SELECT count(*) FROM maxima",
    "SELECT count(*) FROM maximum_sessions",
    "SELECT count(*) FROM totals_log",
    "SELECT count(*) FROM base_units",
    "SELECT count(*) FROM base_log",
];

async fn counts(database: &Path, statements: &[&'static str]) -> Vec<i64> {
    let mut counts = Vec::new();
    for statement in statements {
        counts.push(number(database, statement).await);
    }
    counts
}

#[tokio::test]
async fn old_records_go_a_few_at_a_time_and_what_stays_still_holds_together() {
    let busy = Busy::everything().await;
    let before = busy.clock.now().at;
    let (_folder, database) = busy.halt().await;
    let kept = counts(&database, KEPT).await;
    let open = "SELECT count(*) FROM usage WHERE session IN (SELECT session FROM sessions)";
    let (all, of_open) = (number(&database, USAGE).await, number(&database, open).await);
    let url = database.display().to_string();
    let store = SqliteStore::open(&url, catalogue_file::built_in()).await.unwrap();
    let mut rounds = 0;
    loop {
        let left = number(&database, USAGE).await;
        let gone = store.prune(before, 3).await.unwrap();
        let now = number(&database, USAGE).await;
        assert!(left - now <= 2 * 3, "no more than three of each organisation at a time");
        assert_eq!(findings(&database).await.0, [], "in the middle of it, too");
        if gone == 0 {
            break;
        }
        rounds += 1;
    }
    assert!(rounds > 2, "{rounds}");
    let left = number(&database, USAGE).await;
    assert!(left < all && left >= of_open, "{left} of {all}, {of_open} of open sessions");
    assert_eq!(number(&database, open).await, of_open, "records of open sessions stay");
    assert_eq!(counts(&database, KEPT).await, kept);
}

#[tokio::test]
async fn nothing_goes_of_a_month_that_is_not_closed() {
    let mut busy = Busy::start(an_hour_before_the_turn()).await;
    busy.set_up().await;
    busy.work().await;
    let later = busy.clock.now().at + TimeDelta::days(400);
    let (_folder, database) = busy.halt().await;
    let all = number(&database, USAGE).await;
    let url = database.display().to_string();
    let store = SqliteStore::open(&url, catalogue_file::built_in()).await.unwrap();
    assert_eq!(store.prune(later, 1_000).await.unwrap(), 0);
    assert_eq!(number(&database, USAGE).await, all);
}

#[tokio::test]
async fn a_broker_that_is_told_so_forgets_by_itself_and_counts_it() {
    let busy = Busy::everything().await;
    let clock = busy.clock.clone();
    let (folder, database) = busy.halt().await;
    clock.advance(TimeDelta::days(100).to_std().unwrap());
    let mut again = Busy::with(folder, clock.clone(), Some(TimeDelta::days(93))).await;
    // The first record of the new month closes the one before.
    again.stay(129, "a", json!({})).await;
    let (folder, _) = again.halt().await;
    let again = Busy::with(folder, clock, Some(TimeDelta::days(93))).await;
    until_seen("old records that are gone", async || {
        let sql = "SELECT count(*) FROM usage WHERE at < (SELECT max(whole_from) FROM organisations) \
                   AND session NOT IN (SELECT session FROM sessions)";
        let whole = number(&database, "SELECT max(whole_from) FROM organisations").await;
        (whole > 0 && number(&database, sql).await == 0).then_some(())
    })
    .await;
    let metrics = reqwest::get(again.broker.url("/metrics")).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("licence_broker_pruned_records_total "), "{metrics}");
    assert_eq!(findings(&database).await.0, []);
}
