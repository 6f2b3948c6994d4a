//! What a batch comes to: the logs in full, of everything else only how it stands at the end.
//!
//! A session that was opened, granted and closed within one batch leaves its records and nothing else.

use super::Batch;
use crate::domain::event::{DenialRecord, Event, SessionOpened, UsageRecord};
use crate::domain::ids::{LicenceId, SessionId};
use crate::domain::organisation::Settings;
use crate::domain::pool::Totals;
use crate::domain::reason::GrantPool;
use crate::domain::user::UserRecord;
use chrono::{DateTime, NaiveDate, Utc};
use std::collections::{BTreeMap, HashMap};

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
    /// The greatest of each month and type, and when it was reached first.
    pub(super) maxima: BTreeMap<(NaiveDate, LicenceId), (u32, DateTime<Utc>)>,
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
            Event::MaximumRaised { month, licence, maximum, at } => {
                self.raise(*month, *licence, *maximum, *at);
            }
            Event::UserSaved(record) => self.user(&record.user).saved = Some(record),
            Event::UserDeleted { user, at } => self.delete(user, *at),
            Event::TotalsSet { licence, totals, version } => {
                self.totals.insert(*licence, *totals);
                self.totals_version = Some(*version);
            }
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

    fn raise(&mut self, month: NaiveDate, licence: LicenceId, maximum: u32, at: DateTime<Utc>) {
        let kept = self.maxima.entry((month, licence)).or_insert((maximum, at));
        if maximum > kept.0 {
            *kept = (maximum, at);
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
    let first = (session, LicenceId::from_index(0));
    let last = (session, LicenceId::from_index(LicenceId::COUNT_MAX - 1));
    map.range(first..=last).map(|((_, licence), _)| *licence).collect()
}
