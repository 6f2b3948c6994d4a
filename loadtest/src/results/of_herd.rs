//! The results of a reconnect storm.

use super::latency::Latency;
use super::{Better, Results};
use crate::herd::report::HerdReport;
use crate::herd::tally::Tally;
use crate::sampler::Sample;
use crate::tally::Words;

impl Results {
    /// From its own report, what was counted, and what the sampler saw.
    pub(crate) fn of_herd(report: &HerdReport, tally: &Tally, samples: &[Sample]) -> Self {
        let mut results = Self::of(report.profile);
        results.watched(samples);
        results.failures.clone_from(&report.failures);
        results.passed = report.passed;
        results.audit = Some(report.audit.clone());
        results.option("agents", &report.agents);
        results.option("organisations", &report.organisations);
        results.option("without-grace", &report.without_grace);
        results.latency_ms.insert("back".to_owned(), Latency::of(&tally.back));
        for (name, seconds) in [
            ("ended_after_s", report.seen.ended_after_s),
            ("ready_after_s", report.seen.ready_after_s),
        ] {
            if let Some(seconds) = seconds {
                results.figure(name, seconds, Better::Lower);
            }
        }
        let outcomes = &report.outcomes;
        let mut members = Words::default();
        for (word, count) in [
            ("logged in at first", outcomes.logged_in),
            ("resumed", outcomes.resumed),
            ("logged in anew", outcomes.logged_in_anew),
            ("other licences than before", outcomes.changed),
            ("no answer in time", outcomes.timed_out),
        ] {
            members.put(word, count);
        }
        results.outcome("members", &members);
        for (kind, words) in [
            ("disconnected", &outcomes.disconnected),
            ("sent away", &outcomes.sent_away),
            ("lost", &outcomes.lost),
            ("faults", &report.faults),
        ] {
            results.outcome(kind, words);
        }
        results
    }
}
