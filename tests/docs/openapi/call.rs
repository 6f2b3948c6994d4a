//! A call of an operation, made of the document's examples, and what came back held against the document.

use super::document::{Document, Judge, Operation};
use super::stage::Stage;
use futures_util::{StreamExt as _, stream};
use licence_broker::auth::Role;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use reqwest::{Body, Client, Method, Response, StatusCode, Url};
use serde_json::Value;
use std::convert::Infallible;
use std::future::ready;

/// A good call until something of it is changed.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    authorization: Option<String>,
    /// Media type and bytes.
    body: Option<(String, Vec<u8>)>,
    /// Whether more of the body is promised, and never comes.
    is_endless: bool,
}

impl Call {
    /// As the least role that may, with the examples of the path and of the first body, and of the query
    /// what must be there.
    pub(crate) fn of(stage: &Stage, document: &Document, operation: &Operation) -> Self {
        let mut call = Self {
            method: operation.method.parse().unwrap(),
            path: operation.path.clone(),
            query: Vec::new(),
            headers: Vec::new(),
            authorization: None,
            body: None,
            is_endless: false,
        };
        for parameter in operation.parameters_in("path") {
            let name = parameter["name"].as_str().unwrap();
            let value = match name {
                "session" => stage.session.clone(),
                _ => text_of(&parameter["example"]),
            };
            call = call.path(name, &value);
        }
        let required = |parameter: &&Value| parameter["required"] == true;
        for parameter in operation.parameters_in("query").filter(required) {
            call = call.query(parameter["name"].as_str().unwrap(), &text_of(&parameter["example"]));
        }
        if let Some((media_type, body)) = operation.bodies().first() {
            call = call.body(media_type, text_of(document.examples(body)[0]).as_bytes());
        }
        match role_of(operation) {
            Some(role) => call.by_role(stage, role),
            None => call,
        }
    }

    /// Gives a parameter of the path its value.
    pub(crate) fn path(mut self, name: &str, value: &str) -> Self {
        self.path = self.path.replace(&format!("{{{name}}}"), value);
        self
    }

    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        self.query.retain(|(known, _)| known != name);
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, media_type: &str, bytes: &[u8]) -> Self {
        self.body = Some((media_type.to_owned(), bytes.to_owned()));
        self
    }

    /// More of the body is promised, and never comes.
    pub(crate) fn endless(mut self) -> Self {
        self.is_endless = true;
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string().as_bytes())
    }

    pub(crate) fn accepting(self, media_type: &str) -> Self {
        self.header(ACCEPT.as_str(), media_type)
    }

    pub(crate) fn by_role(self, stage: &Stage, role: Role) -> Self {
        let token = stage.token(role);
        self.with_authorization(Some(&format!("Bearer {token}")))
    }

    pub(crate) fn with_authorization(mut self, value: Option<&str>) -> Self {
        self.authorization = value.map(str::to_owned);
        self
    }

    pub(crate) async fn send(self, stage: &Stage) -> Reply {
        let mut url: Url = stage.broker.url(&self.path).parse().unwrap();
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        let mut request = Client::new().request(self.method, url);
        if let Some(authorization) = self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        if let Some((media_type, bytes)) = self.body {
            let sent = stream::once(ready(Ok::<_, Infallible>(bytes.clone())));
            let body = if self.is_endless {
                Body::wrap_stream(sent.chain(stream::pending()))
            } else {
                Body::from(bytes)
            };
            request = request.header(CONTENT_TYPE, media_type).body(body);
        }
        Reply::read(request.send().await.unwrap()).await
    }
}

/// What came back; of a stream of events the first.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    async fn read(mut response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.unwrap() {
            bytes.extend(chunk);
            if headers.get(CONTENT_TYPE).is_some_and(|value| value == "text/event-stream")
                && bytes.ends_with(b"\n\n")
            {
                break;
            }
        }
        Self { status, headers, text: String::from_utf8(bytes).unwrap() }
    }

    /// A header that must be there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).unwrap_or_else(|| panic!("{name}: {self:?}"));
        value.to_str().unwrap()
    }

    /// Without parameters; empty if there is none.
    pub(crate) fn media_type(&self) -> &str {
        let value = self.headers.get(CONTENT_TYPE).map_or("", |value| value.to_str().unwrap());
        value.split(';').next().unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The type of the problem that this must be.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.media_type(), "application/problem+json", "{self:?}");
        self.json()["type"].as_str().unwrap_or_else(|| panic!("a type: {self:?}")).to_owned()
    }

    /// Fails unless the document describes this answer: status, headers, media type and body.
    pub(crate) fn hold(&self, document: &Document, judge: &mut Judge, operation: &Operation) {
        let told = format!("{}: {self:?}", operation.id);
        let status = self.status.as_str();
        let described = operation.responses.get(status);
        let response = described.unwrap_or_else(|| panic!("a status that is described: {told}"));
        self.hold_headers(document, response, &told);
        let pointer = document.place_of(operation, status);
        let Some(content) = response.get("content") else {
            assert_eq!(self.text, "", "{told}");
            return;
        };
        let of_this_type = &content[self.media_type()];
        assert!(of_this_type.is_object(), "a media type that is described: {told}");
        let media_type = super::document::escaped(self.media_type());
        let schema = format!("{pointer}/content/{media_type}/schema");
        let body = match self.media_type() {
            "application/json" | "application/problem+json" => self.json(),
            _ => Value::String(self.text.clone()),
        };
        assert_eq!(judge.objection(&schema, &body), None, "{told}");
        if self.media_type() == "application/problem+json" {
            assert_eq!(body["status"], self.status.as_u16(), "{told}");
            let examples = document.examples(of_this_type);
            let is_shown = examples.iter().any(|example| example["type"] == body["type"]);
            assert!(is_shown, "a type of problem that is described here: {told}");
        }
    }

    fn hold_headers(&self, document: &Document, response: &Value, told: &str) {
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            let header = document.resolved(header);
            let is_there = self.headers.contains_key(name.as_str());
            assert!(is_there || header["required"] != true, "{name}: {told}");
        }
        if self.status.is_success() {
            let described = response["headers"].get("ETag").is_some();
            assert_eq!(self.headers.contains_key("etag"), described, "ETag: {told}");
        }
    }
}

impl Document {
    /// Where the schema of a parameter is, by its place among all of the operation's.
    pub(crate) fn schema_of_parameter(&self, operation: &Operation, index: usize) -> String {
        let (path, _) = operation.pointer.rsplit_once('/').expect("a path and a method");
        let shared = self.at(path)["parameters"].as_array().map_or(0, Vec::len);
        let pointer = if index < shared {
            format!("{path}/parameters/{index}")
        } else {
            format!("{}/parameters/{}", operation.pointer, index - shared)
        };
        match self.at(&pointer)["$ref"].as_str() {
            Some(target) => format!("{}/schema", target.trim_start_matches('#')),
            None => format!("{pointer}/schema"),
        }
    }

    /// Where the response to a status is described.
    fn place_of(&self, operation: &Operation, status: &str) -> String {
        let pointer = format!("{}/responses/{status}", operation.pointer);
        match self.at(&pointer)["$ref"].as_str() {
            Some(target) => target.trim_start_matches('#').to_owned(),
            None => pointer,
        }
    }
}

/// The least role, `None` for anyone. Where every role may, a device's is the least.
pub(crate) fn role_of(operation: &Operation) -> Option<Role> {
    let word = operation.least_role();
    if word == "bearer" {
        return Some(Role::Device);
    }
    let role = Role::from_word(word);
    assert!(role.is_some() || word == "anyone", "{}: {word}", operation.id);
    role
}

/// An example as it stands in a path, a query or a body.
pub(crate) fn text_of(example: &Value) -> String {
    example.as_str().map_or_else(|| example.to_string(), str::to_owned)
}
