//! Live counts: snapshot, then changes in sequence; conflated; never a gap and never a backlog.

use crate::centre::{SOON, centre};
use crate::support::broker::{Setup, TestBroker};
use crate::support::raw::{PONG, Raw};
use crate::support::socket::{Heard, Socket};
use chrono::TimeDelta;
use futures_util::StreamExt;
use licence_broker::auth::Role;
use licence_broker::clock::Clock;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::timeout;

const LICENCES: &[(&str, u32, u32)] = &[("inbound_agent", 2, 1), ("agent_email", 2, 0)];
const AGENTS: &[(&str, &[&str])] = &[("a", &["agent_email"]), ("b", &[]), ("c", &[]), ("d", &[])];

impl TestBroker {
    /// Subscribes; the socket and the snapshot.
    async fn subscribe(&self) -> (Socket, Value) {
        let mut socket = self.connect(129, "live").await;
        let token = self.token(Role::Wallboard, 129, "lobby");
        let snapshot = socket.ask(json!({ "type": "subscribe", "token": token })).await;
        (socket, snapshot)
    }

    /// The event stream, as `curl` asks for it.
    async fn events(&self, token: &str) -> reqwest::Response {
        let path = self.url("/v1/organisations/129/live");
        reqwest::Client::new().get(path).bearer_auth(token).send().await.unwrap()
    }
}

/// The close frame, whatever counts come before it.
async fn close_of(socket: &mut Socket) -> (u16, String) {
    loop {
        match socket.hear().await {
            Heard::Message(_) => {}
            Heard::Closed(code, reason) => return (code, reason),
            Heard::Ended => panic!("a close frame was expected"),
        }
    }
}

/// What a wallboard shows, kept as a client keeps it.
#[derive(Debug, Default)]
struct Board {
    seq: u64,
    counts: BTreeMap<String, Value>,
    frames: usize,
    snapshots: usize,
}

impl Board {
    fn take(&mut self, frame: &Value) {
        let seq = frame["seq"].as_u64().unwrap();
        if frame["type"] == "snapshot" {
            self.counts.clear();
            self.snapshots += 1;
        } else {
            assert_eq!(frame["type"], "counts", "{frame}");
            assert_eq!(seq, self.seq + 1, "counts with seq n apply to n - 1");
        }
        self.seq = seq;
        self.frames += 1;
        for row in frame["licences"].as_array().unwrap() {
            self.counts.insert(row["licence"].as_str().unwrap().to_owned(), row.clone());
        }
    }

    fn holders(&self, licence: &str) -> u64 {
        self.counts.get(licence).map_or(0, |row| row["holders"].as_u64().unwrap())
    }

    /// Listens until so many hold the licence.
    async fn follow(&mut self, socket: &mut Socket, licence: &str, holders: u64) {
        while self.holders(licence) != holders {
            let frame = socket.message().await;
            self.take(&frame);
        }
    }
}

#[tokio::test]
async fn a_snapshot_echoes_the_id_and_has_every_field_of_every_type_that_a_login_acquires() {
    let broker = TestBroker::start().await;
    let _operator = centre(&broker, LICENCES, AGENTS).await;
    let (_device, _) = broker.login(129, "a", "agent_desktop").await;
    let (_other, _) = broker.login(129, "a", "deskphone").await;
    let mut socket = broker.connect(129, "live").await;
    let token = broker.token(Role::Supervisor, 129, "susan");
    let snapshot = socket.ask(json!({ "type": "subscribe", "id": 1, "token": token })).await;
    assert_eq!((&snapshot["type"], &snapshot["id"]), (&json!("snapshot"), &json!(1)));
    assert!(snapshot["seq"].is_u64() && snapshot["at"].as_str().unwrap().ends_with('Z'));
    let rows = snapshot["licences"].as_array().unwrap();
    let row = rows.iter().find(|row| row["licence"] == "inbound_agent").unwrap();
    assert_eq!(
        row.as_object().unwrap().keys().collect::<Vec<_>>().len(),
        7,
        "licence, holders, instances, concurrent, contingency, waiting, denied_today: {row}"
    );
    assert_eq!(row["contingency"].as_object().unwrap().len(), 4);
    assert!(rows.iter().any(|row| row["licence"] == "agent_sms"), "a type without any use too");
    assert!(!rows.iter().any(|row| row["licence"] == "view"), "nothing that no login acquires");
}

#[tokio::test]
async fn counts_follow_the_snapshot_in_sequence_and_tell_only_what_changed() {
    let broker = TestBroker::start().await;
    let operator = centre(&broker, LICENCES, AGENTS).await;
    let (mut socket, snapshot) = broker.subscribe().await;
    let mut board = Board::default();
    board.take(&snapshot);
    // What the set-up has changed is out when this is.
    operator.buy(129, "agent_sms", 9, 0).await;
    while board.counts["agent_sms"]["concurrent"]["total"] != 9 {
        board.take(&socket.message().await);
    }
    let (device, _) = broker.login(129, "b", "agent_desktop").await;
    let frame = socket.message().await;
    board.take(&frame);
    let changed: Vec<&Value> =
        frame["licences"].as_array().unwrap().iter().map(|row| &row["licence"]).collect();
    assert_eq!(changed, ["inbound_agent"]);
    assert_eq!(
        frame["licences"][0],
        json!({
            "licence": "inbound_agent", "holders": 1, "instances": 1,
            "concurrent": { "total": 2, "used": 1, "available": 1 },
            "contingency": { "total": 1, "used": 0, "max_used": 0, "available": 1 },
            "waiting": 0, "denied_today": 0,
        })
    );
    device.log_out().await;
    board.follow(&mut socket, "inbound_agent", 0).await;
    operator.buy(129, "agent_email", 7, 0).await;
    let frame = socket.message().await;
    assert_eq!(
        frame["licences"][0]["concurrent"]["total"], 7,
        "what was bought is a change: {frame}"
    );
}

#[tokio::test]
async fn a_burst_of_logins_is_conflated_into_few_frames() {
    let broker = TestBroker::start().await;
    let operator = centre(&broker, &[("inbound_agent", 200, 0)], &[]).await;
    for user in 0..200 {
        operator.add_user(129, &format!("u{user}"), "inbound_agent", &[]).await;
    }
    let (mut socket, snapshot) = broker.subscribe().await;
    let mut board = Board::default();
    board.take(&snapshot);
    let started = std::time::Instant::now();
    let logins =
        (0..200).map(async |user| broker.login(129, &format!("u{user}"), "agent_desktop").await);
    let following = board.follow(&mut socket, "inbound_agent", 200);
    let (devices, ()) = tokio::join!(futures_util::future::join_all(logins), following);
    let most = usize::try_from(started.elapsed().as_millis() / 100).unwrap() + 3;
    assert!(board.frames <= most, "{} frames, at most {most}", board.frames);
    assert_eq!(devices.len(), 200);
}

/// Reads on until the counts are there; how many frames came, and whether one was a snapshot.
async fn catch_up(raw: &mut Raw, board: &mut Board, holders: u64) {
    timeout(SOON, async {
        while board.holders("inbound_agent") != holders {
            let frame = raw.message().await;
            board.take(&frame);
        }
    })
    .await
    .expect("the counts in time");
}

/// A wallboard whose window is shut: what it missed comes as one snapshot. The broker keeps no more for
/// it than a bound, whatever the kernel would take.
#[tokio::test]
async fn a_subscriber_that_fell_behind_is_sent_a_snapshot_and_no_backlog() {
    let broker = TestBroker::start().await;
    let operator = centre(&broker, &[("inbound_agent", 200, 0)], &[("a", &[])]).await;
    let mut raw = broker.raw_with(129, "live", Some(2_048)).await;
    let token = broker.token(Role::Wallboard, 129, "lobby");
    raw.text(&json!({ "type": "subscribe", "token": token }).to_string()).await;
    let mut board = Board::default();
    board.take(&raw.message().await);
    let first = board.seq;
    // A watcher that reads tells when each change has gone out.
    let (mut watcher, snapshot) = broker.subscribe().await;
    let mut watched = Board::default();
    watched.take(&snapshot);
    for total in 1..=70 {
        for licence in ["inbound_agent", "agent_email", "agent_calls", "agent_sms", "recording"] {
            operator.buy(129, licence, 200 + total, total).await;
        }
        let frame = watcher.message().await;
        watched.take(&frame);
    }
    let (_device, _) = broker.login(129, "a", "agent_desktop").await;
    watched.follow(&mut watcher, "inbound_agent", 1).await;
    raw.frame(PONG, b"").await;
    catch_up(&mut raw, &mut board, 1).await;
    let passed = usize::try_from(watched.seq - first).unwrap();
    assert!(board.snapshots >= 2, "{} frames, no further snapshot", board.frames);
    assert!(board.frames < passed / 2, "{} frames of {passed}: a backlog", board.frames);
}

#[tokio::test]
async fn three_hundred_subscribers_are_all_told_the_same() {
    let broker = TestBroker::start().await;
    let _operator = centre(&broker, LICENCES, AGENTS).await;
    let subscribers = (0..300).map(async |_| broker.subscribe().await);
    let subscribers = futures_util::future::join_all(subscribers).await;
    let mut devices = Vec::new();
    for (user, _) in AGENTS.iter().take(3) {
        devices.push(broker.login(129, user, "agent_desktop").await.0);
    }
    let boards = subscribers.into_iter().map(async |(mut socket, snapshot)| {
        let mut board = Board::default();
        board.take(&snapshot);
        board.follow(&mut socket, "inbound_agent", 3).await;
        board.counts
    });
    let boards = futures_util::future::join_all(boards).await;
    assert!(boards.iter().all(|counts| *counts == boards[0]));
    assert_eq!(boards[0]["inbound_agent"]["contingency"]["used"], 1);
}

#[tokio::test]
async fn a_subscriber_may_ping_and_refresh_and_nothing_else() {
    let broker = TestBroker::start().await;
    let _operator = centre(&broker, LICENCES, AGENTS).await;
    let (mut socket, _) = broker.subscribe().await;
    assert_eq!(
        socket.ask(json!({ "type": "ping", "id": 1 })).await,
        json!({ "type": "pong", "id": 1 })
    );
    let fresh = broker.token(Role::Wallboard, 129, "lobby");
    let answer = socket.ask(json!({ "type": "refresh", "id": 2, "token": fresh })).await;
    assert_eq!((&answer["type"], &answer["id"]), (&json!("refreshed"), &json!(2)));
    for kind in ["login", "acquire", "release", "subscribe", "dance"] {
        let message = json!({ "type": kind, "id": 3, "device": "deskphone", "channels": [] });
        let answer = socket.ask(message).await;
        assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!("unknown_type")));
    }
    let other = broker.token(Role::Supervisor, 129, "lobby");
    socket.send(json!({ "type": "refresh", "token": other })).await;
    assert_eq!(socket.closed().await.0, 4502);
}

#[tokio::test]
async fn a_wallboard_ends_with_its_token_and_with_its_organisation() {
    let broker = TestBroker::start().await;
    let operator = centre(&broker, LICENCES, AGENTS).await;
    let (mut removed, _) = broker.subscribe().await;
    let short = broker.token_for(Role::Wallboard, 129, "lobby", TimeDelta::seconds(2));
    let mut expiring = broker.connect(129, "live").await;
    expiring.ask(json!({ "type": "subscribe", "token": short })).await;
    let events = broker.events(&short).await;
    assert_eq!(close_of(&mut expiring).await, (4506, "token_expired".to_owned()));
    timeout(SOON, events.bytes()).await.expect("the event stream ends too").unwrap();
    operator.send(Method::DELETE, "/v1/organisations/129", Value::Null).await;
    assert_eq!(close_of(&mut removed).await.0, 4505);
}

#[tokio::test]
async fn an_event_stream_ends_with_its_token_though_nothing_happens() {
    let broker = TestBroker::start().await;
    let _operator = centre(&broker, LICENCES, AGENTS).await;
    let short = broker.token_for(Role::Wallboard, 129, "lobby", TimeDelta::seconds(2));
    let events = broker.events(&short).await;
    timeout(Duration::from_secs(2 + 5), events.bytes()).await.expect("the leeway is 5 s").unwrap();
}

#[tokio::test]
async fn the_event_stream_is_the_same_counts_as_named_events() {
    let broker = TestBroker::start().await;
    let _operator = centre(&broker, LICENCES, AGENTS).await;
    let nobody = reqwest::get(broker.url("/v1/organisations/129/live")).await.unwrap();
    assert_eq!(nobody.status(), 401);
    let device = broker.token(Role::Device, 129, "a");
    assert_eq!(broker.events(&device).await.status(), 403);
    let response = broker.events(&broker.token(Role::Wallboard, 129, "lobby")).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut stream = response.bytes_stream();
    let mut text = String::new();
    let mut board = Board::default();
    let mut devices = Vec::new();
    while board.holders("inbound_agent") != 1 {
        let chunk = timeout(SOON, stream.next()).await.expect("an event").unwrap().unwrap();
        text.push_str(std::str::from_utf8(&chunk).unwrap());
        while let Some((event, rest)) = text.split_once("\n\n") {
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
            let frame: Value = serde_json::from_str(field("data: ").unwrap()).unwrap();
            assert_eq!(frame["type"], field("event: ").unwrap());
            assert_eq!(frame["seq"].to_string(), field("id: ").unwrap());
            board.take(&frame);
            text = rest.to_owned();
        }
        if devices.is_empty() {
            devices.push(broker.login(129, "a", "agent_desktop").await);
        }
    }
}

/// The clock of a broker whose intervals a test closes by hand.
async fn broker_at_noon() -> (TestBroker, Clock) {
    let clock = Clock::manual("2026-03-06T12:00:00Z".parse().unwrap());
    let setup = Setup { clock: clock.clone(), ..Setup::default() };
    (TestBroker::with(setup).await, clock)
}

async fn next_interval(broker: &TestBroker, clock: &Clock) {
    clock.advance(Duration::from_secs(300));
    broker.inside.directory.tick().await;
}

async fn hear_of_type(socket: &mut Socket, wanted: &str) -> Value {
    loop {
        match socket.hear().await {
            Heard::Message(frame) if frame["type"] == wanted => return frame,
            Heard::Message(_) => {}
            Heard::Closed(code, reason) => panic!("closed {code} {reason}"),
            Heard::Ended => panic!("the connection ended"),
        }
    }
}

#[tokio::test]
async fn an_analytics_wallboard_is_sent_the_five_minute_figures_and_nothing_else() {
    let (broker, clock) = broker_at_noon().await;
    let operator = centre(&broker, LICENCES, AGENTS).await;
    let maximum = json!({ "maximum": 2 });
    operator.send(Method::PUT, "/v1/organisations/129/licence-metrics/wallboard", maximum).await;
    let lobby = json!({ "id": "lobby", "name": "Lobby", "user": "a" });
    operator.send(Method::POST, "/v1/organisations/129/wallboards", lobby).await;
    let mut early = broker.connect(129, "live").await;
    let token = broker.token(Role::Wallboard, 129, "lobby");
    early.send(json!({ "type": "subscribe", "id": 7, "token": token })).await;
    assert_eq!(early.ask(json!({ "type": "ping", "id": 8 })).await["type"], "pong");
    next_interval(&broker, &clock).await;
    assert_eq!(early.message().await["id"], 7, "the first figures answer the request");
    let (_agent, _) = broker.login(129, "a", "agent_desktop").await;

    let (mut socket, first) = broker.subscribe().await;
    let row = |licence, concurrent| json!({ "licence": licence, "concurrent": concurrent, "contingency": 0 });
    assert_eq!(
        first,
        json!({ "type": "interval", "start": "2026-03-06T12:00:00.000Z",
            "end": "2026-03-06T12:05:00.000Z",
            "licences": [row("inbound_agent", 0), row("agent_email", 0)] })
    );
    let connected = operator.get("/v1/organisations/129/wallboards").await;
    assert_eq!(connected["items"][0]["connected"], true);
    let (_other, _) = broker.login(129, "b", "agent_desktop").await;
    next_interval(&broker, &clock).await;
    let second = socket.message().await;
    assert_eq!(
        (&second["type"], &second["start"]),
        (&json!("interval"), &json!("2026-03-06T12:05:00.000Z"))
    );
    assert_eq!(second["licences"], json!([row("inbound_agent", 2), row("agent_email", 1)]));

    // Its user gets the licence that makes it live: from now on everything.
    let live = json!({ "features": ["agent_email", "contact_centre_supervisor"] });
    operator.send(Method::PATCH, "/v1/organisations/129/users/a", live).await;
    let mut board = Board::default();
    board.take(&hear_of_type(&mut socket, "snapshot").await);
    while board.counts["inbound_agent"]["holders"] != 2 {
        board.take(&hear_of_type(&mut socket, "counts").await);
    }
    let (status, _) =
        operator.call(Method::DELETE, "/v1/organisations/129/wallboards/lobby", None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(close_of(&mut socket).await, (4503, "forbidden".to_owned()));
}

#[tokio::test]
async fn people_are_sent_the_five_minute_figures_beside_the_counts() {
    let (broker, clock) = broker_at_noon().await;
    centre(&broker, LICENCES, AGENTS).await;
    let (mut socket, snapshot) = broker.subscribe().await;
    assert_eq!(snapshot["type"], "snapshot");
    next_interval(&broker, &clock).await;
    let frame = hear_of_type(&mut socket, "interval").await;
    assert_eq!(frame["end"], "2026-03-06T12:05:00.000Z");
    let token = broker.token(Role::Supervisor, 129, "sup");
    let mut events = broker.events(&token).await.bytes_stream();
    let first = timeout(SOON, events.next()).await.unwrap().unwrap().unwrap();
    assert!(first.starts_with(b"event: snapshot\nid: "), "{first:?}");
    next_interval(&broker, &clock).await;
    let mut heard = String::new();
    while !heard.contains("event: interval\ndata: {\"type\":\"interval\"") {
        let event = timeout(SOON, events.next()).await.unwrap().unwrap().unwrap();
        heard.push_str(std::str::from_utf8(&event).unwrap());
    }
}
