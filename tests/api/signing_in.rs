//! `POST /v1/auth/login`: password and code, the lock, and what the token is good for (SPEC §9).

use crate::person::{PASSWORD, Person, STEP, broker, sign_in};
use licence_broker::auth::Role;
use licence_broker::clock::Clock;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

const ACCOUNTS: &str = "/v1/organisations/129/accounts";

fn kind(problem: &Value) -> &str {
    problem["type"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn whoever_signs_in_gets_a_token_that_does_what_their_role_may_for_twelve_hours() {
    let (broker, clock) = broker().await;
    broker.operator().create_organisation(130).await;
    let alice = Person::enrol(&broker.operator(), 129, "alice", "admin").await;
    let (status, answer) = sign_in(&broker, alice.proof(&clock)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let until = clock.now().at + chrono::TimeDelta::hours(12);
    let until = until.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let token = answer["token"].as_str().expect("a token");
    assert_eq!(
        answer,
        json!({"token": token, "role": "admin", "organisation": 129, "user": "alice",
            "expires_at": until})
    );
    let api = broker.api(token);
    api.buy(129, "inbound_agent", 5, 0).await;
    let status = async |path: &str| api.call(Method::GET, path, None).await.0;
    assert_eq!(status("/v1/organisations/129/users").await, StatusCode::OK);
    assert_eq!(status("/v1/organisations/130/users").await, StatusCode::NOT_FOUND);
    let operator = json!({"tokens": [{"sub": "alice", "role": "operator"}]});
    let refused = api.call(Method::POST, "/v1/tokens", Some(operator)).await;
    assert_eq!(refused.0, StatusCode::FORBIDDEN);
    clock.advance(Duration::from_secs(12 * 3_600 - 1));
    assert_eq!(status("/v1/organisations/129/users").await, StatusCode::OK);
    clock.advance(Duration::from_secs(1));
    assert_eq!(status("/v1/organisations/129/users").await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_supervisor_who_signs_in_reads_and_buys_nothing() {
    let (broker, clock) = broker().await;
    let sue = Person::enrol(&broker.operator(), 129, "sue", "supervisor").await;
    let api = sue.api(&broker, &clock).await;
    api.get("/v1/organisations/129/sessions").await;
    assert_eq!(api.call(Method::GET, ACCOUNTS, None).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn whatever_is_wrong_is_answered_alike() {
    let (broker, clock) = broker().await;
    broker.operator().create_organisation(130).await;
    let alice = Person::enrol(&broker.operator(), 129, "alice", "admin").await;
    let mut answers = Vec::new();
    for (field, wrong) in [
        ("password", json!("wrong")),
        ("code", json!(alice.wrong_code(&clock))),
        ("code", json!("no digits")),
        ("user", json!("nobody")),
        ("user", json!("")),
        ("organisation", json!(130)),
        ("organisation", json!(131)),
        ("organisation", Value::Null),
    ] {
        let body = alice.proof_but(&clock, field, wrong);
        let request = broker.api("none").request(Method::POST, "/v1/auth/login").json(&body);
        let request = request.header("x-request-id", "the-same");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{body}");
        let challenge = response.headers().get("www-authenticate").expect("RFC 9110 §15.5.2");
        assert!(challenge.to_str().unwrap().starts_with("Bearer"));
        answers.push(response.text().await.unwrap());
    }
    assert!(answers[0].contains("/problems/sign_in_refused"), "{}", answers[0]);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[tokio::test]
async fn a_field_that_is_missing_or_of_another_type_is_named() {
    let (broker, clock) = broker().await;
    let alice = Person::enrol(&broker.operator(), 129, "alice", "admin").await;
    for field in ["organisation", "user", "password", "code"] {
        let mut missing = alice.proof(&clock);
        missing.as_object_mut().unwrap().remove(field);
        for body in [missing, alice.proof_but(&clock, field, json!({}))] {
            let (status, problem) = sign_in(&broker, body).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
            assert_eq!(problem["field"], field, "{problem}");
        }
    }
}

#[tokio::test]
async fn a_code_lets_in_once_and_the_next_one_again() {
    let (broker, clock) = broker().await;
    let alice = Person::enrol(&broker.operator(), 129, "alice", "admin").await;
    let used = alice.proof(&clock);
    assert_eq!(sign_in(&broker, used.clone()).await.0, StatusCode::OK);
    assert_eq!(sign_in(&broker, used.clone()).await.0, StatusCode::UNAUTHORIZED);
    clock.advance(STEP);
    assert_eq!(sign_in(&broker, used).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(sign_in(&broker, alice.proof(&clock)).await.0, StatusCode::OK);
    clock.advance(STEP);
    let late = alice.proof(&clock);
    clock.advance(STEP);
    assert_eq!(sign_in(&broker, late).await.0, StatusCode::OK, "half a minute late");
    let early = Clock::manual(clock.now().at + chrono::TimeDelta::seconds(30));
    let code = alice.code(&early);
    let halves = json!(format!("{} {}", &code[..3], &code[3..]));
    let early = sign_in(&broker, alice.proof_but(&early, "code", halves)).await;
    assert_eq!(early.0, StatusCode::OK, "and early, typed as the app shows it");
}

#[tokio::test]
async fn one_code_lets_one_in_however_many_come_at_once() {
    let (broker, clock) = broker().await;
    let alice = Person::enrol(&broker.operator(), 129, "alice", "admin").await;
    let asked = (0..10).map(|_| sign_in(&broker, alice.proof(&clock)));
    let mut let_in = 0;
    for (status, answer) in futures_util::future::join_all(asked).await {
        match status {
            StatusCode::OK => let_in += 1,
            refused => assert_eq!(refused, StatusCode::UNAUTHORIZED, "{answer}"),
        }
    }
    assert_eq!(let_in, 1);
}

#[tokio::test]
async fn five_wrong_sign_ins_lock_until_another_administrator_resets_the_account() {
    let (broker, clock) = broker().await;
    let operator = broker.operator();
    let alice = Person::enrol(&operator, 129, "alice", "admin").await;
    let bob = Person::enrol(&operator, 129, "bob", "admin").await;
    let wrong = || alice.proof_but(&clock, "password", json!("wrong"));
    for _ in 0..4 {
        assert_eq!(sign_in(&broker, wrong()).await.0, StatusCode::UNAUTHORIZED);
    }
    let wrong_code = alice.proof_but(&clock, "code", json!(alice.wrong_code(&clock)));
    let fifth = sign_in(&broker, wrong_code).await;
    let locked = sign_in(&broker, alice.proof(&clock)).await;
    assert_eq!((locked.0, kind(&locked.1)), (StatusCode::FORBIDDEN, "/problems/account_locked"));
    assert_eq!(sign_in(&broker, wrong()).await, fifth, "nobody else learns that it is locked");
    let bobs = bob.api(&broker, &clock).await;
    let account = bobs.get(&format!("{ACCOUNTS}/alice")).await;
    assert!(account["locked_at"].is_string(), "{account}");
    let (status, account) = bobs.call(Method::POST, &format!("{ACCOUNTS}/alice/reset"), None).await;
    assert_eq!((status, &account["locked_at"]), (StatusCode::OK, &Value::Null), "{account}");
    assert_eq!(sign_in(&broker, alice.proof(&clock)).await.0, StatusCode::OK);
}

#[tokio::test]
async fn wrong_sign_ins_at_once_do_not_slip_past_the_lock() {
    let (broker, clock) = broker().await;
    let alice = Person::enrol(&broker.operator(), 129, "alice", "admin").await;
    let wrong = (0..8).map(|n| {
        let password = json!(format!("wrong {n}"));
        sign_in(&broker, alice.proof_but(&clock, "password", password))
    });
    for (status, _) in futures_util::future::join_all(wrong).await {
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(sign_in(&broker, alice.proof(&clock)).await.0, StatusCode::FORBIDDEN);
    let locks = broker.operator().get("/v1/organisations/129/audit?action=account.locked").await;
    assert_eq!(locks["items"].as_array().map(Vec::len), Some(1), "{locks}");
}

#[tokio::test]
async fn four_wrong_sign_ins_are_forgiven_by_a_right_one() {
    let (broker, clock) = broker().await;
    let alice = Person::enrol(&broker.operator(), 129, "alice", "admin").await;
    for _ in 0..2 {
        for _ in 0..4 {
            let wrong = alice.proof_but(&clock, "password", json!("wrong"));
            assert_eq!(sign_in(&broker, wrong).await.0, StatusCode::UNAUTHORIZED);
        }
        assert_eq!(sign_in(&broker, alice.proof(&clock)).await.0, StatusCode::OK);
        clock.advance(STEP);
    }
}

#[tokio::test]
async fn whose_user_is_suspended_does_not_get_in() {
    let (broker, clock) = broker().await;
    let operator = broker.operator();
    operator.add_user(129, "alice", "inbound_agent", &[]).await;
    let alice = Person::enrol(&operator, 129, "alice", "admin").await;
    let refused = sign_in(&broker, alice.proof_but(&clock, "password", json!("wrong"))).await;
    let set = async |status: &str| {
        let body = json!({"status": status});
        operator.send(Method::PATCH, "/v1/organisations/129/users/alice", body).await;
        clock.advance(STEP);
        sign_in(&broker, alice.proof(&clock)).await
    };
    assert_eq!(set("suspended").await, refused);
    assert_eq!(set("active").await.0, StatusCode::OK);
}

#[tokio::test]
async fn accounts_go_with_their_organisation() {
    let (broker, clock) = broker().await;
    let operator = broker.operator();
    let alice = Person::enrol(&operator, 129, "alice", "admin").await;
    operator.call(Method::DELETE, "/v1/organisations/129", None).await;
    assert_eq!(sign_in(&broker, alice.proof(&clock)).await.0, StatusCode::UNAUTHORIZED);
    operator.create_organisation(129).await;
    assert_eq!(sign_in(&broker, alice.proof(&clock)).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(operator.get(ACCOUNTS).await["items"], json!([]));
}

#[tokio::test]
async fn ones_own_password_is_changed_with_the_old_one_and_a_code() {
    let (broker, clock) = broker().await;
    let operator = broker.operator();
    let mut sue = Person::enrol(&operator, 129, "sue", "supervisor").await;
    let api = sue.api(&broker, &clock).await;
    clock.advance(STEP);
    let path = format!("{ACCOUNTS}/sue/password");
    let change = async |old: &str, new: &str| {
        let body = json!({"old": old, "new": new, "code": sue.code(&clock)});
        api.call(Method::PUT, &path, Some(body)).await
    };
    let (status, problem) = change(PASSWORD, "short").await;
    assert_eq!((status.as_u16(), &problem["field"]), (422, &json!("new")));
    let (status, problem) = change("wrong", "another long password").await;
    assert_eq!((status.as_u16(), kind(&problem)), (401, "/problems/sign_in_refused"));
    assert_eq!(change(PASSWORD, "another long password").await.0, StatusCode::NO_CONTENT);
    clock.advance(STEP);
    assert_eq!(sign_in(&broker, sue.proof(&clock)).await.0, StatusCode::UNAUTHORIZED);
    sue.password = "another long password".to_owned();
    assert_eq!(sign_in(&broker, sue.proof(&clock)).await.0, StatusCode::OK);
    let body = json!({"old": PASSWORD, "new": PASSWORD, "code": "000000"});
    for role in [Role::Admin, Role::Operator] {
        let other = broker.api(&broker.token(role, 129, "ada"));
        let (status, _) = other.call(Method::PUT, &path, Some(body.clone())).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{role}");
    }
}
