//! The content policy in a real browser: no page trips over it, and what it forbids does not run.

use crate::browser::Browser;
use crate::demo_broker::DemoBroker;
use crate::stage::Stage;
use crate::support::broker::TestBroker;
use licence_broker::auth::Role;
use reqwest::Method;
use serde_json::{Value, json};

/// A name that would run a script wherever it were put in as HTML.
pub(crate) const HOSTILE: &str = "<img src=x onerror=\"window.wasFooled = true\"><b>Eve</b>";

/// What a script that was let in would do, by each of the ways that a policy without `unsafe-inline` closes.
const INTRUDE: &str = "
    const broken = new Set();
    const isClosed = new Promise((resolve) =>
      document.addEventListener('securitypolicyviolation', (event) => {
        broken.add(event.effectiveDirective);
        if (broken.size === 5) resolve();
      }));
    const add = (parent, name, attributes, text = '') => {
      const element = document.createElement(name);
      for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
      element.textContent = text;
      parent.append(element);
    };
    add(document.body, 'script', {}, 'window.wasFooled = true');
    add(document.body, 'img', { onerror: 'window.wasFooled = true', src: '/static/nothing.svg' });
    add(document.head, 'style', {}, 'body { color: rgb(1, 2, 3) }');
    add(document.head, 'base', { href: 'https://elsewhere.example/' });
    const fetched = fetch('https://elsewhere.example/').then(() => 'let out', () => 'kept in');
    return Promise.all([fetched, isClosed]).then(([fetched]) => ({
      fetched, broken: [...broken].sort(), wasFooled: window.wasFooled ?? false,
      color: getComputedStyle(document.body).color, base: document.baseURI }));";

impl Browser {
    /// Nothing that came in as text became a part of the page.
    pub(crate) async fn was_not_fooled(&self) {
        let found = self
            .evaluates(
                "return { wasFooled: window.wasFooled ?? false,
                    images: document.querySelectorAll('body img, body b').length }",
            )
            .await;
        assert_eq!(found, json!({ "wasFooled": false, "images": 0 }));
        assert_eq!(self.console_errors().await, [""; 0]);
    }
}

#[tokio::test]
async fn every_page_opens_without_a_breach_of_its_policy() {
    let Some(page) = Browser::start().await else { return };
    let broker = TestBroker::start().await;
    for (path, shown) in [
        ("/", "#sign-in-form"),
        ("/desk", "#manual-open"),
        ("/wallboard", "#manual-open"),
        ("/static/wallboard/index.html", "#manual-open"),
        ("/docs", ".info .title"),
    ] {
        page.open(&broker.url(path)).await;
        page.sees(shown).await;
        // `fetch` of the demo's configuration, which a real broker does not have, is answered 404.
        let errors = page.console_errors().await;
        let errors: Vec<&String> =
            errors.iter().filter(|error| !error.contains("/demo/config.json")).collect();
        assert!(errors.is_empty(), "{path}: {errors:?}");
    }
    let styled = "return getComputedStyle(document.querySelector('.info .title')).fontSize";
    assert_ne!(page.evaluates(styled).await, json!("16px"), "its style sheet is applied");
    page.asked_only(broker.address).await;
}

#[tokio::test]
async fn what_gets_into_a_page_neither_runs_nor_styles_nor_calls_home() {
    let Some(stage) = Stage::wallboard("").await else { return };
    let page = &stage.browser;
    let outcome = page.evaluates(INTRUDE).await;
    assert_eq!(outcome["wasFooled"], false, "{outcome}");
    assert_eq!(outcome["fetched"], "kept in", "{outcome}");
    assert_ne!(outcome["color"], "rgb(1, 2, 3)", "{outcome}");
    assert!(outcome["base"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{outcome}");
    assert_eq!(
        outcome["broken"],
        json!(["base-uri", "connect-src", "script-src-attr", "script-src-elem", "style-src-elem"])
    );
    assert!(!page.console_errors().await.is_empty(), "a breach is told to the console");
}

#[tokio::test]
async fn names_are_shown_as_they_are_and_are_never_a_part_of_the_page() {
    let Some(page) = Browser::start().await else { return };
    let broker = DemoBroker::start(0).await;
    broker.call(Method::PATCH, "", Some(json!({ "name": HOSTILE }))).await;
    broker.call(Method::PATCH, "users/maeve", Some(json!({ "name": HOSTILE }))).await;
    page.open_desk(broker.address).await;
    page.reads("#organisation", "<img src=x onerror=").await;
    page.reads("#desk-user", "<b>Eve</b>").await;
    page.logs_in("maeve").await;
    page.was_not_fooled().await;
}

#[tokio::test]
async fn a_login_name_made_of_html_is_a_login_name() {
    let Some(page) = Browser::start().await else { return };
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(7).await;
    operator.buy(7, "inbound_agent", 2, 0).await;
    operator.buy(7, "agent_email", 2, 0).await;
    operator.add_user(7, HOSTILE, "inbound_agent", &["agent_email"]).await;
    page.open(&broker.url("/desk")).await;
    page.sees("#manual-open").await;
    let _not_a_demo: Vec<String> = page.console_errors().await;
    page.types("#manual-token", &broker.token(Role::Device, 7, HOSTILE)).await;
    page.clicks("#manual-open").await;
    page.logs_in(HOSTILE).await;
    page.reads("#session-user", HOSTILE).await;
    let log = page.evaluates("return document.querySelector('#desk-log').textContent").await;
    assert!(matches!(&log, Value::String(text) if text.contains("onerror=")), "{log}");
    page.was_not_fooled().await;
}
