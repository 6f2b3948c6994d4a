//! The list of users: found, added, changed, deleted; and why not.

use super::office::{LANGUAGES, Office};
use reqwest::Method;
use serde_json::{Value, json};

const EDIT: &str = "[data-action=\"users.edit\"]";
const DELETE: &str = "[data-action=\"users.delete\"]";
const SUBMIT: &str = "dialog button[type=submit]";

impl Office {
    async fn user(&self, name: &str) -> Value {
        self.broker().call(Method::GET, &format!("users/{name}"), None).await
    }

    async fn opens_the_form_of(&self, name: &str) {
        self.browser().clicks(&format!("tr[data-key={name}] {EDIT}")).await;
        self.browser().sees(SUBMIT).await;
    }

    async fn saves(&self) {
        self.browser().clicks(SUBMIT).await;
    }
}

#[tokio::test]
async fn a_user_is_added_found_changed_and_deleted() {
    for language in LANGUAGES {
        let Some(office) = Office::open(language, "admin", "users").await else { return };
        let page = office.browser();
        page.reads("h1", office.says("Users", "ユーザー")).await;
        page.reads("tr[data-key=maeve]", office.says("Agent E-mail", "エージェントEメール")).await;

        page.clicks("#users-add").await;
        page.writes("dialog [name=user]", "nora").await;
        page.types("dialog [name=name]", "Nora Quist").await;
        page.chooses("dialog [name=user_type]", "supervisor").await;
        page.reads("dialog .feature", office.says("Telephone calls", "通話")).await;
        page.clicks("dialog input[value=agent_email]").await;
        office.saves().await;
        page.misses("dialog").await;
        page.reads("tr[data-key=nora]", office.says("Supervisor", "スーパーバイザー")).await;
        let made = office.user("nora").await;
        assert_eq!(
            (&made["name"], &made["features"]),
            (&json!("Nora Quist"), &json!(["agent_email"]))
        );

        page.types("#users-search", "quist").await;
        page.misses("tr[data-key=maeve]").await;
        page.sees("tr[data-key=nora]").await;
        assert_eq!(page.evaluates("return location.hash").await, "#/users?search=quist");
        page.client.refresh().await.unwrap();
        page.sees("tr[data-key=nora]").await;
        page.misses("tr[data-key=maeve]").await;

        office.opens_the_form_of("nora").await;
        page.chooses("dialog [name=status]", "suspended").await;
        page.reads("dialog .message", office.says("ends their sessions", "セッションは直ちに終了"))
            .await;
        office.saves().await;
        page.reads("tr[data-key=nora]", office.says("Suspended", "停止中")).await;
        assert_eq!(office.user("nora").await["status"], "suspended");

        page.clicks(&format!("tr[data-key=nora] {DELETE}")).await;
        page.reads("dialog h2", office.says("Delete nora?", "noraを削除しますか？")).await;
        page.clicks("dialog button.danger").await;
        page.misses("tr[data-key=nora]").await;
        let left = office.broker().call(Method::GET, "users?search=nora", None).await;
        assert_eq!(left["items"], json!([]));
        office.stage.close().await;
    }
}

#[tokio::test]
async fn what_is_missing_of_a_licence_is_told_where_it_is_asked_for_and_nothing_typed_is_lost() {
    for language in LANGUAGES {
        let Some(office) = Office::open(language, "admin", "users").await else { return };
        let (page, broker) = (office.browser(), office.broker());
        let no_base = json!({"base": 1, "concurrent": 5, "contingency": 1, "fixed": 0});
        broker.call(Method::PUT, "licences/supervisor", Some(no_base)).await;
        let no_seat = json!({"base": 0, "concurrent": 0, "contingency": 0, "fixed": 1});
        broker.call(Method::PUT, "licences/user_voicemail", Some(no_seat)).await;

        page.clicks("#users-add").await;
        page.writes("dialog [name=user]", "nora").await;
        page.chooses("dialog [name=user_type]", "supervisor").await;
        office.saves().await;
        page.reads(
            "dialog [data-field=status] .field-error",
            office.says(
                "No base licence of Supervisor",
                "スーパーバイザーの基本ライセンスに空きがありません",
            ),
        )
        .await;
        page.sees("dialog [name=status][aria-invalid=true]").await;
        assert_eq!(page.value("dialog [name=user]").await, "nora");

        page.chooses("dialog [name=status]", "pre_active").await;
        page.clicks("dialog input[value=user_voicemail]").await;
        office.saves().await;
        page.reads(
            "dialog [data-field=features] .field-error",
            office.says(
                "No fixed seat of User Voicemail",
                "ユーザーボイスメールの固定座席に空きがありません",
            ),
        )
        .await;
        page.sees("dialog input[value=user_voicemail][aria-invalid=true]").await;

        page.clicks("dialog input[value=user_voicemail]").await;
        office.saves().await;
        page.reads("tr[data-key=nora]", office.says("Pre-active", "準備中")).await;

        page.clicks("#users-add").await;
        page.writes("dialog [name=user]", "nora").await;
        page.chooses("dialog [name=user_type]", "inbound_agent").await;
        office.saves().await;
        page.reads(
            "dialog [data-field=user] .field-error",
            office.says("taken", "すでに使われています"),
        )
        .await;
        office.close_after(3).await;
    }
}

#[tokio::test]
async fn a_field_that_must_be_filled_in_is_named_before_anything_is_sent() {
    let Some(office) = Office::open(LANGUAGES[1], "admin", "users").await else { return };
    let page = office.browser();
    page.clicks("#users-add").await;
    office.saves().await;
    page.reads("dialog [data-field=user] .field-error", "入力").await;
    page.sees("dialog [name=user]:focus").await;
    page.presses(fantoccini::key::Key::Escape).await;
    page.misses("dialog").await;
    page.sees("#users-add:focus").await;
    office.stage.close().await;
}

#[tokio::test]
async fn a_long_list_comes_page_by_page_and_is_filtered_by_status_and_type() {
    let Some(office) = Office::open(LANGUAGES[0], "admin", "metrics").await else { return };
    let (page, broker) = (office.browser(), office.broker());
    let body = json!({"base": 500, "concurrent": 9, "contingency": 0, "fixed": 0});
    broker.call(Method::PUT, "licences/inbound_agent", Some(body)).await;
    for number in 0..100 {
        let body = json!({"user": format!("extra-{number:03}"), "user_type": "inbound_agent", "status": "pre_active"});
        broker.call(Method::POST, "users", Some(body)).await;
    }
    office.goes("users").await;
    page.reads(".paged-count", "Users: the first 100; there are more.").await;
    page.clicks(".paged-more").await;
    page.reads(".paged-count", "Users: 107").await;
    page.misses(".paged-more").await;
    page.chooses("#users-status", "active").await;
    page.reads(".paged-count", "Users: 7").await;
    page.chooses("#users-type", "meeting_room").await;
    page.reads(".paged-count", "Users: 1").await;
    page.sees("tr[data-key=lobby]").await;
    page.chooses("#users-status", "suspended").await;
    page.reads(".table-empty", "No user fits").await;
    office.stage.close().await;
}

#[tokio::test]
async fn names_of_users_are_text_whatever_they_hold() {
    let Some(office) = Office::open(LANGUAGES[0], "admin", "metrics").await else { return };
    let (page, broker) = (office.browser(), office.broker());
    let hostile = "<img src=x onerror=\"window.wasFooled = true\">/?#&";
    let body =
        json!({"user": hostile, "name": hostile, "user_type": "inbound_agent", "features": []});
    broker.call(Method::POST, "users", Some(body)).await;
    office.goes("users?search=onerror").await;
    page.reads("tbody td", "<img src=x").await;
    page.clicks(EDIT).await;
    page.reads("dialog h2", "<img src=x").await;
    page.writes("dialog [name=name]", "Eve").await;
    office.saves().await;
    page.misses("dialog").await;
    page.reads("tbody td", "Eve").await;
    assert_eq!(page.evaluates("return window.wasFooled ?? null").await, Value::Null);
    office.stage.close().await;
}
