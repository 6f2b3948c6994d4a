//! What the keeper finds by looking at all that is kept.

use super::interval_book::{Figure, Figures};
use super::month_book::MonthBook;
use super::{Keeper, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use licence_broker::domain::catalogue::Model;
use licence_broker::domain::event::Event;
use licence_broker::domain::ids::{LicenceId, SessionId, UserName};
use licence_broker::domain::interval::{IntervalRecord, PastChange, PastChangeKind};
use licence_broker::domain::overflow::HeldBy;
use licence_broker::domain::reason::UserStatus;
use std::collections::{BTreeMap, BTreeSet};

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("few of them")
}

impl Keeper {
    /// The intervals that a decision closes are those that have ended by then, to the figure.
    pub(super) fn check_intervals(
        &mut self,
        events: &[Event],
        at: DateTime<Utc>,
    ) -> Result<(), String> {
        let (catalogue, users) = (&self.catalogue, &self.users);
        let due = self.intervals.due(at, || {
            let reported = catalogue.iter().filter(|(_, licence)| licence.reported);
            let has =
                |licence: &LicenceId| users.values().any(|user| user.licences().contains(*licence));
            reported.map(|(licence, _)| licence).filter(has).collect()
        });
        let mut closed: Vec<(DateTime<Utc>, Vec<IntervalRecord>)> = Vec::new();
        for event in events {
            if let Event::IntervalClosed { start, records } = event {
                closed.push((*start, records.clone()));
            }
        }
        ensure(closed == due, || {
            format!("intervals\n    that came: {closed:?}\n    by looking: {due:?}")
        })
    }

    /// A month that is closed ended when clocks first showed the next.
    pub(super) fn check_ends_of_months(&self, events: &[Event]) -> Result<(), String> {
        for event in events {
            if let Event::MonthClosed { month, at, .. } = event {
                let is_its_end = MonthBook::ends_at(*month, *at, self.settings.time_zone);
                ensure(is_its_end, || format!("{month} is closed at {at}"))?;
            }
        }
        Ok(())
    }

    /// What of a type is in use now.
    pub(super) fn figure(&self, licence: LicenceId) -> Figure {
        let holders = number(self.ranks(licence).len());
        let totals = self.totals.get(&licence).copied().unwrap_or_default();
        let (concurrent, contingency) = match self.catalogue.get(licence).model {
            Model::Concurrent => {
                let beyond = holders.saturating_sub(totals.concurrent);
                (holders.min(totals.concurrent), beyond.min(totals.contingency))
            }
            Model::FixedSeat | Model::Assigned => (holders, 0),
        };
        Figure { concurrent, contingency, holders }
    }

    /// Of every reported type that anybody holds.
    pub(super) fn figures(&self) -> Figures {
        let held = self.sessions.values().flat_map(|session| &session.instances);
        let types: BTreeSet<LicenceId> = held.map(|held| held.instance.licence).collect();
        let reported = types.into_iter().filter(|licence| self.catalogue.get(*licence).reported);
        reported.map(|licence| (licence, self.figure(licence))).collect()
    }

    pub(super) fn contingency_in_use(&self) -> BTreeMap<LicenceId, u32> {
        let all = self.catalogue.iter().map(|(licence, _)| (licence, self.figure(licence)));
        let used = all.map(|(licence, figure)| (licence, figure.contingency));
        used.filter(|(_, used)| *used > 0).collect()
    }

    /// A maximum is what is owed, and its sessions are those of the holders beyond the concurrent total.
    pub(super) fn check_maximum(
        &mut self,
        licence: LicenceId,
        maximum: u32,
        sessions: &HeldBy,
    ) -> Result<(), String> {
        let owed = self.owed_maxima.iter().position(|owed| *owed == (licence, maximum));
        let owed = owed.ok_or_else(|| format!("owed are {:?}", self.owed_maxima))?;
        self.owed_maxima.remove(owed);
        let concurrent = self.totals.get(&licence).map_or(0, |totals| totals.concurrent);
        let skipped = usize::try_from(concurrent).expect("a small total");
        let taken = usize::try_from(maximum).expect("a small maximum");
        let ranks: BTreeSet<u64> =
            self.ranks(licence).into_iter().skip(skipped).take(taken).collect();
        let mut expected: Vec<(SessionId, UserName)> = Vec::new();
        for (id, session) in &self.sessions {
            let mut held = session.instances.iter();
            let is_theirs = |held: &licence_broker::domain::resume::StoredInstance| {
                held.instance.licence == licence && ranks.contains(&held.holder_order)
            };
            if held.any(is_theirs) {
                expected.push((*id, session.opened.user.clone()));
            }
        }
        let held = sessions.iter().map(|(session, user)| (session, user.clone()));
        let mut sessions: Vec<(SessionId, UserName)> = held.collect();
        sessions.sort_unstable();
        ensure(sessions == expected, || format!("it is held by {expected:?}"))
    }

    /// Who is active with a type that needs a base licence has one, and nobody else; no more are bound
    /// than were bought.
    pub(super) fn check_base(&self, at: DateTime<Utc>) -> Result<(), String> {
        let based = self.catalogue.iter().filter(|(_, licence)| licence.base);
        for (licence, _) in based {
            let is_theirs = |user: &&licence_broker::domain::user::UserRecord| {
                user.user_type == licence && user.status == UserStatus::Active
            };
            let active: Vec<UserName> =
                self.users.values().filter(is_theirs).map(|user| user.user.clone()).collect();
            let have = self.base.users(licence);
            ensure(active == have, || format!("{active:?} are active, {have:?} have a unit"))?;
            let (used, reusable) = self.base.counts(licence, at);
            let total = self.totals.get(&licence).map_or(0, |totals| totals.base);
            ensure(number(used - reusable) <= total, || {
                format!("{used} used, {reusable} reusable of {total}")
            })?;
        }
        Ok(())
    }

    /// Used and reusable base licences of a type at `at`.
    pub(crate) fn base_counts(&self, licence: LicenceId, at: DateTime<Utc>) -> (u32, u32) {
        let (used, reusable) = self.base.counts(licence, at.max(self.last_at));
        (number(used), number(reusable))
    }

    pub(super) fn note_past(
        &mut self,
        at: DateTime<Utc>,
        licence: LicenceId,
        change: PastChangeKind,
    ) {
        self.past.push(PastChange { at, licence, change });
    }

    /// What the logs have since the start of the interval of the last record.
    pub(super) fn past_of_interval(&self) -> Vec<PastChange> {
        let five_minutes = TimeDelta::minutes(5).num_milliseconds();
        let begun = self.last_at.timestamp_millis().div_euclid(five_minutes) * five_minutes;
        let recent = self.past.iter().filter(|change| change.at.timestamp_millis() >= begun);
        recent.cloned().collect()
    }
}
