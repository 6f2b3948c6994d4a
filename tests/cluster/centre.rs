//! One organisation whose month is about to end, and the people who work there, on three nodes.

use crate::cluster::Cluster;
use crate::floor::Floor;
use crate::support::eventually::eventually;
use crate::support::socket::{Heard, Socket};
use chrono::{DateTime, Utc};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::Instant;

pub(crate) const ORGANISATION: u64 = 129;
/// The clocks are set so near the month's end.
const MONTHS_END_WITHIN: Duration = Duration::from_secs(50);

/// The nodes, by whose clocks the month ends soon.
pub(crate) struct Centre {
    pub(crate) cluster: Cluster,
    floor: Floor,
}

/// Somebody who is in.
pub(crate) struct Present {
    user: &'static str,
    socket: Socket,
    /// `logged_in`, or the last `resumed`.
    pub(crate) welcome: Value,
}

impl Centre {
    /// Opens it at that instant; `None` where there is no PostgreSQL, or no clock can be set.
    pub(crate) async fn open(at: &str) -> Option<Self> {
        let cluster = Cluster::three_at(at.parse().unwrap()).await?;
        let floor = Floor::of_nobody(cluster.addresses());
        Some(Self { cluster, floor })
    }

    /// `/v1/organisations/129/…`
    pub(crate) fn path(what: &str) -> String {
        format!("/v1/organisations/{ORGANISATION}/{what}")
    }

    /// Nothing contradicts itself in the database.
    pub(crate) async fn assert_kept(&self) {
        self.cluster.assert_kept().await;
    }

    /// A list of this organisation's, whole.
    pub(crate) async fn all(&self, what: &str) -> Vec<Value> {
        self.cluster.caller.all(&Self::path(what)).await
    }

    /// Changes something, expecting success.
    pub(crate) async fn change(&self, method: Method, what: &str, body: Value) -> Value {
        self.cluster.caller.send(method, &Self::path(what), &body).await
    }

    /// Makes a user active, and answers the status.
    pub(crate) async fn try_add(&self, user: &str) -> StatusCode {
        let body = json!({ "user": user, "name": user, "status": "active",
            "user_type": "inbound_agent", "features": ["agent_email"] });
        self.cluster.caller.call(Method::POST, &Self::path("users"), Some(&body)).await.0
    }

    /// The base licences of agents.
    pub(crate) async fn base(&self) -> Value {
        let rows = self.cluster.caller.get(&Self::path("licences")).await;
        let mut rows = rows["items"].as_array().unwrap().iter();
        rows.find(|row| row["licence"] == "inbound_agent").expect("a row")["base"].clone()
    }

    /// Somebody comes in at any node, and goes where the node sends them.
    pub(crate) async fn log_in(&self, user: &'static str) -> Present {
        let login =
            json!({ "type": "login", "device": "agent_desktop", "wait": true, "grace_s": 60 });
        let (socket, welcome) = self.come(self.cluster.nodes[0].address, user, login).await;
        Present { user, socket, welcome }
    }

    async fn come(&self, at: SocketAddr, user: &str, mut first: Value) -> (Socket, Value) {
        first["token"] = self.floor.token(ORGANISATION, user).into();
        let (mut node, began) = (at, Instant::now());
        loop {
            let url = format!("ws://{node}/v1/organisations/{ORGANISATION}/session");
            let (socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
            let mut socket = Socket(socket);
            socket.send(first.clone()).await;
            match socket.hear().await {
                Heard::Message(answer) => return (socket, answer),
                Heard::Closed(4002, url) => node = address(&url),
                Heard::Closed(4003, _) => {}
                other @ (Heard::Closed(..) | Heard::Ended) => panic!("{user} heard {other:?}"),
            }
            assert!(began.elapsed() < Duration::from_secs(10), "{user} is sent from node to node");
        }
    }

    /// The operator moves the organisation to another node; everybody is told where, and resumes there.
    pub(crate) async fn move_with(&self, people: &mut [Present]) {
        let from = self.cluster.owner(ORGANISATION).await;
        let to = &self.cluster.nodes[(from + 1) % self.cluster.nodes.len()];
        let endpoint = self.change(Method::POST, "move", json!({ "node": to.name })).await;
        assert_eq!((&endpoint["node"], &endpoint["url"]), (&json!(to.name), &json!(to.url())));
        assert_eq!(endpoint["organisation"], ORGANISATION);
        for person in people {
            assert_eq!(person.socket.closed().await, (4002, to.url()), "{}", person.user);
            let resume = json!({ "type": "resume", "session": person.welcome["session"],
                "resume_token": person.welcome["resume_token"] });
            let (socket, resumed) = self.come(to.address, person.user, resume).await;
            assert_eq!(resumed["type"], "resumed", "{}: {resumed}", person.user);
            for field in ["session", "granted", "waiting"] {
                assert_eq!(resumed[field], person.welcome[field], "{field} of {}", person.user);
            }
            (person.socket, person.welcome) = (socket, resumed);
        }
    }

    /// Waits until the figures of what ends then are there; everybody stays in meanwhile.
    pub(crate) async fn figures_until(&self, end: &str, people: &mut [Present]) -> Vec<Value> {
        let end: DateTime<Utc> = end.parse().unwrap();
        let is_last =
            |row: &Value| row["end"].as_str().unwrap().parse::<DateTime<Utc>>() == Ok(end);
        let mut rows = Vec::new();
        eventually(MONTHS_END_WITHIN, "the figures of what has ended", async || {
            for person in &mut *people {
                assert_eq!(person.socket.ask(json!({ "type": "ping" })).await["type"], "pong");
            }
            rows = self.all("organisation-licence-usage").await;
            rows.iter().any(is_last)
        })
        .await;
        rows
    }
}

impl Present {
    /// The next message.
    pub(crate) async fn hears(&mut self) -> Value {
        self.socket.message().await
    }

    /// Logs out.
    pub(crate) async fn leave(self) -> Value {
        self.socket.log_out().await
    }
}

fn address(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").trim_end_matches('/').parse().unwrap()
}
