//! Everything that is served in the clear is served within TLS.

use crate::secure::Secure;
use crate::support::broker::{Setup, TestBroker};
use crate::support::eventually::eventually;
use crate::support::http::Api;
use crate::support::raw::{TEXT, frame};
use crate::support::socket::{Heard, PATIENCE, Socket};
use futures_util::SinkExt;
use licence_broker::limits::Limits;
use rustls::version::{TLS12, TLS13};
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

const HEARTBEAT: Duration = Duration::from_secs(1);
/// For scheduling, on top of what the contract allows.
const SLACK: Duration = Duration::from_millis(700);

async fn is_nothing_held(operator: &Api) -> bool {
    operator.all("/v1/organisations/129/sessions").await.is_empty()
}

#[tokio::test]
async fn a_desktop_logs_in_and_out_in_both_versions_of_tls() {
    let secure = Secure::start(Setup::default()).await;
    let operator = secure.centre().await;
    for version in [&TLS12, &TLS13] {
        let stream = secure.stream(secure.authority.client(&[version])).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
        let mut desktop = secure.upgrade(stream, "session").await;
        let answer = desktop.ask(secure.login()).await;
        assert_eq!(answer["type"], "logged_in", "{answer}");
        let answer = desktop.ask(json!({ "type": "logout" })).await;
        assert_eq!(answer["released"], json!(["inbound_agent"]));
        assert_eq!(desktop.closed().await.0, 1000);
        let ends = timeout(Duration::from_secs(2), desktop.hear());
        assert_eq!(ends.await.expect("the connection ends in time"), Heard::Ended);
    }
    assert!(is_nothing_held(&operator).await);
}

#[tokio::test]
async fn a_wallboard_and_a_stream_of_events_are_served_within_tls() {
    let secure = Secure::start(Setup::default()).await;
    let operator = secure.centre().await;
    let mut wallboard = secure.connect("live").await;
    let snapshot = wallboard.ask(json!({ "type": "subscribe", "token": operator.token() })).await;
    assert_eq!(snapshot["type"], "snapshot");
    let request = operator.request(reqwest::Method::GET, "/v1/organisations/129/live");
    let mut events = request.send().await.unwrap();
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let first = events.chunk().await.unwrap().unwrap();
    assert!(first.starts_with(b"event: snapshot"), "{first:?}");
    let mut desktop = secure.connect("session").await;
    desktop.ask(secure.login()).await;
    assert_eq!(wallboard.message().await["type"], "counts");
}

#[tokio::test]
async fn a_connection_speaks_http_1_1_or_nothing() {
    let secure = Secure::start(Setup::default()).await;
    let offering = |protocols: &[&str]| {
        let mut client = secure.client();
        client.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        client
    };
    let stream = secure.stream(offering(&["h2", "http/1.1"])).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(secure.stream(offering(&["h2"])).await.is_err());
    assert!(secure.stream(offering(&[])).await.is_ok(), "whoever offers nothing gets HTTP/1.1");
}

#[tokio::test]
async fn a_request_in_the_clear_is_closed_and_others_are_served() {
    let secure = Secure::start(Setup::default()).await;
    let operator = secure.centre().await;
    for nonsense in [&b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"[..], &[0; 64], &[0xff; 5], b"\n"]
    {
        let mut raw = secure.broker.tcp(None).await;
        raw.bytes(nonsense).await;
        raw.stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let reading = raw.stream.read_to_end(&mut answer);
        // An end or a reset.
        let _ = timeout(PATIENCE, reading).await.expect("closed");
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    }
    assert!(is_nothing_held(&operator).await);
}

#[tokio::test]
async fn a_handshake_that_is_never_finished_is_given_up_and_counted() {
    let tls_handshake_timeout = Duration::from_millis(200);
    let limits = Limits { tls_handshake_timeout, ..Limits::default() };
    let secure = Secure::start(Setup { limits, ..Setup::default() }).await;
    let (mut silent, mut half) = (secure.broker.tcp(None).await, secure.broker.tcp(None).await);
    half.bytes(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await;
    assert!(silent.ends_within(PATIENCE).await && half.ends_within(PATIENCE).await);
    // The connection ends a moment before its handshake is counted.
    eventually(PATIENCE, "both are counted", async || {
        let metrics = secure.broker.inside.metrics.render();
        metrics.contains("licence_broker_bound_hit_total{bound=\"tls_handshake_timeout\"}")
            && metrics.contains("licence_broker_tls_handshakes_total{outcome=\"failed\"}")
    })
    .await;
}

#[tokio::test]
async fn only_a_broker_that_serves_tls_tells_browsers_to_stay_with_it() {
    let secure = Secure::start(Setup::default()).await;
    let response =
        secure.operator().await.request(reqwest::Method::GET, "/healthz").send().await.unwrap();
    assert_eq!(response.headers()["strict-transport-security"], "max-age=31536000");
    // Those that become sockets too, whether the HTTP library has them (wallboards) or not (devices).
    for path in ["session", "live"] {
        let mut stream = secure.stream(secure.client()).await.unwrap();
        let request = format!(
            "GET /v1/organisations/129/{path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(timeout(PATIENCE, stream.read_u8()).await.expect("a head").unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        assert!(head.starts_with("http/1.1 101"), "{head}");
        assert!(head.contains("strict-transport-security: max-age=31536000\r\n"), "{head}");
    }
    let plain = TestBroker::start().await;
    let response = reqwest::get(plain.url("/healthz")).await.unwrap();
    assert!(!response.headers().contains_key("strict-transport-security"));
}

#[tokio::test]
async fn a_silent_peer_within_tls_is_closed_within_two_heartbeats() {
    let secure = Secure::start(Setup { heartbeat: HEARTBEAT, ..Setup::default() }).await;
    let operator = secure.centre().await;
    // Not through the WebSocket library, which answers pings.
    let Socket(socket) = {
        let mut desktop = secure.connect("session").await;
        assert_eq!(desktop.ask(secure.login()).await["type"], "logged_in");
        desktop
    };
    let mut stream = socket.into_inner();
    let nothing_held = async || is_nothing_held(&operator).await;
    eventually(2 * HEARTBEAT + SLACK, "its licences are free", nothing_held).await;
    // A ping, the close frame, and the end, though the close frame is not answered.
    let mut heard = Vec::new();
    let _ = timeout(Duration::from_secs(2) + SLACK, stream.read_to_end(&mut heard))
        .await
        .expect("closed");
    assert!(heard.windows(4).any(|four| four[0] == 0x88 && four[2..] == 4000_u16.to_be_bytes()));
}

#[tokio::test]
async fn a_peer_within_tls_that_takes_no_output_is_released_and_cut() {
    let secure = Secure::start(Setup { heartbeat: HEARTBEAT, ..Setup::default() }).await;
    let operator = secure.centre().await;
    let stream = secure.stream_with(secure.client(), Some(2_048)).await.unwrap();
    let mut desktop = secure.upgrade(stream, "session").await;
    assert_eq!(desktop.ask(secure.login()).await["type"], "logged_in");
    let names: Vec<String> = (0..120).map(|name| format!("{name:0>110}")).collect();
    let request = json!({ "type": "acquire", "channels": names }).to_string();
    let flood = async { while desktop.0.send(Message::text(request.as_str())).await.is_ok() {} };
    let free = eventually(4 * HEARTBEAT + SLACK, "its licences are free", async || {
        is_nothing_held(&operator).await
    });
    // The flood goes on until the broker has cut the connection.
    tokio::join!(async { timeout(PATIENCE, flood).await.expect("cut") }, free);
    let log = operator.usage(129).await;
    assert_eq!(log.last().unwrap()["reason"], "heartbeat_timeout");
}

#[tokio::test]
async fn a_connection_within_tls_ends_within_two_seconds_of_its_close_frame() {
    let secure = Secure::start(Setup::default()).await;
    let _operator = secure.centre().await;
    let mut stream = secure.connect("session").await.0.into_inner();
    stream.write_all(&frame(TEXT, b"nonsense")).await.unwrap();
    let mut close = [0; 4];
    stream.read_exact(&mut close).await.unwrap();
    assert_eq!((close[0], &close[2..]), (0x88, &4500_u16.to_be_bytes()[..]));
    let mut rest = Vec::new();
    let ends = timeout(Duration::from_secs(2), stream.read_to_end(&mut rest)).await;
    // By a notification of TLS or without one.
    let _ = ends.expect("the connection ends, though the close frame is not answered");
}

#[tokio::test]
async fn a_drain_tells_sessions_within_tls() {
    let secure = Secure::start(Setup::default()).await;
    let _operator = secure.centre().await;
    let mut desktop = secure.connect("session").await;
    desktop.ask(secure.login()).await;
    let draining = tokio::spawn(secure.broker.drain());
    assert_eq!(desktop.message().await["type"], "draining");
    assert_eq!(desktop.closed().await.0, 1001);
    draining.await.unwrap();
}
