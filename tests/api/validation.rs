//! Each field of each body, and each parameter: what is wrong is named, and what is not understood is
//! told apart from what is not permitted.

use crate::raw;
use crate::support::broker::TestBroker;
use licence_broker::auth::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const ORGANISATIONS: &str = "/v1/organisations";
const ORGANISATION: &str = "/v1/organisations/129";
const USERS: &str = "/v1/organisations/129/users";
const EDRED: &str = "/v1/organisations/129/users/edred";
const INBOUND: &str = "/v1/organisations/129/licences/inbound_agent";
const IMPORT: &str = "/v1/organisations/129/users/import";
const TOKENS: &str = "/v1/tokens";

async fn with_edred() -> TestBroker {
    let broker = TestBroker::start().await;
    broker.operator().create_organisation(129).await;
    broker.operator().add_user(129, "edred", "inbound_agent", &[]).await;
    broker
}

fn new_organisation() -> Value {
    json!({"id": 200, "name": "Example"})
}

fn new_user() -> Value {
    json!({"user": "etta", "user_type": "inbound_agent"})
}

fn totals() -> Value {
    json!({"base": 0, "concurrent": 1, "contingency": 0, "fixed": 0})
}

/// Method, path and a good body; the wrong values of one of its fields.
fn wrong_fields() -> Vec<(Method, &'static str, Value, &'static str, Vec<Value>)> {
    let (post, patch, put) = (Method::POST, Method::PATCH, Method::PUT);
    let no_text = || vec![json!(7), json!(null), json!([]), json!({}), json!(true)];
    let and = |mut all: Vec<Value>, more: &[Value]| {
        all.extend_from_slice(more);
        all
    };
    let no_name =
        and(no_text(), &[json!(""), json!("x".repeat(257)), json!("a\u{0}b"), json!("\n")]);
    let no_zone = and(no_text(), &[json!("Mars/Olympus"), json!(""), json!("UTC+1")]);
    let no_grace = vec![json!(-1), json!(1.5), json!("60"), json!(null), json!(86_401)];
    let no_time = vec![json!("25:00"), json!("8:00"), json!("20:00:00"), json!(20), json!("")];
    let no_total =
        vec![json!(-1), json!(1.5), json!("1"), json!(null), json!(1_000_001), json!([1])];
    let no_type = and(no_text(), &[json!(""), json!("agent_email"), json!("Inbound Agent")]);
    let no_status = and(no_text(), &[json!(""), json!("Active"), json!("asleep")]);
    let no_features = vec![
        json!("agent_email"),
        json!(null),
        json!([7]),
        json!(["agent_fax"]),
        json!(["supervisor"]),
        json!([["agent_email"]]),
    ];
    let no_login =
        and(no_text(), &[json!(""), json!("x".repeat(129)), json!("a\u{7f}"), json!("a\u{85}")]);
    let no_number =
        vec![json!(0), json!(-1), json!("129"), json!(1.5), json!(null), json!(1_u64 << 53)];
    let display = and(no_text(), &[json!("x".repeat(257)), json!("a\u{1b}[0m")]);
    vec![
        (post.clone(), ORGANISATIONS, new_organisation(), "id", no_number),
        (post.clone(), ORGANISATIONS, new_organisation(), "name", no_name.clone()),
        (post.clone(), ORGANISATIONS, new_organisation(), "time_zone", no_zone.clone()),
        (post.clone(), ORGANISATIONS, new_organisation(), "max_grace_s", no_grace.clone()),
        (post.clone(), ORGANISATIONS, new_organisation(), "scheduled_log_off", no_time.clone()),
        (patch.clone(), ORGANISATION, json!({}), "name", no_name),
        (patch.clone(), ORGANISATION, json!({}), "time_zone", no_zone),
        (patch.clone(), ORGANISATION, json!({}), "max_grace_s", no_grace),
        (patch.clone(), ORGANISATION, json!({}), "scheduled_log_off", no_time),
        (patch.clone(), ORGANISATION, json!({}), "id", vec![json!(130), json!("129")]),
        (put.clone(), INBOUND, totals(), "base", no_total.clone()),
        (put.clone(), INBOUND, totals(), "concurrent", no_total.clone()),
        (put.clone(), INBOUND, totals(), "contingency", no_total.clone()),
        (put, INBOUND, totals(), "fixed", and(no_total, &[json!(1)])),
        (post.clone(), USERS, new_user(), "user", no_login),
        (post.clone(), USERS, new_user(), "name", display.clone()),
        (post.clone(), USERS, new_user(), "status", and(no_status.clone(), &[json!("deleted")])),
        (post.clone(), USERS, new_user(), "user_type", no_type.clone()),
        (post, USERS, new_user(), "features", no_features.clone()),
        (patch.clone(), EDRED, json!({}), "user", vec![json!("other"), json!(7)]),
        (patch.clone(), EDRED, json!({}), "name", display),
        (patch.clone(), EDRED, json!({}), "status", no_status),
        (patch.clone(), EDRED, json!({}), "user_type", no_type),
        (patch, EDRED, json!({}), "features", no_features),
    ]
}

#[tokio::test]
async fn a_wrong_value_of_any_field_is_named_and_changes_nothing() {
    let broker = with_edred().await;
    let operator = broker.operator();
    let before = operator.get(EDRED).await;
    for (method, path, good, field, wrong) in wrong_fields() {
        for value in wrong {
            let mut body = good.clone();
            body[field] = value.clone();
            let (status, problem) = operator.call(method.clone(), path, Some(body)).await;
            let told = format!("{method} {path} {field}={value}: {problem}");
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{told}");
            assert_eq!(problem["field"], field, "{told}");
            assert_eq!(problem["type"], "/problems/validation", "{told}");
        }
    }
    assert_eq!(operator.get(EDRED).await, before);
    assert_eq!(operator.get(USERS).await["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(operator.get(ORGANISATIONS).await["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn what_must_be_there_is_named_where_it_is_missing() {
    let broker = with_edred().await;
    for (method, path, good, fields) in [
        (Method::POST, ORGANISATIONS, new_organisation(), "id name"),
        (Method::POST, USERS, new_user(), "user user_type"),
        (Method::PUT, INBOUND, totals(), "base concurrent contingency fixed"),
        (Method::POST, TOKENS, json!({"tokens": []}), "tokens"),
    ] {
        for field in fields.split(' ') {
            let mut body = good.clone();
            body.as_object_mut().unwrap().remove(field);
            let (status, problem) = broker.operator().call(method.clone(), path, Some(body)).await;
            assert_eq!((status.as_u16(), &problem["field"]), (422, &json!(field)), "{path}");
        }
    }
}

#[tokio::test]
async fn a_wrong_token_is_named_with_its_place() {
    let broker = with_edred().await;
    for (field, wrong) in [
        ("sub", vec![json!(null), json!(""), json!("x".repeat(513)), json!("a\tb")]),
        ("org", vec![json!(null), json!("129"), json!(0), json!(-1)]),
        ("role", vec![json!(null), json!("root"), json!(7)]),
        ("ttl_s", vec![json!(null), json!(0), json!(-5), json!("60"), json!(4_000_000_000_u64)]),
    ] {
        for value in wrong {
            let good = json!({"sub": "a", "org": 129, "role": "device", "ttl_s": 60});
            let mut bad = good.clone();
            bad[field] = value.clone();
            let body = json!({"tokens": [good, bad]});
            let (status, problem) = broker.operator().call(Method::POST, TOKENS, Some(body)).await;
            let named = format!("tokens[1].{field}");
            assert_eq!((status.as_u16(), &problem["field"]), (422, &json!(named)), "{value}");
        }
    }
    for wrong in [json!({}), json!("x"), json!(null)] {
        let body = json!({"tokens": wrong});
        let (status, problem) = broker.operator().call(Method::POST, TOKENS, Some(body)).await;
        assert_eq!((status.as_u16(), &problem["field"]), (422, &json!("tokens")));
    }
}

#[tokio::test]
async fn names_of_any_script_and_unknown_members_are_taken() {
    let broker = with_edred().await;
    let operator = broker.operator();
    for name in
        ["Ærøskøbing", "名前", "שלום", "नमस्ते", "🦀🦀", "=1+1", "a\"b\\c", "x".repeat(128).as_str()]
    {
        let body = json!({"user": name, "name": name, "user_type": "inbound_agent",
            "password": {"deep": [1]}, "": null});
        let created = operator.send(Method::POST, USERS, body).await;
        assert_eq!((&created["user"], &created["name"]), (&json!(name), &json!(name)));
    }
    let log = operator.all(USERS).await;
    assert_eq!(log.len(), 9);
    let body = json!({"id": 300, "name": "組織", "colour": "red"});
    assert_eq!(operator.send(Method::POST, ORGANISATIONS, body).await["name"], "組織");
}

#[tokio::test]
async fn what_is_no_json_object_is_malformed() {
    let broker = with_edred().await;
    let deep = format!("{{\"name\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
    let half = r#"{"name":"\ud800"}"#;
    let latin = b"{\"name\":\"\xe9\"}";
    let bodies: [&[u8]; 9] =
        [b"", b"{", b"[]", b"null", b"7", b"{\"a\":1,}", deep.as_bytes(), half.as_bytes(), latin];
    for (method, path) in [
        (Method::POST, ORGANISATIONS),
        (Method::PATCH, ORGANISATION),
        (Method::PUT, INBOUND),
        (Method::POST, USERS),
        (Method::PATCH, EDRED),
        (Method::POST, TOKENS),
    ] {
        for body in bodies {
            let request = broker.operator().request(method.clone(), path);
            let request = request.header("content-type", "application/json").body(body.to_vec());
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{method} {path} {body:?}");
            let problem: Value = response.json().await.unwrap();
            assert_eq!(problem["type"], "/problems/malformed");
        }
    }
}

#[tokio::test]
async fn a_body_of_another_type_or_too_large_is_refused_as_such() {
    let broker = with_edred().await;
    let ask = async |path: &str, media_type: &str, body: Vec<u8>| {
        let request = broker.operator().request(Method::POST, path);
        let response = request.header("content-type", media_type).body(body).send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap()["type"].clone())
    };
    for media_type in
        ["text/plain", "application/xml", "application/x-www-form-urlencoded", "text/csv"]
    {
        let (status, kind) = ask(USERS, media_type, b"{}".to_vec()).await;
        assert_eq!((status, kind), (415, json!("/problems/unsupported_media_type")));
    }
    for media_type in ["application/json", "text/plain", "multipart/form-data; boundary=x"] {
        assert_eq!(ask(IMPORT, media_type, b"user,user_type\n".to_vec()).await.0, 415);
    }
    let large = |bytes: usize| format!("{{\"name\":\"{}\"}}", "x".repeat(bytes)).into_bytes();
    for path in [USERS, ORGANISATIONS] {
        let (status, kind) = ask(path, "application/json", large(256 * 1024)).await;
        assert_eq!((status, kind), (413, json!("/problems/too_large")), "{path}");
    }
    assert_eq!(ask(TOKENS, "application/json", large(16 * 1024 * 1024)).await.0, 413);
    let admin = broker.token(Role::Admin, 129, "ada");
    for (path, length) in [(USERS, 262_145_usize), (IMPORT, 33_554_433), (TOKENS, usize::MAX)] {
        let headers = ["content-type: text/csv".to_owned(), format!("content-length: {length}")];
        let json = ["content-type: application/json".to_owned(), headers[1].clone()];
        let headers = if path == IMPORT { &headers } else { &json };
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let reply = raw::ask_as(&broker, &admin, &format!("POST {path}"), &headers, b"").await;
        assert_eq!(reply.status, 413, "{path}: {reply:?}");
    }
}

#[tokio::test]
async fn a_large_body_without_a_length_is_refused_where_it_grows_too_large() {
    let broker = with_edred().await;
    let chunks = (0..600).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1024]));
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    let request = broker.operator().request(Method::POST, USERS);
    let request = request.header("content-type", "application/json").body(body);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_parameter_that_is_not_understood_is_named() {
    let broker = with_edred().await;
    let below = |path: &str| format!("{ORGANISATION}/{path}");
    let lists = ["users", "sessions", "holders", "licence-usage", "denials"].map(below);
    for list in lists.iter().map(String::as_str).chain([ORGANISATIONS]) {
        for (field, wrong) in [
            ("limit", "0 -1 x 1.5 %20 1e3"),
            ("cursor", "x %00 eDE 0 bDA9 ../../etc 9999999999999999999999"),
        ] {
            for value in wrong.split(' ') {
                refused(&broker, list, field, value).await;
            }
        }
    }
    for (path, field, wrong) in [
        ("licences", "class", "users user_type,x ,"),
        ("holders", "licence", "telex Inbound%20Agent %20"),
        ("licence-usage", "licence", "telex Agent%20Calls"),
        ("licence-usage", "usage_type", "acquired x"),
        ("licence-usage", "logon_source", "agent_desktop x"),
        ("licence-usage", "reason", "exhausted x"),
        ("licence-usage", "session", "1 x 80000000000000000000000000"),
        ("licence-usage", "from", "yesterday 2026-03-06 1"),
        ("licence-usage", "to", "now 2026-13-06T00:00:00Z"),
        ("licence-usage", "format", "xml CSV"),
        ("denials", "from", "yesterday"),
        ("denials", "to", "x"),
        ("denials", "reason", "logout x"),
        ("denials", "format", "pdf"),
    ] {
        for value in wrong.split(' ') {
            refused(&broker, &below(path), field, value).await;
        }
    }
    let backwards = "from=2026-03-07T00:00:00Z&to=2026-03-06T00:00:00Z";
    for path in ["licence-usage", "denials"] {
        let path = format!("{}?{backwards}", below(path));
        let (status, problem) = broker.operator().call(Method::GET, &path, None).await;
        assert_eq!((status.as_u16(), &problem["field"]), (422, &json!("from")), "{path}");
    }
    refused_import(&broker).await;
}

async fn refused(broker: &TestBroker, path: &str, field: &str, value: &str) {
    let path = format!("{path}?{field}={value}");
    let (status, problem) = broker.operator().call(Method::GET, &path, None).await;
    assert_eq!((status.as_u16(), &problem["field"]), (422, &json!(field)), "{path}: {problem}");
}

async fn refused_import(broker: &TestBroker) {
    let request = broker.operator().request(Method::POST, &format!("{IMPORT}?atomic=yes"));
    let response = request.header("content-type", "text/csv").body("user,user_type\n").send().await;
    let response = response.unwrap();
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(response.json::<Value>().await.unwrap()["field"], "atomic");
}

#[tokio::test]
async fn a_limit_above_the_most_gets_the_most() {
    let broker = with_edred().await;
    for limit in ["1001", "4294967295", "4294967296", "99999999999999999999999"] {
        let page = broker.operator().get(&format!("{USERS}?limit={limit}")).await;
        assert_eq!(page["items"].as_array().map(Vec::len), Some(1), "{limit}");
    }
}

#[tokio::test]
async fn a_path_that_is_bent_leads_nowhere_else() {
    let broker = with_edred().await;
    let operator = broker.token(Role::Operator, 0, "operator");
    broker.operator().create_organisation(130).await;
    for (user, segment) in
        [("..", ".."), (".", "."), ("..", "%2E%2e"), ("a/../b", "a%2F..%2Fb"), ("a\\b", "a%5Cb")]
    {
        let body = json!({"user": user, "user_type": "inbound_agent"});
        let (status, _) = broker.operator().call(Method::POST, USERS, Some(body)).await;
        assert!(
            status == StatusCode::CREATED || status == StatusCode::CONFLICT,
            "{user}: {status}"
        );
        let line = format!("GET {USERS}/{segment}");
        let reply = raw::ask_as(&broker, &operator, &line, &[], b"").await;
        assert_eq!((reply.status, &reply.json()["user"]), (200, &json!(user)), "{line}");
    }
    for segment in ["../../130", "..%2F..%2F130", "nobody", "%FF", "%00", "%", "edred%2F", "edred/"]
    {
        let line = format!("GET {USERS}/{segment}");
        let reply = raw::ask_as(&broker, &operator, &line, &[], b"").await;
        assert_eq!(reply.status, 404, "{line}: {reply:?}");
    }
}
