//! The tool as a whole, against a fake broker that keeps the contract or breaks it.

use std::process::Stdio;

use crate::support::{self, FakeBroker, Vice};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

struct Played {
    code: Option<i32>,
    report: Value,
    said: String,
}

fn command(broker: &FakeBroker, options: &str) -> Command {
    let mut command = support::command("mass-login", broker);
    command.args(options.split_whitespace());
    command
}

async fn play(broker: &FakeBroker, options: &str) -> Played {
    let output = command(broker, options).output().await.expect("the tool runs");
    Played {
        code: output.status.code(),
        report: serde_json::from_slice(&output.stdout).unwrap_or(Value::Null),
        said: String::from_utf8(output.stderr).expect("text"),
    }
}

#[tokio::test]
async fn an_honest_broker_passes_and_nothing_remains() {
    let broker = FakeBroker::start(Vice::None).await;
    let played = play(&broker, "--agents 100 --organisations 2 --rate 500 --hold 0.2").await;
    assert_eq!(played.code, Some(0), "{}", played.said);
    let outcomes = &played.report["outcomes"];
    assert_eq!(outcomes["logged_in_full"], 60);
    assert_eq!(outcomes["logged_in_partial"], 20);
    assert_eq!(outcomes["login_refused"], json!({"seat_exhausted": 20}));
    assert_eq!(outcomes["denied"]["agent_web_chat"], json!({"exhausted": 20}));
    assert_eq!(outcomes["close_codes"], json!({"1000": 80, "4010": 20}));
    assert_eq!(outcomes["left"], json!({"logged_out": 80}));
    assert_eq!(outcomes["faults"], json!({}));
    assert_eq!(played.report["latency_ms"]["licence"]["count"], 80);
    assert_eq!(played.report["audit"]["proven"], 80 + 80 + 60);
    assert_eq!(played.report["audit"]["pools"][2]["peak_holders"], 40);
    assert_eq!(broker.organisations(), Vec::<String>::new());
}

#[tokio::test]
async fn the_results_tell_what_the_broker_s_process_used_and_what_changed_over_time() {
    let broker = FakeBroker::start(Vice::None).await;
    let played = play(&broker, "--agents 50 --rate 200 --hold 0.3").await;
    assert_eq!(played.code, Some(0), "{}", played.said);
    let results = &played.report["results"];
    assert_eq!((&results["profile"], &results["passed"]), (&json!("mass-login"), &json!(true)));
    assert_eq!(results["outcomes"]["logins"]["logged in, full"], 30);
    assert_eq!(results["latency_ms"]["licence"]["count"], 40);
    // The fake broker is this process.
    for figure in ["broker_cpu_s", "broker_cpu_per_decision_us", "broker_resident_peak_bytes"] {
        let value = &results["figures"][figure]["value"];
        assert!(value.as_f64().is_some_and(|value| value > 0.0), "{figure}: {value}");
    }
    let held = results["series"]["licences_held"]["points"].as_array().expect("points");
    let most = held.iter().filter_map(|point| point[1].as_f64()).fold(0.0, f64::max);
    assert!((most - 110.0).abs() < 1e-9, "40 seats, 40 of e-mail, 30 of web chat: {most}");
    assert!(played.said.contains("of processor time"), "{}", played.said);
}

#[tokio::test]
async fn the_page_holds_every_figure_of_the_json() {
    let broker = FakeBroker::start(Vice::None).await;
    let name = format!("loadtest-{}.html", std::process::id());
    let path = std::env::temp_dir().join(name);
    let options = format!("--agents 50 --rate 200 --hold 0.3 --html {}", path.display());
    let played = play(&broker, &options).await;
    assert_eq!(played.code, Some(0), "{}", played.said);
    let page = std::fs::read_to_string(&path).expect("a page");
    std::fs::remove_file(&path).expect("a page");
    let results = &played.report["results"];
    for (name, figure) in results["figures"].as_object().expect("figures") {
        let value = figure["value"].as_f64().expect("a number");
        assert!(page.contains(&format!("<td>{name}</td>")), "{name}");
        assert!(stands_on(&page, value), "{name}: {value}");
    }
    for (name, latency) in results["latency_ms"].as_object().expect("latencies") {
        for percentile in ["p50", "p90", "p99", "p99_9", "max"] {
            let value = latency[percentile].as_f64().expect("a number");
            assert!(stands_on(&page, value), "{name} {percentile}: {value}");
        }
    }
    for (kind, words) in results["outcomes"].as_object().expect("outcomes") {
        for (word, times) in words.as_object().expect("words") {
            let row = format!("<td>{kind}</td><td>{word}</td><td class=\"number\">{times}</td>");
            assert!(page.contains(&row), "{row}");
        }
    }
}

/// Numbers that went through JSON may differ in the last digit.
fn stands_on(page: &str, value: f64) -> bool {
    let shown = page.split("<data value=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let mut numbers = shown.map(|number| number.parse::<f64>().expect("a number"));
    numbers.any(|number| (number - value).abs() <= 1e-9 * value.abs().max(1.0))
}

#[tokio::test]
async fn dropping_agents_prove_their_holds_too_and_kept_organisations_stay() {
    let broker = FakeBroker::start(Vice::None).await;
    let played =
        play(&broker, "--agents 20 --hold 0 --leave drop --keep --source-addresses 2").await;
    assert_eq!(played.code, Some(0), "{}", played.said);
    assert_eq!(played.report["outcomes"]["left"], json!({"dropped": 16}));
    let dropped = &played.report["dropped"];
    assert_eq!(dropped["connections"], 16);
    assert!(dropped["free_after_s"].as_f64().is_some_and(|s| s < 5.0), "{dropped}");
    assert_eq!(played.report["audit"]["holds"], played.report["audit"]["proven"]);
    assert_eq!(broker.organisations(), ["9001"]);
}

#[tokio::test]
async fn a_broker_that_grants_too_much_is_caught() {
    let broker = FakeBroker::start(Vice::GrantsAll).await;
    for leave in ["logout", "drop"] {
        let options = format!("--agents 30 --seats 20 --contingency 5 --hold 0 --leave {leave}");
        let played = play(&broker, &options).await;
        assert_eq!(played.code, Some(1), "{}", played.said);
        let violations = played.report["audit"]["violations"].as_array().expect("a list");
        assert_eq!(violations.len(), 3, "{violations:?}");
        assert_eq!(
            (&violations[0]["bought"], &violations[0]["peak_holders"]),
            (&json!(25), &json!(30))
        );
        assert!(played.said.contains("held by 30 users, 25 bought"), "{}", played.said);
    }
}

#[tokio::test]
async fn a_broker_that_leaks_is_caught() {
    let broker = FakeBroker::start(Vice::Leaks).await;
    let played = play(&broker, "--agents 10 --hold 0 --release-timeout-s 1").await;
    assert_eq!(played.code, Some(1), "{}", played.said);
    assert_eq!(played.report["afterwards"]["held"][0]["holders"], 8);
    assert_eq!(played.report["dropped"], Value::Null);
    let dropping = play(&broker, "--agents 10 --hold 0 --leave drop --release-timeout-s 1").await;
    assert_eq!(dropping.code, Some(1), "{}", dropping.said);
    let failures = dropping.report["failures"].to_string();
    assert!(failures.contains("live counts did not show in time"), "{failures}");
}

#[tokio::test]
async fn a_silent_broker_does_not_hold_the_tool() {
    let broker = FakeBroker::start(Vice::Silent).await;
    let by_login = play(&broker, "--agents 5 --hold 0 --login-timeout-s 1").await;
    assert_eq!((by_login.code, &by_login.report["outcomes"]["timed_out"]), (Some(1), &json!(5)));
    let by_run = play(&broker, "--agents 5 --hold 0 --timeout-s 1").await;
    assert_eq!(by_run.code, Some(1));
    assert_eq!(by_run.report["failures"][0], "cut short after --timeout-s 1");
    assert_eq!(broker.organisations(), Vec::<String>::new());
}

#[tokio::test]
async fn http_errors_of_the_upgrade_are_counted() {
    let broker = FakeBroker::start(Vice::Overloaded).await;
    let played = play(&broker, "--agents 5 --hold 0").await;
    assert_eq!(played.code, Some(1));
    assert_eq!(played.report["outcomes"]["http_errors"], json!({"503": 5}));
}

#[tokio::test]
async fn an_organisation_that_was_there_before_is_left_alone() {
    let broker = FakeBroker::start(Vice::None).await;
    broker.occupy("9002");
    let played = play(&broker, "--agents 5 --organisations 2 --hold 0").await;
    assert_eq!(played.code, Some(2), "{}", played.said);
    assert!(played.said.contains("organisation 9002 is there already"), "{}", played.said);
    assert_eq!(broker.organisations(), ["9002"]);
}

#[tokio::test]
async fn what_cannot_be_set_up_is_said_before_anything_is_touched() {
    let broker = FakeBroker::start(Vice::None).await;
    let addresses = play(&broker, "--source-addresses 0").await;
    assert_eq!(addresses.code, Some(2));
    assert!(addresses.said.contains("--source-addresses"), "{}", addresses.said);
    let tls = play(&broker, "--url https://broker.example").await;
    assert_eq!(tls.code, Some(2));
    assert_eq!(broker.organisations(), Vec::<String>::new());
}

#[tokio::test]
async fn an_interrupted_run_reports_and_removes_what_it_created() {
    let broker = FakeBroker::start(Vice::None).await;
    let mut tool = command(&broker, "--agents 10 --hold 60");
    let mut tool = tool.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let mut said = BufReader::new(tool.stderr.take().expect("a pipe")).lines();
    while let Some(line) = said.next_line().await.expect("text") {
        if line == "every login decided" {
            break;
        }
    }
    let id = tool.id().expect("it still runs").to_string();
    Command::new("kill").args(["-INT", &id]).status().await.expect("a signal");
    let reading = tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
    let output = tool.wait_with_output().await.expect("it ends");
    reading.await.expect("text");
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!((output.status.code(), &report["failures"][0]), (Some(1), &json!("interrupted")));
    assert_eq!(report["audit"]["holds"], 8 + 8 + 6);
    assert_eq!(broker.organisations(), Vec::<String>::new());
}
