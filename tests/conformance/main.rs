//! The WebSocket layer against a conformance suite that others wrote: the server cases of
//! Autobahn|Testsuite. What is run, what differs and why: `docs/CONFORMANCE.md`.
//!
//! The suite itself is no crate: `tests/conformance/install-wstest` fetches it, `./check` calls both.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod echo;
mod expected;
mod openapi;
mod suite;

use expected::{Expected, Verdict};
use std::path::PathBuf;

/// How the run went: what got worse or is missing, and what got better than the table says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Comparison {
    worse: Vec<String>,
    better: Vec<String>,
}

fn compare(expected: &Expected, found: &suite::Results) -> Comparison {
    let mut comparison = Comparison::default();
    for (case, wanted) in expected {
        match found.get(case) {
            None => comparison.worse.push(format!("{case}: did not run")),
            Some(result) if wanted.is_met_by(result) => {}
            Some(result) if result.behaviour == "OK" => {
                comparison.better.push(format!("{case}: expected {wanted}, got {result}"));
            }
            Some(result) => {
                comparison.worse.push(format!("{case}: expected {wanted}, got {result}"));
            }
        }
    }
    let unknown = found.iter().filter(|(case, _)| !expected.contains_key(*case));
    let unknown = unknown.map(|(case, result)| format!("{case}: not in the table, got {result}"));
    comparison.worse.extend(unknown);
    comparison
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Autobahn's wstest, whose path stands in WSTEST: ./check runs it"]
async fn every_case_of_the_suite_goes_as_the_table_says() {
    let wstest = PathBuf::from(std::env::var_os("WSTEST").expect("WSTEST names the program"));
    let broker = echo::start().await;
    let found = suite::run(&wstest, &broker.url(echo::PATH)).await;
    let comparison = compare(&expected::table(), &found);
    eprintln!("{}", suite::summary(&found));
    for line in &comparison.better {
        eprintln!("better than the table: {line}");
    }
    assert!(comparison.worse.is_empty(), "worse than expected.txt: {:#?}", comparison.worse);
}

#[test]
fn a_case_that_gets_worse_or_does_not_run_is_seen() {
    let expected: Expected = [
        ("1.1.1".to_owned(), Verdict::Passes("OK".to_owned())),
        ("1.2.1".to_owned(), Verdict::Refused(4500)),
        ("6.4.1".to_owned(), Verdict::Passes("NON-STRICT".to_owned())),
        ("7.1.1".to_owned(), Verdict::Passes("OK".to_owned())),
    ]
    .into();
    let result = |behaviour: &str, close| suite::Outcome {
        behaviour: behaviour.to_owned(),
        close_behaviour: "OK".to_owned(),
        close_code: close,
    };
    let found = [
        ("1.1.1".to_owned(), result("NON-STRICT", Some(1000))),
        ("1.2.1".to_owned(), result("FAILED", Some(1002))),
        ("6.4.1".to_owned(), result("OK", Some(1000))),
        ("9.9.9".to_owned(), result("OK", Some(1000))),
    ]
    .into();
    let cases = |lines: &[String]| -> Vec<String> {
        lines.iter().map(|line| line.split(':').next().unwrap().to_owned()).collect()
    };
    let Comparison { worse, better } = compare(&expected, &found);
    assert_eq!(cases(&worse), ["1.1.1", "1.2.1", "7.1.1", "9.9.9"]);
    assert_eq!(cases(&better), ["6.4.1"]);
}
