//! The result of a run of any profile, in one shape: what is printed, written as JSON, drawn as HTML, and
//! compared with another run.
//!
//! | file | what it holds |
//! |---|---|
//! | here | the shape |
//! | `latency` | percentiles of a histogram, and its curve |
//! | `machine` | on what it ran |
//! | `watched` | what the sampler saw, as series and figures |
//! | `of_…` | from a profile's own report |
//! | `publish` | out it goes |

pub(crate) mod latency;
pub(crate) mod machine;
mod of_baseline;
pub(crate) mod of_churn;
mod of_herd;
mod of_mass_login;
mod of_visits;
pub(crate) mod publish;
pub(crate) mod watched;

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::{Deserialize, Serialize};

use crate::audit::Verdict;
use crate::tally::Words;
use latency::Latency;
use machine::Machine;

/// Of the JSON; another one is not read.
pub(crate) const FORMAT: u32 = 1;

/// What a run set out to do, on what, what came of it, and whether it passed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Results {
    /// [`FORMAT`].
    pub(crate) format: u32,
    /// Its name on the command line.
    pub(crate) profile: String,
    pub(crate) passed: bool,
    /// Why it did not pass, in words.
    pub(crate) failures: Vec<String>,
    /// Options by their names on the command line, without dashes.
    pub(crate) options: BTreeMap<String, String>,
    pub(crate) machine: Machine,
    /// What was measured once, by name; the unit is the name's end.
    pub(crate) figures: BTreeMap<String, Figure>,
    /// How often what happened: by kind, then by word.
    pub(crate) outcomes: BTreeMap<String, Words>,
    /// From the moment at which it was due, unless the profile says otherwise.
    pub(crate) latency_ms: BTreeMap<String, Latency>,
    /// What changed over the run.
    pub(crate) series: BTreeMap<String, Series>,
    /// `None` where the profile judges by itself, every grant or turn by turn.
    pub(crate) audit: Option<Verdict>,
}

/// A number, and which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) value: f64,
    pub(crate) better: Better,
}

/// Which way a figure should go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Better {
    Lower,
    Higher,
    /// It says what was done, not how well.
    Neither,
}

/// A value over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Series {
    pub(crate) unit: String,
    /// What the points are places of: `s`, since the run's watch began, or `turn`, from 1.
    pub(crate) over: String,
    /// Place and value; places do not go backwards.
    pub(crate) points: Vec<(f64, f64)>,
}

impl Results {
    /// Nothing yet, on this machine.
    pub(crate) fn of(profile: &str) -> Self {
        Self {
            format: FORMAT,
            profile: profile.to_owned(),
            passed: false,
            failures: Vec::new(),
            options: BTreeMap::new(),
            machine: Machine::this(),
            figures: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            latency_ms: BTreeMap::new(),
            series: BTreeMap::new(),
            audit: None,
        }
    }

    /// An option, under its name on the command line.
    pub(crate) fn option(&mut self, name: &str, value: &dyn Display) {
        self.options.insert(name.to_owned(), value.to_string());
    }

    /// A number; the name ends with its unit. One that is none (over nothing) is left out: JSON has no word
    /// for it.
    pub(crate) fn figure(&mut self, name: &str, value: f64, better: Better) {
        if value.is_finite() {
            self.figures.insert(name.to_owned(), Figure { value, better });
        }
    }

    /// How often the words of one kind came; a kind of which there were none is left out.
    pub(crate) fn outcome(&mut self, kind: &str, words: &Words) {
        if words.total() > 0 {
            self.outcomes.insert(kind.to_owned(), words.clone());
        }
    }

    /// Passed, if there is no failure.
    pub(crate) fn judge(&mut self) {
        self.passed = self.failures.is_empty();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_fails_the_run_and_nothing_amiss_passes() {
        let mut results = Results::of("mass-login");
        results.judge();
        assert!(results.passed);
        results.failures.push("interrupted".to_owned());
        results.judge();
        assert!(!results.passed);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut results = Results::of("churn");
        results.option("agents", &5);
        results.figure("broker_cpu_s", 1.5, Better::Lower);
        results.figure("per_nothing", 1.5 / 0.0, Better::Lower);
        let mut words = Words::default();
        words.add("logged in");
        results.outcome("lives", &words);
        results.outcome("faults", &Words::default());
        let text = serde_json::to_string(&results).expect("JSON");
        let again: Results = serde_json::from_str(&text).expect("results");
        assert_eq!(again.figures, results.figures);
        assert_eq!(again.figures.len(), 1);
        assert_eq!((again.options["agents"].as_str(), again.outcomes.len()), ("5", 1));
    }
}
