//! Five-minute figures once more, by looking at what was held after every decision.

use chrono::{DateTime, TimeDelta, Utc};
use licence_broker::domain::ids::LicenceId;
use licence_broker::domain::interval::{Extent, IntervalRecord};
use std::collections::BTreeMap;

const FIVE_MINUTES: TimeDelta = TimeDelta::minutes(5);
/// Of a clock that jumps so far nobody knows what was in use meanwhile.
const DAY: TimeDelta = TimeDelta::hours(24);

/// What of a type is in use at one instant.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Figure {
    pub(super) concurrent: u32,
    pub(super) contingency: u32,
    pub(super) holders: u32,
}

/// By type; of one that is not there nothing is in use.
pub(super) type Figures = BTreeMap<LicenceId, Figure>;

/// The intervals that were closed, and what has been in use since.
pub(super) struct IntervalBook {
    /// What was in use after each decision, oldest first; never empty.
    samples: Vec<(DateTime<Utc>, Figures)>,
    /// Intervals up to here are done with.
    covered_until: DateTime<Utc>,
    /// When the broker ran before, and since when it runs.
    earlier_runs: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    runs_since: DateTime<Utc>,
    /// The end of the last one that has records.
    recorded_until: DateTime<Utc>,
}

/// An interval and its records.
pub(super) type Closed = (DateTime<Utc>, Vec<IntervalRecord>);

fn floor(at: DateTime<Utc>) -> DateTime<Utc> {
    let past = at.timestamp_millis().rem_euclid(FIVE_MINUTES.num_milliseconds());
    at - TimeDelta::milliseconds(past)
}

/// Whatever is decided at an instant itself comes later.
fn just_before(at: DateTime<Utc>) -> DateTime<Utc> {
    at - TimeDelta::milliseconds(1)
}

impl IntervalBook {
    pub(super) fn new(created: DateTime<Utc>) -> Self {
        Self {
            samples: vec![(just_before(floor(created)), Figures::new())],
            covered_until: floor(created),
            earlier_runs: Vec::new(),
            runs_since: created,
            recorded_until: DateTime::UNIX_EPOCH,
        }
    }

    /// Since when the present run of the broker lasts.
    pub(super) fn runs_since(&self) -> DateTime<Utc> {
        self.runs_since
    }

    /// The broker's clock shows `at`: where it was set back to before the start, it runs then as well.
    pub(super) fn runs_at(&mut self, at: DateTime<Utc>) {
        self.runs_since = self.runs_since.min(at);
    }

    pub(super) fn recorded_until(&self) -> DateTime<Utc> {
        self.recorded_until
    }

    /// The broker was last alive at `life`, and runs again since `since`.
    pub(super) fn restart(
        &mut self,
        last_at: DateTime<Utc>,
        life: DateTime<Utc>,
        since: DateTime<Utc>,
    ) {
        self.rebuild(last_at);
        self.earlier_runs.push((self.runs_since, life));
        self.runs_since = since;
    }

    /// The state is found again from the records, the last of `last_at`: of what was decided at one
    /// instant they tell only what it came to, and of the time since then nothing.
    pub(super) fn rebuild(&mut self, last_at: DateTime<Utc>) {
        self.covered_until = floor(last_at.max(self.runs_since));
        let samples = std::mem::take(&mut self.samples);
        for (at, figures) in samples {
            match self.samples.last_mut() {
                Some(last) if last.0 == at => last.1 = figures,
                Some(_) | None => self.samples.push((at, figures)),
            }
        }
    }

    /// The intervals that have ended by `at` and not before: each in which the broker ran at its end.
    /// `assigned` finds the reported types that somebody has.
    pub(super) fn due(
        &mut self,
        at: DateTime<Utc>,
        assigned: impl FnOnce() -> Vec<LicenceId>,
    ) -> Vec<Closed> {
        let mut closed = Vec::new();
        if at - self.covered_until >= DAY || at < self.covered_until {
            self.covered_until = floor(at);
            // Of an interval that is entered anew all is known that was recorded in it.
            let before = self.samples.partition_point(|(at, _)| *at < self.covered_until);
            self.samples.drain(..before.saturating_sub(1));
            self.samples[0].0 = self.samples[0].0.min(just_before(self.covered_until));
            return closed;
        }
        if at < self.covered_until + FIVE_MINUTES {
            return closed;
        }
        let assigned = assigned();
        while self.covered_until + FIVE_MINUTES <= at {
            let start = self.covered_until;
            let end = start + FIVE_MINUTES;
            let mut runs = self.earlier_runs.iter();
            let ran = runs.any(|(since, life)| *since < end && end <= *life);
            let records = self.records(start, &assigned);
            if (ran || self.runs_since < end) && !records.is_empty() {
                closed.push((start, records));
                self.recorded_until = end;
            }
            self.covered_until = end;
            let before = self.samples.partition_point(|(at, _)| *at < end);
            self.samples.drain(..before.saturating_sub(1));
        }
        closed
    }

    pub(super) fn sample(&mut self, at: DateTime<Utc>, figures: Figures) {
        self.samples.push((at, figures));
    }

    fn records(&self, start: DateTime<Utc>, assigned: &[LicenceId]) -> Vec<IntervalRecord> {
        let before = self.samples.iter().rposition(|(at, _)| *at < start).unwrap_or(0);
        let within = &self.samples[before..];
        let mut types: Vec<LicenceId> = assigned.to_vec();
        types.extend(within.iter().flat_map(|(_, figures)| figures.keys()));
        types.sort_unstable();
        types.dedup();
        types.into_iter().filter_map(|licence| record(licence, within, assigned)).collect()
    }
}

fn record(
    licence: LicenceId,
    within: &[(DateTime<Utc>, Figures)],
    assigned: &[LicenceId],
) -> Option<IntervalRecord> {
    let figures: Vec<Figure> = within
        .iter()
        .map(|(_, figures)| figures.get(&licence).copied().unwrap_or_default())
        .collect();
    let extent = |of: fn(&Figure) -> u32| Extent {
        peak: figures.iter().map(of).max().unwrap_or(0),
        low: figures.iter().map(of).min().unwrap_or(0),
    };
    let last = figures.last()?;
    let holders_peak = extent(|figure| figure.holders).peak;
    (assigned.contains(&licence) || holders_peak > 0).then(|| IntervalRecord {
        licence,
        concurrent: last.concurrent,
        contingency: last.contingency,
        concurrent_extent: extent(|figure| figure.concurrent),
        contingency_extent: extent(|figure| figure.contingency),
        holders_peak,
    })
}
