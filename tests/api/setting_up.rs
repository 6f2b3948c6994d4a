//! The journey of an outside client: an organisation, its licences, twenty thousand users in one call,
//! their tokens, their logins, and the log as pages and as a file.

use crate::support::broker::TestBroker;
use crate::support::http::Api;
use chrono::{DateTime, Utc};
use licence_broker::auth::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const MANY: usize = 20_000;
/// "In seconds", in a build that is not optimised and on a machine that does other things.
const SECONDS: Duration = Duration::from_secs(20);

async fn import(api: &Api, query: &str, media_type: &str, file: String) -> (StatusCode, Value) {
    let path = format!("/v1/organisations/129/users/import{query}");
    let request = api.request(Method::POST, &path).header("content-type", media_type);
    let response = request.body(file).send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

fn csv(rows: usize) -> String {
    let rows = (0..rows).map(|n| {
        format!("agent{n:05},\"Agent {n}, 名\",active,inbound_agent,agent_email;agent_calls\r\n")
    });
    format!("user,name,status,user_type,features\r\n{}", rows.collect::<String>())
}

fn json_lines(rows: usize) -> String {
    let rows = (0..rows).map(|n| {
        let user = json!({"user": format!("agent{n:05}"), "name": format!("Agent {n}, 名"),
            "status": "active", "user_type": "inbound_agent",
            "features": ["agent_email", "agent_calls"]});
        format!("{user}\n")
    });
    rows.collect()
}

async fn with_organisation() -> (TestBroker, Api) {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    let body = json!({"id": 129, "name": "Example", "time_zone": "Asia/Tokyo"});
    operator.send(Method::POST, "/v1/organisations", body).await;
    operator.buy_base(129).await;
    let admin = broker.api(&broker.token(Role::Admin, 129, "ada"));
    (broker, admin)
}

#[tokio::test]
async fn an_outside_client_sets_up_an_organisation_and_reads_its_log() {
    let (broker, admin) = with_organisation().await;
    admin.buy(129, "inbound_agent", 30, 10).await;
    admin.buy(129, "agent_email", 30, 10).await;
    let started = Instant::now();
    let (status, report) = import(&admin, "", "text/csv", csv(MANY)).await;
    assert_eq!((status, &report["accepted"]), (StatusCode::OK, &json!(MANY)), "{report}");
    assert_eq!(report["rejected"], json!([]));
    assert!(started.elapsed() < SECONDS, "{:?}", started.elapsed());
    let row = admin.licence(129, "inbound_agent").await;
    assert_eq!((&row["active_users"], &row["active_billing_period"]), (&json!(MANY), &json!(MANY)));

    let asked: Vec<Value> = (0..MANY)
        .map(|n| json!({"sub": format!("agent{n:05}"), "role": "device", "ttl_s": 600}))
        .collect();
    let tokens = admin.send(Method::POST, "/v1/tokens", json!({"tokens": asked})).await;
    let tokens = tokens["items"].as_array().unwrap();
    assert_eq!(tokens.len(), MANY);

    for index in (0..MANY).step_by(MANY / 40) {
        let mut socket = broker.connect(129, "session").await;
        let login =
            json!({"type": "login", "token": tokens[index]["token"], "device": "agent_desktop"});
        let answer = socket.ask(login).await;
        assert_eq!(
            (&answer["type"], &answer["user"]),
            (&json!("logged_in"), &tokens[index]["sub"])
        );
        socket.log_out().await;
    }
    pages_and_file_agree(&admin, 40 * 4).await;
}

/// The same records in the same order, whether read page by page or as a file.
async fn pages_and_file_agree(admin: &Api, expected: usize) {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/organisations/129/licence-usage?limit=7{cursor}");
        let page = admin.get(&path).await;
        pages.extend(page["items"].as_array().unwrap().iter().map(as_line));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let file = admin.csv("/v1/organisations/129/licence-usage").await;
    let mut reader = csv::Reader::from_reader(file.as_bytes());
    let rows: Vec<Vec<String>> = reader
        .records()
        .map(|record| record.unwrap().iter().map(str::to_owned).collect())
        .collect();
    assert_eq!(rows.len(), expected);
    assert_eq!(rows, pages);
}

/// A record of the JSON form as the file has it: licence types by name, times on the clocks of Tokyo.
fn as_line(row: &Value) -> Vec<String> {
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let at: DateTime<Utc> = text("logged_at").parse().unwrap();
    let at = at.with_timezone(&chrono_tz::Asia::Tokyo).format("%Y-%m-%d %H:%M:%S").to_string();
    let licence = match &*text("licence") {
        "inbound_agent" => "Inbound Agent",
        "agent_email" => "Agent E-mail",
        other => panic!("{other} was not bought"),
    };
    let mut line = vec![text("usage_type"), at, licence.to_owned()];
    line.extend(["user", "logon_source", "device", "session", "pool", "reason"].map(text));
    line
}

#[tokio::test]
async fn twenty_thousand_users_come_as_json_lines_too_and_a_second_time_change_nothing() {
    let (_broker, admin) = with_organisation().await;
    let started = Instant::now();
    for _ in 0..2 {
        let (status, report) = import(&admin, "", "application/x-ndjson", json_lines(MANY)).await;
        assert_eq!((status, &report["accepted"]), (StatusCode::OK, &json!(MANY)), "{report}");
    }
    assert!(started.elapsed() < 2 * SECONDS, "{:?}", started.elapsed());
    let row = admin.licence(129, "inbound_agent").await;
    assert_eq!(row["active_users"], MANY);
    let page = admin.get("/v1/organisations/129/users?limit=1000").await;
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1_000));
    let first = &page["items"][0];
    assert_eq!((&first["user"], &first["name"]), (&json!("agent00000"), &json!("Agent 0, 名")));
    assert_eq!(first["features"], json!(["agent_calls", "agent_email"]));
}

const WITH_WRONG_ROWS: &str = "user,name,status,user_type,features\n\
    good1,Good,active,inbound_agent,agent_email\n\
    bad1,Bad,active,nobody,\n\
    ,Bad,active,inbound_agent,\n\
    bad2,Bad,asleep,inbound_agent,\n\
    bad3,Bad,active,inbound_agent,agent_fax\n\
    \n\
    good1,Again,active,inbound_agent,\n\
    bad4,Bad,active\n\
    bad5,Bad,active,uc_user,\n\
    good2,Good,,supervisor,\n";

/// Line and field of each row that was rejected.
fn rejected(report: &Value) -> Vec<(u64, Option<&str>)> {
    let rows = report["rejected"].as_array().unwrap_or_else(|| panic!("{report}"));
    for row in rows {
        assert!(row["error"].as_str().is_some_and(|error| !error.is_empty()), "{row}");
        assert_eq!(row.as_object().unwrap().len(), 3, "{row}");
    }
    rows.iter().map(|row| (row["line"].as_u64().unwrap(), row["field"].as_str())).collect()
}

const WRONG_IN_THEMSELVES: [(u64, Option<&str>); 6] = [
    (3, Some("user_type")),
    (4, Some("user")),
    (5, Some("status")),
    (6, Some("features")),
    (8, Some("user")),
    (9, None),
];

#[tokio::test]
async fn an_atomic_import_with_a_wrong_row_changes_nothing_and_says_which() {
    let (_broker, admin) = with_organisation().await;
    for query in ["", "?atomic=true"] {
        let (status, report) = import(&admin, query, "text/csv", WITH_WRONG_ROWS.to_owned()).await;
        assert_eq!((status, &report["accepted"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(0)));
        assert_eq!(rejected(&report), WRONG_IN_THEMSELVES);
        assert_eq!(admin.get("/v1/organisations/129/users").await["items"], json!([]));
    }
    // Right in themselves, and one seat too many.
    let file = "user,user_type\na,inbound_agent\nb,uc_user\n".to_owned();
    let (status, report) = import(&admin, "", "text/csv", file).await;
    assert_eq!((status, &report["accepted"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(0)));
    assert_eq!(rejected(&report), [(3, Some("user_type"))]);
    assert_eq!(admin.get("/v1/organisations/129/users").await["items"], json!([]));
}

#[tokio::test]
async fn an_import_that_is_not_atomic_takes_the_good_rows() {
    let (_broker, admin) = with_organisation().await;
    let file = WITH_WRONG_ROWS.to_owned();
    let (status, report) = import(&admin, "?atomic=false", "text/csv", file).await;
    assert_eq!((status, &report["accepted"]), (StatusCode::OK, &json!(2)), "{report}");
    let mut expected = WRONG_IN_THEMSELVES.to_vec();
    expected.push((10, Some("user_type")));
    assert_eq!(rejected(&report), expected);
    let users = admin.all("/v1/organisations/129/users").await;
    let names: Vec<&Value> = users.iter().map(|user| &user["user"]).collect();
    assert_eq!(names, ["good1", "good2"]);
    assert_eq!((&users[0]["name"], &users[1]["status"]), (&json!("Good"), &json!("active")));
}

#[tokio::test]
async fn json_lines_are_rejected_by_line_and_field() {
    let (_broker, admin) = with_organisation().await;
    let file = "{\"user\":\"a\",\"user_type\":\"inbound_agent\"}\n\
                \n\
                {\"user\":7,\"user_type\":\"inbound_agent\"}\n\
                not json\n\
                [\"b\"]\n\
                {\"user\":\"c\",\"user_type\":\"inbound_agent\",\"features\":[7]}\n\
                {\"user\":\"d\",\"user_type\":\"inbound_agent\",\"shoe_size\":43}";
    let (status, report) =
        import(&admin, "?atomic=false", "application/x-ndjson", file.to_owned()).await;
    assert_eq!((status, &report["accepted"]), (StatusCode::OK, &json!(2)), "{report}");
    let expected = [(3, Some("user")), (4, None), (5, None), (6, Some("features"))];
    assert_eq!(rejected(&report), expected);
}

#[tokio::test]
async fn an_import_without_a_head_or_a_row_is_told_so() {
    let (_broker, admin) = with_organisation().await;
    for (file, field) in [("", "user"), ("name,user_type\n", "user"), ("user,name\n", "user_type")]
    {
        let (status, problem) = import(&admin, "", "text/csv", file.to_owned()).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
        assert_eq!(problem["field"], field, "{file}");
    }
    for (media_type, file) in [("text/csv", "user,user_type\n"), ("application/x-ndjson", "")] {
        let (status, report) = import(&admin, "", media_type, file.to_owned()).await;
        assert_eq!((status, &report["accepted"]), (StatusCode::OK, &json!(0)));
    }
}
