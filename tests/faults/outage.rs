//! A store that refuses for a while.

use crate::stage::{Stage, is_silent, session, works};
use crate::support::broker::Setup;
use crate::support::until::until_seen;
use chrono::{TimeDelta, Utc};
use licence_broker::auth::Role;
use licence_broker::clock::Clock;
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn running_sessions_outlive_an_outage_and_goodbyes_keep_their_reasons() {
    let stage = Stage::start().await;
    stage.organisation(1, 6, 10).await;
    let (mut plain, plain_answer) = stage.log_in(1, 0, json!({})).await;
    let (mut graceful, _) = stage.log_in(1, 1, json!({ "grace_s": 60 })).await;
    let (mut leaving, _) = stage.log_in(1, 2, json!({ "grace_s": 60 })).await;
    let (vanishing, _) = stage.log_in(1, 3, json!({})).await;
    let (lingering, _) = stage.log_in(1, 4, json!({ "grace_s": 60 })).await;

    stage.store.set_down(true);
    for _ in 0..3 {
        let mut refused = stage.begin_login(1, 5, json!({})).await;
        assert_eq!(refused.closed().await, (4003, "storage_unavailable".to_owned()));
    }
    let totals = json!({ "base": 0, "concurrent": 9, "contingency": 0, "fixed": 0 });
    let path = "/v1/organisations/1/licences/agent_sms";
    let (status, _) = stage.operator.call(Method::PUT, path, Some(totals.clone())).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let created = json!({ "id": 2, "name": "Two", "time_zone": "UTC" });
    let (status, _) = stage.operator.call(Method::POST, "/v1/organisations", Some(created)).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    leaving.send(json!({ "type": "logout" })).await;
    assert_eq!(leaving.closed().await.0, 4003);
    vanishing.vanish();
    lingering.vanish();
    for socket in [&mut plain, &mut graceful] {
        assert_eq!(socket.ask(json!({ "type": "ping" })).await["type"], "pong");
    }

    stage.store.set_down(false);
    let releases = stage.released(1, 6).await;
    let of = |reason: &str| releases.iter().filter(|release| release.ends_with(reason)).count();
    assert_eq!((of("logout"), of("connection_lost")), (3, 3), "{releases:?}");
    works(&mut plain).await;
    works(&mut graceful).await;
    let ledger = stage.audit(1, 10).await;
    let seat = (session(&plain_answer).to_owned(), "inbound_agent".to_owned());
    assert!(ledger.open().contains(&seat), "the same session");
    assert_eq!(ledger.open().len(), 9, "two that stayed and one that lingers");
    let (status, _) = stage.operator.call(Method::PUT, path, Some(totals)).await;
    assert_eq!(status, StatusCode::OK);
    drop(stage.log_in_at_last(1, 5).await);
}

#[tokio::test]
async fn what_ran_out_during_an_outage_is_closed_and_released_with_its_own_reason() {
    let clock = Clock::manual(Utc::now());
    let heartbeat = Duration::from_secs(1);
    let setup = Setup { clock: clock.clone(), heartbeat, ..Setup::default() };
    let stage = Stage::with(setup).await;
    stage.organisation(1, 2, 5).await;
    let mut expiring = stage.broker.connect(1, "session").await;
    let life = TimeDelta::seconds(60);
    let token = stage.broker.token_for(Role::Device, 1, "agent-0", life);
    let login = json!({ "type": "login", "token": token, "device": "agent_desktop" });
    assert_eq!(expiring.ask(login).await["type"], "logged_in");
    let (mut silent, _) = stage.log_in(1, 1, json!({})).await;

    stage.store.set_down(true);
    let commits = stage.store.commits();
    clock.advance(Duration::from_secs(61));
    stage.store.commits_begun(commits + 1).await;
    assert!(is_silent(&mut expiring) && is_silent(&mut silent), "nothing pretends");
    stage.store.set_down(false);
    let mut releases = stage.released(1, 6).await;
    releases.retain(|release| release.contains("inbound_agent"));
    releases.sort();
    let expected =
        ["agent-0 inbound_agent token_expired", "agent-1 inbound_agent heartbeat_timeout"];
    assert_eq!(releases, expected);
    assert_eq!(expiring.closed().await, (4506, "token_expired".to_owned()));
    assert_eq!(silent.closed().await, (4000, "heartbeat_timeout".to_owned()));
}

#[tokio::test]
async fn attempts_during_an_outage_leave_nothing_behind() {
    let stage = Stage::start().await;
    stage.organisation(1, 20, 20).await;
    let (mut socket, _) = stage.log_in(1, 0, json!({})).await;
    stage.store.set_down(true);
    let loads = stage.store.loads();
    let mut first = stage.begin_login(1, 1, json!({})).await;
    assert_eq!(first.closed().await.0, 4003);
    // From now on there is an actor, and it has nothing to decide on.
    until_seen("the actor tries to load", async || (stage.store.loads() > loads).then_some(()))
        .await;
    for number in 2..20 {
        let mut refused = stage.begin_login(1, number, json!({})).await;
        assert_eq!(refused.closed().await.0, 4003);
    }
    // The first was decided before the store refused: its goodbye is remembered.
    until_seen("nobody but the session that runs is remembered", async || {
        (stage.broker.inside.directory.connected() <= 2).then_some(())
    })
    .await;
    stage.store.set_down(false);
    drop(stage.log_in_at_last(1, 1).await);
    works(&mut socket).await;
    stage.released(1, 3).await;
    stage.audit(1, 20).await;
}
