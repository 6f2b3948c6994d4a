//! Lists: oldest first, page by page, whatever is added meanwhile; and each filter of the reports.

use crate::support::broker::{Setup, TestBroker};
use crate::support::http::Api;
use chrono::{DateTime, Utc};
use licence_broker::clock::Clock;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

const USERS: &str = "/v1/organisations/129/users";

async fn import(api: &Api, from: usize, to: usize) {
    let rows: String = (from..to).map(|n| format!("agent{n:04},inbound_agent\n")).collect();
    let request = api.request(Method::POST, &format!("{USERS}/import"));
    let file = format!("user,user_type\n{rows}");
    let response = request.header("content-type", "text/csv").body(file).send().await.unwrap();
    assert_eq!(response.json::<Value>().await.unwrap()["accepted"], to - from);
}

fn texts(items: &Value, name: &str) -> Vec<String> {
    let items = items.as_array().unwrap().iter();
    items.map(|item| item[name].as_str().unwrap().to_owned()).collect()
}

/// One page, and where the next begins. A cursor is put into a URL as it is.
async fn page(api: &Api, path: &str, cursor: Option<&str>) -> (Value, Option<String>) {
    let cursor = cursor.map_or(String::new(), |cursor| format!("&cursor={cursor}"));
    let page = api.get(&format!("{path}{cursor}")).await;
    let next = page["next_cursor"].as_str().map(str::to_owned);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.~".contains(c);
    assert!(next.as_deref().is_none_or(|next| !next.is_empty() && next.chars().all(is_plain)));
    (page["items"].clone(), next)
}

#[tokio::test]
async fn users_come_oldest_first_and_a_cursor_outlives_what_is_added_and_deleted() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    for name in ["zoe", "adam", "mia"] {
        operator.add_user(129, name, "inbound_agent", &[]).await;
    }
    let path = format!("{USERS}?limit=2");
    let (first, cursor) = page(&operator, &path, None).await;
    assert_eq!(texts(&first, "user"), ["zoe", "adam"]);
    operator.add_user(129, "aaron", "inbound_agent", &[]).await;
    operator.send(Method::PATCH, &format!("{USERS}/zoe"), json!({"name": "Zoë"})).await;
    operator.call(Method::DELETE, &format!("{USERS}/adam"), None).await;
    let (second, next) = page(&operator, &path, cursor.as_deref()).await;
    assert_eq!(texts(&second, "user"), ["mia", "aaron"], "neither twice nor left out");
    let rest = page(&operator, &path, next.as_deref()).await;
    assert!(next.is_none() || rest.0 == json!([]));
    let again = page(&operator, &path, cursor.as_deref()).await;
    assert_eq!(again.0, second, "a cursor may be used again");
}

#[tokio::test]
async fn users_are_searched_and_filtered_and_a_filter_that_is_none_is_named() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    for (name, user_type) in
        [("edred", "inbound_agent"), ("edith", "supervisor"), ("maeve", "inbound_agent")]
    {
        operator.add_user(129, name, user_type, &[]).await;
    }
    let suspended = json!({"status": "suspended", "name": "Édith & co"});
    operator.send(Method::PATCH, &format!("{USERS}/maeve"), suspended).await;
    for (query, found) in [
        ("search=ED", &["edred", "edith"][..]),
        ("search=%26%20co", &["maeve"]),
        ("search=", &["edred", "edith", "maeve"]),
        ("status=suspended", &["maeve"]),
        ("user_type=inbound_agent&search=e", &["edred", "maeve"]),
    ] {
        let (items, _) = page(&operator, &format!("{USERS}?{query}"), None).await;
        assert_eq!(texts(&items, "user"), found, "{query}");
    }
    let (first, next) = page(&operator, &format!("{USERS}?search=ed&limit=1"), None).await;
    let (second, end) =
        page(&operator, &format!("{USERS}?search=ed&limit=1"), next.as_deref()).await;
    assert_eq!(
        (texts(&first, "user"), texts(&second, "user")),
        (vec!["edred".into()], vec!["edith".into()])
    );
    assert!(end.is_none());
    for (query, field) in [("status=gone", "status"), ("user_type=agent_email", "user_type")] {
        let (status, problem) = operator.call(Method::GET, &format!("{USERS}?{query}"), None).await;
        assert_eq!((status.as_u16(), &problem["field"]), (422, &json!(field)), "{query}");
    }
}

#[tokio::test]
async fn the_audit_is_read_from_either_end_page_by_page() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    for name in ["a", "b", "c", "d", "e"] {
        operator.add_user(129, name, "inbound_agent", &[]).await;
    }
    let path = "/v1/organisations/129/audit?action=user.created&limit=2";
    for (order, expected) in
        [("oldest", ["a", "b", "c", "d", "e"]), ("newest", ["e", "d", "c", "b", "a"])]
    {
        let mut seen = Vec::new();
        let mut cursor = None;
        loop {
            let (items, next) =
                page(&operator, &format!("{path}&order={order}"), cursor.as_deref()).await;
            seen.extend(texts(&items, "target"));
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, expected, "{order}");
    }
    let csv = operator.request(Method::GET, &format!("{path}&order=newest&format=csv"));
    let csv = csv.send().await.unwrap().text().await.unwrap();
    let targets: Vec<&str> =
        csv.lines().skip(1).filter_map(|line| line.split(',').nth(4)).collect();
    assert_eq!(targets, ["a", "b", "c", "d", "e"], "files begin with the oldest");
}

#[tokio::test]
async fn a_thousand_rows_come_in_one_page_and_every_row_once() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    import(&operator, 0, 1_100).await;
    for (limit, expected) in
        [("", 100), ("limit=1", 1), ("limit=1000", 1_000), ("limit=9999", 1_000)]
    {
        let (items, next) = page(&operator, &format!("{USERS}?{limit}"), None).await;
        assert_eq!(
            (items.as_array().map(Vec::len), next.is_some()),
            (Some(expected), true),
            "{limit}"
        );
    }
    let mut seen = Vec::new();
    let (mut items, mut cursor) = page(&operator, &format!("{USERS}?limit=99"), None).await;
    let mut added = 1_100;
    loop {
        seen.extend(texts(&items, "user"));
        let Some(next) = cursor else { break };
        if added < 1_110 {
            import(&operator, added, added + 1).await;
            added += 1;
        }
        (items, cursor) = page(&operator, &format!("{USERS}?limit=99"), Some(&next)).await;
    }
    let expected: Vec<String> = (0..added).map(|n| format!("agent{n:04}")).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn organisations_sessions_and_holders_are_paged_alike() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    for id in [300, 129, 200] {
        operator.create_organisation(id).await;
    }
    let (first, cursor) = page(&operator, "/v1/organisations?limit=2", None).await;
    let (second, end) = page(&operator, "/v1/organisations?limit=2", cursor.as_deref()).await;
    assert_eq!(
        (first.as_array().map(Vec::len), second.as_array().map(Vec::len)),
        (Some(2), Some(1))
    );
    assert_eq!(end, None);
    operator.buy(129, "inbound_agent", 10, 0).await;
    let mut sockets = Vec::new();
    for name in ["c", "a", "b"] {
        operator.add_user(129, name, "inbound_agent", &[]).await;
        sockets.push(broker.login(129, name, "agent_desktop").await);
    }
    for list in ["sessions", "holders"] {
        let path = format!("/v1/organisations/129/{list}?limit=2");
        let (first, cursor) = page(&operator, &path, None).await;
        assert_eq!(texts(&first, "user"), ["c", "a"], "{list}");
        operator.add_user(129, &format!("d{list}"), "inbound_agent", &[]).await;
        sockets.push(broker.login(129, &format!("d{list}"), "agent_desktop").await);
        let (second, _) = page(&operator, &path, cursor.as_deref()).await;
        assert_eq!(texts(&second, "user")[0], "b", "{list}");
    }
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    import(&operator, 0, 2).await;
    let (_, cursor) = page(&operator, &format!("{USERS}?limit=1"), None).await;
    let cursor = cursor.unwrap();
    for list in ["sessions", "holders", "licence-usage", "denials"] {
        let path = format!("/v1/organisations/129/{list}?cursor={cursor}");
        let (status, problem) = operator.call(Method::GET, &path, None).await;
        assert_eq!((status.as_u16(), &problem["field"]), (422, &json!("cursor")), "{list}");
    }
}

/// On clocks that are turned by hand: `a` on a desktop at 13:30:00, on a deskphone at 13:31:00, `b` in
/// vain at 13:32:00, `a` out of the desktop at 13:33:00.
async fn with_a_log() -> (TestBroker, Clock) {
    let at: DateTime<Utc> = "2020-07-06T13:30:00Z".parse().unwrap();
    let clock = Clock::manual(at);
    let broker = TestBroker::with(Setup { clock: clock.clone(), ..Setup::default() }).await;
    let operator = broker.operator();
    let body = json!({"id": 129, "name": "Example", "time_zone": "Europe/London"});
    operator.send(Method::POST, "/v1/organisations", body).await;
    operator.buy(129, "inbound_agent", 1, 0).await;
    operator.buy(129, "agent_email", 1, 0).await;
    for name in ["a", "b"] {
        operator.add_user(129, name, "inbound_agent", &["agent_email", "agent_calls"]).await;
    }
    let minute = Duration::from_secs(60);
    let (desktop, _) = broker.login(129, "a", "agent_desktop").await;
    clock.advance(minute);
    operator.buy(129, "agent_calls", 1, 0).await;
    let (deskphone, _) = broker.login(129, "a", "deskphone").await;
    clock.advance(minute);
    let (_, refused) = broker.login(129, "b", "agent_desktop").await;
    assert_eq!(refused["reason"], "seat_exhausted");
    let fax = json!({"channels": ["agent_fax", "agent_sms", "agent_email"]});
    let (taking_over, _) = broker.login_with(129, "a", "deskphone", fax).await;
    taking_over.vanish();
    deskphone.vanish();
    clock.advance(minute);
    desktop.log_out().await;
    (broker, clock)
}

async fn count(broker: &TestBroker, list: &str, query: &str) -> usize {
    let operator = broker.operator();
    let path = format!("/v1/organisations/129/{list}?{query}");
    let found = operator.get(&path).await["items"].as_array().unwrap().len();
    let file = operator.csv(&path).await;
    assert_eq!(file.lines().count(), found + 1, "{query}: pages and file agree");
    found
}

#[tokio::test]
async fn each_filter_of_the_usage_log_keeps_what_it_says() {
    let at: DateTime<Utc> = "2020-07-06T13:30:00Z".parse().unwrap();
    let clock = Clock::manual(at);
    // The clock's minutes are silence to the sweep, which may look at any moment.
    let heartbeat = Duration::from_secs(3_600);
    let setup = Setup { clock: clock.clone(), heartbeat, ..Setup::default() };
    let broker = TestBroker::with(setup).await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    for licence in ["inbound_agent", "agent_email", "agent_calls"] {
        operator.buy(129, licence, 5, 0).await;
    }
    for name in ["a", "b/ b"] {
        operator.add_user(129, name, "inbound_agent", &["agent_email", "agent_calls"]).await;
    }
    let (desktop, answer) = broker.login(129, "a", "agent_desktop").await;
    clock.advance(Duration::from_secs(60));
    let (_phone, _) = broker.login(129, "a", "deskphone").await;
    let (_other, _) = broker.login(129, "b/ b", "agent_desktop").await;
    clock.advance(Duration::from_secs(60));
    desktop.log_out().await;
    let session = answer["session"].as_str().unwrap();
    for (query, expected) in [
        (String::new(), 8),
        ("user=a".to_owned(), 6),
        ("user=b%2F+b".to_owned(), 2),
        ("user=nobody".to_owned(), 0),
        ("licence=agent_email".to_owned(), 3),
        ("licence=agent_sms".to_owned(), 0),
        ("usage_type=Acquired".to_owned(), 6),
        ("usage_type=Released".to_owned(), 2),
        ("logon_source=Paired%20Device".to_owned(), 2),
        ("logon_source=Agent+Desktop".to_owned(), 6),
        ("reason=logout".to_owned(), 2),
        ("reason=forced".to_owned(), 0),
        (format!("session={session}"), 4),
        ("from=2020-07-06T13:31:00Z".to_owned(), 6),
        ("from=2020-07-06T13:31:00.001Z".to_owned(), 2),
        ("to=2020-07-06T13:31:00Z".to_owned(), 2),
        ("from=2020-07-06T14:31:00%2B01:00&to=2020-07-06T14:32:00%2B01:00".to_owned(), 4),
        ("from=2020-07-06T13:31:00Z&to=2020-07-06T13:31:00Z".to_owned(), 0),
        (format!("session={session}&usage_type=Released&licence=agent_email&user=a"), 1),
        ("user=a&colour=red".to_owned(), 6),
    ] {
        assert_eq!(count(&broker, "licence-usage", &query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn each_filter_of_the_denials_keeps_what_it_says() {
    let (broker, _clock) = with_a_log().await;
    let all = broker.operator().get("/v1/organisations/129/denials").await;
    let told: Vec<String> = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{} {} {}", row["user"], row["licence"], row["reason"]).replace('"', ""))
        .collect();
    let told: BTreeSet<&str> = told.iter().map(String::as_str).collect();
    let refused = "a agent_fax unknown_licence";
    assert!(told.contains("b inbound_agent exhausted") && told.contains(refused), "{told:?}");
    for (query, expected) in [
        ("", 4),
        ("user=b", 1),
        ("user=a", 3),
        ("licence=inbound_agent", 1),
        ("licence=agent_fax", 1),
        ("logon_source=Agent%20Desktop", 1),
        ("logon_source=Paired%20Device", 3),
        ("logon_source=Scheduled%20Log%20Off", 0),
        ("reason=exhausted", 1),
        ("reason=unknown_licence", 1),
        ("from=2020-07-06T13:32:00Z", 4),
        ("to=2020-07-06T13:32:00Z", 0),
        ("from=2020-07-06T13:32:00Z&to=2020-07-06T13:32:00.001Z&user=b", 1),
    ] {
        assert_eq!(count(&broker, "denials", query).await, expected, "{query}: {all}");
    }
}

#[tokio::test]
async fn files_tell_the_time_of_the_organisation_even_after_it_moved() {
    let (broker, _clock) = with_a_log().await;
    let operator = broker.operator();
    let first = async |list: &str| {
        let file = operator.csv(&format!("/v1/organisations/129/{list}")).await;
        file.lines().nth(1).unwrap().to_owned()
    };
    let row = first("licence-usage").await;
    assert!(
        row.starts_with("Acquired,2020-07-06 14:30:00,Inbound Agent,a,Agent Desktop,"),
        "{row}"
    );
    let row = first("denials").await;
    assert!(
        row.starts_with("2020-07-06 14:32:00,Inbound Agent,b,agent_desktop,exhausted"),
        "{row}"
    );
    let tokyo = json!({"time_zone": "Asia/Tokyo"});
    operator.send(Method::PATCH, "/v1/organisations/129", tokyo).await;
    assert!(first("licence-usage").await.starts_with("Acquired,2020-07-06 22:30:00,"));
    let json = operator.get("/v1/organisations/129/licence-usage?limit=1").await;
    assert_eq!(json["items"][0]["logged_at"], "2020-07-06T13:30:00.000Z");
}

#[tokio::test]
async fn cells_that_a_spreadsheet_would_run_are_text() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    operator.buy(129, "inbound_agent", 9, 0).await;
    for (name, cell) in [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("a,\"b\"", "\"a,\"\"b\"\"\""),
        ("名", "名"),
    ] {
        operator.add_user(129, name, "inbound_agent", &[]).await;
        let (socket, _) = broker.login(129, name, "agent_desktop").await;
        socket.log_out().await;
        let file = operator.csv("/v1/organisations/129/licence-usage").await;
        assert!(file.contains(&format!(",Inbound Agent,{cell},Agent Desktop,")), "{file}");
        assert!(file.lines().count() == file.matches("\r\n").count(), "RFC 4180");
    }
}

#[tokio::test]
async fn lists_that_are_short_are_paged_like_the_long_ones() {
    let clock = Clock::manual(Utc::now());
    let broker = TestBroker::with(Setup { clock: clock.clone(), ..Setup::default() }).await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    let organisation = "/v1/organisations/129";
    let maximum = format!("{organisation}/licence-metrics/wallboard");
    operator.call(Method::PUT, &maximum, Some(json!({"maximum": 3}))).await;
    for id in ["zoe", "adam", "mia"] {
        let wallboards = format!("{organisation}/wallboards");
        operator.send(Method::POST, &wallboards, json!({"id": id})).await;
        // Two of one millisecond are in the order of their ids.
        clock.advance(Duration::from_millis(1));
    }
    for list in ["licences?class=user_type", "prices?", "wallboards?", "reports/fields?", "advice?"]
    {
        let path = format!("{organisation}/{list}");
        let (whole, end) = page(&operator, &path, None).await;
        assert_eq!(end, None, "{list}: whole unless a limit is named");
        let one = format!("{path}&limit=1");
        let (mut items, mut cursor) = page(&operator, &one, None).await;
        let mut pages = vec![items];
        while let Some(next) = cursor {
            (items, cursor) = page(&operator, &one, Some(&next)).await;
            pages.push(items);
        }
        let wholes = whole.as_array().unwrap().iter().map(|item| json!([item]));
        let wholes: Vec<Value> = wholes.collect();
        assert!(pages == wholes || whole == json!([]), "{list}: {pages:?}");
        for wrong in ["cursor=dTE", "limit=0"] {
            let refused = operator.call(Method::GET, &format!("{path}&{wrong}"), None).await;
            assert_eq!(refused.0, 422, "{list}&{wrong}");
        }
    }
    let (boards, _) = page(&operator, &format!("{organisation}/wallboards?"), None).await;
    assert_eq!(texts(&boards, "id"), ["zoe", "adam", "mia"], "oldest first");
}
