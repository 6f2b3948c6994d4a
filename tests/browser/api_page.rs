//! The page that shows the API's description: everything on it comes from the broker, nothing is inline.

use crate::browser::Browser;
use crate::support::broker::TestBroker;

#[tokio::test]
async fn the_api_is_shown_and_tried_without_a_word_to_anybody_but_the_broker() {
    let Some(page) = Browser::start().await else { return };
    let broker = TestBroker::start().await;
    page.open(&broker.url("/docs")).await;
    page.reads(".info .title", "Licence Broker").await;
    assert_eq!(page.client.title().await.unwrap(), "Licence Broker: HTTP API");
    page.reads("#operations-Usage-listLicenceUsage", "/v1/organisations/{org}/licence-usage").await;

    page.clicks("#operations-Users-createUser .opblock-summary-control").await;
    page.reads("#operations-Users-createUser .opblock-body", "user_type").await;
    page.reads("#operations-Users-createUser .responses-inner", "The user is there.").await;
    page.reads("#operations-Users-createUser .opblock-body", "x-least-role \"admin\"").await;

    page.clicks("#operations-Operation-isReady .opblock-summary-control").await;
    page.clicks("#operations-Operation-isReady .try-out__btn").await;
    page.clicks("#operations-Operation-isReady .execute").await;
    page.reads("#operations-Operation-isReady .live-responses-table", "\"status\": \"ready\"")
        .await;

    assert_eq!(page.console_errors().await, [""; 0]);
    page.asked_only(broker.address).await;
}
