//! Billing months and who was active in them once more, from the events alone.

use super::ensure;
use chrono::{DateTime, Datelike, Months, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use licence_broker::domain::activity::{LapseChange, Lapsed, StoredLapse};
use licence_broker::domain::billing::BillLine;
use licence_broker::domain::ids::{LicenceId, LicenceSet, UserName};
use licence_broker::domain::pool::Totals;
use licence_broker::domain::reason::UserStatus;
use licence_broker::domain::user::UserRecord;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};

/// The month under way.
pub(super) struct MonthBook {
    month: NaiveDate,
    totals: BTreeMap<LicenceId, Totals>,
    highest: BTreeMap<LicenceId, Totals>,
    prices: BTreeMap<LicenceId, Decimal>,
    /// The most contingency that a new holder has brought into use, or that was when the month began.
    maxima: BTreeMap<LicenceId, u32>,
    /// The person behind each name; whoever is created by a name that was deleted is another.
    people: BTreeMap<UserName, (u64, UserRecord)>,
    person_last: u64,
    /// Who was active this month, by type; under `None` at all.
    active: BTreeMap<Option<LicenceId>, BTreeSet<u64>>,
    /// As a store keeps it: the user, what with, and whether that user was deleted since.
    lapses: Vec<(UserName, Option<LicenceId>, bool)>,
}

fn local_month(at: DateTime<Utc>, zone: Tz) -> NaiveDate {
    let local = at.with_timezone(&zone).date_naive();
    NaiveDate::from_ymd_opt(local.year(), local.month(), 1).expect("the first of a month")
}

fn higher(a: Totals, b: Totals) -> Totals {
    Totals {
        base: a.base.max(b.base),
        concurrent: a.concurrent.max(b.concurrent),
        contingency: a.contingency.max(b.contingency),
        fixed: a.fixed.max(b.fixed),
    }
}

/// `None` and every type with which the user is active; nothing if not active.
fn activity(record: &UserRecord) -> BTreeSet<Option<LicenceId>> {
    if record.status != UserStatus::Active {
        return BTreeSet::new();
    }
    let features = record.features.union(record.synced);
    let types = features.iter().map(Some);
    types.chain([None, Some(record.user_type)]).collect()
}

fn parts(lapsed: Lapsed) -> Vec<Option<LicenceId>> {
    lapsed.licences.iter().map(Some).chain(lapsed.at_all.then_some(None)).collect()
}

impl MonthBook {
    pub(super) fn new(created: DateTime<Utc>, zone: Tz) -> Self {
        Self {
            month: local_month(created, zone),
            totals: BTreeMap::new(),
            highest: BTreeMap::new(),
            prices: BTreeMap::new(),
            maxima: BTreeMap::new(),
            people: BTreeMap::new(),
            person_last: 0,
            active: BTreeMap::new(),
            lapses: Vec::new(),
        }
    }

    pub(super) fn month(&self) -> NaiveDate {
        self.month
    }

    pub(super) fn prices(&self) -> Vec<(LicenceId, Decimal)> {
        self.prices.iter().map(|(licence, price)| (*licence, *price)).collect()
    }

    pub(super) fn highest(&self) -> Vec<(LicenceId, Totals)> {
        self.highest.iter().map(|(licence, totals)| (*licence, *totals)).collect()
    }

    pub(super) fn maxima(&self) -> Vec<(LicenceId, u32)> {
        self.maxima.iter().map(|(licence, maximum)| (*licence, *maximum)).collect()
    }

    pub(super) fn set_totals(&mut self, licence: LicenceId, totals: Totals) {
        self.totals.insert(licence, totals);
        let highest = self.highest.entry(licence).or_default();
        *highest = higher(*highest, totals);
    }

    pub(super) fn set_price(&mut self, licence: LicenceId, price: Option<Decimal>) {
        match price {
            Some(price) => self.prices.insert(licence, price),
            None => self.prices.remove(&licence),
        };
    }

    /// A new holder has come; so much contingency is in use now. Whether that is more than before.
    pub(super) fn raise(&mut self, licence: LicenceId, contingency: u32) -> bool {
        let maximum = self.maxima.entry(licence).or_default();
        let is_more = contingency > *maximum;
        *maximum = contingency.max(*maximum);
        is_more
    }

    pub(super) fn maximum(&self, licence: LicenceId) -> u32 {
        self.maxima.get(&licence).copied().unwrap_or(0)
    }

    /// A month is over: it is the one that was under way, it ended when the next began, and its lines
    /// are what was seen. `in_use` is the contingency in use now.
    pub(super) fn close(
        &mut self,
        month: NaiveDate,
        lines: &[BillLine],
        at: DateTime<Utc>,
        zone: Tz,
        in_use: BTreeMap<LicenceId, u32>,
    ) -> Result<(), String> {
        ensure(month == self.month, || format!("{} is under way", self.month))?;
        ensure(local_month(at, zone) > month, || "closed before its end".to_owned())?;
        let expected = self.lines();
        ensure(lines == expected, || format!("the lines should be {expected:?}"))?;
        self.month = month + Months::new(1);
        self.highest = self.totals.clone();
        self.maxima = in_use;
        self.lapses.clear();
        self.active.clear();
        let records: Vec<UserRecord> = self.people.values().map(|(_, r)| r.clone()).collect();
        records.into_iter().for_each(|record| self.note_active(&record));
        Ok(())
    }

    /// The lines of the month under way.
    pub(super) fn lines(&self) -> Vec<BillLine> {
        let mut types: BTreeSet<LicenceId> = self.highest.keys().copied().collect();
        types.extend(self.maxima.keys());
        let line = |licence: LicenceId| BillLine {
            licence,
            bought: self.highest.get(&licence).copied().unwrap_or_default(),
            contingency_max: self.maximum(licence),
            unit_price: self.prices.get(&licence).copied(),
        };
        let lines = types.into_iter().map(line);
        lines.filter(|line| line.bought != Totals::default() || line.contingency_max > 0).collect()
    }

    /// The month under way is not over at `at`.
    pub(super) fn check(&self, at: DateTime<Utc>, zone: Tz) -> Result<(), String> {
        let local = local_month(at, zone);
        ensure(local <= self.month, || format!("{} is not closed", self.month))
    }

    /// Whether clocks in `zone` first show the month after `month` at `at`.
    pub(super) fn ends_at(month: NaiveDate, at: DateTime<Utc>, zone: Tz) -> bool {
        local_month(at, zone) > month && local_month(at - TimeDelta::milliseconds(1), zone) <= month
    }

    pub(super) fn save_user(&mut self, record: &UserRecord) {
        let person = match self.people.get(&record.user) {
            Some((person, _)) => *person,
            None => {
                self.person_last += 1;
                self.person_last
            }
        };
        self.people.insert(record.user.clone(), (person, record.clone()));
        self.note_active(record);
    }

    pub(super) fn delete_user(&mut self, user: &UserName) {
        self.people.remove(user);
    }

    fn note_active(&mut self, record: &UserRecord) {
        let (person, _) = self.people[&record.user];
        for part in activity(record) {
            self.active.entry(part).or_default().insert(person);
        }
    }

    /// How many were active this month with a type, or at all.
    pub(super) fn active(&self, licence: Option<LicenceId>) -> usize {
        self.active.get(&licence).map_or(0, BTreeSet::len)
    }

    pub(super) fn lapse(
        &mut self,
        month: NaiveDate,
        user: &UserName,
        change: LapseChange,
    ) -> Result<(), String> {
        ensure(month == self.month, || format!("{} is under way", self.month))?;
        match change {
            LapseChange::Began(lapsed) => {
                self.lapses
                    .extend(parts(lapsed).into_iter().map(|part| (user.clone(), part, false)));
            }
            LapseChange::Ended(lapsed) => {
                for part in parts(lapsed) {
                    let ended = (user.clone(), part, false);
                    let kept = self.lapses.iter().position(|kept| *kept == ended);
                    self.lapses.remove(kept.ok_or("what has not lapsed ends")?);
                }
            }
            LapseChange::Detached => {
                let theirs = self.lapses.iter_mut().filter(|(name, _, gone)| name == user && !gone);
                theirs.for_each(|(_, _, is_gone)| *is_gone = true);
            }
        }
        Ok(())
    }

    pub(super) fn stored_lapses(&self) -> Vec<StoredLapse> {
        let stored = |(user, part, is_gone): &(UserName, Option<LicenceId>, bool)| StoredLapse {
            user: (!is_gone).then(|| user.clone()),
            lapsed: Lapsed {
                licences: part.iter().copied().collect::<LicenceSet>(),
                at_all: part.is_none(),
            },
        };
        self.lapses.iter().map(stored).collect()
    }
}
