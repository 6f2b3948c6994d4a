//! Runs the suite and reads its results.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};

/// By the number of a case.
pub(crate) type Results = BTreeMap<String, Outcome>;

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The suite's verdict.
    pub(crate) behaviour: String,
    /// Its verdict on how the connection ended.
    pub(crate) close_behaviour: String,
    /// What the broker closed with.
    pub(crate) close_code: Option<u16>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (close {}, code {:?})", self.behaviour, self.close_behaviour, self.close_code)
    }
}

/// Frames, pings, reserved bits, opcodes, fragments, UTF-8, closing, and sizes. Left out: 9 (what a
/// broker does with messages of megabytes is to refuse them), 12 and 13 (compression is not offered).
const CASES: [&str; 8] = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"];

const AGENT: &str = "licence-broker";

/// Runs every case against the endpoint at `url` (`http://…`), which takes a quarter of a minute. Whoever
/// starts this bounds its time.
pub(crate) async fn run(wstest: &Path, url: &str) -> Results {
    let folder = tempfile::tempdir().unwrap();
    let reports = folder.path().join("reports");
    let plan = json!({
        "outdir": reports,
        "servers": [{ "agent": AGENT, "url": url.replacen("http", "ws", 1) }],
        "cases": CASES,
        "exclude-cases": [],
        "exclude-agent-cases": {},
    });
    let plan_file = folder.path().join("plan.json");
    std::fs::write(&plan_file, plan.to_string()).unwrap();
    let mut command = Command::new(wstest);
    command.args(["-m", "fuzzingclient", "-s"]).arg(&plan_file).current_dir(&folder);
    command.stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "wstest failed: {said}");
    read(&std::fs::read_to_string(reports.join("index.json")).expect("wstest writes its results"))
}

fn read(index: &str) -> Results {
    let index: Value = serde_json::from_str(index).unwrap();
    let cases = index[AGENT].as_object().expect("the results of one agent");
    let outcome = |case: &Value| Outcome {
        behaviour: case["behavior"].as_str().unwrap().to_owned(),
        close_behaviour: case["behaviorClose"].as_str().unwrap().to_owned(),
        close_code: case["remoteCloseCode"].as_u64().map(|code| code.try_into().unwrap()),
    };
    cases.iter().map(|(number, case)| (number.clone(), outcome(case))).collect()
}

/// How many cases came to what; a line for each verdict.
pub(crate) fn summary(results: &Results) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for outcome in results.values() {
        *counts.entry(outcome.behaviour.clone()).or_default() += 1;
    }
    let lines = counts.iter().map(|(verdict, count)| format!("{count:>4} {verdict}"));
    format!("{} cases\n{}", results.len(), lines.collect::<Vec<_>>().join("\n"))
}
