//! Keeps an organisation from its events alone, as a store would, and holds them against each other.
//!
//! It shares no code with the rules: holders are counted by looking at every session.

#[path = "base_book.rs"]
mod base_book;
#[path = "interval_book.rs"]
mod interval_book;
#[path = "keeper_checks.rs"]
mod keeper_checks;
#[path = "month_book.rs"]
mod month_book;

use base_book::BaseBook;
use chrono::{DateTime, Utc};
use interval_book::IntervalBook;
use licence_broker::domain::billing::BillLine;
use licence_broker::domain::catalogue::{Catalogue, Model};
use licence_broker::domain::event::{DenialRecord, DeniedName, Event, SessionOpened, UsageRecord};
use licence_broker::domain::ids::{LicenceId, SessionId, UserName};
use licence_broker::domain::interval::{PastChange, PastChangeKind};
use licence_broker::domain::organisation::Settings;
use licence_broker::domain::pool::Totals;
use licence_broker::domain::reason::{GrantPool, UsageType};
use licence_broker::domain::resume::{Snapshot, StoredInstance, StoredSession};
use licence_broker::domain::session::{Instance, Place};
use licence_broker::domain::user::UserRecord;
use licence_broker::domain::wallboards::Wallboard;
use month_book::MonthBook;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is kept of one organisation.
pub(crate) struct Keeper {
    catalogue: Arc<Catalogue>,
    settings: Settings,
    totals: BTreeMap<LicenceId, Totals>,
    totals_version: u64,
    users: BTreeMap<UserName, UserRecord>,
    sessions: BTreeMap<SessionId, StoredSession>,
    base: BaseBook,
    intervals: IntervalBook,
    months: MonthBook,
    wallboards: BTreeMap<Arc<str>, Wallboard>,
    /// With its version.
    wallboard_maximum: (u32, u64),
    /// All that changed the figures, oldest first.
    past: Vec<PastChange>,
    /// Maxima that are owed a record: the most that a new holder has brought into use.
    owed_maxima: Vec<(LicenceId, u32)>,
    denials: Vec<(DateTime<Utc>, LicenceId)>,
    /// The instant of the last decision that had events.
    last_at: DateTime<Utc>,
    /// The instant that the last event itself names.
    last_record: DateTime<Utc>,
    /// Nothing is kept of it any more.
    is_removed: bool,
}

/// Fails with words unless a condition holds.
fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

impl Keeper {
    pub(crate) fn new(settings: Settings, catalogue: Arc<Catalogue>) -> Self {
        let created = settings.created_at;
        Self {
            catalogue,
            base: BaseBook::default(),
            intervals: IntervalBook::new(created),
            months: MonthBook::new(created, settings.time_zone),
            wallboards: BTreeMap::new(),
            wallboard_maximum: (0, 0),
            past: Vec::new(),
            owed_maxima: Vec::new(),
            settings,
            totals: BTreeMap::new(),
            totals_version: 0,
            users: BTreeMap::new(),
            sessions: BTreeMap::new(),
            denials: Vec::new(),
            last_at: created,
            last_record: created,
            is_removed: false,
        }
    }

    /// Keeps the events of one decision; an error says what they contradict.
    pub(crate) fn keep(&mut self, events: &[Event], at: DateTime<Utc>) -> Result<(), String> {
        let at = at.max(self.last_at);
        if self.is_removed {
            return ensure(events.is_empty(), || format!("after the removal: {events:?}"));
        }
        self.check_intervals(events, at)?;
        if events.is_empty() {
            return self.months.check(at, self.settings.time_zone);
        }
        let zone = self.settings.time_zone;
        for event in events {
            self.keep_one(event).map_err(|why| format!("{why}, says {event:?}"))?;
        }
        self.last_at = at;
        ensure(self.last_record <= at, || "a record of the future".to_owned())?;
        ensure(self.owed_maxima.is_empty(), || format!("{:?} not raised", self.owed_maxima))?;
        self.months.check(at, self.settings.time_zone)?;
        if zone == self.settings.time_zone {
            self.check_ends_of_months(events)?;
        }
        self.check_base(at)?;
        self.intervals.sample(at, self.figures());
        let mut seen = BTreeSet::new();
        let is_alone = |s: &StoredSession| seen.insert((s.opened.user.clone(), s.opened.device));
        ensure(self.sessions.values().all(is_alone), || "two sessions of a user on a device".into())
    }

    fn keep_one(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::SessionOpened(opened) => self.open(opened),
            Event::SessionClosed { session } => self.close(*session),
            Event::Acquired { record, holder_order, holder_since } => {
                self.acquire(record, *holder_order, *holder_since)
            }
            Event::Released(record) => self.release(record),
            Event::Denied(record) => self.deny(record),
            Event::Queued { session, licence, place } => self.queue(*session, *licence, *place),
            Event::Unqueued { session, licence } => self.unqueue(*session, *licence),
            Event::MaximumRaised { month, licence, maximum, at, sessions } => {
                ensure(*month == self.months.month(), || "of another month".to_owned())?;
                self.check_maximum(*licence, *maximum, sessions)?;
                self.note_time(*at)
            }
            Event::MonthClosed { month, lines, at } => {
                let (zone, in_use) = (self.settings.time_zone, self.contingency_in_use());
                self.owed_maxima.extend(in_use.iter().map(|(licence, used)| (*licence, *used)));
                self.months.close(*month, lines, *at, zone, in_use)
            }
            // Compared before, all of a decision together.
            Event::IntervalClosed { .. } | Event::Audited(_) => Ok(()),
            Event::BaseUnitSaved { unit, change, at } => {
                self.note_time(*at)?;
                self.base.save(unit, *change, *at)
            }
            Event::Lapsed { month, user, change, at } => {
                self.note_time(*at)?;
                self.months.lapse(*month, user, *change)
            }
            Event::PriceSet { licence, price, version } => {
                self.months.set_price(*licence, *price);
                self.totals_version = *version;
                Ok(())
            }
            Event::WallboardSaved(wallboard) => {
                self.wallboards.insert(wallboard.id.clone(), wallboard.clone());
                Ok(())
            }
            Event::WallboardRemoved { id } => {
                let removed = self.wallboards.remove(id);
                ensure(removed.is_some(), || "no such wallboard".to_owned())
            }
            Event::WallboardMaximumSet { maximum, version } => {
                self.wallboard_maximum = (*maximum, *version);
                Ok(())
            }
            Event::UserSaved(record) => {
                self.months.save_user(record);
                self.users.insert(record.user.clone(), record.clone());
                Ok(())
            }
            Event::UserDeleted { user, at } => {
                let has_session = self.sessions.values().any(|s| s.opened.user == *user);
                ensure(!has_session, || format!("{user} is deleted with a session open"))?;
                ensure(self.users.remove(user).is_some(), || format!("{user} is not known"))?;
                self.months.delete_user(user);
                self.note_time(*at)
            }
            Event::TotalsSet { licence, totals, version, at } => {
                let before = self.totals.insert(*licence, *totals).unwrap_or_default();
                self.note_past(*at, *licence, PastChangeKind::Totals(before));
                self.months.set_totals(*licence, *totals);
                self.totals_version = *version;
                self.note_time(*at)
            }
            Event::SettingsSaved(settings) => {
                self.settings = settings.clone();
                Ok(())
            }
            Event::OrganisationRemoved { at } => {
                ensure(self.sessions.is_empty(), || "removed with sessions open".to_owned())?;
                self.is_removed = true;
                self.note_time(*at)
            }
        }
    }

    /// Records never go backwards in time.
    fn note_time(&mut self, at: DateTime<Utc>) -> Result<(), String> {
        let before = std::mem::replace(&mut self.last_record, at);
        ensure(before <= at, || format!("time goes back from {before} to {at}"))
    }

    fn session(&mut self, session: SessionId) -> Result<&mut StoredSession, String> {
        self.sessions.get_mut(&session).ok_or_else(|| format!("{session:?} is not open"))
    }

    fn open(&mut self, opened: &SessionOpened) -> Result<(), String> {
        self.note_time(opened.since)?;
        ensure(self.users.contains_key(&opened.user), || format!("{} is unknown", opened.user))?;
        let session =
            StoredSession { opened: opened.clone(), instances: Vec::new(), places: Vec::new() };
        let before = self.sessions.insert(opened.session, session);
        ensure(before.is_none(), || "a session is opened twice".to_owned())
    }

    fn close(&mut self, session: SessionId) -> Result<(), String> {
        let closed = self.session(session)?;
        let is_empty = closed.instances.is_empty() && closed.places.is_empty();
        ensure(is_empty, || "a session ends with something in its hands".to_owned())?;
        self.sessions.remove(&session);
        Ok(())
    }

    fn acquire(
        &mut self,
        record: &UsageRecord,
        holder_order: u64,
        holder_since: DateTime<Utc>,
    ) -> Result<(), String> {
        self.note_time(record.at)?;
        let is_grant = record.usage_type == UsageType::Acquired && record.reason.is_none();
        ensure(is_grant, || "not the record of a grant".to_owned())?;
        let (pool, known) = self.owed(record)?;
        ensure(pool == Some(record.pool), || format!("the pool should be {pool:?}"))?;
        ensure(known.is_none_or(|known| known == (holder_order, holder_since)), || {
            format!("the rank of a holder changes from {known:?}")
        })?;
        let last = self.ranks(record.licence).into_iter().max().unwrap_or(0);
        ensure(known.is_some() || holder_order > last, || "a new holder ranks early".to_owned())?;
        let session = self.session(record.session)?;
        let opened = &session.opened;
        let is_theirs = opened.user == record.user && opened.device == record.device;
        ensure(is_theirs, || "the record names another user or device".to_owned())?;
        let has_it = session.instances.iter().any(|held| held.instance.licence == record.licence);
        ensure(!has_it, || "an instance is acquired twice".to_owned())?;
        let instance = Instance { licence: record.licence, pool: record.pool, since: record.at };
        session.instances.push(StoredInstance { instance, holder_order, holder_since });
        self.note_past(record.at, record.licence, PastChangeKind::Acquired(record.user.clone()));
        if known.is_none() {
            let used = self.figure(record.licence).contingency;
            if self.months.raise(record.licence, used) {
                self.owed_maxima.push((record.licence, used));
            }
        }
        Ok(())
    }

    /// From which pool a grant must come now, and rank and beginning of a user who holds already.
    #[expect(clippy::type_complexity, reason = "a pair of two answers, read at one place")]
    fn owed(
        &self,
        record: &UsageRecord,
    ) -> Result<(Option<GrantPool>, Option<(u64, DateTime<Utc>)>), String> {
        let licence = record.licence;
        let theirs = self.sessions.values().filter(|session| session.opened.user == record.user);
        let known = theirs
            .flat_map(|session| &session.instances)
            .find(|held| held.instance.licence == licence)
            .map(|held| (held.holder_order, held.holder_since));
        let totals = self.totals.get(&licence).copied().unwrap_or_default();
        let holders = u64::try_from(self.ranks(licence).len()).expect("few holders");
        let (concurrent, contingency) =
            (u64::from(totals.concurrent), u64::from(totals.contingency));
        let pool = match self.catalogue.get(licence).model {
            Model::FixedSeat => Some(GrantPool::Fixed),
            Model::Assigned => return Err("an assigned type is acquired".to_owned()),
            Model::Concurrent if known.is_some() => Some(GrantPool::Shared),
            Model::Concurrent if holders < concurrent => Some(GrantPool::Concurrent),
            Model::Concurrent if holders < concurrent + contingency => Some(GrantPool::Contingency),
            Model::Concurrent => None,
        };
        Ok((pool, known))
    }

    /// The ranks of the holders of a type, each once.
    fn ranks(&self, licence: LicenceId) -> BTreeSet<u64> {
        self.sessions
            .values()
            .flat_map(|session| &session.instances)
            .filter(|held| held.instance.licence == licence)
            .map(|held| held.holder_order)
            .collect()
    }

    fn release(&mut self, record: &UsageRecord) -> Result<(), String> {
        self.note_time(record.at)?;
        let is_end = record.usage_type == UsageType::Released && record.reason.is_some();
        ensure(is_end, || "not the record of a release".to_owned())?;
        let held = &mut self.session(record.session)?.instances;
        let index = held.iter().position(|held| held.instance.licence == record.licence);
        let index = index.ok_or_else(|| "what is released was not held".to_owned())?;
        let pool = held.remove(index).instance.pool;
        self.note_past(record.at, record.licence, PastChangeKind::Released(record.user.clone()));
        ensure(pool == record.pool, || format!("the grant said {pool}"))
    }

    fn deny(&mut self, record: &DenialRecord) -> Result<(), String> {
        if let DeniedName::Licence(licence) = record.denied.licence {
            self.denials.push((record.at, licence));
        }
        self.note_time(record.at)
    }

    fn queue(&mut self, session: SessionId, licence: LicenceId, place: u64) -> Result<(), String> {
        let mut places = self.sessions.values().flat_map(|session| &session.places);
        let is_free = places.all(|taken| taken.place != place);
        ensure(is_free, || "two wait at one place".to_owned())?;
        let session = self.session(session)?;
        let waits = session.places.iter().any(|place| place.licence == licence);
        let holds = session.instances.iter().any(|held| held.instance.licence == licence);
        ensure(!waits && !holds, || "queued for what it waits for or holds".to_owned())?;
        session.places.push(Place { licence, place });
        Ok(())
    }

    fn unqueue(&mut self, session: SessionId, licence: LicenceId) -> Result<(), String> {
        let places = &mut self.session(session)?.places;
        let before = places.len();
        places.retain(|place| place.licence != licence);
        ensure(places.len() + 1 == before, || "leaves a queue that it is not in".to_owned())
    }

    /// Instances of open sessions: acquired, and not yet released.
    pub(crate) fn open_instances(&self) -> usize {
        self.sessions.values().map(|session| session.instances.len()).sum()
    }

    /// How many were active this month with a type, or at all.
    pub(crate) fn active_in_month(&self, licence: Option<LicenceId>) -> usize {
        self.months.active(licence)
    }

    /// The lines of the month under way.
    pub(crate) fn bill_lines(&self) -> Vec<BillLine> {
        self.months.lines()
    }

    /// The clock of a broker that runs shows `at`.
    pub(crate) fn runs_at(&mut self, at: DateTime<Utc>) {
        self.intervals.runs_at(at);
    }

    /// The broker was last alive at `life`, and runs again since `since`. Answers since when the run
    /// lasted that is over.
    pub(crate) fn restart(&mut self, life: DateTime<Utc>, since: DateTime<Utc>) -> DateTime<Utc> {
        let ran_since = self.intervals.runs_since();
        self.intervals.restart(self.last_at, life.max(self.last_at), since);
        ran_since
    }

    /// The state is built anew while the broker runs on. Answers since when it runs.
    pub(crate) fn rebuild(&mut self) -> DateTime<Utc> {
        self.intervals.rebuild(self.last_at);
        self.intervals.runs_since()
    }

    /// What a store would hand back after a crash at this instant.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let zone = self.settings.time_zone;
        let day_of = |at: DateTime<Utc>| at.with_timezone(&zone).date_naive();
        let today = day_of(self.last_at);
        let mut denied_today: BTreeMap<LicenceId, u32> = BTreeMap::new();
        for (_, licence) in self.denials.iter().filter(|(at, _)| day_of(*at) == today) {
            *denied_today.entry(*licence).or_default() += 1;
        }
        Snapshot {
            settings: self.settings.clone(),
            totals: self.totals.iter().map(|(licence, totals)| (*licence, *totals)).collect(),
            totals_version: self.totals_version,
            users: self.users.values().cloned().collect(),
            sessions: self.sessions.values().cloned().collect(),
            base_units: self.base.all(),
            prices: self.months.prices(),
            highest: self.months.highest(),
            lapses: self.months.stored_lapses(),
            wallboards: self.wallboards.values().cloned().collect(),
            wallboard_maximum: self.wallboard_maximum.0,
            wallboard_version: self.wallboard_maximum.1,
            month: self.months.month(),
            intervals_until: self.intervals.recorded_until(),
            since_interval: self.past_of_interval(),
            maxima: self.months.maxima(),
            denied_today: denied_today.into_iter().collect(),
            last_at: self.last_at,
            sequence: 0,
        }
    }
}
