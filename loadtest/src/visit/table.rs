//! A run of visits, to be read.

use std::fmt::{self, Display, Formatter};

use super::report::{Comparison, PhaseReport, VisitsReport};
use super::tally::Outcomes;
use crate::report::verdict;

impl Display for VisitsReport {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "\n{}: {}", self.profile, self.settings)?;
        latencies(out, &self.phases)?;
        self.phases.iter().try_for_each(|phase| outcomes(out, phase))?;
        if let Some(Comparison { calm_p99_ms, beside_p99_ms, ratio, ratio_max }) = self.comparison {
            writeln!(
                out,
                "\np99 to the licence: {calm_p99_ms:.1} ms in calm, {beside_p99_ms:.1} ms beside the \
                 storm, ratio {ratio:.2} (at most {ratio_max})"
            )?;
        }
        if let Some(floor) = &self.floor {
            write!(out, "{floor}")?;
        }
        if let Some(down_s) = self.seen.down_s {
            writeln!(out, "\nthe broker was down for {down_s:.2} s")?;
        }
        let unproven = self.audit.holds - self.audit.proven;
        writeln!(out, "\naudit: {} holds seen, {unproven} of them not proven", self.audit.holds)?;
        if let Some(records) = self.seen.records {
            writeln!(out, "log: {records} records")?;
        }
        if let Some(afterwards) = &self.seen.afterwards {
            let how = if afterwards.held.is_empty() { "nothing held" } else { "still held" };
            writeln!(out, "afterwards: {how} after {:.2} s", afterwards.waited_s)?;
        }
        verdict(out, &self.failures, self.passed)
    }
}

fn latencies(out: &mut Formatter<'_>, phases: &[PhaseReport]) -> fmt::Result {
    writeln!(
        out,
        "\n{:<28}{:>8}{:>10}{:>10}{:>10}{:>10}{:>10}",
        "licence from due, ms", "count", "p50", "p90", "p99", "p99.9", "max"
    )?;
    for PhaseReport { phase, licence_ms, connect_upgrade_ms, begun_ms, .. } in phases {
        licence_ms.line(out, phase)?;
        connect_upgrade_ms.line(out, "  connect and upgrade")?;
        begun_ms.line(out, "  begun (own lateness)")?;
    }
    Ok(())
}

fn outcomes(out: &mut Formatter<'_>, phase: &PhaseReport) -> fmt::Result {
    let Outcomes {
        due,
        logged_in,
        partial,
        resumed,
        refused,
        gave_up,
        sent_away,
        timed_out,
        lost_by_outage,
        lost,
        left,
    } = &phase.outcomes;
    writeln!(out, "\n{:<52}{due:>10}", format!("{}: due", phase.phase))?;
    for (what, count) in [
        ("logged in", logged_in),
        ("logged in, partial", partial),
        ("resumed", resumed),
        ("gave up", gave_up),
        ("no answer in time", timed_out),
    ] {
        if *count > 0 {
            writeln!(out, "  {what:<50}{count:>10}")?;
        }
    }
    for (what, words) in [
        ("refused", refused),
        ("sent away", sent_away),
        ("lost by the outage", lost_by_outage),
        ("lost", lost),
        ("left", left),
    ] {
        for (word, count) in &words.0 {
            writeln!(out, "  {:<50}{count:>10}", format!("{what}: {word}"))?;
        }
    }
    Ok(())
}
