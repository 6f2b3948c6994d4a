//! Every operation that changes something leaves exactly one record in the audit: the list is held against
//! the whole URL table, so that a new operation cannot be left out.

use crate::person::{PASSWORD, Person, STEP, broker};
use crate::support::broker::TestBroker;
use crate::support::http::Api;
use licence_broker::clock::Clock;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const ORGANISATION: &str = "/v1/organisations/129";

/// What changes nothing of an organisation that is kept: which node serves it is the nodes' affair.
const NO_CHANGES: [&str; 4] = [
    "POST /v1/auth/login",
    "POST /v1/tokens",
    "POST /v1/organisations/{org}/reports",
    "POST /v1/organisations/{org}/move",
];

/// One call: the operation, its path if that has more names than the organisation's, its body, and the
/// action that is recorded.
struct Call(&'static str, String, Value, &'static str);

fn call(operation: &'static str, body: Value, action: &'static str) -> Call {
    let path = operation.split_once(' ').unwrap().1.replace("{org}", "129");
    Call(operation, path, body, action)
}

fn call_at(operation: &'static str, name: &str, body: Value, action: &'static str) -> Call {
    let Call(_, path, ..) = call(operation, Value::Null, action);
    let (before, rest) = path.split_once('{').unwrap();
    let after = rest.split_once('}').unwrap().1;
    Call(operation, format!("{before}{name}{after}"), body, action)
}

/// What the document of the API says can be changed.
async fn changing_operations(api: &Api) -> BTreeSet<String> {
    let document = api.get("/openapi.json").await;
    let mut found = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let methods = ["post", "put", "patch", "delete"];
        let methods = methods.iter().filter(|method| item.get(**method).is_some());
        found.extend(methods.map(|method| format!("{} {path}", method.to_uppercase())));
    }
    found
}

/// Everything that an administrator can do, in an order in which it can be done.
fn calls(session: &str, person: &Person, clock: &Clock) -> Vec<Call> {
    let seats = json!({"base": 0, "concurrent": 0, "contingency": 0, "fixed": 3});
    let alice = json!({"user": "alice", "role": "admin", "password": PASSWORD});
    let own = json!({"old": PASSWORD, "new": "a newer long password", "code": person.code(clock)});
    let later = Clock::manual(clock.now().at + chrono::TimeDelta::seconds(30));
    let again =
        json!({"old": "a newer long password", "new": PASSWORD, "code": person.code(&later)});
    vec![
        call("PATCH /v1/organisations/{org}", json!({"name": "New"}), "organisation.changed"),
        call_at("PUT /v1/organisations/{org}/licences/{licence}", "view", seats, "licences.put"),
        call_at(
            "PUT /v1/organisations/{org}/prices/{licence}",
            "agent_email",
            json!({"unit_price": "1.50"}),
            "price.put",
        ),
        call(
            "PUT /v1/organisations/{org}/licence-metrics/wallboard",
            json!({"maximum": 3}),
            "wallboard_maximum.put",
        ),
        call(
            "POST /v1/organisations/{org}/wallboards",
            json!({"id": "lobby"}),
            "wallboard.created",
        ),
        call_at(
            "DELETE /v1/organisations/{org}/wallboards/{id}",
            "lobby",
            Value::Null,
            "wallboard.deleted",
        ),
        call(
            "POST /v1/organisations/{org}/users",
            json!({"user": "osric", "name": "Osric", "user_type": "inbound_agent"}),
            "user.created",
        ),
        call_at(
            "PATCH /v1/organisations/{org}/users/{user}",
            "osric",
            json!({"name": "O"}),
            "user.changed",
        ),
        call_at(
            "PUT /v1/organisations/{org}/licence-sync/{licence}",
            "agent_user_add_on",
            json!({"users": ["osric"]}),
            "user.changed",
        ),
        call("POST /v1/organisations/{org}/users/import", Value::Null, "user.created"),
        call_at(
            "DELETE /v1/organisations/{org}/users/{user}",
            "osric",
            Value::Null,
            "user.deleted",
        ),
        call_at(
            "DELETE /v1/organisations/{org}/sessions/{session}",
            session,
            Value::Null,
            "session.forced",
        ),
        call("POST /v1/organisations/{org}/accounts", alice, "account.created"),
        call_at(
            "PATCH /v1/organisations/{org}/accounts/{user}",
            "alice",
            json!({"role": "supervisor"}),
            "account.changed",
        ),
        call_at(
            "POST /v1/organisations/{org}/accounts/{user}/reset",
            "alice",
            json!({"password": "yet another long one"}),
            "account.reset",
        ),
        call_at(
            "DELETE /v1/organisations/{org}/accounts/{user}",
            "alice",
            Value::Null,
            "account.deleted",
        ),
        call("PUT /v1/auth/password", own, "account.changed"),
        call_at(
            "PUT /v1/organisations/{org}/accounts/{user}/password",
            "ada",
            again,
            "account.changed",
        ),
    ]
}

async fn records(operator: &Api) -> Vec<Value> {
    operator.all(&format!("{ORGANISATION}/audit")).await
}

async fn send(api: &Api, call: &Call) {
    let Call(operation, path, body, _) = call;
    let method = Method::from_bytes(operation.split_once(' ').unwrap().0.as_bytes()).unwrap();
    let request = api.request(method, path);
    let request = if path.ends_with("/import") {
        let rows = "user,name,status,user_type,features\r\nbede,Bede,pre_active,inbound_agent,\r\n";
        request.header("content-type", "text/csv").body(rows)
    } else if body.is_null() {
        request
    } else {
        request.json(body)
    };
    let answer = request.send().await.unwrap();
    let status = answer.status();
    assert!(status.is_success(), "{operation}: {status} {}", answer.text().await.unwrap());
}

async fn session_of_edred(
    broker: &TestBroker,
    operator: &Api,
) -> (crate::support::socket::Socket, String) {
    operator.buy(129, "inbound_agent", 1, 0).await;
    operator.add_user(129, "edred", "inbound_agent", &[]).await;
    let (socket, welcome) = broker.login(129, "edred", "agent_desktop").await;
    (socket, welcome["session"].as_str().expect("a session").to_owned())
}

#[tokio::test]
async fn every_operation_that_changes_something_leaves_one_record_of_who_did_what() {
    let (broker, clock) = broker().await;
    let operator = broker.operator();
    let ada = Person::enrol(&operator, 129, "ada", "admin").await;
    let mut api = ada.api(&broker, &clock).await;
    clock.advance(STEP);
    // After the clock was turned, which nobody stays connected through.
    let (_socket, session) = session_of_edred(&broker, &operator).await;
    let calls = calls(&session, &ada, &clock);
    let mut seen = BTreeSet::from(NO_CHANGES.map(str::to_owned));
    for call in &calls {
        let Call(operation, path, _, action) = call;
        let before = records(&operator).await.len();
        send(&api, call).await;
        let new = records(&operator).await.split_off(before);
        assert_eq!(new.len(), 1, "{operation}: {new:?}");
        let record = &new[0];
        assert_eq!(
            (&record["actor"], &record["role"]),
            (&json!("ada"), &json!("admin")),
            "{operation}"
        );
        assert_eq!(record["action"], *action, "{operation}");
        assert!(record["target"].is_string() && record["at"].is_string(), "{record}");
        assert_ne!(record["before"], record["after"], "{operation}: {record}");
        seen.insert((*operation).to_owned());
        if path.ends_with("/password") {
            // A new password asks for a new sign-in; here an operator vouches.
            api = broker.api(&broker.token(licence_broker::auth::Role::Admin, 129, "ada"));
            clock.advance(STEP);
        }
    }
    // Of these the organisation's own audit begins and ends.
    let first = &records(&operator).await[0];
    assert_eq!(
        (&first["action"], &first["actor"]),
        (&json!("organisation.created"), &json!("operator"))
    );
    seen.insert("POST /v1/organisations".to_owned());
    seen.insert("DELETE /v1/organisations/{org}".to_owned());
    assert_eq!(seen, changing_operations(&operator).await, "the whole table was walked");
    assert_deletion_is_recorded(&broker, &operator).await;
}

/// Nobody reads the audit of an organisation that is gone over HTTP; it is kept all the same.
async fn assert_deletion_is_recorded(broker: &TestBroker, operator: &Api) {
    operator.send(Method::DELETE, ORGANISATION, Value::Null).await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&broker.database);
    let mut connection = sqlx::ConnectOptions::connect(&options.read_only(true)).await.unwrap();
    let query =
        "SELECT count(*) FROM audit WHERE action = 'organisation.deleted' AND actor = 'operator'";
    let count: i64 = sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap();
    assert_eq!(count, 1);
}
