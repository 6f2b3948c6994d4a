//! A night in which a month ends, daylight saving ends, and somebody sets the clock twice.

use crate::intervals::assert_seamless;
use crate::office::{ORGANISATION, Office, instant};
use crate::support::until::until_seen;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// Waits until the figures reach `end`, and answers them.
async fn figures_until(office: &Office, end: &str) -> Vec<Value> {
    let end = instant(end);
    until_seen("the figures of what has ended", async || {
        let rows = office.all("organisation-licence-usage").await;
        let last = rows.last().map(|row| time(row, "end"));
        last.is_some_and(|last| last >= end).then_some(rows)
    })
    .await
}

fn time(row: &Value, field: &str) -> DateTime<Utc> {
    row[field].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_clock_that_is_set_drops_nobody_and_bends_no_record() {
    // New York: the month ends at 04:00 UTC, daylight saving two hours later.
    let Some(office) = Office::open("America/New_York", "2026-11-01T03:58:00Z").await else {
        return;
    };
    let (mut ann, welcome) = office.log_in("ann").await;
    assert_eq!(welcome["type"], "logged_in");
    let (mut bob, welcome) = office.log_in("bob").await;
    assert_eq!(welcome["granted"][0]["pool"], "contingency");

    let mut seen = 0;
    for (set, ended) in [
        ("2026-11-01T04:06:00Z", "2026-11-01T04:05:00Z"), // the month has turned
        ("2026-11-01T06:11:00Z", "2026-11-01T06:10:00Z"), // daylight saving has ended
        ("2026-11-01T05:30:00Z", "2026-11-01T06:10:00Z"), // set back: nothing new
        ("2026-11-01T07:02:00Z", "2026-11-01T07:00:00Z"), // and forth
    ] {
        office.set(set);
        for socket in [&mut ann, &mut bob] {
            assert_eq!(socket.ask(json!({ "type": "ping" })).await["type"], "pong");
        }
        let (mut cid, refused) = office.log_in("cid").await;
        assert_eq!(refused["reason"], "seat_exhausted", "the seats are still theirs");
        assert_eq!(cid.closed().await.0, 4010);
        let rows = figures_until(&office, ended).await;
        let count = assert_seamless(&rows);
        assert!(count >= seen, "figures do not go away");
        seen = count;
        let counts = rows.iter().map(|row| (&row["concurrent"], &row["contingency"]));
        assert!(counts.clone().all(|counts| counts == (&json!(1), &json!(1))), "{rows:?}");
    }
    assert_eq!(office.all("sessions").await.len(), 2);
    for socket in [ann, bob] {
        assert_eq!(socket.log_out().await["released"], json!(["inbound_agent"]));
    }
    let records = office.all("licence-usage").await;
    let times: Vec<_> = records.iter().map(|record| time(record, "logged_at")).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(records.len(), 4, "two came and two went");
    for (month, closed) in [("2026-10", true), ("2026-11", false)] {
        let path = format!("/v1/organisations/{ORGANISATION}/billing/{month}");
        let statement = office.api.get(&path).await;
        assert_eq!(statement["closed"], json!(closed), "{statement}");
        let lines = statement["lines"].as_array().unwrap();
        let line = lines.iter().find(|line| line["licence"] == "inbound_agent").unwrap();
        assert_eq!(line["contingency_max_used"], 1, "bob's, in both months: {line}");
    }
}

#[tokio::test]
async fn a_broker_that_finds_the_clock_set_back_when_it_starts_goes_on_where_it_was() {
    let Some(mut office) = Office::open("Asia/Tokyo", "2026-07-31T14:52:00Z").await else {
        return;
    };
    let (_ann, welcome) = office.log_in("ann").await;
    office.set("2026-07-31T15:03:00Z"); // August in Tokyo
    let before = figures_until(&office, "2026-07-31T15:00:00Z").await;
    office.crash_and_come_back("2026-07-31T12:00:00Z").await;

    let resume = json!({
        "type": "resume", "session": welcome["session"], "resume_token": welcome["resume_token"],
    });
    let (ann, resumed) = office.ask_first("ann", resume).await;
    assert_eq!(resumed["granted"], welcome["granted"], "{resumed}");
    assert_eq!(office.all("licence-usage").await.len(), 1, "nothing was charged twice");
    let (bob, welcome) = office.log_in("bob").await;
    assert_eq!(welcome["granted"][0]["pool"], "contingency");
    office.set("2026-07-31T15:11:00Z");
    let rows = figures_until(&office, "2026-07-31T15:10:00Z").await;
    assert_eq!(rows[..before.len()], before, "what was told stays");
    // The crash leaves a gap where the broker did not run; nothing is told twice.
    let starts: Vec<_> = rows.iter().map(|row| time(row, "start")).collect();
    assert!(starts.is_sorted_by(|one, next| one < next), "{starts:?}");
    for socket in [ann, bob] {
        socket.log_out().await;
    }
    let records = office.all("licence-usage").await;
    let times: Vec<_> = records.iter().map(|record| time(record, "logged_at")).collect();
    assert!(times.is_sorted() && records.len() == 4, "{records:?}");
    let statement = office.api.get("/v1/organisations/129/billing/2026-07").await;
    assert_eq!(statement["closed"], true, "a month that has ended does not begin again");
}
