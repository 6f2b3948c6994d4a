//! A broker that is no demonstration: tokens are pasted, or stand in the fragment of the address.

use crate::browser::Browser;
use crate::support::broker::TestBroker;
use licence_broker::auth::Role;
use serde_json::json;

/// A broker with organisation 7 and its user edred.
async fn broker() -> TestBroker {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(7).await;
    operator.buy(7, "inbound_agent", 2, 0).await;
    operator.buy(7, "agent_email", 2, 0).await;
    operator.add_user(7, "edred", "inbound_agent", &["agent_email"]).await;
    broker
}

#[tokio::test]
async fn a_pasted_token_opens_the_desk_of_its_user() {
    let Some(page) = Browser::start().await else { return };
    let broker = broker().await;
    page.open(&broker.url("/desk")).await;
    page.sees("#manual-open").await;
    page.types("#manual-token", "edred").await;
    page.clicks("#manual-open").await;
    page.reads("#notice", "This is no token of a user or wallboard").await;
    page.misses("#desk").await;

    page.client.refresh().await.unwrap();
    page.sees("#manual-open").await;
    page.types("#manual-token", &broker.token(Role::Device, 7, "edred")).await;
    page.clicks("#manual-open").await;
    page.misses("#notice").await;
    page.logs_in("edred").await;
    page.sees("#desk-granted [data-licence=agent_email]").await;
    page.asked_only(broker.address).await;
}

#[tokio::test]
async fn a_token_in_the_fragment_opens_the_page_and_is_never_sent_as_an_address() {
    let Some(page) = Browser::start().await else { return };
    let broker = broker().await;
    let device = broker.token(Role::Device, 7, "edred");
    page.open(&broker.url(&format!("/desk#token={device}"))).await;
    page.logs_in("edred").await;
    let hash = page.evaluates("return location.hash").await;
    assert_eq!(hash, json!(""), "a desk's token does not stay in its address");

    let wallboard = broker.token(Role::Wallboard, 7, "lobby");
    page.open(&broker.url(&format!("/wallboard#token={wallboard}"))).await;
    page.sees("#live[data-state=live]").await;
    page.client.refresh().await.unwrap();
    page.sees("#live[data-state=live]").await;

    let asked = page.requested().await;
    assert!(asked.iter().any(|url| url.ends_with("/live")), "{asked:?}");
    let told = asked.iter().find(|url| url.contains(&wallboard) || url.contains(&device));
    assert_eq!(told, None);
}

#[tokio::test]
async fn a_token_that_the_broker_does_not_take_is_said_and_not_tried_again() {
    let Some(page) = Browser::start().await else { return };
    let broker = broker().await;
    let good = broker.token(Role::Wallboard, 7, "lobby");
    let (signed, _) = good.rsplit_once('.').unwrap();
    page.open(&broker.url("/wallboard")).await;
    page.sees("#manual-open").await;
    page.types("#manual-token", &format!("{signed}.forged")).await;
    page.clicks("#manual-open").await;
    page.sees("#live[data-state=stopped]").await;
    page.reads("#board-stale", "The token is missing, wrong or has run out").await;
    let opened = page.requested().await;
    assert_eq!(opened.iter().filter(|url| url.ends_with("/live")).count(), 1);
}
