//! Tokens that end while a session runs.

use crate::browser::Browser;
use crate::support::broker::TestBroker;
use chrono::TimeDelta;
use licence_broker::auth::Role;
use serde_json::{Value, json};

async fn centre() -> TestBroker {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(7).await;
    operator.buy(7, "inbound_agent", 2, 0).await;
    operator.add_user(7, "edred", "inbound_agent", &[]).await;
    broker
}

#[tokio::test]
async fn a_pasted_token_that_ends_soon_is_replaced_without_a_new_login() {
    let Some(page) = Browser::start().await else { return };
    let broker = centre().await;
    for (language, warning) in [("en", "Your token ends at"), ("ja", "トークンは")] {
        let soon = broker.token_for(Role::Device, 7, "edred", TimeDelta::minutes(9));
        page.open("about:blank").await;
        page.open(&broker.url(&format!("/desk#token={soon}"))).await;
        page.sees("#desk-login").await;
        page.speaks(language).await;
        page.logs_in("edred").await;
        page.reads("#desk-message", warning).await;
        let session = page.text("#session-id").await;

        page.types("#desk-renew-token", &broker.token(Role::Device, 7, "edred")).await;
        page.clicks("#desk-renew").await;
        page.misses("#desk-message").await;
        page.sees("#desk-state[data-state=live]").await;
        assert_eq!(page.text("#session-id").await, session);
        let typed =
            page.evaluates("return document.querySelector('#desk-renew-token').value").await;
        assert_eq!(typed, json!(""), "it does not stay on the page");
    }
}

#[tokio::test]
async fn a_token_for_somebody_else_ends_the_session_and_is_said() {
    let Some(page) = Browser::start().await else { return };
    let broker = centre().await;
    let token = broker.token(Role::Device, 7, "edred");
    page.open(&broker.url(&format!("/desk#token={token}"))).await;
    page.logs_in("edred").await;
    page.types("#desk-renew-token", &broker.token(Role::Device, 7, "maeve")).await;
    page.clicks("#desk-renew").await;
    page.sees("#desk-state[data-state=closed]").await;
    page.reads("#desk-message", "The token is missing, wrong or has run out").await;
}

/// Logs a client in with the first token and waits until it has renewed it with the second by itself.
const RENEW: &str = "const [organisation, tokens, done] = arguments;
    import('/static/client.js').then(async ({ LicenceBrokerClient }) => {
      const client = new LicenceBrokerClient({
        url: `ws://${location.host}`, organisation, device: 'agent_desktop',
        getToken: async () => tokens.length > 1 ? tokens.shift() : tokens[0],
      });
      const renewed = new Promise((resolve) => client.addEventListener('frame', ({ detail }) => {
        if (detail.message.type === 'refreshed') resolve(detail.message.expires_at);
      }));
      await client.login();
      const before_ms = client.tokenEnd_ms;
      const expires_at = await renewed;
      await client.ping();
      done({ state: client.state, isLater: client.tokenEnd_ms > before_ms, expires_at });
    }).catch((error) => done(String(error)));";

#[tokio::test]
async fn a_client_renews_its_token_by_itself_before_it_ends() {
    let Some(page) = Browser::start().await else { return };
    let broker = centre().await;
    page.open(&broker.url("/desk")).await;
    page.sees("#manual-open").await;
    let first = broker.token_for(Role::Device, 7, "edred", TimeDelta::seconds(10));
    let second = broker.token(Role::Device, 7, "edred");
    let arguments: Vec<Value> = vec![json!(7), json!([first, second])];
    let told = page.client.execute_async(RENEW, arguments).await.unwrap();
    assert_eq!((&told["state"], &told["isLater"]), (&json!("live"), &json!(true)), "{told}");
}
