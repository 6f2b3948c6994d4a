//! Every shape of SPEC §10 to the letter: exactly these members, of these kinds.

use crate::support::broker::TestBroker;
use licence_broker::auth::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Fails unless the object has exactly these members.
fn has_exactly(value: &Value, members: &str) {
    let object = value.as_object().unwrap_or_else(|| panic!("an object: {value}"));
    let mut found: Vec<&str> = object.keys().map(String::as_str).collect();
    let mut expected: Vec<&str> = members.split(' ').collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected, "{value}");
}

/// RFC 3339 in UTC, to the millisecond.
fn is_instant(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    chrono::DateTime::parse_from_rfc3339(text).is_ok()
        && text.ends_with('Z')
        && text.len() == "2026-03-06T13:30:28.123Z".len()
}

/// An organisation with a session, a record, a denial, and somebody who waits.
async fn lived_in() -> TestBroker {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    operator.buy(129, "inbound_agent", 10, 2).await;
    operator.buy(129, "agent_email", 1, 0).await;
    let features = ["agent_email", "agent_web_chat"];
    operator.add_user(129, "edred", "inbound_agent", &features).await;
    operator.add_user(129, "etta", "inbound_agent", &features).await;
    broker
}

async fn item(broker: &TestBroker, path: &str) -> Value {
    let list = broker.operator().get(path).await;
    has_exactly(&list, "items next_cursor");
    assert_eq!(list["next_cursor"], Value::Null);
    list["items"][0].clone()
}

#[tokio::test]
async fn an_organisation_is_answered_alike_wherever_it_is() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    let body = json!({"id": 129, "name": "Example", "time_zone": "Europe/London",
        "max_grace_s": 90, "scheduled_log_off": "20:00"});
    let created = operator.send(Method::POST, "/v1/organisations", body).await;
    has_exactly(&created, "id name time_zone max_grace_s scheduled_log_off created_at");
    assert_eq!((&created["id"], &created["name"]), (&json!(129), &json!("Example")));
    assert_eq!(created["time_zone"], "Europe/London");
    assert_eq!(
        (&created["max_grace_s"], &created["scheduled_log_off"]),
        (&json!(90), &json!("20:00"))
    );
    assert!(is_instant(&created["created_at"]), "{created}");
    assert_eq!(operator.get("/v1/organisations/129").await, created);
    assert_eq!(item(&broker, "/v1/organisations").await, created);
    let changed = json!({"scheduled_log_off": null, "name": "例"});
    let changed = operator.send(Method::PATCH, "/v1/organisations/129", changed).await;
    assert_eq!((&changed["name"], &changed["scheduled_log_off"]), (&json!("例"), &Value::Null));
    assert_eq!(
        (&changed["max_grace_s"], &changed["time_zone"]),
        (&json!(90), &json!("Europe/London"))
    );
}

#[tokio::test]
async fn an_organisation_has_defaults_for_all_but_number_and_name() {
    let broker = TestBroker::start().await;
    let body = json!({"id": 129, "name": "Example"});
    let created = broker.operator().send(Method::POST, "/v1/organisations", body).await;
    assert_eq!(created["time_zone"], "UTC");
    assert_eq!(
        (&created["max_grace_s"], &created["scheduled_log_off"]),
        (&json!(60), &Value::Null)
    );
}

#[tokio::test]
async fn a_user_is_answered_alike_wherever_they_are() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    let seats = json!({"base": 0, "concurrent": 0, "contingency": 0, "fixed": 3});
    operator.send(Method::PUT, "/v1/organisations/129/licences/padlock", seats).await;
    let body = json!({"user": "edred", "name": "Edred", "status": "active",
        "user_type": "inbound_agent", "features": ["padlock", "agent_email", "agent_calls"]});
    let created = operator.send(Method::POST, "/v1/organisations/129/users", body).await;
    has_exactly(
        &created,
        "user name status user_type features fixed_seats base_licence created_at",
    );
    assert!(is_instant(&created["created_at"]), "{created}");
    assert_eq!(created["features"], json!(["agent_calls", "agent_email", "padlock"]));
    assert_eq!(created["fixed_seats"], json!(["padlock"]));
    assert!(created["base_licence"].is_boolean());
    assert_eq!(operator.get("/v1/organisations/129/users/edred").await, created);
    assert_eq!(item(&broker, "/v1/organisations/129/users").await, created);
    let patch = json!({"status": "suspended"});
    let changed = operator.send(Method::PATCH, "/v1/organisations/129/users/edred", patch).await;
    assert_eq!((&changed["status"], &changed["name"]), (&json!("suspended"), &json!("Edred")));
    assert_eq!(changed["created_at"], created["created_at"]);
}

#[tokio::test]
async fn a_licence_row_has_all_counts_and_every_type_has_a_row() {
    let broker = lived_in().await;
    let list = broker.operator().get("/v1/organisations/129/licences").await;
    has_exactly(&list, "items next_cursor organisation");
    has_exactly(&list["organisation"], "id name time_zone active_users active_billing_period");
    let rows = list["items"].as_array().unwrap();
    assert!(rows.len() >= 30, "every type of the catalogue: {}", rows.len());
    for row in rows {
        has_exactly(
            row,
            "licence name class model active_users base concurrent contingency fixed \
             over_allocated waiting active_billing_period",
        );
        has_exactly(&row["base"], "total used reusable available");
        has_exactly(&row["concurrent"], "total used available");
        has_exactly(&row["contingency"], "total used max_used available");
        has_exactly(&row["fixed"], "total used available");
    }
    let row = broker.operator().licence(129, "inbound_agent").await;
    assert_eq!((&row["name"], &row["class"]), (&json!("Inbound Agent"), &json!("user_type")));
    assert_eq!((&row["model"], &row["active_users"]), (&json!("concurrent"), &json!(2)));
    let put = json!({"base": 2, "concurrent": 11, "contingency": 2, "fixed": 0});
    let path = "/v1/organisations/129/licences/inbound_agent";
    let put = broker.operator().send(Method::PUT, path, put).await;
    assert_eq!(put, broker.operator().licence(129, "inbound_agent").await);
    assert_eq!(put["concurrent"], json!({"total": 11, "used": 0, "available": 11}));
}

#[tokio::test]
async fn classes_choose_the_rows() {
    let broker = lived_in().await;
    let classes = async |query: &str| {
        let list = broker.operator().get(&format!("/v1/organisations/129/licences{query}")).await;
        let rows = list["items"].as_array().unwrap().clone();
        let mut classes: Vec<String> =
            rows.iter().map(|row| row["class"].as_str().unwrap().to_owned()).collect();
        classes.sort_unstable();
        classes.dedup();
        classes
    };
    assert_eq!(classes("?class=user_type").await, ["user_type"]);
    assert_eq!(classes("?class=user_type,feature").await, ["feature", "user_type"]);
    assert_eq!(classes("").await, ["device", "feature", "product", "user_type"]);
}

#[tokio::test]
async fn sessions_and_holders_say_who_has_what_since_when_and_by_which_device() {
    let broker = lived_in().await;
    let (_desktop, answer) = broker.login(129, "edred", "agent_desktop").await;
    let session = item(&broker, "/v1/organisations/129/sessions").await;
    has_exactly(&session, "session user device since state address licences waiting");
    assert_eq!(session["session"], answer["session"]);
    assert_eq!((&session["user"], &session["device"]), (&json!("edred"), &json!("agent_desktop")));
    assert_eq!((&session["state"], &session["waiting"]), (&json!("connected"), &json!([])));
    assert!(session["address"].as_str().is_some_and(|address| address.starts_with("127.")));
    assert!(is_instant(&session["since"]));
    let held = session["licences"].as_array().unwrap();
    assert_eq!(held.len(), 2);
    for licence in held {
        has_exactly(licence, "licence pool since");
        assert!(is_instant(&licence["since"]) && licence["pool"] == "concurrent", "{licence}");
    }
    let holder = item(&broker, "/v1/organisations/129/holders?licence=inbound_agent").await;
    has_exactly(&holder, "user licence pool since sessions");
    assert_eq!((&holder["user"], &holder["pool"]), (&json!("edred"), &json!("concurrent")));
    has_exactly(&holder["sessions"][0], "session device since");
    assert_eq!(holder["sessions"][0]["session"], answer["session"]);
    assert!(is_instant(&holder["since"]) && is_instant(&holder["sessions"][0]["since"]));
}

#[tokio::test]
async fn a_session_names_what_it_waits_for() {
    let broker = lived_in().await;
    let (_first, _) = broker.login(129, "edred", "agent_desktop").await;
    let wait = json!({"wait": true, "channels": ["agent_email"]});
    let (_second, answer) = broker.login_with(129, "etta", "agent_desktop", wait).await;
    assert_eq!(answer["waiting"], json!(["agent_email"]));
    let list = broker.operator().get("/v1/organisations/129/sessions").await;
    assert_eq!(list["items"][1]["waiting"], json!(["agent_email"]));
    assert_eq!(broker.operator().licence(129, "agent_email").await["waiting"], 1);
}

#[tokio::test]
async fn records_of_usage_and_denial_have_the_members_of_the_contract() {
    let broker = lived_in().await;
    let (socket, answer) = broker.login(129, "edred", "agent_desktop").await;
    socket.log_out().await;
    let usage = broker.operator().usage(129).await;
    assert_eq!(usage.len(), 4);
    for row in &usage {
        has_exactly(
            row,
            "usage_type logged_at licence user logon_source device session pool reason",
        );
        assert!(is_instant(&row["logged_at"]));
        assert_eq!(row["session"], answer["session"]);
        assert_eq!(row["reason"].is_null(), row["usage_type"] == "Acquired", "{row}");
    }
    let (last, reason) = (&usage[3], json!("logout"));
    assert_eq!((&last["reason"], &last["logon_source"]), (&reason, &json!("Agent Desktop")));
    let denial = item(&broker, "/v1/organisations/129/denials").await;
    has_exactly(&denial, "at licence user device reason outcome");
    assert!(is_instant(&denial["at"]));
    let told = (&denial["licence"], &denial["reason"], &denial["outcome"]);
    assert_eq!(told, (&json!("agent_web_chat"), &json!("not_purchased"), &json!("partial")));
}

#[tokio::test]
async fn tokens_are_answered_in_the_order_asked() {
    let broker = TestBroker::start().await;
    let tokens = json!({"tokens": [
        {"sub": "edred", "org": 129, "role": "device", "ttl_s": 3600},
        {"sub": "ada", "org": 129, "role": "admin"},
    ]});
    let answer = broker.operator().send(Method::POST, "/v1/tokens", tokens).await;
    has_exactly(&answer, "items");
    for (item, sub) in answer["items"].as_array().unwrap().iter().zip(["edred", "ada"]) {
        has_exactly(item, "sub token");
        assert_eq!(item["sub"], sub);
    }
}

#[tokio::test]
async fn files_have_the_columns_of_the_reference_first() {
    let broker = lived_in().await;
    for (path, begin) in [
        ("licence-usage", "Usage Type,Logged Date Time,Licence Type,User,Logon Source"),
        ("denials", "Denied Date Time,Licence Type,User,Device,Reason,Outcome"),
    ] {
        for (query, accept) in [("", "text/csv"), ("?format=csv", "application/json")] {
            let path = format!("/v1/organisations/129/{path}{query}");
            let request = broker.operator().request(Method::GET, &path).header("accept", accept);
            let response = request.send().await.unwrap();
            let media_type = response.headers()["content-type"].to_str().unwrap().to_owned();
            assert!(media_type.starts_with("text/csv"), "{media_type}");
            assert!(response.text().await.unwrap().starts_with(begin), "{path}");
        }
    }
    let json = broker.operator().get("/v1/organisations/129/denials?format=json").await;
    assert!(json["items"].is_array());
}

#[tokio::test]
async fn what_is_created_says_where_it_is() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    let create = async |path: &str, body: Value| {
        let response = operator.request(Method::POST, path).json(&body).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::CREATED);
        assert!(response.headers().contains_key("etag"));
        response.headers()["location"].to_str().unwrap().to_owned()
    };
    let at = create("/v1/organisations", json!({"id": 129, "name": "Example"})).await;
    operator.buy_base(129).await;
    assert_eq!(at, "/v1/organisations/129");
    for user in ["edred", "a/b", "50%", "a b", "é", "名前", "🦀", "a+b", "a?b#c", "%2F", "x;y=z"]
    {
        let body = json!({"user": user, "user_type": "inbound_agent"});
        let at = create("/v1/organisations/129/users", body).await;
        assert_eq!(operator.get(&at).await["user"], user, "{at}");
        let admin = broker.api(&broker.token(Role::Admin, 129, "ada"));
        let changed = admin.send(Method::PATCH, &at, json!({"name": "Other"})).await;
        assert_eq!((&changed["user"], &changed["name"]), (&json!(user), &json!("Other")));
        let (status, _) = admin.call(Method::DELETE, &at, None).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{at}");
        assert_eq!(admin.call(Method::GET, &at, None).await.0, StatusCode::NOT_FOUND);
    }
}
