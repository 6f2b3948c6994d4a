//! A panic costs one organisation a restart from the store, and no other anything.

use crate::puppet::panic;
use crate::stage::{Stage, session, works};
use crate::support::until::until_seen;
use licence_broker::auth::Role;
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::time::Duration;
use tokio::time::timeout;

#[tokio::test]
async fn a_panic_with_a_commit_under_way_loses_nothing_and_no_other_organisation_notices() {
    let stage = Stage::start().await;
    stage.organisation(1, 3, 2).await;
    // Organisations share threads by their number: the third shares with the first.
    stage.organisation(3, 2, 2).await;
    let (mut kept, answer) = stage.log_in(1, 0, json!({ "grace_s": 60 })).await;
    let (mut other, _) = stage.log_in(3, 0, json!({})).await;
    let commits = stage.store.commits();
    stage.store.hold();
    let mut in_flight = stage.begin_login(1, 1, json!({ "grace_s": 60 })).await;
    stage.store.commits_begun(commits + 1).await;

    panic(&stage.broker.inside, 1).await;
    assert_eq!(in_flight.closed().await, (4003, "storage_unavailable".to_owned()));
    for socket in [&mut kept, &mut other] {
        assert_eq!(socket.ask(json!({ "type": "ping" })).await["type"], "pong");
    }
    // The next actor must not look at the store while it is open what the last one left there.
    until_seen("the next actor waits", async || {
        match timeout(Duration::from_millis(100), stage.decided(1)).await {
            Ok(None) => None,
            Ok(Some(sessions)) => panic!("{sessions} sessions, and a commit is under way"),
            Err(_) => Some(()),
        }
    })
    .await;
    stage.store.release();
    works(&mut other).await;
    until_seen("the actor is back", async || stage.decided(1).await).await;
    works(&mut kept).await;

    // What was at the gate is durable now, and nobody was told: it is released.
    let releases = stage.released(1, 3).await;
    assert!(releases.iter().all(|release| release.starts_with("agent-1 ")), "{releases:?}");
    let ledger = stage.audit(1, 2).await;
    let seat = (session(&answer).to_owned(), "inbound_agent".to_owned());
    assert!(ledger.open().contains(&seat) && ledger.releases(&seat).is_empty());
    drop(stage.log_in_at_last(1, 2).await);
    stage.released(1, 6).await;
    stage.audit(1, 2).await;
    stage.audit(3, 2).await;
}

#[tokio::test]
async fn requests_in_flight_are_answered_unavailable() {
    let stage = Stage::start().await;
    stage.organisation(1, 2, 2).await;
    let (mut asking, _) = stage.log_in(1, 0, json!({ "channels": ["agent_email"] })).await;
    let commits = stage.store.commits();
    stage.store.hold();
    asking.send(json!({ "type": "acquire", "channels": ["agent_sms"] })).await;
    stage.store.commits_begun(commits + 1).await;
    let totals = json!({ "base": 0, "concurrent": 9, "contingency": 0, "fixed": 0 });
    let path = "/v1/organisations/1/licences/agent_sms";
    let change = stage.operator.call(Method::PUT, path, Some(totals));
    let ((status, _), ()) = tokio::join!(change, panic(&stage.broker.inside, 1));
    assert!([StatusCode::SERVICE_UNAVAILABLE, StatusCode::OK].contains(&status), "{status}");
    assert_eq!(asking.closed().await.0, 4003);
    stage.store.release();
    stage.released(1, 3).await;
    stage.audit(1, 9).await;
}

#[tokio::test]
async fn panics_that_go_on_back_off_and_recover() {
    let stage = Stage::start().await;
    stage.organisation(1, 2, 2).await;
    let (mut socket, _) = stage.log_in(1, 0, json!({})).await;
    let (lost, welcome) = stage.log_in(1, 1, json!({ "grace_s": 60 })).await;
    lost.vanish();
    for _ in 0..3 {
        panic(&stage.broker.inside, 1).await;
        until_seen("the actor is back", async || stage.decided(1).await).await;
    }
    stage.store.panic_loads(4);
    panic(&stage.broker.inside, 1).await;
    until_seen("the actor is back", async || stage.decided(1).await).await;
    works(&mut socket).await;
    let mut back = stage.broker.connect(1, "session").await;
    let answer = back
        .ask(json!({
            "type": "resume", "session": session(&welcome),
            "resume_token": welcome["resume_token"],
            "token": stage.broker.token(Role::Device, 1, "agent-1"),
        }))
        .await;
    assert_eq!(answer["type"], "resumed", "who lingered before lingers still: {answer}");
    let ledger = stage.audit(1, 2).await;
    assert_eq!(ledger.all_releases().count(), 0);
}
