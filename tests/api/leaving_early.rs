//! Clients that send a change and are gone before its answer: it is made or it is not, and everybody
//! sees the same of it.

use crate::support::broker::TestBroker;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Sends a request, and closes the connection at once.
async fn send_and_leave(broker: &TestBroker, token: &str, line: &str, body: &str) {
    let mut stream = TcpStream::connect(broker.address).await.unwrap();
    let request = format!(
        "{line} HTTP/1.1\r\nhost: broker\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
}

fn organisation(id: u64) -> Value {
    json!({"id": id, "name": "Example"})
}

#[tokio::test]
async fn an_organisation_that_was_created_for_nobody_is_there_or_its_number_is_free() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    let token = broker.token(licence_broker::auth::Role::Operator, 0, "operator");
    for id in 1..=60 {
        let body = organisation(id).to_string();
        send_and_leave(&broker, &token, "POST /v1/organisations", &body).await;
        let (status, _) =
            operator.call(Method::POST, "/v1/organisations", Some(organisation(id))).await;
        assert!(matches!(status, StatusCode::CREATED | StatusCode::CONFLICT), "{status}");
        if status == StatusCode::CONFLICT {
            until_served(&operator, id).await;
        }
    }
}

/// Whoever lost the race may ask before the winner is done; asking again is the waiting.
async fn until_served(operator: &crate::support::http::Api, id: u64) {
    let path = format!("/v1/organisations/{id}/licences");
    for _ in 0..100 {
        if operator.call(Method::GET, &path, None).await.0 == StatusCode::OK {
            return;
        }
    }
    panic!("the number {id} is taken, and nobody finds the organisation");
}

#[tokio::test]
async fn an_organisation_that_was_deleted_for_nobody_is_gone_for_everybody_or_there() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    let token = broker.token(licence_broker::auth::Role::Operator, 0, "operator");
    for id in 1..=60 {
        operator.create_organisation(id).await;
        operator.add_user(id, "edred", "inbound_agent", &[]).await;
        let line = format!("DELETE /v1/organisations/{id}");
        send_and_leave(&broker, &token, &line, "").await;
    }
    for id in 1..=60 {
        // The list is the store's, the rest is the organisation's own.
        let mut states = Vec::new();
        for _ in 0..100 {
            let list = operator.all("/v1/organisations").await;
            let is_listed = list.iter().any(|organisation| organisation["id"] == id);
            let path = format!("/v1/organisations/{id}/licences");
            let is_served = operator.call(Method::GET, &path, None).await.0 == StatusCode::OK;
            states = vec![is_listed, is_served];
            if is_listed == is_served {
                break;
            }
        }
        assert_eq!(states[0], states[1], "organisation {id}: listed, served");
    }
}
