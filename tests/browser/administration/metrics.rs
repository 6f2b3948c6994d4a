//! Licence Metrics, and the maximum of wallboards.

use super::office::{LANGUAGES, Office};
use reqwest::Method;
use serde_json::json;

impl Office {
    async fn configures_wallboards(&self, maximum: u32, ids: &[&str]) {
        let body = json!({ "maximum": maximum });
        self.broker().call(Method::PUT, "licence-metrics/wallboard", Some(body)).await;
        for id in ids {
            let body = json!({ "id": id, "user": "edred" });
            self.broker().call(Method::POST, "wallboards", Some(body)).await;
        }
    }
}

#[tokio::test]
async fn assigned_licences_are_counted_and_the_maximum_of_wallboards_is_edited_and_saved() {
    for language in LANGUAGES {
        let Some(office) = Office::open(language, "admin", "users").await else { return };
        let (page, broker) = (office.browser(), office.broker());
        office.configures_wallboards(4, &["lobby", "hall"]).await;
        let features = json!({"features": ["essential_user", "live_analytics_supervisor"]});
        broker.call(Method::PATCH, "users/edred", Some(features)).await;
        office.goes("metrics").await;
        page.reads("h1", office.says("Licence Metrics", "ライセンス指標")).await;
        page.counts("tr[data-key=essential_user] td[data-kind=number]", 1).await;
        page.counts("tr[data-key=professional_user] td[data-kind=number]", 0).await;
        page.reads("#metrics-wallboards", "2/4").await;
        page.reads(".metrics-devices", office.says("Live Analytics: 2", "ライブ分析：2")).await;
        page.reads(".message", office.says("snapshot", "現時点の状況")).await;
        page.reads(".toolbar", "Europe/London").await;

        page.clicks("#metrics-edit").await;
        page.writes("dialog [name=maximum]", "1").await;
        page.clicks("dialog button[type=submit]").await;
        page.reads(
            "dialog .field-error",
            office.says("2 wallboards are configured", "2台のウォールボードが設定されています"),
        )
        .await;
        page.writes("dialog [name=maximum]", "10").await;
        page.clicks("dialog button[type=submit]").await;
        page.reads("#metrics-wallboards", "2/10").await;
        let metrics = broker.call(Method::GET, "licence-metrics", None).await;
        assert_eq!(metrics["devices"]["wallboard"]["maximum"], 10);
        office.close_after(1).await;
    }
}

#[tokio::test]
async fn a_maximum_that_somebody_else_set_meanwhile_is_told() {
    for language in LANGUAGES {
        let Some(office) = Office::open(language, "admin", "metrics").await else { return };
        let page = office.browser();
        page.clicks("#metrics-edit").await;
        page.writes("dialog [name=maximum]", "3").await;
        office.configures_wallboards(7, &[]).await;
        page.clicks("dialog button[type=submit]").await;
        page.reads(
            "dialog .field-error",
            office.says("Somebody else set it to 7", "別の人が7に変更しました"),
        )
        .await;
        page.clicks("dialog button[type=submit]").await;
        page.reads("#metrics-wallboards", "0/3").await;
        office.close_after(1).await;
    }
}

#[tokio::test]
async fn a_supervisor_sees_the_metrics_and_changes_nothing() {
    for language in LANGUAGES {
        let Some(office) = Office::open(language, "supervisor", "metrics").await else { return };
        let page = office.browser();
        page.reads("#metrics-wallboards", "0/0").await;
        page.misses("#metrics-edit").await;
        page.misses(".menu a[href=\"#/users\"]").await;
        office.stage.close().await;
    }
}
