//! What ends a session from outside: takeover, force, schedule, a change of the user, the organisation's
//! removal, a drain. Each has its close code and its record.

use crate::centre::{SOON, assert_nothing_is_held, centre, records, sessions};
use crate::support::broker::{Setup, TestBroker};
use crate::support::eventually::eventually;
use chrono::TimeDelta;
use licence_broker::clock::Clock;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

const LICENCES: &[(&str, u32, u32)] =
    &[("inbound_agent", 2, 0), ("supervisor", 2, 0), ("agent_email", 2, 0)];

/// The reasons of all releases, in the order of the log.
async fn reasons(operator: &crate::support::http::Api, count: usize) -> Vec<Value> {
    let released = records(operator, "Released", count).await;
    released.iter().map(|record| record["reason"].clone()).collect()
}

#[tokio::test]
async fn a_second_login_takes_over_without_anything_being_free_between() {
    let broker = TestBroker::start().await;
    let licences = [("inbound_agent", 1, 0), ("agent_email", 1, 0)];
    let operator = centre(&broker, &licences, &[("edred", &["agent_email"])]).await;
    let (mut old, first) = broker.login(129, "edred", "agent_desktop").await;
    let (new, second) = broker.login(129, "edred", "agent_desktop").await;
    assert_eq!(old.closed().await, (4504, "superseded".to_owned()));
    let shared = |licence: &str| json!({ "licence": licence, "pool": "shared" });
    assert_eq!(second["granted"], json!([shared("inbound_agent"), shared("agent_email")]));
    let log = operator.usage(129).await;
    let row = |record: &Value| {
        let field = |name: &str| record[name].as_str().unwrap_or("-").to_owned();
        let session = if record["session"] == first["session"] { "old" } else { "new" };
        [field("usage_type"), field("licence"), field("pool"), field("reason"), session.to_owned()]
            .join(" ")
    };
    let told: Vec<String> = log.iter().map(row).collect();
    assert_eq!(
        told,
        [
            "Acquired inbound_agent concurrent - old",
            "Acquired agent_email concurrent - old",
            "Acquired inbound_agent shared - new",
            "Acquired agent_email shared - new",
            "Released inbound_agent concurrent superseded old",
            "Released agent_email concurrent superseded old",
        ]
    );
    assert_eq!(log[2]["logged_at"], log[4]["logged_at"], "at the same instant");
    new.log_out().await;
    assert_nothing_is_held(&operator, SOON).await;
}

#[tokio::test]
async fn a_refused_takeover_leaves_the_old_session_untouched() {
    let broker = TestBroker::start().await;
    let licences = [("inbound_agent", 1, 0), ("agent_email", 1, 0)];
    let operator = centre(&broker, &licences, &[("edred", &["agent_email", "agent_sms"])]).await;
    let only_email = json!({ "channels": ["agent_email"] });
    let (mut old, _) = broker.login_with(129, "edred", "agent_desktop", only_email).await;
    let only_sms = json!({ "channels": ["agent_sms"] });
    let (mut new, answer) = broker.login_with(129, "edred", "agent_desktop", only_sms).await;
    assert_eq!(answer["reason"], "no_channel_licensed");
    assert_eq!(new.closed().await.0, 4011);
    assert_eq!(old.ask(json!({ "type": "ping" })).await, json!({ "type": "pong" }));
    assert_eq!(sessions(&operator).await.len(), 1);
}

#[tokio::test]
async fn an_administrator_ends_a_session() {
    let broker = TestBroker::start().await;
    let operator = centre(&broker, LICENCES, &[("edred", &[])]).await;
    let (mut socket, answer) =
        broker.login_with(129, "edred", "agent_desktop", json!({ "grace_s": 60 })).await;
    let path = format!("/v1/organisations/129/sessions/{}", answer["session"].as_str().unwrap());
    operator.send(Method::DELETE, &path, Value::Null).await;
    assert_eq!(socket.closed().await, (4505, "forced".to_owned()));
    assert_eq!(reasons(&operator, 1).await, ["forced"]);
    assert_nothing_is_held(&operator, SOON).await;
}

#[tokio::test]
async fn a_change_of_the_user_ends_the_sessions_with_its_reason() {
    let cases = [
        (Method::PATCH, json!({ "status": "suspended" }), "user_not_active", "user_changed"),
        (Method::PATCH, json!({ "user_type": "supervisor" }), "user_changed", "user_changed"),
        (Method::DELETE, Value::Null, "user_unknown", "user_removed"),
    ];
    let broker = TestBroker::start().await;
    let agents: [(&str, &[&str]); 3] = [("a", &[]), ("b", &[]), ("c", &[])];
    let operator = centre(&broker, LICENCES, &agents).await;
    for ((user, _), (method, body, close, reason)) in agents.iter().zip(cases) {
        let (mut desktop, _) =
            broker.login_with(129, user, "agent_desktop", json!({ "grace_s": 60 })).await;
        let (mut phone, _) = broker.login(129, user, "deskphone").await;
        operator.send(method, &format!("/v1/organisations/129/users/{user}"), body).await;
        assert_eq!(desktop.closed().await, (4507, close.to_owned()));
        assert_eq!(phone.closed().await, (4507, close.to_owned()));
        assert_nothing_is_held(&operator, SOON).await;
        let released = operator.usage(129).await;
        assert_eq!(released.last().unwrap()["reason"], reason);
    }
}

#[tokio::test]
async fn a_feature_taken_away_is_released_unasked_and_leaves_the_queue() {
    let broker = TestBroker::start().await;
    let licences = [("inbound_agent", 2, 0), ("agent_email", 1, 0)];
    let agents: [(&str, &[&str]); 2] = [("a", &["agent_email"]), ("b", &["agent_email"])];
    let operator = centre(&broker, &licences, &agents).await;
    let (mut holder, _) = broker.login(129, "a", "agent_desktop").await;
    let (mut waiter, _) =
        broker.login_with(129, "b", "agent_desktop", json!({ "wait": true })).await;
    let unassigned = json!({
        "type": "released", "licences": ["agent_email"], "reason": "unassigned",
    });
    for (user, socket) in [("b", &mut waiter), ("a", &mut holder)] {
        let path = format!("/v1/organisations/129/users/{user}");
        operator.send(Method::PATCH, &path, json!({ "features": [] })).await;
        if user == "a" {
            assert_eq!(socket.message().await, unassigned);
        }
    }
    let row = operator.licence(129, "agent_email").await;
    assert_eq!((&row["waiting"], &row["concurrent"]["used"]), (&json!(0), &json!(0)));
    assert_eq!(reasons(&operator, 1).await, ["unassigned"]);
    for mut socket in [holder, waiter] {
        while socket.ask(json!({ "type": "ping" })).await["type"] != "pong" {}
    }
}

#[tokio::test]
async fn the_end_of_an_organisation_is_the_end_of_its_sessions_and_wallboards() {
    let broker = TestBroker::start().await;
    let operator = centre(&broker, LICENCES, &[("edred", &[])]).await;
    let (mut socket, _) = broker.login(129, "edred", "agent_desktop").await;
    operator.send(Method::DELETE, "/v1/organisations/129", Value::Null).await;
    assert_eq!(socket.closed().await, (4505, "forced".to_owned()));
    let mut late = broker.connect(129, "session").await;
    late.send_text(&broker.login_message(129, "edred", "agent_desktop", json!({}))).await;
    assert_eq!(late.closed().await.0, 4502);
}

#[tokio::test]
async fn the_schedule_logs_everybody_off_once() {
    let clock = Clock::manual(chrono::Utc::now());
    let heartbeat = Duration::from_secs(86_400);
    let setup = Setup { clock: clock.clone(), heartbeat, ..Setup::default() };
    let broker = TestBroker::with(setup).await;
    let operator = centre(&broker, LICENCES, &[("edred", &[])]).await;
    let due = (clock.now().at + TimeDelta::minutes(10)).format("%H:%M").to_string();
    let settings = json!({ "scheduled_log_off": due });
    operator.send(Method::PATCH, "/v1/organisations/129", settings).await;
    let (mut desktop, _) = broker.login(129, "edred", "agent_desktop").await;
    let (mut phone, _) = broker.login(129, "edred", "deskphone").await;
    clock.advance(Duration::from_secs(660));
    assert_eq!(desktop.closed().await, (4505, "forced".to_owned()));
    assert_eq!(phone.closed().await, (4505, "forced".to_owned()));
    let released = records(&operator, "Released", 2).await;
    for record in &released {
        assert_eq!(record["logon_source"], "Scheduled Log Off");
        assert_eq!(record["reason"], "scheduled");
    }
    let (again, _) = broker.login(129, "edred", "agent_desktop").await;
    again.log_out().await;
}

#[tokio::test]
async fn a_drain_is_announced_and_then_closes_everything_as_going_away() {
    let broker = TestBroker::start().await;
    let operator = centre(&broker, LICENCES, &[("edred", &[])]).await;
    let (mut device, _) = broker.login(129, "edred", "agent_desktop").await;
    let mut idle = broker.connect(129, "session").await;
    let (address, token) = (broker.address, operator.token().to_owned());
    let drain = tokio::spawn(broker.drain());
    assert_eq!(device.message().await, json!({ "type": "draining", "reconnect_within_s": 10 }));
    let refused = reqwest::Client::new()
        .get(format!("http://{address}/v1/organisations/129/session"))
        .bearer_auth(token)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 503, "no new connections");
    assert_eq!(device.closed().await, (1001, "going_away".to_owned()));
    assert_eq!(idle.closed().await, (1001, "going_away".to_owned()));
    eventually(Duration::from_secs(10), "the drain ends", async || drain.is_finished()).await;
}
