//! `/readyz` tells why not; and what is broken keeps nothing else from being served.

use crate::stage::Stage;
use crate::support::broker::Setup;
use crate::support::faulty_store::FaultyStore;
use crate::support::until::until_seen;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Status and document.
async fn readiness(stage: &Stage) -> (u16, Value) {
    let answer = stage.operator.request(Method::GET, "/readyz").send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn series(stage: &Stage, series: &str) -> Option<String> {
    let page = stage.operator.request(Method::GET, "/metrics").send().await.unwrap();
    let page = page.text().await.unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map(str::to_owned)
}

/// A database in which organisations 129 and 130 have an open session each: with grace, an end of the
/// broker leaves it so.
async fn left_open() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("left.db");
    let setup = Setup { database: Some(database.clone()), ..Setup::default() };
    let stage = Stage::with(setup).await;
    let mut sockets = Vec::new();
    for organisation in [129, 130] {
        stage.organisation(organisation, 3, 3).await;
        sockets.push(stage.log_in(organisation, 0, json!({"grace_s": 60})).await);
    }
    stage.broker.halt().await;
    (folder, database)
}

#[tokio::test]
async fn a_broker_that_starts_listens_says_how_far_it_is_and_takes_nobody_yet() {
    let (_folder, database) = left_open().await;
    let setup = Setup { database: Some(database), waits_until_ready: false, ..Setup::default() };
    let stage = Stage::again(setup, FaultyStore::hold_loads).await;
    let (status, problem) = readiness(&stage).await;
    assert_eq!(status, 503, "{problem}");
    assert_eq!(problem["reasons"], json!([{"reason": "starting", "organisations": 2}]));
    assert_eq!(series(&stage, "licence_broker_ready").await.as_deref(), Some("0"));
    let alive = stage.operator.request(Method::GET, "/healthz").send().await.unwrap();
    assert_eq!(alive.status(), 200);
    let upgrade = stage.operator.request(Method::GET, "/v1/organisations/129/session");
    let refused = upgrade.send().await.unwrap();
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    stage.store.release();
    until_seen("readiness", async || (readiness(&stage).await.0 == 200).then_some(())).await;
    let (_socket, _) = stage.log_in(129, 1, json!({})).await;
}

#[tokio::test]
async fn an_organisation_that_cannot_be_loaded_keeps_no_other_from_being_served() {
    let (_folder, database) = left_open().await;
    let setup = Setup { database: Some(database), ..Setup::default() };
    let stage = Stage::again(setup, |store| store.damage(129)).await;
    let degraded = json!([{"reason": "organisations_failing", "organisations": 1}]);
    assert_eq!(readiness(&stage).await, (200, json!({"status": "ready", "degraded": degraded})));
    let failing = series(&stage, r#"licence_broker_organisations{state="failing"}"#).await;
    assert_eq!(failing.as_deref(), Some("1"));
    let (_socket, _) = stage.log_in(130, 1, json!({})).await;
    let mut refused = stage.begin_login(129, 1, json!({})).await;
    assert_eq!(refused.closed().await.0, 4003);
    stage.store.damage(0);
    let whole = (200, json!({"status": "ready"}));
    until_seen("recovery", async || (readiness(&stage).await == whole).then_some(())).await;
    let (_socket, _) = stage.log_in(129, 1, json!({})).await;
}

#[tokio::test]
async fn a_store_that_refuses_is_said_until_it_takes_something() {
    let stage = Stage::start().await;
    stage.organisation(129, 2, 2).await;
    stage.store.set_down(true);
    let mut refused = stage.begin_login(129, 0, json!({})).await;
    assert_eq!(refused.closed().await.0, 4003);
    let (status, problem) = readiness(&stage).await;
    assert_eq!(status, 503, "{problem}");
    let reason = &problem["reasons"][0];
    assert_eq!(
        (&reason["reason"], &reason["kind"]),
        (&json!("store_unavailable"), &json!("aborted"))
    );
    assert!(reason["since"].is_string() && !problem.to_string().contains("down"), "{problem}");
    assert_eq!(series(&stage, "licence_broker_store_refusing").await.as_deref(), Some("1"));
    stage.store.set_down(false);
    let _socket = stage.log_in_at_last(129, 1).await;
    assert_eq!(readiness(&stage).await, (200, json!({"status": "ready"})));
    assert_eq!(series(&stage, "licence_broker_store_refusing").await.as_deref(), Some("0"));
}

#[tokio::test]
async fn a_broker_that_drains_is_not_ready() {
    use licence_broker::broker::Phase;
    let stage = Stage::start().await;
    stage.broker.inside.ready.enter(Phase::Draining);
    let (status, problem) = readiness(&stage).await;
    assert_eq!((status, &problem["reasons"]), (503, &json!([{"reason": "draining"}])));
}
