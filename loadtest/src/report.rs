//! The result of a run: what is measured, what is judged, and whether it passed.

use std::fmt::{self, Formatter};
use std::path::Path;

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::audit::Verdict;
use crate::cli::{Leave, MassLogin};
use crate::free::Dropped;
use crate::limits::FAILURES_PRINTED_MAX;
use crate::provision::Afterwards;
use crate::tally::{Latencies, Outcomes, Tally};

/// The last lines of a table: the first failures, and whether the run passed.
pub(crate) fn verdict(out: &mut Formatter<'_>, failures: &[String], passed: bool) -> fmt::Result {
    for failure in failures.iter().take(FAILURES_PRINTED_MAX) {
        writeln!(out, "  {failure}")?;
    }
    let more = failures.len().saturating_sub(FAILURES_PRINTED_MAX);
    if more > 0 {
        writeln!(out, "  and {more} more")?;
    }
    writeln!(out, "{}", if passed { "PASSED" } else { "FAILED" })
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) profile: &'static str,
    pub(crate) passed: bool,
    /// Why it did not pass, in words.
    pub(crate) failures: Vec<String>,
    pub(crate) settings: Settings,
    /// Until every login was decided, from the moment the first was due; `None` where it never was.
    pub(crate) decided_after_s: Option<f64>,
    /// From the moment at which a login was due.
    pub(crate) latency_ms: LatencyMs,
    pub(crate) outcomes: Outcomes,
    pub(crate) audit: Verdict,
    /// `None` where nobody was to drop the connection, or not everybody came to it.
    pub(crate) dropped: Option<Dropped>,
    /// `None` where the run ended before anybody could have left.
    pub(crate) afterwards: Option<Afterwards>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Settings {
    pub(crate) url: String,
    pub(crate) agents: usize,
    pub(crate) organisations: usize,
    pub(crate) devices: Vec<&'static str>,
    pub(crate) sessions: usize,
    /// Logins due per second; `None`: all at once.
    pub(crate) rate: Option<f64>,
    pub(crate) seed: u64,
    pub(crate) hold_s: f64,
    pub(crate) leave: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct LatencyMs {
    /// This tool's own lateness, contained in the others.
    pub(crate) begun: Percentiles,
    pub(crate) connect_upgrade: Percentiles,
    pub(crate) licence: Percentiles,
    pub(crate) refusal: Percentiles,
}

/// Milliseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Percentiles {
    pub(crate) count: u64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p99_9: f64,
    pub(crate) max: f64,
}

/// What the profile saw beside what its agents told.
pub(crate) struct Seen {
    /// Why the run did not come to its end, in words.
    pub(crate) cut_short: Option<String>,
    pub(crate) decided_after_s: Option<f64>,
    pub(crate) dropped: Option<Dropped>,
    pub(crate) afterwards: Option<Afterwards>,
    /// What could not be looked at or removed, in words.
    pub(crate) problems: Vec<String>,
}

impl Report {
    pub(crate) fn new(
        profile: &'static str,
        options: &MassLogin,
        tally: &Tally,
        audit: Verdict,
        seen: Seen,
    ) -> Self {
        let mut report = Self {
            profile,
            passed: false,
            failures: seen.cut_short.into_iter().chain(seen.problems).collect(),
            settings: Settings::new(options),
            decided_after_s: seen.decided_after_s,
            latency_ms: LatencyMs::new(&tally.latencies),
            outcomes: tally.outcomes.clone(),
            audit,
            dropped: seen.dropped,
            afterwards: seen.afterwards,
        };
        report.judge(tally.decided());
        report
    }

    fn judge(&mut self, decided: usize) {
        let failures = &mut self.failures;
        for violation in &self.audit.violations {
            failures.push(violation.to_string());
        }
        if self.audit.saw_nothing() {
            failures
                .push("audit: grants were seen, but no session proved that it lived".to_owned());
        }
        if decided < self.settings.sessions {
            let undecided = self.settings.sessions - decided;
            failures.push(format!("{undecided} logins were not decided"));
        }
        if self.outcomes.answered() == 0 {
            failures.push("the broker answered no login at all".to_owned());
        }
        let held = self.afterwards.iter().flat_map(|afterwards| &afterwards.held);
        failures.extend(held.map(ToString::to_string));
        self.passed = self.failures.is_empty() && self.audit.passed();
    }
}

/// Prints the table, and writes the report as JSON where it is wanted.
///
/// # Errors
///
/// Where the JSON cannot be written.
pub(crate) fn publish(report: &impl Serialize, table: &str, json: Option<&Path>) -> Result<()> {
    use std::io::{Write, stderr, stdout};
    let Some(path) = json else {
        return write!(stdout(), "{table}").context("standard output");
    };
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    if path == Path::new("-") {
        stdout().write_all(text.as_bytes()).context("--json -")?;
        return write!(stderr(), "{table}").context("standard error");
    }
    std::fs::write(path, text).with_context(|| format!("--json {}", path.display()))?;
    write!(stdout(), "{table}").context("standard output")
}

impl Settings {
    fn new(options: &MassLogin) -> Self {
        Self {
            url: options.target.url.clone(),
            agents: options.agents,
            organisations: options.tenancy.organisations,
            devices: options.devices.iter().map(|device| device.name()).collect(),
            sessions: options.sessions(),
            rate: options.rate,
            seed: options.seed,
            hold_s: options.hold.as_secs_f64(),
            leave: match options.leave {
                Leave::Logout => "logout",
                Leave::Drop => "drop",
            },
        }
    }
}

impl LatencyMs {
    fn new(latencies: &Latencies) -> Self {
        Self {
            begun: Percentiles::new(&latencies.begun),
            connect_upgrade: Percentiles::new(&latencies.upgraded),
            licence: Percentiles::new(&latencies.licence),
            refusal: Percentiles::new(&latencies.refusal),
        }
    }
}

impl Percentiles {
    /// A line of a table: the name, the count, p50, p90, p99, p99.9 and the most.
    pub(crate) fn line(&self, out: &mut Formatter<'_>, name: &str) -> fmt::Result {
        let Self { count, p50, p90, p99, p99_9, max } = self;
        writeln!(
            out,
            "{name:<28}{count:>8}{p50:>10.1}{p90:>10.1}{p99:>10.1}{p99_9:>10.1}{max:>10.1}"
        )
    }

    pub(crate) fn new(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| milliseconds(histogram.value_at_quantile(quantile));
        Self {
            count: histogram.len(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: milliseconds(histogram.max()),
        }
    }
}

fn milliseconds(microseconds: u64) -> f64 {
    std::time::Duration::from_micros(microseconds).as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser;

    use super::*;
    use crate::audit::{Auditor, Bought};
    use crate::cli::{Cli, Profile};
    use crate::provision::Held;

    fn options(agents: &str) -> MassLogin {
        let line = ["loadtest", "mass-login", "--agents", agents];
        let parsed = Cli::try_parse_from(line).expect("it parses").profile;
        let Profile::MassLogin(options) = parsed else { panic!("another profile") };
        options
    }

    fn seen() -> Seen {
        Seen {
            cut_short: None,
            decided_after_s: Some(0.5),
            dropped: None,
            afterwards: None,
            problems: vec![],
        }
    }

    fn report(auditor: &Auditor, seen: Seen) -> Report {
        let mut tally = Tally::new().expect("histograms");
        tally.logged_in(Duration::from_millis(20), &[]);
        Report::new("mass-login", &options("1"), &tally, auditor.verdict(), seen)
    }

    #[test]
    fn a_run_without_anything_amiss_passes() {
        let report = report(&Auditor::default(), seen());
        assert!(report.passed, "{:?}", report.failures);
        assert!((report.latency_ms.licence.max - 20.0).abs() < 0.1);
    }

    #[test]
    fn a_violation_fails_the_run() {
        let mut auditor = Auditor::default();
        auditor.bought(1, "inbound_agent", Bought::Holders(0));
        let session = auditor.begun(1, "ann");
        auditor.granted(session, ["inbound_agent"]);
        let asked = auditor.asking();
        auditor.answered(session, asked);
        let report = report(&auditor, seen());
        assert!(!report.passed);
        assert!(report.failures[0].contains("inbound_agent"), "{:?}", report.failures);
    }

    #[test]
    fn what_is_still_held_fails_the_run() {
        let held = Held { organisation: 1, licence: "agent_sms".to_owned(), holders: 2 };
        let afterwards = Afterwards { waited_s: 35.0, waited_at_most_s: 35, held: vec![held] };
        let report = report(&Auditor::default(), Seen { afterwards: Some(afterwards), ..seen() });
        assert_eq!(
            report.failures,
            ["organisation 1: agent_sms still held by 2 after everybody left"]
        );
    }

    #[test]
    fn a_run_that_was_cut_short_or_never_answered_fails() {
        let cut = Seen { cut_short: Some("interrupted".to_owned()), ..seen() };
        assert!(!report(&Auditor::default(), cut).passed);
        let tally = Tally::new().expect("histograms");
        let verdict = Auditor::default().verdict();
        let silent = Report::new("mass-login", &options("3"), &tally, verdict, seen());
        assert_eq!(silent.failures.len(), 2);
    }
}
