//! What a client of a whole broker sees, over HTTP on loopback.

use super::broker::{Setup, TestBroker};
use super::processor::{resident_mb, used};
use super::{report, year};
use chrono_tz::Tz;
use licence_broker::auth::Role;
use licence_broker::clock::Clock;
use licence_broker::store::Store;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::Value;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const TIMES: u32 = 21;

/// A broker on the database, and the store that it uses.
pub(super) async fn start(path: &Path) -> (TestBroker, Arc<dyn Store>) {
    let kept = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&kept);
    let wrap = Box::new(move |store: Arc<dyn Store>| {
        *keep.lock().expect("nobody panics with it") = Some(store.clone());
        store
    });
    let database = Some(path.to_owned());
    // The first month after the year is under way.
    let clock = Clock::manual("2026-01-01T00:10:00Z".parse().expect("an instant"));
    let broker = TestBroker::with(Setup { clock, database, wrap, ..Setup::default() }).await;
    let store = kept.lock().expect("nobody panics with it").take();
    (broker, store.expect("a broker has one"))
}

/// Brings the index by user up to the end of the log, if it is not; commits wait for each step.
pub(super) async fn catch_up(store: &dyn Store) {
    let mut took = Vec::new();
    loop {
        let begun = Instant::now();
        let is_more = store.upkeep().await.expect("kept up");
        took.push(begun.elapsed());
        if !is_more {
            break;
        }
    }
    report("a step of upkeep", took);
}

fn get(client: &Client, broker: &TestBroker, path: &str) -> RequestBuilder {
    let url = broker.url(&format!("/v1/organisations/{}{path}", year::ORGANISATION));
    client.get(url).bearer_auth(broker.token(Role::Admin, year::ORGANISATION, "anna"))
}

/// `GET …/licence-usage?user=…&from=…&to=…`, of another user each time.
pub(super) async fn user_months(broker: &TestBroker, agents: u32, month: &str) {
    let client = Client::new();
    let (mut took, mut records) = (Vec::new(), 0);
    for number in 0..TIMES {
        let user = year::name_of(number * 7_919 % agents);
        let range = format!("from={month}-01T00:00:00Z&to={month}-30T23:59:59Z&limit=1000");
        let begun = Instant::now();
        let path = format!("/licence-usage?user={user}&{range}");
        let answer = get(&client, broker, &path).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        let text = answer.text().await.expect("all of it");
        took.push(begun.elapsed());
        records += text.matches("logged_at").count();
    }
    println!("records of a user's month: {} on average", records / TIMES as usize);
    report("a user's month", took);
}

/// Puts the clocks of the organisation into another zone, as nothing but a benchmark would.
pub(super) fn move_to(path: &Path, zone: Tz) {
    let text = "UPDATE organisations SET time_zone = ? WHERE number = ?";
    let values = rusqlite::params![zone.name(), year::ORGANISATION.cast_signed()];
    assert_eq!(super::open(path).execute(text, values).expect("changed"), 1);
}

/// A year's metrics by day, of all types: as CSV in one answer, and as JSON page by page.
pub(super) async fn metrics(broker: &TestBroker, zone: Tz) {
    let client = Client::new();
    for (interval, times) in [("1d", TIMES), ("1h", 3)] {
        let path = format!(
            "/organisation-licence-usage?from=2025-01-01T00:00:00Z&to=2026-01-01T00:00:00Z\
             &interval={interval}&metrics=avg,highest,lowest"
        );
        let what = format!("metrics of a year by {interval} in {zone}");
        let csv = format!("{path}&format=csv");
        answers(&format!("{what}, CSV"), times, &client, broker, &csv).await;
        if interval == "1d" {
            let mut took = Vec::new();
            for _ in 0..TIMES {
                let begun = Instant::now();
                let rows = paged(&client, broker, &path).await;
                took.push(begun.elapsed());
                assert!(rows > 365, "several types");
            }
            report(&format!("{what}, JSON by pages of 1,000"), took);
        }
    }
}

/// Reads all pages; how many items they have.
async fn paged(client: &Client, broker: &TestBroker, path: &str) -> usize {
    let (mut items, mut cursor) = (0, String::new());
    loop {
        let page = get(client, broker, &format!("{path}&limit=1000{cursor}"));
        let page: Value = page.send().await.expect("an answer").json().await.expect("JSON");
        items += page["items"].as_array().expect("a list").len();
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

/// The bill of a closed month and of the one under way, what makes one line, and advice.
pub(super) async fn bills(broker: &TestBroker, month: &str) {
    let client = Client::new();
    let path = format!("/billing/{month}");
    let text = answers("the bill of a closed month", TIMES, &client, broker, &path).await;
    let bill: Value = serde_json::from_str(&text).expect("JSON");
    let mut lines = bill["lines"].as_array().expect("lines").iter();
    let line = lines.find(|line| line["contingency_max_used"] != 0).expect("a line with maximum");
    let line = format!("{path}/{}", line["licence"].as_str().expect("a type"));
    answers("what makes one line of it", TIMES, &client, broker, &line).await;
    answers("the bill of the open month", TIMES, &client, broker, "/billing/2026-01").await;
    let advice = "/advice?from=2025-02-01T00:00:00Z&to=2026-01-01T00:00:00Z";
    answers("advice over eleven months", 5, &client, broker, advice).await;
}

/// Asks several times; the last answer.
async fn answers(
    what: &str,
    times: u32,
    client: &Client,
    broker: &TestBroker,
    path: &str,
) -> String {
    let (mut took, mut text) = (Vec::new(), String::new());
    for _ in 0..times {
        let begun = Instant::now();
        let answer = get(client, broker, path).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        text = answer.text().await.expect("all of it");
        took.push(begun.elapsed());
        assert!(!text.is_empty());
    }
    report(what, took);
    text
}

/// All of a list as CSV, for a while; the memory of the process meanwhile.
pub(super) async fn export(broker: &TestBroker, list: &str, at_most: Duration) {
    let (begun, memory_before) = (Instant::now(), resident_mb());
    let (_, processor_before) = used();
    let mut answer = export_of(broker, list).send().await.expect("an answer");
    let (mut lines, mut bytes, mut memory) = (0, 0, Vec::new());
    while let Some(chunk) = answer.chunk().await.expect("more of it") {
        lines += chunk.iter().filter(|byte| **byte == b'\n').count();
        bytes += chunk.len();
        if memory.len() < lines / 100_000 {
            memory.push(resident_mb());
        }
        if begun.elapsed() > at_most {
            break;
        }
    }
    let took = begun.elapsed().as_secs_f64();
    println!(
        "export of {list}: {:.0} rows/s, {:.0} MB/s",
        lines as f64 / took,
        bytes as f64 / 1e6 / took
    );
    let (_, processor) = used();
    let processor = (processor - processor_before).as_secs_f64();
    println!(
        "export of {list}: {:.0} rows for a second of the broker's processor time",
        lines as f64 / processor
    );
    let (first, last) = (memory.first(), memory.last());
    println!(
        "export of {list}: {lines} rows; memory {memory_before} MB before, {first:?} after the first 100,000 \
         rows, {last:?} at the end, {:?} at most",
        memory.iter().max()
    );
}

/// A request for a whole list, as CSV.
pub(super) fn export_of(broker: &TestBroker, list: &str) -> RequestBuilder {
    get(&Client::new(), broker, &format!("/{list}?format=csv"))
}
