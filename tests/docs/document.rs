//! `docs/asyncapi.yaml`, and values held against its schemas.

use boon::{Compiler, Draft, SchemaIndex, Schemas};
use serde_json::{Map, Value, json};
use std::collections::{BTreeSet, HashMap};

/// Only a name: nothing is fetched.
const LOCATION: &str = "https://licence-broker.example/asyncapi.json";

pub(crate) struct Document(pub(crate) Value);

/// Who sends a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    Client,
    Broker,
}

impl Document {
    pub(crate) fn read() -> Self {
        let text = include_str!("../../docs/asyncapi.yaml");
        Self(serde_saphyr::from_str(text).expect("docs/asyncapi.yaml is YAML"))
    }

    /// What a JSON pointer leads to.
    pub(crate) fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is there"))
    }

    pub(crate) fn object(&self, pointer: &str) -> &Map<String, Value> {
        self.at(pointer).as_object().unwrap_or_else(|| panic!("{pointer} is an object"))
    }

    /// The words that a schema permits, in its order.
    pub(crate) fn words(&self, schema: &str) -> Vec<&str> {
        let words = self.at(&format!("/components/schemas/{schema}/enum"));
        words
            .as_array()
            .expect("a list")
            .iter()
            .map(|word| word.as_str().expect("a word"))
            .collect()
    }

    /// The names of the messages that the operations of a channel, or of all, have this side send.
    pub(crate) fn sent_by(&self, sender: Sender, channel: Option<&str>) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for operation in self.object("/operations").values() {
            let of = last_part(&operation["channel"]);
            if channel.is_some_and(|channel| channel != of) {
                continue;
            }
            let sends = |messages: &Value| -> Vec<String> {
                messages.as_array().into_iter().flatten().map(last_part).collect()
            };
            let by_client = operation["action"] == "receive";
            if by_client == (sender == Sender::Client) {
                names.extend(sends(&operation["messages"]));
            }
            if sender == Sender::Broker {
                names.extend(sends(&operation["reply"]["messages"]));
            }
        }
        names
    }

    /// The payloads of a message's examples.
    pub(crate) fn examples(&self, message: &str) -> Vec<&Value> {
        let examples = self.at(&format!("/components/messages/{message}/examples"));
        examples.as_array().expect("a list").iter().map(|example| &example["payload"]).collect()
    }

    /// Where each `$ref` is, and what it names.
    pub(crate) fn references(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        collect_references(&self.0, "", &mut found);
        found
    }

    /// The schemas, as they are.
    pub(crate) fn schemas(&self) -> Judge {
        Judge::compile(&self.0)
    }

    /// The schemas, permitting no field that they do not describe.
    pub(crate) fn closed_schemas(&self) -> Judge {
        let mut closed = self.0.clone();
        close(&mut closed["components"]["schemas"]);
        Judge::compile(&closed)
    }
}

/// The last part of what a `$ref` names.
pub(crate) fn last_part(reference: &Value) -> String {
    let target = reference["$ref"].as_str().expect("a reference");
    target.rsplit('/').next().expect("a part").to_owned()
}

fn collect_references(value: &Value, place: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str().filter(|_| name == "$ref") {
                    Some(target) => found.push((place.to_owned(), target.to_owned())),
                    None => collect_references(value, &format!("{place}/{name}"), found),
                }
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                collect_references(value, &format!("{place}/{index}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.get("properties").is_some_and(Value::is_object) {
                fields.insert("additionalProperties".to_owned(), json!(false));
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The schemas of the messages, compiled.
pub(crate) struct Judge {
    schemas: Schemas,
    of_message: HashMap<String, SchemaIndex>,
}

impl Judge {
    fn compile(document: &Value) -> Self {
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V7);
        compiler.enable_format_assertions();
        compiler.add_resource(LOCATION, document.clone()).expect("a document");
        let mut schemas = Schemas::new();
        let messages = document["components"]["messages"].as_object().expect("messages");
        let compile = |(name, message): (&String, &Value)| {
            let schema = message["payload"]["$ref"].as_str().expect("a schema");
            let compiled = compiler.compile(&format!("{LOCATION}{schema}"), &mut schemas);
            (name.clone(), compiled.unwrap_or_else(|error| panic!("{name}: {error:#}")))
        };
        let of_message = messages.iter().map(compile).collect();
        Self { schemas, of_message }
    }

    /// Why this is not such a message; `None` if it is.
    pub(crate) fn objection(&self, message: &str, payload: &Value) -> Option<String> {
        let schema = self.of_message[message];
        self.schemas.validate(payload, schema).err().map(|error| format!("{error:#}"))
    }
}
