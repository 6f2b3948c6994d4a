//! The fake broker's live counts.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::interval;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::{State, Vice};

/// Sends what is held now, and again whenever that is something else.
pub(crate) async fn follow(
    state: &State,
    socket: &mut WebSocketStream<TcpStream>,
    organisation: &str,
) {
    let Some(Ok(Message::Text(text))) = socket.next().await else { return };
    let asked: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(asked["type"], "subscribe");
    let mut ticks = interval(Duration::from_millis(10));
    let mut seq: u64 = 1;
    let mut sent = None;
    loop {
        ticks.tick().await;
        let Some(licences) = counts(state, organisation) else { return };
        let has_stopped = state.vice == Vice::StopsCounts && seq > 2;
        if has_stopped || sent.as_ref() == Some(&licences) {
            continue;
        }
        let kind = if sent.is_none() { "snapshot" } else { "counts" };
        let message = format!(r#"{{"type":"{kind}","seq":{seq},"licences":[{licences}]}}"#);
        sent = Some(licences);
        seq += if state.vice == Vice::SkipsCounts { 2 } else { 1 };
        if socket.send(Message::text(message)).await.is_err() {
            return;
        }
    }
}

/// In the contract's order, which a map of names would not keep.
fn counts(state: &State, organisation: &str) -> Option<String> {
    let organisations = state.organisations();
    let holders = &organisations.get(organisation)?.holders;
    let rows = holders
        .iter()
        .map(|(licence, users)| format!(r#"{{"licence":"{licence}","holders":{}}}"#, users.len()));
    Some(rows.collect::<Vec<_>>().join(","))
}
