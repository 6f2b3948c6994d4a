//! Devices: the worked example of the contract, and what each message is answered.

use crate::centre::{SOON, assert_nothing_is_held, centre, used};
use crate::support::broker::{Setup, TestBroker};
use crate::support::socket::Heard;
use chrono::TimeDelta;
use futures_util::SinkExt;
use licence_broker::auth::Role;
use licence_broker::clock::Clock;
use licence_broker::limits::Limits;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn the_worked_example_of_the_contract_is_played_live() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    for licence in ["inbound_agent", "agent_email", "agent_calls"] {
        operator.buy(129, licence, 10, 2).await;
    }
    operator.add_user(129, "edred", "inbound_agent", &["agent_email", "agent_calls"]).await;

    let (desktop, answer) = broker.login(129, "edred", "agent_desktop").await;
    assert_eq!(
        answer["granted"],
        json!([
            { "licence": "inbound_agent", "pool": "concurrent" },
            { "licence": "agent_email", "pool": "concurrent" },
        ])
    );
    let (deskphone, answer) = broker.login(129, "edred", "deskphone").await;
    assert_eq!(
        answer["granted"],
        json!([
            { "licence": "inbound_agent", "pool": "shared" },
            { "licence": "agent_calls", "pool": "concurrent" },
        ])
    );
    let released = desktop.log_out().await;
    assert_eq!(released["released"], json!(["inbound_agent", "agent_email"]));

    let log = operator.csv("/v1/organisations/129/licence-usage").await;
    let columns: Vec<Vec<&str>> =
        log.lines().map(|line| line.split(',').collect::<Vec<_>>()).collect();
    let told: Vec<[&str; 4]> = columns.iter().map(|row| [row[0], row[2], row[3], row[4]]).collect();
    assert_eq!(
        told,
        [
            ["Usage Type", "Licence Type", "User", "Logon Source"],
            ["Acquired", "Inbound Agent", "edred", "Agent Desktop"],
            ["Acquired", "Agent E-mail", "edred", "Agent Desktop"],
            ["Acquired", "Inbound Agent", "edred", "Paired Device"],
            ["Acquired", "Agent Calls", "edred", "Paired Device"],
            ["Released", "Inbound Agent", "edred", "Agent Desktop"],
            ["Released", "Agent E-mail", "edred", "Agent Desktop"],
        ]
    );
    let row = operator.licence(129, "inbound_agent").await;
    assert_eq!(row["concurrent"], json!({ "total": 10, "used": 1, "available": 9 }));
    deskphone.vanish();
}

/// Logs in and takes the session's own secrets out of the answer, so that the rest can be compared whole.
fn without_secrets(mut answer: Value) -> Value {
    let fields = answer.as_object_mut().unwrap();
    let session = fields.remove("session").unwrap();
    assert_eq!(session.as_str().unwrap().len(), 26, "a ULID: {session}");
    assert!(fields.remove("resume_token").unwrap().as_str().unwrap().len() >= 22);
    answer
}

const FEATURES: &[&str] = &["agent_email", "agent_web_chat", "agent_calls", "recording"];

#[tokio::test]
async fn a_login_is_told_everything_in_catalogue_order_and_unknown_names_last() {
    let broker = TestBroker::start().await;
    let licences = [("inbound_agent", 2, 0), ("agent_email", 1, 1), ("agent_sms", 1, 0)];
    let _operator = centre(&broker, &licences, &[("edred", FEATURES)]).await;
    let wanted = ["zebra", "agent_web_chat", "agent_sms", "agent_calls", "agent_email", "aardvark"];
    let fields = json!({ "id": 1, "channels": wanted, "grace_s": 4_000_000_000_u64 });
    let (socket, answer) = broker.login_with(129, "edred", "agent_desktop", fields).await;
    assert_eq!(
        without_secrets(answer),
        json!({
            "type": "logged_in", "id": 1, "user": "edred", "device": "agent_desktop",
            "granted": [
                { "licence": "inbound_agent", "pool": "concurrent" },
                { "licence": "agent_email", "pool": "concurrent" },
            ],
            "denied": [
                { "licence": "agent_calls", "reason": "device_not_permitted" },
                { "licence": "agent_sms", "reason": "not_assigned" },
                { "licence": "agent_web_chat", "reason": "not_purchased" },
                { "licence": "zebra", "reason": "unknown_licence" },
                { "licence": "aardvark", "reason": "unknown_licence" },
            ],
            "waiting": [], "heartbeat_s": 15, "grace_s": 60,
        })
    );
    socket.log_out().await;
}

#[tokio::test]
async fn ids_come_back_as_they_were_given_and_no_grace_is_none() {
    let broker = TestBroker::start().await;
    let _operator = centre(&broker, &[("inbound_agent", 1, 0)], &[("edred", &[])]).await;
    let (mut socket, answer) = broker.login(129, "edred", "agent_desktop").await;
    assert_eq!(answer.get("id"), None);
    assert_eq!((&answer["grace_s"], &answer["denied"]), (&json!(0), &json!([])));
    for id in [json!(6), json!(-1), json!(9_007_199_254_740_992_i64), json!(""), json!("いち\u{7}")]
    {
        let pong = socket.ask(json!({ "type": "ping", "id": id })).await;
        assert_eq!(pong, json!({ "type": "pong", "id": id }));
    }
    assert_eq!(socket.ask(json!({ "type": "ping", "id": null })).await, json!({ "type": "pong" }));
    socket.send(json!({ "type": "logout", "id": "bye" })).await;
    let answer = socket.message().await;
    assert_eq!(answer, json!({ "type": "logged_out", "id": "bye", "released": ["inbound_agent"] }));
    assert_eq!(socket.closed().await, (1000, "normal".to_owned()));
}

#[tokio::test]
async fn a_refused_login_says_why_closes_with_its_code_and_leaves_only_denials() {
    let broker = TestBroker::start().await;
    let licences = [("inbound_agent", 1, 0), ("agent_email", 0, 0)];
    let agents: [(&str, &[&str]); 3] =
        [("edred", &[]), ("osric", &[]), ("wulf", &["agent_email", "agent_sms"])];
    let operator = centre(&broker, &licences, &agents).await;
    operator.add_user(129, "meryl", "outbound_agent", &[]).await;
    let suspended = json!({ "user": "hild", "name": "hild", "status": "suspended",
        "user_type": "inbound_agent", "features": [] });
    operator.send(Method::POST, "/v1/organisations/129/users", suspended).await;
    let refused = |reason: &str, denied: Value| json!({ "type": "login_refused", "id": 1, "reason": reason, "denied": denied });
    let seat = |reason: &str| json!([{ "licence": "inbound_agent", "reason": reason }]);
    let channels = json!([
        { "licence": "agent_email", "reason": "not_purchased" },
        { "licence": "agent_sms", "reason": "not_purchased" },
    ]);
    let unbought = json!([{ "licence": "outbound_agent", "reason": "not_purchased" }]);
    let cases = [
        ("nobody", "agent_desktop", "user_unknown", json!([]), 4507),
        ("hild", "agent_desktop", "user_not_active", json!([]), 4507),
        ("edred", "switchboard", "device_not_permitted", seat("device_not_permitted"), 4507),
        ("wulf", "agent_desktop", "no_channel_licensed", channels, 4011),
        ("meryl", "agent_desktop", "seat_exhausted", unbought, 4010),
    ];
    for (user, device, reason, denied, code) in cases {
        let (mut socket, answer) = broker.login_with(129, user, device, json!({ "id": 1 })).await;
        assert_eq!(answer, refused(reason, denied));
        assert_eq!(socket.closed().await, (code, reason.to_owned()));
    }
    assert!(operator.usage(129).await.is_empty());
    let (holder, _) = broker.login(129, "osric", "agent_desktop").await;
    let (mut socket, answer) =
        broker.login_with(129, "edred", "deskphone", json!({ "id": 1 })).await;
    assert_eq!(answer, refused("seat_exhausted", seat("exhausted")));
    assert_eq!(socket.closed().await, (4010, "seat_exhausted".to_owned()));
    holder.log_out().await;
    let denials = operator.all("/v1/organisations/129/denials").await;
    assert!(denials.iter().all(|denial| denial["outcome"] == "refused"), "{denials:?}");
    assert_eq!(denials.len(), 5);
}

#[tokio::test]
async fn features_are_acquired_and_released_one_by_one() {
    let broker = TestBroker::start().await;
    let licences = [("inbound_agent", 2, 0), ("agent_email", 1, 0), ("agent_sms", 1, 1)];
    let operator = centre(&broker, &licences, &[("edred", &["agent_email", "agent_sms"])]).await;
    let (mut socket, _) =
        broker.login_with(129, "edred", "agent_desktop", json!({ "channels": [] })).await;
    let answer = socket
        .ask(json!({ "type": "acquire", "id": 3, "channels": ["agent_sms", "agent_email", "x"] }))
        .await;
    assert_eq!(
        answer,
        json!({
            "type": "acquired", "id": 3,
            "granted": [
                { "licence": "agent_email", "pool": "concurrent" },
                { "licence": "agent_sms", "pool": "concurrent" },
            ],
            "denied": [{ "licence": "x", "reason": "unknown_licence" }], "waiting": [],
        })
    );
    let release = json!({ "type": "release", "id": 4, "channels": ["agent_sms", "agent_email"] });
    let answer = socket.ask(release).await;
    let both = json!(["agent_email", "agent_sms"]);
    assert_eq!(
        answer,
        json!({ "type": "released", "id": 4, "licences": both, "reason": "requested" })
    );
    assert_eq!((used(&operator, "agent_email").await, used(&operator, "agent_sms").await), (0, 0));
    socket.log_out().await;
}

#[tokio::test]
async fn what_cannot_be_served_is_an_error_and_the_session_goes_on() {
    let broker = TestBroker::start().await;
    let licences = [("inbound_agent", 2, 0), ("agent_email", 1, 0)];
    let _operator = centre(&broker, &licences, &[("edred", &["agent_email"])]).await;
    let (mut socket, _) = broker.login(129, "edred", "agent_desktop").await;
    let cases = [
        (json!({ "type": "dance" }), "unknown_type", "dance"),
        (json!({ "type": "subscribe" }), "unknown_type", "subscribe"),
        (json!({ "type": 7 }), "bad_message", "type"),
        (json!({}), "bad_message", "type"),
        (json!({ "type": "acquire" }), "bad_message", "channels"),
        (json!({ "type": "acquire", "channels": [1] }), "bad_message", "channels"),
        (json!({ "type": "acquire", "channels": [], "wait": 1 }), "bad_message", "wait"),
        (json!({ "type": "refresh" }), "bad_message", "token"),
        (json!({ "type": "login", "device": "fax" }), "unknown_device", "fax"),
        (json!({ "type": "login", "device": "deskphone" }), "already_logged_in", "session"),
        (
            json!({ "type": "resume", "session": "x", "resume_token": "y" }),
            "already_logged_in",
            "session",
        ),
        (
            json!({ "type": "release", "channels": ["inbound_agent"] }),
            "seat_not_releasable",
            "channels",
        ),
        (json!({ "type": "release", "channels": ["agent_sms"] }), "not_held", "agent_sms"),
        (json!({ "type": "release", "channels": ["nothing"] }), "not_held", "nothing"),
    ];
    for (mut message, code, named) in cases {
        message["id"] = json!(9);
        let answer = socket.ask(message.clone()).await;
        assert_eq!(answer["type"], "error", "{message}");
        assert_eq!((&answer["code"], &answer["id"]), (&json!(code), &json!(9)), "{message}");
        assert!(answer["message"].as_str().unwrap().contains(named), "{answer}");
    }
    let answer = socket.ask(json!({ "type": "ping", "id": 1.5 })).await;
    assert_eq!((&answer["code"], answer.get("id")), (&json!("bad_message"), None));
    assert!(answer["message"].as_str().unwrap().starts_with("id:"), "{answer}");
    let released = socket.log_out().await;
    assert_eq!(released["released"], json!(["inbound_agent", "agent_email"]));
}

#[tokio::test]
async fn an_unknown_device_at_login_is_named_and_then_closed() {
    let broker = TestBroker::start().await;
    let _operator = centre(&broker, &[], &[]).await;
    let (mut socket, answer) = broker.login_with(129, "edred", "fax", json!({ "id": "a" })).await;
    assert_eq!((&answer["code"], &answer["id"]), (&json!("unknown_device"), &json!("a")));
    assert_eq!(socket.closed().await, (4500, "bad_message".to_owned()));
}

#[tokio::test]
async fn messages_after_a_logout_are_not_read() {
    let broker = TestBroker::start().await;
    let licences = [("inbound_agent", 1, 0), ("agent_email", 1, 0)];
    let operator = centre(&broker, &licences, &[("edred", &["agent_email"])]).await;
    let (mut socket, _) =
        broker.login_with(129, "edred", "agent_desktop", json!({ "channels": [] })).await;
    socket.send(json!({ "type": "logout", "id": 1 })).await;
    socket.send(json!({ "type": "ping", "id": 2 })).await;
    socket.send(json!({ "type": "acquire", "id": 3, "channels": ["agent_email"] })).await;
    assert_eq!(socket.message().await["id"], 1);
    assert_eq!(socket.closed().await.0, 1000);
    assert_nothing_is_held(&operator, SOON).await;
    assert_eq!(operator.usage(129).await.len(), 2);
}

#[tokio::test]
async fn nothing_behind_a_logout_is_judged_not_even_what_is_no_text() {
    let broker = TestBroker::start().await;
    let operator = centre(&broker, &[("inbound_agent", 1, 0)], &[("edred", &[])]).await;
    for behind in [Message::binary("{}"), Message::text("{"), Message::text("[]")] {
        let (mut socket, _) = broker.login(129, "edred", "agent_desktop").await;
        // Both leave together, so that the second is there before the first is answered.
        let logout = json!({ "type": "logout", "id": 1 }).to_string();
        socket.0.feed(Message::text(logout)).await.unwrap();
        socket.0.feed(behind.clone()).await.unwrap();
        socket.0.flush().await.unwrap();
        let answer = json!({ "type": "logged_out", "id": 1, "released": ["inbound_agent"] });
        assert_eq!(socket.hear().await, Heard::Message(answer), "{behind:?}");
        assert_eq!(socket.closed().await.0, 1000, "{behind:?}");
    }
    assert_nothing_is_held(&operator, SOON).await;
}

#[tokio::test]
async fn who_waits_is_granted_when_another_leaves_and_may_withdraw() {
    let broker = TestBroker::start().await;
    let licences = [("inbound_agent", 3, 0), ("agent_email", 1, 0)];
    let agents: [(&str, &[&str]); 3] =
        [("a", &["agent_email"]), ("b", &["agent_email"]), ("c", &["agent_email"])];
    let operator = centre(&broker, &licences, &agents).await;
    let (first, _) = broker.login(129, "a", "agent_desktop").await;
    let wait = json!({ "wait": true });
    let (mut second, answer) = broker.login_with(129, "b", "agent_desktop", wait.clone()).await;
    assert_eq!(answer["type"], "logged_in", "a login whose only channel is queued has its seat");
    assert_eq!((&answer["waiting"], &answer["denied"]), (&json!(["agent_email"]), &json!([])));
    let (mut third, _) = broker.login_with(129, "c", "agent_desktop", wait).await;
    let again = json!({ "type": "acquire", "channels": ["agent_email"], "wait": true });
    assert_eq!(second.ask(again).await["waiting"], json!(["agent_email"]), "it keeps its place");
    assert_eq!(operator.licence(129, "agent_email").await["waiting"], 2);
    first.log_out().await;
    assert_eq!(
        second.message().await,
        json!({ "type": "granted", "licences": [{ "licence": "agent_email", "pool": "concurrent" }] })
    );
    let withdraw = json!({ "type": "release", "id": 1, "channels": ["agent_email"] });
    assert_eq!(third.ask(withdraw).await["licences"], json!(["agent_email"]));
    assert_eq!(operator.licence(129, "agent_email").await["waiting"], 0);
    second.log_out().await;
    assert_eq!(third.ask(json!({ "type": "ping" })).await, json!({ "type": "pong" }));
    assert_eq!(third.log_out().await["released"], json!(["inbound_agent"]));
}

#[tokio::test]
async fn a_full_queue_is_an_error_to_an_acquire_and_a_denial_to_a_login() {
    let limits = Limits { waiting_per_licence_max: 1, ..Limits::default() };
    let broker = TestBroker::with(Setup { limits, ..Setup::default() }).await;
    let licences = [("inbound_agent", 4, 0), ("agent_email", 1, 0), ("agent_sms", 4, 0)];
    let both: &[&str] = &["agent_email", "agent_sms"];
    let agents = [("a", both), ("b", both), ("c", both), ("d", both)];
    let _operator = centre(&broker, &licences, &agents).await;
    let (_holder, _) = broker.login(129, "a", "agent_desktop").await;
    let (_waiter, answer) =
        broker.login_with(129, "b", "agent_desktop", json!({ "wait": true })).await;
    assert_eq!(answer["waiting"], json!(["agent_email"]));
    let sms_only = json!({ "channels": ["agent_sms"] });
    let (mut third, _) = broker.login_with(129, "c", "agent_desktop", sms_only).await;
    let acquire = json!({ "type": "acquire", "id": 5, "channels": ["agent_email"], "wait": true });
    let answer = third.ask(acquire).await;
    assert_eq!((&answer["code"], &answer["id"]), (&json!("too_many_waiting"), &json!(5)));
    let (_fourth, answer) =
        broker.login_with(129, "d", "agent_desktop", json!({ "wait": true })).await;
    let exhausted = json!([{ "licence": "agent_email", "reason": "exhausted" }]);
    assert_eq!((&answer["denied"], &answer["waiting"]), (&exhausted, &json!([])));
}

#[tokio::test]
async fn a_fresh_token_prolongs_the_session_and_speaks_for_the_same_bearer() {
    let clock = Clock::manual(chrono::Utc::now());
    let heartbeat = Duration::from_secs(86_400);
    let setup = Setup { clock: clock.clone(), heartbeat, ..Setup::default() };
    let broker = TestBroker::with(setup).await;
    let _operator = centre(&broker, &[("inbound_agent", 4, 0)], &[("edred", &[])]).await;
    let mut socket = broker.connect(129, "session").await;
    let short = broker.token_for(Role::Device, 129, "edred", TimeDelta::minutes(1));
    socket.ask(json!({ "type": "login", "token": short, "device": "agent_desktop" })).await;
    let (mut unrefreshed, _) = {
        let mut socket = broker.connect(129, "session").await;
        let login = json!({ "type": "login", "token": short, "device": "deskphone" });
        let answer = socket.ask(login).await;
        (socket, answer)
    };
    let fresh = broker.token_for(Role::Device, 129, "edred", TimeDelta::hours(2));
    let answer = socket.ask(json!({ "type": "refresh", "id": 5, "token": fresh })).await;
    assert_eq!((&answer["type"], &answer["id"]), (&json!("refreshed"), &json!(5)));
    let expires_at: chrono::DateTime<chrono::Utc> =
        answer["expires_at"].as_str().unwrap().parse().unwrap();
    assert!((clock.now().at + TimeDelta::hours(2) - expires_at).abs() < TimeDelta::seconds(5));
    assert!(answer["expires_at"].as_str().unwrap().ends_with('Z'));
    clock.advance(Duration::from_secs(90));
    assert_eq!(unrefreshed.closed().await, (4506, "token_expired".to_owned()));
    assert_eq!(socket.ask(json!({ "type": "ping" })).await, json!({ "type": "pong" }));
    for (role, organisation, subject) in
        [(Role::Device, 129, "osric"), (Role::Device, 130, "edred"), (Role::Admin, 129, "edred")]
    {
        let (mut socket, _) = broker.login(129, "edred", "agent_desktop").await;
        let token = broker.token(role, organisation, subject);
        socket.send(json!({ "type": "refresh", "token": token })).await;
        assert_eq!(socket.closed().await, (4502, "unauthorised".to_owned()));
    }
}
