//! Percentiles of a histogram, and its curve.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::report::Percentiles;

/// Steps of the curve for each halving of what is left to the slowest.
const CURVE_STEPS: u32 = 4;

/// How long something took, in milliseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Latency {
    #[serde(flatten)]
    pub(crate) percentiles: Percentiles,
    /// Percentile (0 to 100) and milliseconds, finer towards the slowest.
    pub(crate) curve: Vec<(f64, f64)>,
}

impl Latency {
    /// Of a histogram of microseconds.
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        let curve = histogram
            .iter_quantiles(CURVE_STEPS)
            .map(|step| {
                (step.quantile_iterated_to() * 100.0, milliseconds(step.value_iterated_to()))
            })
            .collect();
        Self { percentiles: Percentiles::new(histogram), curve }
    }
}

fn milliseconds(microseconds: u64) -> f64 {
    Duration::from_micros(microseconds).as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_goes_up_to_the_slowest_of_all() {
        let mut histogram = Histogram::<u64>::new_with_bounds(1, 3_600_000_000, 3).expect("bounds");
        (1..=1_000).for_each(|ms| histogram.saturating_record(ms * 1_000));
        let latency = Latency::of(&histogram);
        assert!(latency.curve.is_sorted_by(|a, b| a.0 <= b.0 && a.1 <= b.1), "{latency:?}");
        let last = latency.curve.last().expect("points");
        assert!((last.0 - 100.0).abs() < 1e-9 && (last.1 - 1_000.0).abs() < 1.0, "{last:?}");
        assert!(latency.curve.len() < 100, "few enough for a page: {}", latency.curve.len());
    }

    #[test]
    fn of_nothing_there_is_no_curve() {
        let histogram = Histogram::<u64>::new_with_bounds(1, 1_000, 3).expect("bounds");
        let latency = Latency::of(&histogram);
        assert_eq!((latency.percentiles.count, latency.curve.len()), (0, 0));
    }
}
