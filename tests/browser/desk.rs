//! The agent desk: in, out, and feature by feature.

use crate::stage::Stage;

#[tokio::test]
async fn an_agent_logs_in_holds_licences_and_gives_them_back_by_logging_out() {
    let Some(stage) = Stage::desk().await else { return };
    let page = &stage.browser;
    page.logs_in("edred").await;
    page.reads("#desk-granted [data-licence=inbound_agent][data-word=concurrent]", "Inbound Agent")
        .await;
    page.reads("#desk-granted [data-licence=agent_email]", "Agent E-mail concurrent").await;
    page.misses("#desk-granted [data-licence=agent_calls]").await;
    page.reads("#session-user", "Edred Ashdown").await;
    page.reads("#session-device", "Agent desktop").await;
    stage.broker.counts("inbound_agent", "/concurrent/used", 1).await;
    let sessions = stage.broker.sessions().await;
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0]["session"], page.text("#session-id").await);

    page.clicks("#desk-logout").await;
    page.sees("#desk-state[data-state=closed]").await;
    page.reads("#desk-message", "The session has ended. It does not reconnect.").await;
    page.misses("#desk-granted .chip").await;
    stage.broker.counts("inbound_agent", "/concurrent/used", 0).await;
    assert_eq!(stage.broker.sessions().await.len(), 0);
    let released = stage.broker.usage().await;
    let released = released.iter().filter(|record| record["reason"] == "logout").count();
    assert_eq!(released, 2, "the seat and the channel");
    stage.close().await;
}

#[tokio::test]
async fn the_log_shows_both_directions_and_no_secret() {
    let Some(stage) = Stage::desk().await else { return };
    let page = &stage.browser;
    page.logs_in("edred").await;
    page.clicks("#desk-log-part summary").await;
    page.reads("#desk-log [data-direction=out][data-type=login]", "\"device\":\"agent_desktop\"")
        .await;
    page.reads("#desk-log [data-direction=in][data-type=logged_in]", "\"user\":\"edred\"").await;
    page.clicks("#desk-logout").await;
    page.sees("#desk-log [data-direction=in][data-type=logged_out]").await;
    let log = page.text("#desk-log").await;
    assert!(log.contains("\"token\":\"…\"") && log.contains("\"resume_token\":\"…\""), "{log}");
    assert!(!log.contains("eyJ"), "a token begins like this: {log}");
    stage.close().await;
}

#[tokio::test]
async fn another_device_carries_other_features() {
    let Some(stage) = Stage::desk().await else { return };
    let page = &stage.browser;
    page.clicks("#desk-device-deskphone").await;
    page.logs_in("edred").await;
    page.reads("#session-device", "Deskphone").await;
    page.sees("#desk-granted [data-licence=agent_calls]").await;
    page.misses("#desk-granted [data-licence=agent_email]").await;
    stage.close().await;
}

#[tokio::test]
async fn features_are_released_and_acquired_one_by_one() {
    let Some(stage) = Stage::desk().await else { return };
    let page = &stage.browser;
    page.logs_in("maeve").await;
    page.clicks("#desk-granted [data-licence=agent_sms] .chip-release").await;
    page.misses("#desk-granted [data-licence=agent_sms]").await;
    stage.broker.counts("agent_sms", "/concurrent/used", 0).await;
    page.misses("#desk-granted [data-licence=inbound_agent] .chip-release").await;

    page.chooses("#desk-feature", "agent_sms").await;
    page.clicks("#desk-acquire").await;
    page.sees("#desk-granted [data-licence=agent_sms]").await;
    stage.broker.counts("agent_sms", "/concurrent/used", 1).await;

    page.chooses("#desk-feature", "agent_social_media").await;
    page.clicks("#desk-acquire").await;
    page.reads(
        "#desk-denied [data-licence=agent_social_media]",
        "Agent Social Media It is not assigned to this user.",
    )
    .await;
    page.sees("#desk-state[data-state=live]").await;
    stage.close().await;
}

#[tokio::test]
async fn closing_the_connection_is_a_logout_even_with_grace() {
    let Some(stage) = Stage::desk().await else { return };
    let page = &stage.browser;
    page.clicks("#desk-grace-on").await;
    page.logs_in("edred").await;
    page.reads("#session-grace", "20 s").await;
    page.clicks("#desk-close").await;
    page.sees("#desk-state[data-state=closed]").await;
    stage.broker.counts("inbound_agent", "/concurrent/used", 0).await;
    assert_eq!(stage.broker.sessions().await.len(), 0);
    stage.close().await;
}
