//! Set-up is a part of the run: it has a bound, and can be interrupted.

use std::process::Stdio;

use crate::support::{self, FakeBroker, Vice};
use serde_json::{Value, json};
use tokio::process::Command;

#[tokio::test]
async fn a_set_up_that_is_interrupted_is_reported_and_leaves_nothing_behind() {
    for profile in ["day", "storm-beside", "reconnect-storm", "mass-login"] {
        let broker = FakeBroker::start(Vice::StallsSetUp).await;
        let tool = support::command(profile, &broker)
            .args(["--release-timeout-s", "1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        broker.until_stalled().await;
        assert_eq!(broker.organisations(), ["9001"], "{profile}");
        let id = tool.id().expect("it still runs").to_string();
        Command::new("kill").args(["-INT", &id]).status().await.expect("a signal");
        let output = tool.wait_with_output().await.expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        let how = (output.status.code(), &report["failures"][0]);
        assert_eq!(how, (Some(1), &json!("interrupted")), "{profile}: {}: {said}", output.status);
        assert_eq!(broker.organisations(), Vec::<String>::new(), "{profile}");
    }
}
