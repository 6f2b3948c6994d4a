//! A commit that failed, or ended nobody knows how, voids what was decided since; nothing pretends.

use crate::stage::{Stage, session, works};
use crate::support::faulty_store::Fault;
use crate::support::until::until_seen;
use licence_broker::auth::Role;
use reqwest::{Method, StatusCode};
use serde_json::json;

#[tokio::test]
async fn a_failed_commit_costs_its_own_organisation_the_logins_that_wait_and_no_other_anything() {
    let stage = Stage::start().await;
    for id in 1..=3 {
        stage.organisation(id, 3, 5).await;
    }
    let (mut before, _) = stage.log_in(2, 0, json!({})).await;
    let commits = stage.store.commits();
    stage.store.hold();
    let mut first = stage.begin_login(1, 0, json!({})).await;
    stage.store.commits_begun(commits + 1).await;
    let mut failed = stage.begin_login(2, 1, json!({})).await;
    stage.decided_are(2, 2).await;
    let mut retried = stage.begin_login(3, 0, json!({})).await;
    stage.decided_are(3, 1).await;
    // Organisation 1 alone, then 2 and 3 together, then 2 by itself; 3 by itself comes through.
    stage.store.plan(Fault::Abort, 3);
    stage.store.release();
    assert_eq!(first.closed().await, (4003, "storage_unavailable".to_owned()));
    assert_eq!(failed.closed().await, (4003, "storage_unavailable".to_owned()));
    assert_eq!(retried.message().await["type"], "logged_in");

    stage.decided_are(2, 1).await;
    assert_eq!(stage.used(2, "inbound_agent").await, 1, "counts are those of the store");
    works(&mut before).await;
    let _after = stage.log_in_at_last(2, 1).await;
    for id in 1..=3 {
        stage.audit(id, 5).await;
    }
}

#[tokio::test]
async fn a_session_from_before_a_failed_commit_goes_on_as_the_same_session() {
    let stage = Stage::start().await;
    stage.organisation(1, 2, 5).await;
    let wanted = json!({ "channels": ["agent_sms"] });
    let (mut before, answer) = stage.log_in(1, 0, wanted).await;
    stage.store.plan(Fault::Abort, 1);
    let mut failed = stage.begin_login(1, 1, json!({})).await;
    assert_eq!(failed.closed().await.0, 4003);
    stage.decided_are(1, 1).await;
    works(&mut before).await;
    let ledger = stage.audit(1, 5).await;
    let id = session(&answer).to_owned();
    assert!(ledger.open().contains(&(id.clone(), "agent_email".to_owned())), "the same session");
    assert!(ledger.releases(&(id, "inbound_agent".to_owned())).is_empty());
}

#[tokio::test]
async fn a_login_that_was_applied_unanswered_is_released() {
    let stage = Stage::start().await;
    stage.organisation(1, 2, 1).await;
    stage.store.plan(Fault::ApplyUnknown, 1);
    let mut unknown = stage.begin_login(1, 0, json!({ "grace_s": 60 })).await;
    assert_eq!(unknown.closed().await.0, 4003);
    let releases = stage.released(1, 3).await;
    assert!(releases.iter().all(|release| release.ends_with("connection_lost")), "{releases:?}");
    let _after = stage.log_in_at_last(1, 1).await;
    stage.audit(1, 1).await;
}

#[tokio::test]
async fn a_login_that_was_lost_unanswered_leaves_nothing() {
    let stage = Stage::start().await;
    stage.organisation(1, 2, 1).await;
    stage.store.plan(Fault::LoseUnknown, 1);
    let mut unknown = stage.begin_login(1, 0, json!({ "grace_s": 60 })).await;
    assert_eq!(unknown.closed().await.0, 4003);
    let _socket = stage.log_in_at_last(1, 1).await;
    let ledger = stage.audit(1, 1).await;
    assert_eq!(ledger.open().len(), 3, "the one that came after");
    assert_eq!(ledger.all_releases().count(), 0);
}

#[tokio::test]
async fn a_takeover_that_was_applied_unanswered_leaves_neither_session() {
    let stage = Stage::start().await;
    stage.organisation(1, 1, 1).await;
    let (mut old, _) = stage.log_in(1, 0, json!({})).await;
    stage.store.plan(Fault::ApplyUnknown, 1);
    let mut new = stage.begin_login(1, 0, json!({})).await;
    assert_eq!(new.closed().await.0, 4003);
    assert_eq!(old.closed().await.0, 4003, "the session that it rests on is gone");
    let releases = stage.released(1, 6).await;
    assert_eq!(releases.iter().filter(|one| one.ends_with("superseded")).count(), 3);
    assert!(stage.audit(1, 1).await.open().is_empty());
}

#[tokio::test]
async fn a_request_whose_commit_failed_ends_its_session_as_unavailable() {
    let stage = Stage::start().await;
    stage.organisation(1, 2, 5).await;
    let wanted = json!({ "channels": ["agent_email"] });
    let (mut plain, _) = stage.log_in(1, 0, wanted.clone()).await;
    let with_grace = json!({ "channels": ["agent_email"], "grace_s": 60 });
    let (mut graceful, welcome) = stage.log_in(1, 1, with_grace).await;
    stage.store.hold();
    let commits = stage.store.commits();
    plain.send(json!({ "type": "acquire", "channels": ["agent_sms"] })).await;
    stage.store.commits_begun(commits + 1).await;
    graceful.send(json!({ "type": "acquire", "channels": ["agent_sms"] })).await;
    stage.store.plan(Fault::Abort, 1);
    stage.store.release();
    assert_eq!(plain.closed().await.0, 4003);
    assert_eq!(graceful.hear().await, closed_unavailable());
    let releases = stage.released(1, 2).await;
    assert!(releases.iter().all(|release| release.starts_with("agent-0 ")), "{releases:?}");

    let resume = json!({
        "type": "resume", "session": session(&welcome), "resume_token": welcome["resume_token"],
        "token": stage.broker.token(Role::Device, 1, "agent-1"),
    });
    let mut back = stage.broker.connect(1, "session").await;
    let answer = back.ask(resume).await;
    assert_eq!(answer["type"], "resumed", "{answer}");
    let granted = answer["granted"].as_array().unwrap();
    assert_eq!(granted.len(), 2, "what was voided is not held: {answer}");
    stage.audit(1, 5).await;
}

fn closed_unavailable() -> crate::support::socket::Heard {
    crate::support::socket::Heard::Closed(4003, "storage_unavailable".to_owned())
}

#[tokio::test]
async fn a_logout_that_failed_is_closed_unanswered_and_its_licences_held_until_the_store_accepts() {
    let stage = Stage::start().await;
    stage.organisation(1, 1, 5).await;
    let (mut socket, _) = stage.log_in(1, 0, json!({ "grace_s": 60 })).await;
    let commits = stage.store.commits();
    stage.store.hold();
    socket.send(json!({ "type": "logout" })).await;
    stage.store.commits_begun(commits + 1).await;
    stage.store.set_down(true);
    stage.store.release();
    assert_eq!(socket.hear().await, closed_unavailable());
    // Now it can be loaded again, but its next commit waits.
    stage.store.hold();
    stage.store.set_down(false);
    stage.store.commits_begun(commits + 2).await;
    assert!(stage.releases(1).await.is_empty(), "held until the store accepts");
    stage.store.release();
    let releases = stage.released(1, 3).await;
    assert!(releases.iter().all(|release| release.ends_with("logout")), "{releases:?}");
    assert!(stage.audit(1, 5).await.open().is_empty());
}

#[tokio::test]
async fn an_unasked_grant_whose_commit_is_unknown_is_told_if_it_was_applied() {
    for fault in [Fault::ApplyUnknown, Fault::LoseUnknown, Fault::Abort] {
        let stage = Stage::start().await;
        stage.organisation(1, 2, 1).await;
        stage.operator.buy(1, "inbound_agent", 2, 0).await;
        let (mut holder, _) = stage.log_in(1, 0, json!({ "channels": ["agent_sms"] })).await;
        let wanted = json!({ "channels": ["agent_sms"], "wait": true });
        let (mut waiting, _) = stage.log_in(1, 1, wanted).await;
        stage.store.plan(fault, 1);
        holder.send(json!({ "type": "release", "channels": ["agent_sms"] })).await;
        assert_eq!(holder.closed().await.0, 4003);
        let told = waiting.message().await;
        assert_eq!(told["type"], "granted", "{fault:?}: {told}");
        assert_eq!(told["licences"][0]["licence"], "agent_sms", "{fault:?}: {told}");
        stage.audit(1, 2).await;
    }
}

#[tokio::test]
async fn a_socket_whose_session_ended_unanswered_is_closed_as_unavailable() {
    let stage = Stage::start().await;
    stage.organisation(1, 1, 1).await;
    let (mut socket, answer) = stage.log_in(1, 0, json!({})).await;
    let path = format!("/v1/organisations/1/sessions/{}", session(&answer));
    stage.store.plan(Fault::ApplyUnknown, 1);
    let (status, _) = stage.operator.call(Method::DELETE, &path, None).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(socket.closed().await.0, 4003);
    assert!(stage.audit(1, 1).await.open().is_empty());
}

#[tokio::test]
async fn an_organisation_whose_removal_was_applied_unanswered_is_gone_with_its_sockets() {
    let stage = Stage::start().await;
    stage.organisation(1, 1, 1).await;
    let (mut socket, _) = stage.log_in(1, 0, json!({})).await;
    stage.store.plan(Fault::ApplyUnknown, 1);
    let (status, _) = stage.operator.call(Method::DELETE, "/v1/organisations/1", None).await;
    // Nobody can say that it was done; but whoever looks may find that it is gone.
    assert!([StatusCode::SERVICE_UNAVAILABLE, StatusCode::NOT_FOUND].contains(&status), "{status}");
    let told = socket.closed().await;
    assert_eq!(told.0, 4505, "{told:?}");
    until_seen("the organisation is gone", async || {
        let (status, _) = stage.operator.call(Method::GET, "/v1/organisations/1", None).await;
        (status == StatusCode::NOT_FOUND).then_some(())
    })
    .await;
    // The number can be given anew.
    stage.organisation(1, 1, 1).await;
    let (mut socket, _) = stage.log_in(1, 0, json!({})).await;
    works(&mut socket).await;
}

/// Whoever removed it may ask for the number again at once; what is left of the organisation before must not
/// come back as if it were the new one, beside the actor that is.
#[tokio::test]
async fn a_number_that_is_given_anew_is_not_taken_by_what_is_left_of_the_organisation_before() {
    let stage = Stage::start().await;
    stage.organisation(1, 1, 1).await;
    let (mut socket, _) = stage.log_in(1, 0, json!({})).await;
    stage.store.hold_loads();
    stage.store.plan(Fault::ApplyUnknown, 1);
    let (status, _) = stage.operator.call(Method::DELETE, "/v1/organisations/1", None).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "the store has it no more");
    let again = json!({ "id": 1, "name": "Another", "time_zone": "UTC" });
    stage.operator.send(Method::POST, "/v1/organisations", again).await;
    stage.store.release();
    let told = socket.closed().await;
    assert_eq!(told.0, 4505, "{told:?}");
    let settings = stage.operator.get("/v1/organisations/1").await;
    assert_eq!(settings["name"], "Another");
}

#[tokio::test]
async fn a_wallboard_whose_removal_failed_goes_on() {
    let stage = Stage::start().await;
    stage.organisation(1, 1, 1).await;
    let maximum = json!({ "maximum": 1 });
    let path = "/v1/organisations/1/licence-metrics/wallboard";
    stage.operator.send(Method::PUT, path, maximum).await;
    let lobby = json!({ "id": "lobby", "name": "Lobby", "user": "agent-0" });
    stage.operator.send(Method::POST, "/v1/organisations/1/wallboards", lobby).await;
    let mut socket = stage.broker.connect(1, "live").await;
    let token = stage.broker.token(Role::Wallboard, 1, "lobby");
    socket.send(json!({ "type": "subscribe", "token": token })).await;
    assert_eq!(socket.ask(json!({ "type": "ping" })).await["type"], "pong");
    stage.store.plan(Fault::Abort, 1);
    let path = "/v1/organisations/1/wallboards/lobby";
    let (status, _) = stage.operator.call(Method::DELETE, path, None).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(socket.ask(json!({ "type": "ping" })).await["type"], "pong");
    until_seen("the wallboard is removed", async || {
        let (status, _) = stage.operator.call(Method::DELETE, path, None).await;
        (status == StatusCode::NO_CONTENT).then_some(())
    })
    .await;
    assert_eq!(socket.closed().await.0, 4503);
}
