//! Grace and resume, and how an organisation finds itself again after a restart.

use super::activity::StoredLapse;
use super::admission::Welcome;
use super::base::{BaseLedger, BaseUnit};
use super::catalogue::Catalogue;
use super::event::{Effects, Notice, SessionOpened};
use super::ids::{LicenceId, LicenceSet, LinkId, ResumeDigest, SessionId, UserName};
use super::interval::{PastChange, interval_of};
use super::lookup::Lookup;
use super::moment::{self, Moment};
use super::organisation::{Bounds, Command, Organisation, Settings, day_after};
use super::pool::{Pool, Totals};
use super::reason::{Departure, EndReason, ReleaseReason, ResumeFailure};
use super::session::{Instance, Place, Presence, Session};
use super::user::{Holding, User, UserRecord};
use super::wallboards::Wallboard;
use chrono::{DateTime, Months, NaiveDate, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// A device comes back to its session on a new connection.
#[derive(Clone, Debug)]
pub struct Resume {
    /// The session.
    pub session: SessionId,
    /// The new connection.
    pub link: LinkId,
    /// The token's user.
    pub user: UserName,
    /// Of the resume token that was given.
    pub resume: ResumeDigest,
}

/// What a resume is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResumeAnswer {
    /// The same session goes on; nothing was decided anew.
    Resumed(Welcome),
    /// Unknown, wrong token, grace over, or taken over.
    Failed(ResumeFailure),
}

impl Command for Resume {
    type Answer = ResumeAnswer;

    fn decide(
        self,
        organisation: &mut Organisation,
        now: Moment,
        effects: &mut Effects,
    ) -> ResumeAnswer {
        let Some(session) = organisation.sessions.get(&self.session) else {
            return ResumeAnswer::Failed(ResumeFailure::UnknownSession);
        };
        let is_over =
            matches!(session.presence, Presence::Lingering { until } if until <= now.elapsed);
        if is_over {
            return ResumeAnswer::Failed(ResumeFailure::GraceOver);
        }
        if session.user != self.user {
            return ResumeAnswer::Failed(ResumeFailure::OtherUser);
        }
        if !session.resume.matches(&self.resume) {
            return ResumeAnswer::Failed(ResumeFailure::WrongToken);
        }
        match session.presence {
            Presence::Connected(old) => {
                effects.notices.push((old, Notice::Ended(EndReason::Superseded)));
            }
            Presence::Lingering { until } => {
                organisation.lingering.remove(&(until, self.session));
            }
        }
        organisation.session_mut(self.session).presence = Presence::Connected(self.link);
        let welcome = organisation.welcome_back(self.session);
        organisation.line_up(self.session);
        organisation.serve_returned(self.session, now, effects);
        ResumeAnswer::Resumed(welcome)
    }

    fn speaks_of(&self) -> Option<SessionId> {
        Some(self.session)
    }
}

/// An instance as it is kept.
#[derive(Clone, Copy, Debug)]
pub struct StoredInstance {
    /// What the session has.
    pub instance: Instance,
    /// The rank of its user among the holders.
    pub holder_order: u64,
    /// Since when its user is a holder.
    pub holder_since: DateTime<Utc>,
}

/// An open session as it is kept.
#[derive(Clone, Debug)]
pub struct StoredSession {
    /// As it was opened.
    pub opened: SessionOpened,
    /// What it holds.
    pub instances: Vec<StoredInstance>,
    /// What it waits for.
    pub places: Vec<Place>,
}

/// An organisation as it is kept: all that [`Organisation::restore`] needs.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The organisation itself.
    pub settings: Settings,
    /// What was bought, for the types of which anything was ever bought.
    pub totals: Vec<(LicenceId, Totals)>,
    /// The version of all totals together.
    pub totals_version: u64,
    /// Users, deleted ones apart.
    pub users: Vec<UserRecord>,
    /// Open sessions.
    pub sessions: Vec<StoredSession>,
    /// Units of base licences that are used, those whose 90 days have passed since included.
    pub base_units: Vec<BaseUnit>,
    /// Prices, of the types that have one.
    pub prices: Vec<(LicenceId, Decimal)>,
    /// The highest totals in force in [`Self::month`], where they are higher than `totals`.
    pub highest: Vec<(LicenceId, Totals)>,
    /// Who was active in [`Self::month`] and is not any more.
    pub lapses: Vec<StoredLapse>,
    /// Configured wallboards.
    pub wallboards: Vec<Wallboard>,
    /// How many may be configured.
    pub wallboard_maximum: u32,
    /// The version of that number.
    pub wallboard_version: u64,
    /// The month that was under way at `last_at`: see [`month_under_way`].
    pub month: NaiveDate,
    /// The end of the last interval that has records; an instant long ago if there is none.
    pub intervals_until: DateTime<Utc>,
    /// What the logs have since the start of the interval of `last_at`, oldest first.
    pub since_interval: Vec<PastChange>,
    /// The contingency maxima of [`Self::month`].
    pub maxima: Vec<(LicenceId, u32)>,
    /// The denials of the local day in which `last_at` falls.
    pub denied_today: Vec<(LicenceId, u32)>,
    /// When the last record was made; the time of creation if there is none.
    pub last_at: DateTime<Utc>,
    /// The last number that was given to a version, a holder or a place. What has gone since bore the
    /// larger ones, and none of them is given twice.
    pub sequence: u64,
}

impl Snapshot {
    /// An organisation that was just created, at `settings.created_at`.
    pub fn new(settings: Settings) -> Self {
        let at = settings.created_at;
        Self {
            totals: Vec::new(),
            totals_version: 0,
            users: Vec::new(),
            sessions: Vec::new(),
            base_units: Vec::new(),
            prices: Vec::new(),
            highest: Vec::new(),
            lapses: Vec::new(),
            wallboards: Vec::new(),
            wallboard_maximum: 0,
            wallboard_version: 0,
            month: moment::month_of(at, settings.time_zone),
            intervals_until: DateTime::UNIX_EPOCH,
            since_interval: Vec::new(),
            maxima: Vec::new(),
            denied_today: Vec::new(),
            last_at: at,
            sequence: 0,
            settings,
        }
    }
}

/// The month that was under way at `last_at`, where `closed` is the last one that was closed: no month is
/// begun twice, even if the zone has moved back into the one before.
pub fn month_under_way(last_at: DateTime<Utc>, zone: Tz, closed: Option<NaiveDate>) -> NaiveDate {
    let month = moment::month_of(last_at, zone);
    closed.map_or(month, |closed| month.max(closed + Months::new(1)))
}

/// After a restart: releases the sessions without grace that have no device any more.
///
/// To be applied at the broker's last sign of life, before anything else.
#[derive(Clone, Debug)]
pub struct ReleaseAbsent {
    /// Sessions whose connection is known, alive or just ended.
    pub known: HashSet<SessionId>,
    /// When the present run of the broker began: between the last sign of life and this it did not run,
    /// and intervals that ended meanwhile have no records.
    pub running_since: DateTime<Utc>,
}

/// After [`ReleaseAbsent`]: puts sessions back on their connections, ends those whose connection ended
/// meanwhile, and lets the rest linger from now on.
#[derive(Clone, Debug)]
pub struct Reattach {
    /// Connections that are alive.
    pub connected: Vec<(SessionId, LinkId)>,
    /// Connections that ended while nobody could note it.
    pub departed: Vec<(SessionId, Departure)>,
    /// The rest lingers for so long at least, grace or not: on another node's sockets they may be alive
    /// still (SPEC §4, dead peers).
    pub held_for: Duration,
}

impl Command for ReleaseAbsent {
    type Answer = ();

    fn decide(self, organisation: &mut Organisation, now: Moment, effects: &mut Effects) {
        let absent =
            |id: &SessionId| !self.known.contains(id) && organisation.session_ref(*id).grace_s == 0;
        let absent: Vec<SessionId> =
            organisation.session_ids().into_iter().filter(absent).collect();
        organisation.end_sessions(&absent, ReleaseReason::BrokerRestart, now, effects);
        organisation.observe();
        organisation.skip_intervals(interval_of(self.running_since));
    }
}

impl Command for Reattach {
    /// Connections that the store knows no session for: they rest on nothing.
    type Answer = Vec<LinkId>;

    fn decide(
        self,
        organisation: &mut Organisation,
        now: Moment,
        effects: &mut Effects,
    ) -> Vec<LinkId> {
        organisation.is_attached = true;
        let mut orphans = Vec::new();
        let mut attached = Vec::new();
        for (session, link) in self.connected {
            match organisation.sessions.get_mut(&session) {
                Some(stored) => {
                    stored.presence = Presence::Connected(link);
                    attached.push(session);
                }
                None => orphans.push(link),
            }
        }
        // A log-off that was missed comes with the first records of the new run, after which nobody could
        // tell that it was missed.
        if organisation.log_off_at.is_some_and(|due| due <= now.at) {
            organisation.log_off_if_due(now, effects);
            return orphans;
        }
        // Everybody stands in line before anything is freed, so that it goes to who came first.
        for session in &attached {
            organisation.line_up(*session);
        }
        // What its user holds already a session shares; it is nobody's turn for that.
        for session in &attached {
            organisation.share_what_is_held(*session, now, effects);
        }
        for session in organisation.session_ids() {
            if organisation.session_ref(session).link().is_none() {
                organisation.linger_for(session, self.held_for, now);
            }
        }
        for (session, departure) in self.departed {
            let lingers = departure.is_unclean();
            let Some(stored) = organisation.sessions.get(&session) else {
                continue;
            };
            if stored.link().is_none() && !(lingers && stored.grace_s > 0) {
                let reason = departure.release_reason();
                organisation.end_sessions(&[session], reason, now, effects);
            }
        }
        for session in attached {
            organisation.serve_returned(session, now, effects);
        }
        orphans
    }
}

impl Organisation {
    /// Builds an organisation from what is kept of it. Its sessions have no connections yet: apply
    /// [`ReleaseAbsent`] and [`Reattach`] before anything else.
    ///
    /// `ran_since` is when the run of the broker began in which the last records were made.
    pub fn restore(
        snapshot: Snapshot,
        catalogue: Arc<Catalogue>,
        bounds: Bounds,
        ran_since: DateTime<Utc>,
    ) -> Self {
        let at = snapshot.last_at;
        let mut organisation = Self::blank(&snapshot, catalogue, bounds);
        organisation.restore_purchases(&snapshot.totals, &snapshot.highest, &snapshot.prices);
        for (licence, maximum) in snapshot.maxima {
            organisation.pool_mut(licence).contingency_max = maximum;
        }
        for (licence, count) in snapshot.denied_today {
            organisation.pool_mut(licence).denied_today = count;
        }
        for record in snapshot.users {
            organisation.restore_user(record);
        }
        for session in snapshot.sessions {
            organisation.restore_session(session);
        }
        for unit in snapshot.base_units {
            organisation.sequence = organisation.sequence.max(unit.unit);
            organisation.base[unit.licence.index()].restore(unit);
        }
        organisation.adopt_base();
        for lapse in &snapshot.lapses {
            organisation.restore_lapse(lapse);
        }
        let wallboards = snapshot.wallboards.into_iter();
        organisation.wallboards = wallboards.map(|board| (board.id.clone(), board)).collect();
        organisation.restore_present(at, snapshot.intervals_until.max(ran_since));
        if organisation.interval_start == interval_of(at) {
            organisation.recall_interval(&snapshot.since_interval);
        }
        organisation
    }

    /// As it stood, without anything in it.
    fn blank(snapshot: &Snapshot, catalogue: Arc<Catalogue>, bounds: Bounds) -> Self {
        let zone = snapshot.settings.time_zone;
        let at = snapshot.last_at;
        let month = snapshot.month;
        let everything = catalogue.iter().map(|(licence, _)| licence).collect();
        Self {
            pools: (0..catalogue.len()).map(|_| Pool::default()).collect(),
            base: (0..catalogue.len()).map(|_| BaseLedger::default()).collect(),
            wallboards: BTreeMap::new(),
            wallboard_maximum: snapshot.wallboard_maximum,
            wallboard_version: snapshot.wallboard_version,
            active: 0,
            lapsed: 0,
            interval_start: interval_of(at),
            touched: LicenceSet::EMPTY,
            catalogue,
            totals_version: snapshot.totals_version,
            users: Lookup::with_capacity_and_hasher(snapshot.users.len(), Default::default()),
            sessions: Lookup::with_capacity_and_hasher(snapshot.sessions.len(), Default::default()),
            lingering: BTreeSet::new(),
            sequence: snapshot.sequence.max(snapshot.settings.version),
            last_at: at,
            month,
            month_ends_at: moment::end_of_month(month, zone),
            day_ends_at: day_after(at, zone),
            log_off_at: None,
            bounds,
            changed: everything,
            removed: false,
            is_attached: snapshot.sessions.is_empty(),
            settings: snapshot.settings.clone(),
        }
    }

    /// What follows from all the rest.
    fn restore_present(&mut self, at: DateTime<Utc>, interval: DateTime<Utc>) {
        for (licence, _) in self.catalogue.clone().iter() {
            if self.pool(licence).holders > self.pool(licence).totals.concurrent {
                self.resize_overflow(licence);
            }
        }
        for ledger in &mut self.base {
            ledger.expire(at);
        }
        self.schedule_log_off(Moment { at, elapsed: Duration::ZERO });
        self.begin_interval(interval_of(interval).max(interval_of(at)));
        self.touched = LicenceSet::EMPTY;
    }

    fn restore_purchases(
        &mut self,
        totals: &[(LicenceId, Totals)],
        highest: &[(LicenceId, Totals)],
        prices: &[(LicenceId, Decimal)],
    ) {
        for (licence, totals) in totals {
            self.pool_mut(*licence).totals = *totals;
            self.pool_mut(*licence).highest = *totals;
        }
        for (licence, totals) in highest {
            let pool = self.pool_mut(*licence);
            pool.highest = pool.highest.highest(*totals);
        }
        for (licence, price) in prices {
            self.pool_mut(*licence).unit_price = Some(*price);
        }
    }

    fn restore_user(&mut self, record: UserRecord) {
        self.sequence = self.sequence.max(record.version);
        self.count_assigned(&record, 1);
        self.users.insert(record.user.clone(), Box::new(User::new(record)));
    }

    fn restore_session(&mut self, stored: StoredSession) {
        let opened = stored.opened;
        let user = self.users.get_mut(&opened.user).expect("the user of a kept session is kept");
        user.sessions[opened.device.index()] = Some(opened.session);
        for held in &stored.instances {
            let licence = held.instance.licence;
            self.sequence = self.sequence.max(held.holder_order);
            self.pools[licence.index()].instances += 1;
            match user.holdings.iter_mut().find(|holding| holding.licence == licence) {
                Some(holding) => holding.instances += 1,
                None => {
                    self.pools[licence.index()].holders += 1;
                    user.holdings.push(Holding {
                        licence,
                        order: held.holder_order,
                        since: held.holder_since,
                        instances: 1,
                    });
                }
            }
        }
        for place in &stored.places {
            self.sequence = self.sequence.max(place.place);
            self.pools[place.licence.index()].waiting += 1;
        }
        let session = Session {
            id: opened.session,
            user: opened.user,
            device: opened.device,
            since: opened.since,
            presence: Presence::Lingering { until: Duration::MAX },
            grace_s: opened.grace_s,
            resume: opened.resume,
            address: opened.address,
            instances: stored.instances.into_iter().map(|held| held.instance).collect(),
            places: stored.places,
        };
        self.sessions.insert(session.id, Box::new(session));
    }

    /// The fields of a login's answer, for a session that goes on.
    fn welcome_back(&self, id: SessionId) -> Welcome {
        let session = self.session_ref(id);
        let mut granted: Vec<_> = session.instances.iter().map(|i| (i.licence, i.pool)).collect();
        granted.sort_unstable_by_key(|(licence, _)| *licence);
        Welcome {
            session: id,
            user: session.user.clone(),
            device: session.device,
            granted,
            denied: Vec::new(),
            waiting: session.waiting().iter().collect(),
            grace_s: session.grace_s,
        }
    }
}
