//! Every administrative change is in the audit log: who, when, what, before, after.

use crate::support::broker::TestBroker;
use licence_broker::auth::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const ORGANISATION: &str = "/v1/organisations/129";

/// `who action target` of each record, oldest first.
fn told(records: &[Value]) -> Vec<String> {
    let text = |record: &Value, name: &str| record[name].as_str().unwrap().to_owned();
    let line = |record| {
        format!("{} {} {}", text(record, "actor"), text(record, "action"), text(record, "target"))
    };
    records.iter().map(line).collect()
}

#[tokio::test]
async fn every_administrative_change_is_in_the_audit_log_once_and_nothing_else_is() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    let body = json!({"id": 129, "name": "Example"});
    operator.send(Method::POST, "/v1/organisations", body).await;
    let admin = broker.api(&broker.token(Role::Admin, 129, "ada"));
    let change = async |method: Method, path: &str, body: Value| {
        let (status, answer) =
            admin.call(method, &format!("{ORGANISATION}/{path}"), Some(body)).await;
        assert!(status.is_success(), "{path}: {status} {answer}");
    };
    let seats = json!({"base": 9, "concurrent": 2, "contingency": 1, "fixed": 0});
    change(Method::PUT, "licences/inbound_agent", seats).await;
    change(Method::PUT, "prices/inbound_agent", json!({"unit_price": "9.90"})).await;
    let edred = json!({"user": "edred", "name": "Edred", "user_type": "inbound_agent"});
    change(Method::POST, "users", edred).await;
    change(Method::PATCH, "users/edred", json!({"name": "Edred II"})).await;
    change(Method::PATCH, "users/edred", json!({"name": "Edred II"})).await;
    change(Method::PUT, "licence-sync/agent_user_add_on", json!({"users": ["edred"]})).await;
    change(Method::PUT, "licence-metrics/wallboard", json!({"maximum": 1})).await;
    change(Method::POST, "wallboards", json!({"id": "lobby", "user": "edred"})).await;
    change(Method::DELETE, "wallboards/lobby", Value::Null).await;
    let (_socket, welcome) = broker.login(129, "edred", "agent_desktop").await;
    let session = welcome["session"].as_str().unwrap().to_owned();
    let supervisor = broker.api(&broker.token(Role::Supervisor, 129, "sue"));
    let path = format!("{ORGANISATION}/sessions/{session}");
    assert_eq!(supervisor.call(Method::DELETE, &path, None).await.0, StatusCode::NO_CONTENT);
    change(Method::DELETE, "users/edred", Value::Null).await;
    let (status, _) =
        admin.call(Method::PATCH, ORGANISATION, Some(json!({"name": "Renamed"}))).await;
    assert_eq!(status, StatusCode::OK);
    // What is refused is no change.
    let (status, _) = admin.call(Method::DELETE, &format!("{ORGANISATION}/users/x"), None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);

    let records = operator.all(&format!("{ORGANISATION}/audit")).await;
    assert_eq!(
        told(&records),
        [
            "operator organisation.created 129",
            "ada licences.put inbound_agent",
            "ada price.put inbound_agent",
            "ada user.created edred",
            "ada user.changed edred",
            "ada user.changed edred",
            "ada wallboard_maximum.put wallboard",
            "ada wallboard.created lobby",
            "ada wallboard.deleted lobby",
            &format!("sue session.forced {session}"),
            "ada user.deleted edred",
            "ada organisation.changed 129",
        ]
    );
    let pairs: Vec<(Value, Value)> =
        records.iter().map(|record| (record["before"].clone(), record["after"].clone())).collect();
    assert_eq!(pairs[2], (json!({"unit_price": null}), json!({"unit_price": "9.90"})));
    assert_eq!((&pairs[4].0["name"], &pairs[4].1["name"]), (&json!("Edred"), &json!("Edred II")));
    assert_eq!(pairs[5].1["synced"], json!(["agent_user_add_on"]), "the list changed the user");
    assert_eq!(pairs[6], (json!({"maximum": 0}), json!({"maximum": 1})));
    let forced = json!({"session": session, "user": "edred", "device": "agent_desktop"});
    assert_eq!(pairs[9], (forced, Value::Null));
    assert_eq!(records[9]["role"], "supervisor");
    assert_eq!((&pairs[10].1, &pairs[11].1["name"]), (&Value::Null, &json!("Renamed")));
}

#[tokio::test]
async fn an_import_is_a_change_of_each_user_that_it_changes() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    let import = async |text: &str| {
        let path = format!("{ORGANISATION}/users/import");
        let request = operator.request(Method::POST, &path).header("content-type", "text/csv");
        assert_eq!(request.body(text.to_owned()).send().await.unwrap().status(), StatusCode::OK);
    };
    let before = operator.all(&format!("{ORGANISATION}/audit")).await.len();
    import("user,name,status,user_type,features\r\na,A,active,inbound_agent,\r\nb,B,active,inbound_agent,\r\n").await;
    import("user,name,status,user_type,features\r\na,A,active,inbound_agent,\r\nb,Bo,active,inbound_agent,\r\n").await;
    let records = operator.all(&format!("{ORGANISATION}/audit")).await;
    assert_eq!(
        told(&records[before..]),
        ["operator user.created a", "operator user.created b", "operator user.changed b"]
    );
}
