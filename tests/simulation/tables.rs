//! One organisation as the store double keeps it, and how it is read back.

use crate::kept::{Kept, row_of};
use chrono::{DateTime, Months, NaiveDate, Utc};
use licence_broker::domain::activity::{LapseChange, Lapsed, StoredLapse};
use licence_broker::domain::base::BaseUnit;
use licence_broker::domain::catalogue::Catalogue;
use licence_broker::domain::event::{DeniedName, Event, UsageRecord};
use licence_broker::domain::ids::{LicenceId, LicenceSet, SessionId, UserName};
use licence_broker::domain::interval::{INTERVAL, PastChange, PastChangeKind, interval_of};
use licence_broker::domain::moment::{day_of, month_of, start_of_day};
use licence_broker::domain::organisation::Settings;
use licence_broker::domain::pool::Totals;
use licence_broker::domain::reason::UsageType;
use licence_broker::domain::resume::{Snapshot, StoredInstance, StoredSession};
use licence_broker::domain::session::{Instance, Place};
use licence_broker::domain::user::UserRecord;
use licence_broker::store::{Batch, Loaded};
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::time::Duration;

/// A type (or `None`: at all) with which somebody was active earlier in a month.
struct Lapse {
    month: NaiveDate,
    user: UserName,
    licence: Option<LicenceId>,
    is_gone: bool,
}

pub(crate) struct Tables {
    pub(crate) settings: Settings,
    /// What the auditor reads.
    pub(crate) log: Vec<Kept>,
    pub(crate) batch: u64,
    pub(crate) last_at: DateTime<Utc>,
    pub(crate) sessions: BTreeMap<SessionId, StoredSession>,
    sequence: u64,
    totals: BTreeMap<LicenceId, Totals>,
    totals_version: u64,
    totals_log: Vec<(LicenceId, DateTime<Utc>, Totals)>,
    prices: BTreeMap<LicenceId, Decimal>,
    users: BTreeMap<UserName, UserRecord>,
    base_units: BTreeMap<u64, BaseUnit>,
    lapses: Vec<Lapse>,
    usage: Vec<UsageRecord>,
    denied: Vec<(LicenceId, DateTime<Utc>)>,
    maxima: BTreeMap<(NaiveDate, LicenceId), u32>,
    month: NaiveDate,
    month_began_at: DateTime<Utc>,
    intervals_until: DateTime<Utc>,
}

impl Tables {
    pub(crate) fn new(settings: Settings) -> Self {
        let at = settings.created_at;
        Self {
            month: month_of(at, settings.time_zone),
            log: Vec::new(),
            batch: 0,
            last_at: at,
            sessions: BTreeMap::new(),
            sequence: 0,
            totals: BTreeMap::new(),
            totals_version: 0,
            totals_log: Vec::new(),
            prices: BTreeMap::new(),
            users: BTreeMap::new(),
            base_units: BTreeMap::new(),
            lapses: Vec::new(),
            usage: Vec::new(),
            denied: Vec::new(),
            maxima: BTreeMap::new(),
            month_began_at: at,
            intervals_until: DateTime::UNIX_EPOCH,
            settings,
        }
    }

    /// Applies a batch that follows; one that was applied before changes nothing.
    pub(crate) fn apply(
        &mut self,
        batch: &Batch,
        catalogue: &Catalogue,
        elapsed: Duration,
        life: u32,
    ) {
        if batch.number <= self.batch {
            return;
        }
        for event in batch.events.iter() {
            self.log.push(Kept { row: row_of(event, catalogue), elapsed, life });
            self.sitting(event);
            self.estate(event);
        }
        self.batch = batch.number;
        self.last_at = self.last_at.max(batch.at);
        self.sequence = self.sequence.max(batch.sequence);
    }

    fn session(&mut self, session: SessionId) -> &mut StoredSession {
        self.sessions.get_mut(&session).expect("events name sessions that are open")
    }

    fn sitting(&mut self, event: &Event) {
        match event {
            Event::SessionOpened(opened) => {
                let (instances, places) = (Vec::new(), Vec::new());
                let stored = StoredSession { opened: opened.clone(), instances, places };
                self.sessions.insert(opened.session, stored);
            }
            Event::SessionClosed { session } => {
                self.sessions.remove(session);
            }
            Event::Acquired { record, holder_order, holder_since } => {
                let UsageRecord { licence, pool, at: since, .. } = *record;
                let instance = Instance { licence, pool, since };
                let (holder_order, holder_since) = (*holder_order, *holder_since);
                let held = StoredInstance { instance, holder_order, holder_since };
                self.session(record.session).instances.push(held);
                self.usage.push(record.clone());
            }
            Event::Released(record) => {
                let stored = self.session(record.session);
                stored.instances.retain(|held| held.instance.licence != record.licence);
                self.usage.push(record.clone());
            }
            Event::Queued { session, licence, place } => {
                let place = Place { licence: *licence, place: *place };
                self.session(*session).places.push(place);
            }
            Event::Unqueued { session, licence } => {
                self.session(*session).places.retain(|place| place.licence != *licence);
            }
            Event::Denied(record) => {
                if let DeniedName::Licence(licence) = record.denied.licence {
                    self.denied.push((licence, record.at));
                }
            }
            _ => {}
        }
    }

    fn estate(&mut self, event: &Event) {
        match event {
            Event::MaximumRaised { month, licence, maximum, .. } => {
                let kept = self.maxima.entry((*month, *licence)).or_default();
                *kept = (*kept).max(*maximum);
            }
            Event::MonthClosed { month, at, .. } => {
                (self.month, self.month_began_at) = (*month + Months::new(1), *at);
            }
            Event::IntervalClosed { start, .. } => self.intervals_until = *start + INTERVAL,
            Event::BaseUnitSaved { unit, .. } => {
                self.base_units.insert(unit.unit, unit.clone());
            }
            Event::Lapsed { month, user, change, .. } => self.lapse(*month, user, *change),
            Event::UserSaved(record) => {
                self.users.insert(record.user.clone(), record.clone());
            }
            Event::UserDeleted { user, .. } => {
                self.users.remove(user);
            }
            Event::TotalsSet { licence, totals, version, at } => {
                self.totals.insert(*licence, *totals);
                self.totals_log.push((*licence, *at, *totals));
                self.totals_version = *version;
            }
            Event::PriceSet { licence, price, version } => {
                self.prices.remove(licence);
                self.prices.extend(price.map(|price| (*licence, price)));
                self.totals_version = *version;
            }
            Event::SettingsSaved(settings) => self.settings = settings.clone(),
            Event::WallboardSaved(_)
            | Event::WallboardRemoved { .. }
            | Event::WallboardMaximumSet { .. }
            | Event::OrganisationRemoved { .. } => panic!("nobody does this here: {event:?}"),
            _ => {}
        }
    }

    fn lapse(&mut self, month: NaiveDate, user: &UserName, change: LapseChange) {
        let rows =
            |lapsed: Lapsed| lapsed.licences.iter().map(Some).chain(lapsed.at_all.then_some(None));
        let of = |lapse: &Lapse| lapse.month == month && lapse.user == *user && !lapse.is_gone;
        match change {
            LapseChange::Began(lapsed) => {
                let new = rows(lapsed).map(|licence| Lapse {
                    month,
                    user: user.clone(),
                    licence,
                    is_gone: false,
                });
                self.lapses.extend(new);
            }
            LapseChange::Ended(lapsed) => {
                let ended: Vec<_> = rows(lapsed).collect();
                self.lapses.retain(|lapse| !(of(lapse) && ended.contains(&lapse.licence)));
            }
            LapseChange::Detached => {
                self.lapses.iter_mut().filter(|lapse| of(lapse)).for_each(|l| l.is_gone = true);
            }
        }
    }

    /// The whole organisation, as an actor that starts asks for it.
    pub(crate) fn load(&self) -> Loaded {
        let month = self.month;
        let lapses = self.lapses.iter().filter(|lapse| lapse.month == month);
        let maxima = self.maxima.iter().filter(|((of, _), _)| *of == month);
        let snapshot = Snapshot {
            totals: self.totals.iter().map(|(licence, totals)| (*licence, *totals)).collect(),
            totals_version: self.totals_version,
            users: self.users.values().cloned().collect(),
            sessions: self.sessions.values().cloned().collect(),
            base_units: self.base_units.values().cloned().collect(),
            prices: self.prices.iter().map(|(licence, price)| (*licence, *price)).collect(),
            highest: self.highest(),
            lapses: lapses
                .map(|lapse| StoredLapse {
                    user: (!lapse.is_gone).then(|| lapse.user.clone()),
                    lapsed: Lapsed {
                        licences: lapse.licence.into_iter().collect::<LicenceSet>(),
                        at_all: lapse.licence.is_none(),
                    },
                })
                .collect(),
            wallboards: Vec::new(),
            wallboard_maximum: 0,
            wallboard_version: 0,
            month,
            intervals_until: self.intervals_until,
            since_interval: self.since_interval(),
            maxima: maxima.map(|((_, licence), maximum)| (*licence, *maximum)).collect(),
            denied_today: self.denied_today(),
            last_at: self.last_at,
            sequence: self.sequence,
            settings: self.settings.clone(),
        };
        Loaded { snapshot, batch: self.batch }
    }

    fn highest(&self) -> Vec<(LicenceId, Totals)> {
        let mut highest: BTreeMap<LicenceId, Totals> = BTreeMap::new();
        for (licence, at, totals) in &self.totals_log {
            let before = highest.get(licence).copied().unwrap_or_default();
            let is_before = *at < self.month_began_at;
            highest.insert(*licence, if is_before { *totals } else { before.highest(*totals) });
        }
        highest.into_iter().collect()
    }

    fn since_interval(&self) -> Vec<PastChange> {
        let start = interval_of(self.last_at);
        if self.intervals_until > start {
            return Vec::new();
        }
        let used = self.usage.iter().filter(|record| record.at >= start).map(|record| {
            let change = match record.usage_type {
                UsageType::Acquired => PastChangeKind::Acquired(record.user.clone()),
                UsageType::Released => PastChangeKind::Released(record.user.clone()),
            };
            PastChange { at: record.at, licence: record.licence, change }
        });
        let mut past: Vec<PastChange> = used.collect();
        let mut current: BTreeMap<LicenceId, Totals> = BTreeMap::new();
        for (licence, at, totals) in &self.totals_log {
            let before = current.insert(*licence, *totals).unwrap_or_default();
            if *at >= start {
                let change = PastChangeKind::Totals(before);
                past.push(PastChange { at: *at, licence: *licence, change });
            }
        }
        past.sort_by_key(|change| change.at);
        past
    }

    fn denied_today(&self) -> Vec<(LicenceId, u32)> {
        let zone = self.settings.time_zone;
        let midnight = start_of_day(day_of(self.last_at, zone), zone);
        let mut counts: BTreeMap<LicenceId, u32> = BTreeMap::new();
        for (licence, _) in self.denied.iter().filter(|(_, at)| *at >= midnight) {
            *counts.entry(*licence).or_default() += 1;
        }
        counts.into_iter().collect()
    }
}
