//! SIGTERM with a full house: thousands of sessions, and everything else that a broker may be at.

use crate::child::{Home, Process};
use crate::support::agent::token;
use crate::support::socket::{Heard, Socket};
use crate::support::until::until_seen;
use futures_util::{StreamExt, stream};
use licence_broker::auth::Role;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const SESSIONS: usize = 2_000;
/// Of them, those that read nothing any more.
const DEAF: usize = 100;
/// Connections that have not said who they are when the drain begins, and say it then.
const LATE: usize = 50;
const LATE_FROM: usize = SESSIONS;
const DRAIN: Duration = Duration::from_secs(10);

/// Every other session asks for grace.
fn grace_s(number: usize) -> u64 {
    if number.is_multiple_of(2) { 60 } else { 0 }
}

impl Home {
    async fn people(&self, users: usize) {
        self.organisation(1, 0, u32::try_from(users).unwrap()).await;
        let line = |number: usize| {
            let user = format!("agent-{number}");
            json!({ "user": user, "name": user, "status": "active", "user_type": "inbound_agent",
                "features": ["agent_email"] })
            .to_string()
        };
        let lines = (0..users).map(line).collect::<Vec<_>>().join("\n");
        let request = self.operator.request(Method::POST, "/v1/organisations/1/users/import");
        let request = request.header("content-type", "application/x-ndjson").body(lines);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["accepted"], users, "{answer}");
    }

    async fn connect(&self, path: &str) -> Result<Socket, u16> {
        use tokio_tungstenite::tungstenite::Error;
        let url = format!("ws://{}/v1/organisations/1/{path}", self.address);
        match tokio_tungstenite::connect_async(url).await {
            Ok((socket, _)) => Ok(Socket(socket)),
            Err(Error::Http(response)) => {
                assert!(response.headers().contains_key("retry-after"), "{response:?}");
                Err(response.status().as_u16())
            }
            Err(other) => panic!("neither an upgrade nor an answer: {other}"),
        }
    }

    fn login(&self, number: usize) -> Value {
        let token = token(&self.authenticator, Role::Device, 1, &format!("agent-{number}"));
        json!({ "type": "login", "token": token, "device": "agent_desktop",
            "grace_s": grace_s(number) })
    }

    async fn come_in(&self, number: usize) -> Socket {
        let mut socket = self.connect("session").await.unwrap();
        assert_eq!(socket.ask(self.login(number)).await["type"], "logged_in");
        socket
    }

    /// A request whose answer nobody reads.
    async fn unread(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let (host, token) = (self.address, self.operator.token());
        let head = format!(
            "GET /v1/organisations/1/{path} HTTP/1.1\r\nHost: {host}\r\n\
             Authorization: Bearer {token}\r\nAccept: text/csv, text/event-stream\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }

    async fn wallboard(&self) -> Socket {
        let mut socket = self.connect("live").await.unwrap();
        let token = token(&self.authenticator, Role::Supervisor, 1, "sam");
        let snapshot = socket.ask(json!({ "type": "subscribe", "token": token })).await;
        assert_eq!(snapshot["type"], "snapshot");
        socket
    }
}

/// What somebody hears who was told that the broker stops.
async fn hear_the_end(mut socket: Socket) -> Vec<Heard> {
    let mut heard = Vec::new();
    while heard.last().is_none_or(|last| matches!(last, Heard::Message(_))) {
        heard.push(socket.hear().await);
    }
    heard
}

fn drained() -> Vec<Heard> {
    let draining = json!({ "type": "draining", "reconnect_within_s": 10 });
    vec![Heard::Message(draining), Heard::Closed(1001, "going_away".to_owned())]
}

/// Nobody new is let in from the first moment, and everybody is told when to come back.
async fn turned_away(home: &Home) {
    let url = format!("http://{}/readyz", home.address);
    let client = reqwest::Client::new();
    until_seen("a broker that is not ready", async || {
        let answer = client.get(&url).send().await.unwrap();
        (answer.status() == 503).then_some(())
    })
    .await;
    for path in ["session", "live"] {
        assert_eq!(home.connect(path).await.err(), Some(503), "{path}");
    }
    let alive = client.get(format!("http://{}/healthz", home.address)).send().await.unwrap();
    assert_eq!(alive.status(), 200);
}

#[tokio::test]
async fn a_full_house_is_drained_within_10_s_whatever_anybody_does() {
    let home = Home::new();
    let process = home.start().await;
    home.people(SESSIONS + LATE).await;
    let mut readers: Vec<Socket> =
        stream::iter(0..SESSIONS).map(|number| home.come_in(number)).buffered(64).collect().await;
    let deaf: Vec<Socket> = readers.split_off(SESSIONS - DEAF);
    let mut late = Vec::new();
    for _ in 0..LATE {
        late.push(home.connect("session").await.unwrap());
    }
    let wallboard = home.wallboard().await;
    let unread = [
        home.unread("licence-usage").await,
        home.unread("live").await,
        home.unread("sessions?limit=1000").await,
    ];

    let ends = async {
        turned_away(&home).await;
        let readers = stream::iter(readers).map(hear_the_end).buffer_unordered(SESSIONS);
        let late = stream::iter(late.into_iter().enumerate()).then(async |(number, mut socket)| {
            socket.send(home.login(LATE_FROM + number)).await;
            hear_the_end(socket).await
        });
        let wallboard = hear_the_end(wallboard);
        tokio::join!(readers.collect::<Vec<_>>(), late.collect::<Vec<_>>(), wallboard)
    };
    let ((status, took), (readers, late, wallboard)) = tokio::join!(process.terminate(), ends);
    assert_eq!(status.code(), Some(0));
    assert!(took < DRAIN, "{took:?}");
    assert!(readers.iter().all(|heard| *heard == drained()), "everybody was told, and then closed");
    for heard in &late {
        assert_eq!(*heard, [Heard::Closed(1001, "going_away".to_owned())], "no new logins");
    }
    assert_eq!(wallboard.last(), Some(&Heard::Closed(1001, "going_away".to_owned())));
    drop((deaf, unread));
    assert_settled(&home, home.start().await).await;
}

/// Sessions with grace are there, the others were released, and nothing was lost.
async fn assert_settled(home: &Home, process: Process) {
    let sessions = home.operator.all("/v1/organisations/1/sessions").await;
    assert_eq!(sessions.len(), SESSIONS / 2, "those with grace");
    assert!(sessions.iter().all(|session| session["state"] == "lingering"));
    let mut records = BTreeMap::new();
    for record in home.operator.usage(1).await {
        let key = format!("{} {}", record["usage_type"], record["reason"]).replace('"', "");
        *records.entry(key).or_insert(0) += 1;
    }
    let expected = [
        ("Acquired null".to_owned(), SESSIONS * 2),
        ("Released broker_restart".to_owned(), SESSIONS),
    ];
    assert_eq!(records, BTreeMap::from(expected));
    process.kill();
}

#[tokio::test]
async fn a_second_signal_stops_at_once_and_what_was_answered_is_kept() {
    for second in ["TERM", "INT"] {
        let home = Home::new();
        let process = home.start().await;
        home.people(2).await;
        let mut sockets = [home.come_in(0).await, home.come_in(1).await];
        process.signal("TERM");
        for socket in &mut sockets {
            assert_eq!(socket.message().await["type"], "draining");
        }
        process.signal(second);
        assert_eq!(process.ended().await.code(), Some(1), "it did not drain");
        for socket in &mut sockets {
            assert_eq!(socket.hear().await, Heard::Ended, "nobody was sent away any more");
        }
        let process = home.start().await;
        let sessions = home.operator.all("/v1/organisations/1/sessions").await;
        assert_eq!(sessions.len(), 1);
        assert_eq!(
            (&sessions[0]["user"], &sessions[0]["state"]),
            (&json!("agent-0"), &json!("lingering"))
        );
        assert_eq!(home.operator.usage(1).await.len(), 2 * 2 + 2);
        process.kill();
    }
}
