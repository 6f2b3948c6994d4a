//! The question of last week, asked without a mouse on a small screen.

use super::History;
use fantoccini::key::Key;
use licence_broker::auth::Role;
use serde_json::json;

#[tokio::test]
async fn how_many_seats_were_needed_last_week_is_found_by_keyboard_alone_on_a_small_screen() {
    let Some(history) = History::begin().await else { return };
    let page = &history.page;
    page.client.set_window_size(360, 740).await.unwrap();
    for (language, answer) in [
        ("en", "3 Inbound Agent seats would have been enough."),
        ("ja", "インバウンドエージェントは3席あれば足りました。"),
    ] {
        history.open(Role::Supervisor, language, "licences").await;
        // The week after that of which there are records.
        page.evaluates("Date.now = () => Date.parse('2019-08-21T12:00:00Z')").await;
        page.evaluates("document.activeElement.blur()").await;
        page.tabs_to("#menu-button").await;
        page.presses(Key::Enter).await;
        page.tabs_to("[data-page=figures]").await;
        page.presses(Key::Enter).await;
        page.sees("#figures-title").await;
        page.tabs_to("[data-range=last_week]").await;
        page.presses(Key::Enter).await;
        page.reads("#figures-answer", answer).await;
        page.sees("[data-range=last_week]:focus").await;
        page.tabs_to(".chart-plot").await;
        page.presses(Key::End).await;
        page.sees(".chart-plot[aria-valuetext*='17:00']").await;
        page.tabs_to("#figures-records summary").await;
        page.presses(Key::Enter).await;
        page.sees("#figures-records tbody tr").await;
        let fits = "return document.documentElement.scrollWidth <= innerWidth";
        assert_eq!(page.evaluates(fits).await, json!(true), "nothing is beside the screen");
    }
    history.close().await;
}
