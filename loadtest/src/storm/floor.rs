//! What the same calm and the same storms came to at a bare server: what no broker can do without.

use std::fmt::{self, Display, Formatter};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::side::{BESIDE, CALM, STORM};
use crate::report::Percentiles;
use crate::visit::Scene;
use crate::visit::tally::{Outcomes, Phase};

/// Calm agents' connect and echo, in calm and beside a storm.
#[derive(Debug, Serialize)]
pub(crate) struct Floor {
    pub(crate) calm_p99_ms: f64,
    pub(crate) beside_p99_ms: f64,
    pub(crate) ratio: f64,
    /// Whether this tool, and so its bare server, was built with optimisation; else it is no floor.
    is_optimised: bool,
    pub(crate) phases: Vec<FloorPhase>,
}

#[derive(Debug, Serialize)]
pub(crate) struct FloorPhase {
    pub(crate) phase: &'static str,
    /// This tool's own lateness, contained in the others.
    begun_ms: Percentiles,
    connect_upgrade_ms: Percentiles,
    /// From the moment at which somebody was due.
    pub(crate) echo_ms: Percentiles,
    /// The same in microseconds, every one of them.
    #[serde(skip)]
    pub(crate) echo: Histogram<u64>,
    outcomes: Outcomes,
}

impl Floor {
    /// Of all turns at the bare server.
    pub(crate) fn of(scene: &Scene) -> Self {
        let phases = [CALM, BESIDE, STORM].map(|phase| FloorPhase::of(&scene.phase(phase)));
        let [calm_p99_ms, beside_p99_ms] = [&phases[0], &phases[1]].map(|phase| phase.echo_ms.p99);
        Self {
            calm_p99_ms,
            beside_p99_ms,
            ratio: beside_p99_ms / calm_p99_ms,
            is_optimised: !cfg!(debug_assertions),
            phases: phases.into(),
        }
    }

    /// Why it is not known, in words.
    pub(crate) fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        for FloorPhase { phase, outcomes, echo, .. } in &self.phases {
            if echo.is_empty() {
                failures.push(format!("bare server, {phase}: nobody was served"));
            }
            for (why, times) in &outcomes.refused.0 {
                failures.push(format!("bare server, {phase}: not served: {why}: {times}"));
            }
            if outcomes.timed_out > 0 {
                let times = outcomes.timed_out;
                failures.push(format!("bare server, {phase}: no answer in time: {times}"));
            }
        }
        failures
    }
}

impl FloorPhase {
    fn of(phase: &Phase) -> Self {
        Self {
            phase: phase.name,
            begun_ms: Percentiles::new(&phase.begun),
            connect_upgrade_ms: Percentiles::new(&phase.upgraded),
            echo_ms: Percentiles::new(&phase.licence),
            echo: phase.licence.clone(),
            outcomes: phase.outcomes.clone(),
        }
    }
}

impl Display for Floor {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "\n{:<28}{:>8}{:>10}{:>10}{:>10}{:>10}{:>10}",
            "bare echo from due, ms", "count", "p50", "p90", "p99", "p99.9", "max"
        )?;
        for FloorPhase { phase, echo_ms, connect_upgrade_ms, begun_ms, .. } in &self.phases {
            echo_ms.line(out, phase)?;
            connect_upgrade_ms.line(out, "  connect and upgrade")?;
            begun_ms.line(out, "  begun (own lateness)")?;
        }
        let Self { calm_p99_ms, beside_p99_ms, ratio, .. } = self;
        writeln!(
            out,
            "\np99 to a bare server's echo: {calm_p99_ms:.1} ms in calm, {beside_p99_ms:.1} ms beside the \
             storm, ratio {ratio:.2}"
        )?;
        if !self.is_optimised {
            writeln!(out, "this tool was built without optimisation: its bare server is no floor")?;
        }
        Ok(())
    }
}
