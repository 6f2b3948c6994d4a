//! The document in itself: it is OpenAPI 3.1, nothing named is missing, nothing there is unused, and every
//! example is of its schema.

use super::document::{Document, Judge, Operation, escaped, references, walk};
use boon::{Compiler, Draft, Schemas};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The meta-schema of the OpenAPI Initiative, as it is (see `oas-3.1.NOTICE`).
const META_SCHEMA: &str = include_str!("oas-3.1.yaml");

#[test]
fn the_document_is_openapi_3_1() {
    let meta_schema: Value = serde_saphyr::from_str(META_SCHEMA).expect("YAML");
    let location = meta_schema["$id"].as_str().expect("a name").to_owned();
    let mut compiler = Compiler::new();
    compiler.set_default_draft(Draft::V2020_12);
    compiler.add_resource(&location, meta_schema).expect("a schema");
    let mut schemas = Schemas::new();
    let index = compiler.compile(&location, &mut schemas).expect("a good schema");
    let document = Document::read();
    let judged = schemas.validate(&document.0, index);
    assert!(judged.is_ok(), "{:#}", judged.expect_err("an objection"));
}

/// The meta-schema leaves schemas alone; compiling one judges it by JSON Schema 2020-12.
#[test]
fn every_schema_is_json_schema_2020_12() {
    let document = Document::read();
    let mut judge = Judge::closed(&document);
    for name in document.object("/components/schemas").keys() {
        // What is permitted does not matter here, that it can be asked does.
        let pointer = format!("/components/schemas/{name}");
        let _ = judge.objection(&pointer, &Value::Null);
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    let document = Document::read();
    let references = references(&document.0);
    for (place, target) in &references {
        let pointer = target.strip_prefix('#').expect("a reference within the document");
        assert!(document.0.pointer(pointer).is_some(), "{place}: {target}");
    }
    let targets: BTreeSet<&str> = references.iter().map(|(_, target)| target.as_str()).collect();
    for (kind, components) in document.object("/components") {
        for name in components.as_object().expect("components").keys() {
            let is_used = targets.contains(format!("#/components/{kind}/{name}").as_str());
            assert!(is_used || kind == "securitySchemes", "{kind}: {name} is used nowhere");
        }
    }
}

#[test]
fn operations_have_names_of_their_own_and_tags_that_are_declared() {
    let document = Document::read();
    let operations = document.operations();
    let names: BTreeSet<&str> = operations.iter().map(|operation| operation.id.as_str()).collect();
    assert_eq!(names.len(), operations.len());
    let tags = document.at("/tags").as_array().expect("a list");
    let tags: BTreeSet<&str> = tags.iter().filter_map(|tag| tag["name"].as_str()).collect();
    let used: BTreeSet<&str> =
        operations.iter().filter_map(|operation| operation.value["tags"][0].as_str()).collect();
    assert_eq!(used, tags);
    for operation in &operations {
        assert!(operation.value["summary"].is_string(), "{}: a summary", operation.id);
    }
}

/// The parameters of a path are those in its braces.
#[test]
fn paths_have_the_parameters_that_they_name() {
    for operation in Document::read().operations() {
        let in_path = operation.parameters_in("path");
        let described: BTreeSet<&str> =
            in_path.map(|parameter| parameter["name"].as_str().expect("a name")).collect();
        let named = operation.path.split('{').skip(1);
        let named: BTreeSet<&str> = named.filter_map(|part| part.split('}').next()).collect();
        assert_eq!(described, named, "{}", operation.id);
    }
}

/// What every operation of a kind must say, so that the tests that follow provoke it.
#[test]
fn operations_describe_the_refusals_of_their_kind() {
    for operation in Document::read().operations() {
        let mut expected = BTreeSet::new();
        match operation.least_role() {
            "anyone" => {}
            "bearer" => expected.extend([401]),
            _ => expected.extend([401, 403]),
        }
        if operation.parameters_in("path").next().is_some() {
            expected.insert(404);
        }
        if operation.parameters_in("header").any(|parameter| parameter["name"] == "If-Match") {
            expected.extend([400, 412]);
        }
        if !operation.bodies().is_empty() {
            expected.extend([408, 413, 415, 422]);
        }
        if operation.parameters_in("query").next().is_some() {
            expected.insert(422);
        }
        for status in expected {
            assert!(operation.documents(status), "{} describes {status}", operation.id);
        }
    }
}

/// Fields may be left out only of what is asked, and of problems.
#[test]
fn what_is_answered_has_all_of_its_fields() {
    let document = Document::read();
    for (name, schema) in reached_by_answers(&document) {
        walk(&schema, "", &mut |place, value| {
            let Some(fields) = value.get("properties").and_then(Value::as_object) else { return };
            let fields: BTreeSet<&str> = fields.keys().map(String::as_str).collect();
            let required = value["required"].as_array().into_iter().flatten();
            let required: BTreeSet<&str> = required.filter_map(Value::as_str).collect();
            assert_eq!(required, fields, "{name}{place}");
        });
    }
}

/// Every named schema that an answer of success refers to, directly or through others.
fn reached_by_answers(document: &Document) -> BTreeMap<String, Value> {
    let mut reached = BTreeMap::new();
    let mut pending: Vec<Value> = Vec::new();
    for operation in document.operations() {
        let status = operation.success().to_string();
        pending.extend(
            operation.content(&status).iter().map(|(_, content)| content["schema"].clone()),
        );
    }
    while let Some(schema) = pending.pop() {
        for (_, target) in references(&schema) {
            let Some(name) = target.strip_prefix("#/components/schemas/") else { continue };
            let found = document.at(&format!("/components/schemas/{name}")).clone();
            if reached.insert(name.to_owned(), found.clone()).is_none() {
                pending.push(found);
            }
        }
    }
    reached
}

#[test]
fn every_example_is_of_its_schema() {
    let document = Document::read();
    let mut judge = Judge::closed(&document);
    let mut count = 0;
    // Whatever has a schema beside it or within it has its examples judged by it.
    walk(&document.0, "", &mut |place, holder| {
        if holder.get("schema").is_none() {
            return;
        }
        for example in document.examples(holder) {
            let objection = judge.objection(&format!("{place}/schema"), example);
            assert_eq!(objection, None, "{place}");
            count += 1;
        }
    });
    assert!(count > 60, "only {count} examples");
}

#[test]
fn everything_that_is_called_or_answered_has_an_example() {
    for operation in Document::read().operations() {
        let told = |what: &str| format!("{}: {what}", operation.id);
        let has_one =
            |holder: &Value| holder.get("example").is_some() || holder.get("examples").is_some();
        for parameter in &operation.parameters {
            assert!(has_one(parameter), "{}", told(&parameter["name"].to_string()));
        }
        for (media_type, body) in operation.bodies() {
            assert!(has_one(body), "{}", told(media_type));
        }
        for status in operation.responses.keys() {
            for (media_type, answer) in operation.content(status) {
                let is_itself = operation.path == "/openapi.json";
                assert!(
                    has_one(answer) || is_itself,
                    "{}",
                    told(&format!("{status} {media_type}"))
                );
            }
        }
    }
}

/// A pointer survives the names that it is made of.
#[test]
fn an_operation_is_found_by_its_pointer() {
    let document = Document::read();
    for Operation { pointer, id, .. } in document.operations() {
        assert_eq!(document.at(&pointer)["operationId"], id.as_str());
    }
    assert_eq!(escaped("a/b~c"), "a~1b~0c");
}
