//! The fake broker's live counts.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
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
    let (mut sent, mut seq) = (None, 1_u64);
    loop {
        ticks.tick().await;
        let Some(licences) = counts(state, organisation) else { return };
        if sent.as_ref() == Some(&licences) {
            continue;
        }
        let kind = if sent.is_none() { "snapshot" } else { "counts" };
        if state.vice == Vice::StopsCounts && seq > 2 {
            continue;
        }
        let message = message(kind, seq, &licences);
        seq += if state.vice == Vice::SkipsCounts { 2 } else { 1 };
        sent = Some(licences);
        if socket.send(Message::text(message)).await.is_err() {
            return;
        }
    }
}

fn counts(state: &State, organisation: &str) -> Option<Vec<Value>> {
    let organisations = state.organisations();
    let holders = &organisations.get(organisation)?.holders;
    let row = |(licence, users): (&String, &std::collections::BTreeSet<String>)| json!({"licence": licence, "holders": users.len()});
    Some(holders.iter().map(row).collect())
}

/// In the contract's order, which a map of names would not keep.
fn message(kind: &str, seq: u64, licences: &[Value]) -> String {
    let row =
        |row: &Value| format!(r#"{{"licence":{},"holders":{}}}"#, row["licence"], row["holders"]);
    let rows: Vec<String> = licences.iter().map(row).collect();
    format!(r#"{{"type":"{kind}","seq":{seq},"licences":[{}]}}"#, rows.join(","))
}
