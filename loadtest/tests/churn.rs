//! The churn as a whole, seconds of it, against a fake broker that is as it was afterwards, or grows.

mod churning;

use churning::{FakeBroker, Vice};
use tokio::process::Command;

/// Plays a few seconds; the exit code, and what was printed.
async fn play(vice: Vice) -> (Option<i32>, String) {
    let broker = FakeBroker::start(vice).await;
    let output = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(["churn", "--operator-token", "the-operator"])
        .args(["--url", &format!("http://{}", broker.address)])
        .args(["--minutes", "0.05", "--sample-s", "0.05", "--release-timeout-s", "1"])
        .args(["--agents", "20", "--organisations", "2", "--rate", "60", "--boards", "1"])
        .output()
        .await
        .expect("the tool runs");
    let printed = [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("text"));
    (output.status.code(), printed.concat())
}

#[tokio::test]
async fn a_broker_that_is_as_it_was_passes() {
    let (code, printed) = play(Vice::None).await;
    assert_eq!(code, Some(0), "{printed}");
    for outcome in ["logged in", "logged out", "took over", "left by a close frame", "subscribed"] {
        assert!(printed.contains(outcome), "{outcome} in {printed}");
    }
    assert!(printed.contains("actors of sessions") && printed.ends_with_verdict("PASSED"));
}

#[tokio::test]
async fn memory_that_grows_is_caught() {
    let (code, printed) = play(Vice::Grows).await;
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("resident memory, bytes: "), "{printed}");
}

#[tokio::test]
async fn an_actor_that_is_left_alive_is_caught() {
    let (code, printed) = play(Vice::LeavesActors).await;
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("actors of sessions: "), "{printed}");
}

#[tokio::test]
async fn a_log_that_does_not_balance_is_caught() {
    let (code, printed) = play(Vice::ForgetsReleases).await;
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("acquired records have no released record"), "{printed}");
}

trait Printed {
    fn ends_with_verdict(&self, verdict: &str) -> bool;
}

impl Printed for String {
    /// What is told on standard error stands behind it here.
    fn ends_with_verdict(&self, verdict: &str) -> bool {
        self.lines().any(|line| line == verdict)
    }
}
