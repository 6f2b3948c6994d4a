//! A wallboard over days: connections that are lost, brokers that change, tokens that end, figures instead of counts.

use crate::browser::Browser;
use crate::demo_broker::DemoBroker;
use crate::stage::LooseStage;
use crate::support::broker::{Setup, TestBroker};
use chrono::{TimeDelta, Utc};
use licence_broker::auth::Role;
use licence_broker::clock::Clock;
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

const FEW: &str = "?licences=inbound_agent,agent_email";
const USED: &str = ".tile[data-licence=inbound_agent] [data-field=used]";

#[tokio::test]
async fn a_lost_connection_is_said_in_either_language_and_mended_by_itself() {
    let Some(LooseStage { browser: page, line, broker }) = LooseStage::wallboard(FEW).await else {
        return;
    };
    for (language, stale, state) in [
        ("en", "Not live since", "Not live"),
        (
            "ja",
            "以降、更新されていません。表示されているのはその時点の値です。",
            "ライブではありません",
        ),
    ] {
        page.clicks(&format!("#language-{language}")).await;
        // Its texts come over the line that is about to be cut.
        page.sees(&format!("html[lang={language}]")).await;
        page.counts(USED, 0).await;
        line.cut();
        page.sees("#wallboard[data-stale=true]").await;
        page.reads("#board-stale", stale).await;
        page.reads("#live[data-state=reconnecting]", state).await;
        let maeve = broker.log_in("maeve", "agent_desktop").await;
        line.mend();
        page.sees("#live[data-state=live]").await;
        page.sees("#wallboard[data-stale=false]").await;
        page.misses("#board-stale").await;
        page.counts(USED, 1).await;
        maeve.log_out().await;
    }
}

#[tokio::test]
async fn a_wallboard_finds_the_successor_of_its_broker_and_forgets_the_old_counts() {
    let Some(LooseStage { browser: page, line, broker }) = LooseStage::wallboard(FEW).await else {
        return;
    };
    let _maeve = broker.log_in("maeve", "agent_desktop").await;
    page.counts(USED, 1).await;
    broker.drain().await;
    page.sees("#wallboard[data-stale=true]").await;
    let successor = DemoBroker::start(0).await;
    line.lead_to(successor.address);
    page.sees("#live[data-state=live]").await;
    page.counts(USED, 0).await;
}

/// A broker with edred and a wallboard of his, the lobby's; time stands still but for what a test turns.
async fn broker_with_a_lobby(features: &[&str]) -> (TestBroker, Clock) {
    let clock = Clock::manual(Utc::now());
    let broker = TestBroker::with(Setup { clock: clock.clone(), ..Setup::default() }).await;
    let operator = broker.operator();
    operator.create_organisation(7).await;
    operator.buy(7, "inbound_agent", 2, 0).await;
    operator.buy(7, "agent_email", 2, 0).await;
    operator.add_user(7, "edred", "inbound_agent", features).await;
    let maximum = json!({ "maximum": 1 });
    operator.send(Method::PUT, "/v1/organisations/7/licence-metrics/wallboard", maximum).await;
    let lobby = json!({ "id": "lobby", "name": "Lobby", "user": "edred" });
    operator.send(Method::POST, "/v1/organisations/7/wallboards", lobby).await;
    (broker, clock)
}

impl Browser {
    async fn opens_the_lobby(&self, broker: &TestBroker, query: &str) {
        let token = broker.token(Role::Wallboard, 7, "lobby");
        self.open(&broker.url(&format!("/wallboard?{query}#token={token}"))).await;
    }
}

async fn next_interval(broker: &TestBroker, clock: &Clock) {
    clock.advance(Duration::from_secs(300));
    broker.inside.directory.tick().await;
}

#[tokio::test]
async fn an_analytics_wallboard_shows_the_figures_of_five_minutes() {
    let Some(page) = Browser::start().await else { return };
    let (broker, clock) = broker_with_a_lobby(&["agent_email"]).await;
    let (_edred, _) = broker.login(7, "edred", "agent_desktop").await;
    for (language, waiting, state, unit) in [
        ("en", "Connected; the first five-minute figures", "Five-minute figures", "in use"),
        ("ja", "接続済み", "5分ごとの集計", "使用中"),
    ] {
        page.opens_the_lobby(&broker, &format!("lang={language}&zone=Asia/Tokyo")).await;
        if language == "en" {
            page.reads("#live[data-state=quiet]", waiting).await;
            next_interval(&broker, &clock).await;
        }
        page.reads("#live[data-state=figures]", state).await;
        page.reads(".tile[data-licence=agent_email][data-status=figures]", unit).await;
        page.counts(USED, 1).await;
        page.misses("#totals").await;
        page.sees("#wallboard[data-stale=false]").await;
    }
}

#[tokio::test]
async fn a_wallboard_whose_user_is_no_live_supervisor_any_more_goes_on_with_figures() {
    let Some(page) = Browser::start().await else { return };
    let (broker, clock) = broker_with_a_lobby(&["agent_email", "contact_centre_supervisor"]).await;
    page.opens_the_lobby(&broker, "").await;
    page.sees("#live[data-state=live]").await;
    page.evaluates("Math.random = () => 0").await;
    let features = json!({ "features": ["agent_email"] });
    broker.operator().send(Method::PATCH, "/v1/organisations/7/users/edred", features).await;
    for _ in 0..2 {
        next_interval(&broker, &clock).await;
    }
    page.sees("#live[data-state=figures]").await;
    page.sees(".tile[data-licence=inbound_agent][data-status=figures]").await;
}

#[tokio::test]
async fn a_wallboard_that_is_taken_away_says_so_and_does_not_come_back() {
    let Some(page) = Browser::start().await else { return };
    let (broker, _) = broker_with_a_lobby(&["agent_email", "contact_centre_supervisor"]).await;
    page.opens_the_lobby(&broker, "").await;
    page.sees("#live[data-state=live]").await;
    broker.operator().send(Method::DELETE, "/v1/organisations/7/wallboards/lobby", json!({})).await;
    page.sees("#live[data-state=stopped]").await;
    page.reads("#board-stale", "It does not reconnect.").await;
    let opened = page.requested().await;
    assert_eq!(opened.iter().filter(|url| url.ends_with("/live")).count(), 1);
}

#[tokio::test]
async fn a_link_that_is_about_to_end_says_when_and_the_next_one_is_taken_without_a_reload() {
    let Some(page) = Browser::start().await else { return };
    let (broker, _) = broker_with_a_lobby(&["agent_email", "contact_centre_supervisor"]).await;
    for (language, warning) in
        [("en", "The link of this wallboard ends on"), ("ja", "期限が切れます")]
    {
        page.opens_the_lobby(&broker, &format!("lang={language}&zone=UTC")).await;
        page.sees("#live[data-state=live]").await;
        page.reads("#board-remarks", warning).await;
        page.evaluates("window.wasNotReloaded = true").await;
        let month = broker.token_for(Role::Wallboard, 7, "lobby", TimeDelta::days(31));
        page.evaluates(&format!("location.hash = 'token={month}'")).await;
        page.misses("#board-remarks").await;
        page.sees("#live[data-state=live]").await;
        assert_eq!(page.evaluates("return window.wasNotReloaded").await, json!(true));
    }
}
