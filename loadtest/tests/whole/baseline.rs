//! The baseline: this tool's own bare server, on real sockets.

use serde_json::Value;
use tokio::process::Command;

async fn play(options: &str) -> (Option<i32>, Value, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(["baseline", "--json", "-"])
        .args(options.split_whitespace())
        .output()
        .await
        .expect("the tool runs");
    let report = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code(), report, String::from_utf8(output.stderr).expect("text"))
}

#[tokio::test]
async fn a_few_connections_are_echoed_and_what_they_cost_is_told() {
    let (code, report, said) = play("--connections 40 --turns 2 --at-once 8").await;
    assert_eq!(code, Some(0), "{said}");
    let turns = report["turns"].as_array().expect("turns");
    assert_eq!(turns.len(), 2);
    for turn in turns {
        assert_eq!((&turn["server"], &turn["served"]), (&"bare".into(), &40.into()));
        assert_eq!(turn["latency_ms"]["count"], 40);
        for figure in ["cpu_us", "client_cpu_us", "per_second", "took_s"] {
            assert!(turn[figure].as_f64().is_some_and(|figure| figure > 0.0), "{figure}: {turn}");
        }
    }
    assert_eq!(report["ratios"], Value::Array(vec![]), "there is no broker to compare with");
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_said_to_be_missing() {
    let (code, _, said) = play("--connections 4 --turns 1 --broker no/such/program").await;
    assert_eq!(code, Some(2));
    assert!(said.contains("no/such/program"), "{said}");
}
