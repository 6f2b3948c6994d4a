//! `docs/openapi.yaml`, its operations, and values held against its schemas.

use boon::{Compiler, Draft, SchemaIndex, Schemas};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// Only a name: nothing is fetched.
const LOCATION: &str = "https://licence-broker.example/openapi.json";
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

pub(crate) struct Document(pub(crate) Value);

/// One method of one path, with whatever it refers to put in its place except for schemas.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) path: String,
    /// In capitals.
    pub(crate) method: String,
    pub(crate) id: String,
    /// Where it is in the document.
    pub(crate) pointer: String,
    pub(crate) parameters: Vec<Value>,
    /// By status or `default`.
    pub(crate) responses: Map<String, Value>,
    pub(crate) value: Value,
}

impl Document {
    pub(crate) fn read() -> Self {
        let text = include_str!("../../../docs/openapi.yaml");
        Self(serde_saphyr::from_str(text).expect("docs/openapi.yaml is YAML"))
    }

    pub(crate) fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is there"))
    }

    pub(crate) fn object(&self, pointer: &str) -> &Map<String, Value> {
        self.at(pointer).as_object().unwrap_or_else(|| panic!("{pointer} is an object"))
    }

    /// What stands there, or what it refers to.
    pub(crate) fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str().and_then(|target| target.strip_prefix('#')) {
            Some(pointer) => self.at(pointer),
            None => value,
        }
    }

    /// Every operation, in the order of the paths.
    pub(crate) fn operations(&self) -> Vec<Operation> {
        let mut operations = Vec::new();
        for (path, item) in self.object("/paths") {
            for method in METHODS.iter().filter(|method| item.get(**method).is_some()) {
                operations.push(self.operation(path, item, method));
            }
        }
        operations
    }

    fn operation(&self, path: &str, item: &Value, method: &str) -> Operation {
        let value = &item[method];
        let shared = item["parameters"].as_array().into_iter().flatten();
        let parameters = shared.chain(value["parameters"].as_array().into_iter().flatten());
        let responses = value["responses"].as_object().expect("responses").iter();
        Operation {
            path: path.to_owned(),
            method: method.to_uppercase(),
            id: value["operationId"].as_str().expect("an operationId").to_owned(),
            pointer: format!("/paths/{}/{method}", escaped(path)),
            parameters: parameters.map(|value| self.resolved(value).clone()).collect(),
            responses: responses
                .map(|(status, value)| (status.clone(), self.resolved(value).clone()))
                .collect(),
            value: value.clone(),
        }
    }

    /// The examples of a media type object or a parameter: `example`, or the values of `examples`.
    pub(crate) fn examples<'a>(&'a self, holder: &'a Value) -> Vec<&'a Value> {
        let several = holder["examples"].as_object().into_iter().flat_map(Map::values);
        let several = several.map(|example| &self.resolved(example)["value"]);
        holder.get("example").into_iter().chain(several).collect()
    }
}

impl Operation {
    /// The status of success: the only one below 400.
    pub(crate) fn success(&self) -> u16 {
        let statuses = self.responses.keys().filter_map(|status| status.parse::<u16>().ok());
        let good: Vec<u16> = statuses.filter(|status| *status < 400).collect();
        assert_eq!(good.len(), 1, "{}: {good:?}", self.id);
        good[0]
    }

    /// The media types of a response and what is said of them.
    pub(crate) fn content(&self, status: &str) -> Vec<(&str, &Value)> {
        let content = self.responses[status]["content"].as_object();
        content.into_iter().flatten().map(|(name, value)| (name.as_str(), value)).collect()
    }

    /// The media types of the body and what is said of them.
    pub(crate) fn bodies(&self) -> Vec<(&str, &Value)> {
        let content = self.value["requestBody"]["content"].as_object();
        content.into_iter().flatten().map(|(name, value)| (name.as_str(), value)).collect()
    }

    pub(crate) fn least_role(&self) -> &str {
        self.value["x-least-role"].as_str().unwrap_or_else(|| panic!("{}: a role", self.id))
    }

    pub(crate) fn documents(&self, status: u16) -> bool {
        self.responses.contains_key(&status.to_string())
    }

    /// The parameters in the path, the query or the header.
    pub(crate) fn parameters_in(&self, place: &str) -> impl Iterator<Item = &Value> {
        self.parameters.iter().filter(move |parameter| parameter["in"] == *place)
    }
}

/// A name as a part of a JSON pointer.
pub(crate) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Where each `$ref` is, and what it names.
pub(crate) fn references(value: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    walk(value, "", &mut |place, value| {
        if let Some(target) = value.get("$ref").and_then(Value::as_str) {
            found.push((place.to_owned(), target.to_owned()));
        }
    });
    found
}

/// Looks at a value and at everything within it, with the pointer to each.
pub(crate) fn walk(value: &Value, place: &str, look: &mut impl FnMut(&str, &Value)) {
    look(place, value);
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                walk(value, &format!("{place}/{}", escaped(name)), look);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                walk(value, &format!("{place}/{index}"), look);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Permits no field that a schema does not describe.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            let is_open = !fields.contains_key("additionalProperties");
            if is_open && fields.get("properties").is_some_and(Value::is_object) {
                fields.insert("additionalProperties".to_owned(), json!(false));
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Schemas of the document, compiled when they are first asked for.
pub(crate) struct Judge {
    compiler: Compiler,
    schemas: Schemas,
    compiled: HashMap<String, SchemaIndex>,
}

impl Judge {
    /// The schemas as they are: for what is asked.
    pub(crate) fn open(document: &Document) -> Self {
        Self::of(document.0.clone())
    }

    /// The schemas, permitting no field that they do not describe: for what is answered.
    pub(crate) fn closed(document: &Document) -> Self {
        let mut document = document.0.clone();
        close(&mut document);
        Self::of(document)
    }

    fn of(document: Value) -> Self {
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V2020_12);
        compiler.enable_format_assertions();
        compiler.add_resource(LOCATION, document).expect("a document");
        Self { compiler, schemas: Schemas::new(), compiled: HashMap::new() }
    }

    /// Why the schema at this pointer does not permit the value; `None` if it does.
    pub(crate) fn objection(&mut self, pointer: &str, value: &Value) -> Option<String> {
        let index = match self.compiled.get(pointer) {
            Some(index) => *index,
            None => {
                let location = format!("{LOCATION}#{}", percent_encoded(pointer));
                let index = self.compiler.compile(&location, &mut self.schemas);
                let index = index.unwrap_or_else(|error| panic!("{pointer}: {error:#}"));
                self.compiled.insert(pointer.to_owned(), index);
                index
            }
        };
        let judged = self.schemas.validate(value, index);
        judged.err().map(|error| format!("{value}: {error:#}"))
    }
}

/// Braces do not stand in a URL.
fn percent_encoded(pointer: &str) -> String {
    pointer.replace('{', "%7B").replace('}', "%7D")
}
