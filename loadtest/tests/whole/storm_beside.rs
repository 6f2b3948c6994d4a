//! A storm in one organisation beside calm ones, against a fake broker that keeps the contract or breaks it.

use crate::support::{self, Vice};
use serde_json::{Value, json};

/// Plays one turn of calm and storm over four organisations; the exit code and the report.
async fn play(vice: Vice, options: &str) -> (Option<i32>, Value) {
    let calm = "--release-timeout-s 1 --organisations 4 --rate 200 --stay 0.1 --calm 0.5";
    let storm = "--storm-agents 300 --turns 1 --storm-stay 1";
    support::play("storm-beside", vice, &[calm, storm, options]).await
}

#[tokio::test]
async fn calm_and_storm_are_counted_apart_and_compared() {
    let (code, report) = play(Vice::None, "--ratio-max 1000000").await;
    assert_eq!(code, Some(0), "{report}");
    let phases = &report["phases"];
    let served = |phase: usize| phases[phase]["licence_ms"]["count"].as_u64().expect("a count");
    assert!((50..=150).contains(&served(0)), "calm: {phases}");
    assert!(served(1) > 0, "beside the storm: {phases}");
    assert_eq!(phases[3]["outcomes"]["logged_in"], 300);
    assert_eq!(phases[3]["outcomes"]["left"], json!({"logged out": 300}));
    let comparison = &report["comparison"];
    assert_eq!(comparison["calm_p99_ms"], phases[0]["licence_ms"]["p99"]);
    assert_eq!(comparison["beside_p99_ms"], phases[1]["licence_ms"]["p99"]);
}

#[tokio::test]
async fn a_storm_that_costs_the_others_too_much_fails() {
    let (code, report) = play(Vice::None, "--ratio-max 0.000001").await;
    assert_eq!(code, Some(1), "{report}");
    let failures = report["failures"].to_string();
    assert!(failures.contains("time to licence grew"), "{failures}");
}

#[tokio::test]
async fn a_broker_that_leaks_in_a_storm_is_caught() {
    let (code, report) = play(Vice::Leaks, "--ratio-max 1000000").await;
    assert_eq!(code, Some(1), "{report}");
    assert!(report["failures"].to_string().contains("still held by 300"), "{report}");
}
