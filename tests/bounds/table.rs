//! The table of bounds in the description of the architecture, held against the program.

use licence_broker::config::settings::KEYS;
use licence_broker::limits::bound::Bound;
use std::collections::BTreeSet;

const ARCHITECTURE: &str = include_str!("../../docs/ARCHITECTURE.md");
const LIMITS: &str = include_str!("../../src/limits.rs");

/// The cells of the table's rows: the bound's name, where its number stands, what happens at it.
fn rows() -> Vec<Vec<&'static str>> {
    let table =
        ARCHITECTURE.split_once("| name | number | what happens at it |").expect("the table").1;
    let lines = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

fn unquoted(cell: &str) -> &str {
    cell.trim_matches('`')
}

#[test]
fn every_bound_that_is_counted_stands_in_the_table_once() {
    let named: Vec<&str> = rows().iter().map(|row| unquoted(row[0])).collect();
    let different: BTreeSet<&str> = named.iter().copied().collect();
    assert_eq!(named.len(), different.len(), "a row for each: {named:?}");
    let counted: BTreeSet<&str> = Bound::ALL.iter().map(|bound| bound.as_str()).collect();
    assert_eq!(different, counted);
}

#[test]
fn every_number_stands_among_the_limits_and_what_happens_is_said() {
    for row in rows() {
        let [name, number, answer] = row[..] else { panic!("three cells: {row:?}") };
        let number = unquoted(number.trim_start_matches("--"));
        let stands = LIMITS.contains(&format!("pub const {number}:"))
            || LIMITS.contains(&format!("pub {number}:"));
        assert!(stands, "{name}: `{number}` is no number of src/limits.rs");
        assert!(answer.len() >= 3, "{name}: what happens at it?");
    }
}

#[test]
fn every_setting_of_a_bound_stands_in_the_table() {
    let numbers: BTreeSet<&str> = rows().iter().map(|row| unquoted(row[1])).collect();
    // What is left out of metrics is summed up, and turned away nowhere.
    let is_none = |key: &str| ["retention_days", "metrics_organisations_max"].contains(&key);
    let is_bound = |key: &&&str| LIMITS.contains(&format!("    pub {key}:")) && !is_none(key);
    for key in KEYS.iter().filter(is_bound) {
        assert!(numbers.contains(key), "{key}");
    }
}
