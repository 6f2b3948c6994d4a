//! What came of all turns.

mod results;

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;
use serde::Serialize;

use super::turn::Turn;
use crate::cli::Wallboards;
use crate::report::Percentiles;
use crate::tally::{float, merged};

/// Failures that are printed; the JSON has them all.
const FAILURES_PRINTED_MAX: usize = 20;

/// In its JSON as in its table.
#[derive(Debug, Serialize)]
pub(crate) struct BoardsReport {
    profile: &'static str,
    pub(crate) passed: bool,
    failures: Vec<String>,
    boards: usize,
    agents: usize,
    over_s: f64,
    /// Of the counts shown, in all turns together.
    age_ms: Percentiles,
    /// From when a login was due until `logged_in`, with the boards.
    licence_ms: Percentiles,
    /// The same without; `None` where there was no such turn.
    licence_without_ms: Option<Percentiles>,
    /// The same three in microseconds, every one of them.
    #[serde(skip)]
    age: Histogram<u64>,
    #[serde(skip)]
    licence: Histogram<u64>,
    #[serde(skip)]
    licence_without: Option<Histogram<u64>>,
    /// Frames delivered in all turns, how many of them were snapshots in place of missed ones, and bytes
    /// of the text of each.
    frames: u64,
    snapshots: u64,
    frame_bytes: f64,
    frames_per_s: f64,
    /// Processor time of the broker in each turn.
    broker_s: Sides,
    /// Processor time of this tool likewise.
    tool_s: Sides,
    /// What the boards cost the broker for each frame delivered, turn by turn, and the median of it.
    per_frame_us: Vec<f64>,
    per_frame_median_us: Option<f64>,
    /// Of one bare write of as many bytes to each of as many sockets, beside each turn with the boards.
    bare_write_us: Vec<f64>,
    /// What a frame cost by what a bare write did, in the median.
    by_bare_write_median: Option<f64>,
}

/// Turn by turn.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Sides {
    with: Vec<f64>,
    without: Vec<f64>,
}

impl BoardsReport {
    /// # Errors
    ///
    /// Where the histograms cannot be made.
    pub(crate) fn new(options: &Wallboards, turns: &[Turn]) -> Result<Self> {
        let (with, without): (Vec<_>, Vec<_>) = turns.iter().partition(|turn| turn.boards > 0);
        let age = merged(with.iter().map(|turn| &turn.ages))?;
        let licence = merged(with.iter().map(|turn| &turn.licence))?;
        let licence_without = without.iter().map(|turn| &turn.licence);
        let licence_without =
            if without.is_empty() { None } else { Some(merged(licence_without)?) };
        let frames = with.iter().map(|turn| turn.frames).sum::<u64>();
        let bytes = with.iter().map(|turn| turn.bytes).sum::<u64>();
        let window: f64 = with.iter().map(|turn| turn.window.as_secs_f64()).sum();
        let per_frame_us = per_frame(&with, &without);
        let bare = with.iter().filter_map(|turn| turn.bare_write);
        let bare_write_us: Vec<f64> = bare.map(|bare| bare.as_secs_f64() * 1e6).collect();
        let by_bare: Vec<f64> =
            per_frame_us.iter().zip(&bare_write_us).map(|(frame, bare)| frame / bare).collect();
        let mut report = Self {
            profile: "wallboards",
            passed: false,
            failures: turns.iter().flat_map(|turn| turn.failures.clone()).collect(),
            boards: options.boards,
            agents: options.logins.agents,
            over_s: options.logins.over_s.as_secs_f64(),
            age_ms: Percentiles::new(&age),
            licence_ms: Percentiles::new(&licence),
            licence_without_ms: licence_without.as_ref().map(Percentiles::new),
            age,
            licence,
            licence_without,
            frames,
            snapshots: with.iter().map(|turn| turn.snapshots).sum(),
            frame_bytes: ratio(bytes, frames),
            frames_per_s: if window > 0.0 { float(frames) / window } else { 0.0 },
            broker_s: sides(&with, &without, |turn| turn.broker_time),
            tool_s: sides(&with, &without, |turn| Some(turn.own_time)),
            per_frame_median_us: median(&per_frame_us),
            per_frame_us,
            by_bare_write_median: median(&by_bare),
            bare_write_us,
        };
        report.judge(options.age_max_ms);
        Ok(report)
    }

    /// Fails the run for a further reason.
    pub(crate) fn fail(&mut self, why: String) {
        self.failures.push(why);
        self.passed = false;
    }

    fn judge(&mut self, age_max_ms: u64) {
        if self.age_ms.count == 0 {
            self.failures.push("no board was shown anything new".to_owned());
        }
        if self.age_ms.p99 > float(age_max_ms) {
            self.failures.push(format!(
                "the counts shown were {:.1} ms old at p99, more than {age_max_ms} ms",
                self.age_ms.p99
            ));
        }
        self.passed = self.failures.is_empty();
    }
}

/// Each turn with the boards against the one without that was played beside it.
fn per_frame(with: &[&Turn], without: &[&Turn]) -> Vec<f64> {
    let pair = |(with, without): (&&Turn, &&Turn)| {
        let (with_s, without_s) =
            (with.broker_time?.as_secs_f64(), without.broker_time?.as_secs_f64());
        (with.frames > 0).then(|| (with_s - without_s) * 1e6 / float(with.frames))
    };
    with.iter().zip(without).filter_map(pair).collect()
}

fn sides(with: &[&Turn], without: &[&Turn], of: fn(&Turn) -> Option<Duration>) -> Sides {
    let seconds =
        |turns: &[&Turn]| turns.iter().filter_map(|turn| Some(of(turn)?.as_secs_f64())).collect();
    Sides { with: seconds(with), without: seconds(without) }
}

fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) =
        (sorted.get(sorted.len().checked_sub(1)? / 2)?, sorted.get(sorted.len() / 2)?);
    Some(f64::midpoint(*low, *high))
}

fn ratio(of: u64, to: u64) -> f64 {
    if to == 0 { 0.0 } else { float(of) / float(to) }
}

impl Display for BoardsReport {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { boards, agents, over_s, .. } = self;
        writeln!(out, "\nwallboards: {boards} boards, {agents} logins over {over_s} s\n")?;
        writeln!(
            out,
            "{:<28}{:>8}{:>10}{:>10}{:>10}{:>10}{:>10}",
            "ms", "count", "p50", "p90", "p99", "p99.9", "max"
        )?;
        self.age_ms.line(out, "  age of the counts shown")?;
        self.licence_ms.line(out, "  licence, with boards")?;
        if let Some(without) = &self.licence_without_ms {
            without.line(out, "  licence, without")?;
        }
        writeln!(
            out,
            "\nframes delivered: {}, {:.0}/s, {:.0} bytes each, {} of them snapshots",
            self.frames, self.frames_per_s, self.frame_bytes, self.snapshots
        )?;
        each(out, "broker, s of processor time with boards", &self.broker_s.with)?;
        each(out, "broker, s without", &self.broker_s.without)?;
        each(out, "this tool, s with boards", &self.tool_s.with)?;
        each(out, "this tool, s without", &self.tool_s.without)?;
        each(out, "broker, µs for a frame delivered", &self.per_frame_us)?;
        each(out, "a bare write of the same, µs", &self.bare_write_us)?;
        each(out, "a frame, median, µs", self.per_frame_median_us.as_slice())?;
        each(out, "  by a bare write, median", self.by_bare_write_median.as_slice())?;
        for failure in self.failures.iter().take(FAILURES_PRINTED_MAX) {
            writeln!(out, "  {failure}")?;
        }
        writeln!(out, "{}", if self.passed { "PASSED" } else { "FAILED" })
    }
}

fn each(out: &mut Formatter<'_>, name: &str, figures: &[f64]) -> fmt::Result {
    write!(out, "{name:<42}")?;
    figures.iter().try_for_each(|figure| write!(out, "{figure:>9.2}"))?;
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Profile};
    use crate::html::page;
    use crate::tally::latencies;

    fn turn(boards: usize, broker_ms: u64, frames: u64, age_us: u64) -> Turn {
        let mut ages = latencies().expect("a histogram");
        if boards > 0 {
            ages.record(age_us).expect("within bounds");
        }
        let mut licence = latencies().expect("a histogram");
        licence.record(2_000).expect("within bounds");
        Turn {
            boards,
            window: Duration::from_secs(1),
            broker_time: Some(Duration::from_millis(broker_ms)),
            bare_write: Some(Duration::from_micros(5)),
            own_time: Duration::ZERO,
            rows: None,
            frames,
            bytes: frames * 600,
            snapshots: 0,
            ages,
            licence,
            failures: Vec::new(),
        }
    }

    fn options() -> Wallboards {
        let parsed = Cli::try_parse_from(["loadtest", "wallboards"]).expect("it parses").profile;
        let Profile::Wallboards(options) = parsed else { panic!("another profile") };
        options
    }

    fn report(turns: &[Turn]) -> BoardsReport {
        BoardsReport::new(&options(), turns).expect("a report")
    }

    #[test]
    fn a_frame_costs_what_the_boards_add_by_the_frames_delivered() {
        let turns = [
            turn(10, 300, 10_000, 5_000),
            turn(0, 200, 0, 0),
            turn(0, 210, 0, 0),
            turn(10, 260, 10_000, 5_000),
        ];
        let report = report(&turns);
        assert!(report.passed, "{:?}", report.failures);
        assert_eq!(report.frames, 20_000);
        let median = report.per_frame_median_us.expect("two pairs");
        assert!((median - 7.5).abs() < 0.01, "{median}: 10 and 5");
        let by_bare = report.by_bare_write_median.expect("a bare write beside each");
        assert!((by_bare - 1.5).abs() < 0.01, "{by_bare}: 2 and 1");
    }

    #[test]
    fn counts_that_are_too_old_fail_the_run() {
        let report = report(&[turn(10, 300, 10, 400_000)]);
        assert!(!report.passed);
        assert!(report.failures[0].contains("more than 250 ms"), "{:?}", report.failures);
    }

    #[test]
    fn boards_that_were_shown_nothing_fail_the_run() {
        assert!(!report(&[turn(0, 1, 0, 0)]).passed);
    }

    #[test]
    fn the_page_has_a_curve_of_ages_and_of_licences_with_boards_and_without() {
        let with: Vec<_> = (1..=20).map(|ms| turn(10, 300, 10, ms * 1_000)).collect();
        let alone = report(&with).results(&options());
        assert!(!alone.latency_ms.contains_key("licence without boards"), "no turn was without");
        let turns: Vec<_> =
            with.into_iter().chain([turn(0, 200, 0, 0), turn(0, 200, 0, 0)]).collect();
        let results = report(&turns).results(&options());
        let (_, slowest_ms) = results.latency_ms["age of the counts"].curve.last().expect("points");
        assert!((slowest_ms / 20.0 - 1.0).abs() < 0.01, "of all turns: {slowest_ms}");
        let page = page(&results);
        assert!(page.contains("aria-label=\"latency by percentile\""), "{page}");
        for key in ["0\">age of the counts<", "1\">licence<", "2\">licence without boards<"] {
            assert!(page.contains(&format!("<span class=\"key colour-{key}")), "{key}: {page}");
        }
        assert_eq!(page.matches("<polyline").count(), 3, "{page}");
    }
}
