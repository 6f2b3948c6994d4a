//! What an administrative change does at once to the sessions that run (SPEC §4).

use crate::support::broker::TestBroker;
use crate::support::http::Api;
use crate::support::socket::Socket;
use licence_broker::auth::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const EMAIL_WAITING: &str = r#"{"wait":true,"channels":["agent_email"]}"#;

fn user(name: &str) -> String {
    format!("/v1/organisations/129/users/{name}")
}

/// Users `a` to `e`, ten seats, so many e-mail licences.
async fn with_email(concurrent: u32) -> TestBroker {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    operator.buy(129, "inbound_agent", 10, 0).await;
    operator.buy(129, "agent_email", concurrent, 0).await;
    operator.buy(129, "agent_calls", 10, 0).await;
    for name in ["a", "b", "c", "d", "e"] {
        operator.add_user(129, name, "inbound_agent", &["agent_email", "agent_calls"]).await;
    }
    broker
}

async fn waiting(broker: &TestBroker, name: &str) -> Socket {
    let fields: Value = serde_json::from_str(EMAIL_WAITING).unwrap();
    let (socket, answer) = broker.login_with(129, name, "agent_desktop", fields).await;
    assert_eq!(answer["waiting"], json!(["agent_email"]), "{answer}");
    socket
}

async fn log_in(broker: &TestBroker, name: &str, device: &str) -> Socket {
    let (socket, answer) = broker.login(129, name, device).await;
    assert_eq!(answer["type"], "logged_in", "{answer}");
    socket
}

/// The last records of the per-user log: what, of whom, why.
async fn last(operator: &Api, count: usize) -> Vec<[String; 4]> {
    let usage = operator.usage(129).await;
    let cell = |row: &Value, name: &str| row[name].as_str().unwrap_or("-").to_owned();
    let rows = usage[usage.len() - count..].iter();
    rows.map(|row| ["usage_type", "licence", "user", "reason"].map(|name| cell(row, name)))
        .collect()
}

fn released(licence: &str, user: &str, reason: &str) -> [String; 4] {
    ["Released", licence, user, reason].map(str::to_owned)
}

#[tokio::test]
async fn raised_totals_serve_the_queue_first_come_first_served() {
    let broker = with_email(1).await;
    let operator = broker.operator();
    let _holder = log_in(&broker, "a", "agent_desktop").await;
    let (mut first, mut second) = (waiting(&broker, "b").await, waiting(&broker, "c").await);
    operator.buy(129, "agent_email", 1, 1).await;
    let granted =
        |pool| json!({"type": "granted", "licences": [{"licence": "agent_email", "pool": pool}]});
    assert_eq!(first.message().await, granted("contingency"));
    assert_eq!(operator.licence(129, "agent_email").await["waiting"], 1);
    operator.buy(129, "agent_email", 3, 0).await;
    assert_eq!(second.message().await, granted("concurrent"));
    let row = operator.licence(129, "agent_email").await;
    assert_eq!(row["concurrent"], json!({"total": 3, "used": 3, "available": 0}));
    assert_eq!((&row["waiting"], &row["over_allocated"]), (&json!(0), &json!(0)));
    let log = operator.all("/v1/organisations/129/licence-usage").await;
    let last = log.last().unwrap();
    assert_eq!((&last["user"], &last["licence"]), (&json!("c"), &json!("agent_email")));
}

#[tokio::test]
async fn lowered_totals_throw_nobody_out_and_let_nobody_in() {
    let broker = with_email(3).await;
    let operator = broker.operator();
    let mut sockets = Vec::new();
    for name in ["a", "b", "c"] {
        sockets.push(log_in(&broker, name, "agent_desktop").await);
    }
    operator.buy(129, "agent_email", 1, 0).await;
    operator.buy(129, "inbound_agent", 1, 1).await;
    let row = operator.licence(129, "agent_email").await;
    assert_eq!(row["over_allocated"], 2);
    assert_eq!(row["concurrent"], json!({"total": 1, "used": 1, "available": 0}));
    let row = operator.licence(129, "inbound_agent").await;
    assert_eq!((&row["over_allocated"], &row["contingency"]["used"]), (&json!(1), &json!(1)));
    assert_eq!(row["contingency"]["max_used"], 0, "changed totals raise no maximum");
    let holders = operator.get("/v1/organisations/129/holders?licence=inbound_agent").await;
    let pools: Vec<&Value> =
        holders["items"].as_array().unwrap().iter().map(|h| &h["pool"]).collect();
    assert_eq!(pools, ["concurrent", "contingency", "over_allocated"]);
    let (_, refused) = broker.login(129, "d", "agent_desktop").await;
    assert_eq!(refused["reason"], "seat_exhausted");
    for socket in &mut sockets {
        assert_eq!(socket.ask(json!({"type": "ping"})).await["type"], "pong");
    }
    sockets.remove(0).log_out().await;
    let (_, refused) = broker.login(129, "d", "agent_desktop").await;
    assert_eq!(refused["reason"], "seat_exhausted", "two hold what two were bought of");
    sockets.remove(0).log_out().await;
    assert_eq!(operator.licence(129, "inbound_agent").await["over_allocated"], 0);
    log_in(&broker, "d", "deskphone").await;
}

#[tokio::test]
async fn a_suspended_user_is_logged_out_everywhere_and_stays_out() {
    let broker = with_email(3).await;
    let operator = broker.operator();
    let mut desktop = log_in(&broker, "a", "agent_desktop").await;
    let mut phone = log_in(&broker, "a", "deskphone").await;
    operator.send(Method::PATCH, &user("a"), json!({"status": "suspended"})).await;
    assert_eq!(desktop.closed().await.0, 4507);
    assert_eq!(phone.closed().await.0, 4507);
    let log = last(&operator, 4).await;
    for row in [
        released("inbound_agent", "a", "user_changed"),
        released("agent_email", "a", "user_changed"),
        released("agent_calls", "a", "user_changed"),
    ] {
        assert!(log.contains(&row), "{row:?} in {log:?}");
    }
    assert_eq!(operator.get("/v1/organisations/129/sessions").await["items"], json!([]));
    let (mut socket, refused) = broker.login(129, "a", "agent_desktop").await;
    assert_eq!(refused["reason"], "user_not_active");
    assert_eq!(socket.closed().await.0, 4507);
    operator.send(Method::PATCH, &user("a"), json!({"status": "active"})).await;
    log_in(&broker, "a", "agent_desktop").await;
}

#[tokio::test]
async fn a_deleted_user_and_one_of_a_new_type_are_logged_out() {
    let broker = with_email(3).await;
    let operator = broker.operator();
    operator.buy(129, "supervisor", 1, 0).await;
    let mut deleted = log_in(&broker, "a", "deskphone").await;
    let mut promoted = log_in(&broker, "b", "deskphone").await;
    let (status, _) = operator.call(Method::DELETE, &user("a"), None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(deleted.closed().await.0, 4507);
    let gone = [
        released("inbound_agent", "a", "user_removed"),
        released("agent_calls", "a", "user_removed"),
    ];
    assert_eq!(last(&operator, 2).await, gone);
    let (_, refused) = broker.login(129, "a", "deskphone").await;
    assert_eq!(refused["reason"], "user_unknown");
    operator.send(Method::PATCH, &user("b"), json!({"user_type": "supervisor"})).await;
    assert_eq!(promoted.closed().await.0, 4507);
    let moved = [
        released("inbound_agent", "b", "user_changed"),
        released("agent_calls", "b", "user_changed"),
    ];
    assert_eq!(last(&operator, 2).await, moved);
    let (_socket, answer) = broker.login(129, "b", "deskphone").await;
    assert_eq!(answer["granted"][0]["licence"], "supervisor");
}

#[tokio::test]
async fn a_status_of_deleted_deletes_and_the_name_may_be_given_anew() {
    let broker = with_email(3).await;
    let operator = broker.operator();
    let mut socket = log_in(&broker, "a", "deskphone").await;
    operator.send(Method::PATCH, &user("a"), json!({"status": "deleted"})).await;
    assert_eq!(socket.closed().await.0, 4507);
    assert_eq!(operator.call(Method::GET, &user("a"), None).await.0, StatusCode::NOT_FOUND);
    operator.add_user(129, "a", "inbound_agent", &["agent_calls"]).await;
    log_in(&broker, "a", "deskphone").await;
}

#[tokio::test]
async fn a_feature_taken_away_is_released_at_once_and_serves_the_next() {
    let broker = with_email(1).await;
    let operator = broker.operator();
    let mut holder = log_in(&broker, "a", "agent_desktop").await;
    let mut next = waiting(&broker, "b").await;
    operator.send(Method::PATCH, &user("a"), json!({"features": ["agent_calls"]})).await;
    assert_eq!(
        holder.message().await,
        json!({"type": "released", "licences": ["agent_email"], "reason": "unassigned"})
    );
    assert_eq!(next.message().await["licences"][0]["licence"], "agent_email");
    let log = last(&operator, 2).await;
    assert_eq!(log[0], released("agent_email", "a", "unassigned"));
    assert_eq!((&*log[1][0], &*log[1][2]), ("Acquired", "b"));
    assert_eq!(holder.ask(json!({"type": "ping"})).await["type"], "pong", "the seat stays");
}

#[tokio::test]
async fn a_feature_taken_away_leaves_the_queue_and_one_added_acts_at_the_next_acquire() {
    let broker = with_email(1).await;
    let operator = broker.operator();
    let _holder = log_in(&broker, "a", "agent_desktop").await;
    let mut next = waiting(&broker, "b").await;
    operator.send(Method::PATCH, &user("b"), json!({"features": []})).await;
    assert_eq!(next.message().await["reason"], "unassigned");
    assert_eq!(operator.licence(129, "agent_email").await["waiting"], 0);
    operator.buy(129, "agent_sms", 1, 0).await;
    operator.send(Method::PATCH, &user("b"), json!({"features": ["agent_sms"]})).await;
    let acquired = next.ask(json!({"type": "acquire", "channels": ["agent_sms"]})).await;
    assert_eq!(acquired["granted"], json!([{"licence": "agent_sms", "pool": "concurrent"}]));
}

#[tokio::test]
async fn a_change_that_concerns_no_session_leaves_them_alone() {
    let broker = with_email(1).await;
    let operator = broker.operator();
    let mut socket = log_in(&broker, "a", "agent_desktop").await;
    operator.send(Method::PATCH, &user("a"), json!({"name": "Anna"})).await;
    operator.send(Method::PATCH, &user("a"), json!({"user_type": "inbound_agent"})).await;
    operator.send(Method::PATCH, "/v1/organisations/129", json!({"name": "Renamed"})).await;
    assert_eq!(
        socket.ask(json!({"type": "ping", "id": 1})).await,
        json!({"type": "pong", "id": 1})
    );
    assert_eq!(operator.usage(129).await.len(), 2);
}

#[tokio::test]
async fn seats_are_never_assigned_beyond_what_was_bought_nor_sold_below_what_is_assigned() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    let fixed = async |licence: &str, fixed: u32| {
        let path = format!("/v1/organisations/129/licences/{licence}");
        let body = json!({"base": 0, "concurrent": 0, "contingency": 0, "fixed": fixed});
        operator.call(Method::PUT, &path, Some(body)).await
    };
    let users = "/v1/organisations/129/users";
    let uc = |name: &str| json!({"user": name, "user_type": "uc_user"});
    let exhausted = |(status, problem): (StatusCode, Value), field: &str, licence: &str| {
        assert_eq!(status, StatusCode::CONFLICT, "{problem}");
        assert_eq!(problem["type"], "/problems/fixed_exhausted");
        assert_eq!((&problem["field"], &problem["licence"]), (&json!(field), &json!(licence)));
    };
    exhausted(operator.call(Method::POST, users, Some(uc("a"))).await, "user_type", "uc_user");
    assert_eq!(fixed("uc_user", 1).await.0, StatusCode::OK);
    operator.send(Method::POST, users, uc("a")).await;
    exhausted(operator.call(Method::POST, users, Some(uc("b"))).await, "user_type", "uc_user");
    exhausted(fixed("uc_user", 0).await, "fixed", "uc_user");
    let padlock = json!({"features": ["padlock"]});
    exhausted(
        operator.call(Method::PATCH, &user("a"), Some(padlock.clone())).await,
        "features",
        "padlock",
    );
    assert_eq!(fixed("padlock", 1).await.0, StatusCode::OK);
    let changed = operator.send(Method::PATCH, &user("a"), padlock).await;
    assert_eq!(changed["fixed_seats"], json!(["uc_user", "padlock"]));
    exhausted(fixed("padlock", 0).await, "fixed", "padlock");
    let row = operator.licence(129, "padlock").await;
    assert_eq!(row["fixed"], json!({"total": 1, "used": 1, "available": 0}));
    assert_eq!(row["over_allocated"], 0);
    operator.call(Method::DELETE, &user("a"), None).await;
    assert_eq!(fixed("padlock", 0).await.0, StatusCode::OK);
    operator.send(Method::POST, users, uc("b")).await;
    let (_socket, answer) = broker.login(129, "b", "deskphone").await;
    assert_eq!(answer["granted"], json!([{"licence": "uc_user", "pool": "fixed"}]));
}

#[tokio::test]
async fn an_organisation_made_anew_under_its_number_knows_nothing_of_the_old_one() {
    let broker = with_email(1).await;
    let operator = broker.operator();
    let mut socket = log_in(&broker, "a", "agent_desktop").await;
    let (_, denied) = broker.login(129, "b", "agent_desktop").await;
    assert_eq!(denied["reason"], "no_channel_licensed");
    let (status, _) = operator.call(Method::DELETE, "/v1/organisations/129", None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(socket.closed().await.0, 4505);
    for path in ["", "/users", "/licence-usage", "/sessions"] {
        let path = format!("/v1/organisations/129{path}");
        assert_eq!(operator.call(Method::GET, &path, None).await.0, StatusCode::NOT_FOUND);
    }
    operator.create_organisation(129).await;
    for list in ["users", "sessions", "holders", "licence-usage", "denials"] {
        let list = operator.get(&format!("/v1/organisations/129/{list}")).await;
        assert_eq!(list, json!({"items": [], "next_cursor": null}));
    }
    let row = operator.licence(129, "agent_email").await;
    assert_eq!((&row["concurrent"]["total"], &row["active_users"]), (&json!(0), &json!(0)));
    let (_, refused) = broker.login(129, "a", "agent_desktop").await;
    assert_eq!(refused["reason"], "user_unknown");
}

#[tokio::test]
async fn organisations_that_are_deleted_and_made_at_once_are_there_or_not_for_everybody() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    for _ in 0..20 {
        let body = json!({"id": 129, "name": "Again"});
        let (deleted, _) =
            tokio::join!(operator.call(Method::DELETE, "/v1/organisations/129", None), async {
                // Until the number is free, or it was lost to somebody else.
                for _ in 0..200 {
                    let made =
                        operator.call(Method::POST, "/v1/organisations", Some(body.clone())).await;
                    if made.0 == StatusCode::CREATED {
                        break;
                    }
                }
            });
        assert_eq!(deleted.0, StatusCode::NO_CONTENT);
        let (status, _) = operator.call(Method::GET, "/v1/organisations/129/licences", None).await;
        assert_eq!(status, StatusCode::OK, "it was created, so it is there");
    }
}

#[tokio::test]
async fn a_supervisor_logs_somebody_out_once() {
    let broker = with_email(1).await;
    let supervisor = broker.api(&broker.token(Role::Supervisor, 129, "sue"));
    let (mut socket, answer) = broker.login(129, "a", "agent_desktop").await;
    let path = format!("/v1/organisations/129/sessions/{}", answer["session"].as_str().unwrap());
    assert_eq!(supervisor.call(Method::DELETE, &path, None).await.0, StatusCode::NO_CONTENT);
    let (status, problem) = supervisor.call(Method::DELETE, &path, None).await;
    assert_eq!((status, &problem["type"]), (StatusCode::NOT_FOUND, &json!("/problems/not_found")));
    assert_eq!(socket.closed().await.0, 4505);
    let forced = [released("inbound_agent", "a", "forced"), released("agent_email", "a", "forced")];
    assert_eq!(last(&broker.operator(), 2).await, forced);
}

#[tokio::test]
async fn a_session_of_another_organisation_is_not_found() {
    let broker = with_email(1).await;
    broker.operator().create_organisation(130).await;
    let (mut socket, answer) = broker.login(129, "a", "agent_desktop").await;
    let path = format!("/v1/organisations/130/sessions/{}", answer["session"].as_str().unwrap());
    let (status, _) = broker.operator().call(Method::DELETE, &path, None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(socket.ask(json!({"type": "ping"})).await["type"], "pong");
}

#[tokio::test]
async fn an_import_acts_on_sessions_as_single_changes_do() {
    let broker = with_email(3).await;
    let operator = broker.operator();
    let mut kept = log_in(&broker, "a", "agent_desktop").await;
    let mut suspended = log_in(&broker, "b", "agent_desktop").await;
    let mut deleted = log_in(&broker, "c", "agent_desktop").await;
    let file = "user,status,user_type,features\n\
                a,active,inbound_agent,agent_calls\n\
                b,suspended,inbound_agent,agent_email\n\
                c,deleted,inbound_agent,\n";
    let request = operator.request(Method::POST, "/v1/organisations/129/users/import");
    let response = request.header("content-type", "text/csv").body(file).send().await.unwrap();
    assert_eq!(response.json::<Value>().await.unwrap()["accepted"], 3);
    assert_eq!(kept.message().await["reason"], "unassigned");
    assert_eq!(suspended.closed().await.0, 4507);
    assert_eq!(deleted.closed().await.0, 4507);
    let log = last(&operator, 5).await;
    for row in [
        released("agent_email", "a", "unassigned"),
        released("inbound_agent", "b", "user_changed"),
        released("inbound_agent", "c", "user_removed"),
    ] {
        assert!(log.contains(&row), "{row:?} in {log:?}");
    }
}
