//! What is judged before there is a socket, and what is left for the first message.

use crate::centre::centre;
use crate::support::broker::{Setup, TestBroker};
use crate::support::raw::{Raw, TEXT, frame};
use crate::support::socket::Socket;
use chrono::TimeDelta;
use licence_broker::auth::Role;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Error;

const SESSION: &str = "/v1/organisations/129/session";

/// The status with which an upgrade is refused, and its problem document.
async fn refused(
    broker: &TestBroker,
    organisation: u64,
    path: &str,
    headers: &[(&'static str, &str)],
) -> (u16, Value) {
    let Err(error) = broker.try_connect(organisation, path, headers).await else {
        panic!("upgraded: {headers:?}");
    };
    let Error::Http(response) = *error else { panic!("{error}") };
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let body = response.body().as_deref().unwrap_or_default();
    (response.status().as_u16(), serde_json::from_slice(body).unwrap_or(Value::Null))
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[tokio::test]
async fn the_subprotocol_is_negotiated_and_none_is_served_as_v1() {
    let broker = TestBroker::start().await;
    let _operator = centre(&broker, &[], &[]).await;
    for (offer, answer) in [
        ("Sec-WebSocket-Protocol: licence-broker.v1\r\n", true),
        ("Sec-WebSocket-Protocol: mqtt, licence-broker.v1\r\n", true),
        ("Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Protocol: licence-broker.v1\r\n", true),
        ("", false),
    ] {
        let head = broker.tcp(None).await.upgrade(SESSION, offer).await.to_lowercase();
        assert!(head.starts_with("http/1.1 101"), "{offer}: {head}");
        let answered = head.contains("sec-websocket-protocol: licence-broker.v1\r\n");
        assert_eq!(answered, answer, "{offer}: {head}");
    }
    for offer in ["licence-broker.v2", "mqtt", "LICENCE-BROKER.V1", ""] {
        let offer = format!("Sec-WebSocket-Protocol: {offer}\r\n");
        let head = broker.tcp(None).await.upgrade(SESSION, &offer).await;
        assert!(head.starts_with("HTTP/1.1 400"), "{offer}: {head}");
    }
}

#[tokio::test]
async fn a_token_in_the_header_is_judged_before_the_upgrade() {
    let broker = TestBroker::start().await;
    let operator = centre(&broker, &[], &[]).await;
    operator.create_organisation(130).await;
    let device = bearer(&broker.token(Role::Device, 129, "edred"));
    let wallboard = bearer(&broker.token(Role::Wallboard, 129, "lobby"));
    let stale = bearer(&broker.token_for(Role::Device, 129, "edred", TimeDelta::minutes(-1)));
    let cases = [
        (129, "session", "Bearer nonsense", 401),
        (129, "session", "Basic ZWRyZWQ6", 401),
        (129, "session", "Bearer", 401),
        (129, "session", stale.as_str(), 401),
        (999, "session", "Bearer nonsense", 401),
        (130, "session", device.as_str(), 404),
        (999, "session", device.as_str(), 404),
        (129, "live", device.as_str(), 403),
        (129, "session", wallboard.as_str(), 403),
        (130, "live", wallboard.as_str(), 404),
    ];
    for (organisation, path, token, status) in cases {
        let headers = [("authorization", token)];
        let (told, _) = refused(&broker, organisation, path, &headers).await;
        assert_eq!(told, status, "{organisation} {path} {token}");
    }
    let mut socket =
        broker.try_connect(129, "session", &[("authorization", &device)]).await.unwrap();
    let answer = socket.ask(json!({ "type": "login", "device": "agent_desktop" })).await;
    assert_eq!(answer["reason"], "user_unknown", "the header's token is enough");
}

#[tokio::test]
async fn without_a_header_any_number_upgrades_and_tells_nothing() {
    let broker = TestBroker::start().await;
    let _operator = centre(&broker, &[], &[]).await;
    for path in ["session", "live"] {
        for organisation in [1, 999, 9_007_199_254_740_991] {
            let mut socket = broker.connect(organisation, path).await;
            let (kind, role) = if path == "live" {
                ("subscribe", Role::Wallboard)
            } else {
                ("login", Role::Device)
            };
            let token = broker.token(role, 129, "edred");
            socket.send(json!({ "type": kind, "token": token, "device": "deskphone" })).await;
            assert_eq!(socket.closed().await, (4502, "unauthorised".to_owned()));
        }
    }
    let (status, _) = refused(&broker, 0, "session", &[]).await;
    assert_eq!(status, 404, "0 is no organisation's number");
}

#[tokio::test]
async fn a_first_message_without_a_good_token_is_unauthorised() {
    let broker = TestBroker::start().await;
    let _operator = centre(&broker, &[], &[]).await;
    let stale = broker.token_for(Role::Device, 129, "edred", TimeDelta::minutes(-1));
    for token in [Value::Null, json!(""), json!("a.b.c"), json!("いろは"), json!(stale)] {
        let mut socket = broker.connect(129, "session").await;
        let login = json!({ "type": "login", "token": token, "device": "agent_desktop" });
        socket.send(login).await;
        assert_eq!(socket.closed().await, (4502, "unauthorised".to_owned()), "{token}");
    }
}

#[tokio::test]
async fn each_endpoint_has_its_roles() {
    let broker = TestBroker::start().await;
    let _operator = centre(&broker, &[], &[]).await;
    let expected = [
        (Role::Device, false, true),
        (Role::Wallboard, true, false),
        (Role::Supervisor, true, false),
        (Role::Admin, true, true),
        (Role::Operator, true, true),
    ];
    for (role, may_look, may_log_in) in expected {
        let token = broker.token(role, 129, "edred");
        let mut live = broker.connect(129, "live").await;
        live.send(json!({ "type": "subscribe", "token": token })).await;
        let mut session = broker.connect(129, "session").await;
        session.send(json!({ "type": "login", "token": token, "device": "deskphone" })).await;
        assert_outcome(&mut live, may_look, "snapshot").await;
        assert_outcome(&mut session, may_log_in, "login_refused").await;
    }
}

async fn assert_outcome(socket: &mut Socket, may: bool, answer: &str) {
    if may {
        assert_eq!(socket.message().await["type"], answer);
    } else {
        assert_eq!(socket.closed().await, (4503, "forbidden".to_owned()));
    }
}

#[tokio::test]
async fn an_origin_must_be_the_brokers_own_or_allowed() {
    let allowed_origins = vec!["https://desk.example".to_owned()];
    let broker = TestBroker::with(Setup { allowed_origins, ..Setup::default() }).await;
    let _operator = centre(&broker, &[], &[]).await;
    let own = format!("http://{}", broker.address);
    for origin in [own.as_str(), "https://desk.example"] {
        for path in ["session", "live"] {
            broker.try_connect(129, path, &[("origin", origin)]).await.expect(origin);
        }
    }
    let elsewhere = format!("http://{}.evil.example", broker.address);
    for origin in
        ["https://evil.example", "http://desk.example", "null", "", elsewhere.as_str(), "//x"]
    {
        for path in ["session", "live"] {
            assert_eq!(refused(&broker, 129, path, &[("origin", origin)]).await.0, 403, "{origin}");
        }
    }
}

#[tokio::test]
async fn what_is_no_handshake_is_a_problem_and_not_a_socket() {
    let broker = TestBroker::start().await;
    let operator = centre(&broker, &[], &[]).await;
    let (status, problem) = operator.call(reqwest::Method::GET, SESSION, None).await;
    assert_eq!((status.as_u16(), problem["status"].as_u64()), (426, Some(426)));
    let host = broker.address;
    let handshake = |lines: &str| format!("GET {SESSION} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n");
    let (upgrade, key) = (
        "Connection: Upgrade\r\nUpgrade: websocket\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    );
    for (lines, status) in [
        (format!("{upgrade}{key}"), "400"),
        (format!("{upgrade}Sec-WebSocket-Version: 13\r\n"), "400"),
        (format!("{upgrade}{key}Sec-WebSocket-Version: 99\r\n"), "426"),
        (format!("Upgrade: websocket\r\n{key}Sec-WebSocket-Version: 13\r\n"), "400"),
    ] {
        let head = broker.tcp(None).await.request(&handshake(&lines)).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{lines}: {head}");
        assert!(head.contains("application/problem+json"), "{head}");
        if status == "426" {
            assert!(head.to_lowercase().contains("sec-websocket-version: 13"), "{head}");
        }
    }
}

#[tokio::test]
async fn a_socket_has_the_id_of_its_request_and_a_refusal_all_that_every_answer_has() {
    let broker = TestBroker::start().await;
    let _operator = centre(&broker, &[], &[]).await;
    for path in ["session", "live"] {
        let path = format!("/v1/organisations/129/{path}");
        let ask = async |lines: &str| {
            let lines = format!("X-Request-Id: abc-123\r\n{lines}");
            broker.tcp(None).await.upgrade(&path, &lines).await.to_lowercase()
        };
        let socket = ask("").await;
        assert!(socket.starts_with("http/1.1 101"), "{socket}");
        assert!(socket.contains("x-request-id: abc-123\r\n"), "{socket}");
        for of_pages in ["content-security-policy", "cache-control", "x-frame-options"] {
            assert!(!socket.contains(of_pages), "{socket}");
        }
        let refused = ask("Authorization: Bearer nonsense\r\n").await;
        assert!(refused.starts_with("http/1.1 401"), "{refused}");
        for line in [
            "x-request-id: abc-123\r\n",
            "content-security-policy: default-src 'none'",
            "cache-control: no-store\r\n",
            "x-content-type-options: nosniff\r\n",
            "www-authenticate: bearer",
            "connection: close\r\n",
        ] {
            assert!(refused.contains(line), "{line}: {refused}");
        }
        assert_eq!(refused.matches("x-request-id").count(), 1, "{refused}");
    }
}

/// The ways in which the request of a device can come: whole in the first bytes of a connection, in pieces,
/// behind another request, or with a query behind its path. Only the first goes past the HTTP library.
async fn ask_in_each_way(broker: &TestBroker, lines: &str) -> Vec<(&'static str, Raw, String)> {
    let host = broker.address;
    let request = |path: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: licence-broker.v1\r\nX-Request-Id: abc-123\r\n{lines}\r\n"
        )
    };
    let health = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let mut asked = Vec::new();
    for way in ["whole", "in pieces", "behind another", "with a query"] {
        let mut raw = broker.tcp(None).await;
        let head = match way {
            "in pieces" => {
                let whole = request(SESSION);
                let (first, rest) = whole.split_at(whole.len() / 2);
                raw.bytes(first.as_bytes()).await;
                // Meanwhile the first piece is read.
                broker.tcp(None).await.request(&health).await;
                raw.request(rest).await
            }
            "behind another" => {
                let body = raw.request(&health).await;
                assert!(body.starts_with("HTTP/1.1 200"), "{body}");
                raw.body_of(&body).await;
                raw.request(&request(SESSION)).await
            }
            "with a query" => raw.request(&request(&format!("{SESSION}?x=y"))).await,
            _ => raw.request(&request(SESSION)).await,
        };
        asked.push((way, raw, head.to_lowercase()));
    }
    asked
}

/// The lines of a head, without those that differ from answer to answer.
fn lines(head: &str) -> BTreeSet<&str> {
    head.lines().filter(|line| !line.starts_with("date: ")).collect()
}

#[tokio::test]
async fn a_device_s_upgrade_is_answered_alike_however_it_comes() {
    let broker = TestBroker::start().await;
    let operator = centre(&broker, &[("inbound_agent", 9, 0)], &[("edred", &[])]).await;
    let asked = ask_in_each_way(&broker, "").await;
    let (_, _, whole) = &asked[0];
    let whole = whole.clone();
    assert!(whole.starts_with("http/1.1 101"), "{whole}");
    for (way, mut raw, head) in asked {
        assert_eq!(lines(&head), lines(&whole), "{way}");
        raw.text(&broker.login_message(129, "edred", "agent_desktop", json!({}))).await;
        assert_eq!(raw.message().await["type"], "logged_in", "{way}");
        let sessions = operator.all("/v1/organisations/129/sessions").await;
        assert_eq!(sessions[0]["address"], "127.0.0.1", "{way}: {sessions:?}");
        raw.text(r#"{"type":"logout"}"#).await;
        assert_eq!(raw.message().await["type"], "logged_out", "{way}");
    }
    for refused in ["Authorization: Bearer nonsense\r\n", "Origin: https://evil.example\r\n"] {
        let asked = ask_in_each_way(&broker, refused).await;
        let (_, _, whole) = &asked[0];
        let whole = whole.clone();
        assert!(whole.starts_with("http/1.1 40"), "{whole}");
        for (way, mut raw, head) in asked {
            assert_eq!(lines(&head), lines(&whole), "{way}");
            assert!(raw.body_of(&head).await.contains("\"type\":\"/problems/"), "{way}");
        }
    }
}

#[tokio::test]
async fn answers_to_requests_before_an_upgrade_come_before_its_own() {
    let broker = TestBroker::start().await;
    let _operator = centre(&broker, &[("inbound_agent", 1, 0)], &[("edred", &[])]).await;
    for path in [SESSION, "/v1/organisations/129/live"] {
        let mut raw = broker.tcp(None).await;
        let host = broker.address;
        let before = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let upgrade = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        let head = raw.request(&format!("{before}{upgrade}")).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert_eq!(raw.body_of(&head).await, r#"{"status":"alive"}"#);
        assert!(raw.request("").await.starts_with("HTTP/1.1 101"), "{path}");
    }
}

#[tokio::test]
async fn what_comes_behind_the_upgrade_in_the_same_bytes_is_the_first_message() {
    let broker = TestBroker::start().await;
    let _operator = centre(&broker, &[("inbound_agent", 1, 0)], &[("edred", &[])]).await;
    let login = broker.login_message(129, "edred", "agent_desktop", json!({}));
    let request = format!(
        "GET {SESSION} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        broker.address
    );
    let mut raw = broker.tcp(None).await;
    raw.bytes(&[request.as_bytes(), &frame(TEXT, login.as_bytes())].concat()).await;
    assert!(raw.request("").await.starts_with("HTTP/1.1 101"));
    assert_eq!(raw.message().await["type"], "logged_in");
}

/// Ten seconds of real time: the one test that waits for a time-out of that length, for the close frame
/// itself and for the end of half a handshake.
#[tokio::test]
async fn who_never_logs_in_or_never_finishes_the_handshake_is_shown_out_after_ten_seconds() {
    let broker = TestBroker::start().await;
    let _operator = centre(&broker, &[], &[]).await;
    let started = Instant::now();
    let mut half = broker.tcp(None).await;
    half.bytes(b"GET /v1/organisations/129/session HTTP/1.1\r\nHost: x\r\nUpgr").await;
    let (mut device, mut wallboard) =
        (broker.connect(129, "session").await, broker.connect(129, "live").await);
    assert_eq!(device.closed().await, (4501, "login_timeout".to_owned()));
    assert!(started.elapsed() >= Duration::from_secs(10));
    assert_eq!(wallboard.closed().await, (4501, "login_timeout".to_owned()));
    assert!(half.ends_within(Duration::from_secs(5)).await, "half a handshake is dropped");
}
