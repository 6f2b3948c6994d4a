//! One row for each number that both runs have, or one of them.

use std::collections::BTreeSet;

use crate::results::latency::Latency;
use crate::results::{Better, Results};

/// Kinds of outcomes of which every one is one too many.
const UNWELCOME: [&str; 7] = [
    "faults",
    "ended early",
    "ended undecided",
    "not connected",
    "HTTP status",
    "not answered",
    "lost",
];
/// A percentile is judged where at least so many logins were slower: else it tells of single ones.
const SLOWER_MIN: f64 = 10.0;

/// A number before and after.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) what: String,
    /// `None` where that run does not have it.
    pub(super) before: Option<f64>,
    pub(super) after: Option<f64>,
    pub(super) better: Better,
}

/// All rows, and what makes a comparison doubtful.
#[derive(Debug)]
pub(super) struct Changes {
    pub(super) rows: Vec<Row>,
    /// Options and machine where they differ, in words.
    pub(super) circumstances: Vec<String>,
    /// The first passed, the second did not.
    pub(super) fails_now: bool,
}

impl Changes {
    pub(super) fn between(before: &Results, after: &Results) -> Self {
        let mut rows = Vec::new();
        latencies(before, after, &mut rows);
        figures(before, after, &mut rows);
        outcomes(before, after, &mut rows);
        Self {
            rows,
            circumstances: circumstances(before, after),
            fails_now: before.passed && !after.passed,
        }
    }

    /// What is worse by more than the factor; that a run fails now is worse than any.
    pub(super) fn worse_than(&self, factor: f64) -> impl Iterator<Item = String> {
        let verdict = self.fails_now.then(|| "verdict".to_owned());
        let rows = self.rows.iter().filter(move |row| row.worse_by() > factor);
        verdict.into_iter().chain(rows.map(|row| row.what.clone()))
    }
}

impl Row {
    /// After over before: 1 where both are 0, infinite where only the first is; `None` where one has none.
    pub(super) fn ratio(&self) -> Option<f64> {
        let (before, after) = (self.before?, self.after?);
        Some(if before == after { 1.0 } else { after / before })
    }

    /// The factor by which it got worse; below 1 it got better, 1 where there is no worse.
    pub(super) fn worse_by(&self) -> f64 {
        match (self.better, self.ratio()) {
            (Better::Lower, Some(ratio)) => ratio,
            (Better::Higher, Some(ratio)) => 1.0 / ratio,
            (Better::Neither, _) | (Better::Lower | Better::Higher, None) => 1.0,
        }
    }
}

fn latencies(before: &Results, after: &Results, rows: &mut Vec<Row>) {
    for name in keys(before.latency_ms.keys(), after.latency_ms.keys()) {
        let (before, after) = (before.latency_ms.get(name), after.latency_ms.get(name));
        let read = |read: fn(&Latency) -> f64| (before.map(read), after.map(read));
        let fewest = [before, after].into_iter().flatten().map(|it| it.percentiles.count).min();
        let slower = |quantile: f64| fewest.unwrap_or(0) as f64 * (1.0 - quantile);
        let mut push = |percentile: &str, (before, after), quantile| {
            let is_judged = slower(quantile) >= SLOWER_MIN;
            let better = if is_judged { Better::Lower } else { Better::Neither };
            rows.push(Row { what: format!("{name} {percentile}, ms"), before, after, better });
        };
        push("p50", read(|it| it.percentiles.p50), 0.5);
        push("p90", read(|it| it.percentiles.p90), 0.9);
        push("p99", read(|it| it.percentiles.p99), 0.99);
        push("p99.9", read(|it| it.percentiles.p99_9), 0.999);
        push("max", read(|it| it.percentiles.max), 1.0);
    }
}

fn figures(before: &Results, after: &Results, rows: &mut Vec<Row>) {
    for name in keys(before.figures.keys(), after.figures.keys()) {
        let (first, second) = (before.figures.get(name), after.figures.get(name));
        let better = second.or(first).map_or(Better::Neither, |figure| figure.better);
        let (before, after) = (first.map(|it| it.value), second.map(|it| it.value));
        rows.push(Row { what: name.clone(), before, after, better });
    }
}

/// What did not happen happened no times.
fn outcomes(before: &Results, after: &Results, rows: &mut Vec<Row>) {
    for kind in keys(before.outcomes.keys(), after.outcomes.keys()) {
        let (first, second) = (before.outcomes.get(kind), after.outcomes.get(kind));
        let words = [first, second].into_iter().flatten().flat_map(|words| words.0.keys());
        let is_unwelcome = UNWELCOME.contains(&kind.as_str());
        for word in words.collect::<BTreeSet<_>>() {
            let times = |words: Option<&crate::tally::Words>| {
                words.and_then(|words| words.0.get(word)).copied().unwrap_or_default() as f64
            };
            rows.push(Row {
                what: format!("{kind}: {word}"),
                before: Some(times(first)),
                after: Some(times(second)),
                better: if is_unwelcome { Better::Lower } else { Better::Neither },
            });
        }
    }
}

fn circumstances(before: &Results, after: &Results) -> Vec<String> {
    let mut words = Vec::new();
    for name in keys(before.options.keys(), after.options.keys()) {
        let value = |results: &Results| results.options.get(name).cloned().unwrap_or_default();
        let (before, after) = (value(before), value(after));
        if before != after {
            words.push(format!("--{name}: {before} before, {after} after"));
        }
    }
    let machine = |results: &Results| {
        let machine = &results.machine;
        let gib = machine.memory_bytes >> 30;
        format!("{} processors ({}), {gib} GiB", machine.processors, machine.processor)
    };
    let (before, after) = (machine(before), machine(after));
    if before != after {
        words.push(format!("machine: {before} before, {after} after"));
    }
    words
}

fn keys<'a>(
    before: impl Iterator<Item = &'a String>,
    after: impl Iterator<Item = &'a String>,
) -> BTreeSet<&'a String> {
    before.chain(after).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(before: f64, after: f64, better: Better) -> Row {
        Row { what: String::new(), before: Some(before), after: Some(after), better }
    }

    fn is_about(value: f64, expected: f64) -> bool {
        (value - expected).abs() < 1e-9
    }

    #[test]
    fn worse_is_more_of_a_cost_and_less_of_a_yield() {
        assert!(is_about(row(10.0, 13.0, Better::Lower).worse_by(), 1.3));
        assert!(is_about(row(10.0, 5.0, Better::Higher).worse_by(), 2.0));
        assert!(is_about(row(10.0, 5.0, Better::Lower).worse_by(), 0.5));
        assert!(is_about(row(10.0, 99.0, Better::Neither).worse_by(), 1.0));
    }

    #[test]
    fn a_fault_where_there_was_none_is_worse_than_any_factor_and_none_after_none_is_not() {
        assert_eq!(row(0.0, 1.0, Better::Lower).worse_by(), f64::INFINITY);
        assert!(is_about(row(0.0, 0.0, Better::Lower).worse_by(), 1.0));
    }

    #[test]
    fn a_run_that_fails_now_is_worse_whatever_its_figures_say() {
        let mut before = Results::of("churn");
        before.judge();
        let after = Results::of("churn");
        let changes = Changes::between(&before, &after);
        assert_eq!(changes.worse_than(1_000.0).collect::<Vec<_>>(), ["verdict"]);
        let changes = Changes::between(&after, &before);
        assert_eq!(changes.worse_than(1.0).count(), 0);
    }
}
