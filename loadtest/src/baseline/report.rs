//! All turns, their medians, and the ratios of a login to a bare connect and echo.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use crate::baseline::turn::{Server, Turn};

/// What came out of a run.
#[derive(Debug, Serialize)]
pub(crate) struct BaselineReport {
    pub(crate) profile: &'static str,
    pub(crate) passed: bool,
    /// Why it did not pass, in words.
    pub(crate) failures: Vec<String>,
    pub(crate) connections: usize,
    pub(crate) at_once: usize,
    pub(crate) workers: usize,
    /// Whether this tool, and so its bare server, was built with optimisation; else the ratios mean nothing.
    pub(crate) is_optimised: bool,
    pub(crate) turns: Vec<Turn>,
    /// None where there was no broker.
    pub(crate) ratios: Vec<Ratio>,
}

/// A login against a bare connect and echo.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Ratio {
    /// As the results call it.
    pub(crate) name: &'static str,
    pub(crate) measure: &'static str,
    /// Medians of the turns, in the measure's own unit.
    pub(crate) bare: f64,
    pub(crate) broker: f64,
    /// Median of the ratios of each pair of neighbouring turns.
    pub(crate) ratio: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
    pub(crate) higher_is_better: bool,
}

/// Its name, how the table calls it, where it is read, and whether more is better.
type Measure = (&'static str, &'static str, fn(&Turn) -> f64, bool);

const MEASURES: [Measure; 4] = [
    ("cpu_us", "server CPU, µs", |turn| turn.cpu_us, false),
    ("per_s", "per second", |turn| turn.per_second, true),
    ("resident_bytes", "resident memory, bytes", |turn| turn.resident_bytes, false),
    ("anonymous_bytes", "of it anonymous, bytes", |turn| turn.anonymous_bytes, false),
];

impl BaselineReport {
    /// Judges the turns; `cut_short` says why the run did not come to its end, in words.
    pub(crate) fn new(
        connections: usize,
        at_once: usize,
        workers: usize,
        turns: Vec<Turn>,
        cut_short: Option<String>,
    ) -> Self {
        let mut failures: Vec<_> = cut_short.into_iter().collect();
        for (number, turn) in turns.iter().enumerate() {
            for (why, times) in &turn.failures.0 {
                failures.push(format!("turn {}: {why}: {times} times", number + 1));
            }
        }
        let ratios = ratios(&turns);
        let passed = failures.is_empty();
        Self {
            profile: "baseline",
            passed,
            failures,
            connections,
            at_once,
            workers,
            is_optimised: !cfg!(debug_assertions),
            turns,
            ratios,
        }
    }
}

/// Each broker's turn against the bare one beside it.
fn ratios(turns: &[Turn]) -> Vec<Ratio> {
    let of = |server| turns.iter().filter(move |turn| turn.server == server);
    let pairs: Vec<_> = of(Server::Bare).zip(of(Server::Broker)).collect();
    if pairs.is_empty() {
        return Vec::new();
    }
    let ratio = |(name, measure, read, higher_is_better): Measure| {
        let ratios: Vec<_> = pairs.iter().map(|(bare, broker)| read(broker) / read(bare)).collect();
        Ratio {
            name,
            measure,
            bare: median(of(Server::Bare).map(read)),
            broker: median(of(Server::Broker).map(read)),
            ratio: median(ratios.iter().copied()),
            lowest: ratios.iter().copied().fold(f64::INFINITY, f64::min),
            highest: ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            higher_is_better,
        }
    };
    MEASURES.into_iter().map(ratio).collect()
}

/// The middle one; of an even number the mean of the two in the middle; of none 0.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    match (values.get(low), values.get(high)) {
        (Some(low), Some(high)) => f64::midpoint(*low, *high),
        (Some(_) | None, None) | (None, Some(_)) => 0.0,
    }
}

impl Display for BaselineReport {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { connections, at_once, workers, .. } = self;
        writeln!(
            out,
            "\nbaseline: {connections} connections in each turn, {at_once} at once, {workers} workers"
        )?;
        writeln!(
            out,
            "{:<8}{:>8}{:>10}{:>12}{:>12}{:>12}{:>12}{:>9}{:>9}{:>9}",
            "server",
            "served",
            "per s",
            "CPU µs",
            "client µs",
            "resident B",
            "anon. B",
            "p50 ms",
            "p99 ms",
            "max ms"
        )?;
        self.turns.iter().try_for_each(|turn| row(out, turn))?;
        if !self.ratios.is_empty() {
            writeln!(
                out,
                "\n{:<26}{:>12}{:>12}{:>10}{:>18}",
                "medians", "echo", "login", "ratio", "lowest..highest"
            )?;
        }
        for Ratio { measure, bare, broker, ratio, lowest, highest, .. } in &self.ratios {
            let range = format!("{lowest:.2}..{highest:.2}");
            writeln!(out, "  {measure:<24}{bare:>12.1}{broker:>12.1}{ratio:>10.3}{range:>18}")?;
        }
        if !self.is_optimised {
            writeln!(out, "this tool was built without optimisation: its bare server is no floor")?;
        }
        for failure in &self.failures {
            writeln!(out, "  {failure}")?;
        }
        writeln!(out, "{}", if self.passed { "PASSED" } else { "FAILED" })
    }
}

fn row(out: &mut Formatter<'_>, turn: &Turn) -> fmt::Result {
    let server = match turn.server {
        Server::Bare => "bare",
        Server::Broker => "broker",
    };
    let Turn { served, per_second, cpu_us, client_cpu_us, resident_bytes, latency_ms, .. } = turn;
    let (anonymous_bytes, p50, p99) = (turn.anonymous_bytes, latency_ms.p50, latency_ms.p99);
    let max = latency_ms.max;
    writeln!(
        out,
        "{server:<8}{served:>8}{per_second:>10.0}{cpu_us:>12.1}{client_cpu_us:>12.1}\
         {resident_bytes:>12.0}{anonymous_bytes:>12.0}{p50:>9.1}{p99:>9.1}{max:>9.1}"
    )
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;

    use super::*;
    use crate::report::Percentiles;
    use crate::tally::Words;

    fn turn(server: Server, cpu_us: f64, per_second: f64) -> Turn {
        let latency_ms =
            Percentiles { count: 1, p50: 1.0, p90: 1.0, p99: 1.0, p99_9: 1.0, max: 1.0 };
        Turn {
            server,
            served: 10,
            failures: Words::default(),
            took_s: 1.0,
            per_second,
            cpu_us,
            client_cpu_us: 1.0,
            resident_bytes: 10_000.0,
            anonymous_bytes: 8_000.0,
            latency_ms,
            latency: latency(),
        }
    }

    fn latency() -> Histogram<u64> {
        Histogram::new_with_bounds(1, 1_000, 3).expect("bounds")
    }

    fn report(turns: Vec<Turn>, cut_short: Option<String>) -> BaselineReport {
        BaselineReport::new(10, 4, 2, turns, cut_short)
    }

    #[test]
    fn a_ratio_is_the_median_of_the_pairs_of_neighbours() {
        let turns = vec![
            turn(Server::Bare, 100.0, 5_000.0),
            turn(Server::Broker, 150.0, 4_000.0),
            turn(Server::Bare, 200.0, 2_500.0),
            turn(Server::Broker, 240.0, 2_250.0),
            turn(Server::Bare, 100.0, 5_000.0),
            turn(Server::Broker, 130.0, 4_750.0),
        ];
        let report = report(turns, None);
        assert!(report.passed);
        let cpu = &report.ratios[0];
        assert!((cpu.ratio - 1.3).abs() < 1e-9 && (cpu.bare - 100.0).abs() < 1e-9, "{cpu:?}");
        assert!((cpu.lowest - 1.2).abs() < 1e-9 && (cpu.highest - 1.5).abs() < 1e-9, "{cpu:?}");
        let rate = &report.ratios[1];
        assert!((rate.ratio - 0.9).abs() < 1e-9 && rate.higher_is_better, "{rate:?}");
        assert!(report.to_string().contains("1.300"), "{report}");
    }

    #[test]
    fn a_bare_server_alone_has_no_ratios() {
        let report = report(vec![turn(Server::Bare, 100.0, 5_000.0)], None);
        assert!(report.passed && report.ratios.is_empty());
    }

    #[test]
    fn whoever_was_not_served_or_not_waited_for_fails_the_run() {
        let mut refused = turn(Server::Bare, 100.0, 5_000.0);
        refused.failures.add("HTTP 503");
        let report = report(vec![refused], Some("interrupted".to_owned()));
        assert_eq!(report.failures, ["interrupted", "turn 1: HTTP 503: 1 times"]);
        assert!(!report.passed && report.to_string().ends_with("FAILED\n"));
    }
}
