//! The results of a run of visits: a day, or a storm beside calm ones.

use super::latency::Latency;
use super::{Better, Results};
use crate::sampler::Sample;
use crate::tally::Words;
use crate::visit::Scene;
use crate::visit::report::{Comparison, VisitsReport};
use crate::visit::tally::Outcomes;

impl Results {
    /// From its own report, what was counted, and what the sampler saw.
    pub(crate) fn of_visits(report: &VisitsReport, scene: &Scene, samples: &[Sample]) -> Self {
        let mut results = Self::of(report.profile);
        results.watched(samples);
        results.failures.clone_from(&report.failures);
        results.passed = report.passed;
        results.audit = Some(report.audit.clone());
        for (name, value) in report.settings.as_object().into_iter().flatten() {
            results.option(name, value);
        }
        for phase in scene.phases() {
            for (name, histogram) in [
                ("begun", &phase.begun),
                ("connect_upgrade", &phase.upgraded),
                ("licence", &phase.licence),
            ] {
                let name = format!("{}, {name}", phase.name);
                results.latency_ms.insert(name, Latency::of(histogram));
            }
            results.visits(phase.name, &phase.outcomes);
        }
        if let Some(Comparison { ratio, .. }) = report.comparison {
            results.figure("beside_to_calm_p99_ratio", ratio, Better::Lower);
        }
        if let Some(down_s) = report.seen.down_s {
            results.figure("broker_down_s", down_s, Better::Lower);
        }
        if let Some(records) = report.seen.records.and_then(|records| u32::try_from(records).ok()) {
            results.figure("log_records", f64::from(records), Better::Neither);
        }
        results.outcome("faults", &report.faults);
        results
    }

    /// The outcome table of a phase.
    fn visits(&mut self, phase: &str, outcomes: &Outcomes) {
        let mut visits = Words::default();
        for (word, count) in [
            ("due", outcomes.due),
            ("logged in", outcomes.logged_in),
            ("logged in, partial", outcomes.partial),
            ("resumed", outcomes.resumed),
            ("gave up", outcomes.gave_up),
            ("no answer in time", outcomes.timed_out),
        ] {
            visits.put(word, count);
        }
        self.outcome(phase, &visits);
        for (kind, words) in [
            ("refused", &outcomes.refused),
            ("sent away", &outcomes.sent_away),
            ("lost by the outage", &outcomes.lost_by_outage),
            ("lost", &outcomes.lost),
            ("left", &outcomes.left),
        ] {
            self.outcome(&format!("{phase}, {kind}"), words);
        }
    }
}
