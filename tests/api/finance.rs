//! What finance and administrators read and set: bills, prices, licence metrics, wallboards, the PBX's
//! list. The clock is turned by hand.

use crate::support::broker::{Setup, TestBroker};
use crate::support::http::{Api, BASE};
use crate::support::socket::Socket;
use licence_broker::clock::Clock;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// A centre in London at noon of the last day of March, and the hand of its clock.
async fn centre() -> (TestBroker, Api, Clock) {
    let clock = Clock::manual("2026-03-31T12:00:00Z".parse().unwrap());
    let setup = Setup { clock: clock.clone(), ..Setup::default() };
    let broker = TestBroker::with(setup).await;
    let operator = broker.operator();
    let body = json!({"id": 129, "name": "Example", "time_zone": "Europe/London"});
    operator.send(Method::POST, "/v1/organisations", body).await;
    operator.buy(129, "inbound_agent", 10, 0).await;
    operator.buy(129, "agent_email", 1, 3).await;
    for user in ["ada", "bo", "cy"] {
        operator.add_user(129, user, "inbound_agent", &["agent_email"]).await;
    }
    (broker, operator, clock)
}

async fn log_in(broker: &TestBroker, user: &str) -> (Socket, String) {
    let (socket, answer) = broker.login(129, user, "agent_desktop").await;
    (socket, answer["session"].as_str().unwrap().to_owned())
}

/// The statement of a month.
async fn bill(api: &Api, month: &str) -> Value {
    api.get(&format!("/v1/organisations/129/billing/{month}")).await
}

fn line<'a>(statement: &'a Value, licence: &str) -> &'a Value {
    let lines = statement["lines"].as_array().unwrap();
    lines.iter().find(|line| line["licence"] == licence).expect("a line for the type")
}

async fn put(api: &Api, path: &str, body: Value) -> (StatusCode, Value) {
    api.call(Method::PUT, &format!("/v1/organisations/129/{path}"), Some(body)).await
}

#[tokio::test]
async fn a_statement_names_what_was_used_when_and_by_whom_and_never_changes_once_closed() {
    let (broker, operator, clock) = centre().await;
    let (status, _) = put(&operator, "prices/agent_email", json!({"unit_price": "12.50"})).await;
    assert_eq!(status, StatusCode::OK);
    let mut agents = Vec::new();
    for user in ["ada", "bo", "cy"] {
        agents.push(log_in(&broker, user).await);
        clock.advance(MINUTE);
    }
    let [mut ada, bo, cy] = <[_; 3]>::try_from(agents).ok().unwrap();
    let march = bill(&operator, "2026-03").await;
    assert_eq!((&march["month"], &march["closed"]), (&json!("2026-03"), &json!(false)));
    assert_eq!(
        *line(&march, "agent_email"),
        json!({"licence": "agent_email", "base": 0, "concurrent": 1, "fixed": 0,
            "contingency_max_used": 2, "reached_at": "2026-03-31T12:02:00.000Z",
            "sessions": [bo.1, cy.1], "unit_price": "12.50", "amount": "25.00"})
    );
    let seat = line(&march, "inbound_agent");
    assert_eq!((&seat["base"], &seat["concurrent"]), (&json!(BASE), &json!(10)));
    assert_eq!((&seat["amount"], &march["total"]), (&Value::Null, &json!("25.00")));

    let answer = ada.0.ask(json!({"type": "logout"})).await;
    assert_eq!(answer["type"], "logged_out");
    // Summer time: April begins at 23:00 UTC.
    clock.advance(MINUTE * 60 * 12);
    broker.inside.directory.tick().await;
    for (path, body) in [
        ("prices/agent_email", json!({"unit_price": "99"})),
        ("licences/agent_email", json!({"base":0, "concurrent":7, "contingency":9, "fixed":0})),
    ] {
        assert_eq!(put(&operator, path, body).await.0, StatusCode::OK);
    }
    let closed = bill(&operator, "2026-03").await;
    assert_eq!(closed["closed"], true);
    assert_eq!((&closed["lines"], &closed["total"]), (&march["lines"], &march["total"]));
    let april = bill(&operator, "2026-04").await;
    let email = line(&april, "agent_email");
    assert_eq!(
        (&email["contingency_max_used"], &email["reached_at"], &email["sessions"]),
        (&json!(1), &json!("2026-03-31T23:00:00.000Z"), &json!([cy.1])),
        "the maximum restarts at what is in use then"
    );
    assert_eq!((&email["concurrent"], &email["amount"]), (&json!(7), &json!("99")));
    for month in ["2026-05", "2026-02", "2026-13", "2026-3", "march"] {
        let path = format!("/v1/organisations/129/billing/{month}");
        assert_eq!(
            operator.call(Method::GET, &path, None).await.0,
            StatusCode::NOT_FOUND,
            "{month}"
        );
    }
}

#[tokio::test]
async fn each_line_opens_to_the_records_that_make_it_and_they_sum_to_it() {
    let (broker, operator, clock) = centre().await;
    let mut sessions = Vec::new();
    for user in ["ada", "bo", "cy"] {
        sessions.push(log_in(&broker, user).await);
        clock.advance(MINUTE);
    }
    operator.buy(129, "agent_email", 1, 5).await;
    let why = operator.get("/v1/organisations/129/billing/2026-03/agent_email").await;
    let statement = bill(&operator, "2026-03").await;
    assert_eq!(why["line"], *line(&statement, "agent_email"));
    let holders = why["holders"].as_array().unwrap();
    assert_eq!(json!(holders.len()), why["line"]["contingency_max_used"]);
    let held = |user: &str, session: &str, at: &str| {
        json!({"user": user, "sessions": [{"session": session, "device": "agent_desktop",
            "acquired_at": at, "pool": "contingency"}]})
    };
    assert_eq!(
        *holders,
        [
            held("bo", &sessions[1].1, "2026-03-31T12:01:00.000Z"),
            held("cy", &sessions[2].1, "2026-03-31T12:02:00.000Z"),
        ]
    );
    let bought = why["bought"].as_array().unwrap();
    let totals: Vec<_> = bought.iter().map(|was| (&was["since"], &was["contingency"])).collect();
    let expected = [
        (json!("2026-03-31T12:00:00.000Z"), json!(3)),
        (json!("2026-03-31T12:03:00.000Z"), json!(5)),
    ];
    assert_eq!(totals, expected.iter().map(|(since, total)| (since, total)).collect::<Vec<_>>());
    let unknown = "/v1/organisations/129/billing/2026-03/agent_sms";
    assert_eq!(operator.call(Method::GET, unknown, None).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_statement_comes_as_csv_with_names_and_local_time() {
    let (broker, operator, _clock) = centre().await;
    let first = log_in(&broker, "ada").await;
    let second = log_in(&broker, "bo").await;
    put(&operator, "prices/agent_email", json!({"unit_price": "0.10"})).await;
    let text = operator.csv("/v1/organisations/129/billing/2026-03").await;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "Organisation ID,Month,Licence Type,Base,Concurrent,Fixed,Contingency Max Used,Reached At,\
         Sessions,Unit Price,Amount"
    );
    assert_eq!(lines[1], format!("129,2026-03,Inbound Agent,{BASE},10,0,0,,,,"));
    let email =
        format!("129,2026-03,Agent E-mail,0,1,0,1,2026-03-31 13:00:00,{},0.10,0.10", second.1);
    assert_eq!(lines[2], email);
    assert_eq!(lines.len(), 3);
    drop(first);
}

#[tokio::test]
async fn a_price_is_an_exact_decimal_of_a_type_that_is_sold_as_contingency() {
    let (_broker, operator, _clock) = centre().await;
    for wrong in [json!("12,5"), json!("-1"), json!(12.5), json!(""), json!("1e3")] {
        let (status, problem) =
            put(&operator, "prices/agent_email", json!({"unit_price": wrong})).await;
        assert_eq!(
            (status, &problem["field"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!("unit_price"))
        );
    }
    assert_eq!(put(&operator, "prices/agent_email", json!({})).await.1["field"], "unit_price");
    for unsold in ["view", "telex", "wallboard"] {
        let path = format!("prices/{unsold}");
        let (status, _) = put(&operator, &path, json!({"unit_price": "1"})).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{unsold}");
    }
    put(&operator, "prices/agent_email", json!({"unit_price": "12.50"})).await;
    let prices = operator.all("/v1/organisations/129/prices").await;
    let with_price: Vec<_> = prices.iter().filter(|price| !price["unit_price"].is_null()).collect();
    assert_eq!(with_price, [&json!({"licence": "agent_email", "unit_price": "12.50"})]);
    let (_, cleared) = put(&operator, "prices/agent_email", json!({"unit_price": null})).await;
    assert_eq!(cleared, json!({"licence": "agent_email", "unit_price": null}));
}

#[tokio::test]
async fn base_licences_are_refused_when_none_is_available_and_free_again_after_their_90_days() {
    let (_broker, operator, clock) = centre().await;
    let day = MINUTE * 60 * 24;
    let totals = |base: u32| json!({"base": base, "concurrent": 1, "contingency": 0, "fixed": 0});
    let supervisors = "licences/supervisor";
    assert_eq!(put(&operator, supervisors, totals(1)).await.0, StatusCode::OK);
    let add = async |user: &str| {
        let body = json!({"user": user, "user_type": "supervisor"});
        operator.call(Method::POST, "/v1/organisations/129/users", Some(body)).await
    };
    let delete = async |user: &str| {
        let path = format!("/v1/organisations/129/users/{user}");
        assert_eq!(operator.call(Method::DELETE, &path, None).await.0, StatusCode::NO_CONTENT);
    };
    let base = async || operator.licence(129, "supervisor").await["base"].clone();
    assert_eq!(add("first").await.0, StatusCode::CREATED);
    let (status, problem) = add("second").await;
    assert_eq!(
        (status, &problem["type"]),
        (StatusCode::CONFLICT, &json!("/problems/base_exhausted"))
    );
    assert_eq!(put(&operator, supervisors, totals(0)).await.0, StatusCode::CONFLICT);
    clock.advance(day * 10);
    delete("first").await;
    assert_eq!(base().await, json!({"total": 1, "used": 1, "reusable": 1, "available": 1}));
    clock.advance(day);
    assert_eq!(add("second").await.0, StatusCode::CREATED);
    clock.advance(day);
    delete("second").await;
    assert_eq!(base().await, json!({"total": 1, "used": 1, "reusable": 0, "available": 0}));
    clock.advance(day * 89 - Duration::from_millis(1));
    assert_eq!(add("third").await.0, StatusCode::CONFLICT);
    clock.advance(Duration::from_millis(1));
    assert_eq!(add("third").await.0, StatusCode::CREATED);
    assert_eq!(base().await, json!({"total": 1, "used": 1, "reusable": 0, "available": 0}));
}

#[tokio::test]
async fn active_in_the_billing_period_is_whoever_was_at_any_time_of_the_month() {
    let (broker, operator, clock) = centre().await;
    let users = "/v1/organisations/129/users";
    let patch = json!({"status": "suspended"});
    operator.send(Method::PATCH, &format!("{users}/ada"), patch).await;
    operator.call(Method::DELETE, &format!("{users}/bo"), None).await;
    operator.add_user(129, "bo", "inbound_agent", &[]).await;
    let counts = async |licence: &str| {
        let row = operator.licence(129, licence).await;
        (row["active_users"].as_u64().unwrap(), row["active_billing_period"].as_u64().unwrap())
    };
    assert_eq!(counts("inbound_agent").await, (2, 4), "two bos are two people");
    assert_eq!(counts("agent_email").await, (1, 3));
    let head = operator.get("/v1/organisations/129/licences").await["organisation"].clone();
    assert_eq!(
        head,
        json!({"id": 129, "name": "Example", "time_zone": "Europe/London",
            "active_users": 2, "active_billing_period": 4})
    );
    let patch = json!({"status": "active"});
    operator.send(Method::PATCH, &format!("{users}/ada"), patch).await;
    assert_eq!(counts("inbound_agent").await, (3, 4));
    clock.advance(MINUTE * 60 * 12);
    broker.inside.directory.tick().await;
    assert_eq!(counts("inbound_agent").await, (3, 3), "a month begins with who is active then");
}

#[tokio::test]
async fn wallboards_are_configured_up_to_their_maximum_and_are_of_their_users_kind() {
    let (_broker, operator, _clock) = centre().await;
    operator.add_user(129, "sup", "inbound_agent", &["live_analytics_supervisor"]).await;
    let boards = "/v1/organisations/129/wallboards";
    let register = async |id: &str, user: Value| {
        let body = json!({"id": id, "name": "Lobby", "user": user});
        operator.call(Method::POST, boards, Some(body)).await
    };
    assert_eq!(register("one", Value::Null).await.1["type"], "/problems/wallboards_exhausted");
    let (status, set) = put(&operator, "licence-metrics/wallboard", json!({"maximum": 2})).await;
    assert_eq!(
        (status, set),
        (StatusCode::OK, json!({"used": 0, "maximum": 2, "analytics": 0, "live_analytics": 0}))
    );
    let (status, board) = register("one", json!("sup")).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(
        board,
        json!({"id": "one", "name": "Lobby", "user": "sup", "kind": "live_analytics",
            "connected": false})
    );
    assert_eq!(register("one", Value::Null).await.1["type"], "/problems/exists");
    assert_eq!(register("two", json!("nobody")).await.1["field"], "user");
    assert_eq!(register("two", json!("ada")).await.1["kind"], "analytics");
    let (status, problem) = register("three", Value::Null).await;
    assert_eq!((status, &problem["maximum"]), (StatusCode::CONFLICT, &json!(2)));
    let (status, problem) =
        put(&operator, "licence-metrics/wallboard", json!({"maximum": 1})).await;
    assert_eq!((status, &problem["field"]), (StatusCode::CONFLICT, &json!("maximum")));
    let metrics = operator.get("/v1/organisations/129/licence-metrics").await;
    assert_eq!(
        metrics["devices"],
        json!({"wallboard": {"used": 2, "maximum": 2, "analytics": 1, "live_analytics": 1}})
    );
    let groups: Vec<_> = ["users", "clients", "supervisor"]
        .map(|group| metrics[group].as_array().unwrap().len())
        .into();
    assert_eq!(groups, [3, 2, 5]);
    assert_eq!(
        metrics["supervisor"][3],
        json!({"licence": "live_analytics_supervisor", "name": "Live Analytics Supervisor",
            "assigned": 1})
    );
    let gone = operator.call(Method::DELETE, "/v1/organisations/129/users/sup", None).await;
    assert_eq!(gone.0, StatusCode::NO_CONTENT);
    let listed = operator.all(boards).await;
    assert_eq!((&listed[0]["user"], &listed[0]["kind"]), (&Value::Null, &json!("analytics")));
    let path = format!("{boards}/one");
    assert_eq!(operator.call(Method::DELETE, &path, None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(operator.call(Method::DELETE, &path, None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(register("three", Value::Null).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn the_list_of_the_pbx_leaves_what_was_assigned_by_hand() {
    let (_broker, operator, _clock) = centre().await;
    operator.add_user(129, "dee", "inbound_agent", &["agent_user_add_on"]).await;
    let sync = async |users: Value| {
        put(&operator, "licence-sync/agent_user_add_on", json!({"users": users})).await.1
    };
    let assigned = async || {
        let metrics = operator.get("/v1/organisations/129/licence-metrics").await;
        metrics["users"][2]["assigned"].as_u64().unwrap()
    };
    let features = async |user: &str| {
        operator.get(&format!("/v1/organisations/129/users/{user}")).await["features"].clone()
    };
    assert_eq!(
        sync(json!(["ada", "bo", "ada", "zoe"])).await,
        json!({"synced": 2, "added": 2, "removed": 0, "unknown": ["zoe"]})
    );
    assert_eq!(assigned().await, 3);
    assert_eq!(features("ada").await, json!(["agent_email", "agent_user_add_on"]));
    // What is read and written back stays the list's.
    let same = json!({"features": features("ada").await});
    operator.send(Method::PATCH, "/v1/organisations/129/users/ada", same).await;
    assert_eq!(
        sync(json!(["bo", "dee"])).await,
        json!({"synced": 2, "added": 1, "removed": 1, "unknown": []})
    );
    assert_eq!(features("ada").await, json!(["agent_email"]));
    sync(json!([])).await;
    assert_eq!(features("dee").await, json!(["agent_user_add_on"]), "by hand");
    assert_eq!(assigned().await, 1);
    let wrong = put(&operator, "licence-sync/agent_user_add_on", json!({"users": "ada"})).await;
    assert_eq!((wrong.0, &wrong.1["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("users")));
    let unknown = put(&operator, "licence-sync/agent_email", json!({"users": []})).await;
    assert_eq!(unknown.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_changed_meanwhile_is_not_overwritten() {
    let (_broker, operator, _clock) = centre().await;
    for (read, write, body) in [
        ("prices", "prices/agent_email", json!({"unit_price": "1"})),
        ("licence-metrics", "licence-metrics/wallboard", json!({"maximum": 3})),
    ] {
        let read = format!("/v1/organisations/129/{read}");
        let write = format!("/v1/organisations/129/{write}");
        let seen = operator.request(Method::GET, &read).send().await.unwrap();
        let tag = seen.headers()["etag"].to_str().unwrap().to_owned();
        let mut answers = Vec::new();
        for _ in 0..2 {
            let request = operator.request(Method::PUT, &write).header("if-match", &tag);
            answers.push(request.json(&body).send().await.unwrap().status().as_u16());
        }
        assert_eq!(answers, [200, 412], "{write}");
    }
}

#[tokio::test]
async fn view_licences_comes_as_csv_with_the_columns_of_its_page() {
    let (_broker, operator, _clock) = centre().await;
    let text = operator.csv("/v1/organisations/129/licences?class=user_type").await;
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("Organisation,Active Users,Licence Type,Base Total,Base Used"));
    let inbound = lines.iter().find(|line| line.contains("Inbound Agent")).expect("a row");
    let free = BASE - 3;
    assert_eq!(
        **inbound,
        format!("Example,3,Inbound Agent,{BASE},3,0,{free},10,0,10,0,0,0,0,3,0,0,0,0,0")
    );
    assert_eq!(lines.len(), 10, "a head and a row for each user type");
}
