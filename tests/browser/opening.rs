//! The page opens, whole and without a word to anybody but its broker.

use crate::stage::Stage;
use serde_json::json;

#[tokio::test]
async fn the_page_opens_without_an_error_and_asks_nobody_but_its_broker() {
    let Some(stage) = Stage::open().await else { return };
    let page = &stage.browser;
    page.reads("#organisation", "Harbour Lights Contact Centre Organisation 129").await;
    page.reads("#clock", "Europe/London").await;
    page.reads("#desk-state", "Not logged in").await;
    assert_eq!(page.client.title().await.unwrap(), "Licence Broker");
    for hidden in ["#notice", "#manual", "#desk-session", "#wallboard-empty"] {
        assert!(!page.shows(hidden).await, "{hidden} has nothing to say yet");
    }
    let nameless = page
        .evaluates(
            "return [...document.querySelectorAll('[data-i18n]')]
               .filter((element) => element.textContent === '' || element.textContent === element.dataset.i18n)
               .map((element) => element.dataset.i18n)",
        )
        .await;
    assert_eq!(nameless, json!([]), "every element has its text");
    stage.close().await;
}

#[tokio::test]
async fn the_page_fits_a_narrow_screen() {
    let Some(stage) = Stage::open().await else { return };
    let page = &stage.browser;
    page.client.set_window_size(500, 900).await.unwrap();
    page.logs_in("maeve").await;
    page.sees("#desk-granted .chip").await;
    let overflow = page
        .evaluates(
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth",
        )
        .await;
    assert_eq!(overflow, json!(0), "pixels that one would have to scroll sideways");
    stage.close().await;
}
