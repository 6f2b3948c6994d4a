//! What the sampler saw, as series for charts and as figures.

use std::time::Duration;

use super::{Better, Results, Series};
use crate::sampler::Sample;
use crate::tally::float;

/// Points of a series of rates, at most, or one more.
const RATES_MAX: usize = 120;
const MIB: f64 = 1024.0 * 1024.0;

impl Results {
    /// Adds what was seen: arrivals and logins per second, licences held, and where the broker's process is
    /// known its processor time and memory.
    pub(crate) fn watched(&mut self, samples: &[Sample]) {
        self.chart(
            "arrivals_per_s",
            "1/s",
            rates(samples, |sample| Some(float(sample.counts.begun))),
        );
        self.chart(
            "logins_per_s",
            "1/s",
            rates(samples, |sample| Some(float(sample.counts.granted))),
        );
        let held = samples.iter().map(|sample| (seconds(sample), float(sample.counts.held)));
        self.chart("licences_held", "licences", held.collect());
        let busy = rates(samples, |sample| Some(sample.broker?.cpu.as_secs_f64() * 100.0));
        self.chart("broker_cpu_percent", "% of one processor", busy);
        let resident = samples.iter().filter_map(|sample| {
            Some((seconds(sample), float(sample.broker?.resident_bytes) / MIB))
        });
        self.chart("broker_resident_mib", "MiB", resident.collect());
        self.broker(samples);
    }

    /// The same in a few lines for the table; empty where the broker's process was not known.
    pub(crate) fn broker_in_words(&self) -> String {
        let figure = |name: &str| self.figures.get(name).map(|figure| figure.value);
        let Some(cpu_s) = figure("broker_cpu_s") else { return String::new() };
        let per_login = figure("broker_cpu_per_login_us");
        let per_login = per_login.map_or_else(String::new, |us| format!(", {us:.1} µs per login"));
        let memory = |when: &str| {
            let bytes = figure(&format!("broker_resident_{when}_bytes"));
            bytes.map_or(0.0, |bytes| bytes / MIB)
        };
        let (before, peak, after) = (memory("before"), memory("peak"), memory("after"));
        format!(
            "\nbroker: {cpu_s:.2} s of processor time{per_login}; resident memory {before:.1} MiB before, \
             {peak:.1} at most, {after:.1} after\n"
        )
    }

    fn chart(&mut self, name: &str, unit: &str, points: Vec<(f64, f64)>) {
        if !points.is_empty() {
            let (unit, over) = (unit.to_owned(), "s".to_owned());
            self.series.insert(name.to_owned(), Series { unit, over, points });
        }
    }

    /// The broker's own price of the run.
    fn broker(&mut self, samples: &[Sample]) {
        let seen: Vec<_> =
            samples.iter().filter_map(|s| s.broker.map(|usage| (s.counts, usage))).collect();
        let (Some((_, first)), Some((counts, last))) = (seen.first(), seen.last()) else { return };
        let cpu = last.cpu.saturating_sub(first.cpu);
        self.figure("broker_cpu_s", cpu.as_secs_f64(), Better::Lower);
        if counts.granted > 0 {
            let each = cpu.as_secs_f64() * 1e6 / float(counts.granted);
            self.figure("broker_cpu_per_login_us", each, Better::Lower);
        }
        let resident = |usage: crate::process::Usage| float(usage.resident_bytes);
        let peak = seen.iter().map(|(_, usage)| resident(*usage)).fold(0.0, f64::max);
        self.figure("broker_resident_before_bytes", resident(*first), Better::Neither);
        self.figure("broker_resident_peak_bytes", peak, Better::Lower);
        self.figure("broker_resident_after_bytes", resident(*last), Better::Lower);
    }
}

/// Growth per second between looks, at the later of each two; in a long run between looks further apart, so
/// that a rate is one of more than a few logins.
fn rates(samples: &[Sample], read: impl Fn(&Sample) -> Option<f64>) -> Vec<(f64, f64)> {
    let rate = |pair: &[Sample]| {
        let (before, after) = (pair.first()?, pair.last()?);
        let time = after.at.saturating_sub(before.at);
        let grown = read(after)? - read(before)?;
        (time > Duration::ZERO).then(|| (seconds(after), grown.max(0.0) / time.as_secs_f64()))
    };
    let step = samples.len().div_ceil(RATES_MAX).max(1);
    let mut looks: Vec<_> = samples.iter().step_by(step).copied().collect();
    if let Some(last) = samples.last().filter(|last| looks.last() != Some(last)) {
        looks.push(*last);
    }
    looks.windows(2).filter_map(rate).collect()
}

fn seconds(sample: &Sample) -> f64 {
    sample.at.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Usage;
    use crate::sampler::Counts;

    fn sample(at_ms: u64, granted: u64, cpu_ms: Option<u64>) -> Sample {
        let usage = |ms| Usage {
            cpu: Duration::from_millis(ms),
            resident_bytes: (10 + granted) << 20,
            anonymous_bytes: 0,
        };
        let counts = Counts { begun: granted * 2, granted, held: granted * 3 };
        Sample { at: Duration::from_millis(at_ms), broker: cpu_ms.map(usage), counts }
    }

    #[test]
    fn rates_are_what_came_between_two_looks() {
        let mut results = Results::of("mass-login");
        let looks =
            [sample(0, 0, Some(100)), sample(500, 10, Some(350)), sample(1_000, 40, Some(850))];
        results.watched(&looks);
        let points = |name: &str| results.series[name].points.clone();
        assert_eq!(points("logins_per_s"), [(0.5, 20.0), (1.0, 60.0)]);
        assert_eq!(points("arrivals_per_s"), [(0.5, 40.0), (1.0, 120.0)]);
        assert_eq!(points("broker_cpu_percent"), [(0.5, 50.0), (1.0, 100.0)]);
        assert_eq!(points("licences_held"), [(0.0, 0.0), (0.5, 30.0), (1.0, 120.0)]);
        let figure = |name: &str| results.figures[name].value;
        assert!((figure("broker_cpu_s") - 0.75).abs() < 1e-9);
        assert!((figure("broker_cpu_per_login_us") - 18_750.0).abs() < 1e-6);
        assert!((figure("broker_resident_peak_bytes") - 50.0 * MIB).abs() < 1e-6);
    }

    #[test]
    fn a_long_run_has_rates_over_longer_times() {
        let looks: Vec<_> = (0..1_000).map(|look| sample(look * 100, look * 5, None)).collect();
        let rates = rates(&looks, |sample| Some(float(sample.counts.granted)));
        assert!(rates.len() <= RATES_MAX, "{}", rates.len());
        assert!(rates.iter().all(|(_, rate)| (rate - 50.0).abs() < 1e-6));
        assert_eq!(rates.last().map(|(at, _)| *at), Some(99.9));
    }

    #[test]
    fn a_broker_whose_process_is_not_known_has_no_figures() {
        let mut results = Results::of("mass-login");
        results.watched(&[sample(0, 0, None), sample(500, 10, None)]);
        assert!(results.figures.is_empty() && !results.series.contains_key("broker_cpu_percent"));
        assert_eq!(results.series["logins_per_s"].points.len(), 1);
    }
}
