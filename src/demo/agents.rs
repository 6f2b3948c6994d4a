//! Made-up agents who come and go over real WebSockets, as desktops do: most log out, some vanish.

use super::organisation::agent_name;
use super::{ORGANISATION, issue};
use crate::app::Running;
use crate::auth::Role;
use crate::protocol::SUBPROTOCOL;
use futures_util::{SinkExt, StreamExt};
use rand::Rng;
use serde_json::{Value, json};
use std::ops::Range;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Seconds between two sessions of an agent.
const AWAY_S: Range<u64> = 2..25;
/// Seconds of a session.
const WORK_S: Range<u64> = 10..60;
/// How many in a hundred sessions end without a goodbye.
const VANISH_PERCENT: u32 = 15;

/// Starts one task for each agent; they end when they are aborted.
pub(super) fn start(running: &Running, agents: usize) -> Vec<JoinHandle<()>> {
    let url = format!("ws://{}/v1/organisations/{ORGANISATION}/session", running.address);
    (1..=agents)
        .map(|number| {
            let token = issue(running, Role::Device, &agent_name(number));
            tokio::spawn(live(url.clone(), token))
        })
        .collect()
}

/// Draws a whole number of seconds.
fn seconds(of: Range<u64>) -> Duration {
    Duration::from_millis(rand::rng().random_range(of.start * 1_000..of.end * 1_000))
}

async fn live(url: String, token: String) {
    loop {
        sleep(seconds(AWAY_S)).await;
        if let Err(error) = work(&url, &token).await {
            // Refused at a bound, or the broker stops: the next round tries again.
            tracing::debug!(%error, "a made-up agent was turned away");
        }
    }
}

/// One session: log in, stay, go.
async fn work(url: &str, token: &str) -> Result<(), tungstenite::Error> {
    let mut request = url.into_client_request()?;
    let protocol = HeaderValue::from_static(SUBPROTOCOL);
    request.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await?;
    let device = if rand::rng().random_ratio(1, 4) { "deskphone" } else { "agent_desktop" };
    let wait = rand::rng().random_ratio(1, 3);
    let login = json!({ "type": "login", "token": token, "device": device, "wait": wait });
    say(&mut socket, &login).await?;
    listen(&mut socket, seconds(WORK_S)).await?;
    if rand::rng().random_ratio(VANISH_PERCENT, 100) {
        return Ok(());
    }
    say(&mut socket, &json!({ "type": "logout" })).await?;
    listen(&mut socket, Duration::from_secs(5)).await
}

async fn say(socket: &mut Socket, message: &Value) -> Result<(), tungstenite::Error> {
    socket.send(Message::text(message.to_string())).await
}

/// Answers pings until the time is over; an error when the broker closes.
async fn listen(socket: &mut Socket, at_most: Duration) -> Result<(), tungstenite::Error> {
    let until_the_end = async {
        while let Some(heard) = socket.next().await {
            heard?;
        }
        Ok(())
    };
    timeout(at_most, until_the_end).await.unwrap_or(Ok(()))
}
