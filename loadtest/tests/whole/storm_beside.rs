//! A storm in one organisation beside calm ones, against a fake broker that keeps the contract or breaks it.

use std::process::Stdio;

use crate::support::{self, FakeBroker, Vice};
use procfs::process::{Process, all_processes};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// One turn of calm and storm over four organisations.
const CALM: &str = "--release-timeout-s 1 --organisations 4 --stay 0.1 --calm 0.5";
const STORM: &str = "--storm-agents 300 --turns 1";

/// The exit code and the report.
async fn play(vice: Vice, options: &str) -> (Option<i32>, Value) {
    support::play("storm-beside", vice, &[CALM, STORM, "--rate 200 --storm-stay 1", options]).await
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
    assert_eq!(report["floor"], Value::Null, "nobody asked for it");
}

#[tokio::test]
async fn what_the_storm_s_process_saw_stands_where_it_would_without_one() {
    let (_, report) = play(Vice::None, "--ratio-max 1000000").await;
    let pools = report["audit"]["pools"].as_array().expect("pools");
    let of_storm = |pool: &&Value| pool["organisation"] == 9004 && pool["licence"] == support::SEAT;
    let pool = pools.iter().find(of_storm).expect("the storm's organisation");
    assert_eq!(pool["bought"], 330);
    // On a busy machine the first leave before the last have come.
    let peak = pool["peak_holders"].as_u64().expect("a number");
    assert!((1..=300).contains(&peak), "{peak}");
    assert!(report["audit"]["holds"].as_u64() >= Some(3 * 300), "{report}");
    let results = &report["results"];
    let visits = &results["outcomes"]["the storm: visits"];
    assert_eq!(visits, &json!({"due": 300, "logged in": 300}));
    assert_eq!(results["latency_ms"]["the storm: licence"]["count"], 300);
}

#[tokio::test]
async fn a_bare_server_under_the_same_storm_is_the_floor() {
    let page = std::env::temp_dir().join(format!("loadtest-floor-{}.html", std::process::id()));
    let html = format!("--bare --ratio-max 1000000 --html {}", page.display());
    let (code, report) = play(Vice::None, &html).await;
    let page_text = std::fs::read_to_string(&page).expect("a page");
    std::fs::remove_file(&page).expect("a page");
    assert_eq!(code, Some(0), "{report}");
    let floor = &report["floor"];
    let served = |phase: usize| floor["phases"][phase]["echo_ms"]["count"].as_u64();
    assert!(served(0) > Some(0) && served(1) > Some(0), "{floor}");
    assert_eq!(served(2), Some(300), "the storm: {floor}");
    assert_eq!(floor["calm_p99_ms"], floor["phases"][0]["echo_ms"]["p99"]);
    let ratio = floor["ratio"].as_f64().expect("a ratio");
    assert!(ratio > 0.0, "{floor}");
    assert_eq!(report["results"]["figures"]["echo_p99_ratio"]["value"], ratio);
    let phases = &report["phases"];
    assert_eq!(phases[3]["outcomes"]["logged_in"], 300, "echoes are no logins: {phases}");
    for named in ["echo_p99_ratio", "bare server, calm: echo"] {
        assert!(page_text.contains(named), "{named}");
    }
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

/// Plays a storm that would stay for a minute; when all are in, the process that plays it and the run itself
/// are handed over. The report.
async fn disturbed(disturb: impl AsyncFnOnce(Process, u32)) -> Value {
    let broker = FakeBroker::start(Vice::None).await;
    let mut tool = support::command("storm-beside", &broker)
        .args(format!("{CALM} {STORM} --rate 50 --storm-stay 60").split_whitespace())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it runs");
    let id = tool.id().expect("it runs");
    let mut said = BufReader::new(tool.stderr.take().expect("a pipe")).lines();
    while let Some(line) = said.next_line().await.expect("text") {
        if line.starts_with("storm 1: every login decided") {
            break;
        }
    }
    let parent = i32::try_from(id).expect("a number");
    let is_child = |process: &Process| process.stat().is_ok_and(|stat| stat.ppid == parent);
    let child = all_processes().expect("/proc").flatten().find(is_child).expect("a process");
    disturb(child, id).await;
    let reading = tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
    let output = tool.wait_with_output().await.expect("it ends");
    reading.await.expect("text");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(broker.organisations(), Vec::<String>::new(), "what it created is removed");
    serde_json::from_slice(&output.stdout).expect("a report")
}

async fn signal(name: &str, id: impl ToString) {
    Command::new("kill").args([name, &id.to_string()]).status().await.expect("a signal");
}

/// As the kernel numbers its ways of scheduling (`man 7 sched`).
const SCHED_IDLE: u32 = 5;

#[tokio::test]
async fn the_storm_runs_when_nobody_else_does_and_says_what_it_saw_when_the_run_is_interrupted() {
    let report = disturbed(async |child, id| {
        for task in child.tasks().expect("threads").flatten() {
            assert_eq!(task.stat().expect("a thread").policy, Some(SCHED_IDLE));
        }
        // As a terminal does.
        signal("-INT", child.pid()).await;
        signal("-INT", id).await;
    })
    .await;
    assert_eq!(report["failures"][0], "interrupted");
    assert_eq!(report["phases"][3]["outcomes"]["logged_in"], 300, "{report}");
    let held = report["results"]["series"]["licences_held"]["points"].as_array().expect("points");
    let held = held.iter().filter_map(|point| point[1].as_f64()).fold(0.0, f64::max);
    assert!(held >= 3.0 * 300.0, "the storm's are among those held: {held}");
}

#[tokio::test]
async fn a_storm_s_process_that_ends_by_itself_fails_the_run() {
    let report = disturbed(async |child, _| signal("-KILL", child.pid()).await).await;
    let failures = report["failures"].to_string();
    assert!(failures.contains("the storm's process has ended by itself"), "{failures}");
}
