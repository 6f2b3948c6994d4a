//! Tokens and resume tokens are told to whom they belong and to nobody else: not in an answer of the
//! HTTP API, not in the log.

use crate::person::{self, Person};
use crate::raw;
use crate::support::broker::TestBroker;
use licence_broker::auth::Role;
use licence_broker::clock::Clock;
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::io;
use std::sync::{Arc, Mutex};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Everything that this process logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    /// The broker at its most talkative, and the libraries as far as an operator would have them.
    fn start() -> Self {
        let log = Self::default();
        let filter = EnvFilter::new("info,licence_broker=trace,actix_web=debug,actix_server=debug");
        let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
        let subscriber = subscriber.with_writer(log.clone()).finish();
        tracing::subscriber::set_global_default(subscriber).expect("the only log of this process");
        log
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test]
async fn no_token_is_in_an_answer_or_in_the_log() {
    let log = Log::start();
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    operator.buy(129, "inbound_agent", 1, 0).await;
    operator.add_user(129, "edred", "inbound_agent", &["agent_email"]).await;
    let device = broker.token(Role::Device, 129, "edred");
    let expired = broker.token_for(Role::Admin, 129, "ada", chrono::TimeDelta::seconds(-60));
    let mut secrets = vec![device.clone(), expired.clone(), "forged.by.somebody".to_owned()];

    let grace = json!({"token": device, "grace_s": 20, "channels": []});
    let (socket, answer) = broker.login_with(129, "edred", "agent_desktop", grace).await;
    let resume_token = answer["resume_token"].as_str().expect("a resume token").to_owned();
    secrets.push(resume_token.clone());
    socket.vanish();
    let resume = |resume_token: &str| {
        json!({"type": "resume", "token": device, "session": answer["session"],
            "resume_token": resume_token})
    };
    let mut resumed = broker.connect(129, "session").await;
    assert_eq!(resumed.ask(resume(&resume_token)).await["type"], "resumed");
    let wrong = resume_token.chars().rev().collect::<String>();
    secrets.push(wrong.clone());
    let mut failed = broker.connect(129, "session").await;
    failed.send(resume(&wrong)).await;
    assert_eq!(failed.closed().await.0, 4508);
    let mut refused = broker.connect(129, "session").await;
    refused.send(json!({"type": "login", "token": expired, "device": "agent_desktop"})).await;
    assert_eq!(refused.closed().await.0, 4502);

    secrets.extend(accounts_with_secrets(&broker).await);
    let answers = read_everything(&broker, &secrets).await;
    for secret in &secrets {
        assert!(!answers.contains(secret.as_str()), "an answer tells {secret}");
    }
    drop(resumed);
    drop(operator);
    broker.drain().await;
    let log = log.text();
    assert!(log.contains("licence_broker"), "something was logged: {log}");
    for secret in &secrets {
        assert!(!log.contains(secret.as_str()), "the log tells {secret}");
    }
}

/// Somebody who signs in, rightly and wrongly, with passwords that everything has been near since.
async fn accounts_with_secrets(broker: &TestBroker) -> Vec<String> {
    let (operator, clock) = (broker.operator(), Clock::system());
    let alice = Person::enrol(&operator, 129, "alice", "admin").await;
    let (status, answer) = person::sign_in(broker, alice.proof(&clock)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let wrong = "a wrong password";
    for (field, secret) in [("password", wrong), ("user", "a password in the wrong field")] {
        let refused = person::sign_in(broker, alice.proof_but(&clock, field, json!(secret))).await;
        assert_eq!(refused.0, StatusCode::UNAUTHORIZED);
    }
    let new = "another long password";
    let reset = json!({"password": new, "new_totp_secret": true});
    let path = "/v1/organisations/129/accounts/alice/reset";
    let renewed = operator.send(Method::POST, path, reset).await;
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let mut secrets = vec![text(&answer["token"]), text(&renewed["totp_secret"])];
    let passwords = [person::PASSWORD, wrong, "a password in the wrong field", new, "$argon2"];
    secrets.extend(passwords.map(str::to_owned));
    secrets
}

/// Every answer of the API that could tell: of reading, and of refusing each of the secrets.
async fn read_everything(broker: &TestBroker, secrets: &[String]) -> String {
    let operator = broker.operator();
    let mut answers = String::new();
    for list in [
        "",
        "/accounts",
        "/audit",
        "/users",
        "/licences",
        "/sessions",
        "/holders",
        "/licence-usage",
        "/denials",
    ] {
        for format in ["json", "csv"] {
            let path = format!("/v1/organisations/129{list}?format={format}");
            let response = operator.request(Method::GET, &path).send().await.unwrap();
            answers.push_str(&response.text().await.unwrap());
        }
    }
    for path in ["/metrics", "/readyz", "/v1/organisations/129/nothing"] {
        for secret in secrets {
            let reply = raw::ask_as(broker, secret, &format!("GET {path}"), &[], b"").await;
            answers.push_str(&reply.body);
        }
    }
    answers
}
