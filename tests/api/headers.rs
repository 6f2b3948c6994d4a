//! What every answer carries, whatever it is: what a browser may do with it, and who may keep it.

use crate::support::broker::TestBroker;
use licence_broker::auth::Role;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

const ORGANISATION: &str = "/v1/organisations/129";

/// Each answer has these, to the letter.
const EVERYWHERE: [(&str, &str); 5] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-frame-options", "DENY"),
];

/// The whole URL table, from the document that the broker serves and that is held against the table.
async fn operations(broker: &TestBroker) -> Vec<(Method, String)> {
    let document: Value =
        reqwest::get(broker.url("/openapi.json")).await.unwrap().json().await.unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let methods = item.as_object().unwrap().keys().filter_map(|key| {
            Method::from_bytes(key.to_uppercase().as_bytes()).ok().filter(|method| {
                [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE]
                    .contains(method)
            })
        });
        operations.extend(methods.map(|method| (method, filled_in(path))));
    }
    assert!(operations.len() > 40, "{operations:?}");
    // The organisation goes last.
    operations.sort_by_key(|(method, path)| (*method == Method::DELETE, path == ORGANISATION));
    operations
}

fn filled_in(path: &str) -> String {
    [
        ("{org}", "129"),
        ("{user}", "edred"),
        ("{licence}", "inbound_agent"),
        ("{month}", "2026-01"),
        ("{id}", "lobby"),
        ("{session}", "01J00000000000000000000000"),
    ]
    .iter()
    .fold(path.to_owned(), |path, (name, value)| path.replace(name, value))
}

/// One answer's head; streams are not read.
async fn head(
    broker: &TestBroker,
    method: Method,
    path: &str,
    token: Option<&str>,
) -> (StatusCode, HeaderMap) {
    let mut request = Client::new().request(method, broker.url(path));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let response = request.send().await.unwrap();
    (response.status(), response.headers().clone())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let mut values = headers.get_all(name).iter();
    let value = values.next().map_or("", |value| value.to_str().unwrap());
    assert!(values.next().is_none(), "{name} stands there once");
    value
}

/// Judges what is alike everywhere; the directives of the content policy, and who may keep the answer.
fn judge<'a>(what: &str, headers: &'a HeaderMap) -> (Vec<&'a str>, &'a str) {
    for (name, expected) in EVERYWHERE {
        assert_eq!(text(headers, name), expected, "{what}: {name}");
    }
    let permissions = text(headers, "permissions-policy");
    for ability in ["camera=()", "microphone=()", "geolocation=()", "payment=()", "usb=()"] {
        assert!(permissions.contains(ability), "{what}: {permissions}");
    }
    let policy: Vec<&str> = text(headers, "content-security-policy").split("; ").collect();
    for directive in ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"] {
        assert!(policy.contains(&directive), "{what}: {policy:?}");
    }
    for source in policy.iter().flat_map(|directive| directive.split(' ').skip(1)) {
        assert!(["'none'", "'self'", "data:"].contains(&source), "{what}: {policy:?}");
    }
    (policy, text(headers, "cache-control"))
}

#[tokio::test]
async fn every_operation_answers_with_the_headers_of_data_whoever_asks() {
    let broker = TestBroker::start().await;
    broker.operator().create_organisation(129).await;
    let operator = broker.token(Role::Operator, 0, "operator");
    let device = broker.token(Role::Device, 129, "edred");
    let mut statuses = std::collections::BTreeSet::new();
    for (method, path) in operations(&broker).await {
        for token in [None, Some("worth.less.token"), Some(&*device), Some(&*operator)] {
            let (status, headers) = head(&broker, method.clone(), &path, token).await;
            let what = format!("{method} {path}: {status}");
            let (policy, cache) = judge(&what, &headers);
            assert!(
                policy.contains(&"sandbox") && policy.contains(&"form-action 'none'"),
                "{what}: {policy:?}"
            );
            assert_eq!(cache, "no-store", "{what}");
            let kind = text(&headers, "content-type");
            assert!(!kind.contains("html"), "{what}: {kind}");
            statuses.insert(status.as_u16());
        }
    }
    for status in [200, 204, 400, 401, 403, 404, 426] {
        assert!(statuses.contains(&status), "{status} is among the answers: {statuses:?}");
    }
}

#[tokio::test]
async fn refusals_carry_the_headers_of_data() {
    let broker = TestBroker::start().await;
    broker.operator().create_organisation(129).await;
    let operator = broker.token(Role::Operator, 0, "operator");
    for (method, path, expected) in [
        (Method::GET, "/nothing", 404),
        (Method::GET, "/static/nothing.js", 404),
        (Method::GET, "/static/../Cargo.toml", 404),
        (Method::GET, "/v1/organisations/129/nothing", 404),
        (Method::GET, "/v1/organisations/131/users", 404),
        (Method::DELETE, "/v1/tokens", 405),
        (Method::GET, "/v1/organisations/129/users?limit=x", 422),
        (Method::GET, "/v1/organisations/129/users?cursor=x", 422),
        (Method::GET, "/v1/organisations/129/session", 426),
        (Method::GET, "/v1/organisations/129/licence-usage?format=csv", 200),
        (Method::GET, "/v1/organisations/129/live", 200),
        (Method::HEAD, "/v1/organisations/129/users", 200),
    ] {
        let (status, headers) = head(&broker, method, path, Some(&operator)).await;
        assert_eq!(status.as_u16(), expected, "{path}");
        assert_eq!(judge(path, &headers).1, "no-store", "{path}");
    }
}

#[tokio::test]
async fn pages_and_their_parts_load_what_the_broker_serves_and_are_asked_for_each_time() {
    let broker = TestBroker::start().await;
    for path in [
        "/",
        "/docs",
        "/desk",
        "/wallboard",
        "/static/desk/index.html",
        "/static/desk/app.js",
        "/static/wallboard/app.js",
        "/static/app.css",
        "/static/icon.svg",
        "/static/i18n/en.json",
        "/static/ticker.js",
        "/static/vendor/swagger-ui/swagger-ui.css",
    ] {
        let (status, headers) = head(&broker, Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        let (policy, cache) = judge(path, &headers);
        for directive in
            ["script-src 'self'", "style-src 'self'", "connect-src 'self'", "form-action 'self'"]
        {
            assert!(policy.contains(&directive), "{path}: {policy:?}");
        }
        let images = if path == "/docs" { "img-src 'self' data:" } else { "img-src 'self'" };
        assert!(policy.contains(&images), "{path}: {policy:?}");
        assert_eq!(cache, "no-cache", "{path}");
    }
}
