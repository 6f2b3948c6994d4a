//! Two runs compared, against a file that says what must be printed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const EXPECTED: &str = include_str!("compare/expected.txt");

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/whole/compare").join(name)
}

fn compare(before: &Path, after: &Path, options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .arg("compare")
        .args([before, after])
        .args(options)
        .output()
        .expect("the tool runs")
}

fn printed(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

#[test]
fn what_changed_is_told_with_its_ratio_and_its_direction() {
    let (before, after) = (fixture("before.json"), fixture("after.json"));
    let output = compare(&before, &after, &["--fail-above", "1.3"]);
    assert_eq!(printed(&output.stdout), EXPECTED);
    assert_eq!(output.status.code(), Some(1), "memory, and sessions that ended early");
}

#[test]
fn a_run_against_itself_has_no_change_and_whatever_is_allowed_passes() {
    let (before, after) = (fixture("before.json"), fixture("after.json"));
    let same = compare(&before, &before, &["--fail-above", "1"]);
    assert_eq!(same.status.code(), Some(0), "{}", printed(&same.stdout));
    assert!(printed(&same.stdout).contains("\n0 of "), "{}", printed(&same.stdout));
    assert_eq!(compare(&before, &after, &[]).status.code(), Some(0), "nothing was forbidden");
    let back = compare(&after, &before, &["--fail-above", "1.4"]);
    assert_eq!(back.status.code(), Some(0), "{}", printed(&back.stdout));
}

#[test]
fn bad_input_is_told_with_its_file_and_its_field() {
    let good = std::fs::read_to_string(fixture("before.json")).expect("a file");
    let bad = std::env::temp_dir().join(format!("loadtest-compare-{}.json", std::process::id()));
    for (from, to, told) in [
        ("\"p99\": 79.9", "\"p99\": \"slow\"", "results.latency_ms.licence"),
        ("\"value\": 160.0", "\"value\": null", "results.figures.broker_cpu_per_login_us.value"),
        ("\"format\": 1", "\"format\": 7", "results.format: 7"),
        ("\"passed\": true", "\"past\": true", "missing field `passed`"),
        ("\"results\"", "\"result\"", "missing field `results`"),
        (
            "\"profile\": \"mass-login\",\n  \"passed\"",
            "\"profile\": \"day\",\n  \"passed\"",
            "profile day",
        ),
        ("{", "", "expected"),
    ] {
        let spoilt = good.replacen(from, to, 1);
        assert_ne!(spoilt, good, "{from}");
        std::fs::write(&bad, spoilt).expect("a file");
        let output = compare(&fixture("before.json"), &bad, &[]);
        let said = printed(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}: {said}");
        assert!(said.contains(told) && said.contains("loadtest-compare"), "{told}: {said}");
    }
    std::fs::remove_file(&bad).expect("a file");
    let missing = compare(&fixture("before.json"), &bad, &[]);
    assert!(printed(&missing.stderr).contains("loadtest-compare"));
}
