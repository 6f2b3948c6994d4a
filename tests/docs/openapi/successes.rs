//! Every operation is called with the examples of the document, and answers as the document says.

use super::call::{Call, Reply, text_of};
use super::document::{Document, Judge, Operation};
use super::stage::{ORGANISATION, Stage};
use reqwest::StatusCode;
use serde_json::Value;

const UPGRADE: u16 = 101;

fn reads(operation: &Operation) -> bool {
    operation.method == "GET" && operation.success() != UPGRADE
}

fn hold(document: &Document, judge: &mut Judge, operation: &Operation, reply: &Reply) {
    assert_eq!(reply.status.as_u16(), operation.success(), "{}: {reply:?}", operation.id);
    reply.hold(document, judge, operation);
}

#[tokio::test]
async fn every_reading_answers_as_described_in_every_media_type() {
    let (document, stage) = (Document::read(), Stage::set().await);
    let mut judge = Judge::closed(&document);
    for operation in document.operations().iter().filter(|operation| reads(operation)) {
        for (media_type, answer) in operation.content(&operation.success().to_string()) {
            let call = Call::of(&stage, &document, operation).accepting(media_type);
            let reply = call.send(&stage).await;
            hold(&document, &mut judge, operation, &reply);
            assert_eq!(reply.media_type(), media_type, "{}", operation.id);
            match media_type {
                "application/json" => says_something(operation, &reply),
                "text/csv" => is_such_a_table(operation, &reply, &text_of(&answer["example"])),
                _ => assert!(!reply.text.is_empty(), "{}", operation.id),
            }
        }
    }
}

/// A list without rows would prove nothing about them.
fn says_something(operation: &Operation, reply: &Reply) {
    let body = reply.json();
    let items = body["items"].as_array();
    assert!(items.is_none_or(|items| !items.is_empty()), "{}: no rows", operation.id);
}

/// The head of the example, and rows as wide as it.
fn is_such_a_table(operation: &Operation, reply: &Reply, example: &str) {
    let head = reply.text.lines().next().unwrap_or_default();
    assert_eq!(Some(head), example.lines().next(), "{}", operation.id);
    // The reader refuses rows that are not as wide as the head.
    let mut rows = csv::Reader::from_reader(reply.text.as_bytes()).into_records();
    let row = rows.next().unwrap_or_else(|| panic!("{}: no rows", operation.id));
    assert!(row.is_ok(), "{}: {row:?}", operation.id);
}

#[tokio::test]
async fn every_change_answers_as_described_to_every_media_type() {
    let document = Document::read();
    let mut judge = Judge::closed(&document);
    for operation in document.operations().iter().filter(|operation| operation.method != "GET") {
        // Each on a broker of its own: what one changes another may need.
        let stage = Stage::set().await;
        let call = Call::of(&stage, &document, operation);
        let reply = call.clone().send(&stage).await;
        hold(&document, &mut judge, operation, &reply);
        for (media_type, body) in operation.bodies().into_iter().skip(1) {
            for example in document.examples(body) {
                let body = text_of(example);
                let reply = call.clone().body(media_type, body.as_bytes()).send(&stage).await;
                hold(&document, &mut judge, operation, &reply);
            }
        }
    }
}

#[tokio::test]
async fn every_parameter_of_a_query_takes_its_example() {
    let (document, stage) = (Document::read(), Stage::set().await);
    let mut judge = Judge::closed(&document);
    for operation in document.operations().iter().filter(|operation| reads(operation)) {
        let call = Call::of(&stage, &document, operation);
        for parameter in operation.parameters_in("query") {
            let name = parameter["name"].as_str().unwrap();
            if name == "cursor" {
                continue;
            }
            let reply =
                call.clone().query(name, &text_of(&parameter["example"])).send(&stage).await;
            hold(&document, &mut judge, operation, &reply);
        }
    }
}

#[tokio::test]
async fn every_list_in_pages_goes_on_where_its_cursor_says() {
    let (document, stage) = (Document::read(), Stage::set().await);
    let mut judge = Judge::closed(&document);
    let mut walked = 0;
    for operation in document.operations() {
        if !operation.parameters_in("query").any(|parameter| parameter["name"] == "cursor") {
            continue;
        }
        let call = Call::of(&stage, &document, &operation).query("limit", "1");
        let first = call.clone().send(&stage).await;
        hold(&document, &mut judge, &operation, &first);
        // An administrator's list of organisations has one row.
        let Some(cursor) = first.json()["next_cursor"].as_str().map(str::to_owned) else {
            continue;
        };
        let second = call.query("cursor", &cursor).send(&stage).await;
        hold(&document, &mut judge, &operation, &second);
        assert_ne!(first.json()["items"], second.json()["items"], "{}", operation.id);
        walked += 1;
    }
    assert!(walked >= 5, "only {walked} lists had two pages");
}

#[tokio::test]
async fn every_socket_opens_as_described() {
    let (document, stage) = (Document::read(), Stage::set().await);
    let is_socket = |operation: &&Operation| operation.success() == UPGRADE;
    for operation in document.operations().iter().filter(is_socket) {
        let role = super::call::role_of(operation).expect("a role");
        let authorization = format!("Bearer {}", stage.token(role));
        let path = operation.path.rsplit('/').next().unwrap();
        let headers = [("authorization", authorization.as_str())];
        let opened = stage.broker.try_connect(ORGANISATION, path, &headers).await;
        assert!(opened.is_ok(), "{}", operation.id);
    }
}

#[tokio::test]
async fn a_version_that_was_answered_is_taken_as_if_match() {
    let document = Document::read();
    for operation in document.operations() {
        let takes_version = operation.parameters_in("header").any(|one| one["name"] == "If-Match");
        if !takes_version || operation.success() != 200 {
            continue;
        }
        let stage = Stage::set().await;
        let call = Call::of(&stage, &document, &operation);
        let current = call.clone().send(&stage).await;
        let version = current.header("etag").to_owned();
        let again = call.clone().header("If-Match", &version).send(&stage).await;
        assert_eq!(again.status, StatusCode::OK, "{}: {again:?}", operation.id);
    }
}

/// The document that is served is the one that is judged here.
#[tokio::test]
async fn the_document_is_served_as_it_is_kept() {
    let (document, stage) = (Document::read(), Stage::set().await);
    let served: Value =
        reqwest::get(stage.broker.url("/openapi.json")).await.unwrap().json().await.unwrap();
    assert_eq!(served, document.0);
}
