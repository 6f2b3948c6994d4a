//! The results of a day, and of a storm beside calm ones.

use std::fmt::Display;

use serde_json::Value;

use super::latency::Latency;
use super::{Better, Results};
use crate::sampler::Sample;
use crate::storm::floor::{Floor, FloorPhase};
use crate::tally::Words;
use crate::visit::Scene;
use crate::visit::report::{Comparison, VisitsReport};
use crate::visit::tally::{Outcomes, Phase};

impl Results {
    /// From its own report, what was counted in each phase, and what the sampler saw.
    pub(crate) fn of_visits(report: &VisitsReport, scene: &Scene, samples: &[Sample]) -> Self {
        let mut results = Self::of(report.profile);
        results.watched(samples);
        results.failures.clone_from(&report.failures);
        results.passed = report.passed;
        results.audit = Some(report.audit.clone());
        results.settings(&report.settings);
        for phase in scene.phases() {
            results.phase(&phase);
        }
        results.outcome("faults", &report.faults);
        if let Some(Comparison { ratio, .. }) = report.comparison {
            results.figure("licence_p99_ratio", ratio, Better::Lower);
        }
        if let Some(floor) = &report.floor {
            results.floor(floor);
        }
        if let Some(seconds) = report.seen.down_s {
            results.figure("down_s", seconds, Better::Neither);
        }
        if let Some(afterwards) = &report.seen.afterwards {
            results.figure("released_after_s", afterwards.waited_s, Better::Lower);
        }
        results
    }

    /// What the same came to at a bare server.
    fn floor(&mut self, floor: &Floor) {
        for FloorPhase { phase, echo, .. } in &floor.phases {
            self.latency_ms.insert(format!("bare server, {phase}: echo"), Latency::of(echo));
        }
        for (name, value) in [
            ("echo_calm_p99_ms", floor.calm_p99_ms),
            ("echo_beside_p99_ms", floor.beside_p99_ms),
            ("echo_p99_ratio", floor.ratio),
        ] {
            self.figure(name, value, Better::Neither);
        }
    }

    fn settings(&mut self, settings: &Value) {
        let given = |(_, value): &(&String, &Value)| !value.is_null();
        for (name, value) in settings.as_object().into_iter().flatten().filter(given) {
            let text = value.as_str();
            self.option(name, text.as_ref().map_or(value as &dyn Display, |text| text));
        }
    }

    fn phase(&mut self, phase: &Phase) {
        let Phase { name, outcomes, begun, upgraded, licence } = phase;
        for (until, histogram) in
            [("begun", begun), ("connect_upgrade", upgraded), ("licence", licence)]
        {
            self.latency_ms.insert(format!("{name}: {until}"), Latency::of(histogram));
        }
        let Outcomes { due, logged_in, partial, resumed, gave_up, timed_out, .. } = outcomes;
        let mut visits = Words::default();
        for (word, count) in [
            ("due", due),
            ("logged in", logged_in),
            ("logged in, partial", partial),
            ("resumed", resumed),
            ("gave up", gave_up),
            ("attempts timed out", timed_out),
        ] {
            visits.put(word, *count);
        }
        self.outcome(&format!("{name}: visits"), &visits);
        for (kind, words) in [
            ("refused", &outcomes.refused),
            ("sent away", &outcomes.sent_away),
            ("lost by the outage", &outcomes.lost_by_outage),
            ("lost", &outcomes.lost),
            ("left", &outcomes.left),
        ] {
            self.outcome(&format!("{name}: {kind}"), words);
        }
    }
}
