//! `docs/METRICS.md` against the table of series.

use licence_broker::actor::gauges::State;
use licence_broker::domain::reason::{GrantPool, Refusal, ResumeFailure};
use licence_broker::telemetry::ALL;
use std::collections::{BTreeMap, BTreeSet};

const DOCUMENT: &str = include_str!("../../docs/METRICS.md");

/// Type and labels.
type Shape = (String, Vec<String>);

fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The rows of the tables of series: name, type, labels.
pub(crate) fn described() -> BTreeMap<String, Shape> {
    let mut all = BTreeMap::new();
    for line in DOCUMENT.lines().filter(|line| line.starts_with("| `licence_broker_")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
        let [name, kind, labels, meaning] = cells[..] else { panic!("four cells: {line}") };
        assert!(!meaning.trim().is_empty(), "{line}");
        let name = quoted(name).remove(0);
        let shape = (kind.trim().to_owned(), quoted(labels));
        assert!(all.insert(name, shape).is_none(), "twice: {line}");
    }
    all
}

#[test]
fn every_series_is_described_with_its_type_and_labels_and_no_other_is() {
    let real: BTreeMap<String, Shape> = ALL
        .iter()
        .map(|series| {
            let labels = series.labels.iter().map(|label| (*label).to_owned()).collect();
            (series.name.to_owned(), (series.kind.as_str().to_owned(), labels))
        })
        .collect();
    assert_eq!(described(), real);
}

/// The words that the page gives for a label of a series.
fn words(label: &str, series: &str) -> BTreeSet<String> {
    let head = format!("| `{label}` | `{series}` | ");
    let row = DOCUMENT.lines().find_map(|line| line.strip_prefix(&head));
    quoted(row.unwrap_or_else(|| panic!("a row for {label} of {series}"))).into_iter().collect()
}

fn set<'a>(words: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    words.into_iter().map(str::to_owned).collect()
}

#[test]
fn the_words_of_labels_are_those_of_the_vocabularies() {
    let refusals = Refusal::ALL.iter().map(|refusal| refusal.as_str());
    let logins = refusals.chain(["full", "partial", "unavailable", "overloaded"]);
    assert_eq!(words("outcome", "licence_broker_logins_total"), set(logins));
    let failures = ResumeFailure::ALL.iter().map(|failure| failure.as_str());
    let resumes = failures.chain(["resumed", "unavailable"]);
    assert_eq!(words("outcome", "licence_broker_resumes_total"), set(resumes));
    let pools = GrantPool::ALL.iter().map(|pool| pool.as_str());
    assert_eq!(words("pool", "licence_broker_grants_total"), set(pools));
    let states = State::ALL.iter().map(|state| state.as_str());
    assert_eq!(words("state", "licence_broker_organisations"), set(states));
}
