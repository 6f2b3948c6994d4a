//! Changes that meet: entity tags, creates that race, and six hundred agents for sixty-five seats.

use crate::support::broker::TestBroker;
use crate::support::http::Api;
use crate::support::socket::Socket;
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Instant;

async fn tag_of(api: &Api, path: &str) -> String {
    let response = api.request(Method::GET, path).send().await.unwrap();
    response.headers()["etag"].to_str().unwrap().to_owned()
}

async fn change(api: &Api, method: Method, path: &str, tag: &str, body: &Value) -> (u16, String) {
    let request = api.request(method, path).header("if-match", tag);
    let request = if body.is_null() { request } else { request.json(body) };
    let response = request.send().await.unwrap();
    let tag = response.headers().get("etag").and_then(|tag| tag.to_str().ok());
    (response.status().as_u16(), tag.unwrap_or_default().to_owned())
}

#[tokio::test]
async fn whoever_changes_what_changed_meanwhile_is_told() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    operator.add_user(129, "edred", "inbound_agent", &[]).await;
    let totals = json!({"base": 1, "concurrent": 1, "contingency": 0, "fixed": 0});
    let licences = "/v1/organisations/129/licences";
    let inbound = "/v1/organisations/129/licences/inbound_agent";
    for (method, read, write, body) in [
        (Method::PATCH, "/v1/organisations/129", "/v1/organisations/129", json!({"name": "New"})),
        (
            Method::PATCH,
            "/v1/organisations/129/users/edred",
            "/v1/organisations/129/users/edred",
            json!({"name": "New"}),
        ),
        (Method::PUT, licences, inbound, totals),
    ] {
        let first = tag_of(&operator, read).await;
        assert_eq!(first, tag_of(&operator, read).await, "reading changes nothing");
        let (status, second) = change(&operator, method.clone(), write, &first, &body).await;
        assert_eq!(status, 200, "{write}");
        assert_ne!(first, second);
        assert_eq!(second, tag_of(&operator, read).await, "{write}");
        for stale in [first.as_str(), "\"\"", "W/\"1\"", "\"x\"", "7"] {
            let (status, _) = change(&operator, method.clone(), write, stale, &body).await;
            assert_eq!(status, 412, "{write} {stale}");
        }
        for good in [second.as_str(), "*"] {
            let (status, _) = change(&operator, method.clone(), write, good, &body).await;
            assert_eq!(status, 200, "{write} {good}");
        }
    }
    let user = "/v1/organisations/129/users/edred";
    assert_eq!(change(&operator, Method::DELETE, user, "\"0\"", &Value::Null).await.0, 412);
    let tag = tag_of(&operator, user).await;
    assert_eq!(change(&operator, Method::DELETE, user, &tag, &Value::Null).await.0, 204);
    operator.add_user(129, "edred", "inbound_agent", &[]).await;
    assert_eq!(change(&operator, Method::DELETE, user, &tag, &Value::Null).await.0, 412);
    let organisation = "/v1/organisations/129";
    assert_eq!(change(&operator, Method::DELETE, organisation, "\"0\"", &Value::Null).await.0, 412);
    let tag = tag_of(&operator, organisation).await;
    assert_eq!(change(&operator, Method::DELETE, organisation, &tag, &Value::Null).await.0, 204);
}

#[tokio::test]
async fn logging_in_does_not_change_what_was_bought() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    operator.buy(129, "inbound_agent", 1, 0).await;
    operator.add_user(129, "edred", "inbound_agent", &[]).await;
    let before = tag_of(&operator, "/v1/organisations/129/licences").await;
    let (_socket, _) = broker.login(129, "edred", "agent_desktop").await;
    assert_eq!(before, tag_of(&operator, "/v1/organisations/129/licences").await);
}

#[tokio::test]
async fn of_creates_that_race_one_wins_and_the_others_are_told() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    let race = async |path: &str, body: Value| {
        let calls = (0..8).map(|_| operator.call(Method::POST, path, Some(body.clone())));
        let answers = join_all(calls).await;
        let won = answers.iter().filter(|(status, _)| *status == StatusCode::CREATED).count();
        let lost = answers.iter().filter(|(status, problem)| {
            *status == StatusCode::CONFLICT && problem["type"] == "/problems/exists"
        });
        (won, lost.count())
    };
    assert_eq!(race("/v1/organisations", json!({"id": 129, "name": "Example"})).await, (1, 7));
    operator.buy_base(129).await;
    let user = json!({"user": "edred", "user_type": "inbound_agent"});
    assert_eq!(race("/v1/organisations/129/users", user).await, (1, 7));
}

#[tokio::test]
async fn an_organisation_is_deleted_once_however_many_ask() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    for _ in 0..10 {
        operator.create_organisation(129).await;
        operator.add_user(129, "edred", "inbound_agent", &[]).await;
        let path = "/v1/organisations/129";
        let answers = join_all((0..6).map(|_| operator.call(Method::DELETE, path, None))).await;
        let told: Vec<u16> = answers.iter().map(|(status, _)| status.as_u16()).collect();
        assert!(told.contains(&204), "{told:?}");
        assert!(told.iter().all(|status| [204, 404].contains(status)), "{told:?}");
        assert_eq!(operator.call(Method::GET, path, None).await.0, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn of_changes_for_the_same_version_one_is_made() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    let path = "/v1/organisations/129/licences/inbound_agent";
    let tag = tag_of(&operator, "/v1/organisations/129/licences").await;
    let bodies: Vec<Value> = (1..=8)
        .map(|total| json!({"base": 9, "concurrent": total, "contingency": 0, "fixed": 0}))
        .collect();
    let calls = bodies.iter().map(|body| change(&operator, Method::PUT, path, &tag, body));
    let made = join_all(calls).await.iter().filter(|(status, _)| *status == 200).count();
    assert_eq!(made, 1);
}

const AGENTS: usize = 600;
const SEATS: i64 = 65;
/// How often an agent tries before it gives up.
const TRIES: usize = 4;

/// What the agents tell of themselves; shares nothing with the broker.
#[derive(Default)]
struct Auditor {
    holders: AtomicI64,
    most: AtomicI64,
    grants: AtomicI64,
    is_over: AtomicBool,
}

impl Auditor {
    fn granted(&self) {
        let holders = self.holders.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(holders, Ordering::SeqCst);
        self.grants.fetch_add(1, Ordering::SeqCst);
    }

    /// To be told before the agent says goodbye: so never too many are counted.
    fn leaves(&self) {
        self.holders.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn work(broker: &TestBroker, number: usize, auditor: &Auditor) {
    let name = format!("agent{number}");
    for attempt in 0..TRIES {
        let (mut socket, answer) = broker.login(129, &name, "agent_desktop").await;
        if answer["type"] == "login_refused" {
            assert_eq!(answer["reason"], "seat_exhausted", "{answer}");
            assert_eq!(socket.closed().await.0, 4010);
            continue;
        }
        assert_eq!(answer["type"], "logged_in", "{answer}");
        auditor.granted();
        for _ in 0..5 {
            assert_eq!(socket.ask(json!({"type": "ping"})).await["type"], "pong");
        }
        auditor.leaves();
        leave(socket, number + attempt).await;
        return;
    }
}

/// By a logout, a close frame, or the end of the connection.
async fn leave(mut socket: Socket, number: usize) {
    match number % 3 {
        0 => {
            socket.log_out().await;
        }
        1 => socket.0.close(None).await.unwrap(),
        _ => socket.vanish(),
    }
}

async fn watch(operator: &Api, auditor: &Auditor) {
    while !auditor.is_over.load(Ordering::SeqCst) {
        let row = operator.licence(129, "inbound_agent").await;
        let used = |pool: &str| row[pool]["used"].as_i64().unwrap();
        assert!(used("concurrent") + used("contingency") <= SEATS, "{row}");
        assert_eq!(row["over_allocated"], 0, "{row}");
    }
}

#[tokio::test]
async fn six_hundred_agents_never_hold_more_than_sixty_five_seats() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    operator.buy(129, "inbound_agent", 50, 15).await;
    let agents = (0..AGENTS).map(|number| format!("agent{number},inbound_agent\n"));
    let file = format!("user,user_type\n{}", agents.collect::<String>());
    let request = operator.request(Method::POST, "/v1/organisations/129/users/import");
    let response = request.header("content-type", "text/csv").body(file).send().await.unwrap();
    assert_eq!(response.json::<Value>().await.unwrap()["accepted"], AGENTS);

    let auditor = Auditor::default();
    let agents = async {
        join_all((0..AGENTS).map(|number| work(&broker, number, &auditor))).await;
        auditor.is_over.store(true, Ordering::SeqCst);
    };
    tokio::join!(agents, watch(&operator, &auditor));

    let most = auditor.most.load(Ordering::SeqCst);
    assert!((1..=SEATS).contains(&most), "{most} at once");
    assert!(auditor.grants.load(Ordering::SeqCst) >= SEATS, "each seat was had");
    until_nobody_holds(&operator).await;
    // The present is shown as decided; the log follows when it is kept.
    let started = Instant::now();
    while replay(&operator, auditor.grants.load(Ordering::SeqCst)).await > 0 {
        assert!(started.elapsed() < crate::support::socket::PATIENCE, "a release is missing");
    }
}

/// The broker learns of an ended connection by itself; asking again is the waiting.
async fn until_nobody_holds(operator: &Api) {
    let started = Instant::now();
    loop {
        let row = operator.licence(129, "inbound_agent").await;
        if row["concurrent"]["used"] == 0 && row["contingency"]["used"] == 0 {
            break;
        }
        assert!(started.elapsed() < crate::support::socket::PATIENCE, "{row}");
    }
    for list in ["sessions", "holders"] {
        let list = operator.get(&format!("/v1/organisations/129/{list}")).await;
        assert_eq!(list["items"], json!([]));
    }
}

/// The log alone: never more holders than seats, nothing released that was not acquired, every grant
/// that was told of. How many instances it leaves open.
async fn replay(operator: &Api, grants: i64) -> usize {
    let mut open = HashSet::new();
    let mut acquired = 0;
    for row in operator.usage(129).await {
        let session = row["session"].as_str().unwrap().to_owned();
        if row["usage_type"] == "Acquired" {
            acquired += 1;
            assert!(open.insert(session), "{row}");
            assert!(i64::try_from(open.len()).unwrap() <= SEATS, "{row}");
        } else {
            assert!(open.remove(&session), "{row}");
        }
    }
    assert_eq!(acquired, grants);
    open.len()
}
