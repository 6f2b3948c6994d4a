//! Two administrators at one user.

use super::office::{LANGUAGES, Office};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn what_somebody_else_changed_meanwhile_is_told_and_both_changes_are_kept() {
    for language in LANGUAGES {
        let Some(office) = Office::open(language, "admin", "users").await else { return };
        let (page, broker) = (office.browser(), office.broker());
        page.clicks("tr[data-key=edred] [data-action=\"users.edit\"]").await;
        page.clicks("dialog input[value=agent_sms]").await;
        let theirs = json!({"name": "Edred Newname", "features": ["agent_email"]});
        broker.call(Method::PATCH, "users/edred", Some(theirs)).await;

        page.clicks("dialog button[type=submit]").await;
        let told = office
            .says("Name: Edred Ashdown → Edred Newname", "名前：Edred Ashdown → Edred Newname");
        page.reads("dialog .notice", told).await;
        assert_eq!(page.value("dialog [name=name]").await, "Edred Newname");
        let chosen =
            "return [...document.querySelectorAll('dialog :checked')].map((box) => box.value)";
        let chosen = page.evaluates(chosen).await;
        assert!(
            chosen.as_array().unwrap().contains(&json!("agent_sms")),
            "what was typed: {chosen}"
        );
        assert_eq!(
            broker.call(Method::GET, "users/edred", None).await["features"],
            json!(["agent_email"])
        );

        page.clicks("dialog button[type=submit]").await;
        page.misses("dialog").await;
        page.reads("tr[data-key=edred]", "Edred Newname").await;
        let now = broker.call(Method::GET, "users/edred", None).await;
        assert_eq!(now["features"], json!(["agent_email", "agent_sms"]));
        office.close_after(1).await;
    }
}

#[tokio::test]
async fn a_user_who_is_gone_meanwhile_is_said_to_be() {
    let Some(office) = Office::open(LANGUAGES[1], "admin", "users").await else { return };
    let page = office.browser();
    page.clicks("tr[data-key=edred] [data-action=\"users.edit\"]").await;
    page.writes("dialog [name=name]", "Edred").await;
    office.broker().call(Method::DELETE, "users/edred", None).await;
    page.clicks("dialog button[type=submit]").await;
    page.reads("dialog .notice", "別の人によって削除されました").await;
    office.close_after(1).await;
}
