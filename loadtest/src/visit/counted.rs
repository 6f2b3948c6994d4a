//! What a phase has counted, as one process tells it another.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::tally::{Outcomes, Phase};

/// Values of a histogram, and how often each was recorded.
type Values = Vec<(u64, u64)>;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Counted {
    outcomes: Outcomes,
    begun: Values,
    upgraded: Values,
    licence: Values,
}

impl Phase {
    pub(crate) fn counted(&self) -> Counted {
        Counted {
            outcomes: self.outcomes.clone(),
            begun: values(&self.begun),
            upgraded: values(&self.upgraded),
            licence: values(&self.licence),
        }
    }

    /// Takes over what another process counted; under this phase nothing is counted here.
    pub(crate) fn add(&mut self, counted: &Counted) {
        self.outcomes.clone_from(&counted.outcomes);
        for (histogram, values) in [
            (&mut self.begun, &counted.begun),
            (&mut self.upgraded, &counted.upgraded),
            (&mut self.licence, &counted.licence),
        ] {
            values.iter().for_each(|(value, times)| histogram.saturating_record_n(*value, *times));
        }
    }
}

fn values(histogram: &Histogram<u64>) -> Values {
    let recorded = histogram.iter_recorded();
    recorded.map(|value| (value.value_iterated_to(), value.count_at_value())).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_one_process_counted_is_the_same_in_another() {
        let mut there = Phase::new("the storm").expect("histograms");
        for ms in 1..=500 {
            there.begun(Duration::from_micros(ms));
            there.upgraded(Duration::from_millis(ms));
            there.served(Duration::from_millis(2 * ms), false, true);
        }
        there.left("logged out");
        let told = serde_json::to_string(&there.counted()).expect("JSON");
        let mut here = Phase::new("the storm").expect("histograms");
        here.add(&serde_json::from_str(&told).expect("what was counted"));
        assert_eq!(here.begun, there.begun);
        assert_eq!((&here.upgraded, &here.licence), (&there.upgraded, &there.licence));
        assert_eq!((here.outcomes.due, here.undecided(), here.outcomes.left.total()), (500, 0, 1));
    }
}
