//! What a batch comes to: the logs in full, of everything else only how it stands at the end.
//!
//! A session that was opened, granted and closed within one batch leaves its records and nothing else.

use super::Batch;
use crate::domain::activity::LapseChange;
use crate::domain::audit::AuditRecord;
use crate::domain::base::BaseUnit;
use crate::domain::billing::BillLine;
use crate::domain::catalogue::Catalogue;
use crate::domain::event::{DenialRecord, DeniedName, Event, SessionOpened, UsageRecord};
use crate::domain::ids::{LicenceId, SessionId};
use crate::domain::interval::IntervalRecord;
use crate::domain::organisation::Settings;
use crate::domain::overflow::HeldBy;
use crate::domain::pool::Totals;
use crate::domain::reason::{BaseChange, GrantPool};
use crate::domain::user::UserRecord;
use crate::domain::wallboards::Wallboard;
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;

/// An instance, or a place, by session and type.
pub(super) type Held = (SessionId, LicenceId);

/// What is kept of an instance while its session has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct InstanceRow {
    pub(super) pool: GrantPool,
    pub(super) since: DateTime<Utc>,
    pub(super) holder_order: u64,
    pub(super) holder_since: DateTime<Utc>,
}

/// A type, and how a session has it from now on; `None` if it does not any more.
pub(super) type HeldChange = (LicenceId, Option<InstanceRow>);

/// The most contingency of a month and type: how much, when it was reached first, and by which sessions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Maximum<'a> {
    pub(super) maximum: u32,
    pub(super) at: DateTime<Utc>,
    pub(super) sessions: &'a HeldBy,
}

/// A month that was closed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Month<'a> {
    pub(super) month: NaiveDate,
    pub(super) lines: &'a [BillLine],
    pub(super) at: DateTime<Utc>,
}

/// A change of who was active in a month and is not any more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lapse<'a> {
    pub(super) month: NaiveDate,
    pub(super) user: &'a str,
    pub(super) change: LapseChange,
    pub(super) at: DateTime<Utc>,
}

/// What became of one user name.
#[derive(Debug, Default)]
pub(super) struct UserEffect<'a> {
    /// The user who stood under the name before is gone.
    pub(super) deleted_at: Option<DateTime<Utc>>,
    /// Who stands under it now, if that changed.
    pub(super) saved: Option<&'a UserRecord>,
}

/// The net effect of batches of one organisation that follow each other.
///
/// In the maps `None` takes out what may have been kept before; ordered by session, so that neighbours
/// in the tables are written together.
#[derive(Debug, Default)]
pub(super) struct NetEffect<'a> {
    /// In the order of the decisions.
    pub(super) usage: Vec<&'a UsageRecord>,
    /// In the order of the decisions.
    pub(super) denials: Vec<&'a DenialRecord>,
    pub(super) sessions: BTreeMap<SessionId, Option<&'a SessionOpened>>,
    pub(super) instances: BTreeMap<Held, Option<InstanceRow>>,
    pub(super) places: BTreeMap<Held, Option<u64>>,
    /// The greatest of each month and type.
    pub(super) maxima: BTreeMap<(NaiveDate, LicenceId), Maximum<'a>>,
    /// In the order in which they ended.
    pub(super) months: Vec<Month<'a>>,
    /// In the order in which they ended, each with its start.
    pub(super) intervals: Vec<(DateTime<Utc>, &'a IntervalRecord)>,
    /// As they stand at the end, by number.
    pub(super) base_units: BTreeMap<u64, &'a BaseUnit>,
    /// In the order of the decisions.
    pub(super) base_log: Vec<(&'a BaseUnit, BaseChange, DateTime<Utc>)>,
    /// In the order of the decisions.
    pub(super) lapses: Vec<Lapse<'a>>,
    /// In the order of the decisions.
    pub(super) totals_log: Vec<(LicenceId, Totals, DateTime<Utc>)>,
    pub(super) prices: BTreeMap<LicenceId, Option<Decimal>>,
    pub(super) wallboards: BTreeMap<&'a str, Option<&'a Wallboard>>,
    /// With its version.
    pub(super) wallboard_maximum: Option<(u32, u64)>,
    /// In the order of the decisions.
    pub(super) audit: Vec<&'a AuditRecord>,
    /// In the order in which the names first occurred.
    pub(super) users: Vec<(&'a str, UserEffect<'a>)>,
    /// Positions in `users`.
    user_positions: HashMap<&'a str, usize>,
    pub(super) totals: BTreeMap<LicenceId, Totals>,
    pub(super) totals_version: Option<u64>,
    pub(super) settings: Option<&'a Settings>,
    pub(super) removed_at: Option<DateTime<Utc>>,
}

impl<'a> NetEffect<'a> {
    /// Adds the events of the batch that follows.
    pub(super) fn fold(&mut self, batch: &'a Batch) {
        for event in batch.events.iter() {
            self.add(event);
            self.add_figures(event);
        }
    }

    /// What is counted, and what an organisation has beside its sessions; the other half of [`Self::add`].
    fn add_figures(&mut self, event: &'a Event) {
        match event {
            Event::MaximumRaised { month, licence, maximum, at, sessions } => {
                let raised = Maximum { maximum: *maximum, at: *at, sessions };
                self.raise((*month, *licence), raised);
            }
            Event::MonthClosed { month, lines, at } => {
                self.months.push(Month { month: *month, lines, at: *at });
            }
            Event::IntervalClosed { start, records } => {
                self.intervals.extend(records.iter().map(|record| (*start, record)));
            }
            Event::BaseUnitSaved { unit, change, at } => {
                self.base_units.insert(unit.unit, unit);
                self.base_log.extend(change.map(|change| (unit, change, *at)));
            }
            Event::Lapsed { month, user, change, at } => {
                self.lapses.push(Lapse { month: *month, user, change: *change, at: *at });
            }
            Event::TotalsSet { licence, totals, version, at } => {
                self.totals.insert(*licence, *totals);
                self.totals_log.push((*licence, *totals, *at));
                self.totals_version = Some(*version);
            }
            Event::PriceSet { licence, price, version } => {
                self.prices.insert(*licence, *price);
                self.totals_version = Some(*version);
            }
            Event::WallboardSaved(wallboard) => {
                self.wallboards.insert(&wallboard.id, Some(wallboard));
            }
            Event::WallboardRemoved { id } => {
                self.wallboards.insert(id, None);
            }
            Event::WallboardMaximumSet { maximum, version } => {
                self.wallboard_maximum = Some((*maximum, *version));
            }
            Event::Audited(record) => self.audit.push(record),
            Event::SessionOpened(_)
            | Event::SessionClosed { .. }
            | Event::Acquired { .. }
            | Event::Released(_)
            | Event::Denied(_)
            | Event::Queued { .. }
            | Event::Unqueued { .. }
            | Event::UserSaved(_)
            | Event::UserDeleted { .. }
            | Event::SettingsSaved(_)
            | Event::OrganisationRemoved { .. } => {}
        }
    }

    fn add(&mut self, event: &'a Event) {
        match event {
            Event::SessionOpened(opened) => {
                self.sessions.insert(opened.session, Some(opened));
            }
            Event::SessionClosed { session } => self.close(*session),
            Event::Acquired { record, holder_order, holder_since } => {
                self.acquire(record, *holder_order, *holder_since);
            }
            Event::Released(record) => {
                self.usage.push(record);
                self.instances.insert((record.session, record.licence), None);
            }
            Event::Denied(record) => self.denials.push(record),
            Event::Queued { session, licence, place } => {
                self.places.insert((*session, *licence), Some(*place));
            }
            Event::Unqueued { session, licence } => {
                self.places.insert((*session, *licence), None);
            }
            Event::MaximumRaised { .. }
            | Event::MonthClosed { .. }
            | Event::IntervalClosed { .. }
            | Event::BaseUnitSaved { .. }
            | Event::Lapsed { .. }
            | Event::TotalsSet { .. }
            | Event::PriceSet { .. }
            | Event::WallboardSaved(_)
            | Event::WallboardRemoved { .. }
            | Event::WallboardMaximumSet { .. }
            | Event::Audited(_) => {}
            Event::UserSaved(record) => self.user(&record.user).saved = Some(record),
            Event::UserDeleted { user, at } => self.delete(user, *at),
            Event::SettingsSaved(settings) => self.settings = Some(settings),
            Event::OrganisationRemoved { at } => self.removed_at = Some(*at),
        }
    }

    fn acquire(&mut self, record: &'a UsageRecord, order: u64, holder_since: DateTime<Utc>) {
        self.usage.push(record);
        let UsageRecord { pool, at: since, .. } = *record;
        let row = InstanceRow { pool, since, holder_order: order, holder_since };
        self.instances.insert((record.session, record.licence), Some(row));
    }

    fn delete(&mut self, user: &'a str, at: DateTime<Utc>) {
        let effect = self.user(user);
        effect.saved = None;
        effect.deleted_at.get_or_insert(at);
    }

    /// Sessions that opened, each with what it holds.
    pub(super) fn sessions_opened(
        &self,
    ) -> impl Iterator<Item = (&'a SessionOpened, impl Iterator<Item = HeldChange> + Clone)> {
        let opened = self.sessions.values().copied().flatten();
        opened.map(|opened| (opened, self.held_by(opened.session)))
    }

    /// Sessions that had opened before and go on, each with what it got and gave back.
    pub(super) fn sessions_changed(
        &self,
    ) -> impl Iterator<Item = (SessionId, impl Iterator<Item = HeldChange> + Clone)> {
        let mut last = None;
        let sessions = self.instances.keys().map(|(session, _)| *session);
        let sessions = sessions.filter(move |session| last.replace(*session) != Some(*session));
        let before = sessions.filter(|session| !self.sessions.contains_key(session));
        before.map(|session| (session, self.held_by(session)))
    }

    fn held_by(&self, session: SessionId) -> impl Iterator<Item = HeldChange> + Clone {
        self.instances.range(all_of(session)).map(|((_, licence), row)| (*licence, *row))
    }

    /// With the session goes whatever stands under it: the schema sees to what was kept before.
    fn close(&mut self, session: SessionId) {
        self.sessions.insert(session, None);
        for licence in held_by(&self.instances, session) {
            self.instances.remove(&(session, licence));
        }
        for licence in held_by(&self.places, session) {
            self.places.remove(&(session, licence));
        }
    }

    fn raise(&mut self, key: (NaiveDate, LicenceId), raised: Maximum<'a>) {
        let kept = self.maxima.entry(key).or_insert(raised);
        if raised.maximum > kept.maximum {
            *kept = raised;
        }
    }

    fn user(&mut self, user: &'a str) -> &mut UserEffect<'a> {
        let position = *self.user_positions.entry(user).or_insert_with(|| {
            self.users.push((user, UserEffect::default()));
            self.users.len() - 1
        });
        &mut self.users[position].1
    }
}

fn held_by<T>(map: &BTreeMap<Held, T>, session: SessionId) -> Vec<LicenceId> {
    map.range(all_of(session)).map(|((_, licence), _)| *licence).collect()
}

/// Whatever one session can hold.
fn all_of(session: SessionId) -> RangeInclusive<Held> {
    let first = (session, LicenceId::from_index(0));
    let last = (session, LicenceId::from_index(LicenceId::COUNT_MAX - 1));
    first..=last
}

/// How reports name the device of a grant, or the end that a release came from.
pub(super) fn logon_source(record: &UsageRecord) -> &'static str {
    let source = match record.reason {
        Some(reason) => reason.logon_source(record.device),
        None => record.device.logon_source(),
    };
    source.as_str()
}

/// What there is at the end.
pub(super) fn with_value<K: Copy, V: Copy>(
    map: &BTreeMap<K, Option<V>>,
) -> impl Iterator<Item = (K, V)> {
    map.iter().filter_map(|(key, value)| Some((*key, (*value)?)))
}

/// What there is not any more.
pub(super) fn without_value<K: Copy, V>(map: &BTreeMap<K, Option<V>>) -> impl Iterator<Item = K> {
    map.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| *key)
}

/// What was denied, by its key or as it was named.
pub(super) fn denied_name<'n>(name: &'n DeniedName, catalogue: &'n Catalogue) -> &'n str {
    match name {
        DeniedName::Licence(licence) => catalogue.key(*licence),
        DeniedName::Unknown(name) => name,
    }
}
