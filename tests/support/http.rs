//! The HTTP API as an outside client uses it.

use super::broker::TestBroker;
use licence_broker::auth::Role;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

/// A caller with a token.
pub struct Api {
    client: Client,
    base: String,
    token: String,
}

impl TestBroker {
    /// Calls as the platform's operator.
    pub fn operator(&self) -> Api {
        self.api(&self.token(Role::Operator, 0, "operator"))
    }

    /// Calls with this token.
    pub fn api(&self, token: &str) -> Api {
        Api::new(self.url(""), token)
    }
}

/// The user types whose active users need a base licence.
const BASED: [&str; 6] = [
    "inbound_agent",
    "outbound_agent",
    "supervisor",
    "switchboard_operator",
    "uc_switchboard_operator",
    "supervisor_switchboard_operator",
];

/// Base licences of each of them: more than any test has users.
pub const BASE: u32 = 100_000;

impl Api {
    /// Calls whoever serves at `base`, `http://…` without a path.
    pub fn new(base: String, token: &str) -> Self {
        Self { client: Client::new(), base, token: token.to_owned() }
    }

    /// The token that it calls with.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// A request, with the token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token)
    }

    /// Asks, and answers status and JSON (`null` for an empty body).
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// Reads, expecting 200.
    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "GET {path}: {body}");
        body
    }

    /// Reads a report as text.
    pub async fn csv(&self, path: &str) -> String {
        let request = self.request(Method::GET, path).header("accept", "text/csv");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "GET {path}");
        response.text().await.unwrap()
    }

    /// Changes, expecting success.
    pub async fn send(&self, method: Method, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(method.clone(), path, Some(body)).await;
        assert!(status.is_success(), "{method} {path}: {status} {answer}");
        answer
    }

    /// Creates an organisation in UTC, with base licences for whomever a test makes active.
    pub async fn create_organisation(&self, id: u64) {
        let body = json!({ "id": id, "name": format!("Organisation {id}"), "time_zone": "UTC" });
        self.send(Method::POST, "/v1/organisations", body).await;
        self.buy_base(id).await;
    }

    /// Buys base licences for whomever a test makes active.
    pub async fn buy_base(&self, id: u64) {
        for licence in BASED {
            self.buy(id, licence, 0, 0).await;
        }
    }

    /// Buys concurrent and contingency licences.
    pub async fn buy(&self, id: u64, licence: &str, concurrent: u32, contingency: u32) {
        let path = format!("/v1/organisations/{id}/licences/{licence}");
        let base = if BASED.contains(&licence) { BASE } else { 0 };
        let body = json!({
            "base": base, "concurrent": concurrent, "contingency": contingency, "fixed": 0,
        });
        self.send(Method::PUT, &path, body).await;
    }

    /// Provisions an active user.
    pub async fn add_user(&self, id: u64, user: &str, user_type: &str, features: &[&str]) {
        let body = json!({
            "user": user, "name": user, "status": "active",
            "user_type": user_type, "features": features,
        });
        self.send(Method::POST, &format!("/v1/organisations/{id}/users"), body).await;
    }

    /// The row of one licence type.
    pub async fn licence(&self, id: u64, licence: &str) -> Value {
        let rows = self.get(&format!("/v1/organisations/{id}/licences")).await;
        let rows = rows["items"].as_array().unwrap().clone();
        rows.into_iter().find(|row| row["licence"] == licence).expect("a row for the type")
    }

    /// Every record of the per-user log, oldest first.
    pub async fn usage(&self, id: u64) -> Vec<Value> {
        self.all(&format!("/v1/organisations/{id}/licence-usage")).await
    }

    /// Every item of a list, page after page.
    pub async fn all(&self, path: &str) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let next = cursor.map_or(String::new(), |cursor| format!("&cursor={cursor}"));
            let page = self.get(&format!("{path}?limit=1000{next}")).await;
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return items,
            }
        }
    }
}
