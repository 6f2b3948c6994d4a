//! What a client of a whole broker sees, over HTTP on loopback.

use super::broker::{Setup, TestBroker};
use super::processor::{resident_mb, used};
use super::{report, year};
use licence_broker::auth::Role;
use licence_broker::store::Store;
use reqwest::{Client, RequestBuilder, StatusCode};
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
    let broker = TestBroker::with(Setup { database, wrap, ..Setup::default() }).await;
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
pub(super) async fn user_months(broker: &TestBroker, agents: u32) {
    let client = Client::new();
    let (mut took, mut records) = (Vec::new(), 0);
    for number in 0..TIMES {
        let user = year::name_of(number * 7_919 % agents);
        let range = "from=2025-06-01T00:00:00Z&to=2025-07-01T00:00:00Z&limit=1000";
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

/// Where the broker has these resources.
pub(super) async fn metrics_and_bill(broker: &TestBroker) {
    let client = Client::new();
    let year = "/organisation-licence-usage?from=2025-01-01T00:00:00Z&to=2026-01-01T00:00:00Z\
                &interval=1d&metrics=avg,highest,lowest&format=csv";
    for (what, path) in [("metrics of a year by day", year), ("the bill", "/billing/2025-06")] {
        let mut took = Vec::new();
        for _ in 0..TIMES {
            let begun = Instant::now();
            let answer = get(&client, broker, path).send().await.expect("an answer");
            if answer.status() == StatusCode::NOT_FOUND {
                println!("{what}: this broker has no {path}");
                break;
            }
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            assert!(!answer.text().await.expect("all of it").is_empty());
            took.push(begun.elapsed());
        }
        if !took.is_empty() {
            report(what, took);
        }
    }
}

/// The whole log as CSV for a while; the memory of the process meanwhile.
pub(super) async fn export(broker: &TestBroker, at_most: Duration) {
    let (begun, memory_before) = (Instant::now(), resident_mb());
    let (_, processor_before) = used();
    let mut answer = export_of(broker).send().await.expect("an answer");
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
    println!("export: {:.0} rows/s, {:.0} MB/s", lines as f64 / took, bytes as f64 / 1e6 / took);
    let (_, processor) = used();
    let processor = (processor - processor_before).as_secs_f64();
    println!(
        "export: {:.0} rows for a second of the broker's processor time",
        lines as f64 / processor
    );
    let (first, last) = (memory.first(), memory.last());
    println!(
        "export: {lines} rows; memory {memory_before} MB before, {first:?} after the first 100,000 \
         rows, {last:?} at the end, {:?} at most",
        memory.iter().max()
    );
}

/// A request for the whole log, as CSV.
pub(super) fn export_of(broker: &TestBroker) -> RequestBuilder {
    get(&Client::new(), broker, "/licence-usage?format=csv")
}
