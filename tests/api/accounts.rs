//! Administration of accounts, and the audit of it.

use crate::person::{PASSWORD, Person, STEP, broker, sign_in};
use crate::support::http::Api;
use licence_broker::auth::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const ACCOUNTS: &str = "/v1/organisations/129/accounts";
const ALICE: &str = "/v1/organisations/129/accounts/alice";

fn draft(user: &str, role: &str) -> Value {
    json!({"user": user, "role": role, "password": PASSWORD})
}

async fn with_tag(api: &Api, method: Method, path: &str, tag: &str, body: Value) -> StatusCode {
    let request = api.request(method, path).header("if-match", tag).json(&body);
    request.send().await.unwrap().status()
}

async fn tag(api: &Api, path: &str) -> String {
    let response = api.request(Method::GET, path).send().await.unwrap();
    response.headers().get("etag").expect("a tag").to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_secret_is_told_once_to_whoever_creates_the_account() {
    let (broker, _clock) = broker().await;
    let admin = broker.api(&broker.token(Role::Admin, 129, "ada"));
    let request = admin.request(Method::POST, ACCOUNTS).json(&draft("al/ice", "admin"));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    let place = response.headers().get("location").unwrap().to_str().unwrap().to_owned();
    assert_eq!(place, format!("{ACCOUNTS}/al%2Fice"));
    let created: Value = response.json().await.unwrap();
    let secret = created["totp_secret"].as_str().expect("a secret");
    let uri = created["otpauth_uri"].as_str().expect("a URI");
    assert!(uri.starts_with("otpauth://totp/") && uri.contains(secret), "{uri}");
    let kept = json!({"user": "al/ice", "role": "admin", "locked_at": null,
        "created_at": created["created_at"]});
    assert_eq!(admin.get(&place).await, kept);
    let list = admin.get(ACCOUNTS).await;
    assert_eq!(list, json!({"items": [kept], "next_cursor": null}));
}

#[tokio::test]
async fn accounts_are_paged_in_the_order_of_their_creation() {
    let (broker, _clock) = broker().await;
    let operator = broker.operator();
    for user in ["carol", "alice", "bob"] {
        operator.send(Method::POST, ACCOUNTS, draft(user, "supervisor")).await;
    }
    let page = operator.get(&format!("{ACCOUNTS}?limit=2")).await;
    let cursor = page["next_cursor"].as_str().expect("there is more");
    let rest = operator.get(&format!("{ACCOUNTS}?limit=2&cursor={cursor}")).await;
    let users = |page: &Value| {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| item["user"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        (users(&page), users(&rest)),
        (vec!["carol".into(), "alice".into()], vec!["bob".into()])
    );
    assert_eq!(rest["next_cursor"], Value::Null);
}

#[tokio::test]
async fn what_cannot_be_an_account_is_refused_by_its_field() {
    let (broker, _clock) = broker().await;
    let admin = broker.api(&broker.token(Role::Admin, 129, "ada"));
    admin.send(Method::POST, ACCOUNTS, draft("alice", "admin")).await;
    let long = "x".repeat(129);
    for (field, wrong, status) in [
        ("user", json!("alice"), 409),
        ("user", json!(""), 422),
        ("user", json!(long), 422),
        ("user", json!(7), 422),
        ("role", json!("device"), 422),
        ("role", json!("root"), 422),
        ("role", json!(null), 422),
        ("password", json!("eleven char"), 422),
        ("password", json!(123_456_789_012_u64), 422),
    ] {
        let mut body = draft("bob", "admin");
        body[field] = wrong;
        let (found, problem) = admin.call(Method::POST, ACCOUNTS, Some(body)).await;
        assert_eq!((found.as_u16(), &problem["field"]), (status, &json!(field)), "{problem}");
    }
    for field in ["user", "role", "password"] {
        let mut body = draft("bob", "admin");
        body.as_object_mut().unwrap().remove(field);
        let (found, problem) = admin.call(Method::POST, ACCOUNTS, Some(body)).await;
        assert_eq!((found.as_u16(), &problem["field"]), (422, &json!(field)), "{problem}");
    }
}

#[tokio::test]
async fn nobody_makes_an_operator_of_an_organisations_account() {
    let (broker, _clock) = broker().await;
    let admin = broker.api(&broker.token(Role::Admin, 129, "ada"));
    admin.send(Method::POST, ACCOUNTS, draft("alice", "admin")).await;
    let role = json!({"role": "operator"});
    for (api, expected) in [(&admin, 403), (&broker.operator(), 422)] {
        let created = api.call(Method::POST, ACCOUNTS, Some(draft("eve", "operator"))).await;
        let changed = api.call(Method::PATCH, ALICE, Some(role.clone())).await;
        assert_eq!((created.0.as_u16(), changed.0.as_u16()), (expected, expected));
    }
    assert_eq!(admin.get(ALICE).await["role"], "admin");
}

#[tokio::test]
async fn a_change_is_made_only_in_the_version_that_it_names() {
    let (broker, clock) = broker().await;
    let operator = broker.operator();
    let alice = Person::enrol(&operator, 129, "alice", "admin").await;
    let first = tag(&operator, ALICE).await;
    assert_eq!(sign_in(&broker, alice.proof(&clock)).await.0, StatusCode::OK);
    assert_eq!(tag(&operator, ALICE).await, first, "a sign-in changes nothing that is shown");
    let role = json!({"role": "supervisor"});
    let changed = with_tag(&operator, Method::PATCH, ALICE, &first, role.clone()).await;
    assert_eq!(changed, StatusCode::OK);
    let reset = format!("{ALICE}/reset");
    for (method, path) in [(Method::PATCH, ALICE), (Method::DELETE, ALICE), (Method::POST, &reset)]
    {
        for body in [&role, &json!({})] {
            let status = with_tag(&operator, method.clone(), path, &first, body.clone()).await;
            assert_eq!(status, StatusCode::PRECONDITION_FAILED, "{method} {path}");
        }
    }
    assert_eq!(operator.get(ALICE).await["role"], "supervisor");
    let second = tag(&operator, ALICE).await;
    let removed = with_tag(&operator, Method::DELETE, ALICE, &second, json!({})).await;
    assert_eq!(removed, StatusCode::NO_CONTENT);
    for (method, path) in [
        (Method::GET, ALICE),
        (Method::PATCH, ALICE),
        (Method::DELETE, ALICE),
        (Method::POST, &reset),
    ] {
        assert_eq!(operator.call(method, path, None).await.0, StatusCode::NOT_FOUND);
    }
    clock.advance(STEP);
    assert_eq!(sign_in(&broker, alice.proof(&clock)).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_reset_gives_a_new_password_and_a_new_second_factor_where_it_is_asked_to() {
    let (broker, clock) = broker().await;
    let operator = broker.operator();
    let alice = Person::enrol(&operator, 129, "alice", "admin").await;
    let reset = async |body: Value| {
        let answer = operator.send(Method::POST, &format!("{ALICE}/reset"), body).await;
        clock.advance(STEP);
        answer
    };
    let answer = reset(json!({"password": "another long password"})).await;
    assert_eq!(answer.get("otpauth_uri"), None, "{answer}");
    assert_eq!(sign_in(&broker, alice.proof(&clock)).await.0, StatusCode::UNAUTHORIZED);
    let mut proof = alice.proof(&clock);
    proof["password"] = json!("another long password");
    assert_eq!(sign_in(&broker, proof).await.0, StatusCode::OK);
    let answer = reset(json!({"password": PASSWORD, "new_totp_secret": true})).await;
    let uri = answer["otpauth_uri"].as_str().expect("a URI");
    let renewed = Person::new(json!(129), "alice", PASSWORD, uri);
    assert_eq!(sign_in(&broker, alice.proof(&clock)).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(sign_in(&broker, renewed.proof(&clock)).await.0, StatusCode::OK);
    for (field, wrong) in [("password", json!("short")), ("new_totp_secret", json!("yes"))] {
        let body = json!({field: wrong});
        let path = format!("{ALICE}/reset");
        let (status, problem) = operator.call(Method::POST, &path, Some(body)).await;
        assert_eq!((status.as_u16(), &problem["field"]), (422, &json!(field)), "{problem}");
    }
}

#[tokio::test]
async fn another_tenants_administrator_finds_nothing() {
    let (broker, clock) = broker().await;
    let operator = broker.operator();
    operator.create_organisation(130).await;
    Person::enrol(&operator, 129, "alice", "admin").await;
    let eve = Person::enrol(&operator, 130, "eve", "admin").await;
    let eve = eve.api(&broker, &clock).await;
    let reset = format!("{ALICE}/reset");
    let password = format!("{ALICE}/password");
    for (method, path) in [
        (Method::GET, ACCOUNTS),
        (Method::POST, ACCOUNTS),
        (Method::GET, ALICE),
        (Method::PATCH, ALICE),
        (Method::DELETE, ALICE),
        (Method::POST, &reset),
        (Method::PUT, &password),
        (Method::GET, "/v1/organisations/129/audit"),
        // Nor is there an account of that name in her own.
        (Method::GET, "/v1/organisations/130/accounts/alice"),
        (Method::POST, "/v1/organisations/130/accounts/alice/reset"),
    ] {
        let (status, problem) = eve.call(method.clone(), path, Some(draft("eve2", "admin"))).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{method} {path}: {problem}");
    }
    assert_eq!(operator.get(ALICE).await["role"], "admin");
}

#[tokio::test]
async fn the_audit_tells_who_did_what_and_when_as_pages_and_as_a_file() {
    let (broker, clock) = broker().await;
    let operator = broker.operator();
    let bob = Person::enrol(&operator, 129, "bob", "admin").await;
    let bob = bob.api(&broker, &clock).await;
    clock.advance(STEP);
    bob.send(Method::POST, ACCOUNTS, draft("=alice", "supervisor")).await;
    let path = format!("{ACCOUNTS}/=alice");
    bob.send(Method::PATCH, &path, json!({"role": "admin"})).await;
    bob.call(Method::DELETE, &path, None).await;
    let at = clock.now().at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let page = bob.get("/v1/organisations/129/audit?actor=bob&limit=2").await;
    let supervisor = json!({"role": "supervisor", "locked_at": null});
    let admin = json!({"role": "admin", "locked_at": null});
    assert_eq!(
        page["items"],
        json!([
            {"at": at, "actor": "bob", "role": "admin", "action": "account.created",
                "target": "=alice", "before": null, "after": supervisor},
            {"at": at, "actor": "bob", "role": "admin", "action": "account.changed",
                "target": "=alice", "before": supervisor, "after": admin},
        ])
    );
    let cursor = page["next_cursor"].as_str().expect("there is more");
    let rest = format!("/v1/organisations/129/audit?actor=bob&limit=2&cursor={cursor}");
    let rest = bob.get(&rest).await;
    assert_eq!(rest["items"][0]["action"], "account.deleted");
    assert_eq!((&rest["items"][0]["after"], &rest["next_cursor"]), (&Value::Null, &Value::Null));
    let since = format!("/v1/organisations/129/audit?from={at}&action=account.deleted");
    assert_eq!(bob.get(&since).await["items"], rest["items"]);
    let before =
        bob.get(&format!("/v1/organisations/129/audit?to={at}&action=account.created")).await;
    assert_eq!(before["items"].as_array().map(Vec::len), Some(1), "{before}");
    let file = bob.csv("/v1/organisations/129/audit?target=%3Dalice").await;
    let lines: Vec<&str> = file.lines().collect();
    assert_eq!(lines.len(), 4, "{file}");
    assert_eq!(lines[0], "Date Time,Actor,Role,Action,Target,Before,After");
    assert!(lines[1].contains(",bob,admin,account.created,'=alice,,\"{"), "{}", lines[1]);
}
