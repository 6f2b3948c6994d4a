//! The page of the per-user log.

use super::{DAY, History};
use fantoccini::key::Key;
use licence_broker::auth::Role;
use serde_json::json;

const ROWS: &str = "return [...document.querySelectorAll('tbody tr')].map((row) =>
    [...row.cells].slice(1, 5).map((cell) => cell.textContent).join(' '))";

#[tokio::test]
async fn the_log_is_filtered_and_saved_and_the_filters_are_the_address() {
    let Some(history) = History::begin().await else { return };
    let page = &history.page;
    for (language, seat, released, none, connection) in [
        (
            "en",
            "Acquired Inbound Agent a Paired Device",
            "Released Inbound Agent a Paired Device",
            "Nothing was acquired",
            "Paired Device",
        ),
        (
            "ja",
            "取得 インバウンドエージェント a ペアリングされた端末",
            "解放 インバウンドエージェント a ペアリングされた端末",
            "該当する記録はありません",
            "ペアリングされた端末",
        ),
    ] {
        history.open(Role::Supervisor, language, &format!("usage?{DAY}")).await;
        // Six licences acquired and released: desktop, desktop, telephone.
        page.reads("#usage-part", "12").await;
        page.types("[name=user]", "a").await;
        page.chooses("[name=licence]", "inbound_agent").await;
        page.chooses("[name=logon_source]", "Paired Device").await;
        page.clicks("form [type=submit]").await;
        page.comes_to(ROWS, &json!([seat, released])).await;
        page.reads("tbody", connection).await;
        let first = page.text("tbody tr:first-child th").await;
        assert!(first.contains("16:52"), "in the organisation's zone: {first}");

        page.watches_for_a_file().await;
        page.clicks("#usage-csv").await;
        let file = page.file().await;
        let lines: Vec<&str> = file.lines().collect();
        assert!(lines[0].starts_with("Usage Type,Logged Date Time,Licence Type,User,Logon Source"));
        assert!(lines[1].starts_with("Acquired,2019-08-16 16:52:00,Inbound Agent,a,Paired Device"));
        assert_eq!(lines.len(), 3);

        page.client.refresh().await.unwrap();
        page.comes_to(ROWS, &json!([seat, released])).await;
        assert_eq!(page.evaluates("return document.querySelector('[name=user]').value").await, "a");
        page.chooses("[name=reason]", "forced").await;
        page.clicks("form [type=submit]").await;
        page.reads(".table-empty", none).await;
    }
    history.close().await;
}

#[tokio::test]
async fn a_session_tells_its_story_in_order_and_the_story_is_a_link() {
    let Some(history) = History::begin().await else { return };
    let page = &history.page;
    for (language, whose, steps) in [
        (
            "en",
            "a on Agent desktop",
            ["Inbound Agent acquired (concurrent)", "Agent E-mail released (concurrent)"],
        ),
        ("ja", "a（エージェント", ["インバウンドエージェントを取得", "エージェントEメールを解放"]),
    ] {
        history.open(Role::Admin, language, &format!("usage?{DAY}&user=a")).await;
        page.sees("tbody tr:first-child button").await;
        page.evaluates("document.querySelector('tbody tr:first-child button').focus()").await;
        page.presses(Key::Enter).await;
        page.reads("#story", whose).await;
        let story = page.text("#story .story").await;
        let places: Vec<_> = steps.iter().map(|step| story.find(step).expect(step)).collect();
        assert!(places.is_sorted(), "{story}");
        assert!(story.contains("16:50:00") && story.contains("16:52:00"), "{story}");
        page.client.refresh().await.unwrap();
        page.reads("#story", steps[1]).await;
        page.presses(Key::Escape).await;
        page.misses("#story").await;
        let hash = page.evaluates("return location.hash").await;
        let hash = hash.as_str().unwrap();
        assert!(hash.contains("user=a") && !hash.contains("session="), "{hash}");

        page.evaluates("document.querySelector('tbody tr:nth-child(2) button').focus()").await;
        page.presses(Key::Enter).await;
        page.sees("#story .story li").await;
        page.clicks("#story button").await;
        page.misses("#story").await;
        page.sees("tbody tr:nth-child(2) button:focus").await;
    }
    history.close().await;
}

#[tokio::test]
async fn users_are_suggested_to_administrators_by_name_and_to_supervisors_while_they_are_logged_in()
{
    let Some(history) = History::begin().await else { return };
    let page = &history.page;
    let (socket, _) = history.broker.login(129, "b", "agent_desktop").await;
    let suggested =
        "return [...document.querySelectorAll('datalist option')].map((option) => option.value)";
    for (role, language, all, some) in [
        (Role::Admin, "en", json!(["a", "b", "c"]), json!(["b"])),
        (Role::Supervisor, "ja", json!(["b"]), json!(["b"])),
    ] {
        history.open(role, language, &format!("usage?{DAY}")).await;
        page.clicks("[name=user]").await;
        page.comes_to(suggested, &all).await;
        page.types("[name=user]", "b").await;
        page.comes_to(suggested, &some).await;
    }
    socket.log_out().await;
    history.close().await;
}

#[tokio::test]
async fn a_long_log_is_turned_page_by_page() {
    let Some(history) = History::begin().await else { return };
    let page = &history.page;
    // Four records each.
    for _ in 0..27 {
        let (socket, _) = history.broker.login(129, "a", "agent_desktop").await;
        socket.log_out().await;
    }
    for language in ["en", "ja"] {
        history.open(Role::Admin, language, &format!("usage?{DAY}&user=a")).await;
        page.reads("#usage-part", "100").await;
        assert!(!page.shows("#usage-previous:enabled").await, "nothing is before the first");
        page.clicks("#usage-next").await;
        page.reads("#usage-part", "101").await;
        assert!(!page.shows("#usage-next:enabled").await, "nothing is after the last");
        page.clicks("#usage-previous").await;
        page.sees("#usage-next:enabled").await;
        page.misses("#usage-first:enabled").await;
    }
    history.close().await;
}
