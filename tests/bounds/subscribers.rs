//! Bounds on those who follow live counts.

use crate::support::broker::TestBroker;
use crate::support::socket::Socket;
use crate::support::until::until_seen;
use crate::{hits, stage};
use licence_broker::auth::Role;
use licence_broker::limits::Limits;
use licence_broker::limits::bound::Bound;
use serde_json::json;

async fn subscribe(broker: &TestBroker, organisation: u64) -> Socket {
    let mut socket = broker.connect(organisation, "live").await;
    let token = broker.token(Role::Wallboard, organisation, "lobby");
    socket.send(json!({ "type": "subscribe", "token": token })).await;
    socket
}

async fn subscribed(broker: &TestBroker, organisation: u64) -> Socket {
    let mut socket = subscribe(broker, organisation).await;
    assert_eq!(socket.message().await["type"], "snapshot");
    socket
}

#[tokio::test]
async fn subscribers_of_one_organisation_leave_room_for_those_of_others() {
    let limits = Limits { subscribers_per_organisation_max: 1, ..Limits::default() };
    let (broker, operator) = stage(limits).await;
    operator.create_organisation(130).await;
    let first = subscribed(&broker, 129).await;
    let mut beyond = subscribe(&broker, 129).await;
    assert_eq!(beyond.closed().await, (4004, "overloaded".to_owned()));
    assert_eq!(hits(&broker, Bound::SubscribersPerOrganisation), 1);
    let other = subscribed(&broker, 130).await;
    drop((first, other));
    until_seen("a place that was given back", async || {
        let mut socket = subscribe(&broker, 129).await;
        matches!(socket.hear().await, crate::support::socket::Heard::Message(_)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_event_stream_is_a_subscriber_too_and_is_told_to_come_again() {
    let (broker, _) = stage(Limits { subscribers_max: 1, ..Limits::default() }).await;
    let mut first = subscribed(&broker, 129).await;
    let api = broker.api(&broker.token(Role::Supervisor, 129, "sue"));
    let request = api.request(reqwest::Method::GET, "/v1/organisations/129/live");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 503);
    assert_eq!(answer.headers()["retry-after"], "1");
    assert_eq!(hits(&broker, Bound::Subscribers), 1);
    assert_eq!(first.ask(json!({ "type": "ping" })).await["type"], "pong");
}
