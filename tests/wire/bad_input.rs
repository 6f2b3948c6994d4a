//! Whatever a client sends, the broker answers as the contract says, serves everybody else, and holds
//! nothing afterwards.

use crate::centre::{SOON, assert_nothing_is_held, centre, records};
use crate::support::broker::TestBroker;
use crate::support::http::Api;
use crate::support::raw::{BINARY, CLOSE, PING, PONG, Raw, TEXT, frame, header};
use crate::support::socket::PATIENCE;
use licence_broker::auth::Role;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const MESSAGE_BYTES_MAX: usize = 16 * 1024;

async fn start() -> (TestBroker, Api) {
    let broker = TestBroker::start().await;
    let licences = [("inbound_agent", 5, 0), ("agent_email", 5, 0)];
    let agents: [(&str, &[&str]); 2] = [("edred", &["agent_email"]), ("osric", &["agent_email"])];
    let operator = centre(&broker, &licences, &agents).await;
    (broker, operator)
}

/// The broker still serves, and nothing is held.
async fn assert_unharmed(broker: &TestBroker, operator: &Api) {
    assert_nothing_is_held(operator, SOON).await;
    let (socket, answer) = broker.login(129, "osric", "agent_desktop").await;
    assert_eq!(answer["type"], "logged_in", "{answer}");
    socket.log_out().await;
    assert_nothing_is_held(operator, SOON).await;
}

#[tokio::test]
async fn what_is_no_json_object_closes_as_a_bad_message_before_and_after_the_login() {
    let (broker, operator) = start().await;
    let deep = format!("{}{}", "[".repeat(7_000), "]".repeat(7_000));
    let deep_object = "{\"a\":".repeat(2_000);
    let texts = [
        "",
        "hello",
        "{",
        "[]",
        "1",
        "null",
        "\"login\"",
        "{}{}",
        "\u{feff}{}",
        &deep,
        &deep_object,
    ];
    for text in texts {
        for is_logged_in in [false, true] {
            let mut socket = broker.connect(129, "session").await;
            if is_logged_in {
                socket = broker
                    .login_with(129, "edred", "agent_desktop", json!({ "grace_s": 60 }))
                    .await
                    .0;
            }
            socket.send_text(text).await;
            assert_eq!(socket.closed().await.0, 4500, "{text:.20}");
        }
    }
    assert_unharmed(&broker, &operator).await;
}

#[tokio::test]
async fn a_first_message_that_is_no_login_closes_as_a_bad_message() {
    let (broker, operator) = start().await;
    let token = broker.token(Role::Admin, 129, "edred");
    for (path, kinds) in [
        (
            "session",
            ["ping", "logout", "acquire", "release", "refresh", "subscribe", "dance", "LOGIN"],
        ),
        (
            "live",
            ["ping", "logout", "acquire", "release", "refresh", "login", "resume", "Subscribe"],
        ),
    ] {
        for kind in kinds {
            let mut socket = broker.connect(129, path).await;
            let message = json!({ "type": kind, "token": token, "channels": [],
                "device": "deskphone", "session": "x", "resume_token": "y" });
            socket.send(message).await;
            assert_eq!(socket.closed().await, (4500, "bad_message".to_owned()), "{path} {kind}");
        }
    }
    assert_unharmed(&broker, &operator).await;
}

#[tokio::test]
async fn fields_of_a_wrong_shape_are_named_before_the_close() {
    let (broker, operator) = start().await;
    let token = broker.token(Role::Device, 129, "edred");
    let cases = [
        (json!({ "device": 1 }), "device"),
        (json!({ "channels": {} }), "channels"),
        (json!({ "channels": vec!["agent_email"; 257] }), "channels"),
        (json!({ "channels": ["x".repeat(129)] }), "channels"),
        (json!({ "wait": "yes" }), "wait"),
        (json!({ "grace_s": -1 }), "grace_s"),
        (json!({ "grace_s": 1.5 }), "grace_s"),
        (json!({ "grace_s": "1" }), "grace_s"),
        (json!({ "token": 7 }), "token"),
        (json!({ "id": { "a": 1 } }), "id"),
        (json!({ "id": 9_007_199_254_740_993_i64 }), "id"),
        (json!({ "id": true }), "id"),
    ];
    for (fields, named) in cases {
        let mut login = json!({ "type": "login", "token": token, "device": "agent_desktop" });
        for (name, value) in fields.as_object().unwrap() {
            login[name] = value.clone();
        }
        let mut socket = broker.connect(129, "session").await;
        let answer = socket.ask(login).await;
        assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!("bad_message")));
        assert!(answer["message"].as_str().unwrap().starts_with(named), "{answer}");
        assert_eq!(socket.closed().await.0, 4500);
    }
    assert_unharmed(&broker, &operator).await;
}

/// RFC 8259 §9 lets a reader bound numbers, texts and nesting. What is beyond them is still JSON: it matters
/// where it stands in a field that is read, and nowhere else.
#[tokio::test]
async fn json_beyond_what_a_reader_holds_spoils_the_field_in_which_it_stands_and_no_session() {
    let (broker, operator) = start().await;
    let (mut socket, _) = broker.login(129, "edred", "agent_desktop").await;
    let deep = format!("{}{}", "[".repeat(7_000), "]".repeat(7_000));
    for value in ["1e400", "\"\\ud800\"", &deep] {
        socket.send_text(&format!("{{\"type\":\"ping\",\"id\":1,\"colour\":{value}}}")).await;
        assert_eq!(socket.message().await, json!({ "type": "pong", "id": 1 }), "{value:.20}");
        for (before, field) in [
            ("{", "type"),
            ("{\"type\":\"ping\",", "id"),
            ("{\"type\":\"acquire\",", "channels"),
            ("{\"type\":\"refresh\",", "token"),
        ] {
            socket.send_text(&format!("{before}\"{field}\":{value}}}")).await;
            let answer = socket.message().await;
            assert_eq!(answer["code"], "bad_message", "{answer}");
            assert!(answer["message"].as_str().unwrap().starts_with(field), "{answer}");
        }
        let grace = "{\"type\":\"login\",\"device\":\"agent_desktop\",\"grace_s\":";
        let mut first = broker.connect(129, "session").await;
        first.send_text(&format!("{grace}{value}}}")).await;
        let answer = first.message().await;
        assert!(answer["message"].as_str().unwrap().starts_with("grace_s"), "{answer}");
        assert_eq!(first.closed().await.0, 4500, "{value:.20}");
    }
    socket.log_out().await;
    assert_unharmed(&broker, &operator).await;
}

#[tokio::test]
async fn a_message_may_be_sixteen_kibibytes_and_not_one_byte_more() {
    let (broker, operator) = start().await;
    let padded = |bytes: usize| {
        let ping = r#"{"type":"ping","id":1}"#;
        format!("{ping}{}", " ".repeat(bytes - ping.len()))
    };
    let mut device = broker.raw_device("edred", None, json!({ "grace_s": 60 })).await;
    device.text(&padded(MESSAGE_BYTES_MAX)).await;
    assert_eq!(device.message().await, json!({ "type": "pong", "id": 1 }));
    device.text(&padded(MESSAGE_BYTES_MAX + 1)).await;
    assert_eq!(device.close_code().await, Some(1009));
    assert_unharmed(&broker, &operator).await;
}

/// The bound is on what a header declares: a frame is refused before its payload is gathered.
#[tokio::test]
async fn a_huge_frame_is_refused_by_its_header() {
    let (broker, operator) = start().await;
    for first in [TEXT, BINARY, 0x01] {
        for declared in [1 << 20, 1 << 40] {
            let mut device = broker.raw_device("edred", None, json!({})).await;
            device.bytes(&header(first, declared, 0x80)).await;
            device.bytes(&[1, 2, 3, 4, 5]).await;
            assert_eq!(device.close_code().await, Some(1009), "{first:#x} {declared}");
        }
    }
    let mut device = broker.raw_device("edred", None, json!({})).await;
    device.frame(TEXT, &vec![b' '; 1 << 20]).await;
    assert_eq!(device.close_code().await, Some(1009), "though its sender sends it all first");
    let mut unidentified = broker.raw(129, "session").await;
    unidentified.frame(TEXT, &vec![b' '; 1 << 20]).await;
    assert_eq!(unidentified.close_code().await, Some(1009));
    assert_unharmed(&broker, &operator).await;
}

#[tokio::test]
async fn fragments_make_one_message_and_pings_may_come_between() {
    let (broker, operator) = start().await;
    let mut device = broker.raw_device("edred", None, json!({})).await;
    device.frame(0x01, b"{\"type\":\"pi").await;
    device.frame(PING, b"between").await;
    device.frame(0x00, b"").await;
    device.frame(0x00, b"ng\",\"id\":\"").await;
    device.frame(0x80, "\u{3042}\"}".as_bytes()).await;
    assert_eq!(device.next_frame().await, Some((PONG, b"between".to_vec())));
    assert_eq!(device.message().await, json!({ "type": "pong", "id": "\u{3042}" }));
    device.frame(0x01, &[b' '; 10_000]).await;
    device.frame(0x00, &[b' '; 10_000]).await;
    assert_eq!(device.close_code().await, Some(1009), "too big in total");
    assert_unharmed(&broker, &operator).await;
}

/// What RFC 6455 forbids ends with 1002; a session that asked for grace gets none for it.
#[tokio::test]
async fn frames_that_the_protocol_forbids_end_the_connection() {
    let (broker, operator) = start().await;
    let unmasked = [header(TEXT, 2, 0), b"{}".to_vec()].concat();
    let first = frame(0x01, b"{");
    let cases: [(&str, Vec<u8>, u16); 14] = [
        ("a continuation of nothing", frame(0x80, b"x"), 1002),
        ("a message within a message", [first.clone(), frame(TEXT, b"{}")].concat(), 1002),
        ("a second start", [first, frame(0x01, b"{}")].concat(), 1002),
        ("an unmasked frame", unmasked, 1002),
        ("reserved bit 1", frame(0xc1, b"{}"), 1002),
        ("reserved bit 3", frame(0x91, b"{}"), 1002),
        ("an unknown kind of data", frame(0x83, b"{}"), 1002),
        ("an unknown kind of control", frame(0x8b, b""), 1002),
        ("a control frame in pieces", frame(0x09, b""), 1002),
        ("a control frame that is too long", frame(PING, &[0; 126]), 1002),
        ("a length with its top bit set", [&[TEXT, 0xff][..], &[0xff; 12]].concat(), 1002),
        ("a binary frame", frame(BINARY, b"{}"), 4500),
        ("a text that is no UTF-8", frame(TEXT, b"{\"type\":\"\xff\xfe\"}"), 4500),
        ("an empty text", frame(TEXT, b""), 4500),
    ];
    for (name, bytes, code) in cases {
        let mut device = broker.raw_device("edred", None, json!({ "grace_s": 60 })).await;
        device.bytes(&bytes).await;
        assert_eq!(device.close_code().await, Some(code), "{name}");
        assert_nothing_is_held(&operator, SOON).await;
        let mut unidentified = broker.raw(129, "live").await;
        unidentified.bytes(&bytes).await;
        assert_eq!(unidentified.close_code().await, Some(code), "{name}");
    }
    assert_unharmed(&broker, &operator).await;
}

/// Nothing is lost of what a client sent before its mistake, even where one read brings both.
#[tokio::test]
async fn what_stands_before_a_forbidden_frame_is_answered_first() {
    let (broker, operator) = start().await;
    let ping = |id: u32| frame(TEXT, format!("{{\"type\":\"ping\",\"id\":{id}}}").as_bytes());
    let huge = header(TEXT, 1 << 40, 0x80);
    for (forbidden, code) in [(frame(0x83, b""), 1002), (huge, 1009)] {
        let mut device = broker.raw_device("edred", None, json!({ "grace_s": 60 })).await;
        device.bytes(&[ping(1), ping(2), forbidden].concat()).await;
        for id in [1, 2] {
            assert_eq!(device.message().await, json!({ "type": "pong", "id": id }));
        }
        assert_eq!(device.close_code().await, Some(code));
        assert_nothing_is_held(&operator, SOON).await;
        let mut leaving = broker.raw_device("edred", None, json!({})).await;
        let logout = frame(TEXT, b"{\"type\":\"logout\",\"id\":3}");
        leaving.bytes(&[logout, frame(0x83, b"")].concat()).await;
        assert_eq!(leaving.message().await["type"], "logged_out");
    }
    assert_unharmed(&broker, &operator).await;
}

#[tokio::test]
async fn a_close_frame_is_a_logout_whatever_it_says() {
    let (broker, operator) = start().await;
    let close = |code: u16, reason: &str| [&code.to_be_bytes()[..], reason.as_bytes()].concat();
    let cases = [
        (vec![], Some(1005)),
        (close(1000, ""), Some(1000)),
        (close(1001, "the page went away"), Some(1001)),
        (close(3000, "いろは"), Some(3000)),
        (close(4999, ""), Some(4999)),
        (vec![0x03], Some(1002)),
        (close(999, ""), Some(1002)),
        (close(1005, ""), Some(1002)),
        (close(1006, ""), Some(1002)),
        (close(1015, ""), Some(1002)),
        (close(5000, ""), Some(1002)),
        ([&1000_u16.to_be_bytes()[..], b"\xff"].concat(), Some(1002)),
    ];
    let mut ends = 0;
    for (payload, answer) in cases {
        let mut device = broker.raw_device("edred", None, json!({ "grace_s": 60 })).await;
        device.frame(CLOSE, &payload).await;
        assert_eq!(device.close_code().await, answer, "{payload:?}");
        assert!(device.ends_within(Duration::from_secs(2)).await);
        assert_nothing_is_held(&operator, SOON).await;
        ends += 1;
        let released = records(&operator, "Released", 2 * ends).await;
        assert_eq!(released[2 * ends - 1]["reason"], "logout", "{payload:?}");
    }
    assert_unharmed(&broker, &operator).await;
}

/// A peer that keeps the rules needs not wait for the broker's own patience.
#[tokio::test]
async fn a_close_that_is_answered_ends_the_connection_at_once() {
    let (broker, _operator) = start().await;
    let mut device = broker.raw_device("edred", None, json!({})).await;
    device.frame(CLOSE, &1000_u16.to_be_bytes()).await;
    let started = Instant::now();
    assert_eq!(device.close_code().await, Some(1000));
    assert!(device.ends_within(PATIENCE).await);
    assert!(
        started.elapsed() < Duration::from_millis(500),
        "the client's: {:?}",
        started.elapsed()
    );
    let mut device = broker.raw_device("edred", None, json!({})).await;
    device.text(r#"{"type":"logout"}"#).await;
    assert_eq!(device.message().await["type"], "logged_out");
    assert_eq!(device.close_code().await, Some(1000));
    device.frame(CLOSE, &1000_u16.to_be_bytes()).await;
    let started = Instant::now();
    assert!(device.ends_within(PATIENCE).await);
    assert!(started.elapsed() < Duration::from_millis(500), "ours: {:?}", started.elapsed());
}

/// More than the rate allows is not read until it is met, and nobody is punished for it: not for the
/// frames, and not for being silent behind them (the heartbeat here is shorter than the backlog).
#[tokio::test]
async fn thousands_of_pings_in_one_go_are_all_answered_in_order() {
    use crate::support::broker::Setup;
    use licence_broker::limits::Limits;
    let limits = Limits { frames_per_second: 400, ..Limits::default() };
    let heartbeat = Duration::from_secs(1);
    let broker = TestBroker::with(Setup { limits, heartbeat, ..Setup::default() }).await;
    let _operator = centre(&broker, &[("inbound_agent", 1, 0)], &[("edred", &[])]).await;
    let mut device = broker.raw_device("edred", None, json!({})).await;
    let pings: Vec<u8> = (0..3_000_u32)
        .flat_map(|id| frame(TEXT, format!(r#"{{"type":"ping","id":{id}}}"#).as_bytes()))
        .collect();
    device.bytes(&pings).await;
    for id in 0..3_000 {
        assert_eq!(device.message().await, json!({ "type": "pong", "id": id }));
    }
}

#[tokio::test]
async fn a_second_login_in_one_socket_is_an_error_even_if_it_does_not_wait_for_the_first() {
    let (broker, operator) = start().await;
    let mut device = broker.raw(129, "session").await;
    let login = broker.login_message(129, "edred", "agent_desktop", json!({ "id": 1 }));
    let other = broker.login_message(129, "osric", "deskphone", json!({ "id": 2 }));
    device.bytes(&[frame(TEXT, login.as_bytes()), frame(TEXT, other.as_bytes())].concat()).await;
    assert_eq!(device.message().await["id"], 1);
    let answer = device.message().await;
    assert_eq!((&answer["id"], &answer["code"]), (&json!(2), &json!("already_logged_in")));
    device.reset();
    assert_unharmed(&broker, &operator).await;
}

#[tokio::test]
async fn the_same_channel_twice_counts_once_and_unknown_ones_are_denied_by_name() {
    let (broker, operator) = start().await;
    let odd =
        ["", "agent_email ", "AGENT_EMAIL", "いろは", "a\u{0}b", "\u{202e}x", "'; drop table"];
    let mut channels = vec!["agent_email", "agent_email"];
    channels.extend(odd.iter().chain(&odd));
    let fields = json!({ "channels": channels });
    let (mut socket, answer) = broker.login_with(129, "edred", "agent_desktop", fields).await;
    assert_eq!(answer["granted"].as_array().unwrap().len(), 2);
    let denied: Vec<Value> =
        odd.iter().map(|name| json!({ "licence": name, "reason": "unknown_licence" })).collect();
    assert_eq!(answer["denied"], json!(denied));
    let release = json!({ "type": "release", "channels": ["agent_email", "agent_email"] });
    assert_eq!(socket.ask(release).await["licences"], json!(["agent_email"]));
    let denials = operator.all("/v1/organisations/129/denials").await;
    assert_eq!(denials.len(), odd.len());
    socket.log_out().await;
    assert_unharmed(&broker, &operator).await;
}

#[tokio::test]
async fn names_of_any_script_log_in_and_are_told_back_as_they_are() {
    let (broker, operator) = start().await;
    for user in ["山田 太郎", "Ωμέγα", "мария.иванова", "o'hara", "a/b?c#d%20", "👩🏽‍💻", "=cmd|x"]
    {
        operator.add_user(129, user, "inbound_agent", &[]).await;
        let (socket, answer) = broker.login(129, user, "agent_desktop").await;
        assert_eq!((&answer["type"], &answer["user"]), (&json!("logged_in"), &json!(user)));
        socket.log_out().await;
    }
    for user in ["a\u{0}b", "a\nb"] {
        let mut socket = broker.connect(129, "session").await;
        let token = broker.token(Role::Device, 129, user);
        socket.send(json!({ "type": "login", "token": token, "device": "agent_desktop" })).await;
        assert_eq!(socket.closed().await.0, 4502, "nobody is called {user:?}");
    }
    for user in ["\u{202e}", "no such user", &"x".repeat(500)] {
        let (mut socket, answer) = broker.login(129, user, "agent_desktop").await;
        assert_eq!(answer["reason"], "user_unknown", "{user:?}");
        assert_eq!(socket.closed().await.0, 4507);
    }
    assert_unharmed(&broker, &operator).await;
}

#[tokio::test]
async fn session_ids_and_resume_tokens_of_any_kind_only_fail_to_resume() {
    let (broker, operator) = start().await;
    let token = broker.token(Role::Device, 129, "edred");
    for id in ["", "x", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "いろは", "\u{0}", &"0".repeat(10_000)] {
        for resume_token in ["", "いろは\u{7}", &"t".repeat(2_000)] {
            let mut socket = broker.connect(129, "session").await;
            let resume = json!({ "type": "resume", "token": token, "session": id,
                "resume_token": resume_token });
            socket.send(resume).await;
            assert_eq!(socket.closed().await, (4508, "resume_failed".to_owned()), "{id:.30}");
        }
    }
    let path = "/v1/organisations/129/sessions/%00";
    assert_eq!(operator.call(Method::DELETE, path, None).await.0, 404);
    assert_unharmed(&broker, &operator).await;
}

#[tokio::test]
async fn bytes_that_are_no_http_end_only_their_own_connection() {
    let (broker, operator) = start().await;
    let raw = async |bytes: &[u8]| -> Raw {
        let mut raw = broker.tcp(None).await;
        raw.bytes(bytes).await;
        raw
    };
    for bytes in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"[..], b"\0\0\0\0\r\n\r\n", b"GET\r\n\r\n"]
    {
        assert!(raw(bytes).await.ends_within(SOON).await, "{bytes:?}");
    }
    let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(1 << 18));
    let mut long_head = broker.tcp(None).await;
    // The end may come while the rest is still being sent.
    let _ = tokio::io::AsyncWriteExt::write_all(&mut long_head.stream, long.as_bytes()).await;
    assert!(long_head.ends_within(SOON).await);
    assert_unharmed(&broker, &operator).await;
}
