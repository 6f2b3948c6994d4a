//! Organisation Licence Usage: five-minute records as they come of logins, and metrics over them, on
//! clocks that are turned by hand.

use crate::support::broker::{Setup, TestBroker};
use crate::support::http::Api;
use licence_broker::clock::Clock;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

pub(crate) const PATH: &str = "/v1/organisations/129/organisation-licence-usage";

/// A broker whose clock shows `at`, with an organisation in `zone`. However long it is turned, nobody is
/// taken for dead.
pub(crate) async fn at(at: &str, zone: &str) -> (TestBroker, Clock) {
    let clock = Clock::manual(at.parse().unwrap());
    let heartbeat = Duration::from_secs(100_000_000);
    let setup = Setup { clock: clock.clone(), heartbeat, ..Setup::default() };
    let broker = TestBroker::with(setup).await;
    let body = json!({"id": 129, "name": "Example", "time_zone": zone});
    broker.operator().send(Method::POST, "/v1/organisations", body).await;
    broker.operator().buy_base(129).await;
    (broker, clock)
}

/// Provisions an active user.
pub(crate) async fn add_agent(operator: &Api, user: &str, features: &[&str]) {
    operator.add_user(129, user, "inbound_agent", features).await;
}

pub(crate) fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

/// Turns the clock, and has something decided, which comes after the intervals that have ended.
pub(crate) async fn turn(operator: &Api, clock: &Clock, by: Duration) {
    clock.advance(by);
    operator.buy(129, "agent_sms", 1, 0).await;
}

/// Two records of five minutes: `a` and `b` with e-mail, one of them on contingency; then `b` leaves.
async fn with_two_intervals() -> (TestBroker, Clock) {
    let (broker, clock) = at("2019-08-16T15:50:00Z", "Europe/London").await;
    let operator = broker.operator();
    operator.buy(129, "inbound_agent", 1, 1).await;
    operator.buy(129, "agent_email", 2, 0).await;
    for user in ["a", "b"] {
        add_agent(&operator, user, &["agent_email"]).await;
    }
    let (a, _) = broker.login(129, "a", "agent_desktop").await;
    let (b, _) = broker.login(129, "b", "agent_desktop").await;
    turn(&operator, &clock, minutes(5)).await;
    b.log_out().await;
    turn(&operator, &clock, minutes(5)).await;
    a.log_out().await;
    (broker, clock)
}

#[tokio::test]
async fn five_minute_records_have_the_shape_of_the_contract_and_the_lines_of_the_reference() {
    let (broker, _clock) = with_two_intervals().await;
    let operator = broker.operator();
    let list = operator.get(PATH).await;
    let record = |licence: &str, start: &str, end: &str, counts: [u32; 6]| {
        let [concurrent, contingency, peak, low, contingency_peak, contingency_low] = counts;
        json!({"organisation": 129, "licence": licence, "concurrent": concurrent,
            "start": format!("2019-08-16T{start}:00.000Z"), "end": format!("2019-08-16T{end}:00.000Z"),
            "contingency": contingency, "concurrent_peak": peak, "concurrent_low": low,
            "contingency_peak": contingency_peak, "contingency_low": contingency_low})
    };
    let expected = json!({"next_cursor": null, "items": [
        record("inbound_agent", "15:50", "15:55", [1, 1, 1, 0, 1, 0]),
        record("agent_email", "15:50", "15:55", [2, 0, 2, 0, 0, 0]),
        record("inbound_agent", "15:55", "16:00", [1, 0, 1, 1, 1, 0]),
        record("agent_email", "15:55", "16:00", [1, 0, 2, 1, 0, 0]),
    ]});
    assert_eq!(list, expected);
    assert_eq!(operator.get(&format!("{PATH}?interval=5m")).await, expected);
    let file = operator.csv(PATH).await;
    let expected = "Organisation ID,Licence Type,Start Date Time,End Date Time,\
        Total Concurrent Count,Total Contingency Count,Concurrent Peak,Concurrent Low,\
        Contingency Peak,Contingency Low\r\n\
        129,Inbound Agent,2019-08-16 16:50:00,2019-08-16 16:55:00,1,1,1,0,1,0\r\n\
        129,Agent E-mail,2019-08-16 16:50:00,2019-08-16 16:55:00,2,0,2,0,0,0\r\n\
        129,Inbound Agent,2019-08-16 16:55:00,2019-08-16 17:00:00,1,0,1,1,1,0\r\n\
        129,Agent E-mail,2019-08-16 16:55:00,2019-08-16 17:00:00,1,0,2,1,0,0\r\n";
    assert_eq!(file, expected);
}

#[tokio::test]
async fn records_and_metrics_are_paged_and_filtered_alike() {
    let (broker, _clock) = with_two_intervals().await;
    let operator = broker.operator();
    for (query, expected) in [
        ("", 4),
        ("licence=agent_email", 2),
        ("from=2019-08-16T15:55:00Z", 2),
        ("from=2019-08-16T15:50:00.001Z&to=2019-08-16T15:55:00Z", 0),
        ("to=2019-08-16T15:55:00Z&licence=inbound_agent", 1),
        ("metrics=avg&interval=5m", 4),
        ("metrics=avg", 2),
        ("interval=1h", 2),
        ("interval=1d&licence=agent_email", 1),
        ("interval=1h&licence=agent_sms", 0),
    ] {
        let whole = operator.get(&format!("{PATH}?{query}")).await;
        let items = whole["items"].as_array().unwrap();
        assert_eq!((items.len(), &whole["next_cursor"]), (expected, &Value::Null), "{query}");
        let file = operator.csv(&format!("{PATH}?{query}")).await;
        assert_eq!(file.lines().count(), expected + 1, "{query}: pages and file agree");
        let (mut read, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = operator.get(&format!("{PATH}?{query}&limit=1{cursor}")).await;
            read.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(&read, items, "{query}");
    }
}

#[tokio::test]
async fn metrics_are_those_that_were_asked_for() {
    let (broker, _clock) = with_two_intervals().await;
    let operator = broker.operator();
    let first =
        async |query: &str| operator.get(&format!("{PATH}?{query}")).await["items"][0].clone();
    let hour = first("interval=1h&licence=agent_email").await;
    let expected = json!({"licence": "agent_email",
        "start": "2019-08-16T15:00:00.000Z", "end": "2019-08-16T16:00:00.000Z",
        "concurrent": {"avg": 1.5, "highest": 2, "lowest": 0},
        "contingency": {"avg": 0.0, "highest": 0, "lowest": 0}});
    assert_eq!(hour, expected);
    let cut =
        first("interval=1h&licence=agent_email&from=2019-08-16T15:55:00Z&metrics=lowest").await;
    let expected = json!({"licence": "agent_email",
        "start": "2019-08-16T15:00:00.000Z", "end": "2019-08-16T16:00:00.000Z",
        "concurrent": {"lowest": 1}, "contingency": {"lowest": 0}});
    assert_eq!(cut, expected, "only the records in the range count");
    let all = first("metrics=highest,avg&to=2019-08-17T00:00:00Z").await;
    let expected = json!({"licence": "inbound_agent",
        "start": "2019-08-16T15:50:00.000Z", "end": "2019-08-17T00:00:00.000Z",
        "concurrent": {"avg": 1.0, "highest": 1}, "contingency": {"avg": 0.5, "highest": 1}});
    assert_eq!(all, expected);
    let five = first("metrics=avg,highest,lowest&interval=5m").await;
    assert_eq!(five["end"], "2019-08-16T15:55:00.000Z");
    assert_eq!(five["contingency"], json!({"avg": 1.0, "highest": 1, "lowest": 0}));
    let file =
        operator.csv(&format!("{PATH}?metrics=avg,lowest&interval=1d&licence=agent_email")).await;
    let expected = "Organisation ID,Licence Type,Start Date Time,End Date Time,\
        Concurrent Average,Concurrent Highest,Concurrent Lowest,\
        Contingency Average,Contingency Highest,Contingency Lowest\r\n\
        129,Agent E-mail,2019-08-16 00:00:00,2019-08-17 00:00:00,1.50,,0,0.00,,0\r\n";
    assert_eq!(file, expected);
}

#[tokio::test]
async fn days_and_hours_are_those_of_the_zone_also_when_clocks_are_moved() {
    for (zone, from, to, hours) in [
        ("Europe/London", "2020-03-29T00:00:00.000Z", "2020-03-29T23:00:00.000Z", 23),
        ("Europe/London", "2020-10-24T23:00:00.000Z", "2020-10-26T00:00:00.000Z", 25),
        ("Asia/Kolkata", "2020-03-05T18:30:00.000Z", "2020-03-06T18:30:00.000Z", 24),
        ("America/St_Johns", "2020-03-08T03:30:00.000Z", "2020-03-09T02:30:00.000Z", 23),
    ] {
        let (broker, clock) = at(from, zone).await;
        let operator = broker.operator();
        operator.buy(129, "inbound_agent", 1, 0).await;
        add_agent(&operator, "a", &[]).await;
        let (_socket, _) = broker.login(129, "a", "agent_desktop").await;
        for _ in 0..3 {
            turn(&operator, &clock, minutes(9 * 60)).await;
        }
        let days = operator.get(&format!("{PATH}?interval=1d&from={from}&to={to}")).await;
        let days = days["items"].as_array().unwrap();
        assert_eq!(days.len(), 1, "{zone} {days:?}");
        assert_eq!((&days[0]["start"], &days[0]["end"]), (&json!(from), &json!(to)), "{zone}");
        assert_eq!(days[0]["concurrent"]["avg"], 1.0, "{zone}");
        let rows = operator.get(&format!("{PATH}?interval=1h&from={from}&to={to}")).await;
        let rows = rows["items"].as_array().unwrap();
        assert_eq!(rows.len(), hours, "{zone} {from}");
        assert_eq!((&rows[0]["start"], &rows[hours - 1]["end"]), (&json!(from), &json!(to)));
        for pair in rows.windows(2) {
            assert_eq!(pair[0]["end"], pair[1]["start"], "{zone}");
        }
    }
}

#[tokio::test]
async fn wrong_parameters_are_named_and_cursors_of_other_lists_refused() {
    let (broker, _clock) = with_two_intervals().await;
    let operator = broker.operator();
    for (query, field) in [
        ("interval=2h", "interval"),
        ("interval=", "interval"),
        ("metrics=", "metrics"),
        ("metrics=avg,median", "metrics"),
        ("licence=telex", "licence"),
        ("licence=agent_email'--", "licence"),
        ("from=yesterday", "from"),
        ("limit=0", "limit"),
        ("cursor=AAAA", "cursor"),
        ("format=xml", "format"),
    ] {
        let (status, problem) = operator.call(Method::GET, &format!("{PATH}?{query}"), None).await;
        assert_eq!((status.as_u16(), &problem["field"]), (422, &json!(field)), "{query}");
    }
    let records = operator.get(&format!("{PATH}?limit=1")).await;
    let cursor = records["next_cursor"].as_str().unwrap();
    let path = format!("{PATH}?interval=1h&cursor={cursor}");
    let (status, problem) = operator.call(Method::GET, &path, None).await;
    assert_eq!((status.as_u16(), &problem["field"]), (422, &json!("cursor")));
}
