//! While a commit is under way decisions go on, and nothing is told before it is durable.

use crate::stage::{Stage, is_silent};
use crate::support::broker::Setup;
use crate::support::raw::{BINARY, CLOSE};
use licence_broker::clock::Clock;
use licence_broker::limits::EVENTS_PER_PORTION;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn hundreds_are_decided_while_one_commit_is_held_and_the_next_carries_them_all() {
    const AGENTS: usize = 301;
    let stage = Stage::start().await;
    stage.organisation(1, AGENTS, 1_000).await;
    let (commits, batches) = (stage.store.commits(), stage.store.batches());
    stage.store.hold();
    let mut sockets = vec![stage.begin_login(1, 0, json!({})).await];
    stage.store.commits_begun(commits + 1).await;
    for number in 1..AGENTS {
        sockets.push(stage.begin_login(1, number, json!({})).await);
    }
    stage.decided_are(1, AGENTS).await;
    assert_eq!(stage.store.commits(), commits + 1);
    assert!(sockets.iter_mut().all(is_silent), "nobody is answered before the commit");
    assert!(stage.operator.usage(1).await.is_empty());

    stage.store.release();
    for socket in &mut sockets {
        assert_eq!(socket.message().await["type"], "logged_in");
    }
    assert_eq!(stage.store.commits(), commits + 2);
    assert_eq!(stage.store.batches(), batches + 2);
    let ledger = stage.audit(1, 1_000).await;
    assert_eq!(ledger.open().len(), AGENTS * 3);
}

#[tokio::test]
async fn a_storm_that_waits_beside_another_organisation_is_committed_in_portions() {
    const AGENTS: usize = 301;
    let clock = Clock::manual(chrono::Utc::now());
    let heartbeat = Duration::from_secs(3_600);
    let stage = Stage::with(Setup { clock, heartbeat, ..Setup::default() }).await;
    stage.organisation(1, AGENTS, 1_000).await;
    stage.organisation(2, 1, 5).await;
    let (commits, batches) = (stage.store.commits(), stage.store.batches());
    stage.store.hold();
    let mut sockets = vec![stage.begin_login(1, 0, json!({})).await];
    stage.store.commits_begun(commits + 1).await;
    for number in 1..AGENTS {
        sockets.push(stage.begin_login(1, number, json!({})).await);
    }
    stage.decided_are(1, AGENTS).await;
    let mut calm = stage.begin_login(2, 0, json!({})).await;
    stage.decided_are(2, 1).await;

    stage.store.release();
    assert_eq!(calm.message().await["type"], "logged_in");
    for socket in &mut sockets {
        assert_eq!(socket.message().await["type"], "logged_in");
    }
    let records = (AGENTS - 1) * 3;
    let portions = u64::try_from(records.div_ceil(EVENTS_PER_PORTION)).expect("few");
    assert!(stage.store.commits() > commits + portions, "the first login, and then the portions");
    assert!(stage.store.batches() > batches + 1 + portions, "and the calm one's");
    assert_eq!(stage.audit(1, 1_000).await.open().len(), AGENTS * 3);
}

#[tokio::test]
async fn answers_to_one_session_leave_in_the_order_of_its_requests() {
    let stage = Stage::start().await;
    stage.organisation(1, 1, 5).await;
    let (mut socket, _) = stage.log_in(1, 0, json!({ "channels": ["agent_email"] })).await;
    let commits = stage.store.commits();
    stage.store.hold();
    let sms = json!(["agent_sms"]);
    socket.send(json!({ "type": "acquire", "id": 1, "channels": sms })).await;
    stage.store.commits_begun(commits + 1).await;
    socket.send(json!({ "type": "release", "id": 2, "channels": sms })).await;
    socket.send(json!({ "type": "release", "id": 3, "channels": sms })).await;
    socket.send(json!({ "type": "acquire", "id": 4, "channels": sms })).await;
    socket.send(json!({ "type": "ping", "id": 5 })).await;
    // A pong tells of no change and need not wait; by now the others are decided or on their way.
    assert_eq!(socket.message().await, json!({ "type": "pong", "id": 5 }));
    assert!(is_silent(&mut socket));
    stage.store.release();
    let mut told = Vec::new();
    for _ in 0..4 {
        let answer = socket.message().await;
        told.push((answer["id"].as_i64().unwrap(), answer["type"].as_str().unwrap().to_owned()));
    }
    let expected = [(1, "acquired"), (2, "released"), (3, "error"), (4, "acquired")];
    assert_eq!(told, expected.map(|(id, kind)| (id, kind.to_owned())));
    stage.audit(1, 5).await;
}

#[tokio::test]
async fn organisations_that_wait_share_one_commit() {
    let stage = Stage::start().await;
    for id in 1..=3 {
        stage.organisation(id, 1, 5).await;
    }
    let (commits, batches) = (stage.store.commits(), stage.store.batches());
    stage.store.hold();
    let mut sockets = vec![stage.begin_login(1, 0, json!({})).await];
    stage.store.commits_begun(commits + 1).await;
    for id in 2..=3 {
        sockets.push(stage.begin_login(id, 0, json!({})).await);
        stage.decided_are(id, 1).await;
    }
    stage.store.release();
    for socket in &mut sockets {
        assert_eq!(socket.message().await["type"], "logged_in");
    }
    assert_eq!(stage.store.commits(), commits + 2);
    assert_eq!(stage.store.batches(), batches + 3);
}

#[tokio::test]
async fn a_login_whose_socket_died_meanwhile_is_released_with_or_without_grace() {
    let stage = Stage::start().await;
    stage.organisation(1, 2, 5).await;
    stage.store.hold();
    let plain = stage.begin_login(1, 0, json!({})).await;
    let with_grace = stage.begin_login(1, 1, json!({ "grace_s": 60 })).await;
    stage.decided_are(1, 2).await;
    plain.vanish();
    with_grace.vanish();
    stage.decided_are(1, 0).await;
    stage.store.release();
    let releases = stage.released(1, 6).await;
    assert_eq!(releases.len(), 6, "{releases:?}");
    assert!(releases.iter().all(|release| release.ends_with("connection_lost")), "{releases:?}");
    assert!(stage.audit(1, 5).await.open().is_empty(), "an unanswered login does not linger");
    assert_eq!(stage.used(1, "inbound_agent").await, 0);
}

#[tokio::test]
async fn a_logout_is_answered_after_its_commit() {
    let stage = Stage::start().await;
    stage.organisation(1, 1, 5).await;
    let (mut socket, _) = stage.log_in(1, 0, json!({})).await;
    let commits = stage.store.commits();
    stage.store.hold();
    socket.send(json!({ "type": "logout" })).await;
    stage.store.commits_begun(commits + 1).await;
    assert!(is_silent(&mut socket));
    assert!(stage.releases(1).await.is_empty());
    stage.store.release();
    assert_eq!(socket.message().await["type"], "logged_out");
    assert_eq!(stage.releases(1).await.len(), 3, "what was answered can be read");
    assert_eq!(socket.closed().await.0, 1000);
}

#[tokio::test]
async fn a_superseded_socket_is_closed_after_the_commit_that_supersedes_it() {
    let stage = Stage::start().await;
    stage.organisation(1, 1, 1).await;
    let (mut old, _) = stage.log_in(1, 0, json!({})).await;
    let commits = stage.store.commits();
    stage.store.hold();
    let mut new = stage.begin_login(1, 0, json!({})).await;
    stage.store.commits_begun(commits + 1).await;
    assert!(is_silent(&mut old) && is_silent(&mut new));
    assert_eq!(old.ask(json!({ "type": "ping" })).await["type"], "pong", "it is not closed yet");
    stage.store.release();
    let answer = new.message().await;
    assert_eq!(answer["granted"][0]["pool"], "shared", "{answer}");
    assert_eq!(old.closed().await, (4504, "superseded".to_owned()));
    let releases = stage.releases(1).await;
    assert_eq!(releases.len(), 3);
    assert!(releases.iter().all(|release| release.ends_with("superseded")), "{releases:?}");
    stage.audit(1, 1).await;
}

#[tokio::test]
async fn an_unasked_grant_is_told_after_its_commit() {
    let stage = Stage::start().await;
    stage.organisation(1, 2, 1).await;
    stage.operator.buy(1, "inbound_agent", 2, 0).await;
    let (mut holder, _) = stage.log_in(1, 0, json!({ "channels": ["agent_sms"] })).await;
    let wanted = json!({ "channels": ["agent_sms"], "wait": true });
    let (mut waiting, answer) = stage.log_in(1, 1, wanted).await;
    assert_eq!(answer["waiting"], json!(["agent_sms"]));
    let commits = stage.store.commits();
    stage.store.hold();
    holder.send(json!({ "type": "release", "channels": ["agent_sms"] })).await;
    stage.store.commits_begun(commits + 1).await;
    assert!(is_silent(&mut holder) && is_silent(&mut waiting));
    stage.store.release();
    assert_eq!(holder.message().await["type"], "released");
    assert_eq!(waiting.message().await["licences"][0]["licence"], "agent_sms");
}

/// RFC 6455 §5.5.1: no data frame follows a close frame.
#[tokio::test]
async fn what_becomes_durable_behind_a_close_frame_is_not_sent() {
    let stage = Stage::start().await;
    stage.organisation(1, 1, 1).await;
    let mut raw = stage.broker.raw(1, "session").await;
    let fields = json!({ "channels": ["agent_sms"] });
    raw.text(&stage.broker.login_message(1, "agent-0", "agent_desktop", fields)).await;
    assert_eq!(raw.message().await["type"], "logged_in");
    let commits = stage.store.commits();
    stage.store.hold();
    raw.text(&json!({ "type": "acquire", "channels": ["agent_email"] }).to_string()).await;
    stage.store.commits_begun(commits + 1).await;
    raw.frame(BINARY, b"").await;
    let (first, _) = raw.next_frame().await.unwrap();
    assert_eq!(first, CLOSE);
    stage.store.release();
    assert_eq!(raw.next_frame().await, None);
    assert!(stage.audit(1, 1).await.open().is_empty());
}
