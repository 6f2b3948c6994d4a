//! Somebody with an account: a password, and an app that was told the secret by the URI alone.

use crate::support::broker::{Setup, TestBroker};
use crate::support::http::Api;
use licence_broker::clock::Clock;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use totp_rs::Totp;

pub(crate) const PASSWORD: &str = "correct horse battery";

/// As long as a code lasts.
pub(crate) const STEP: Duration = Duration::from_secs(30);

pub(crate) struct Person {
    pub(crate) organisation: Value,
    pub(crate) user: String,
    pub(crate) password: String,
    app: Totp,
}

impl Person {
    pub(crate) fn new(organisation: Value, user: &str, password: &str, uri: &str) -> Self {
        let app = Totp::from_url(uri).expect("a URI that an app understands");
        Self { organisation, user: user.to_owned(), password: password.to_owned(), app }
    }

    /// Has an account made for them.
    pub(crate) async fn enrol(api: &Api, organisation: u64, user: &str, role: &str) -> Self {
        let path = format!("/v1/organisations/{organisation}/accounts");
        let body = json!({"user": user, "role": role, "password": PASSWORD});
        let created = api.send(Method::POST, &path, body).await;
        let uri = created["otpauth_uri"].as_str().expect("a URI");
        Self::new(json!(organisation), user, PASSWORD, uri)
    }

    /// What the app shows.
    pub(crate) fn code(&self, clock: &Clock) -> String {
        self.app.generate(clock.now().at.timestamp().unsigned_abs()).to_string()
    }

    /// Some code that the app shows at no time near.
    pub(crate) fn wrong_code(&self, clock: &Clock) -> String {
        let now = clock.now().at.timestamp().unsigned_abs();
        let near: Vec<String> =
            (0..5).map(|step| self.app.generate(now + 60 - step * 30).to_string()).collect();
        let wrong = (0..9).map(|digit| format!("00000{digit}")).find(|code| !near.contains(code));
        wrong.expect("five codes are not nine")
    }

    pub(crate) fn proof(&self, clock: &Clock) -> Value {
        json!({"organisation": self.organisation, "user": self.user, "password": self.password,
            "code": self.code(clock)})
    }

    /// The same with one field otherwise.
    pub(crate) fn proof_but(&self, clock: &Clock, field: &str, value: Value) -> Value {
        let mut proof = self.proof(clock);
        proof[field] = value;
        proof
    }

    /// Signs in, and calls with the token.
    pub(crate) async fn api(&self, broker: &TestBroker, clock: &Clock) -> Api {
        let (status, answer) = sign_in(broker, self.proof(clock)).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        broker.api(answer["token"].as_str().expect("a token"))
    }
}

/// `POST /v1/auth/login`, as whoever has no token yet.
pub(crate) async fn sign_in(broker: &TestBroker, body: Value) -> (StatusCode, Value) {
    let (status, mut answer) =
        broker.api("none").call(Method::POST, "/v1/auth/login", Some(body)).await;
    // Of each request its own; the rest can be compared.
    answer.as_object_mut().expect("an object").remove("request_id");
    (status, answer)
}

/// A broker with organisation 129 and a clock that stands still.
pub(crate) async fn broker() -> (TestBroker, Clock) {
    let clock = Clock::manual(chrono::Utc::now());
    let broker = TestBroker::with(Setup { clock: clock.clone(), ..Setup::default() }).await;
    broker.operator().create_organisation(129).await;
    (broker, clock)
}
