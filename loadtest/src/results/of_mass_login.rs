//! The results of a mass login.

use super::latency::Latency;
use super::{Better, Results};
use crate::report::Report;
use crate::sampler::Sample;
use crate::tally::{Outcomes, Tally, Words, float};

impl Results {
    /// From its own report, what was counted, and what the sampler saw.
    pub(crate) fn of_mass_login(report: &Report, tally: &Tally, samples: &[Sample]) -> Self {
        let mut results = Self::of(report.profile);
        results.watched(samples);
        results.failures.clone_from(&report.failures);
        results.passed = report.passed;
        results.audit = Some(report.audit.clone());
        results.mass_login_options(report);
        for (name, histogram) in [
            ("begun", &tally.latencies.begun),
            ("connect_upgrade", &tally.latencies.upgraded),
            ("licence", &tally.latencies.licence),
            ("refusal", &tally.latencies.refusal),
        ] {
            results.latency_ms.insert(name.to_owned(), Latency::of(histogram));
        }
        if let Some(seconds) = report.decided_after_s {
            results.figure("decided_after_s", seconds, Better::Lower);
            let per_second = float(report.outcomes.answered()) / seconds;
            results.figure("decided_per_s", per_second, Better::Higher);
        }
        results.price_of_a_login(report, samples);
        if let Some(afterwards) = &report.afterwards {
            results.figure("released_after_s", afterwards.waited_s, Better::Lower);
        }
        results.logins(&report.outcomes);
        results
    }

    /// What the broker used from the first login that was due to the last decision, and the memory that it then
    /// had taken, for each login; what follows (holding, leaving) is not in it.
    fn price_of_a_login(&mut self, report: &Report, samples: &[Sample]) {
        let Some(decided_after_s) = report.decided_after_s else { return };
        let seen = || samples.iter().filter_map(|sample| Some((sample.at, sample.broker?)));
        let decided = seen().find(|(at, _)| at.as_secs_f64() >= decided_after_s);
        let (Some((_, first)), Some((_, decided))) = (seen().next(), decided) else { return };
        let cpu = decided.cpu.saturating_sub(first.cpu).as_secs_f64() * 1e6;
        let answered = float(report.outcomes.answered());
        self.figure("broker_cpu_per_decision_us", cpu / answered, Better::Lower);
        let grown = decided.resident_bytes.saturating_sub(first.resident_bytes);
        let sessions = float(report.outcomes.granted());
        self.figure("broker_resident_per_session_bytes", float(grown) / sessions, Better::Lower);
    }

    fn mass_login_options(&mut self, report: &Report) {
        let settings = &report.settings;
        self.option("url", &settings.url);
        self.option("agents", &settings.agents);
        self.option("organisations", &settings.organisations);
        self.option("devices", &settings.devices.join(","));
        let rate = settings.rate.map_or("all at once".to_owned(), |rate| rate.to_string());
        self.option("rate", &rate);
        self.option("seed", &settings.seed);
        self.option("hold", &settings.hold_s);
        self.option("leave", &settings.leave);
    }

    /// The outcome table of logins.
    fn logins(&mut self, outcomes: &Outcomes) {
        let mut logins = Words::default();
        for (word, count) in [
            ("logged in, full", outcomes.logged_in_full),
            ("logged in, partial", outcomes.logged_in_partial),
            ("timed out", outcomes.timed_out),
        ] {
            logins.put(word, count);
        }
        self.outcome("logins", &logins);
        for (licence, reasons) in &outcomes.denied {
            self.outcome(&format!("denied {licence}"), reasons);
        }
        for (kind, words) in [
            ("refused", &outcomes.login_refused),
            ("ended undecided", &outcomes.ended_undecided),
            ("HTTP status", &outcomes.http_errors),
            ("not connected", &outcomes.not_connected),
            ("close codes", &outcomes.close_codes),
            ("ended early", &outcomes.ended_early),
            ("left", &outcomes.left),
            ("faults", &outcomes.faults),
        ] {
            self.outcome(kind, words);
        }
    }
}
