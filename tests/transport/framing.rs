//! Requests whose beginning or end is unclear: they are refused, or served as one clear reading has it,
//! and nothing after them is taken for a request of its own.

use crate::support::broker::TestBroker;
use crate::support::socket::PATIENCE;
use licence_broker::auth::Role;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// Everything that is answered until the broker closes; the request must bring that about, or the end of
/// what is sent does.
async fn answers(broker: &TestBroker, request: &str) -> String {
    let mut raw = broker.tcp(None).await;
    // A broker that refuses early need not take the rest.
    let _ = raw.stream.write_all(request.as_bytes()).await;
    let mut answers = Vec::new();
    let reading = async {
        let mut some = [0; 65_536];
        while let Ok(count @ 1..) = raw.stream.read(&mut some).await {
            answers.extend_from_slice(&some[..count]);
        }
    };
    timeout(PATIENCE, reading).await.expect("the broker closes");
    String::from_utf8(answers).unwrap()
}

/// The statuses of everything that is answered.
async fn statuses(broker: &TestBroker, request: &str) -> Vec<u16> {
    let answers = answers(broker, request).await;
    let lines = answers.split("HTTP/1.1 ").skip(1);
    lines.map(|line| line[..3].parse().unwrap()).collect()
}

/// What would be served if it were taken for a request of its own.
const SMUGGLED: &str = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn a_request_with_two_readings_is_refused_and_nothing_behind_it_is_read() {
    let broker = TestBroker::start().await;
    for lines in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 6",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 0x5",
        "Content-Length: 99999999999999999999",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding : chunked",
        "Content-Length : 5",
        "X: y\r\n folded: z",
        "X: y\r\n\tContent-Length: 5",
        "Host: y",
    ] {
        let request =
            format!("POST /v1/auth/login HTTP/1.1\r\nHost: x\r\n{lines}\r\n\r\n{SMUGGLED}");
        assert_eq!(statuses(&broker, &request).await, [400], "{lines}");
    }
}

#[tokio::test]
async fn an_upgrade_with_a_body_is_refused_and_nothing_behind_it_is_read() {
    let broker = TestBroker::start().await;
    let upgrade = "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    for line in [
        "GET /v1/organisations/129/session",
        "GET /v1/organisations/129/live",
        "POST /v1/auth/login",
        "GET /healthz",
    ] {
        for framing in ["Content-Length: 5", "Transfer-Encoding: chunked"] {
            let request = format!("{line} HTTP/1.1\r\n{upgrade}\r\n{framing}\r\n\r\n{SMUGGLED}");
            assert_eq!(statuses(&broker, &request).await, [400], "{line} {framing}");
        }
    }
}

#[tokio::test]
async fn an_upgrade_to_several_protocols_is_refused() {
    let broker = TestBroker::start().await;
    for to in ["x, websocket", "websocket, x", "websocket/13", "WebSocket,"] {
        let request = format!(
            "GET /v1/organisations/129/session HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\
             Upgrade: {to}\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n{SMUGGLED}"
        );
        // What follows is a request of its own to whoever reads it: the first was no upgrade.
        assert_eq!(statuses(&broker, &request).await, [400, 200], "{to}");
    }
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
    let broker = TestBroker::start().await;
    for request in [
        "GET /healthz HTTP/1.1\r\n\r\n",
        "GET /healthz HTTP/3.0\r\nHost: x\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET /healthz\r\n\r\n",
        "GET  /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: x\r\nX\u{0}: y\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: x\r\nX: \u{0}\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\r\n\r\n",
    ] {
        assert_eq!(statuses(&broker, request).await, [400], "{request:?}");
    }
}

#[tokio::test]
async fn heads_are_bounded() {
    let broker = TestBroker::start().await;
    let many = "X: y\r\n".repeat(97);
    let cases = [
        (format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{many}\r\n"), 431),
        (format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(200_000)), 431),
        (format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "y".repeat(70_000)), 400),
        (format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "y".repeat(200_000)), 431),
    ];
    for (request, status) in cases {
        assert_eq!(statuses(&broker, &request).await, [status], "{}", &request[..60]);
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let broker = TestBroker::start().await;
    let get = |path: &str, connection: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: {connection}\r\n\r\n")
    };
    let request = get("/healthz", "keep-alive")
        + &get("/nowhere", "keep-alive")
        + &get("/v1/organisations", "keep-alive")
        + &get("/healthz", "close");
    assert_eq!(statuses(&broker, &request).await, [200, 404, 401, 200]);
}

#[tokio::test]
async fn whoever_asks_before_sending_a_body_is_told_to_go_on() {
    let broker = TestBroker::start().await;
    let token = broker.token(Role::Operator, 0, "operator");
    let body = r#"{"id":129,"name":"Example"}"#;
    let mut raw = broker.tcp(None).await;
    let head = format!(
        "POST /v1/organisations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    assert_eq!(raw.request(&head).await, "HTTP/1.1 100 Continue\r\n\r\n");
    let head = raw.request(body).await;
    assert!(head.starts_with("HTTP/1.1 201"), "{head}");
}

#[tokio::test]
async fn http_1_0_is_served_and_closed() {
    let broker = TestBroker::start().await;
    let answers = answers(&broker, "GET /healthz HTTP/1.0\r\n\r\n").await;
    assert!(answers.starts_with("HTTP/1.") && answers.contains(" 200 OK"), "{answers}");
}

/// A chunk's length must be one that everybody reads alike.
#[tokio::test]
async fn chunks_with_two_readings_are_refused_and_nothing_behind_them_is_read() {
    let broker = TestBroker::start().await;
    for chunks in
        ["5;\n\r\n", "0x5\r\n", "-1\r\n", "5 5\r\n", "\r\n", "FFFFFFFFFFFFFFFFF\r\n", "5\n"]
    {
        let request = format!(
            "POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
             {chunks}hello\r\n0\r\n\r\n{SMUGGLED}"
        );
        assert_eq!(statuses(&broker, &request).await, [400], "{chunks:?}");
    }
}
