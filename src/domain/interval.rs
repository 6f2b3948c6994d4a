//! Organisation Licence Usage: what was in use, every five minutes on the wall clock (SPEC §7).
//!
//! Peak and low are kept as things change, not sampled. An interval has records only if the broker ran at
//! its end; whatever is decided comes after the intervals that had ended by then, so no record depends on
//! how late anybody looked at the clock.

use super::catalogue::Model;
use super::event::{Effects, Event};
use super::ids::{LicenceId, LicenceSet, UserName};
use super::organisation::Organisation;
use super::pool::{Pool, Totals};
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use std::collections::HashMap;

/// How long an interval is.
pub const INTERVAL: TimeDelta = TimeDelta::minutes(5);

/// The most intervals that are closed at once: a day of them. A clock that jumps further was set, or the
/// machine slept: what was in use meanwhile nobody knows.
const CLOSED_AT_ONCE_MAX: i32 = 288;

/// The figures of one licence type in one interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntervalRecord {
    /// Of which type.
    pub licence: LicenceId,
    /// Concurrent licences in use at the end; of a fixed-seat type its users who were logged in.
    pub concurrent: u32,
    /// Contingency licences in use at the end.
    pub contingency: u32,
    /// The most and the fewest concurrent ones within.
    pub concurrent_extent: Extent,
    /// The most and the fewest contingency ones within.
    pub contingency_extent: Extent,
    /// The most holders within, those above everything that was bought included.
    pub holders_peak: u32,
}

/// The most and the fewest of something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// The most.
    pub peak: u32,
    /// The fewest.
    pub low: u32,
}

impl Extent {
    fn at(value: u32) -> Self {
        Self { peak: value, low: value }
    }

    fn include(&mut self, value: u32) {
        self.peak = self.peak.max(value);
        self.low = self.low.min(value);
    }
}

/// What of a type is in use at one instant.
#[derive(Clone, Copy, Debug)]
struct Figures {
    concurrent: u32,
    contingency: u32,
    holders: u32,
}

impl Figures {
    fn of(model: Model, totals: Totals, holders: u32) -> Self {
        match model {
            Model::Concurrent => {
                let split = totals.split(holders);
                Self { concurrent: split.concurrent, contingency: split.contingency, holders }
            }
            Model::FixedSeat | Model::Assigned => {
                Self { concurrent: holders, contingency: 0, holders }
            }
        }
    }
}

/// What has been seen of a type since the interval began.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    concurrent: Extent,
    contingency: Extent,
    holders_peak: u32,
}

impl Window {
    fn begin(figures: Figures) -> Self {
        Self {
            concurrent: Extent::at(figures.concurrent),
            contingency: Extent::at(figures.contingency),
            holders_peak: figures.holders,
        }
    }

    fn include(&mut self, figures: Figures) {
        self.concurrent.include(figures.concurrent);
        self.contingency.include(figures.contingency);
        self.holders_peak = self.holders_peak.max(figures.holders);
    }
}

/// Something that changed the figures of a type before the broker stopped, for finding out what the open
/// interval had seen by then.
#[derive(Clone, Debug)]
pub struct PastChange {
    /// When.
    pub at: DateTime<Utc>,
    /// Of which type.
    pub licence: LicenceId,
    /// What.
    pub change: PastChangeKind,
}

/// See [`PastChange`].
#[derive(Clone, Debug)]
pub enum PastChangeKind {
    /// An instance was acquired.
    Acquired(UserName),
    /// An instance was released.
    Released(UserName),
    /// What was bought changed; what it was before.
    Totals(Totals),
}

/// The start of the interval in which `at` falls.
pub fn interval_of(at: DateTime<Utc>) -> DateTime<Utc> {
    // Five minutes divide every instant that a calendar can name.
    at.duration_trunc(INTERVAL).unwrap_or(at)
}

impl Organisation {
    /// Closes the intervals that have ended by `at`. Nothing was decided since, so what is in use now was
    /// in use at the end of each.
    pub(super) fn close_intervals(&mut self, at: DateTime<Utc>, effects: &mut Effects) {
        if at < self.interval_start {
            // The clock was far ahead for a moment in which nothing was recorded. Whatever has records
            // ended before the last of them, and so before `at`.
            self.begin_interval(interval_of(at));
            return;
        }
        if at >= self.interval_start + INTERVAL * CLOSED_AT_ONCE_MAX {
            self.skip_intervals(interval_of(at));
            return;
        }
        while at >= self.interval_start + INTERVAL {
            let records = self.interval_records();
            let start = self.interval_start;
            if !records.is_empty() {
                effects.events.push(Event::IntervalClosed { start, records });
            }
            self.begin_interval(start + INTERVAL);
        }
    }

    /// Goes on with the interval that begins at `start`, unless it is under way already: for the time in
    /// between there are no records.
    pub(super) fn skip_intervals(&mut self, start: DateTime<Utc>) {
        if start > self.interval_start {
            self.begin_interval(start);
        }
    }

    pub(super) fn begin_interval(&mut self, start: DateTime<Utc>) {
        self.interval_start = start;
        for index in 0..self.pools.len() {
            let figures = self.figures(LicenceId::from_index(index));
            self.pools[index].window = Window::begin(figures);
        }
    }

    /// Notes what a decision came to. In between, while it was being decided, nothing was in use.
    pub(super) fn observe(&mut self) {
        for licence in std::mem::take(&mut self.touched).iter() {
            let figures = self.figures(licence);
            self.pools[licence.index()].window.include(figures);
        }
    }

    /// The interval that is under way: when it began, and its records if it ended now.
    pub fn open_interval(&self) -> (DateTime<Utc>, Vec<IntervalRecord>) {
        (self.interval_start, self.interval_records())
    }

    fn figures(&self, licence: LicenceId) -> Figures {
        let Pool { totals, holders, .. } = *self.pool(licence);
        Figures::of(self.model(licence), totals, holders)
    }

    /// Reported types that somebody has, or had within the interval.
    fn interval_records(&self) -> Vec<IntervalRecord> {
        let reported = self.catalogue.iter().filter(|(_, licence)| licence.reported);
        reported
            .map(|(licence, _)| (licence, self.pool(licence)))
            .filter(|(_, pool)| pool.assigned > 0 || pool.window.holders_peak > 0)
            .map(|(licence, pool)| {
                let figures = self.figures(licence);
                IntervalRecord {
                    licence,
                    concurrent: figures.concurrent,
                    contingency: figures.contingency,
                    concurrent_extent: pool.window.concurrent,
                    contingency_extent: pool.window.contingency,
                    holders_peak: pool.window.holders_peak,
                }
            })
            .collect()
    }

    /// Finds out what the open interval had seen before the broker stopped, by going back from how
    /// things stood then through what the logs say of it, newest first. The logs tell milliseconds and
    /// not decisions: of several within one, only how the last left things is seen.
    pub(super) fn recall_interval(&mut self, past: &[PastChange]) {
        let mut back = Back::default();
        let mut rest = past;
        while let Some(last) = rest.last() {
            let first = rest.partition_point(|change| change.at < last.at);
            let mut touched = LicenceSet::EMPTY;
            for change in rest[first..].iter().rev() {
                back.undo(self, change);
                touched.insert(change.licence);
            }
            for licence in touched.iter() {
                let (totals, holders) = back.standing(self, licence);
                let figures = Figures::of(self.model(licence), totals, holders);
                self.pools[licence.index()].window.include(figures);
            }
            rest = &rest[..first];
        }
    }
}

/// How things stood at an earlier instant, where that differs from now.
#[derive(Default)]
struct Back {
    totals: HashMap<LicenceId, Totals>,
    holders: HashMap<LicenceId, u32>,
    instances: HashMap<(LicenceId, UserName), u32>,
}

impl Back {
    fn standing(&self, organisation: &Organisation, licence: LicenceId) -> (Totals, u32) {
        let pool = organisation.pool(licence);
        let totals = self.totals.get(&licence).copied().unwrap_or(pool.totals);
        (totals, self.holders.get(&licence).copied().unwrap_or(pool.holders))
    }

    fn undo(&mut self, organisation: &Organisation, past: &PastChange) {
        let licence = past.licence;
        match &past.change {
            PastChangeKind::Totals(before) => {
                self.totals.insert(licence, *before);
            }
            PastChangeKind::Acquired(user) => self.step(organisation, licence, user, -1),
            PastChangeKind::Released(user) => self.step(organisation, licence, user, 1),
        }
    }

    /// One instance more or less; the first and the last make a holder more or less.
    fn step(&mut self, organisation: &Organisation, licence: LicenceId, user: &UserName, by: i32) {
        let holding = organisation.users.get(user).and_then(|user| user.holding(licence));
        let held = holding.map_or(0, |holding| u32::from(holding.instances));
        let instances = self.instances.entry((licence, user.clone())).or_insert(held);
        let before = *instances;
        *instances = instances.saturating_add_signed(by);
        let holders = self.holders.entry(licence).or_insert(organisation.pool(licence).holders);
        *holders = holders.saturating_add_signed(match (before, *instances) {
            (0, 1..) => 1,
            (1.., 0) => -1,
            (0, 0) | (1.., 1..) => 0,
        });
    }
}
