//! The herd that comes back, against a fake broker that keeps the contract or breaks it.

use std::process::Stdio;

use crate::support::{self, FakeBroker, Vice};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

const AGENTS: u64 = 40;

/// Restarts the broker when the run asks for it; the exit code and the report.
async fn play(vice: Vice, options: &str) -> (Option<i32>, Value) {
    let broker = FakeBroker::start(vice).await;
    let mut tool = support::command("reconnect-storm", &broker)
        .args(["--hold", "0", "--release-timeout-s", "1", "--agents", &AGENTS.to_string()])
        .args(options.split_whitespace())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it runs");
    let mut said = BufReader::new(tool.stderr.take().expect("a pipe")).lines();
    let listening = tokio::spawn(async move {
        while let Ok(Some(line)) = said.next_line().await {
            if line == "restart the broker now" {
                broker.restart();
            }
        }
        broker.organisations()
    });
    let output = tool.wait_with_output().await.expect("it ends");
    let left = listening.await.expect("text");
    assert_eq!(left, Vec::<String>::new(), "what it created is removed");
    (output.status.code(), serde_json::from_slice(&output.stdout).expect("a report"))
}

#[tokio::test]
async fn a_broker_that_keeps_sessions_passes() {
    let (code, report) = play(Vice::None, "--without-grace 10").await;
    assert_eq!(code, Some(0), "{report}");
    let outcomes = &report["outcomes"];
    assert_eq!((&outcomes["resumed"], &outcomes["logged_in_anew"]), (&json!(30), &json!(10)));
    assert_eq!(report["back_ms"]["count"], AGENTS);
    let results = &report["results"];
    assert_eq!(results["outcomes"]["members"]["resumed"], 30);
    assert_eq!(results["latency_ms"]["back"]["count"], AGENTS);
    assert!(results["figures"]["broker_cpu_s"]["value"].is_f64(), "{results}");
    assert_eq!(report["seen"]["records"], json!([30, 30]));
}

#[tokio::test]
async fn everybody_drops_the_connection_and_comes_back_without_a_new_record() {
    let (code, report) = play(Vice::None, "--end drop --pause 0.1 --without-grace 10").await;
    assert_eq!(code, Some(0), "{report}");
    let outcomes = &report["outcomes"];
    assert_eq!(outcomes["disconnected"], json!({ "dropped": AGENTS }));
    assert_eq!((&outcomes["resumed"], &outcomes["logged_in_anew"]), (&json!(30), &json!(10)));
    assert_eq!(report["audit"]["holds"], report["audit"]["proven"]);
    assert_eq!(report["audit"]["pools"][2]["peak_holders"], AGENTS);
    assert_eq!(report["seen"]["afterwards"]["held"], json!([]));
}

#[tokio::test]
async fn a_broker_that_grants_too_much_to_the_herd_is_caught() {
    let (code, report) = play(Vice::GrantsAll, "--end drop --seats 20 --contingency 5").await;
    assert_eq!(code, Some(1), "{report}");
    let violations = report["audit"]["violations"].as_array().expect("a list");
    assert_eq!(violations.len(), 3, "{violations:?}");
    assert_eq!(
        (&violations[0]["bought"], &violations[0]["peak_holders"]),
        (&json!(25), &json!(AGENTS))
    );
}

#[tokio::test]
async fn whoever_is_overloaded_comes_again_and_is_not_lost() {
    let (code, report) = play(Vice::OverloadedOnce, "").await;
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(report["outcomes"]["sent_away"], json!({ "4004": AGENTS }));
    assert_eq!(report["outcomes"]["resumed"], AGENTS);
}

#[tokio::test]
async fn a_broker_that_loses_charges_or_keeps_waiting_is_caught() {
    for (vice, options, failure) in [
        (Vice::Forgets, "", "members that were lost: 40"),
        (Vice::ChargesAgain, "", "records of members with grace: 40 before the end, 80 when"),
        (
            Vice::SilentToResumes,
            "--answer-timeout-s 1 --timeout-s 3",
            "attempts without an answer in time",
        ),
    ] {
        let (code, report) = play(vice, options).await;
        assert_eq!(code, Some(1), "{report}");
        let failures = report["failures"].as_array().expect("a list");
        let is_named = |text: &Value| text.as_str().is_some_and(|text| text.starts_with(failure));
        assert!(failures.iter().any(is_named), "{failure}: {failures:?}");
    }
}
