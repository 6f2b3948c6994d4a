//! Sessions that end otherwise than by logging out, and connections that are lost.

use crate::demo_broker::DemoBroker;
use crate::stage::{LooseStage, Stage};
use serde_json::json;

#[tokio::test]
async fn a_second_window_takes_over_and_the_first_does_not_fight_back() {
    let Some(stage) = Stage::desk().await else { return };
    let page = &stage.browser;
    let first = page.client.window().await.unwrap();
    page.logs_in("edred").await;

    let second = page.client.new_window(false).await.unwrap().handle;
    page.client.switch_to_window(second.clone()).await.unwrap();
    page.open_desk(stage.broker.address).await;
    page.logs_in("edred").await;
    page.sees("#desk-granted [data-licence=inbound_agent][data-word=shared]").await;
    let successor = page.text("#session-id").await;

    page.client.switch_to_window(first).await.unwrap();
    page.sees("#desk-state[data-state=closed]").await;
    page.reads(
        "#desk-message",
        "The user logged in elsewhere on the same kind of device. It does not reconnect.",
    )
    .await;
    page.misses("#desk-granted .chip").await;
    let opened = page.requested().await;
    let opened = opened.iter().filter(|url| url.ends_with("/session")).count();
    assert_eq!(opened, 2, "one socket of each window's desk");

    page.client.switch_to_window(second).await.unwrap();
    page.sees("#desk-state[data-state=live]").await;
    let sessions = stage.broker.sessions().await;
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0]["session"], successor);
    assert_eq!(page.console_errors().await, [""; 0]);
}

#[tokio::test]
async fn a_session_that_an_administrator_ends_stays_ended() {
    let Some(stage) = Stage::desk().await else { return };
    let page = &stage.browser;
    page.clicks("#desk-grace-on").await;
    page.logs_in("edred").await;
    stage.broker.force_log_out(&page.text("#session-id").await).await;
    page.sees("#desk-state[data-state=closed]").await;
    page.reads(
        "#desk-message",
        "The session was ended by somebody else or by the schedule. \
         An administrator or supervisor ended it. It does not reconnect.",
    )
    .await;
    assert_eq!(stage.broker.sessions().await.len(), 0);
    stage.close().await;
}

#[tokio::test]
async fn a_lost_connection_with_grace_is_resumed_as_the_same_session() {
    let Some(stage) = LooseStage::desk().await else { return };
    let page = &stage.browser;
    page.clicks("#desk-grace-on").await;
    page.logs_in("edred").await;
    let session = page.text("#session-id").await;

    stage.line.cut();
    page.reads("#desk-state[data-state=reconnecting]", "Connection lost, licences kept").await;
    page.reads("#desk-message", "The connection is lost. This page reconnects by itself.").await;
    page.sees("#desk-granted [data-licence=agent_email]").await;
    page.misses("#desk-granted .chip-release:enabled").await;

    stage.line.mend();
    page.sees("#desk-state[data-state=live]").await;
    page.misses("#desk-message").await;
    assert_eq!(page.text("#session-id").await, session);
    let sessions = stage.broker.sessions().await;
    assert_eq!((sessions.len(), &sessions[0]["state"]), (1, &json!("connected")));
    let kinds: Vec<_> = stage.broker.usage().await;
    let kinds: Vec<_> = kinds.iter().map(|record| record["usage_type"].clone()).collect();
    assert_eq!(kinds, ["Acquired", "Acquired"], "nothing was taken or given back meanwhile");
}

#[tokio::test]
async fn a_lost_connection_without_grace_loses_the_licences_and_asks_for_a_new_login() {
    let Some(stage) = LooseStage::desk().await else { return };
    let page = &stage.browser;
    page.logs_in("edred").await;

    stage.line.cut();
    page.reads("#desk-state[data-state=lapsed]", "Connection lost, licences gone").await;
    page.misses("#desk-granted .chip").await;
    stage.broker.is_left_by_all().await;

    stage.line.mend();
    page.sees("#desk-state[data-state=closed]").await;
    page.reads(
        "#desk-message",
        "The session could not be continued. It does not reconnect: log in anew.",
    )
    .await;
    page.clicks("#desk-login").await;
    page.sees("#desk-state[data-state=live]").await;
}

#[tokio::test]
async fn a_broker_that_stops_says_so_and_its_successor_is_found() {
    let Some(LooseStage { browser: page, line, broker }) = LooseStage::desk().await else { return };
    page.clicks("#desk-grace-on").await;
    page.logs_in("edred").await;
    page.clicks("#desk-log-part summary").await;

    broker.drain().await;
    page.sees("#desk-log [data-type=draining]").await;
    page.sees("#desk-state[data-state=reconnecting]").await;

    // It knows nothing of the sessions of the one before it: a demo begins empty.
    let successor = DemoBroker::start(0).await;
    line.lead_to(successor.address);
    successor.counts("inbound_agent", "/concurrent/used", 0).await;
    page.reads("#desk-message", "It does not reconnect: log in anew.").await;
    page.logs_in("edred").await;
    successor.counts("inbound_agent", "/concurrent/used", 1).await;
}
