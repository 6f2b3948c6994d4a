//! Peers that begin a request and do not finish it. The times are made small; what is waited for is the
//! answer or the end, not the time.

use crate::support::broker::{Setup, TestBroker};
use crate::support::raw::Raw;
use crate::support::socket::PATIENCE;
use licence_broker::auth::Role;
use licence_broker::limits::Limits;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};

/// What a request may take here.
const SHORT: Duration = Duration::from_millis(400);
/// Between two bytes of a trickle.
const PACE: Duration = Duration::from_millis(40);

fn limits() -> Limits {
    Limits { request_head_timeout: SHORT, body_timeout: SHORT, ..Limits::default() }
}

async fn start(limits: Limits) -> TestBroker {
    TestBroker::with(Setup { limits, ..Setup::default() }).await
}

/// Sends one byte after the other, and again from the beginning, until the connection ends; what was
/// answered until then.
async fn trickle(stream: TcpStream, bytes: &[u8]) -> String {
    let (mut from, mut to) = stream.into_split();
    let send = async {
        let mut pace = interval(PACE);
        for byte in bytes.iter().cycle() {
            pace.tick().await;
            if to.write_all(&[*byte]).await.is_err() {
                return;
            }
        }
    };
    let mut answer = Vec::new();
    let read = async {
        // It may be reset: what is still being sent is not read.
        let _ = from.read_to_end(&mut answer).await;
    };
    timeout(PATIENCE, async {
        tokio::select! { () = send => {}, () = read => {} }
    })
    .await
    .expect("the broker ends it");
    String::from_utf8(answer).unwrap()
}

fn assert_hit(broker: &TestBroker, bound: &str) {
    let metrics = broker.inside.metrics.render();
    let line = format!("licence_broker_bound_hit_total{{bound=\"{bound}\"}}");
    assert!(metrics.contains(&line), "{metrics}");
}

fn assert_timed_out(answer: &str) {
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
    assert!(answer.contains("\"/problems/request_timeout\""), "{answer}");
}

#[tokio::test]
async fn a_head_that_trickles_is_answered_408_and_closed() {
    let broker = start(limits()).await;
    let lines =
        b"GET /healthz HTTP/1.1\r\nX: y\r\nX: y\r\nX: y\r\nX: y\r\nX: y\r\nX: y\r\nX: y\r\n";
    assert_timed_out(&trickle(broker.tcp(None).await.stream, lines).await);
    assert_hit(&broker, "request_head_timeout");
}

/// The HTTP library times the first head of a connection alone.
#[tokio::test]
async fn a_later_head_that_trickles_is_answered_408_and_closed() {
    let broker = start(limits()).await;
    let mut raw = broker.tcp(None).await;
    for _ in 0..2 {
        let head = raw.request("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(head.contains("HTTP/1.1 200"), "{head}");
    }
    let answer =
        trickle(raw.stream, b"GET /healthz HTTP/1.1\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyy").await;
    assert!(answer.contains("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn empty_lines_between_requests_are_no_request() {
    let broker = start(limits()).await;
    let mut raw = broker.tcp(None).await;
    raw.request("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let answer = trickle(raw.stream, b"\r\n").await;
    assert!(answer.contains("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let broker = start(limits()).await;
    let mut answer = String::new();
    let mut raw = broker.tcp(None).await;
    timeout(PATIENCE, raw.stream.read_to_string(&mut answer)).await.expect("closed").unwrap();
    assert_timed_out(&answer);
}

#[tokio::test]
async fn a_connection_that_is_idle_between_requests_is_closed_without_a_word() {
    let broker = start(Limits { keep_alive: SHORT, ..Limits::default() }).await;
    let mut raw = broker.tcp(None).await;
    raw.request("GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut answer = String::new();
    timeout(PATIENCE, raw.stream.read_to_string(&mut answer)).await.expect("closed").unwrap();
    assert!(!answer.contains("HTTP/1.1"), "{answer}");
}

/// A request with a body that is to come.
async fn begin(broker: &TestBroker, path: &str, framing: &str) -> Raw {
    let mut raw = broker.tcp(None).await;
    let token = broker.token(Role::Operator, 0, "operator");
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\n{framing}\r\n\r\n"
    );
    raw.bytes(head.as_bytes()).await;
    raw
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered_408_and_closed() {
    let broker = start(limits()).await;
    for (framing, trickled) in [
        ("Content-Length: 100000", &b"{"[..]),
        ("Content-Length: 100000", b" \r\n{}\r\n"),
        ("Transfer-Encoding: chunked", b"1\r\n \r\n"),
        ("Transfer-Encoding: chunked", b"FFFF\r\n"),
    ] {
        let raw = begin(&broker, "/v1/organisations", framing).await;
        assert_timed_out(&trickle(raw.stream, trickled).await);
    }
    let mut silent = begin(&broker, "/v1/auth/login", "Content-Length: 10").await;
    let mut answer = String::new();
    timeout(PATIENCE, silent.stream.read_to_string(&mut answer)).await.expect("closed").unwrap();
    assert_timed_out(&answer);
    assert_hit(&broker, "body_timeout");
}

#[tokio::test]
async fn a_body_that_nobody_reads_holds_no_connection() {
    let broker = start(limits()).await;
    for framing in ["Content-Length: 100000", "Transfer-Encoding: chunked"] {
        for path in ["/nowhere", "/healthz"] {
            let raw = begin(&broker, path, framing).await;
            let answer = trickle(raw.stream, b"1\r\n \r\n").await;
            assert!(answer.starts_with("HTTP/1.1 40"), "{answer}");
        }
    }
}

/// The rest was promised and will not come: nothing is made of the half.
#[tokio::test]
async fn half_a_body_changes_nothing() {
    let broker = start(Limits::default()).await;
    let body = r#"{"id":129,"name":"Example"}"#;
    let length = format!("Content-Length: {}", body.len() + 1);
    let mut raw = begin(&broker, "/v1/organisations", &length).await;
    raw.bytes(body.as_bytes()).await;
    raw.stream.shutdown().await.unwrap();
    assert!(raw.ends_within(PATIENCE).await);
    assert!(broker.operator().all("/v1/organisations").await.is_empty());
}
