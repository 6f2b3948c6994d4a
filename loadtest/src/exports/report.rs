//! What came of all turns.

mod results;

use std::fmt::{self, Display, Formatter};

use anyhow::Result;
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::cli::Exports;
use crate::report::Percentiles;
use crate::tally::{float, merged};
use crate::wallboards::turn::Turn;

/// In its JSON as in its table.
#[derive(Debug, Serialize)]
pub(crate) struct ExportsReport {
    profile: &'static str,
    pub(crate) passed: bool,
    failures: Vec<String>,
    agents: usize,
    over_s: f64,
    clients: usize,
    /// From when a login was due until `logged_in`, with exports.
    licence_ms: Percentiles,
    /// The same without.
    licence_without_ms: Percentiles,
    /// The same two in microseconds, every one of them.
    #[serde(skip)]
    licence: Histogram<u64>,
    #[serde(skip)]
    licence_without: Histogram<u64>,
    /// p99 with exports by p99 without, pair by pair, and the median of it.
    p99_ratios: Vec<f64>,
    p99_ratio_median: Option<f64>,
    /// Rows exported in a second, turn by turn.
    rows_per_s: Vec<f64>,
    /// Processor time of the broker, turn by turn.
    broker_s: Vec<f64>,
    broker_without_s: Vec<f64>,
}

impl ExportsReport {
    /// # Errors
    ///
    /// Where the histograms cannot be made.
    pub(crate) fn new(options: &Exports, turns: &[Turn]) -> Result<Self> {
        let of = |with: bool| {
            turns.iter().filter(|turn| turn.rows.is_some() == with).collect::<Vec<_>>()
        };
        let (with, without) = (of(true), of(false));
        let licence = merged(with.iter().map(|turn| &turn.licence))?;
        let licence_without = merged(without.iter().map(|turn| &turn.licence))?;
        let p99_ratios: Vec<f64> =
            with.iter().zip(&without).filter_map(|(with, without)| ratio(with, without)).collect();
        let rows_per_s = |turn: &Turn| Some(float(turn.rows?) / turn.window.as_secs_f64());
        let rows_per_s = turns.iter().filter_map(rows_per_s).collect();
        let mut report = Self {
            profile: "exports",
            passed: false,
            failures: turns.iter().flat_map(|turn| turn.failures.clone()).collect(),
            agents: options.logins.agents,
            over_s: options.logins.over_s.as_secs_f64(),
            clients: options.clients,
            licence_ms: Percentiles::new(&licence),
            licence_without_ms: Percentiles::new(&licence_without),
            licence,
            licence_without,
            p99_ratio_median: median(&p99_ratios),
            p99_ratios,
            rows_per_s,
            broker_s: broker_times(&with),
            broker_without_s: broker_times(&without),
        };
        report.judge(options.ratio_max);
        Ok(report)
    }

    /// Fails the run for a further reason.
    pub(crate) fn fail(&mut self, why: String) {
        self.failures.push(why);
        self.passed = false;
    }

    fn judge(&mut self, ratio_max: f64) {
        match self.p99_ratio_median {
            None => self.failures.push("no turn with exports has one without beside it".to_owned()),
            Some(ratio) if ratio > ratio_max => self.failures.push(format!(
                "logins took {ratio:.2} times as long at p99 beside exports, more than {ratio_max}"
            )),
            Some(_) => {}
        }
        if self.rows_per_s.iter().any(|rows| *rows <= 0.0) {
            self.failures.push("a turn exported no rows at all".to_owned());
        }
        self.passed = self.failures.is_empty();
    }
}

fn ratio(with: &Turn, without: &Turn) -> Option<f64> {
    let p99 = |turn: &Turn| float(turn.licence.value_at_quantile(0.99));
    (p99(without) > 0.0).then(|| p99(with) / p99(without))
}

fn broker_times(turns: &[&Turn]) -> Vec<f64> {
    turns.iter().filter_map(|turn| Some(turn.broker_time?.as_secs_f64())).collect()
}

fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let low = sorted.get(sorted.len().checked_sub(1)? / 2)?;
    Some(f64::midpoint(*low, *sorted.get(sorted.len() / 2)?))
}

impl Display for ExportsReport {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { agents, over_s, clients, .. } = self;
        writeln!(out, "\nexports: {clients} clients export, {agents} logins over {over_s} s\n")?;
        writeln!(
            out,
            "{:<28}{:>8}{:>10}{:>10}{:>10}{:>10}{:>10}",
            "licence, ms from due", "count", "p50", "p90", "p99", "p99.9", "max"
        )?;
        self.licence_ms.line(out, "  beside exports")?;
        self.licence_without_ms.line(out, "  without")?;
        writeln!(out)?;
        each(out, "p99 by p99 without", &self.p99_ratios, 2)?;
        each(out, "  the median", self.p99_ratio_median.as_slice(), 2)?;
        each(out, "rows exported in a second", &self.rows_per_s, 0)?;
        each(out, "broker, s of processor time, with exports", &self.broker_s, 2)?;
        each(out, "broker, s without", &self.broker_without_s, 2)?;
        for failure in self.failures.iter().take(20) {
            writeln!(out, "  {failure}")?;
        }
        writeln!(out, "{}", if self.passed { "PASSED" } else { "FAILED" })
    }
}

fn each(out: &mut Formatter<'_>, name: &str, figures: &[f64], digits: usize) -> fmt::Result {
    write!(out, "{name:<42}")?;
    figures.iter().try_for_each(|figure| write!(out, "{figure:>9.digits$}"))?;
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Profile};
    use crate::html::page;
    use crate::tally::latencies;

    fn played(licence_ms: u64, rows: Option<u64>) -> Turn {
        let mut licence = latencies().expect("a histogram");
        licence.record(licence_ms * 1_000).expect("within bounds");
        Turn {
            boards: 0,
            window: Duration::from_secs(2),
            broker_time: None,
            bare_write: None,
            own_time: Duration::ZERO,
            rows,
            frames: 0,
            bytes: 0,
            snapshots: 0,
            ages: latencies().expect("a histogram"),
            licence,
            failures: Vec::new(),
        }
    }

    fn options() -> Exports {
        let line = ["loadtest", "exports", "--broker", "x", "--store", "y", "--of", "1"];
        let Profile::Exports(options) = Cli::try_parse_from(line).expect("it parses").profile
        else {
            panic!("another profile")
        };
        options
    }

    fn report(turns: &[Turn]) -> ExportsReport {
        ExportsReport::new(&options(), turns).expect("a report")
    }

    #[test]
    fn turns_are_compared_pair_by_pair_and_the_median_judged() {
        let exporting = |ms| played(ms, Some(1_000));
        let turns = [exporting(11), played(10, None), played(10, None), exporting(12)];
        let passed = report(&turns);
        assert!(passed.passed, "{:?}", passed.failures);
        assert!((passed.p99_ratio_median.expect("two pairs") - 1.15).abs() < 0.01);
        assert_eq!(passed.rows_per_s, [500.0, 500.0]);
        let failed = report(&[exporting(20), played(10, None)]);
        assert!(failed.failures[0].contains("times as long at p99"), "{:?}", failed.failures);
    }

    #[test]
    fn a_run_without_rows_or_without_a_pair_fails() {
        assert!(!report(&[played(10, Some(0)), played(10, None)]).passed);
        assert!(!report(&[played(10, Some(5))]).passed);
    }

    #[test]
    fn the_page_has_a_curve_beside_exports_and_one_without_each_of_all_its_turns() {
        let beside = (11..=30).map(|ms| played(ms, Some(1_000)));
        let turns: Vec<_> = beside.chain((1..=20).map(|ms| played(ms, None))).collect();
        let results = report(&turns).results(&options());
        for (name, slowest_ms) in
            [("licence beside exports", 30.0), ("licence without exports", 20.0)]
        {
            let (_, ms) = results.latency_ms[name].curve.last().expect("points");
            assert!((ms / slowest_ms - 1.0).abs() < 0.01, "{name}: {ms}");
        }
        let page = page(&results);
        assert!(page.contains("aria-label=\"latency by percentile\""), "{page}");
        for key in ["0\">licence beside exports<", "1\">licence without exports<"] {
            assert!(page.contains(&format!("<span class=\"key colour-{key}")), "{key}: {page}");
        }
        assert_eq!(page.matches("<polyline").count(), 2, "{page}");
    }
}
