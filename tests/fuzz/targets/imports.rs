//! The file of an import: CSV, or one JSON object a line.

use super::answer;
use super::bodies::CATALOGUE;
use licence_broker::http::fuzzing::{self, Imported};

/// So many rows are taken; few, so that the bound is met.
const ROWS_MAX: usize = 64;

/// Every file is read both ways.
pub(crate) fn run(data: &[u8]) {
    for is_csv in [true, false] {
        match fuzzing::import(data, is_csv, &CATALOGUE, ROWS_MAX) {
            Ok(import) => check(&import, data, is_csv),
            Err(problem) => answer::check(&problem),
        }
    }
}

/// Every row is accounted for once, and stands on a line of its own.
fn check(import: &Imported, data: &[u8], is_csv: bool) {
    let rows = import.accepted.len() + import.rejected_count;
    assert!(rows <= ROWS_MAX);
    assert_eq!(import.rejected.len(), import.rejected_count, "few enough to be spelled out");
    if !is_csv {
        let data = data.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(data);
        let lines = data.split(|byte| *byte == b'\n');
        assert_eq!(rows, lines.filter(|line| !line.trim_ascii().is_empty()).count());
    }
    let last = data.split(|byte| *byte == b'\n').count() as u64;
    let mut lines = import.accepted.clone();
    for (line, field, error) in &import.rejected {
        lines.push(*line);
        assert!(field.as_ref().is_none_or(|field| !field.is_empty()) && !error.is_empty());
    }
    lines.sort_unstable();
    assert!(lines.iter().all(|line| (1..=last).contains(line)), "{lines:?} of {last}");
    // A lone carriage return ends a row of CSV, and no line.
    let is_strict = !is_csv || !data.contains(&b'\r');
    assert!(!is_strict || lines.is_sorted_by(|a, b| a < b), "{lines:?}");
}
