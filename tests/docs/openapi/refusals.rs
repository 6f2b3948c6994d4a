//! Every refusal that the document describes is provoked, and is a problem as described.

use super::call::{Call, role_of};
use super::document::{Document, Judge, Operation};
use super::stage::{ACCOUNTS_MAX, BODY_MAX_BYTES, CODE, ORGANISATION, PASSWORD, Stage, USERS_MAX};
use licence_broker::auth::Role;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A call that is refused, and the type of problem.
type Refused = (Call, &'static str);

#[tokio::test]
async fn every_refusal_that_is_described_is_provoked_and_is_such_a_problem() {
    let (document, stage) = (Document::read(), Stage::set().await);
    let mut judge = Judge::closed(&document);
    for operation in document.operations() {
        let mut provoked = BTreeSet::new();
        for (call, expected) in refused_calls(&stage, &document, &operation) {
            let told = format!("{}: {call:?}", operation.id);
            let reply = call.send(&stage).await;
            assert!(!reply.status.is_success(), "{told}");
            assert_eq!(reply.problem(), format!("/problems/{expected}"), "{told}");
            reply.hold(&document, &mut judge, &operation);
            provoked.insert(reply.problem());
        }
        for (call, stage, expected) in by_state(&document, &operation).await {
            let reply = call.send(&stage).await;
            assert_eq!(reply.problem(), format!("/problems/{expected}"), "{}", operation.id);
            reply.hold(&document, &mut judge, &operation);
            provoked.insert(reply.problem());
        }
        assert_eq!(provoked, described(&document, &operation), "{}", operation.id);
    }
}

/// The types of problem that an operation describes, apart from what any of them may be answered.
fn described(document: &Document, operation: &Operation) -> BTreeSet<String> {
    let mut types = BTreeSet::new();
    for (status, response) in &operation.responses {
        if status != "default" {
            let content = &response["content"]["application/problem+json"];
            let examples = document.examples(content).into_iter();
            types.extend(examples.map(|example| example["type"].as_str().unwrap().to_owned()));
        }
    }
    types
}

/// What is refused whatever the state.
fn refused_calls(stage: &Stage, document: &Document, operation: &Operation) -> Vec<Refused> {
    let good = Call::of(stage, document, operation);
    let mut calls = by_token(stage, operation, &good);
    calls.extend(by_path(stage, document, operation));
    calls.extend(by_query(document, operation, &good));
    if operation.parameters_in("header").any(|parameter| parameter["name"] == "If-Match") {
        let twice = good.clone().header("If-Match", "\"1\"").header("If-Match", "\"2\"");
        calls.push((twice, "malformed"));
        calls.push((good.clone().header("If-Match", "\"never\""), "changed"));
    }
    for (media_type, content) in operation.bodies() {
        calls.push((good.clone().body(media_type, &[b' '; BODY_MAX_BYTES + 1]), "too_large"));
        calls.push((good.clone().body(media_type, b"{").endless(), "request_timeout"));
        calls.push((good.clone().body("application/x-strange", b"{}"), "unsupported_media_type"));
        if media_type == "application/json" {
            calls.push((good.clone().body(media_type, b"{"), "malformed"));
            calls.push((good.clone().body(media_type, b"[]"), "malformed"));
            calls.push((good.clone().json(&without_sense(document, content)), "validation"));
        }
    }
    if operation.id == "openSession" {
        calls.extend(by_handshake(&good));
    }
    calls
}

fn by_token(stage: &Stage, operation: &Operation, good: &Call) -> Vec<Refused> {
    let Some(least) = role_of(operation) else { return Vec::new() };
    let mut calls =
        vec![(good.clone().with_authorization(Some("Bearer nonsense")), "unauthorised")];
    if operation.value.get("security").is_none() {
        calls.push((good.clone().with_authorization(None), "unauthorised"));
    }
    // What every role may do is refused to none; wallboards have no sessions.
    if operation.least_role() == "bearer" {
        return calls;
    }
    let below = Role::ALL.iter().take_while(|role| **role != least).last();
    calls.push((good.clone().by_role(stage, *below.unwrap_or(&Role::Wallboard)), "forbidden"));
    calls
}

/// Each part of the path that is named leads nowhere where it names nothing.
fn by_path(stage: &Stage, document: &Document, operation: &Operation) -> Vec<Refused> {
    let named =
        operation.parameters_in("path").map(|parameter| parameter["name"].as_str().unwrap());
    let mut calls: Vec<Refused> = Vec::new();
    for name in named {
        let nothing = if name == "org" { "999" } else { "nothing" };
        let path = operation.path.replace(&format!("{{{name}}}"), nothing);
        let elsewhere = Operation { path, ..operation.clone() };
        let call = Call::of(stage, document, &elsewhere);
        calls.push((call.clone(), "not_found"));
        if name == "org" {
            calls.push((call.by_role(stage, Role::Operator), "not_found"));
        }
    }
    calls
}

/// Each parameter of the query with what its schema does not permit; a cursor that is none.
fn by_query(document: &Document, operation: &Operation, good: &Call) -> Vec<Refused> {
    let mut judge = Judge::open(document);
    let mut calls = Vec::new();
    for (index, parameter) in operation.parameters.iter().enumerate() {
        if parameter["in"] != "query" {
            continue;
        }
        let name = parameter["name"].as_str().unwrap();
        let schema = document.schema_of_parameter(operation, index);
        if name == "cursor" {
            calls.push((good.clone().query(name, "bm90IG91cnM"), "bad_cursor"));
        } else if judge.objection(&schema, &json!("☃")).is_some() {
            calls.push((good.clone().query(name, "☃"), "validation"));
        }
    }
    calls
}

/// The example with a value that its schema forbids in the first field.
fn without_sense(document: &Document, content: &Value) -> Value {
    let mut body = document.examples(content)[0].clone();
    let first = body.as_object().unwrap().keys().next().unwrap().clone();
    body[first] = json!({"nothing": "sensible"});
    body
}

fn by_handshake(good: &Call) -> Vec<Refused> {
    let upgrade = good.clone().header("connection", "upgrade").header("upgrade", "websocket");
    let foreign = upgrade.header("sec-websocket-protocol", "something.v9");
    vec![(good.clone(), "upgrade_required"), (foreign, "malformed")]
}

/// What is refused because of what there is: each with a stage of its own.
async fn by_state(document: &Document, operation: &Operation) -> Vec<(Call, Stage, &'static str)> {
    let mut calls = Vec::new();
    for conflict in conflicts() {
        if conflict.operation != operation.id {
            continue;
        }
        let stage = Stage::set().await;
        for (method, path, body) in conflict.before {
            stage.does(method, &path, body).await;
        }
        let mut operation = operation.clone();
        if let Some((name, value)) = conflict.path {
            operation.path = operation.path.replace(&format!("{{{name}}}"), value);
        }
        let call = Call::of(&stage, document, &operation).json(&conflict.body);
        let call = match conflict.media_type {
            Some(media_type) => call.body(media_type, conflict.body.to_string().as_bytes()),
            None => call,
        };
        let call = match conflict.caller {
            Some(name) => {
                let token = stage.broker.token(Role::Supervisor, ORGANISATION, name);
                call.with_authorization(Some(&format!("Bearer {token}")))
            }
            None => call,
        };
        calls.push((call, stage, conflict.problem));
    }
    calls
}

/// A body that is good in itself and cannot be served as things are.
#[derive(Default)]
struct Conflict {
    operation: &'static str,
    problem: &'static str,
    /// Done first, below the organisation.
    before: Vec<(Method, String, Value)>,
    /// A parameter of the path with another value than its example's.
    path: Option<(&'static str, &'static str)>,
    /// A supervisor, in place of the least role that may.
    caller: Option<&'static str>,
    /// JSON without it.
    media_type: Option<&'static str>,
    body: Value,
}

fn conflicts() -> Vec<Conflict> {
    let user = |name: &str| json!({"user": name, "user_type": "inbound_agent"});
    let seat = json!({"user": "maeve", "user_type": "inbound_agent", "features": ["padlock"]});
    let many = |n| (Method::POST, "/users".to_owned(), user(&format!("agent{n}")));
    let unbased = json!({"user": "maeve", "user_type": "outbound_agent"});
    let totals = |fixed| json!({"base": 0, "concurrent": 0, "contingency": 0, "fixed": fixed});
    let one_seat = vec![
        (Method::PUT, "/licences/padlock".to_owned(), totals(1)),
        (Method::PATCH, "/users/edred".to_owned(), json!({"features": ["padlock"]})),
    ];
    let conflict =
        |operation, problem, body| Conflict { operation, problem, body, ..Conflict::default() };
    let account = |user: String| json!({"user": user, "role": "admin", "password": PASSWORD});
    let more = |n| (Method::POST, "/accounts".to_owned(), account(format!("admin{n}")));
    let wrong = json!({"old": "wrong", "new": PASSWORD, "code": CODE});
    let right = json!({"old": PASSWORD, "new": PASSWORD, "code": CODE});
    let sign_in = |user: &str, code: &str| json!({"organisation": ORGANISATION, "user": user, "password": PASSWORD, "code": code});
    vec![
        conflict("signIn", "sign_in_refused", sign_in("sue", "000000")),
        conflict("signIn", "account_locked", sign_in("lou", CODE)),
        conflict("changePassword", "sign_in_refused", wrong.clone()),
        conflict("changeOwnPassword", "sign_in_refused", wrong),
        Conflict {
            path: Some(("user", "lou")),
            caller: Some("lou"),
            ..conflict("changePassword", "account_locked", right.clone())
        },
        Conflict { caller: Some("lou"), ..conflict("changeOwnPassword", "account_locked", right) },
        conflict("createAccount", "exists", account("sue".to_owned())),
        Conflict {
            before: (2..ACCOUNTS_MAX).map(more).collect(),
            ..conflict("createAccount", "too_many_accounts", account("ada".to_owned()))
        },
        conflict("createOrganisation", "exists", json!({"id": ORGANISATION, "name": "Other"})),
        conflict("createUser", "exists", user("edred")),
        conflict("createUser", "base_exhausted", unbased),
        conflict("createUser", "fixed_exhausted", seat),
        Conflict {
            before: (2..USERS_MAX).map(many).collect(),
            ..conflict("createUser", "too_many_users", user("maeve"))
        },
        conflict("changeUser", "base_exhausted", json!({"user_type": "outbound_agent"})),
        conflict("changeUser", "fixed_exhausted", json!({"features": ["padlock"]})),
        conflict("setLicence", "base_exhausted", totals(0)),
        conflict("setWallboardMaximum", "wallboards_exhausted", json!({"maximum": 0})),
        conflict("createWallboard", "exists", json!({"id": "entrance"})),
        Conflict {
            before: vec![(
                Method::PUT,
                "/licence-metrics/wallboard".to_owned(),
                json!({"maximum": 1}),
            )],
            ..conflict("createWallboard", "wallboards_exhausted", json!({"id": "lobby"}))
        },
        Conflict {
            before: one_seat,
            path: Some(("licence", "padlock")),
            ..conflict("setLicence", "fixed_exhausted", totals(0))
        },
        Conflict {
            media_type: Some("application/x-ndjson"),
            ..conflict("importUsers", "import_rejected", json!({"user": "x", "user_type": "fax"}))
        },
    ]
}
