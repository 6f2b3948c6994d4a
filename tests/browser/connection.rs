//! Sessions that end otherwise than by logging out, and connections that are lost.

use crate::browser::Browser;
use crate::demo_broker::DemoBroker;
use crate::line::Line;
use crate::stage::{LooseStage, Stage};
use crate::support::broker::{Setup, TestBroker};
use licence_broker::auth::Role;
use serde_json::json;
use std::time::Duration;

/// Organisation 7 with its user edred.
async fn centre(broker: &TestBroker) {
    let operator = broker.operator();
    operator.create_organisation(7).await;
    operator.buy(7, "inbound_agent", 2, 0).await;
    operator.buy(7, "agent_email", 2, 0).await;
    operator.add_user(7, "edred", "inbound_agent", &["agent_email"]).await;
}

#[tokio::test]
async fn a_second_window_takes_over_and_the_first_does_not_fight_back() {
    let Some(stage) = Stage::desk().await else { return };
    let page = &stage.browser;
    let first = page.client.window().await.unwrap();
    for (language, told) in [
        ("en", "The user logged in elsewhere on the same kind of device. It does not reconnect."),
        ("ja", "同じ種類の端末で、別の場所からログインされました。再接続しません。"),
    ] {
        page.speaks(language).await;
        page.logs_in("edred").await;
        let second = page.client.new_window(false).await.unwrap().handle;
        page.client.switch_to_window(second.clone()).await.unwrap();
        page.open_desk(stage.broker.address).await;
        page.logs_in("edred").await;
        page.sees("#desk-granted [data-licence=inbound_agent][data-word=shared]").await;
        let successor = page.text("#session-id").await;

        page.client.switch_to_window(first.clone()).await.unwrap();
        page.sees("#desk-state[data-state=closed]").await;
        page.reads("#desk-message", told).await;
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
        page.client.close_window().await.unwrap();
        page.client.switch_to_window(first.clone()).await.unwrap();
        stage.broker.is_left_by_all().await;
    }
}

#[tokio::test]
async fn a_session_that_an_administrator_ends_stays_ended() {
    let Some(stage) = Stage::desk().await else { return };
    let page = &stage.browser;
    for (language, told) in [
        (
            "en",
            "The session was ended by somebody else or by the schedule. \
             An administrator or supervisor ended it. It does not reconnect.",
        ),
        (
            "ja",
            "セッションは第三者またはスケジュールにより終了されました。\
             管理者またはスーパーバイザーが終了させました。再接続しません。",
        ),
    ] {
        page.speaks(language).await;
        page.sees("#desk-grace-on").await;
        page.evaluates("document.querySelector('#desk-grace-on').checked = true").await;
        page.logs_in("edred").await;
        stage.broker.force_log_out(&page.text("#session-id").await).await;
        page.sees("#desk-state[data-state=closed]").await;
        page.reads("#desk-message", told).await;
        assert_eq!(stage.broker.sessions().await.len(), 0);
    }
    stage.close().await;
}

#[tokio::test]
async fn a_lost_connection_with_grace_is_resumed_as_the_same_session() {
    let Some(stage) = LooseStage::desk().await else { return };
    let page = &stage.browser;
    page.clicks("#desk-grace-on").await;
    page.logs_in("edred").await;
    let session = page.text("#session-id").await;
    for (language, state, lost, held, back) in [
        (
            "en",
            "Connection lost, licences kept",
            "The connection is lost. This page reconnects by itself.",
            "The licences may be used here until",
            "The connection is back; the same session goes on.",
        ),
        (
            "ja",
            "接続断（ライセンスは保持中）",
            "接続が失われました。自動的に再接続します。",
            "までこの端末で使用できます。",
            "接続が回復し、同じセッションが継続しています。",
        ),
    ] {
        page.speaks(language).await;
        stage.line.cut();
        page.reads("#desk-state[data-state=reconnecting]", state).await;
        page.reads("#desk-message", lost).await;
        page.reads("#desk-message", held).await;
        page.sees("#desk-granted [data-licence=agent_email]").await;
        page.misses("#desk-granted .chip-release:enabled").await;

        stage.line.mend();
        page.sees("#desk-state[data-state=live]").await;
        page.misses("#desk-message").await;
        page.reads("#desk-news [data-kind=back]", back).await;
        assert_eq!(page.text("#session-id").await, session);
    }
    let sessions = stage.broker.sessions().await;
    assert_eq!((sessions.len(), &sessions[0]["state"]), (1, &json!("connected")));
    let kinds: Vec<_> = stage.broker.usage().await;
    let kinds: Vec<_> = kinds.iter().map(|record| record["usage_type"].clone()).collect();
    assert_eq!(kinds, ["Acquired", "Acquired"], "nothing was taken or given back meanwhile");
}

#[tokio::test]
async fn licences_that_count_as_gone_here_are_said_to_be_kept_by_the_broker_and_come_back() {
    let Some(page) = Browser::start().await else { return };
    let setup = Setup { heartbeat: Duration::from_secs(2), ..Setup::default() };
    let broker = TestBroker::with(setup).await;
    centre(&broker).await;
    let line = Line::to(broker.address).await;
    let token = broker.token(Role::Device, 7, "edred");
    page.open(&format!("http://{}/desk#token={token}", line.address)).await;
    page.sees("#desk-grace-on").await;
    page.clicks("#desk-grace-on").await;
    page.evaluates("document.querySelector('#desk-grace').value = 60").await;
    page.logs_in("edred").await;
    for (language, state, kept) in [
        ("en", "Connection lost, licences gone", "The broker keeps the session at least until"),
        ("ja", "接続断（ライセンスは無効）", "ブローカーは少なくとも"),
    ] {
        page.speaks(language).await;
        line.cut();
        page.reads("#desk-state[data-state=lapsed]", state).await;
        page.reads("#desk-message", kept).await;
        page.misses("#desk-granted .chip").await;
        line.mend();
        page.sees("#desk-state[data-state=live]").await;
        page.sees("#desk-granted [data-licence=agent_email]").await;
        page.sees("#desk-news [data-kind=back]").await;
    }
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
