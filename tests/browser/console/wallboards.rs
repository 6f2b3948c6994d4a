//! Wallboards: configured, opened on a screen by a link, deleted.

use super::{Console, LANGUAGES};
use crate::browser::Browser;
use reqwest::Method;
use serde_json::{Value, json};

impl Console {
    async fn allows_wallboards(&self, maximum: u32) {
        let body = json!({ "maximum": maximum });
        self.broker.call(Method::PUT, "licence-metrics/wallboard", Some(body)).await;
    }

    async fn wallboards(&self) -> Vec<Value> {
        let answer = self.broker.call(Method::GET, "wallboards", None).await;
        answer["items"].as_array().unwrap().clone()
    }
}

impl Browser {
    /// Fills in the form of a new wallboard and sends it.
    async fn adds_wallboard(&self, id: &str, name: &str, user: &str) {
        self.clicks("#wallboard-add").await;
        self.sees("dialog [name=id]").await;
        for (field, text) in [("id", id), ("name", name), ("user", user)] {
            self.types(&format!("dialog [name={field}]"), text).await;
        }
        self.clicks("dialog [type=submit]").await;
    }
}

#[tokio::test]
async fn a_wallboard_is_added_opened_by_its_link_seen_connected_and_deleted() {
    let Some(stage) = Console::bare().await else { return };
    let page = &stage.browser;
    stage.allows_wallboards(2).await;
    let features = json!({ "features": ["agent_email", "live_analytics_supervisor"] });
    stage.broker.call(Method::PATCH, "users/edred", Some(features)).await;
    let row = "tr[data-key=lobby]";
    for (language, kind, one_of_two, connected, title, live) in [
        (
            "en",
            "Live Analytics Wallboard",
            "1 of 2 configured: 1 live, 0 with five-minute figures.",
            "Connected",
            "Link for Lobby",
            "Live",
        ),
        (
            "ja",
            "ライブ分析ウォールボード",
            "設定済み 1／2（ライブ 1、5分集計 0）",
            "接続中",
            "Lobbyのリンク",
            "ライブ",
        ),
    ] {
        stage.opens("admin", language, "#/wallboards").await;
        page.sees("#wallboard-add").await;
        page.adds_wallboard("lobby", "Lobby", "edred").await;
        page.reads(&format!("{row} [data-column=kind]"), kind).await;
        page.reads("#wallboards-counts", one_of_two).await;
        page.sees(&format!("{row} [data-column=connected] [data-state=idle]")).await;

        page.clicks(&format!("{row} [data-act=open]")).await;
        page.sees("dialog [value=agent_email]").await;
        page.clicks("dialog [value=agent_email]").await;
        page.clicks("dialog [type=submit]").await;
        page.reads("dialog h2", title).await;
        // A code is drawn.
        let modules =
            "return document.querySelector('.qr-modules')?.getAttribute('d').length > 1000";
        page.comes_to(modules, &json!(true)).await;
        let link = page.evaluates("return document.querySelector('dialog [readonly]').value").await;
        let link = link.as_str().unwrap().to_owned();
        let (address, token) = link.split_once("#token=").unwrap();
        assert!(address.ends_with(&format!("&lang={language}&licences=agent_email")), "{link}");
        assert!(!address.contains(token), "{link}");

        let console = page.client.window().await.unwrap();
        let screen = page.client.new_window(false).await.unwrap().handle;
        page.client.switch_to_window(screen).await.unwrap();
        page.open(&link).await;
        page.reads("#live[data-state=live]", live).await;
        page.reads("#board-name", "Lobby").await;
        page.reads("#clock-zone", "Europe/London").await;
        page.sees(".tile[data-licence=agent_email]").await;
        page.client.switch_to_window(console.clone()).await.unwrap();
        page.clicks("dialog .form-actions button").await;
        page.reads(&format!("{row} [data-column=connected] [data-state=live]"), connected).await;

        page.clicks(&format!("{row} [data-act=delete]")).await;
        page.clicks("dialog button.danger").await;
        page.misses(row).await;
        assert_eq!(stage.wallboards().await, Vec::<Value>::new());
        let windows = page.client.windows().await.unwrap();
        for other in windows.into_iter().filter(|window| *window != console) {
            page.client.switch_to_window(other).await.unwrap();
            page.sees("#live[data-state=stopped]").await;
            page.client.close_window().await.unwrap();
        }
        page.client.switch_to_window(console).await.unwrap();
    }
    stage.close().await;
}

#[tokio::test]
async fn one_wallboard_too_many_is_refused_with_what_can_be_done_and_nothing_typed_is_lost() {
    let Some(stage) = Console::bare().await else { return };
    let page = &stage.browser;
    for (index, refusal) in [
        "All 1 wallboards that may be configured are. Delete one, or raise the maximum",
        "設定できる1台すべてが設定済みです。1台を削除するか",
    ]
    .into_iter()
    .enumerate()
    {
        stage.allows_wallboards(1).await;
        stage.opens("admin", LANGUAGES[index], "#/wallboards").await;
        if index == 0 {
            page.adds_wallboard("lobby", "Lobby", "").await;
        }
        page.sees("tr[data-key=lobby]").await;
        page.adds_wallboard("canteen", "Canteen", "").await;
        page.reads("dialog [role=alert]", refusal).await;
        let typed = page.evaluates("return document.querySelector('dialog [name=id]').value").await;
        assert_eq!(typed, json!("canteen"));
    }
}

#[tokio::test]
async fn an_id_that_is_taken_and_a_user_whom_nobody_knows_are_said_next_to_their_fields() {
    let Some(stage) = Console::bare().await else { return };
    let page = &stage.browser;
    stage.allows_wallboards(5).await;
    for language in LANGUAGES {
        stage.opens("admin", language, "#/wallboards").await;
        page.sees("#wallboard-add").await;
        if language == "en" {
            page.adds_wallboard("lobby", "", "").await;
        }
        page.sees("tr[data-key=lobby]").await;
        page.adds_wallboard("lobby", "", "").await;
        page.sees("dialog [data-field=id] .field-error").await;
        page.types("dialog [name=id]", "-2").await;
        page.types("dialog [name=user]", "nobody").await;
        page.clicks("dialog [type=submit]").await;
        page.sees("dialog [data-field=user] .field-error").await;
        page.misses("dialog [data-field=id] .field-error").await;
    }
    assert_eq!(stage.wallboards().await.len(), 1);
}
