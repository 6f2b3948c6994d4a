//! The pages without a sign-in open, whole and without a word to anybody but their broker.

use crate::stage::Stage;
use serde_json::json;

/// Elements that name a text and do not have it.
const NAMELESS: &str = "return [...document.querySelectorAll('[data-i18n]')]
    .filter((element) => element.textContent === '' || element.textContent === element.dataset.i18n)
    .map((element) => element.dataset.i18n)";

/// Pixels that one would have to scroll sideways.
const OVERFLOW: &str =
    "return document.documentElement.scrollWidth - document.documentElement.clientWidth";

#[tokio::test]
async fn the_desk_opens_without_an_error_and_asks_nobody_but_its_broker() {
    let Some(stage) = Stage::desk().await else { return };
    let page = &stage.browser;
    page.reads("#organisation", "Harbour Lights Contact Centre Organisation 129").await;
    page.reads("#clock", "Europe/London").await;
    page.reads("#desk-state", "Not logged in").await;
    assert_eq!(page.client.title().await.unwrap(), "Agent desk – Licence Broker");
    for hidden in ["#notice", "#manual", "#desk-session"] {
        assert!(!page.shows(hidden).await, "{hidden} has nothing to say yet");
    }
    assert_eq!(page.evaluates(NAMELESS).await, json!([]), "every element has its text");
    stage.close().await;
}

#[tokio::test]
async fn the_wallboard_opens_without_an_error_and_asks_nobody_but_its_broker() {
    let Some(stage) = Stage::wallboard("").await else { return };
    let page = &stage.browser;
    page.reads("#organisation", "Harbour Lights Contact Centre Organisation 129").await;
    page.reads("#clock", "Europe/London").await;
    assert_eq!(page.client.title().await.unwrap(), "Wallboard – Licence Broker");
    for hidden in ["#notice", "#manual", "#wallboard-empty"] {
        assert!(!page.shows(hidden).await, "{hidden} has nothing to say yet");
    }
    assert_eq!(page.evaluates(NAMELESS).await, json!([]), "every element has its text");
    stage.close().await;
}

#[tokio::test]
async fn the_desk_fits_a_narrow_screen() {
    let Some(stage) = Stage::desk().await else { return };
    let page = &stage.browser;
    page.client.set_window_size(500, 900).await.unwrap();
    page.logs_in("maeve").await;
    page.sees("#desk-granted .chip").await;
    assert_eq!(page.evaluates(OVERFLOW).await, json!(0));
    stage.close().await;
}
