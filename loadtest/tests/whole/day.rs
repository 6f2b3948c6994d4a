//! A working day of seconds, against a fake broker that keeps the contract or breaks it.

use crate::support::{self, Vice};
use serde_json::{Value, json};

/// Plays a day of four seconds with forty agents; the exit code and the report.
async fn play(vice: Vice, options: &str) -> (Option<i32>, Value) {
    let day = "--release-timeout-s 1 --minutes 0.07 --agents 40 --outage-s 0.3";
    support::play("day", vice, &[day, options]).await
}

fn outcomes<'a>(report: &'a Value, phase: &str) -> &'a Value {
    let phases = report["phases"].as_array().expect("phases");
    let of = phases.iter().find(|row| row["phase"] == phase);
    &of.expect("the phase is there")["outcomes"]
}

#[tokio::test]
async fn everybody_comes_and_goes_as_the_day_says() {
    let (code, report) = play(Vice::None, "").await;
    assert_eq!(code, Some(0), "{report}");
    let results = &report["results"];
    assert_eq!(results["outcomes"]["lunch: visits"], json!({"due": 28, "logged in": 28}));
    assert_eq!(results["latency_ms"]["lunch: licence"]["count"], 28);
    assert!(results["figures"]["broker_cpu_s"]["value"].is_f64(), "{results}");
    for (phase, due, left) in
        [("morning", 28, 0), ("lunch", 28, 28), ("shift change", 12, 12), ("evening", 0, 28)]
    {
        let outcomes = outcomes(&report, phase);
        assert_eq!((&outcomes["due"], &outcomes["logged_in"]), (&json!(due), &json!(due)));
        let how = if left > 0 { json!({ "logged out": left }) } else { json!({}) };
        assert_eq!(outcomes["left"], how, "{phase}");
    }
    let outage = outcomes(&report, "outage");
    assert_eq!(outage["lost_by_outage"], json!({"dropped": 28}));
    assert_eq!((&outage["resumed"], &outage["logged_in"]), (&json!(22), &json!(6)));
    assert_eq!(report["seen"]["records"], 2 * (28 + 28 + 12 + 6));
    assert_eq!(report["seen"]["afterwards"]["held"], json!([]));
    assert!(report["audit"]["proven"].as_u64().is_some_and(|proven| proven > 0));
}

#[tokio::test]
async fn whatever_goes_wrong_in_a_day_is_named() {
    for (vice, failure) in [
        (Vice::ThrowsOut, "morning: ended early: 4000"),
        (Vice::ForgetsReleases, "acquired records have no released record"),
        (Vice::BillsTooMuch, "3 contingency licences at most, 0 by the log"),
        (Vice::Leaks, "still held by"),
    ] {
        let (code, report) = play(vice, "").await;
        assert_eq!(code, Some(1), "{report}");
        let failures = report["failures"].to_string();
        assert!(failures.contains(failure), "{failure}: {failures}");
    }
}

#[tokio::test]
async fn who_is_refused_is_an_outcome_and_no_failure() {
    let (code, report) = play(Vice::None, "--seats 20 --contingency 0").await;
    assert_eq!(code, Some(0), "{report}");
    let refused = outcomes(&report, "morning")["refused"]["seat_exhausted"].as_u64();
    assert!(refused.is_some_and(|refused| refused > 0), "{report}");
}
