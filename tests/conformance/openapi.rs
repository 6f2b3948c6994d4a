//! The HTTP API against its document, by a program that others wrote: schemathesis calls every operation
//! with what the document allows and with what it does not, and judges the answers.

use crate::support::broker::TestBroker;
use licence_broker::auth::Role;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

/// The organisation that every call is below, where the run is not about their numbers.
const ORGANISATION: u64 = 129;

/// What is judged of each answer: no failure of the broker, nothing that is not in the document.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,use_after_free";

/// Ends its organisation, so it is called in a run of its own.
const REMOVAL: &str = "removeOrganisation";

/// Never ends its answer: a stream of events, which tests/wire reads.
const STREAM: &str = "followLive";

/// The seed of the run that is the same every time.
const SEED: &str = "129";

/// Where somebody is logged in, something was bought, and records exist.
async fn stage() -> TestBroker {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(ORGANISATION).await;
    operator.buy_base(ORGANISATION).await;
    for licence in ["inbound_agent", "agent_email", "agent_calls"] {
        operator.buy(ORGANISATION, licence, 5, 2).await;
    }
    for user in ["edred", "etta"] {
        operator.add_user(ORGANISATION, user, "inbound_agent", &["agent_email"]).await;
    }
    let (left, _) = broker.login(ORGANISATION, "etta", "agent_desktop").await;
    left.log_out().await;
    broker
}

/// Which operations are called, with what, and where.
struct Run<'a> {
    seed: &'a str,
    /// `examples` are the document's own, `coverage` goes through each parameter's borders and beyond them,
    /// `fuzzing` is left to chance.
    phases: &'a str,
    /// How many inputs chance gives to each operation.
    inputs: &'a str,
    /// Further words of the command line.
    choice: &'a [&'a str],
    /// What every path is below; any number where there is none.
    organisation: Option<u64>,
}

/// The document as the broker gives it out, without what it says of statuses that it does not name: each
/// that comes must be one that is named.
async fn document(broker: &TestBroker) -> Value {
    let mut document = broker.operator().get("/openapi.json").await;
    let paths = document["paths"].as_object_mut().expect("there are paths");
    let operations = paths.values_mut().flat_map(|path| path.as_object_mut().unwrap().values_mut());
    for operation in operations.filter_map(Value::as_object_mut) {
        if let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) {
            responses.remove("default");
        }
        // The program cannot write JSON lines; the fuzz target `imports` does.
        let content = operation.get_mut("requestBody").and_then(|body| body.get_mut("content"));
        if let Some(content) = content.and_then(Value::as_object_mut) {
            content.remove("application/x-ndjson");
        }
    }
    document
}

/// Runs the program, which prints what it finds and how to call it again.
async fn judge(broker: &TestBroker, run: Run<'_>) {
    let program = PathBuf::from(std::env::var_os("SCHEMATHESIS").expect("it names the program"));
    let folder = tempfile::tempdir().unwrap();
    let settings = run.organisation.map_or_else(String::new, |organisation| {
        format!("[parameters]\n\"path.org\" = {}\n", json!(organisation))
    });
    std::fs::write(folder.path().join("schemathesis.toml"), settings).unwrap();
    let described = folder.path().join("openapi.json");
    std::fs::write(&described, document(broker).await.to_string()).unwrap();
    let token = broker.token(Role::Operator, ORGANISATION, "operator");
    let mut command = Command::new(program);
    command.arg("run").arg(described).args(["--url", &broker.url("")]);
    command.args(["--checks", CHECKS, "--seed", run.seed, "--exclude-operation-id", STREAM]);
    command.args(["--max-examples", run.inputs, "--no-color", "--no-shrink"]);
    command.args(["--continue-on-failure", "--generation-database", "none"]);
    command.args(["--phases", run.phases, "--warnings", "off"]);
    command.arg("--header").arg(format!("Authorization:Bearer {token}"));
    command.args(run.choice).current_dir(&folder).stdin(Stdio::null());
    let seed = run.seed;
    let status = tokio::task::spawn_blocking(move || command.status()).await.unwrap().unwrap();
    assert!(ExitStatus::success(&status), "seed {seed}: see above");
}

/// With `SCHEMATHESIS_SEED` another run is left to chance beside the one that is the same every time.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs schemathesis, whose path stands in SCHEMATHESIS: ./check runs it"]
async fn every_answer_of_every_operation_is_in_the_document() {
    let broker = stage().await;
    let inputs = std::env::var("SCHEMATHESIS_INPUTS").unwrap_or_else(|_| "10".to_owned());
    let fresh = std::env::var("SCHEMATHESIS_SEED").ok();
    let seeds = [(SEED.to_owned(), "examples,coverage,fuzzing")];
    let seeds = seeds.into_iter().chain(fresh.map(|seed| (seed, "fuzzing")));
    for (seed, phases) in seeds {
        let choice = &["--exclude-operation-id", REMOVAL];
        let organisation = Some(ORGANISATION);
        let run = Run { seed: &seed, phases, inputs: &inputs, choice, organisation };
        judge(&broker, run).await;
    }
    let anywhere =
        Run { seed: SEED, phases: "fuzzing", inputs: "3", choice: &[], organisation: None };
    judge(&broker, anywhere).await;
    let choice = &["--include-operation-id", REMOVAL];
    let organisation = Some(ORGANISATION);
    let removal =
        Run { seed: SEED, phases: "examples,coverage", inputs: "1", choice, organisation };
    judge(&broker, removal).await;
}
