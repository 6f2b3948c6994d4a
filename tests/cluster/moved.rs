//! An organisation that is moved in the middle of everything: an interval, a month, a queue, a ledger of
//! base licences, an audit.

use crate::centre::{Centre, ORGANISATION};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn furnish(centre: &Centre) {
    let body = json!({ "id": ORGANISATION, "name": "Night shift", "time_zone": "UTC" });
    centre.cluster.caller.send(Method::POST, "/v1/organisations", &body).await;
    for (licence, base, concurrent, contingency) in
        [("inbound_agent", 3, 1, 1), ("agent_email", 0, 1, 0)]
    {
        let body = json!({ "base": base, "concurrent": concurrent, "contingency": contingency,
            "fixed": 0 });
        centre.change(Method::PUT, &format!("licences/{licence}"), body).await;
    }
    for user in ["ann", "bob", "cid"] {
        assert_eq!(centre.try_add(user).await, StatusCode::CREATED);
    }
    // His unit may be assigned to somebody else, once.
    delete(centre, "cid").await;
}

async fn delete(centre: &Centre, user: &str) {
    let path = Centre::path(&format!("users/{user}"));
    let (status, answer) = centre.cluster.caller.call(Method::DELETE, &path, None).await;
    assert!(status.is_success(), "{status} {answer}");
}

fn base(used: u32, reusable: u32, available: u32) -> Value {
    json!({ "total": 3, "used": used, "reusable": reusable, "available": available })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_when_an_organisation_moves_is_whole_afterwards() {
    let Some(centre) = Centre::open("2026-11-30T23:59:30Z").await else { return };
    furnish(&centre).await;
    let mut people = [centre.log_in("ann").await, centre.log_in("bob").await];
    assert_eq!(people[1].welcome["granted"][0]["pool"], "contingency");
    assert_eq!(people[1].welcome["waiting"], json!(["agent_email"]));
    let (audit, usage) = (centre.all("audit").await, centre.all("licence-usage").await);

    centre.move_with(&mut people).await;
    assert_eq!(centre.base().await, base(3, 1, 1), "the ledger came along");
    assert_eq!(centre.try_add("dot").await, StatusCode::CREATED, "his unit is assigned anew");
    let rows = centre.figures_until("2026-12-01T00:00:00Z", &mut people).await;
    centre.move_with(&mut people).await;

    assert_figures(&rows);
    let again = centre.all("organisation-licence-usage").await;
    assert_eq!(again[..rows.len()], rows, "what was told stays");
    assert_months(&centre).await;
    assert_eq!(centre.base().await, base(3, 0, 0));
    delete(&centre, "dot").await;
    assert_eq!(centre.base().await, base(3, 0, 0), "it was assigned anew once");
    assert_eq!(centre.try_add("eve").await, StatusCode::CONFLICT);
    assert_eq!(centre.all("licence-usage").await, usage, "nobody was released or charged twice");
    assert_audit(&audit, &centre.all("audit").await);

    let [ann, mut bob] = people;
    ann.leave().await;
    let granted = bob.hears().await;
    assert_eq!(granted["type"], "granted", "he is next: {granted}");
    assert_eq!(granted["licences"], json!([{ "licence": "agent_email", "pool": "concurrent" }]));
    bob.leave().await;
    centre.assert_kept().await;
}

/// One record of each type, of both nodes together.
fn assert_figures(rows: &[Value]) {
    let of = |licence: &str| {
        let mut rows = rows.iter().filter(|row| row["licence"] == licence);
        let row = rows.next().expect("a record of the type");
        assert_eq!(row["start"].as_str().unwrap()[..19], *"2026-11-30T23:55:00", "{row}");
        assert!(rows.next().is_none(), "one record of an interval: {rows:?}");
        ["concurrent", "concurrent_peak", "contingency", "contingency_peak"]
            .map(|field| row[field].as_u64().unwrap())
    };
    assert_eq!(of("inbound_agent"), [1, 1, 1, 1]);
    assert_eq!(of("agent_email"), [1, 1, 0, 0]);
}

/// The maximum was reached on the first node, and the overflow went on into the next month.
async fn assert_months(centre: &Centre) {
    for (month, closed) in [("2026-11", true), ("2026-12", false)] {
        let statement = centre.cluster.caller.get(&Centre::path(&format!("billing/{month}"))).await;
        assert_eq!(statement["closed"], closed, "{statement}");
        let lines = statement["lines"].as_array().unwrap();
        let line = lines.iter().find(|line| line["licence"] == "inbound_agent").unwrap();
        assert_eq!(line["contingency_max_used"], 1, "{month}: {line}");
        assert_eq!((&line["base"], &line["concurrent"]), (&json!(3), &json!(1)), "{line}");
    }
}

/// Each change once, in the order in which they were made.
fn assert_audit(before: &[Value], after: &[Value]) {
    assert_eq!(after[..before.len()], *before, "what was noted stays");
    let of_users = |entry: &&Value| entry["action"].as_str().unwrap().starts_with("user.");
    let targets: Vec<&str> =
        after.iter().filter(of_users).map(|entry| entry["target"].as_str().unwrap()).collect();
    assert_eq!(targets, ["ann", "bob", "cid", "cid", "dot", "dot"]);
    let times: Vec<&str> = after.iter().map(|entry| entry["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
}
