//! What happens at a bound is said, and costs nobody else anything.

use crate::puppet::Puppet;
use crate::stage::{Stage, agent, session};
use crate::support::broker::Setup;
use crate::support::until::until_seen;
use licence_broker::actor::link::ToDevice;
use licence_broker::domain::admission::LoginAnswer;
use licence_broker::domain::event::Notice;
use licence_broker::domain::ids::SessionId;
use licence_broker::domain::reason::EndReason;
use licence_broker::limits::bound::Bound;
use licence_broker::limits::{Limits, NOTICES_PER_SESSION_MAX};
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::json;

#[tokio::test]
async fn logins_beyond_the_bound_are_told_that_it_is_overloaded() {
    let limits = Limits { logins_under_way_max: 3, ..Limits::default() };
    let stage = Stage::with(Setup { limits, ..Setup::default() }).await;
    stage.organisation(1, 5, 5).await;
    stage.store.hold();
    let mut under_way = Vec::new();
    for number in 0..3 {
        under_way.push(stage.begin_login(1, number, json!({})).await);
    }
    stage.decided_are(1, 3).await;
    let mut beyond = stage.begin_login(1, 3, json!({})).await;
    assert_eq!(beyond.closed().await, (4004, "overloaded".to_owned()));
    assert_eq!(hits(&stage, Bound::LoginsUnderWay), 1);
    stage.store.release();
    for socket in &mut under_way {
        assert_eq!(socket.message().await["type"], "logged_in");
    }
    drop(stage.log_in(1, 3, json!({})).await);
    stage.released(1, 3).await;
    stage.audit(1, 5).await;
}

/// How often a bound was met so far; each by one test of this suite alone.
fn hits(stage: &Stage, bound: Bound) -> u64 {
    let name = format!(r#"licence_broker_bound_hit_total{{bound="{}"}} "#, bound.as_str());
    let page = stage.broker.inside.metrics.render();
    page.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or(0)
}

#[tokio::test]
async fn questions_beyond_the_bound_are_told_to_come_again_and_those_within_are_answered() {
    let limits = Limits { requests_under_way_max: 1, ..Limits::default() };
    let stage = Stage::with(Setup { limits, ..Setup::default() }).await;
    stage.organisation(1, 1, 1).await;
    stage.store.hold();
    let operator = stage.broker.operator();
    let purchase = tokio::spawn(async move { operator.buy(1, "agent_sms", 9, 0).await });
    until_seen("the purchase is under way", async || {
        (stage.broker.inside.directory.asks_under_way() == 1).then_some(())
    })
    .await;
    let beyond = stage.operator.request(Method::GET, "/v1/organisations/1/licences");
    let beyond = beyond.send().await.unwrap();
    assert_eq!((beyond.status().as_u16(), &beyond.headers()["retry-after"]), (503, &one()));
    assert_eq!(hits(&stage, Bound::RequestsUnderWay), 1);
    stage.store.release();
    purchase.await.unwrap();
    assert_eq!(stage.operator.licence(1, "agent_sms").await["concurrent"]["total"], 9);
}

fn one() -> HeaderValue {
    HeaderValue::from_static("1")
}

#[tokio::test]
async fn a_device_that_takes_no_notices_ends_as_a_slow_consumer_and_keeps_its_grace() {
    for (grace_s, left) in [(0, 0), (60, 1)] {
        let stage = Stage::start().await;
        stage.organisation(1, 2, 1).await;
        stage.operator.buy(1, "inbound_agent", 2, 0).await;
        let (mut holder, _) = stage.log_in(1, 0, json!({ "channels": ["agent_sms"] })).await;
        let mut slow = Puppet::new(&stage.broker.inside, 1, SessionId(1)).await;
        let answer = slow.log_in(&agent(1), grace_s).await.unwrap();
        let Ok(LoginAnswer::LoggedIn(welcome)) = answer else { panic!("{answer:?}") };
        assert_eq!(welcome.waiting.len(), 1, "for what the other holds");

        let thaw = slow.freeze();
        let filling = ToDevice::Draining { reconnect_within_s: 1 };
        let mut filled = 0;
        while slow.link.recipient.try_send(filling.clone()).is_ok() {
            filled += 1;
            assert!(filled <= NOTICES_PER_SESSION_MAX, "a mailbox is bounded");
        }
        // Each sender may leave one message more than the mailbox holds; the notice after it is too many.
        let path = "/v1/organisations/1/users/agent-1";
        let fewer = json!({ "features": ["agent_sms"] });
        stage.operator.send(Method::PATCH, path, fewer).await;
        let released = holder.ask(json!({ "type": "release", "channels": ["agent_sms"] })).await;
        assert_eq!(released["type"], "released", "the notice goes to nobody's cost: {released}");
        until_seen("the session is over, or lingers", async || {
            let path = "/v1/organisations/1/sessions";
            let sessions = stage.operator.all(path).await;
            let slow = sessions.iter().find(|one| one["user"] == "agent-1");
            let lingers = slow.is_some_and(|slow| slow["state"] == "lingering");
            (sessions.len() == 1 + left && (lingers || left == 0)).then_some(())
        })
        .await;
        drop(thaw);
        let end = loop {
            match slow.heard.recv().await.unwrap() {
                ToDevice::Notice(Notice::Ended(reason)) => break reason,
                ToDevice::Notice(_) | ToDevice::Draining { .. } => {}
            }
        };
        assert_eq!(end, EndReason::SlowConsumer);
        // What was taken away and what was given back; and all that it held, unless it lingers.
        stage.released(1, if left == 0 { 4 } else { 2 }).await;
        stage.audit(1, 2).await;
    }
}

#[tokio::test]
async fn what_a_takeover_leaves_behind_is_not_counted_as_connected() {
    let stage = Stage::start().await;
    stage.organisation(1, 1, 1).await;
    let (mut old, first) = stage.log_in(1, 0, json!({})).await;
    let (new, second) = stage.log_in(1, 0, json!({})).await;
    assert_eq!(old.closed().await.0, 4504);
    assert_ne!(session(&first), session(&second));
    until_seen("one connection is left", async || {
        (stage.broker.inside.directory.connected() == 1).then_some(())
    })
    .await;
    new.vanish();
    stage.released(1, 6).await;
    until_seen("none is left", async || {
        (stage.broker.inside.directory.connected() == 0).then_some(())
    })
    .await;
}
