//! Wallboards beside logins, against a fake broker that keeps the contract or breaks it.

use crate::support::{self, Vice};
use serde_json::{Value, json};

async fn play(vice: Vice, options: &str) -> (Option<i32>, Value) {
    let boards = "--boards 20 --agents 40 --over-s 0.4 --age-max-ms 5000";
    support::play("wallboards", vice, &[boards, options]).await
}

#[tokio::test]
async fn boards_that_show_every_login_in_time_pass() {
    let page = std::env::temp_dir().join(format!("loadtest-boards-{}.html", std::process::id()));
    let (code, report) = play(Vice::None, &format!("--html {}", page.display())).await;
    let page_text = std::fs::read_to_string(&page).expect("a page");
    std::fs::remove_file(&page).expect("a page");
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(report["licence_ms"]["count"], 40);
    let frames = report["frames"].as_u64().expect("a number");
    let aged = report["age_ms"]["count"].as_u64().expect("a number");
    assert!(aged >= 20 && frames >= aged, "each of 20 boards is shown something: {report}");
    assert_eq!(report["snapshots"], 0);
    assert_eq!(report["results"]["outcomes"]["frames"]["delivered"], frames);
    assert_eq!(report["per_frame_median_us"], Value::Null, "whose process it is, nobody said");
    for name in ["age of the counts", "licence"] {
        let latency = &report["results"]["latency_ms"][name];
        assert_ne!(latency["curve"].as_array().expect("a list").len(), 0, "{name}: {latency}");
        assert!(page_text.contains(&format!("\">{name}</span>")), "a curve with its name: {name}");
    }
    assert_eq!(page_text.matches("<polyline").count(), 2, "{page_text}");
}

#[tokio::test]
async fn counts_that_are_left_out_without_a_word_are_found() {
    let (code, report) = play(Vice::SkipsCounts, "").await;
    assert_eq!(code, Some(1), "{report}");
    let failures = report["failures"].as_array().expect("a list");
    assert!(failures.contains(&json!("counts 3 came after 1")), "{failures:?}");
}

#[tokio::test]
async fn a_board_that_is_not_told_the_last_is_found() {
    let (code, report) = play(Vice::StopsCounts, "--boards-timeout-s 1").await;
    assert_eq!(code, Some(1), "{report}");
    let failures = report["failures"].as_array().expect("a list");
    let expected = json!("not every board showed all 40 holders in the end");
    assert!(failures.contains(&expected), "{failures:?}");
}

#[tokio::test]
async fn a_broker_that_grants_too_much_is_caught_here_too() {
    let (code, report) = play(Vice::GrantsAll, "--seats 10").await;
    assert_eq!(code, Some(1), "{report}");
    let failures = report["failures"].to_string();
    assert!(failures.contains("held by 40 users, 10 bought"), "{failures}");
}
