//! The fake broker's live counts.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::{SEAT, State, Vice};

/// Counts are conflated within this time, as the contract has it.
const CONFLATED: Duration = Duration::from_millis(100);

/// Sends everything, then what changes, until the subscriber is gone.
pub(crate) async fn follow(
    state: &State,
    mut socket: WebSocketStream<TcpStream>,
    organisation: &str,
) {
    let Some(Ok(Message::Text(_))) = socket.next().await else { return };
    let mut changes = state.changes.subscribe();
    let mut seq: u64 = 1;
    let mut kind = "snapshot";
    loop {
        if socket.send(Message::text(counts(state, organisation, kind, seq))).await.is_err() {
            return;
        }
        kind = "counts";
        seq += if state.vice == Vice::SkipsCounts { 2 } else { 1 };
        let has_stopped = state.vice == Vice::StopsCounts && seq > 2;
        tokio::select! {
            incoming = socket.next() => match incoming {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
            Ok(()) = changes.changed(), if !has_stopped => tokio::time::sleep(CONFLATED).await,
        }
    }
}

fn counts(state: &State, organisation: &str, kind: &str, seq: u64) -> String {
    let organisations = state.organisations();
    let holders = organisations.get(organisation).and_then(|all| all.holders.get(SEAT));
    let row: Value = json!({"licence": SEAT, "holders": holders.map_or(0, BTreeSet::len)});
    // In the contract's order, which a map of names would not keep.
    let (licence, holders) = (&row["licence"], &row["holders"]);
    format!(
        r#"{{"type":"{kind}","seq":{seq},"licences":[{{"licence":{licence},"holders":{holders}}}]}}"#
    )
}
