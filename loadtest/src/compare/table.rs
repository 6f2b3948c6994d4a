//! The rows for people; what did not change is left out.

use std::fmt::Write;

use super::changes::{Changes, Row};
use crate::results::Results;

/// The whole comparison, with a newline at its end.
pub(super) fn of(
    before: &Results,
    after: &Results,
    changes: &Changes,
    fail_above: Option<f64>,
) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        // Writing to a string does not fail.
        let _ = writeln!(out, "{}", text.trim_end());
    };
    let verdict = |results: &Results| if results.passed { "passed" } else { "failed" };
    line(format!("{}: {} before, {} after", after.profile, verdict(before), verdict(after)));
    for words in &changes.circumstances {
        line(format!("not the same: {words}"));
    }
    line(format!("\n{:<42}{:>14}{:>14}{:>9}", "what changed", "before", "after", "ratio"));
    let changed: Vec<_> = changes.rows.iter().filter(|row| row.before != row.after).collect();
    for row in &changed {
        line(of_row(row, fail_above));
    }
    line(format!("{} of {} numbers changed", changed.len(), changes.rows.len()));
    if let Some(factor) = fail_above {
        let worse: Vec<_> = changes.worse_than(factor).collect();
        line(match worse.len() {
            0 => format!("nothing is worse by more than {factor}"),
            _ => format!("worse by more than {factor}: {}", worse.join("; ")),
        });
    }
    out
}

fn of_row(row: &Row, fail_above: Option<f64>) -> String {
    let number = |value: Option<f64>| value.map_or("none".to_owned(), in_digits);
    let ratio = row.ratio().map_or_else(String::new, |ratio| {
        if ratio.is_finite() { format!("{ratio:.3}") } else { "new".to_owned() }
    });
    let worse_by = row.worse_by();
    let how = match fail_above {
        Some(factor) if worse_by > factor => "WORSE",
        Some(_) | None if worse_by > 1.0 => "worse",
        Some(_) | None if worse_by < 1.0 => "better",
        Some(_) | None => "",
    };
    let (before, after) = (number(row.before), number(row.after));
    format!("{:<42}{before:>14}{after:>14}{ratio:>9}  {how}", row.what)
}

/// Four significant digits or so.
fn in_digits(value: f64) -> String {
    let digits = match value.abs() {
        large if large >= 1_000.0 => 0,
        middle if middle >= 10.0 => 1,
        _ => 3,
    };
    format!("{value:.digits$}")
}
