//! What a schema says of a field of a body, the broker says too.

use super::call::Call;
use super::document::{Document, Judge, Operation};
use super::stage::Stage;
use serde_json::{Map, Value, json};

/// Nothing of these may be above 0 for the type of the example, whatever the schema of all types permits.
const NOT_FOR_SALE: [(&str, &str); 1] = [("setLicence", "fixed")];

/// An operation that takes a JSON object: its example, its fields, and where its schema is.
struct Taker {
    operation: Operation,
    example: Value,
    fields: Map<String, Value>,
    required: Vec<String>,
    schema: String,
}

fn takers(document: &Document) -> Vec<Taker> {
    let mut takers = Vec::new();
    for operation in document.operations() {
        let json = operation.bodies().into_iter().find(|(name, _)| *name == "application/json");
        let Some((_, content)) = json else { continue };
        let schema = document.resolved(&content["schema"]);
        let required = schema["required"].as_array().into_iter().flatten();
        takers.push(Taker {
            example: document.examples(content)[0].clone(),
            fields: schema["properties"].as_object().expect("fields").clone(),
            required: required.map(|name| name.as_str().unwrap().to_owned()).collect(),
            schema: format!("{}/requestBody/content/application~1json/schema", operation.pointer),
            operation,
        });
    }
    assert!(takers.len() >= 6, "operations that take JSON");
    takers
}

/// Of every sort, and at both sides of the bounds that the schema names.
fn values(document: &Document, field: &Value) -> Vec<Value> {
    let schema = document.resolved(field);
    let mut values = vec![
        json!(null),
        json!({}),
        json!(-1),
        json!([1]),
        json!(1.5),
        json!(""),
        json!(true),
        json!("\u{7}"),
        json!([{}]),
    ];
    if let Some(maximum) = schema["maximum"].as_u64() {
        values.extend([json!(maximum), json!(maximum + 1)]);
    }
    if let Some(minimum) = schema["minimum"].as_u64() {
        values.push(json!(minimum));
    }
    if let Some(length) = schema["maxLength"].as_u64() {
        let length = usize::try_from(length).unwrap();
        values.extend([json!("字".repeat(length)), json!("字".repeat(length + 1))]);
    }
    values.extend(schema["enum"].as_array().into_iter().flatten().cloned());
    values
}

#[tokio::test]
async fn a_field_that_its_schema_forbids_is_refused_by_its_name() {
    let (document, stage) = (Document::read(), Stage::set().await);
    let mut judge = Judge::open(&document);
    for taker in takers(&document) {
        for (name, field) in &taker.fields {
            for value in values(&document, field) {
                let mut bent = taker.example.clone();
                bent[name] = value;
                if judge.objection(&taker.schema, &bent).is_none() {
                    continue;
                }
                let call = Call::of(&stage, &document, &taker.operation).json(&bent);
                let reply = call.send(&stage).await;
                let told = format!("{}: {bent}: {reply:?}", taker.operation.id);
                assert_eq!(reply.problem(), "/problems/validation", "{told}");
                let blamed = reply.json()["field"].as_str().unwrap_or_default().to_owned();
                assert!(blamed.starts_with(name.as_str()), "{told}");
            }
        }
    }
}

#[tokio::test]
async fn a_number_a_text_or_a_word_that_its_schema_permits_is_taken() {
    let document = Document::read();
    let mut judge = Judge::open(&document);
    for taker in takers(&document) {
        for (name, field) in &taker.fields {
            // Keys of the catalogue and names of time zones are known to no schema.
            let schema = document.resolved(field);
            let is_bounded =
                ["maximum", "maxLength", "enum"].iter().any(|word| !schema[*word].is_null());
            let is_sold = !NOT_FOR_SALE.contains(&(taker.operation.id.as_str(), name));
            if !is_bounded || !is_sold {
                continue;
            }
            let stage = Stage::set().await;
            for value in values(&document, field) {
                let mut bent = taker.example.clone();
                bent[name] = value;
                if judge.objection(&taker.schema, &bent).is_some() {
                    continue;
                }
                let call = Call::of(&stage, &document, &taker.operation).json(&bent);
                let reply = call.send(&stage).await;
                // What was made by the value before may stand in the way, or the value proves nothing; it
                // is one all the same.
                let is_taken =
                    reply.status.is_success() || matches!(reply.status.as_u16(), 401 | 404 | 409);
                assert!(is_taken, "{}: {bent}: {reply:?}", taker.operation.id);
            }
        }
    }
}

#[tokio::test]
async fn a_field_that_must_be_there_is_missed_and_no_other_is() {
    let document = Document::read();
    for taker in takers(&document) {
        let stage = Stage::set().await;
        for name in taker.fields.keys() {
            let mut without = taker.example.clone();
            without.as_object_mut().unwrap().remove(name);
            let call = Call::of(&stage, &document, &taker.operation).json(&without);
            let reply = call.send(&stage).await;
            let told = format!("{} without {name}: {reply:?}", taker.operation.id);
            if taker.required.contains(name) {
                assert_eq!(reply.problem(), "/problems/validation", "{told}");
                assert_eq!(reply.json()["field"], name.as_str(), "{told}");
            } else {
                let is_taken = reply.status.is_success() || reply.status.as_u16() == 409;
                assert!(is_taken, "{told}");
            }
        }
    }
}
