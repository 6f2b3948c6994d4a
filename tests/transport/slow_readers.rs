//! Peers that ask and do not take the answer.

use crate::support::broker::{Setup, TestBroker};
use crate::support::eventually::eventually;
use crate::support::raw::Raw;
use crate::support::socket::PATIENCE;
use licence_broker::auth::Role;
use licence_broker::limits::Limits;
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::interval;

/// How long an answer may wait here; the kernel's own time-out is that of 15 s of heartbeat, twice.
const SHORT: Duration = Duration::from_millis(500);

async fn start() -> TestBroker {
    let limits = Limits { output_timeout: SHORT, ..Limits::default() };
    TestBroker::with(Setup { limits, ..Setup::default() }).await
}

/// Asks for far more than the kernel keeps for a peer, and reads none of it.
async fn greedy(broker: &TestBroker) -> Raw {
    let mut raw = broker.tcp(Some(2_048)).await;
    let request = "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(200);
    raw.bytes(request.as_bytes()).await;
    raw
}

/// Whether the broker still has the connection, told by its side of it in the kernel's table.
fn is_held(raw: &Raw) -> bool {
    let (own, peer) = (raw.stream.local_addr().unwrap(), raw.stream.peer_addr().unwrap());
    let (own, peer) = (format!(":{:04X}", own.port()), format!(":{:04X}", peer.port()));
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let mut rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    // `01` is an established connection.
    rows.any(|row| row[1].ends_with(&peer) && row[2].ends_with(&own) && row[3] == "01")
}

#[tokio::test]
async fn a_peer_that_takes_nothing_of_an_answer_is_cut() {
    let broker = start().await;
    let raw = greedy(&broker).await;
    eventually(PATIENCE, "the connection is cut", async || !is_held(&raw)).await;
    let metrics = broker.inside.metrics.render();
    assert!(metrics.contains("licence_broker_bound_hit_total{bound=\"output_timeout\"}"));
}

#[tokio::test]
async fn a_peer_that_takes_a_trickle_of_an_answer_is_cut() {
    let broker = start().await;
    let mut raw = greedy(&broker).await;
    let mut pace = interval(Duration::from_millis(20));
    let sipping = async || {
        pace.tick().await;
        let _ = raw.stream.read(&mut [0; 64]).await;
        !is_held(&raw)
    };
    eventually(PATIENCE, "the connection is cut", sipping).await;
}

#[tokio::test]
async fn a_peer_that_takes_a_large_answer_at_its_pace_gets_all_of_it() {
    let broker = start().await;
    let mut raw = broker.tcp(None).await;
    let request = "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(50)
        + "GET /openapi.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    raw.bytes(request.as_bytes()).await;
    let mut answers = String::new();
    raw.stream.read_to_string(&mut answers).await.unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 51);
}

/// Sockets have the heartbeat, not the time of answers.
#[tokio::test]
async fn a_socket_that_takes_no_output_is_judged_by_its_heartbeat_alone() {
    let broker = start().await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    operator.buy(129, "inbound_agent", 1, 0).await;
    operator.add_user(129, "edred", "inbound_agent", &[]).await;
    let mut device = broker.raw_with(129, "session", Some(2_048)).await;
    let token = broker.token(Role::Device, 129, "edred");
    let login = json!({ "type": "login", "token": token, "device": "agent_desktop" });
    device.text(&login.to_string()).await;
    assert_eq!(device.message().await["type"], "logged_in");
    let names: Vec<String> = (0..120).map(|name| format!("{name:0>110}")).collect();
    let request = json!({ "type": "acquire", "channels": names }).to_string();
    let request = crate::support::raw::frame(crate::support::raw::TEXT, request.as_bytes());
    let flood = async { while device.stream.write_all(&request).await.is_ok() {} };
    // Several times what an answer has, all of it spent behind a full socket.
    let _ = tokio::time::timeout(6 * SHORT, flood).await;
    let sessions = operator.all("/v1/organisations/129/sessions").await;
    assert_eq!(sessions[0]["state"], "connected");
    assert!(is_held(&device));
}
