//! A broker that lives by a clock that is set, and the people who work there.

use crate::hand::{Hand, library};
use crate::support::broker::SECRET;
use crate::support::http::Api;
use crate::support::socket::Socket;
use crate::support::until::until_seen;
use chrono::{DateTime, TimeDelta, Utc};
use licence_broker::auth::{Authenticator, Claims, Role};
use licence_broker::domain::ids::OrganisationId;
use reqwest::Method;
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use tempfile::TempDir;

pub const ORGANISATION: u64 = 129;

/// The process, killed when this is dropped.
pub struct Office {
    pub api: Api,
    address: SocketAddr,
    authenticator: Authenticator,
    child: Child,
    hand: Hand,
    folder: TempDir,
    library: PathBuf,
}

impl Office {
    /// Opens it, where its clock shows `now`; `None` where clocks cannot be set. It has two seats.
    pub async fn open(zone: &str, now: &str) -> Option<Self> {
        let library = library()?;
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("secret"), SECRET).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let hand = Hand::at(folder.path(), instant(now));
        let authenticator = Authenticator::with_secret(SECRET);
        let token = token(&authenticator, Role::Operator, "operator");
        let api = Api::new(format!("http://{address}"), &token);
        let child = start(folder.path(), address, &hand, &library).await;
        let office = Self { api, address, authenticator, child, hand, folder, library };
        office.set_up(zone).await;
        Some(office)
    }

    /// Kills the process, sets the clock, and starts it again.
    pub async fn crash_and_come_back(&mut self, now: &str) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.set(now);
        self.child = start(self.folder.path(), self.address, &self.hand, &self.library).await;
    }

    async fn set_up(&self, zone: &str) {
        let body = json!({ "id": ORGANISATION, "name": "Night shift", "time_zone": zone });
        self.api.send(Method::POST, "/v1/organisations", body).await;
        self.api.buy(ORGANISATION, "inbound_agent", 1, 1).await;
        for user in ["ann", "bob", "cid"] {
            self.api.add_user(ORGANISATION, user, "inbound_agent", &[]).await;
        }
    }

    /// Sets the clock.
    pub fn set(&self, now: &str) {
        self.hand.set(instant(now));
    }

    /// Somebody comes in; the answer, whatever it is.
    pub async fn log_in(&self, user: &str) -> (Socket, Value) {
        self.ask_first(user, json!({ "type": "login", "device": "agent_desktop", "grace_s": 60 }))
            .await
    }

    /// Somebody connects and says this, with a token; the answer, whatever it is.
    pub async fn ask_first(&self, user: &str, mut message: Value) -> (Socket, Value) {
        let url = format!("ws://{}/v1/organisations/{ORGANISATION}/session", self.address);
        let (socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        let mut socket = Socket(socket);
        message["token"] = token(&self.authenticator, Role::Device, user).into();
        let answer = socket.ask(message).await;
        (socket, answer)
    }

    /// A list of this organisation's.
    pub async fn all(&self, path: &str) -> Vec<Value> {
        self.api.all(&format!("/v1/organisations/{ORGANISATION}/{path}")).await
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process that is ready.
async fn start(folder: &Path, address: SocketAddr, hand: &Hand, library: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_licence-broker"));
    command
        .current_dir(folder)
        .args(["serve", "--listen", &address.to_string(), "--database", "sqlite://it.db"])
        .args(["--jwt-secret-file", "secret", "--data-dir", "data", "--log-level", "error"])
        .stdin(Stdio::null());
    hand.give_to(&mut command, library);
    let child = command.spawn().unwrap();
    until_seen("a broker that is ready", async || {
        let answer = reqwest::get(format!("http://{address}/readyz")).await;
        answer.is_ok_and(|answer| answer.status().is_success()).then_some(())
    })
    .await;
    child
}

/// `2026-11-01T03:58:00Z`.
pub fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A token that outlives whatever is done to the clock.
fn token(authenticator: &Authenticator, role: Role, subject: &str) -> String {
    let claims = Claims {
        subject: Arc::from(subject),
        organisation: OrganisationId::new(ORGANISATION).filter(|_| role != Role::Operator),
        role,
        expires_at: instant("2030-01-01T00:00:00Z"),
    };
    authenticator.issue(&claims, instant("2026-01-01T00:00:00Z") - TimeDelta::days(1)).unwrap()
}
