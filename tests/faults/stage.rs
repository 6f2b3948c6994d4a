//! A broker over a store that fails when it is told to, and what the tests look at.

use crate::support::audit::{Ledger, held_by_sessions};
use crate::support::broker::{Setup, TestBroker};
use crate::support::faulty_store::FaultyStore;
use crate::support::http::Api;
use crate::support::socket::{Heard, Socket};
use crate::support::until::until_seen;
use futures_util::{FutureExt, StreamExt};
use licence_broker::domain::ids::OrganisationId;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};

/// Types that every organisation here buys.
const LICENCES: [&str; 4] = ["inbound_agent", "agent_email", "agent_sms", "agent_calls"];

pub struct Stage {
    pub broker: TestBroker,
    pub store: Arc<FaultyStore>,
    pub operator: Api,
}

impl Stage {
    pub async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    /// A broker on a database that is there already, over a store that was told something before.
    pub async fn again(setup: Setup, tell: fn(&FaultyStore)) -> Self {
        let (sender, receiver) = mpsc::channel();
        let wrap = Box::new(move |inner| {
            let store = FaultyStore::new(inner);
            tell(&store);
            sender.send(store.clone()).unwrap();
            store as Arc<_>
        });
        let broker = TestBroker::with(Setup { wrap, ..setup }).await;
        let operator = broker.operator();
        Self { broker, store: receiver.recv().unwrap(), operator }
    }

    pub async fn with(setup: Setup) -> Self {
        Self::again(setup, |_| ()).await
    }

    /// An organisation that bought so many of each type, with agents `agent-0` and on.
    pub async fn organisation(&self, id: u64, users: usize, bought: u32) {
        self.operator.create_organisation(id).await;
        for licence in LICENCES {
            self.operator.buy(id, licence, bought, 0).await;
        }
        let lines: String = (0..users)
            .map(|number| {
                let user = json!({
                    "user": agent(number), "name": agent(number), "status": "active",
                    "user_type": "inbound_agent",
                    "features": ["agent_email", "agent_sms", "agent_calls"],
                });
                format!("{user}\n")
            })
            .collect();
        let path = format!("/v1/organisations/{id}/users/import");
        let request = self.operator.request(Method::POST, &path);
        let request = request.header("content-type", "application/x-ndjson").body(lines);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["accepted"], users, "{answer}");
    }

    /// Connects and sends the login of an agent's desktop; does not wait for the answer.
    pub async fn begin_login(&self, id: u64, number: usize, fields: Value) -> Socket {
        use licence_broker::auth::Role;
        let mut socket = self.broker.connect(id, "session").await;
        let token = self.broker.token(Role::Device, id, &agent(number));
        let mut login = json!({ "type": "login", "token": token, "device": "agent_desktop" });
        for (name, value) in fields.as_object().unwrap() {
            login[name] = value.clone();
        }
        socket.send(login).await;
        socket
    }

    /// Logs an agent's desktop in.
    pub async fn log_in(&self, id: u64, number: usize, fields: Value) -> (Socket, Value) {
        let mut socket = self.begin_login(id, number, fields).await;
        let answer = socket.message().await;
        assert_eq!(answer["type"], "logged_in", "{answer}");
        (socket, answer)
    }

    /// Logs in as a client does whose broker is not itself: again until it comes through.
    pub async fn log_in_at_last(&self, id: u64, number: usize) -> Socket {
        until_seen("a login", async || {
            let mut socket = self.begin_login(id, number, json!({})).await;
            match socket.hear().await {
                Heard::Message(answer) if answer["type"] == "logged_in" => Some(socket),
                Heard::Closed(4003, _) => None,
                other @ (Heard::Message(_) | Heard::Closed(..) | Heard::Ended) => {
                    panic!("neither logged in nor told to come again: {other:?}")
                }
            }
        })
        .await
    }

    /// Sessions that are decided, durable or not; `None` while nobody can say.
    pub async fn decided(&self, id: u64) -> Option<usize> {
        let id = OrganisationId::new(id).unwrap();
        let directory = &self.broker.inside.directory;
        directory.peek(id, |organisation| organisation.sessions(None, usize::MAX).len()).await.ok()
    }

    /// Waits until so many sessions are decided.
    pub async fn decided_are(&self, id: u64, sessions: usize) {
        until_seen("decisions", async || (self.decided(id).await == Some(sessions)).then_some(()))
            .await;
    }

    /// The log, replayed; fails where it contradicts itself or what was bought.
    pub async fn ledger(&self, id: u64, bought: usize) -> Ledger {
        let bought: BTreeMap<&str, usize> = LICENCES.map(|licence| (licence, bought)).into();
        Ledger::replay(&self.operator.usage(id).await, &bought)
    }

    /// The log must come to what the open sessions hold.
    pub async fn audit(&self, id: u64, bought: usize) -> Ledger {
        let ledger = self.ledger(id, bought).await;
        let sessions = self.operator.all(&format!("/v1/organisations/{id}/sessions")).await;
        assert_eq!(ledger.open(), held_by_sessions(&sessions), "log and sessions differ");
        ledger
    }

    /// `user licence reason` of every release, in order.
    pub async fn releases(&self, id: u64) -> Vec<String> {
        let word = |record: &Value, field: &str| record[field].as_str().unwrap().to_owned();
        let usage = self.operator.usage(id).await;
        let released = usage.iter().filter(|record| record["usage_type"] == "Released");
        released
            .map(|record| ["user", "licence", "reason"].map(|field| word(record, field)).join(" "))
            .collect()
    }

    /// Waits until so many records of releases are there, and gives them.
    pub async fn released(&self, id: u64, count: usize) -> Vec<String> {
        until_seen("releases", async || {
            let releases = self.releases(id).await;
            (releases.len() >= count).then_some(releases)
        })
        .await
    }

    /// How many of a type are in use, as administrators see it.
    pub async fn used(&self, id: u64, licence: &str) -> Value {
        self.operator.licence(id, licence).await["concurrent"]["used"].clone()
    }
}

/// The login name of an agent.
pub fn agent(number: usize) -> String {
    format!("agent-{number}")
}

/// The session of a `logged_in`.
pub fn session(answer: &Value) -> &str {
    answer["session"].as_str().unwrap()
}

/// Nothing has come in so far.
pub fn is_silent(socket: &mut Socket) -> bool {
    socket.0.next().now_or_never().is_none()
}

/// The connection is there, and its session serves what changes licences.
pub async fn works(socket: &mut Socket) {
    assert_eq!(socket.ask(json!({ "type": "ping" })).await["type"], "pong");
    let answer = socket.ask(json!({ "type": "acquire", "channels": ["agent_email"] })).await;
    assert_eq!(answer["type"], "acquired", "{answer}");
    assert_eq!(answer["granted"][0]["licence"], "agent_email", "{answer}");
}
