//! Who holds what, and how somebody is logged out.

use super::{Console, LANGUAGES};
use crate::policy::HOSTILE;
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn one_finds_who_took_the_last_licence_and_when() {
    let Some(stage) = Console::bare().await else { return };
    let page = &stage.browser;
    stage.broker.buy("agent_email", 1, 1).await;
    let edred = stage.works("edred", "agent_desktop").await;
    let maeve = stage.works("maeve", "agent_desktop").await;
    for (language, last, pool, zone) in [
        (
            "en",
            "The last of Agent E-mail was taken by maeve",
            "contingency",
            "Times are those of the organisation: Europe/London",
        ),
        (
            "ja",
            "エージェントEメールを最後に取得したのはmaeveです",
            "緊急",
            "組織のタイムゾーン（Europe/London）",
        ),
    ] {
        // As somebody goes who wants to know: from the licence to its holders.
        stage.opens("supervisor", language, "#/licences?feature=1").await;
        page.clicks("tr[data-key=agent_email] a").await;
        page.reads("#holders-summary", last).await;
        page.reads("#holders-summary", pool).await;
        page.reads("tr[data-key='agent_email maeve'] [data-column=pool]", pool).await;
        page.sees("tr[data-key='agent_email maeve'] time[datetime]").await;
        page.reads("caption", zone).await;
        page.misses("tr[data-key='inbound_agent maeve']").await;

        // From there to all that she holds, and back to who else holds it.
        page.clicks("tr[data-key='agent_email maeve'] [data-column=user] a").await;
        page.sees("tr[data-key=maeve] .held [data-licence=inbound_agent]").await;
        page.sees("tr[data-key=maeve] .held [data-licence=agent_email][data-pool=contingency]")
            .await;
        page.misses("tr[data-key=edred]").await;
        page.client.back().await.unwrap();
        page.reads("#holders-summary", last).await;

        // And back to what was bought of it.
        page.clicks("#holders-bought").await;
        page.sees("tr[data-key=agent_email][data-chosen=true] a:focus").await;
    }
    drop([edred, maeve]);
    stage.broker.is_left_by_all().await;
    stage.close().await;
}

#[tokio::test]
async fn what_is_held_is_found_by_user_by_device_and_by_a_part_of_a_name() {
    let Some(stage) = Console::bare().await else { return };
    let page = &stage.browser;
    let desktop = stage.works("maeve", "agent_desktop").await;
    let telephone = stage.works("maeve", "deskphone").await;
    let other = stage.works("edred", "agent_desktop").await;
    for language in LANGUAGES {
        stage.opens("supervisor", language, "#/holders?view=user").await;
        page.sees("tr[data-key=edred]").await;
        page.types("[name=q]", "MAE").await;
        page.misses("tr[data-key=edred]").await;
        page.sees("tr[data-key=maeve] [data-licence=agent_calls]").await;
        assert_eq!(
            page.evaluates("return location.hash").await,
            json!("#/holders?view=user&q=MAE")
        );

        page.evaluates("document.querySelector('[name=view][value=device]').click()").await;
        page.sees("tbody tr:nth-child(2)").await;
        page.chooses("[name=device]", "deskphone").await;
        page.misses("tbody tr:nth-child(2)").await;
        page.sees("tbody [data-licence=agent_calls]").await;
        page.client.refresh().await.unwrap();
        page.sees("tbody [data-licence=agent_calls]").await;
        page.misses("tbody tr:nth-child(2)").await;
    }
    drop([desktop, telephone, other]);
    stage.broker.is_left_by_all().await;
    stage.close().await;
}

#[tokio::test]
async fn a_seat_is_freed_by_logging_somebody_out_after_a_question() {
    let Some(stage) = Console::bare().await else { return };
    let page = &stage.browser;
    for (language, title, done) in [
        ("en", "Log out edred?", "edred is logged out."),
        ("ja", "edredをログアウトさせますか？", "edredをログアウトさせました。"),
    ] {
        let _edred = stage.works("edred", "agent_desktop").await;
        stage.opens("supervisor", language, "#/holders?licence=inbound_agent").await;
        let button = "tr[data-key='inbound_agent edred'] button";
        page.clicks(button).await;
        page.reads("dialog h2", title).await;
        page.clicks("dialog .form-actions button:first-child").await;
        page.misses("dialog").await;
        page.sees(&format!("{button}:focus")).await;
        assert_eq!(stage.broker.sessions().await.len(), 1, "no is no");

        page.clicks(button).await;
        page.clicks("dialog .danger").await;
        page.misses("tr[data-key='inbound_agent edred']").await;
        page.reads("#voice[role=status]", done).await;
        stage.broker.is_left_by_all().await;
        let released = stage.broker.usage().await;
        assert_eq!(released.last().unwrap()["reason"], "forced");
    }
    stage.close().await;
}

#[tokio::test]
async fn the_list_follows_who_comes_and_goes() {
    let Some(stage) = Console::bare().await else { return };
    let page = &stage.browser;
    stage.opens("admin", "en", "#/holders").await;
    page.reads(".table-empty", "Nobody.").await;
    let edred = stage.works("edred", "agent_desktop").await;
    page.sees("tr[data-key='inbound_agent edred']").await;
    drop(edred);
    page.misses("tr[data-key='inbound_agent edred']").await;
    stage.close().await;
}

#[tokio::test]
async fn the_last_denials_say_who_was_denied_what_and_why() {
    let Some(stage) = Console::bare().await else { return };
    let page = &stage.browser;
    stage.broker.buy("agent_email", 0, 0).await;
    let _edred = stage.works("maeve", "agent_desktop").await;
    for (language, reason, outcome) in [
        ("en", "None have been bought.", "Logged in without it"),
        ("ja", "購入されていません。", "このライセンスなしでログイン"),
    ] {
        stage.opens("supervisor", language, "#/holders?view=denials").await;
        page.reads("tbody tr", "maeve").await;
        page.reads("tbody tr", reason).await;
        page.reads("tbody tr", outcome).await;
    }
    stage.close().await;
}

#[tokio::test]
async fn names_are_shown_as_they_are_and_are_never_a_part_of_the_page() {
    let Some(stage) = Console::bare().await else { return };
    let page = &stage.browser;
    stage.broker.call(Method::PATCH, "", Some(json!({"name": HOSTILE}))).await;
    let user = json!({"user": HOSTILE, "name": HOSTILE, "status": "active",
        "user_type": "inbound_agent", "features": []});
    stage.broker.call(Method::POST, "users", Some(user)).await;
    let _eve = stage.works(HOSTILE, "agent_desktop").await;
    for language in LANGUAGES {
        stage.opens("admin", language, "#/holders").await;
        page.reads("#organisation", "<b>Eve</b>").await;
        page.reads("tbody tr", "<img src=x onerror=").await;
        page.clicks("tbody button").await;
        page.reads("dialog", "<b>Eve</b>").await;
        page.clicks("dialog .form-actions button:first-child").await;
        page.goes_to("#/licences").await;
        page.clicks("[data-change=inbound_agent]").await;
        page.evaluates("document.querySelector('dialog [name=concurrent]').value = ''").await;
        page.types("dialog [name=concurrent]", "0").await;
        page.reads("#effect-names", "").await;
        page.was_not_fooled().await;
    }
}
