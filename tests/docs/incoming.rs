//! What clients send: the reader takes every example for what it is, and what the schema says of a field
//! the reader says too.

use super::document::{Document, Sender};
use licence_broker::domain::admission::Wanted;
use licence_broker::protocol::request::{self, LoginRequest, Request, RequestId, ResumeRequest};
use serde_json::{Value, json};
use ulid::Ulid;

/// The message that would be read as this request; what was not given is `null`.
fn written(id: Option<&RequestId>, request: &Request) -> Value {
    let mut message = match request {
        Request::Login(LoginRequest { token, device, wanted, wait, grace_s }) => {
            let channels = match wanted {
                Wanted::Assigned => None,
                Wanted::Named(names) => Some(names.iter().map(|name| &**name).collect::<Vec<_>>()),
            };
            json!({ "type": "login", "token": token.as_deref(), "device": device.as_str(),
                "channels": channels, "wait": wait, "grace_s": grace_s })
        }
        Request::Resume(ResumeRequest { token, session, resume_token }) => {
            let session = session.map(|session| Ulid(session.0).to_string());
            json!({ "type": "resume", "token": token.as_deref(), "session": session, "resume_token": &**resume_token })
        }
        Request::Subscribe { token } => json!({ "type": "subscribe", "token": token.as_deref() }),
        Request::Acquire { channels, wait } => {
            let channels: Vec<_> = channels.iter().map(|name| &**name).collect();
            json!({ "type": "acquire", "channels": channels, "wait": wait })
        }
        Request::Release { channels } => {
            let channels: Vec<_> = channels.iter().map(|name| &**name).collect();
            json!({ "type": "release", "channels": channels })
        }
        Request::Refresh { token } => json!({ "type": "refresh", "token": &**token }),
        Request::Ping => json!({ "type": "ping" }),
        Request::Logout => json!({ "type": "logout" }),
    };
    message["id"] = json!(id);
    message
}

/// The example with the defaults of its schema, and `null` for what it leaves out.
fn spelled_out(document: &Document, message: &str, payload: &Value) -> Value {
    let mut full = payload.clone();
    let fields = document.object(&format!("/components/schemas/{message}/properties"));
    for (name, schema) in fields {
        if full.get(name).is_none() {
            full[name] = schema.get("default").cloned().unwrap_or_default();
        }
    }
    full
}

#[test]
fn every_example_is_read_as_the_request_that_it_says() {
    let document = Document::read();
    for message in document.sent_by(Sender::Client, None) {
        for payload in document.examples(&message) {
            let read = request::parse(&payload.to_string()).expect("a JSON object");
            let request = read.request.unwrap_or_else(|error| panic!("{payload}: {error:?}"));
            let written = written(read.id.as_ref(), &request);
            assert_eq!(written, spelled_out(&document, &message, payload));
        }
    }
}

#[test]
fn a_field_that_must_be_there_is_missed_by_schema_and_reader_alike() {
    let document = Document::read();
    let schemas = document.schemas();
    for message in document.sent_by(Sender::Client, None) {
        let fields = document.object(&format!("/components/schemas/{message}/properties"));
        let payload = document.examples(&message)[0];
        for field in fields.keys() {
            let mut without = payload.clone();
            without.as_object_mut().expect("an object").remove(field);
            let is_read = request::parse(&without.to_string()).expect("an object").request.is_ok();
            let is_permitted = schemas.objection(&message, &without).is_none();
            assert_eq!(is_read, is_permitted, "{message} without {field}");
        }
    }
}

#[test]
fn a_field_of_another_shape_is_refused_by_schema_and_reader_alike() {
    let document = Document::read();
    let schemas = document.schemas();
    let shapes =
        [json!({}), json!(-1), json!([1]), json!(1.5), json!("x"), json!(true), json!(["x"])];
    for message in document.sent_by(Sender::Client, None) {
        let fields = document.object(&format!("/components/schemas/{message}/properties"));
        let payload = document.examples(&message)[0];
        // A session that cannot be one is a resume that fails, not a bad message.
        for field in fields.keys().filter(|field| *field != "session") {
            for shape in &shapes {
                let mut bent = payload.clone();
                bent[field] = shape.clone();
                let is_read = request::parse(&bent.to_string()).expect("an object").request.is_ok();
                let is_permitted = schemas.objection(&message, &bent).is_none();
                assert_eq!(is_read, is_permitted, "{message}: {field} is {shape}");
            }
        }
    }
}
