//! The results of a churn.

use super::latency::Latency;
use super::{Better, Results};
use crate::audit::Verdict;
use crate::churn::Shared;
use crate::churn::options::Churn;
use crate::churn::sample::{FIGURES, MEMORY};
use crate::churn::verdict::Course;
use crate::sampler::Sample;

/// What the profile found.
pub(crate) struct Found {
    /// `None` where there were too few looks to compare.
    pub(crate) course: Option<Course>,
    /// Why it did not pass, in words; what the audit found included.
    pub(crate) failures: Vec<String>,
    /// Records of the per-user log.
    pub(crate) records: usize,
    pub(crate) audit: Verdict,
}

impl Results {
    /// From what was found, what was counted, and what the sampler saw.
    pub(crate) fn of_churn(
        options: &Churn,
        shared: &Shared,
        found: Found,
        samples: &[Sample],
    ) -> Self {
        let mut results = Self::of("churn");
        results.option("url", &options.target.url);
        results.option("minutes", &options.minutes);
        results.option("agents", &options.agents);
        results.option("organisations", &options.tenancy.organisations);
        results.option("rate", &options.rate);
        results.option("boards", &options.boards);
        results.option("seed", &options.seed);
        results.watched(samples);
        {
            let arrivals = shared.arrivals();
            for (name, histogram) in [("begun", &arrivals.begun), ("licence", &arrivals.licence)] {
                results.latency_ms.insert(name.to_owned(), Latency::of(histogram));
            }
        }
        if let Some(course) = &found.course {
            results.growth(course);
        }
        let records = u32::try_from(found.records).unwrap_or(u32::MAX);
        results.figure("log_records", f64::from(records), Better::Neither);
        {
            let counts = shared.counts();
            results.outcome("lives", &counts.outcomes);
            results.outcome("faults", &counts.faults);
        }
        results.failures = found.failures;
        results.audit = Some(found.audit);
        results.judge();
        results
    }

    /// The broker's own figures after warm-up and at the end.
    fn growth(&mut self, course: &Course) {
        for (index, (name, _)) in FIGURES.iter().enumerate() {
            self.figure(&format!("{name}, after warm-up"), course.warm[index], Better::Neither);
            // The others follow the load, and the profile judges them itself.
            let better = if index == MEMORY { Better::Lower } else { Better::Neither };
            self.figure(&format!("{name}, at the end"), course.end[index], better);
        }
    }
}
