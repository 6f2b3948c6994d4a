//! The result of a run of visits: what is measured, what is judged, and whether it passed.

use serde::Serialize;
use serde_json::Value;

use super::Scene;
use super::tally::Outcomes;
use crate::audit::Verdict;
use crate::provision::Afterwards;
use crate::report::Percentiles;
use crate::storm::floor::Floor;
use crate::tally::Words;

/// How a visit ends that ends well.
pub(super) const WELL: &str = "logged out";

#[derive(Debug, Serialize)]
pub(crate) struct VisitsReport {
    pub(crate) profile: &'static str,
    pub(crate) passed: bool,
    /// Why it did not pass, in words.
    pub(crate) failures: Vec<String>,
    /// The options that it was run with.
    pub(crate) settings: Value,
    pub(crate) phases: Vec<PhaseReport>,
    /// Of the profile that compares two of them.
    pub(crate) comparison: Option<Comparison>,
    /// What the same came to at a bare server, where that was asked for.
    pub(crate) floor: Option<Floor>,
    /// What the protocol does not allow, or does not expect here.
    pub(crate) faults: Words,
    pub(crate) audit: Verdict,
    pub(crate) seen: Seen,
}

#[derive(Debug, Serialize)]
pub(crate) struct PhaseReport {
    pub(crate) phase: &'static str,
    /// This tool's own lateness, contained in the others.
    pub(crate) begun_ms: Percentiles,
    pub(crate) connect_upgrade_ms: Percentiles,
    /// From the moment at which somebody was due.
    pub(crate) licence_ms: Percentiles,
    pub(crate) outcomes: Outcomes,
}

/// The 99th percentile of time to licence in one phase against that in another.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) calm_p99_ms: f64,
    pub(crate) beside_p99_ms: f64,
    pub(crate) ratio: f64,
    /// The most that passes.
    pub(crate) ratio_max: f64,
}

/// What the profile saw beside what the visitors told.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Seen {
    /// Why the run did not come to its end, in words.
    pub(crate) cut_short: Option<String>,
    /// How long the broker was down, from its end until it was ready again; `None` where it was not ended.
    pub(crate) down_s: Option<f64>,
    /// `None` where it was not looked at.
    pub(crate) afterwards: Option<Afterwards>,
    /// Records of the per-user log; `None` where they were not read.
    pub(crate) records: Option<usize>,
    /// What is wrong with the log or the bill, and what could not be removed, in words.
    pub(crate) problems: Vec<String>,
    /// What another process of this tool audited, in organisations that nobody else came to; the report has
    /// it with the rest.
    #[serde(skip)]
    pub(crate) audited_elsewhere: Option<Verdict>,
}

impl VisitsReport {
    pub(crate) fn new(
        profile: &'static str,
        settings: Value,
        scene: &Scene,
        comparison: Option<Comparison>,
        mut seen: Seen,
    ) -> Self {
        let phases = scene.phases().map(|phase| PhaseReport {
            phase: phase.name,
            begun_ms: Percentiles::new(&phase.begun),
            connect_upgrade_ms: Percentiles::new(&phase.upgraded),
            licence_ms: Percentiles::new(&phase.licence),
            outcomes: phase.outcomes.clone(),
        });
        let undecided = scene.phases().map(|phase| phase.undecided()).sum();
        let mut audit = scene.witness.audit().verdict();
        if let Some(elsewhere) = seen.audited_elsewhere.take() {
            audit.add(elsewhere);
        }
        let mut report = Self {
            profile,
            passed: false,
            failures: Vec::new(),
            settings,
            phases: phases.collect(),
            comparison,
            floor: None,
            faults: scene.witness.faults(),
            audit,
            seen,
        };
        report.judge(undecided);
        report.passed = report.failures.is_empty();
        report
    }

    /// With the floor, which fails the run where it was to be known and is not.
    pub(crate) fn with_floor(mut self, floor: Option<Floor>) -> Self {
        self.failures.extend(floor.iter().flat_map(Floor::failures));
        self.passed = self.failures.is_empty();
        Self { floor, ..self }
    }

    fn judge(&mut self, undecided: u64) {
        let Self { failures, phases, comparison, faults, audit, seen, .. } = self;
        failures.extend(seen.cut_short.iter().chain(&seen.problems).cloned());
        failures.extend(audit.violations.iter().map(ToString::to_string));
        if audit.saw_nothing() || audit.holds == 0 {
            failures.push("the audit saw nothing".to_owned());
        }
        failures.extend(faults.0.iter().map(|(what, times)| format!("{what}: {times} times")));
        if undecided > 0 {
            failures.push(format!("{undecided} who were due had no answer"));
        }
        failures.extend(phases.iter().flat_map(PhaseReport::failures));
        let held = seen.afterwards.iter().flat_map(|afterwards| &afterwards.held);
        failures.extend(held.map(ToString::to_string));
        if let Some(Comparison { ratio, ratio_max, .. }) = comparison
            && (ratio.is_nan() || ratio > ratio_max)
        {
            failures.push(format!("time to licence grew {ratio:.2} times, {ratio_max} would pass"));
        }
    }
}

impl PhaseReport {
    fn failures(&self) -> Vec<String> {
        let Self { phase, outcomes, .. } = self;
        let not_well = outcomes.left.0.iter().filter(|(how, _)| *how != WELL);
        let lost = outcomes.lost.0.iter().chain(not_well);
        let mut failures: Vec<String> =
            lost.map(|(how, times)| format!("{phase}: ended early: {how}: {times}")).collect();
        for (what, times) in
            [("no answer in time", outcomes.timed_out), ("gave up", outcomes.gave_up)]
        {
            if times > 0 {
                failures.push(format!("{phase}: {what}: {times}"));
            }
        }
        failures
    }
}

impl Comparison {
    /// Of two phases, by their places in the list.
    pub(crate) fn of(scene: &Scene, calm: usize, beside: usize, ratio_max: f64) -> Self {
        let p99_ms = |phase| Percentiles::new(&scene.phase(phase).licence).p99;
        let (calm_p99_ms, beside_p99_ms) = (p99_ms(calm), p99_ms(beside));
        let ratio = beside_p99_ms / calm_p99_ms;
        Self { calm_p99_ms, beside_p99_ms, ratio, ratio_max }
    }
}
