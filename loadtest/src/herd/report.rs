//! The result of a run: what is measured, what is judged, and whether it passed.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use super::tally::{Outcomes, Tally};
use crate::report::Percentiles;

#[derive(Debug, Serialize)]
pub(crate) struct HerdReport {
    pub(crate) profile: &'static str,
    pub(crate) passed: bool,
    /// Why it did not pass, in words.
    pub(crate) failures: Vec<String>,
    pub(crate) agents: usize,
    pub(crate) organisations: usize,
    pub(crate) without_grace: usize,
    pub(crate) seen: Seen,
    /// From the moment at which the broker was ready and everybody came at once.
    pub(crate) back_ms: Percentiles,
    pub(crate) outcomes: Outcomes,
}

/// What the profile saw beside what its members told.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Seen {
    /// Why the run did not come to its end, in words.
    pub(crate) cut_short: Option<String>,
    /// Until the broker had ended; `None` where somebody else ended it.
    pub(crate) ended_after_s: Option<f64>,
    /// From its start until it was ready.
    pub(crate) ready_after_s: Option<f64>,
    /// Records of members with grace, before the broker ended and when everybody was back; `None` where
    /// they were not read.
    pub(crate) records: Option<(usize, usize)>,
    /// What could not be removed, in words.
    pub(crate) problems: Vec<String>,
}

impl HerdReport {
    pub(crate) fn new(
        agents: usize,
        organisations: usize,
        without_grace: usize,
        tally: &Tally,
        seen: Seen,
    ) -> Self {
        let mut report = Self {
            profile: "reconnect",
            passed: false,
            failures: Vec::new(),
            agents,
            organisations,
            without_grace,
            seen,
            back_ms: Percentiles::new(&tally.back),
            outcomes: tally.outcomes.clone(),
        };
        report.judge();
        report
    }

    fn judge(&mut self) {
        let Self { failures, seen, outcomes, .. } = self;
        failures.extend(seen.cut_short.iter().chain(&seen.problems).cloned());
        let mut must_be_none = |what: &str, count: u64| {
            if count > 0 {
                failures.push(format!("{what}: {count}"));
            }
        };
        let back = outcomes.resumed + outcomes.logged_in_anew;
        let agents = u64::try_from(self.agents).unwrap_or(u64::MAX);
        must_be_none("members that are not back", agents.saturating_sub(back));
        must_be_none("members that were lost", outcomes.lost.total());
        must_be_none("members with other licences than before", outcomes.changed);
        must_be_none("attempts without an answer in time", outcomes.timed_out);
        match seen.records {
            Some((before, after)) if before == 0 || before != after => failures.push(format!(
                "records of members with grace: {before} before the end, {after} when they were back"
            )),
            Some(_) => {}
            None => failures.push("the records were not compared".to_owned()),
        }
        self.passed = failures.is_empty();
    }
}

impl Display for HerdReport {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { agents, organisations, without_grace, seen, outcomes, .. } = self;
        writeln!(
            out,
            "\nreconnect: {agents} agents over {organisations} organisations, {without_grace} of \
             them without grace"
        )?;
        for (what, seconds) in
            [("broker ended after", seen.ended_after_s), ("ready again after", seen.ready_after_s)]
        {
            if let Some(seconds) = seconds {
                writeln!(out, "{what} {seconds:.2} s")?;
            }
        }
        let Percentiles { count, p50, p90, p99, p99_9, max } = &self.back_ms;
        writeln!(
            out,
            "back, ms: {count} members, p50 {p50:.0}, p90 {p90:.0}, p99 {p99:.0}, p99.9 {p99_9:.0}, \
             max {max:.0}"
        )?;
        let (resumed, anew) = (outcomes.resumed, outcomes.logged_in_anew);
        writeln!(out, "resumed {resumed}, logged in anew {anew}")?;
        for (what, words) in [
            ("disconnected", &outcomes.disconnected),
            ("sent away", &outcomes.sent_away),
            ("lost", &outcomes.lost),
        ] {
            for (word, count) in &words.0 {
                writeln!(out, "{what}: {word}: {count}")?;
            }
        }
        writeln!(out, "without an answer in time: {}", outcomes.timed_out)?;
        if let Some((before, after)) = seen.records {
            writeln!(out, "records of members with grace: {before} before, {after} after")?;
        }
        for failure in &self.failures {
            writeln!(out, "  {failure}")?;
        }
        writeln!(out, "{}", if self.passed { "PASSED" } else { "FAILED" })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn failures(change: impl FnOnce(&mut Tally, &mut Seen)) -> Vec<String> {
        let mut tally = Tally::new().expect("a histogram");
        let mut seen = Seen { records: Some((3, 3)), ..Seen::default() };
        tally.back(Duration::from_millis(5), true, true);
        change(&mut tally, &mut seen);
        HerdReport::new(1, 1, 0, &tally, seen).failures
    }

    #[test]
    fn everybody_back_with_what_they_had_and_no_record_passes() {
        assert_eq!(failures(|_, _| {}), [""; 0]);
    }

    #[test]
    fn whatever_was_lost_charged_or_kept_waiting_fails() {
        let lost = failures(|tally, _| tally.lost("4508"));
        assert_eq!(lost, ["members that were lost: 1"]);
        let charged = failures(|_, seen| seen.records = Some((3, 6)));
        assert!(charged[0].contains("3 before the end, 6"), "{charged:?}");
        let unread = failures(|_, seen| seen.records = None);
        assert_eq!(unread, ["the records were not compared"]);
        let waiting = failures(|tally, _| tally.outcomes.timed_out = 2);
        assert_eq!(waiting, ["attempts without an answer in time: 2"]);
        let other = failures(|tally, _| tally.outcomes.changed = 1);
        assert_eq!(other, ["members with other licences than before: 1"]);
        let absent = failures(|tally, _| tally.outcomes.resumed = 0);
        assert_eq!(absent, ["members that are not back: 1"]);
    }
}
