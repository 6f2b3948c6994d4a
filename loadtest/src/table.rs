//! The report for people: plain text, a table of latencies and one of outcomes.

use std::fmt::{self, Display, Formatter};

use crate::audit::{Verdict, Violation};
use crate::free::Dropped;
use crate::provision::Afterwards;
use crate::report::{LatencyMs, Percentiles, Report, verdict};
use crate::tally::{Outcomes, Words};

struct Table<'a>(&'a Report);

/// The whole report, with a newline at its end.
pub(crate) fn of(report: &Report) -> String {
    Table(report).to_string()
}

impl Display for Table<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let settings = &report.settings;
        let arrival = settings.rate.map_or("all at once".to_owned(), |rate| format!("{rate}/s"));
        writeln!(
            out,
            "\n{}: {} logins of {} agents over {} organisations, {arrival}, {}",
            report.profile,
            settings.sessions,
            settings.agents,
            settings.organisations,
            settings.url
        )?;
        match report.decided_after_s {
            Some(seconds) => writeln!(out, "every login decided after {seconds:.3} s\n")?,
            None => writeln!(out, "not every login was decided\n")?,
        }
        latencies(out, &report.latency_ms)?;
        outcomes(out, &report.outcomes)?;
        audit(out, &report.audit)?;
        dropped(out, report.dropped.as_ref())?;
        afterwards(out, report.afterwards.as_ref())?;
        verdict(out, &report.failures, report.passed)
    }
}

fn latencies(out: &mut Formatter<'_>, latency: &LatencyMs) -> fmt::Result {
    writeln!(
        out,
        "{:<28}{:>8}{:>10}{:>10}{:>10}{:>10}{:>10}",
        "latency from due, ms", "count", "p50", "p90", "p99", "p99.9", "max"
    )?;
    for (name, row) in [
        ("  begun (own lateness)", &latency.begun),
        ("  connect and upgrade", &latency.connect_upgrade),
        ("  licence (logged_in)", &latency.licence),
        ("  refusal (login_refused)", &latency.refusal),
    ] {
        let Percentiles { count, p50, p90, p99, p99_9, max } = row;
        writeln!(
            out,
            "{name:<28}{count:>8}{p50:>10.1}{p90:>10.1}{p99:>10.1}{p99_9:>10.1}{max:>10.1}"
        )?;
    }
    Ok(())
}

fn outcomes(out: &mut Formatter<'_>, outcomes: &Outcomes) -> fmt::Result {
    writeln!(out, "\n{:<52}{:>10}", "outcome", "logins")?;
    line(out, "logged_in, full", outcomes.logged_in_full)?;
    line(out, "logged_in, partial", outcomes.logged_in_partial)?;
    words(out, "login_refused", &outcomes.login_refused)?;
    words(out, "ended undecided", &outcomes.ended_undecided)?;
    words(out, "HTTP", &outcomes.http_errors)?;
    words(out, "not connected", &outcomes.not_connected)?;
    if outcomes.timed_out > 0 {
        line(out, "timed out", outcomes.timed_out)?;
    }
    writeln!(out, "\n{:<52}{:>10}", "beside them", "times")?;
    for (licence, reasons) in &outcomes.denied {
        words(out, &format!("denied {licence}"), reasons)?;
    }
    words(out, "close code", &outcomes.close_codes)?;
    words(out, "ended early", &outcomes.ended_early)?;
    words(out, "left", &outcomes.left)?;
    words(out, "fault", &outcomes.faults)
}

fn words(out: &mut Formatter<'_>, name: &str, words: &Words) -> fmt::Result {
    words.0.iter().try_for_each(|(word, count)| line(out, &format!("{name}: {word}"), *count))
}

fn line(out: &mut Formatter<'_>, name: &str, count: u64) -> fmt::Result {
    writeln!(out, "  {name:<50}{count:>10}")
}

fn audit(out: &mut Formatter<'_>, audit: &Verdict) -> fmt::Result {
    writeln!(out, "\n{:<52}{:>10}{:>10}", "audit, distinct users", "bought", "peak")?;
    for pool in audit.pools.iter().filter(|pool| pool.bought > 0 || pool.peak_holders > 0) {
        let name = format!("{} {}", pool.organisation, pool.licence);
        writeln!(out, "  {name:<50}{:>10}{:>10}", pool.bought, pool.peak_holders)?;
    }
    let unproven = audit.holds - audit.proven;
    writeln!(out, "  {} holds seen, {unproven} of them not proven", audit.holds)
}

fn dropped(out: &mut Formatter<'_>, dropped: Option<&Dropped>) -> fmt::Result {
    let Some(Dropped { connections, took_s, free_after_s }) = dropped else { return Ok(()) };
    writeln!(
        out,
        "\ndropped: {connections} connections within {took_s:.3} s; every licence free {free_after_s:.3} s \
         after the last"
    )
}

fn afterwards(out: &mut Formatter<'_>, afterwards: Option<&Afterwards>) -> fmt::Result {
    let Some(Afterwards { waited_s, waited_at_most_s, held }) = afterwards else {
        return writeln!(out, "\nafterwards: not looked at");
    };
    let how = if held.is_empty() { "nothing held" } else { "still held" };
    writeln!(
        out,
        "\nafterwards: {how} after {waited_s:.2} s (looked for at most {waited_at_most_s} s)"
    )
}

impl Display for Violation {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { organisation, licence, bought, peak_holders, users } = self;
        write!(out, "audit: organisation {organisation}: {licence} held by {peak_holders} users")?;
        match bought {
            Some(bought) => write!(out, ", {bought} bought")?,
            None => write!(out, ", and not in the organisation's list")?,
        }
        if !users.is_empty() {
            write!(out, " (last: {})", users.join(", "))?;
        }
        Ok(())
    }
}
