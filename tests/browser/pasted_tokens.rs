//! A broker that is no demonstration: tokens are pasted.

use crate::browser::Browser;
use crate::support::broker::TestBroker;
use licence_broker::auth::Role;

#[tokio::test]
async fn without_a_demonstration_pasted_tokens_open_the_page() {
    let Some(page) = Browser::start().await else { return };
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(7).await;
    operator.buy(7, "inbound_agent", 2, 0).await;
    operator.buy(7, "agent_email", 2, 0).await;
    operator.add_user(7, "edred", "inbound_agent", &["agent_email"]).await;

    page.open(&broker.url("/")).await;
    page.sees("#manual-open").await;
    page.types("#manual-organisation", "7").await;
    page.clicks("#manual-open").await;
    page.reads("#notice", "Paste at least one of the two tokens.").await;
    page.types("#manual-wallboard-token", &broker.token(Role::Wallboard, 7, "lobby")).await;
    page.types("#manual-device-token", &broker.token(Role::Device, 7, "edred")).await;
    page.clicks("#manual-open").await;
    page.sees("#live").await;
    page.misses("#notice").await;
    page.logs_in("edred").await;
    page.sees("#desk-granted [data-licence=agent_email]").await;
    page.asked_only(broker.address).await;
}

#[tokio::test]
async fn a_token_that_the_broker_does_not_take_is_said_and_not_tried_again() {
    let Some(page) = Browser::start().await else { return };
    let broker = TestBroker::start().await;
    broker.operator().create_organisation(7).await;
    page.open(&broker.url("/")).await;
    page.types("#manual-organisation", "7").await;
    page.types("#manual-wallboard-token", "no.token.atall").await;
    page.clicks("#manual-open").await;
    page.reads("#live[data-state=stopped]", "The token is missing, wrong or has run out").await;
    page.misses("#desk").await;
    let opened = page.requested().await;
    assert_eq!(opened.iter().filter(|url| url.ends_with("/live")).count(), 1);
}
