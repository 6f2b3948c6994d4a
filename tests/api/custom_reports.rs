//! Custom reports: what they can be made of, what they answer, and that nothing from outside gets into
//! the statements that make them.

use crate::figures::{add_agent, at, minutes, turn};
use crate::support::broker::TestBroker;
use licence_broker::clock::Clock;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const FIELDS: &str = "/v1/organisations/129/reports/fields";
const REPORTS: &str = "/v1/organisations/129/reports";

/// `a` on a desktop and, an hour later, on a deskphone; `b` on a desktop. All log out.
async fn with_usage() -> (TestBroker, Clock) {
    let (broker, clock) = at("2020-07-06T12:40:00Z", "Asia/Kolkata").await;
    let operator = broker.operator();
    operator.buy(129, "inbound_agent", 5, 0).await;
    operator.buy(129, "agent_email", 5, 0).await;
    for user in ["a", "b"] {
        add_agent(&operator, user, &["agent_email"]).await;
    }
    let (desktop, _) = broker.login(129, "a", "agent_desktop").await;
    let (other, _) = broker.login(129, "b", "agent_desktop").await;
    turn(&operator, &clock, minutes(60)).await;
    let (phone, _) = broker.login(129, "a", "deskphone").await;
    for socket in [desktop, other, phone] {
        socket.log_out().await;
    }
    (broker, clock)
}

async fn report(broker: &TestBroker, body: Value) -> Value {
    broker.operator().send(Method::POST, REPORTS, body).await
}

#[tokio::test]
async fn every_field_says_its_type_whether_it_filters_and_whether_it_is_a_dimension() {
    let (broker, _clock) = at("2020-07-06T12:00:00Z", "UTC").await;
    let list = broker.operator().get(FIELDS).await;
    let sources = list["items"].as_array().unwrap();
    let names: Vec<_> = sources.iter().map(|source| source["source"].as_str().unwrap()).collect();
    assert_eq!(names, ["licence_usage", "organisation_licence_usage", "denials"]);
    for source in sources {
        for field in source["fields"].as_array().unwrap() {
            assert_eq!(field.as_object().map(serde_json::Map::len), Some(6), "{field}");
            let kind = field["type"].as_str().unwrap();
            assert!(["string", "integer", "time", "word"].contains(&kind), "{field}");
            assert_eq!(field["values"].is_array(), kind == "word", "{field}");
            let operators = field["operators"].as_array().unwrap();
            assert_eq!(field["filter"], json!(!operators.is_empty()), "{field}");
            assert!(field["dimension"].is_boolean(), "{field}");
        }
        assert!(!source["metrics"].as_array().unwrap().is_empty());
    }
}

/// What the list of fields says can be asked for is served, and each answer has its columns.
#[tokio::test]
async fn whatever_is_listed_can_be_asked_for() {
    let (broker, _clock) = with_usage().await;
    let list = broker.operator().get(FIELDS).await;
    for source in list["items"].as_array().unwrap() {
        for metric in source["metrics"].as_array().unwrap() {
            for field in source["fields"].as_array().unwrap() {
                let dimensions =
                    if field["dimension"] == true { vec![&field["name"]] } else { vec![] };
                let body = json!({"source": source["source"], "dimensions": dimensions,
                    "metrics": [metric["name"]]});
                let answer = report(&broker, body).await;
                let mut columns = dimensions.clone();
                columns.push(&metric["name"]);
                assert_eq!(answer["columns"], json!(columns), "{field}");
                let rows = answer["items"].as_array().unwrap();
                assert!(rows.iter().all(|row| row.as_array().unwrap().len() == columns.len()));
            }
        }
    }
}

#[tokio::test]
async fn a_report_has_the_shape_of_the_contract() {
    let (broker, _clock) = with_usage().await;
    let body = json!({"source": "licence_usage", "dimensions": ["licence", "hour"],
        "metrics": ["acquired", "users"],
        "filters": [{"field": "user", "op": "in", "value": ["a", "b"]}],
        "from": "2020-07-06T00:00:00Z", "to": "2020-07-07T00:00:00Z",
        "order": ["-acquired", "hour"], "limit": 2});
    let answer = report(&broker, body).await;
    let expected = json!({"columns": ["licence", "hour", "acquired", "users"], "items": [
        ["agent_email", "2020-07-06T12:30:00.000Z", 2, 2],
        ["inbound_agent", "2020-07-06T12:30:00.000Z", 2, 2],
    ]});
    assert_eq!(answer, expected);
    let by_day = json!({"source": "organisation_licence_usage", "interval": "1d",
        "metrics": ["concurrent_avg", "records"],
        "filters": [{"field": "licence", "op": "eq", "value": "agent_email"}]});
    let expected = json!({"columns": ["day", "concurrent_avg", "records"],
        "items": [["2020-07-06", 2.0, 12]]});
    assert_eq!(report(&broker, by_day).await, expected);
}

#[tokio::test]
async fn a_report_is_a_file_for_those_who_ask_for_one() {
    let (broker, _clock) = with_usage().await;
    let body = json!({"source": "licence_usage", "dimensions": ["hour", "licence", "reason"],
        "metrics": ["acquired"], "filters": [{"field": "user", "op": "eq", "value": "a"},
            {"field": "usage_type", "op": "eq", "value": "Acquired"}]});
    for (query, accept) in [("", "text/csv"), ("?format=csv", "application/json")] {
        let operator = broker.operator();
        let request = operator.request(Method::POST, &format!("{REPORTS}{query}"));
        let response = request.header("accept", accept).json(&body).send().await.unwrap();
        let media_type = response.headers()["content-type"].to_str().unwrap().to_owned();
        assert!(media_type.starts_with("text/csv"), "{media_type}");
        let expected = "hour,licence,reason,acquired\r\n\
            2020-07-06 18:00:00,Agent E-mail,,1\r\n\
            2020-07-06 18:00:00,Inbound Agent,,1\r\n\
            2020-07-06 19:00:00,Inbound Agent,,1\r\n";
        assert_eq!(response.text().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn nothing_from_outside_gets_into_a_statement() {
    let (broker, _clock) = with_usage().await;
    let operator = broker.operator();
    let before = operator.usage(129).await;
    for text in [
        "' OR '1'='1",
        "a'; DROP TABLE usage; --",
        "\" OR 1=1",
        "%",
        "_",
        "?1",
        "$1",
        ":user",
        "\0",
        "",
        "a' UNION SELECT resume FROM sessions --",
    ] {
        for op in ["eq", "contains", "starts_with", "in"] {
            let value = if op == "in" { json!([text]) } else { json!(text) };
            let body = json!({"source": "licence_usage", "metrics": ["acquired"],
                "filters": [{"field": "user", "op": op, "value": value}]});
            let found = report(&broker, body).await["items"][0][0].clone();
            let is_everywhere = text.is_empty() && ["contains", "starts_with"].contains(&op);
            assert_eq!(found == json!(0), !is_everywhere, "{op} {text:?}: {found}");
        }
        for member in ["source", "dimensions", "metrics", "order", "interval"] {
            let mut body = json!({"source": "licence_usage", "metrics": ["acquired"]});
            let is_list = !["source", "interval"].contains(&member);
            body[member] = if is_list { json!([text]) } else { json!(text) };
            let (status, problem) = operator.call(Method::POST, REPORTS, Some(body)).await;
            let named = problem["field"].as_str().unwrap_or_default();
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{member} {text:?}");
            assert!(named.starts_with(member), "{member} {text:?}: {problem}");
        }
    }
    assert_eq!(operator.usage(129).await, before);
}

#[tokio::test]
async fn what_is_wrong_with_a_report_is_named() {
    let (broker, _clock) = at("2020-07-06T12:00:00Z", "UTC").await;
    let operator = broker.operator();
    let filter =
        |field: &str, op: &str, value: Value| json!([{"field": field, "op": op, "value": value}]);
    for (member, value, field) in [
        ("source", json!("users"), "source"),
        ("dimensions", json!(["logged_at"]), "dimensions[0]"),
        ("metrics", json!(["denials"]), "metrics[0]"),
        ("filters", filter("user", "gt", json!("a")), "filters[0].op"),
        ("filters", filter("month", "eq", json!("a")), "filters[0].field"),
        ("filters", filter("pool", "in", json!(["shared", "x"])), "filters[0].value[1]"),
        ("order", json!(["-users"]), "order[0]"),
        ("limit", json!(100_000), "limit"),
        ("from", json!("2019-01-01T00:00:00Z"), "from"),
        ("colour", json!("red"), "colour"),
    ] {
        let mut body = json!({"source": "licence_usage", "metrics": ["acquired"]});
        body[member] = value;
        let (status, problem) = operator.call(Method::POST, REPORTS, Some(body)).await;
        assert_eq!((status.as_u16(), &problem["field"]), (422, &json!(field)), "{problem}");
    }
}

#[tokio::test]
async fn a_report_above_the_bound_is_told_to_come_back() {
    let (broker, _clock) = at("2020-07-06T12:00:00Z", "UTC").await;
    let body = json!({"source": "licence_usage", "metrics": ["acquired"]});
    let all = broker.inside.reports.available_permits();
    let permits = broker.inside.reports.acquire_many(all.try_into().unwrap()).await.unwrap();
    let request = broker.operator().request(Method::POST, REPORTS).json(&body);
    let refused = request.send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(refused.json::<Value>().await.unwrap()["type"], "/problems/overloaded");
    drop(permits);
    assert_eq!(report(&broker, body).await["items"], json!([[0]]));
}
