//! The results of a storm of reconnects.

use super::latency::Latency;
use super::{Better, Results};
use crate::cli::ReconnectStorm;
use crate::herd::report::HerdReport;
use crate::herd::tally::Tally;
use crate::sampler::Sample;
use crate::tally::Words;

impl Results {
    /// From its own report, what was counted, and what the sampler saw.
    pub(crate) fn of_herd(
        options: &ReconnectStorm,
        report: &HerdReport,
        tally: &Tally,
        samples: &[Sample],
    ) -> Self {
        let mut results = Self::of(report.profile);
        results.watched(samples);
        results.failures.clone_from(&report.failures);
        results.passed = report.passed;
        results.audit = Some(report.audit.clone());
        results.option("url", &options.target.url);
        results.option("agents", &report.agents);
        results.option("organisations", &report.organisations);
        results.option("without-grace", &report.without_grace);
        results.option("grace-s", &options.grace_s);
        results.latency_ms.insert("back".to_owned(), Latency::of(&tally.back));
        let seen = &report.seen;
        for (name, seconds, better) in [
            ("ended_after_s", seen.ended_after_s, Better::Neither),
            ("ready_after_s", seen.ready_after_s, Better::Lower),
            ("released_after_s", seen.afterwards.as_ref().map(|it| it.waited_s), Better::Lower),
        ] {
            if let Some(seconds) = seconds {
                results.figure(name, seconds, better);
            }
        }
        results.members(report);
        results
    }

    fn members(&mut self, report: &HerdReport) {
        let outcomes = &report.outcomes;
        let mut members = Words::default();
        for (word, count) in [
            ("first login", outcomes.logged_in),
            ("resumed", outcomes.resumed),
            ("logged in anew", outcomes.logged_in_anew),
            ("resumed with other licences", outcomes.changed),
            ("attempts timed out", outcomes.timed_out),
        ] {
            members.put(word, count);
        }
        self.outcome("members", &members);
        for (kind, words) in [
            ("disconnected", &outcomes.disconnected),
            ("sent away", &outcomes.sent_away),
            ("lost", &outcomes.lost),
            ("faults", &report.faults),
        ] {
            self.outcome(kind, words);
        }
    }
}
