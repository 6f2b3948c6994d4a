//! What each case is expected to come to: `expected.txt`, read.

use crate::suite::Outcome;
use std::collections::BTreeMap;
use std::fmt;

/// By the number of a case.
pub(crate) type Expected = BTreeMap<String, Verdict>;

/// What a case should come to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// This behaviour, in the suite's word: `OK`, `NON-STRICT`, `INFORMATIONAL`.
    Passes(String),
    /// The contract does not allow what the case sends: closed with this code.
    Refused(u16),
}

impl Verdict {
    /// Whether the outcome is as expected. Which code a connection fails with is the contract's to say,
    /// so the suite's opinion of it is kept for the summary alone.
    pub(crate) fn is_met_by(&self, outcome: &Outcome) -> bool {
        match self {
            Self::Passes(behaviour) => {
                outcome.behaviour == *behaviour && outcome.close_behaviour != "FAILED"
            }
            Self::Refused(code) => outcome.close_code == Some(*code),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passes(behaviour) => f.write_str(behaviour),
            Self::Refused(code) => write!(f, "a close with {code}"),
        }
    }
}

/// The table that is kept.
pub(crate) fn table() -> Expected {
    let text = include_str!("expected.txt");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(row).collect()
}

fn row(line: &str) -> (String, Verdict) {
    let mut words = line.split_whitespace();
    let (case, verdict) = (words.next().unwrap(), words.next().expect("a verdict"));
    let verdict = match verdict {
        "CLOSED" => Verdict::Refused(words.next().unwrap().parse().unwrap()),
        behaviour => Verdict::Passes(behaviour.to_owned()),
    };
    (case.to_owned(), verdict)
}

#[test]
fn the_table_has_each_case_once_and_says_why_one_is_refused() {
    let text = include_str!("expected.txt");
    let lines: Vec<&str> =
        text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!(table().len(), lines.len(), "no case stands twice");
    for line in lines.iter().filter(|line| !line.ends_with(" OK")) {
        let words = line.split_whitespace().count();
        assert!(words > 3 || line.ends_with("INFORMATIONAL"), "a reason: {line}");
    }
}
