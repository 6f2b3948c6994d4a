//! The audit: who changed what.

use super::office::{LANGUAGES, Office};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn changes_are_told_latest_first_with_what_was_and_what_is() {
    for language in LANGUAGES {
        let Some(office) = Office::open(language, "admin", "metrics").await else { return };
        let (page, broker) = (office.browser(), office.broker());
        broker.buy("agent_sms", 77, 3).await;
        let change = json!({"status": "suspended", "features": ["agent_calls", "agent_sms"]});
        broker.call(Method::PATCH, "users/edred", Some(change)).await;
        office.goes("audit").await;
        page.reads("h1", office.says("Audit", "監査ログ")).await;
        let first = "tbody tr:first-child";
        page.reads(first, office.says("User changed", "ユーザーの変更")).await;
        page.reads(first, office.says("Administrator", "管理者")).await;
        let status = office
            .says("Status: Active → became Suspended", "ステータス： アクティブ → から 停止中");
        page.reads(&format!("{first} [data-field=status]"), status).await;
        let taken = office.says("Agent E-mail", "エージェントEメール");
        page.reads(&format!("{first} [data-field=features] del"), taken).await;
        page.reads(
            &format!("{first} [data-field=features] ins"),
            office.says("Agent SMS", "エージェントSMS"),
        )
        .await;
        page.reads("tbody tr:nth-child(2) [data-field=concurrent] ins", "77").await;
        page.reads("caption", "Europe/London").await;

        page.chooses("[name=action]", "licences.put").await;
        page.reads("tbody tr:first-child", office.says("Agent SMS", "エージェントSMS")).await;
        let hash = page.evaluates("return location.hash").await;
        assert!(hash.as_str().unwrap().contains("action=licences.put"), "{hash}");
        page.writes("[name=target]", "agent_sms").await;
        page.clicks("#audit-show").await;
        page.reads(".paged-count", "1").await;
        page.client.refresh().await.unwrap();
        page.reads(".paged-count", "1").await;
        page.writes("[name=actor]", "nobody").await;
        page.clicks("#audit-show").await;
        page.reads(".table-empty", office.says("Nothing was changed", "該当する変更はありません"))
            .await;

        page.writes("[name=actor]", "admin").await;
        page.keeps_what_is_saved().await;
        page.clicks("#audit-csv").await;
        let (name, text) = page.saved().await;
        assert_eq!(name, "audit.csv");
        assert_eq!(text.lines().count(), 2, "the head and what the filters leave: {text}");
        assert!(text.contains("licences.put,agent_sms"), "{text}");
        office.stage.close().await;
    }
}

#[tokio::test]
async fn a_long_audit_goes_on_where_its_page_ends() {
    let Some(office) = Office::open(LANGUAGES[0], "admin", "metrics").await else { return };
    let (page, broker) = (office.browser(), office.broker());
    for number in 0..105 {
        let body = json!({ "name": format!("Edred {number}") });
        broker.call(Method::PATCH, "users/edred", Some(body)).await;
    }
    office.goes("audit?action=user.changed").await;
    page.reads(".paged-count", "the latest 100; there are more").await;
    page.reads("tbody tr:first-child", "Edred 104").await;
    page.clicks(".paged-more").await;
    page.reads(".paged-count", "Changes: 105").await;
    page.reads("tbody tr:last-child", "Edred 0").await;
    page.misses(".paged-more").await;
    office.stage.close().await;
}
