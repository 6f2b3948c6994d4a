//! Agents who log in to a broker in a process of its own.

use crate::child::Home;
use crate::support::agent::token;
use crate::support::audit::Held;
use crate::support::socket::{Heard, Socket};
use crate::support::until::until_seen;
use licence_broker::auth::Role;
use serde_json::{Value, json};

/// The code with which a connection was closed before it was logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnedAway(pub u16);

impl Home {
    /// `agent-<number>` on a desktop, who must come in.
    pub async fn log_in(&self, organisation: u64, number: usize, grace_s: u64) -> (Socket, Value) {
        self.try_log_in(organisation, number, grace_s).await.expect("logged in")
    }

    /// `agent-<number>` on a desktop.
    pub async fn try_log_in(
        &self,
        organisation: u64,
        number: usize,
        grace_s: u64,
    ) -> Result<(Socket, Value), TurnedAway> {
        let login = json!({ "type": "login", "device": "agent_desktop", "grace_s": grace_s });
        self.try_first(organisation, number, login).await
    }

    /// Comes back with what a login was answered.
    pub async fn try_resume(
        &self,
        organisation: u64,
        number: usize,
        answer: &Value,
    ) -> Result<(Socket, Value), TurnedAway> {
        let resume = json!({
            "type": "resume", "session": answer["session"], "resume_token": answer["resume_token"],
        });
        self.try_first(organisation, number, resume).await
    }

    async fn try_first(
        &self,
        organisation: u64,
        number: usize,
        mut first: Value,
    ) -> Result<(Socket, Value), TurnedAway> {
        let url = format!("ws://{}/v1/organisations/{organisation}/session", self.address);
        let (socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        let mut socket = Socket(socket);
        let user = format!("agent-{number}");
        first["token"] = json!(token(&self.authenticator, Role::Device, organisation, &user));
        socket.send(first).await;
        match socket.hear().await {
            Heard::Message(answer) => {
                assert!(answer["type"] == "logged_in" || answer["type"] == "resumed", "{answer}");
                Ok((socket, answer))
            }
            Heard::Closed(code, _) => Err(TurnedAway(code)),
            Heard::Ended => panic!("the connection ended without a word"),
        }
    }

    /// Tries until the login comes through; until then it must be turned away for the store's sake.
    pub async fn log_in_at_last(&self, organisation: u64, number: usize) -> (Socket, Value) {
        until_seen("a login that comes through", async || {
            match self.try_log_in(organisation, number, 0).await {
                Ok(in_) => Some(in_),
                Err(away) => {
                    assert_eq!(away, TurnedAway(4003));
                    None
                }
            }
        })
        .await
    }
}

/// What a login or a resume was granted.
pub fn granted(answer: &Value) -> Vec<Held> {
    let session = answer["session"].as_str().unwrap();
    let licences = answer["granted"].as_array().unwrap().iter();
    licences
        .map(|granted| (session.to_owned(), granted["licence"].as_str().unwrap().to_owned()))
        .collect()
}
