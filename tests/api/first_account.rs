//! `licence-broker user`: from an empty folder to an administrator who is signed in.

use crate::person::{PASSWORD, Person, STEP, sign_in};
use crate::support::broker::{Setup, TestBroker};
use licence_broker::clock::Clock;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};

/// Runs the command, as an operator would who has the password in a variable.
fn user(database: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_licence-broker"))
        .arg("user")
        .args(["--database", &format!("sqlite://{}", database.display())])
        .args(arguments)
        .env("LICENCE_BROKER_PASSWORD", PASSWORD)
        .output()
        .expect("it runs")
}

/// The person that it made an account for.
fn made(output: &Output, organisation: Value, user: &str) -> Person {
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let uri = text.lines().find_map(|line| line.strip_prefix("uri: ")).expect("a URI");
    Person::new(organisation, user, PASSWORD, uri)
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let told = String::from_utf8(output.stderr.clone()).expect("UTF-8");
    assert_eq!(told.lines().count(), 1, "{told}");
    told
}

async fn start(database: &Path, clock: &Clock) -> TestBroker {
    let (database, clock) = (Some(database.to_owned()), clock.clone());
    TestBroker::with(Setup { database, clock, ..Setup::default() }).await
}

#[tokio::test]
async fn the_first_operator_and_the_first_administrator_come_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("broker.db");
    let clock = Clock::manual(chrono::Utc::now());
    let person = made(&user(&database, &["--operator", "--user", "root"]), Value::Null, "root");
    let told = refused(&user(&database, &["--organisation", "129", "--user", "alice"]));
    assert!(told.contains("there is no organisation 129"), "{told}");

    let broker = start(&database, &clock).await;
    let root = person.api(&broker, &clock).await;
    root.create_organisation(129).await;
    clock.advance(STEP);
    let new = json!({"old": PASSWORD, "new": "another long password", "code": person.code(&clock)});
    root.send(Method::PUT, "/v1/auth/password", new).await;
    clock.advance(STEP);
    assert_eq!(sign_in(&broker, person.proof(&clock)).await.0, StatusCode::UNAUTHORIZED);
    let told = refused(&user(&database, &["--organisation", "129", "--user", "alice"]));
    assert!(told.contains("another broker"), "{told}");
    broker.halt().await;

    let arguments = ["--organisation", "129", "--user", "alice"];
    let lost = made(&user(&database, &arguments), json!(129), "alice");
    let told = refused(&user(&database, &arguments));
    assert!(told.contains("--reset"), "{told}");
    let reset = user(&database, &[&arguments[..], &["--reset"]].concat());
    let alice = made(&reset, json!(129), "alice");

    let broker = start(&database, &clock).await;
    assert_eq!(sign_in(&broker, lost.proof(&clock)).await.0, StatusCode::UNAUTHORIZED);
    let api = alice.api(&broker, &clock).await;
    api.buy(129, "inbound_agent", 5, 0).await;
    let body = json!({"user": "bob", "role": "supervisor", "password": PASSWORD});
    api.send(Method::POST, "/v1/organisations/129/accounts", body).await;
    let bought = api.get("/v1/organisations/129/audit?actor=alice").await;
    assert_eq!(bought["items"][0]["action"], "licences.put", "{bought}");
    let audit = api.get("/v1/organisations/129/audit?target=alice").await;
    let told = audit["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["actor"].as_str().unwrap(), item["action"].as_str().unwrap()));
    let told: Vec<_> = told.collect();
    let command = "licence-broker user";
    assert_eq!(told, [(command, "account.created"), (command, "account.reset")]);
}
