//! Tokens that run out under sessions, and fresh ones that come in time or not.

use crate::centre::{assert_nothing_is_held, centre, records, sessions};
use crate::support::broker::{Setup, TestBroker};
use crate::support::http::Api;
use crate::support::socket::{Heard, PATIENCE, Socket};
use chrono::{DateTime, TimeDelta, Utc};
use licence_broker::auth::Role;
use licence_broker::clock::Clock;
use serde_json::{Value, json};
use std::time::Duration;

const EXPIRED: (u16, &str) = (4506, "token_expired");
const UNAUTHORISED: (u16, &str) = (4502, "unauthorised");

/// A broker whose clock stands still until it is turned, with two seats for edred and osric.
async fn stage() -> (TestBroker, Api, Clock) {
    let clock = Clock::manual(Utc::now());
    let heartbeat = Duration::from_secs(86_400);
    let broker =
        TestBroker::with(Setup { clock: clock.clone(), heartbeat, ..Setup::default() }).await;
    let agents: &[(&str, &[&str])] = &[("edred", &[]), ("osric", &[])];
    let operator = centre(&broker, &[("inbound_agent", 2, 0)], agents).await;
    (broker, operator, clock)
}

async fn log_in(broker: &TestBroker, token: &str, device: &str) -> Socket {
    let mut socket = broker.connect(129, "session").await;
    let login = json!({"type": "login", "token": token, "device": device, "grace_s": 20});
    assert_eq!(socket.ask(login).await["type"], "logged_in");
    socket
}

fn refresh(token: &str) -> Value {
    json!({"type": "refresh", "id": 1, "token": token})
}

/// What a subscriber is sent unasked, at any time.
fn is_live(told: &Value) -> bool {
    ["snapshot", "counts", "interval"].iter().any(|kind| told["type"] == *kind)
}

/// The answer, whatever live counts come before it.
async fn answer(socket: &mut Socket, asked: Value) -> Value {
    socket.send(asked).await;
    loop {
        let told = socket.message().await;
        if !is_live(&told) {
            return told;
        }
    }
}

async fn ends(socket: &mut Socket, (code, name): (u16, &str)) {
    loop {
        match socket.hear().await {
            Heard::Message(told) => assert!(is_live(&told), "{told}"),
            Heard::Closed(told, reason) => return assert_eq!((told, &*reason), (code, name)),
            Heard::Ended => panic!("a close frame was expected"),
        }
    }
}

#[tokio::test]
async fn a_session_ends_with_its_token_at_once_and_grace_does_not_prolong_it() {
    let (broker, operator, clock) = stage().await;
    let minute = broker.token_for(Role::Device, 129, "edred", TimeDelta::minutes(1));
    let mut socket = log_in(&broker, &minute, "agent_desktop").await;
    clock.advance(Duration::from_secs(58));
    assert_eq!(socket.ask(json!({"type": "ping"})).await["type"], "pong", "not a moment too early");
    // The leeway is at most 5 s.
    clock.advance(Duration::from_secs(2 + 5));
    ends(&mut socket, EXPIRED).await;
    assert_nothing_is_held(&operator, PATIENCE).await;
    assert_eq!(records(&operator, "Released", 1).await[0]["reason"], "token_expired");
}

#[tokio::test]
async fn a_refresh_with_a_token_that_is_worth_nothing_ends_the_session_whatever_is_wrong() {
    let (broker, operator, _) = stage().await;
    let good = broker.token(Role::Device, 129, "edred");
    let expired = broker.token_for(Role::Device, 129, "edred", TimeDelta::seconds(-6));
    let cut = good[..good.len() - 8].to_owned();
    for wrong in [&*expired, &cut, "", "a.b.c"] {
        let mut socket = log_in(&broker, &good, "agent_desktop").await;
        socket.send(refresh(wrong)).await;
        ends(&mut socket, UNAUTHORISED).await;
        assert_nothing_is_held(&operator, PATIENCE).await;
    }
}

#[tokio::test]
async fn a_subscriber_takes_a_fresh_token_of_its_own_and_of_nobody_else() {
    let (broker, _, _) = stage().await;
    for (role, organisation, subject) in [
        (Role::Wallboard, 129, "foyer"),
        (Role::Wallboard, 130, "lobby"),
        (Role::Supervisor, 129, "lobby"),
        (Role::Admin, 129, "lobby"),
        (Role::Operator, 0, "lobby"),
    ] {
        let mut board = subscribe(&broker, &broker.token(Role::Wallboard, 129, "lobby")).await;
        board.send(refresh(&broker.token(role, organisation, subject))).await;
        ends(&mut board, UNAUTHORISED).await;
    }
    let mut board = subscribe(&broker, &broker.token(Role::Wallboard, 129, "lobby")).await;
    let expired = broker.token_for(Role::Wallboard, 129, "lobby", TimeDelta::seconds(-6));
    board.send(refresh(&expired)).await;
    ends(&mut board, UNAUTHORISED).await;
}

async fn subscribe(broker: &TestBroker, token: &str) -> Socket {
    let mut board = broker.connect(129, "live").await;
    let told = board.ask(json!({"type": "subscribe", "token": token})).await;
    assert_eq!(told["type"], "snapshot");
    board
}

#[tokio::test]
async fn a_subscriber_that_was_given_a_fresh_token_outlives_the_old_one() {
    let heartbeat = Duration::from_secs(4);
    let broker = TestBroker::with(Setup { heartbeat, ..Setup::default() }).await;
    let _operator = centre(&broker, &[("inbound_agent", 2, 0)], &[]).await;
    let short = broker.token_for(Role::Wallboard, 129, "lobby", TimeDelta::seconds(3));
    let (mut fresh, mut stale) =
        (subscribe(&broker, &short).await, subscribe(&broker, &short).await);
    let told = answer(&mut fresh, refresh(&broker.token(Role::Wallboard, 129, "lobby"))).await;
    let until: DateTime<Utc> = told["expires_at"].as_str().unwrap().parse().unwrap();
    assert!(until > Utc::now() + TimeDelta::minutes(59), "{told}");
    ends(&mut stale, EXPIRED).await;
    assert_eq!(answer(&mut fresh, json!({"type": "ping"})).await["type"], "pong");
}

/// Whichever is first: the session is prolonged, or it ends as expired; and what it holds says the same.
#[tokio::test]
async fn a_refresh_at_the_very_moment_of_the_expiry_is_in_time_or_too_late_and_nothing_between() {
    let (broker, operator, clock) = stage().await;
    let mut ended = 0;
    for round in 0..20 {
        let life = clock.now().at - Utc::now() + TimeDelta::seconds(30);
        let short = broker.token_for(Role::Device, 129, "edred", life);
        let fresh = broker.token_for(Role::Device, 129, "edred", life + TimeDelta::hours(1));
        let mut socket = log_in(&broker, &short, "agent_desktop").await;
        socket.send(refresh(&fresh)).await;
        clock.advance(Duration::from_secs(31));
        socket.send(json!({"type": "ping", "id": 2})).await;
        let is_over = loop {
            match socket.hear().await {
                Heard::Message(told) if told["type"] == "pong" => break false,
                Heard::Message(told) => assert_eq!(told["type"], "refreshed", "{round}: {told}"),
                Heard::Closed(code, reason) => {
                    assert_eq!((code, &*reason), EXPIRED, "{round}");
                    break true;
                }
                Heard::Ended => panic!("{round}: a close frame was expected"),
            }
        };
        if is_over {
            ended += 1;
        } else {
            assert_eq!(sessions(&operator).await.len(), 1, "{round}");
            socket.log_out().await;
        }
        assert_nothing_is_held(&operator, PATIENCE).await;
    }
    let released = records(&operator, "Released", 20).await;
    let expired = released.iter().filter(|record| record["reason"] == "token_expired").count();
    assert_eq!(expired, ended);
}
