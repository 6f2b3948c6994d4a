//! View Licences: what is shown, how it moves, and how what was bought is changed.

use super::{Console, LANGUAGES};
use crate::browser::Browser;
use crate::stage::LooseStage;
use reqwest::Method;
use serde_json::json;

const SEAT: &str = "tr[data-key=inbound_agent]";

/// The columns of the reference's page, with its own words, and those that follow them.
const COLUMNS: [[&str; 2]; 17] = [
    ["Licence Type", "ライセンスタイプ"],
    ["Active Users", "アクティブユーザー"],
    ["Base licences Total", "基本ライセンス 合計"],
    ["Base licences Used", "基本ライセンス 使用中"],
    ["Base licences Reusable", "基本ライセンス 再使用可能"],
    ["Base licences Available", "基本ライセンス 受付可"],
    ["Concurrent Logons Total", "同時ログオン 合計"],
    ["Concurrent Logons Used", "同時ログオン 使用"],
    ["Concurrent Logons Available", "同時ログオン 使用可能"],
    ["Contingency Logons Total", "緊急時ログオン 合計"],
    ["Contingency Logons Used", "緊急時ログオン 使用"],
    ["Contingency Logons Max Used", "緊急時ログオン 最大使用"],
    ["Contingency Logons Available", "緊急時ログオン 使用可能"],
    ["Fixed seats Total", "固定座席 合計"],
    ["Fixed seats Used", "固定座席 使用中"],
    ["Fixed seats Available", "固定座席 使用可能"],
    ["Waiting", "待ち"],
];

impl Browser {
    /// Waits until a figure of a row is this.
    async fn figure(&self, licence: &str, column: &str, number: u32) {
        self.counts(&format!("tr[data-key={licence}] [data-column={column}]"), number).await;
    }

    /// Types over a number in the dialog.
    async fn totals(&self, field: &str, number: u32) {
        self.evaluates(&format!("document.querySelector('dialog [name={field}]').value = ''"))
            .await;
        self.types(&format!("dialog [name={field}]"), &number.to_string()).await;
    }

    async fn saves(&self) {
        self.clicks("dialog [type=submit]").await;
    }
}

#[tokio::test]
async fn the_columns_are_those_of_the_reference_in_its_own_words() {
    let Some(stage) = Console::bare().await else { return };
    let page = &stage.browser;
    for (index, language) in LANGUAGES.into_iter().enumerate() {
        stage.opens("admin", language, "#/licences").await;
        page.sees(SEAT).await;
        let labels = page
            .evaluates(
                "return [...document.querySelectorAll('tr[data-key=inbound_agent] > *')].map((cell) => cell.dataset.label)",
            )
            .await;
        let labels = labels.as_array().unwrap();
        let expected: Vec<&str> = COLUMNS.iter().map(|column| column[index]).collect();
        assert_eq!(labels[..expected.len()], expected);
        let last = ["Active - Billing Period", "アクティブ - 請求期間"][index];
        assert_eq!(labels[expected.len()..], [last]);
        page.reads(".totals", last).await;
        page.counts(".totals [data-total=active_users]", 7).await;
    }
    stage.close().await;
}

#[tokio::test]
async fn features_and_products_come_with_their_check_boxes_and_stay_in_the_address() {
    let Some(stage) = Console::bare().await else { return };
    let page = &stage.browser;
    stage.opens("supervisor", "en", "#/licences").await;
    page.sees(SEAT).await;
    page.misses("tr[data-key=agent_email]").await;
    page.clicks("#show-feature").await;
    page.sees("tr[data-key=agent_email]").await;
    page.misses("tr[data-key=view]").await;
    page.clicks("#show-product").await;
    page.sees("tr[data-key=view]").await;
    page.client.refresh().await.unwrap();
    page.sees("tr[data-key=view]").await;
    page.sees("#show-feature:checked").await;
    page.clicks("#show-feature").await;
    page.misses("tr[data-key=agent_email]").await;
    stage.close().await;
}

#[tokio::test]
async fn counts_move_by_themselves_and_a_row_says_when_none_is_left() {
    let Some(stage) = Console::bare().await else { return };
    let page = &stage.browser;
    for (language, free, contingency, none, over) in [
        ("en", "1 free", "Concurrent all used, 1 contingency left", "None left", "Over by 1"),
        ("ja", "空き1", "緊急の残り1", "空きなし", "1超過"),
    ] {
        stage.broker.buy("inbound_agent", 1, 1).await;
        stage.opens("supervisor", language, "#/licences").await;
        page.sees(".live[data-state=live]").await;
        page.reads(SEAT, free).await;

        let edred = stage.works("edred", "agent_desktop").await;
        page.figure("inbound_agent", "concurrent-used", 1).await;
        page.reads(SEAT, contingency).await;
        let maeve = stage.works("maeve", "agent_desktop").await;
        page.figure("inbound_agent", "contingency-used", 1).await;
        page.figure("inbound_agent", "contingency-max_used", 1).await;
        page.reads(&format!("{SEAT} [data-status=full]"), none).await;
        page.counts(".totals [data-total=full]", 1).await;

        stage.broker.buy("inbound_agent", 1, 0).await;
        page.reads(&format!("{SEAT} [data-status=over]"), over).await;
        page.counts(".totals [data-total=over]", 1).await;
        page.sees(&format!("{SEAT} .bar i[data-segment=over]")).await;
        drop([edred, maeve]);
        stage.broker.is_left_by_all().await;
        page.figure("inbound_agent", "concurrent-used", 0).await;
    }
    stage.close().await;
}

#[tokio::test]
async fn a_supervisor_sees_and_does_not_buy() {
    let Some(stage) = Console::bare().await else { return };
    let page = &stage.browser;
    stage.opens("supervisor", "en", "#/licences").await;
    page.sees(SEAT).await;
    page.misses("[data-change]").await;
    stage.close().await;
}

#[tokio::test]
async fn what_a_change_does_stands_there_before_it_is_saved() {
    let Some(stage) = Console::bare().await else { return };
    let page = &stage.browser;
    for (language, nothing, over, overflow, moved) in [
        (
            "en",
            "Nothing changes",
            "over what was bought: 1.",
            "on contingency: 1.",
            "edred: concurrent → contingency",
        ),
        (
            "ja",
            "影響はありません",
            "超過する使用者：1人",
            "使用者の増加：1人",
            "edred：同時使用 → 緊急",
        ),
    ] {
        stage.broker.buy("inbound_agent", 2, 0).await;
        let edred = stage.works("edred", "agent_desktop").await;
        let maeve = stage.works("maeve", "agent_desktop").await;
        stage.opens("admin", language, "#/licences").await;
        page.figure("inbound_agent", "concurrent-used", 2).await;
        page.clicks("[data-change=inbound_agent]").await;
        page.reads("#effect", nothing).await;
        page.totals("concurrent", 0).await;
        page.totals("contingency", 1).await;
        page.reads("#effect", over).await;
        page.reads("#effect", overflow).await;
        page.clicks("#effect-names summary").await;
        page.reads("#effect-names", moved).await;
        page.figure("inbound_agent", "concurrent-total", 2).await;

        page.saves().await;
        page.misses("dialog").await;
        page.figure("inbound_agent", "concurrent-total", 0).await;
        page.figure("inbound_agent", "contingency-used", 1).await;
        page.sees(&format!("{SEAT} [data-status=over]")).await;
        page.sees("[data-change=inbound_agent]:focus").await;
        drop([edred, maeve]);
        stage.broker.is_left_by_all().await;
    }
    stage.close().await;
}

#[tokio::test]
async fn what_is_bound_cannot_be_sold_and_the_field_says_so() {
    let Some(stage) = Console::bare().await else { return };
    let page = &stage.browser;
    for (language, refused, least, seats) in [
        ("en", "that are bound: 3.", "At least 3.", "At least 1."),
        ("ja", "割当済みの基本ライセンスは3件", "3以上", "1以上"),
    ] {
        stage.opens("admin", language, "#/licences").await;
        page.clicks("[data-change=inbound_agent]").await;
        page.totals("base", 2).await;
        page.reads("#effect", refused).await;
        page.saves().await;
        page.reads("dialog [data-field=base] .field-error", least).await;
        page.sees("dialog [name=base]:focus").await;
        page.evaluates("document.querySelector('dialog').close()").await;

        page.clicks("[data-change=meeting_room]").await;
        page.totals("fixed", 0).await;
        page.saves().await;
        page.reads("dialog [data-field=fixed] .field-error", seats).await;
    }
    stage.close().await;
}

#[tokio::test]
async fn a_refusal_of_the_broker_stands_next_to_its_field() {
    let Some(stage) = Console::bare().await else { return };
    let page = &stage.browser;
    for (language, words) in
        [("en", "8 base licences are bound"), ("ja", "基本ライセンスが不足しています")]
    {
        stage.opens("admin", language, "#/licences").await;
        page.clicks("[data-change=inbound_agent]").await;
        page.totals("base", 7).await;
        // Whoever opened the dialog does not know of those who are added now.
        for number in 1..=5 {
            let user = json!({"user": format!("{language}-{number}"), "name": "New", "status": "active",
                "user_type": "inbound_agent", "features": []});
            stage.broker.call(Method::POST, "users", Some(user)).await;
        }
        page.saves().await;
        page.reads("dialog [data-field=base] .field-error", words).await;
        for number in 1..=5 {
            stage
                .broker
                .call(
                    Method::PATCH,
                    &format!("users/{language}-{number}"),
                    Some(json!({"user_type": "supervisor"})),
                )
                .await;
        }
        stage.broker.buy("inbound_agent", 2, 2).await;
    }
}

#[tokio::test]
async fn who_is_second_is_told_what_the_first_did_and_loses_nothing() {
    let Some(stage) = Console::bare().await else { return };
    let page = &stage.browser;
    for (language, conflict, change) in [
        ("en", "Somebody else changed this meanwhile.", "Concurrent Logons - Total: 2 → 9."),
        ("ja", "その間にほかの人が変更しました。", "同時ログオン - 合計：2 → 9。"),
    ] {
        stage.broker.buy("inbound_agent", 2, 2).await;
        stage.opens("admin", language, "#/licences").await;
        page.figure("inbound_agent", "concurrent-total", 2).await;
        page.clicks("[data-change=inbound_agent]").await;
        page.totals("contingency", 5).await;
        stage.broker.buy("inbound_agent", 9, 2).await;
        page.saves().await;
        page.reads("dialog .notice", conflict).await;
        page.reads("dialog .notice", change).await;
        let typed =
            page.evaluates("return document.querySelector('dialog [name=contingency]').value");
        assert_eq!(typed.await, json!("5"));

        page.saves().await;
        page.misses("dialog").await;
        page.figure("inbound_agent", "contingency-total", 5).await;
    }
    // 412 is an error on the console as well; nothing else is.
    stage.browser.asked_only(stage.broker.address).await;
}

#[tokio::test]
async fn screen_readers_hear_of_a_new_state_and_then_not_before_a_pause() {
    let Some(stage) = Console::bare().await else { return };
    let page = &stage.browser;
    stage.opens("supervisor", "en", "#/licences").await;
    let told = page
        .evaluates(
            "const { Herald } = await import('/static/ui/herald.js');
             const told = [];
             const due = [];
             const timers = { setTimeout: (work) => due.push(work), clearTimeout: () => {} };
             const texts = { t: (key, { count }) => `and ${count} more`, sentences: (parts) => parts.join(' ') };
             const herald = new Herald({ texts, timers, announce: (text) => told.push(text) });
             herald.tell('seat', () => 'Seat: full.');
             for (const count of [3, 2, 1]) herald.tell('email', () => `E-mail: ${count} free.`);
             for (const name of ['a', 'b', 'c']) herald.tell(name, () => name);
             const atOnce = [...told];
             due.shift()();
             const afterPause = told.slice(1);
             due.shift()();
             return { atOnce, afterPause, timers: due.length, told: told.length };",
        )
        .await;
    assert_eq!(
        told,
        json!({"atOnce": ["Seat: full."], "afterPause": ["E-mail: 1 free. a b and 1 more"],
            "timers": 0, "told": 2})
    );

    page.sees(".live[data-state=live]").await;
    stage.broker.buy("inbound_agent", 1, 0).await;
    page.figure("inbound_agent", "concurrent-total", 1).await;
    let _edred = stage.works("edred", "agent_desktop").await;
    page.reads(SEAT, "None left").await;
    page.hears("Inbound Agent: None left.").await;
    stage.close().await;
}

#[tokio::test]
async fn a_lost_connection_is_shown_and_counts_go_on_when_it_is_back() {
    let Some(stage) = LooseStage::bare().await else { return };
    let page = &stage.browser;
    for (language, lost, live) in
        [("en", "Not live", "Live"), ("ja", "ライブではありません", "ライブ")]
    {
        page.enters_demo(stage.line.address, "admin", language).await;
        page.reads(".live[data-state=live]", live).await;
        stage.line.cut();
        page.reads(".live[data-state=reconnecting]", lost).await;
        page.clicks("#refresh").await;
        page.sees("#licences-notice").await;
        page.sees(SEAT).await;

        stage.line.mend();
        page.reads(".live[data-state=live]", live).await;
        let edred = stage.broker.log_in("edred", "agent_desktop").await;
        page.figure("inbound_agent", "concurrent-used", 1).await;
        edred.log_out().await;
        page.figure("inbound_agent", "concurrent-used", 0).await;
        page.clicks("#refresh").await;
        page.misses("#licences-notice").await;
    }
}

impl Browser {
    /// Waits until the page has said this to screen readers.
    async fn hears(&self, words: &str) {
        self.reads("#voice[role=status]", words).await;
    }
}
