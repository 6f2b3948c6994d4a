//! Bounds on sockets and on what comes over them.

use crate::support::broker::TestBroker;
use crate::support::http::Api;
use crate::support::socket::{Heard, Socket};
use crate::support::until::until_seen;
use crate::{hits, stage};
use licence_broker::limits::bound::Bound;
use licence_broker::limits::{Limits, MESSAGE_BYTES_MAX};
use serde_json::json;
use std::num::NonZeroU32;
use tokio_tungstenite::tungstenite::Error;

/// The status of a refused upgrade and when to try again.
async fn refused(broker: &TestBroker, path: &str) -> (u16, String) {
    let error = broker.try_connect(129, path, &[]).await.err().expect("a refusal");
    let Error::Http(response) = *error else { panic!("no answer: {error}") };
    let retry = response.headers().get("retry-after").expect("a time to come back");
    (response.status().as_u16(), retry.to_str().unwrap().to_owned())
}

async fn logged_in(broker: &TestBroker, user: &str, device: &str) -> Socket {
    let (socket, answer) = broker.login(129, user, device).await;
    assert_eq!(answer["type"], "logged_in", "{answer}");
    socket
}

/// Logs in without success.
async fn turned_away(broker: &TestBroker, user: &str, device: &str) -> (u16, String) {
    let mut socket = broker.connect(129, "session").await;
    let login = broker.login_message(129, user, device, json!({}));
    socket.send_text(&login).await;
    socket.closed().await
}

async fn works(socket: &mut Socket) {
    assert_eq!(socket.ask(json!({ "type": "ping" })).await["type"], "pong");
}

async fn sessions(operator: &Api) -> usize {
    operator.all("/v1/organisations/129/sessions").await.len()
}

fn overloaded() -> (u16, String) {
    (4004, "overloaded".to_owned())
}

#[tokio::test]
async fn a_socket_too_many_is_told_to_come_again_and_has_room_when_another_ends() {
    let (broker, _) = stage(Limits { sessions_max: 2, ..Limits::default() }).await;
    let mut first = logged_in(&broker, "a", "agent_desktop").await;
    let second = logged_in(&broker, "b", "agent_desktop").await;
    assert_eq!(refused(&broker, "session").await, (503, "1".to_owned()));
    assert_eq!(hits(&broker, Bound::Sessions), 1);
    works(&mut first).await;
    second.log_out().await;
    until_seen("room", async || broker.try_connect(129, "session", &[]).await.ok()).await;
}

#[tokio::test]
async fn an_address_that_opens_too_many_sockets_is_told_to_come_again() {
    let one = NonZeroU32::MIN;
    let limits = Limits { connections_per_address_per_second: one, ..Limits::default() };
    let (broker, _) = stage(limits).await;
    let mut first = logged_in(&broker, "a", "agent_desktop").await;
    // The second may be over between the two; of a few tries in a row one is too fast.
    let before = hits(&broker, Bound::ConnectionsPerAddressPerSecond);
    until_seen("one too many", async || {
        let error = broker.try_connect(129, "session", &[]).await.err()?;
        matches!(*error, Error::Http(response) if response.status().as_u16() == 503).then_some(())
    })
    .await;
    assert_eq!(hits(&broker, Bound::ConnectionsPerAddressPerSecond), before + 1);
    works(&mut first).await;
}

#[tokio::test]
async fn a_full_organisation_takes_no_further_login_but_every_takeover_and_resume() {
    let limits = Limits { sessions_per_organisation_max: 2, ..Limits::default() };
    let (broker, operator) = stage(limits).await;
    let grace = json!({ "grace_s": 60 });
    let (lost, first) = broker.login_with(129, "a", "agent_desktop", grace).await;
    let mut second = logged_in(&broker, "b", "agent_desktop").await;
    assert_eq!(turned_away(&broker, "c", "agent_desktop").await, overloaded());
    assert_eq!(hits(&broker, Bound::SessionsPerOrganisation), 1);
    let denials = operator.all("/v1/organisations/129/denials").await;
    assert_eq!(denials.len(), 0, "nobody was denied a licence: {denials:?}");

    let third = logged_in(&broker, "b", "agent_desktop").await;
    assert_eq!(second.closed().await.0, 4504, "a takeover adds no session");
    lost.vanish();
    let mut back = broker.connect(129, "session").await;
    let token = broker.token(licence_broker::auth::Role::Device, 129, "a");
    let resume = json!({
        "type": "resume", "token": token,
        "session": first["session"], "resume_token": first["resume_token"],
    });
    assert_eq!(back.ask(resume).await["type"], "resumed");
    assert_eq!((sessions(&operator).await, hits(&broker, Bound::SessionsPerOrganisation)), (2, 1));
    third.log_out().await;
    logged_in(&broker, "c", "agent_desktop").await;
}

#[tokio::test]
async fn the_sockets_of_one_user_are_bounded_and_no_other_user_notices() {
    let limits = Limits { connections_per_user_max: 2, ..Limits::default() };
    let (broker, operator) = stage(limits).await;
    let mut desktop = logged_in(&broker, "a", "agent_desktop").await;
    let deskphone = logged_in(&broker, "a", "deskphone").await;
    assert_eq!(turned_away(&broker, "a", "agent_desktop").await, overloaded());
    assert_eq!(hits(&broker, Bound::ConnectionsPerUser), 1);
    works(&mut desktop).await;
    logged_in(&broker, "b", "agent_desktop").await;
    deskphone.log_out().await;
    until_seen("a place that was given back", async || {
        let mut socket = broker.connect(129, "session").await;
        socket.send_text(&broker.login_message(129, "a", "deskphone", json!({}))).await;
        let answer = socket.hear().await;
        matches!(answer, Heard::Message(answer) if answer["type"] == "logged_in").then_some(())
    })
    .await;
    assert!(sessions(&operator).await >= 1);
}

#[tokio::test]
async fn a_device_in_a_loop_of_logins_is_held_back_and_keeps_what_it_has() {
    let twice = NonZeroU32::new(2).unwrap();
    let limits = Limits { logins_per_user_per_minute: twice, ..Limits::default() };
    let (broker, operator) = stage(limits).await;
    let mut first = logged_in(&broker, "a", "agent_desktop").await;
    let mut second = logged_in(&broker, "a", "agent_desktop").await;
    assert_eq!(first.closed().await.0, 4504);
    assert_eq!(turned_away(&broker, "a", "agent_desktop").await, overloaded());
    assert_eq!(hits(&broker, Bound::LoginsPerUserPerMinute), 1);
    works(&mut second).await;
    logged_in(&broker, "b", "agent_desktop").await;
    assert!(sessions(&operator).await >= 1);
}

#[tokio::test]
async fn a_queue_at_its_bound_is_said_so_and_the_session_goes_on() {
    let (broker, operator) =
        stage(Limits { waiting_per_licence_max: 1, ..Limits::default() }).await;
    operator.buy(129, "agent_sms", 1, 0).await;
    let (_holder, _) =
        broker.login_with(129, "a", "agent_desktop", json!({ "channels": ["agent_sms"] })).await;
    let email = json!({ "channels": ["agent_email"] });
    let (mut waiting, _) = broker.login_with(129, "b", "agent_desktop", email.clone()).await;
    let (mut beyond, _) = broker.login_with(129, "c", "agent_desktop", email).await;
    let wait = json!({ "type": "acquire", "channels": ["agent_sms"], "wait": true });
    assert_eq!(waiting.ask(wait.clone()).await["waiting"], json!(["agent_sms"]));
    let answer = beyond.ask(wait).await;
    assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!("too_many_waiting")));
    assert_eq!(hits(&broker, Bound::WaitingPerLicence), 1);
    works(&mut beyond).await;
}

#[tokio::test]
async fn frames_above_the_rate_wait_and_none_is_lost() {
    let (broker, _) = stage(Limits { frames_per_second: 10, ..Limits::default() }).await;
    let mut socket = logged_in(&broker, "a", "agent_desktop").await;
    for id in 0..25 {
        socket.send(json!({ "type": "ping", "id": id })).await;
    }
    for id in 0..25 {
        assert_eq!(socket.message().await["id"], id, "served in order");
    }
    // The login and 19 more are the burst; each of the others had to wait for its turn.
    assert!((1..=6).contains(&hits(&broker, Bound::FramesPerSecond)));
}

#[tokio::test]
async fn a_message_that_is_too_big_ends_its_session_alone() {
    let (broker, operator) = stage(Limits::default()).await;
    let mut socket = logged_in(&broker, "a", "agent_desktop").await;
    let mut other = logged_in(&broker, "b", "agent_desktop").await;
    socket.send_text(&" ".repeat(MESSAGE_BYTES_MAX + 1)).await;
    assert_eq!(socket.closed().await.0, 1009);
    assert_eq!(hits(&broker, Bound::MessageBytes), 1);
    works(&mut other).await;
    until_seen("its licences are released", async || {
        (sessions(&operator).await == 1).then_some(())
    })
    .await;
}
