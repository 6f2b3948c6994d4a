//! Somebody who stays with a node whatever happens, and hears what it says in the end.

use crate::estate::{NEWCOMERS, newcomer};
use crate::floor::Floor;
use crate::support::socket::{Heard, PATIENCE, Socket};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use std::net::SocketAddr;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

/// The payload of the protocol's own ping.
const ASKED: &[u8] = b"witness";

/// A device that does not look at the time.
pub(crate) struct Witness(Socket);

impl Witness {
    /// Logs in at a node that owns its organisation.
    pub(crate) async fn log_in(floor: &Floor, node: SocketAddr, organisation: u64) -> Self {
        let url = format!("ws://{node}/v1/organisations/{organisation}/session");
        let (socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        let mut socket = Socket(socket);
        // Nobody else comes as the last of them.
        let token = floor.token(organisation, &newcomer(NEWCOMERS - 1));
        let login = json!({ "type": "login", "token": token, "device": "agent_desktop" });
        let answer = socket.ask(login).await;
        assert_eq!(answer["type"], "logged_in", "{answer}");
        Self(socket)
    }

    /// Asks for a sign of life in both ways, and for something whose answer would have to be kept: it is
    /// denied, and that is a record.
    pub(crate) async fn ask(&mut self) {
        self.0.0.send(Message::Ping(ASKED.into())).await.unwrap();
        self.0.send(json!({ "type": "ping", "id": 0 })).await;
        self.0.send(json!({ "type": "acquire", "id": 1, "channels": ["agent_sms"] })).await;
    }

    /// The next that it hears is that it must go elsewhere. Not even a pong comes before: it would pass for a
    /// sign that licences are held still.
    pub(crate) async fn assert_sent_away(mut self) {
        match timeout(PATIENCE, self.hear()).await.expect("something in time") {
            Heard::Closed(4002 | 4003, _) => {}
            other @ (Heard::Message(_) | Heard::Closed(..) | Heard::Ended) => {
                panic!("a node without a lease said {other:?}")
            }
        }
    }

    /// The next that it hears, a pong to what was asked included.
    async fn hear(&mut self) -> Heard {
        loop {
            let next = self.0.0.next().await;
            if matches!(&next, Some(Ok(Message::Pong(payload))) if payload == ASKED) {
                return Heard::Message("a pong".into());
            }
            if let Some(heard) = Heard::of(next) {
                return heard;
            }
        }
    }
}
