//! The result of a run: what is measured, what is judged, and whether it passed.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use super::tally::{Outcomes, Tally};
use crate::audit::Verdict;
use crate::conversation::Witness;
use crate::provision::Afterwards;
use crate::report::Percentiles;
use crate::tally::Words;

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
    /// From the moment at which everybody was to be back: the broker was ready, or the pause after the drop was
    /// over.
    pub(crate) back_ms: Percentiles,
    pub(crate) outcomes: Outcomes,
    /// What the protocol does not allow, or does not expect here.
    pub(crate) faults: Words,
    pub(crate) audit: Verdict,
}

/// What the profile saw beside what its members told.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Seen {
    /// Why the run did not come to its end, in words.
    pub(crate) cut_short: Option<String>,
    /// Until the broker had ended, or every socket was dropped; `None` where somebody else ended it.
    pub(crate) ended_after_s: Option<f64>,
    /// From its start until it was ready.
    pub(crate) ready_after_s: Option<f64>,
    /// Records of members with grace, before the broker ended and when everybody was back; `None` where
    /// they were not read, or nobody had grace.
    pub(crate) records: Option<(usize, usize)>,
    /// What was still held when everybody had left; `None` where it was not looked at.
    pub(crate) afterwards: Option<Afterwards>,
    /// What could not be removed, in words.
    pub(crate) problems: Vec<String>,
}

impl HerdReport {
    pub(crate) fn new(
        agents: usize,
        organisations: usize,
        without_grace: usize,
        tally: &Tally,
        witness: &Witness,
        seen: Seen,
    ) -> Self {
        let (faults, audit) = (witness.faults(), witness.audit().verdict());
        let mut report = Self {
            profile: "reconnect-storm",
            passed: false,
            failures: Vec::new(),
            agents,
            organisations,
            without_grace,
            seen,
            back_ms: Percentiles::new(&tally.back),
            outcomes: tally.outcomes.clone(),
            faults,
            audit,
        };
        report.judge();
        report
    }

    fn judge(&mut self) {
        let Self { failures, seen, outcomes, faults, audit, .. } = self;
        failures.extend(seen.cut_short.iter().chain(&seen.problems).cloned());
        failures.extend(audit.violations.iter().map(ToString::to_string));
        if audit.saw_nothing() {
            failures.push("the audit saw nothing".to_owned());
        }
        failures.extend(faults.0.iter().map(|(what, times)| format!("{what}: {times} times")));
        let held = seen.afterwards.iter().flat_map(|afterwards| &afterwards.held);
        failures.extend(held.map(ToString::to_string));
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
            None if self.without_grace == self.agents => {}
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
            "\nreconnect-storm: {agents} agents over {organisations} organisations, {without_grace} of \
             them without grace"
        )?;
        for (what, seconds) in
            [("ended after", seen.ended_after_s), ("ready again after", seen.ready_after_s)]
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
        let Verdict { holds, proven, .. } = &self.audit;
        writeln!(out, "audit: {holds} holds seen, {} of them not proven", holds - proven)?;
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
    use crate::provision::Held;

    fn failures(change: impl FnOnce(&mut Tally, &mut Seen)) -> Vec<String> {
        failures_seen_by(&Witness::default(), change)
    }

    fn failures_seen_by(
        witness: &Witness,
        change: impl FnOnce(&mut Tally, &mut Seen),
    ) -> Vec<String> {
        let mut tally = Tally::new().expect("a histogram");
        let mut seen = Seen { records: Some((3, 3)), ..Seen::default() };
        tally.back(Duration::from_millis(5), true, true);
        change(&mut tally, &mut seen);
        HerdReport::new(1, 1, 0, &tally, witness, seen).failures
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
    #[test]
    fn whatever_was_granted_twice_or_is_still_held_fails() {
        let witness = Witness::default();
        witness.fault("error bad_message");
        let session = witness.audit().begun(1, "ann");
        witness.audit().granted(session, ["agent_sms"]);
        let asked = witness.audit().asking();
        witness.audit().answered(session, asked);
        let held = Held { organisation: 1, licence: "agent_sms".to_owned(), holders: 2 };
        let found = failures_seen_by(&witness, |_, seen| {
            seen.afterwards =
                Some(Afterwards { waited_s: 1.0, waited_at_most_s: 1, held: vec![held] });
        });
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].contains("agent_sms held by 1 users"), "{found:?}");
        assert_eq!(found[1], "error bad_message: 1 times");
        assert!(found[2].contains("still held by 2"), "{found:?}");
    }
}
