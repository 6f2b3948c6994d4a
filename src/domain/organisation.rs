//! The state of one organisation, and the one way to change it.

use super::audit::Author;
use super::base::BaseLedger;
use super::catalogue::{Catalogue, Model};
use super::event::{Decision, Effects};
use super::ids::{LicenceId, LicenceSet, OrganisationId, SessionId, UserName};
use super::lookup::Lookup;
use super::moment::{self, Moment};
use super::pool::Pool;
use super::session::Session;
use super::user::User;
use super::wallboards::Wallboard;
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// What is kept of an organisation itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Its number.
    pub id: OrganisationId,
    /// Its name.
    pub name: Arc<str>,
    /// Whose midnight turns its months and days.
    pub time_zone: Tz,
    /// The most seconds of grace that a login may ask for.
    pub max_grace_s: u32,
    /// When everybody is logged out each day, in its time zone.
    pub scheduled_log_off: Option<NaiveTime>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// Grows with every change; what an `ETag` is made of.
    pub version: u64,
}

/// How far one organisation may grow.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Sessions that may wait for one licence type.
    pub waiting_per_licence_max: u32,
    /// Users that may exist, deleted ones apart.
    pub users_max: usize,
}

/// Something that an organisation can be asked to decide.
///
/// A command is decided at one instant, without waiting and without failing halfway: either its answer
/// says that nothing changed, or all of the change is in the effects.
pub trait Command {
    /// What whoever asked is told.
    type Answer;

    /// Decides at `now`, changes `organisation` and says in `effects` what changed.
    fn decide(
        self,
        organisation: &mut Organisation,
        now: Moment,
        effects: &mut Effects,
    ) -> Self::Answer;

    /// The one session that the answer speaks of, where it says nothing of anybody else. If nothing was
    /// decided but the answer, it rests on what was decided of that session alone.
    fn speaks_of(&self) -> Option<SessionId> {
        None
    }
}

/// Users, pools and sessions of one organisation.
///
/// Cost per decision depends on what the user and the device have, never on how many hold a licence.
#[derive(Debug)]
pub struct Organisation {
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) settings: Settings,
    /// By [`LicenceId::index`]; as many as the catalogue has.
    pub(super) pools: Vec<Pool>,
    /// By [`LicenceId::index`]; empty for types that need no base licence.
    pub(super) base: Vec<BaseLedger>,
    /// The version of all totals and prices together.
    pub(super) totals_version: u64,
    /// By their ids; bounded by the maximum.
    pub(super) wallboards: BTreeMap<Arc<str>, Wallboard>,
    /// How many may be configured.
    pub(super) wallboard_maximum: u32,
    /// The version of that number.
    pub(super) wallboard_version: u64,
    /// Active users.
    pub(super) active: u32,
    /// Users who were active this month and are not any more.
    pub(super) lapsed: u32,
    /// When the five-minute interval began that is under way.
    pub(super) interval_start: DateTime<Utc>,
    /// Boxed, like the sessions: a map that grows moves every entry, and everybody waits meanwhile.
    pub(super) users: Lookup<UserName, Box<User>>,
    pub(super) sessions: Lookup<SessionId, Box<Session>>,
    /// Lingering sessions by the monotonic time at which their grace runs out.
    pub(super) lingering: BTreeSet<(Duration, SessionId)>,
    /// The last number given to a holder, a place or a version.
    pub(super) sequence: u64,
    /// The time of the last record: none that follows is earlier.
    pub(super) last_at: DateTime<Utc>,
    /// First day of the month whose contingency maxima the pools carry.
    pub(super) month: NaiveDate,
    /// When that month ends.
    pub(super) month_ends_at: DateTime<Utc>,
    /// When the day ends whose denials the pools count.
    pub(super) day_ends_at: DateTime<Utc>,
    /// When everybody is next logged out.
    pub(super) log_off_at: Option<DateTime<Utc>>,
    /// What may not grow further.
    pub(super) bounds: Bounds,
    /// Types whose counts changed since they were last taken.
    pub(super) changed: LicenceSet,
    /// Types whose counts changed in the decision under way.
    pub(super) touched: LicenceSet,
    /// After deletion nothing is granted any more.
    pub(super) removed: bool,
    /// False from a restart until the sessions have found their connections again: before that nobody can
    /// be told that a session ends.
    pub(super) is_attached: bool,
}

impl Organisation {
    /// Decides a command. The instant never lies before that of an earlier record, and whatever time has
    /// brought by then comes first: the turn of the month, grace that ran out, the daily log-off. So no
    /// decision depends on how late anybody looked at the clock.
    pub fn apply<C: Command>(&mut self, command: C, now: Moment) -> Decision<C::Answer> {
        self.apply_by(None, command, now)
    }

    /// [`Self::apply`] on behalf of somebody whose changes the audit log notes.
    pub fn apply_by<C: Command>(
        &mut self,
        author: Option<Author>,
        command: C,
        now: Moment,
    ) -> Decision<C::Answer> {
        let now = Moment { at: now.at.max(self.last_at), ..now };
        let mut effects = Effects::default();
        // After its removal nothing is recorded of it, and the store would refuse that.
        if !self.removed {
            self.close_intervals(now.at, &mut effects);
            self.turn_calendar(now.at, &mut effects);
        }
        if self.is_attached {
            self.end_expired(now, &mut effects);
            self.log_off_if_due(now, &mut effects);
        }
        effects.before_answer = effects.notices.len();
        effects.author = author;
        let answer = command.decide(self, now, &mut effects);
        self.observe();
        if !effects.events.is_empty() {
            self.last_at = now.at;
        }
        Decision { answer, effects }
    }

    /// The catalogue that its licence types are positions of.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// What is kept of the organisation itself.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The version of all totals together.
    pub fn totals_version(&self) -> u64 {
        self.totals_version
    }

    /// The last number that was given to a version, a holder or a place; to be kept with what changed.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// When the last record was made.
    pub fn last_at(&self) -> DateTime<Utc> {
        self.last_at
    }

    /// Whether the organisation was deleted.
    pub fn is_removed(&self) -> bool {
        self.removed
    }

    /// The types whose counts changed since this was last asked.
    pub fn take_changed(&mut self) -> LicenceSet {
        std::mem::take(&mut self.changed)
    }

    pub(super) fn pool(&self, licence: LicenceId) -> &Pool {
        &self.pools[licence.index()]
    }

    /// A pool that is about to change; its counts go out with the next live frame.
    pub(super) fn pool_mut(&mut self, licence: LicenceId) -> &mut Pool {
        self.changed.insert(licence);
        self.touched.insert(licence);
        &mut self.pools[licence.index()]
    }

    pub(super) fn model(&self, licence: LicenceId) -> Model {
        self.catalogue.get(licence).model
    }

    pub(super) fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// The session, whose existence an index has just confirmed.
    ///
    /// # Panics
    /// If an index names a session that is not there: the indexes contradict each other, and a restart
    /// from the store is the only honest way on.
    pub(super) fn session_mut(&mut self, session: SessionId) -> &mut Session {
        self.sessions.get_mut(&session).expect("an indexed session exists")
    }

    /// See [`Self::session_mut`].
    pub(super) fn session_ref(&self, session: SessionId) -> &Session {
        self.sessions.get(&session).expect("an indexed session exists")
    }

    /// The user of a session.
    ///
    /// # Panics
    /// If the user is gone while a session is not: deletion ends the sessions first.
    pub(super) fn user_mut(&mut self, user: &str) -> &mut User {
        self.users.get_mut(user).expect("the user of a session exists")
    }

    /// Turns the month and the day when they are over, and frees base licences whose 90 days have
    /// passed.
    pub(super) fn turn_calendar(&mut self, at: DateTime<Utc>, effects: &mut Effects) {
        self.turn_months(at, effects);
        for ledger in &mut self.base {
            ledger.expire(at);
        }
        if at >= self.day_ends_at {
            self.day_ends_at = day_after(at, self.settings.time_zone);
            for index in 0..self.pools.len() {
                if self.pools[index].denied_today > 0 {
                    self.pool_mut(LicenceId::from_index(index)).denied_today = 0;
                }
            }
        }
    }

    /// Holds the indexes against each other: what one says, the others must confirm.
    ///
    /// # Panics
    /// If they contradict each other. Costs time in proportion to everything; for tests and for
    /// `licence-broker check`.
    pub fn assert_consistent(&self) {
        let mut holders = vec![0; self.pools.len()];
        let mut instances = vec![0; self.pools.len()];
        let mut waiting = vec![0; self.pools.len()];
        for (name, user) in &self.users {
            assert_eq!(name, &user.record.user, "a user stands under their own name");
            for holding in &user.holdings {
                holders[holding.licence.index()] += 1;
                instances[holding.licence.index()] += u32::from(holding.instances);
                let counted = user
                    .live_sessions()
                    .filter(|id| self.session_ref(*id).instance(holding.licence).is_some())
                    .count();
                assert_eq!(counted, usize::from(holding.instances), "instances of a holder");
            }
        }
        for (id, session) in &self.sessions {
            let user = self.users.get(&session.user).expect("the user of a session exists");
            assert_eq!(user.sessions[session.device.index()], Some(*id), "one session a device");
            for place in &session.places {
                waiting[place.licence.index()] += 1;
                let queued = self.pool(place.licence).queue.get(&place.place);
                let expected = session.link().map(|_| id);
                assert_eq!(queued, expected, "a queue holds the connected who wait");
            }
        }
        self.assert_base_consistent();
        for (index, pool) in self.pools.iter().enumerate() {
            let beyond = pool.holders.saturating_sub(pool.totals.concurrent);
            if self.model(LicenceId::from_index(index)) == Model::Concurrent {
                assert_eq!(
                    count(pool.overflow.len()),
                    beyond,
                    "holders beyond the concurrent total"
                );
            }
            assert_eq!(pool.holders, holders[index], "holders");
            assert_eq!(pool.instances, instances[index], "instances");
            assert_eq!(pool.waiting, waiting[index], "waiting");
            assert!(
                pool.queue.is_empty() || pool.totals.next(pool.holders).is_none(),
                "nobody waits for what is free"
            );
        }
    }
}

fn count(entries: usize) -> u32 {
    u32::try_from(entries).unwrap_or(u32::MAX)
}

/// The midnight that ends the local day of `at`.
pub(super) fn day_after(at: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
    moment::next_time_of_day(at, NaiveTime::MIN, zone)
}
