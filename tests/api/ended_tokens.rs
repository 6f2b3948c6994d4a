//! The token of whoever signed in ends with the account as it was then.

use crate::person::{PASSWORD, Person, STEP, broker, sign_in};
use crate::support::broker::{Setup, TestBroker};
use crate::support::eventually::eventually;
use crate::support::http::Api;
use crate::support::socket::PATIENCE;
use licence_broker::clock::Clock;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

const ACCOUNTS: &str = "/v1/organisations/129/accounts";

/// Whether a token is still believed, by the API and by a socket alike.
async fn is_believed(broker: &TestBroker, api: &Api) -> bool {
    let (status, _) = api.call(Method::GET, "/v1/organisations/129/licences", None).await;
    let authorization = format!("Bearer {}", api.token());
    let socket = broker.try_connect(129, "live", &[("authorization", &authorization)]).await;
    assert_eq!(status == StatusCode::OK, socket.is_ok(), "{status}");
    if socket.is_err() {
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    socket.is_ok()
}

#[tokio::test]
async fn every_change_of_an_account_ends_its_tokens_and_no_others() {
    let (broker, clock) = broker().await;
    let operator = broker.operator();
    let bob = Person::enrol(&operator, 129, "bob", "admin").await;
    let bobs = bob.api(&broker, &clock).await;
    for (name, method, path, body) in [
        ("another role", Method::PATCH, "", json!({"role": "supervisor"})),
        ("unlocked", Method::POST, "/reset", json!({})),
        ("another password", Method::POST, "/reset", json!({"password": "another long password"})),
        ("another second factor", Method::POST, "/reset", json!({"new_totp_secret": true})),
        ("deleted", Method::DELETE, "", Value::Null),
    ] {
        let alice = Person::enrol(&operator, 129, "alice", "admin").await;
        let alices = alice.api(&broker, &clock).await;
        assert!(is_believed(&broker, &alices).await, "{name}");
        bobs.send(method, &format!("{ACCOUNTS}/alice{path}"), body).await;
        assert!(!is_believed(&broker, &alices).await, "{name}");
        operator.call(Method::DELETE, &format!("{ACCOUNTS}/alice"), None).await;
        clock.advance(Duration::from_millis(1));
        let _namesake = Person::enrol(&operator, 129, "alice", "admin").await;
        assert!(!is_believed(&broker, &alices).await, "{name}, and there is a namesake");
        operator.send(Method::DELETE, &format!("{ACCOUNTS}/alice"), Value::Null).await;
    }
    assert!(is_believed(&broker, &bobs).await, "whoever did it goes on");
}

#[tokio::test]
async fn a_change_that_changes_nothing_leaves_the_tokens_as_they_are() {
    let (broker, clock) = broker().await;
    let operator = broker.operator();
    let alice = Person::enrol(&operator, 129, "alice", "admin").await;
    let alices = alice.api(&broker, &clock).await;
    let wrong = alice.proof_but(&clock, "password", json!("wrong"));
    assert_eq!(sign_in(&broker, wrong).await.0, StatusCode::UNAUTHORIZED);
    operator.send(Method::PATCH, &format!("{ACCOUNTS}/alice"), json!({})).await;
    clock.advance(STEP);
    let second = alice.api(&broker, &clock).await;
    assert!(is_believed(&broker, &alices).await && is_believed(&broker, &second).await);
}

#[tokio::test]
async fn the_lock_of_an_account_ends_its_tokens() {
    let (broker, clock) = broker().await;
    let alice = Person::enrol(&broker.operator(), 129, "alice", "admin").await;
    let alices = alice.api(&broker, &clock).await;
    for round in 1..=5 {
        assert!(is_believed(&broker, &alices).await, "{round}");
        let wrong = alice.proof_but(&clock, "password", json!("wrong"));
        assert_eq!(sign_in(&broker, wrong).await.0, StatusCode::UNAUTHORIZED);
    }
    assert!(!is_believed(&broker, &alices).await);
}

#[tokio::test]
async fn ones_own_new_password_asks_for_a_new_sign_in() {
    let (broker, clock) = broker().await;
    let mut alice = Person::enrol(&broker.operator(), 129, "alice", "admin").await;
    let alices = alice.api(&broker, &clock).await;
    clock.advance(STEP);
    let new = "another long password";
    let body = json!({"old": PASSWORD, "new": new, "code": alice.code(&clock)});
    alices.send(Method::PUT, "/v1/auth/password", body).await;
    assert!(!is_believed(&broker, &alices).await);
    alice.password = new.to_owned();
    clock.advance(STEP);
    assert!(is_believed(&broker, &alice.api(&broker, &clock).await).await);
}

#[tokio::test]
async fn a_token_does_not_outlive_its_organisation_under_the_same_number() {
    let (broker, clock) = broker().await;
    let operator = broker.operator();
    let alice = Person::enrol(&operator, 129, "alice", "admin").await;
    let alices = alice.api(&broker, &clock).await;
    operator.send(Method::DELETE, "/v1/organisations/129", Value::Null).await;
    operator.create_organisation(129).await;
    assert!(!is_believed(&broker, &alices).await);
}

#[tokio::test]
async fn a_restart_keeps_the_tokens_that_are_good_and_ends_no_other_twice() {
    let clock = Clock::manual(chrono::Utc::now());
    let folder = tempfile::TempDir::new().unwrap();
    let setup = || Setup {
        clock: clock.clone(),
        database: Some(folder.path().join("it.db")),
        ..Setup::default()
    };
    let broker = TestBroker::with(setup()).await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    let (alice, bob) = (
        Person::enrol(&operator, 129, "alice", "admin").await,
        Person::enrol(&operator, 129, "bob", "admin").await,
    );
    let tokens = [alice.api(&broker, &clock).await, bob.api(&broker, &clock).await];
    operator.send(Method::POST, &format!("{ACCOUNTS}/bob/reset"), json!({})).await;
    broker.halt().await;
    let broker = TestBroker::with(setup()).await;
    let [alices, bobs] = tokens.map(|api| broker.api(api.token()));
    assert!(is_believed(&broker, &alices).await);
    assert!(!is_believed(&broker, &bobs).await);
    let used = alice.proof(&clock);
    assert_eq!(
        sign_in(&broker, used).await.0,
        StatusCode::UNAUTHORIZED,
        "the code was used before"
    );
    clock.advance(STEP);
    assert_eq!(sign_in(&broker, alice.proof(&clock)).await.0, StatusCode::OK);
}

#[tokio::test]
async fn whoever_hangs_up_on_a_change_ends_the_tokens_all_the_same() {
    let (broker, clock) = broker().await;
    let operator = broker.operator();
    let alice = Person::enrol(&operator, 129, "alice", "admin").await;
    let alices = alice.api(&broker, &clock).await;
    let mut stream = TcpStream::connect(broker.address).await.unwrap();
    let request = format!(
        "DELETE {ACCOUNTS}/alice HTTP/1.1\r\nhost: broker\r\nauthorization: Bearer {}\r\n\r\n",
        operator.token()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    drop(stream);
    // The request may also never have been read: then the account is there, and its tokens are good.
    eventually(PATIENCE, "the account and its tokens agree", async || {
        let (status, _) = operator.call(Method::GET, &format!("{ACCOUNTS}/alice"), None).await;
        let (believed, _) = alices.call(Method::GET, "/v1/organisations/129/licences", None).await;
        (status == StatusCode::OK) == (believed == StatusCode::OK)
    })
    .await;
}
