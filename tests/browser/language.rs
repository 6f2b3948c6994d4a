//! English and Japanese.

use crate::stage::Stage;
use serde_json::json;

#[tokio::test]
async fn japanese_is_shown_at_once_and_stays_after_a_reload() {
    let Some(stage) = Stage::desk().await else { return };
    let page = &stage.browser;
    page.logs_in("edred").await;
    page.reads("#desk-title", "Agent desk").await;

    page.clicks("#language-ja").await;
    page.reads("#desk-title", "エージェントデスク").await;
    page.reads("#desk-state[data-state=live]", "ログイン中").await;
    page.reads("#desk-granted [data-licence=agent_email]", "エージェントEメール 同時接続").await;
    page.reads("#desk-granted [data-licence=inbound_agent]", "インバウンドエージェント").await;
    page.sees("html[lang=ja]").await;
    page.sees("#language-ja[aria-pressed=true]").await;

    page.client.refresh().await.unwrap();
    page.reads("#desk-title", "エージェントデスク").await;
    page.sees("html[lang=ja]").await;

    page.clicks("#language-en").await;
    page.reads("#desk-title", "Agent desk").await;
    stage.close().await;
}

#[tokio::test]
async fn in_japanese_nothing_is_left_in_english() {
    let Some(stage) = Stage::desk().await else { return };
    let page = &stage.browser;
    page.clicks("#language-ja").await;
    page.logs_in("maeve").await;
    page.reads("#desk-granted .chip", "インバウンドエージェント").await;
    let english = page
        .evaluates(
            "const table = async (name) => (await fetch(`/static/i18n/${name}.json`)).json();
             const [en, ja] = [await table('en'), await table('ja')];
             const sentences = new Set(Object.keys(en).filter((key) => en[key] !== ja[key]).map((key) => en[key]));
             const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
             const left = [];
             while (texts.nextNode()) if (sentences.has(texts.currentNode.data.trim())) left.push(texts.currentNode.data);
             for (const element of document.querySelectorAll('[aria-label]')) {
               if (sentences.has(element.getAttribute('aria-label'))) left.push(element.getAttribute('aria-label'));
             }
             return left",
        )
        .await;
    assert_eq!(english, json!([]));
    stage.close().await;
}
