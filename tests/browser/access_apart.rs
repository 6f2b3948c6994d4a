//! axe-core on what the pages without a menu, and those of wallboards, show once something has happened.

use crate::console::{Console, LANGUAGES};
use crate::stage::{LooseStage, Stage};
use fantoccini::key::Key;
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn axe_finds_nothing_on_a_desk_that_is_logged_in_waits_and_is_denied() {
    let Some(stage) = Stage::desk().await else { return };
    let page = &stage.browser;
    stage.broker.buy("agent_email", 1, 0).await;
    stage.broker.buy("agent_web_chat", 0, 0).await;
    for language in LANGUAGES {
        page.speaks(language).await;
        let edred = stage.broker.log_in("edred", "agent_desktop").await;
        page.logs_in("maeve").await;
        page.clicks("#desk-denied [data-licence=agent_email] button").await;
        page.sees("#desk-waiting .chip").await;
        page.sees("#desk-denied .chip").await;
        page.sees("#desk-other .chip").await;
        page.is_open_to_all(&format!("waiting, {language}")).await;
        edred.log_out().await;
        page.sees("#desk-news li").await;
        page.evaluates("document.querySelector('#desk-log-part').open = true").await;
        page.is_open_to_all(&format!("news and log, {language}")).await;
        page.clicks("#desk-logout").await;
        page.reads("#desk-message", "").await;
        page.evaluates("document.querySelector('#desk-log-part').open = false").await;
    }
}

#[tokio::test]
async fn axe_finds_nothing_on_a_wallboard_in_alarm_nor_on_one_that_is_not_live() {
    let Some(LooseStage { browser: page, line, broker }) = LooseStage::wallboard("").await else {
        return;
    };
    broker.buy("inbound_agent", 1, 1).await;
    broker.buy("agent_email", 1, 0).await;
    for screen in [(1_440, 900), (360, 740)] {
        page.has_screen(screen).await;
        for language in LANGUAGES {
            // The controls hide from whoever does nothing.
            page.presses(Key::Shift).await;
            page.sees("html[data-idle=false]").await;
            page.speaks(language).await;
            // Anew each time: who says nothing for long is logged out.
            let _edred = broker.log_in("edred", "agent_desktop").await;
            page.sees(".tile[data-level=warn]").await;
            page.is_open_to_all(&format!("live, {language}, {screen:?}")).await;
            line.cut();
            page.sees("#board-stale").await;
            page.is_open_to_all(&format!("not live, {language}, {screen:?}")).await;
            line.mend();
            page.sees("#live[data-state=live]").await;
        }
    }
}

#[tokio::test]
async fn axe_finds_nothing_on_the_forms_and_links_of_wallboards() {
    let Some(stage) = Console::bare().await else { return };
    let page = &stage.browser;
    let maximum = json!({ "maximum": 1 });
    stage.broker.call(Method::PUT, "licence-metrics/wallboard", Some(maximum)).await;
    let lobby = json!({ "id": "lobby", "name": "Lobby", "user": null });
    stage.broker.call(Method::POST, "wallboards", Some(lobby)).await;
    for language in LANGUAGES {
        stage.opens("admin", language, "#/wallboards").await;
        page.clicks("#wallboard-add").await;
        page.types("dialog [name=id]", "canteen").await;
        page.clicks("dialog [type=submit]").await;
        page.sees("dialog [role=alert]").await;
        page.is_open_to_all(&format!("refused, {language}")).await;
        page.evaluates("document.querySelector('dialog').close()").await;

        page.clicks("tr[data-key=lobby] [data-act=open]").await;
        page.sees("dialog fieldset").await;
        page.is_open_to_all(&format!("what a link says, {language}")).await;
        page.clicks("dialog [type=submit]").await;
        page.sees("#wallboard-open").await;
        page.is_open_to_all(&format!("a link, {language}")).await;
        page.evaluates("document.querySelector('dialog').close()").await;
    }
}
