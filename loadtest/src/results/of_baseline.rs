//! The results of a baseline.

use anyhow::{Context, Result};

use super::latency::Latency;
use super::{Better, Results, Series};
use crate::baseline::report::BaselineReport;
use crate::baseline::turn::{Server, Turn};
use crate::tally::{Words, latencies};

/// The servers, and what is asked of each.
const SERVERS: [(Server, &str); 2] = [(Server::Bare, "echo"), (Server::Broker, "login")];

impl Results {
    /// From its own report: medians and ratios as figures, all turns of a server as one histogram.
    ///
    /// # Errors
    ///
    /// Where a histogram cannot be made.
    pub(crate) fn of_baseline(report: &BaselineReport) -> Result<Self> {
        let mut results = Self::of(report.profile);
        results.option("connections", &report.connections);
        results.option("at-once", &report.at_once);
        results.option("workers", &report.workers);
        results.option("optimised", &report.is_optimised);
        for ratio in &report.ratios {
            let better = if ratio.higher_is_better { Better::Higher } else { Better::Lower };
            results.figure(&format!("echo_{}", ratio.name), ratio.bare, Better::Neither);
            results.figure(&format!("login_{}", ratio.name), ratio.broker, better);
            results.figure(&format!("ratio_{}", ratio.name), ratio.ratio, better);
        }
        let mut answers = Words::default();
        for (server, asked) in SERVERS {
            let turns = || report.turns.iter().filter(move |turn| turn.server == server);
            answers.put(asked, turns().map(|turn| count(turn.served)).sum());
            results.turns(asked, turns())?;
        }
        results.outcome("answered", &answers);
        let mut failures = Words::default();
        for (word, times) in report.turns.iter().flat_map(|turn| &turn.failures.0) {
            failures.put(word, failures.0.get(word).copied().unwrap_or_default() + times);
        }
        results.outcome("not answered", &failures);
        results.failures.clone_from(&report.failures);
        results.judge();
        Ok(results)
    }

    fn turns<'a>(&mut self, asked: &str, turns: impl Iterator<Item = &'a Turn>) -> Result<()> {
        let mut histogram = latencies()?;
        let (unit, over) = ("µs".to_owned(), "turn".to_owned());
        let mut cpu = Series { unit, over, points: Vec::new() };
        for (number, turn) in (1_u32..).zip(turns) {
            histogram.add(&turn.latency).context("histograms do not fit")?;
            cpu.points.push((f64::from(number), turn.cpu_us));
        }
        if !cpu.points.is_empty() {
            self.latency_ms.insert(asked.to_owned(), Latency::of(&histogram));
            self.series.insert(format!("{asked}_cpu_us"), cpu);
        }
        Ok(())
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
