//! The page of the organisation's figures.

use super::{DAY, History};
use fantoccini::key::Key;
use licence_broker::auth::Role;
use serde_json::json;

const CHART: &str = ".chart-plot[role=slider]";

#[tokio::test]
async fn how_many_seats_would_have_been_enough_is_said_in_words() {
    let Some(history) = History::begin().await else { return };
    let page = &history.page;
    for (role, language, title, seats, why) in [
        (
            Role::Supervisor,
            "en",
            "Organisation licence usage",
            "Fri, 16 Aug 2019: 3 Inbound Agent seats would have been enough.",
            [
                "At most 2 were in use at once; the demand was highest at Fri 16 Aug, 16:50.",
                "Users turned away within the same five minutes: up to 1.",
                "Bought at the end of it: 2 (1 concurrent, 1 contingency). That is 1 too few.",
            ],
        ),
        (
            Role::Admin,
            "ja",
            "組織ライセンス使用状況",
            "インバウンドエージェントは3席あれば足りました。",
            [
                "同時使用は最大2で、",
                "同じ5分間に拒否されたユーザーは最大1人です。",
                "期間末の購入数は2（同時接続1、緊急1）です。1不足しています。",
            ],
        ),
    ] {
        history.open(role, language, &format!("figures?{DAY}")).await;
        page.reads("h1", title).await;
        page.reads("#figures-answer", seats).await;
        for part in why {
            page.reads("#figures-answer + p", part).await;
        }
        page.reads(".page .hint", "Europe/London").await;
        let heard = page.evaluates("return document.querySelector('#voice').textContent").await;
        assert!(heard.as_str().unwrap().contains(seats), "{heard}");
    }
    history.close().await;
}

#[tokio::test]
async fn the_figures_of_every_type_are_listed_and_each_can_be_drawn() {
    let Some(history) = History::begin().await else { return };
    let page = &history.page;
    for (language, licence, answer) in [
        ("en", "Agent E-mail", "2 Agent E-mail licences would have been enough."),
        ("ja", "エージェントEメール", "エージェントEメールは2ライセンスあれば足りました。"),
    ] {
        history.open(Role::Admin, language, &format!("figures?{DAY}")).await;
        page.sees(".chart .u-over").await;
        let row = "tr[data-key=inbound_agent]";
        page.counts(&format!("{row} [data-column=concurrent-highest]"), 1).await;
        page.counts(&format!("{row} [data-column=contingency-highest]"), 1).await;
        page.counts(&format!("{row} [data-column=enough]"), 3).await;
        page.clicks("tr[data-key=agent_email] button").await;
        page.sees("tr[data-key=agent_email] button[aria-current=true]").await;
        page.reads("#figures-chart", licence).await;
        // The two of `a` and `b`.
        page.reads("#figures-answer", answer).await;
        let hash = page.evaluates("return location.hash").await;
        assert!(hash.as_str().unwrap().contains("licence=agent_email"), "{hash}");
    }
    history.close().await;
}

#[tokio::test]
async fn the_chart_is_read_by_keyboard_and_its_figures_stand_in_a_table_and_a_file() {
    let Some(history) = History::begin().await else { return };
    let page = &history.page;
    for (language, told, denied, stretch) in [
        ("en", "1 concurrent and 1 contingency in use, 2 at most", "Users turned away", "16:50"),
        ("ja", "同時接続1、緊急1を使用中、最大2", "拒否されたユーザー", "16:50"),
    ] {
        history.open(Role::Supervisor, language, &format!("figures?{DAY}")).await;
        page.sees(".chart .u-over").await;
        page.evaluates("document.querySelector('.chart-plot').focus()").await;
        page.presses(Key::Home).await;
        page.sees(&format!("{CHART}[aria-valuetext*='{told}']")).await;
        page.reads(".chart-readout", denied).await;

        page.clicks("#figures-records summary").await;
        page.reads("#figures-records tbody tr:first-child", stretch).await;
        page.reads("#figures-records .pager", "3").await;

        page.watches_for_a_file().await;
        page.clicks("#figures-csv").await;
        let file = page.file().await;
        assert!(file.starts_with("Organisation ID,Licence Type,Start Date Time,"), "{file}");
        assert!(file.contains("129,Inbound Agent,2019-08-16 16:50:00,2019-08-16 16:55:00,1,1,"));
        assert!(!file.contains("Agent E-mail"), "the type that is shown: {file}");
    }
    history.close().await;
}

#[tokio::test]
async fn a_range_is_chosen_typed_or_taken_from_the_chart_and_stays_in_the_address() {
    let Some(history) = History::begin().await else { return };
    let page = &history.page;
    for (language, backwards, nothing) in [
        ("en", "later than the beginning", "Nothing was recorded in this period."),
        ("ja", "開始より後の日時", "この期間の記録はありません。"),
    ] {
        history.open(Role::Admin, language, &format!("figures?{DAY}")).await;
        page.sees(".chart .u-over").await;
        page.clicks("[data-chart=in]").await;
        page.clicks("#figures-zoomed").await;
        page.misses("#figures-zoomed").await;
        let hash = page.evaluates("return decodeURIComponent(location.hash)").await;
        let noon = "from=2019-08-16T05:00:00.000Z&to=2019-08-16T17:00:00.000Z";
        assert!(hash.as_str().unwrap().contains(noon), "{hash}");
        page.reads("#figures-answer", "3").await;

        // What is typed is kept, whatever is wrong with it.
        let typed = "const field = document.querySelector('[name=to]');
            field.value = '2019-08-15T00:00';
            field.dispatchEvent(new Event('input'));";
        page.evaluates(typed).await;
        page.clicks("form [type=submit]").await;
        page.reads("[data-field=to] .field-error", backwards).await;
        page.sees("[name=to][aria-invalid=true]").await;
        let kept = page.evaluates("return document.querySelector('[name=to]').value").await;
        assert_eq!(kept, json!("2019-08-15T00:00"));

        page.clicks("[data-range=yesterday]").await;
        page.reads(".table-empty[role=status]", nothing).await;
        page.sees("[data-range=yesterday][aria-pressed=true]").await;
        let hash = page.evaluates("return location.hash").await;
        assert!(hash.as_str().unwrap().contains("range=yesterday"), "{hash}");
        page.client.back().await.unwrap();
        page.reads("#figures-answer", "3").await;
    }
    history.close().await;
}
