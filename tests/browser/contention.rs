//! What happens when there is not enough for everybody.

use crate::stage::Stage;
use serde_json::json;

#[tokio::test]
async fn a_partial_login_shows_what_was_denied_and_says_why() {
    let Some(stage) = Stage::desk().await else { return };
    let page = &stage.browser;
    stage.broker.buy("agent_web_chat", 0, 0).await;
    page.logs_in("maeve").await;
    page.sees("#desk-granted [data-licence=agent_email]").await;
    page.sees("#desk-granted [data-licence=agent_sms]").await;
    page.reads(
        "#desk-denied [data-licence=agent_web_chat][data-word=not_purchased]",
        "Agent Web Chat None have been bought.",
    )
    .await;
    page.misses("#desk-granted [data-licence=agent_web_chat]").await;
    stage.close().await;
}

#[tokio::test]
async fn without_a_seat_the_login_is_refused_and_left_to_the_person() {
    let Some(stage) = Stage::desk().await else { return };
    let page = &stage.browser;
    stage.broker.buy("inbound_agent", 1, 0).await;
    let maeve = stage.broker.log_in("maeve", "agent_desktop").await;
    page.chooses("#desk-user", "edred").await;
    page.clicks("#desk-login").await;
    page.sees("#desk-state[data-state=closed]").await;
    page.reads(
        "#desk-message",
        "The login was refused. No seat of the user’s type is free. \
         It does not try again by itself: try again when you like.",
    )
    .await;
    page.reads("#desk-denied [data-licence=inbound_agent]", "All are in use.").await;
    let denials = stage.broker.denials().await;
    assert_eq!((denials.len(), &denials[0]["outcome"]), (1, &json!("refused")));

    maeve.log_out().await;
    page.clicks("#desk-login").await;
    page.sees("#desk-state[data-state=live]").await;
    page.misses("#desk-denied .chip").await;
    stage.close().await;
}

#[tokio::test]
async fn what_is_waited_for_is_granted_when_another_leaves_and_told() {
    let Some(stage) = Stage::desk().await else { return };
    let page = &stage.browser;
    stage.broker.buy("agent_email", 1, 0).await;
    for (language, denied, queued, news) in [
        (
            "en",
            "Agent E-mail All are in use.",
            "Agent E-mail in the queue",
            "Agent E-mail is available now (concurrent).",
        ),
        (
            "ja",
            "エージェントEメール すべて使用中です。",
            "エージェントEメール 順番待ち",
            "エージェントEメールが利用できるようになりました（同時接続）。",
        ),
    ] {
        page.speaks(language).await;
        let edred = stage.broker.log_in("edred", "agent_desktop").await;
        page.logs_in("maeve").await;
        page.sees("#desk-granted [data-licence=agent_sms]").await;
        page.reads("#desk-denied [data-licence=agent_email]", denied).await;
        page.clicks("#desk-denied [data-licence=agent_email] button").await;
        page.reads("#desk-waiting [data-licence=agent_email]", queued).await;
        page.misses("#desk-denied .chip").await;
        stage.broker.counts("agent_email", "/waiting", 1).await;

        edred.log_out().await;
        page.sees("#desk-granted [data-licence=agent_email][data-word=concurrent]").await;
        page.reads("#desk-news [data-kind=available]", news).await;
        page.misses("#desk-waiting .chip").await;
        stage.broker.counts("agent_email", "/waiting", 0).await;
        page.clicks("#desk-logout").await;
        page.sees("#desk-state[data-state=closed]").await;
    }
    stage.close().await;
}

#[tokio::test]
async fn a_place_in_the_queue_can_be_given_up() {
    let Some(stage) = Stage::desk().await else { return };
    let page = &stage.browser;
    stage.broker.buy("agent_email", 1, 0).await;
    let edred = stage.broker.log_in("edred", "agent_desktop").await;
    page.clicks("#desk-wait").await;
    page.logs_in("maeve").await;
    page.clicks("#desk-waiting [data-licence=agent_email] .chip-release").await;
    page.misses("#desk-waiting .chip").await;
    stage.broker.counts("agent_email", "/waiting", 0).await;
    edred.log_out().await;
    stage.broker.counts("agent_email", "/concurrent/used", 0).await;
    page.misses("#desk-granted [data-licence=agent_email]").await;
    stage.close().await;
}
