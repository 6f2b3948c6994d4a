//! Without a mouse.

use crate::browser::Browser;
use crate::stage::Stage;
use fantoccini::key::Key;
use serde_json::json;

/// More than there are stops on the page.
const STOPS_MAX: usize = 60;

#[tokio::test]
async fn the_keyboard_alone_logs_in_and_out() {
    let Some(stage) = Stage::desk().await else { return };
    let page = &stage.browser;
    page.presses(Key::Tab).await;
    assert!(page.shows(".skip:focus").await, "the first stop leads to the content");

    page.walks_to("desk-user").await;
    page.presses(Key::Down).await;
    page.walks_to("desk-login").await;
    let outline = "return getComputedStyle(document.activeElement).outlineStyle";
    assert_ne!(page.evaluates(outline).await, json!("none"), "one sees where one is");
    page.presses(Key::Enter).await;
    page.sees("#desk-state[data-state=live]").await;
    page.reads("#session-user", "Maeve Ó Briain").await;

    page.walks_to("desk-logout").await;
    page.presses(Key::Enter).await;
    page.sees("#desk-state[data-state=closed]").await;
    stage.close().await;
}

#[tokio::test]
async fn the_focus_stays_on_the_page_when_its_button_goes_out_of_use() {
    let Some(stage) = Stage::desk().await else { return };
    let page = &stage.browser;
    page.walks_to("desk-login").await;
    page.presses(Key::Enter).await;
    page.sees("#desk-state[data-state=live]").await;
    page.presses(Key::Tab).await;
    let here = page.evaluates("return document.activeElement.closest('#desk') !== null").await;
    assert_eq!(here, json!(true), "the next stop is on the desk, not at the top of the page");
    stage.close().await;
}

impl Browser {
    /// Presses Tab until the element has the focus.
    async fn walks_to(&self, id: &str) {
        let mut passed = Vec::new();
        for _ in 0..STOPS_MAX {
            let focused = self.evaluates("return document.activeElement.id").await;
            if focused == id {
                return;
            }
            passed.push(focused);
            self.presses(Key::Tab).await;
        }
        panic!("Tab never came to #{id}; it passed {passed:?}");
    }
}
