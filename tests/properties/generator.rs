//! Thinks up what happens next, with an eye on what is there: mostly sensible, sometimes stale or wrong.

use crate::model::{Model, Sitting};
use crate::op::{Op, Restart};
use crate::random::Random;
use chrono::{NaiveTime, TimeDelta};
use licence_broker::domain::admission::{Acquire, Login, Wanted};
use licence_broker::domain::ids::{
    LicenceId, LicenceSet, LinkId, ResumeDigest, SessionId, UserName,
};
use licence_broker::domain::pool::Totals;
use licence_broker::domain::provisioning::{ProvisionUsers, UserChange, UserDraft, UserPatch};
use licence_broker::domain::purchases::SetTotals;
use licence_broker::domain::reason::{Departure, Device, UserStatus};
use licence_broker::domain::release::{Leave, Release};
use licence_broker::domain::resume::Resume;
use std::sync::Arc;
use std::time::Duration;

const DEPARTURES: &[Departure] = &[
    Departure::Logout,
    Departure::Logout,
    Departure::ConnectionLost,
    Departure::ConnectionLost,
    Departure::Misbehaved,
    Departure::Unanswered,
    Departure::HeartbeatTimeout,
    Departure::SlowConsumer,
    Departure::StorageUnavailable,
    Departure::Drain,
    Departure::TokenExpired,
];
const USERS: &[&str] = &["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m"];

/// How fast time passes, and so what there is to do.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// Seconds between logins.
    Days,
    /// Days between changes of users and totals, and moments around the ends of 90 days.
    Years,
}

pub(crate) struct Generator {
    random: Random,
    pace: Pace,
    next_id: u64,
    /// Features are few and queues long in this organisation.
    is_scarce: bool,
    /// The wall clock is set back by hours now and then. Such organisations see no restart: what an
    /// interval had seen that is entered anew, before and after a restart, no two readers of the logs
    /// would tell alike.
    is_set_far: bool,
    /// Sessions and connections that were or are.
    past: Vec<(SessionId, LinkId, UserName)>,
}

impl Generator {
    pub(crate) fn new(mut random: Random, pace: Pace) -> Self {
        let is_scarce = random.chance(60);
        let is_set_far = random.chance(30);
        Self { random, pace, next_id: 0, is_scarce, is_set_far, past: Vec::new() }
    }

    /// Users and totals to begin with.
    pub(crate) fn founding(&mut self, model: &Model) -> Vec<Op> {
        let mut ops: Vec<Op> =
            model.facts.iter().map(|fact| Op::Totals(self.totals(fact.licence, model))).collect();
        let drafts = USERS.iter().take(9).map(|name| UserChange::Create(self.draft(name, model)));
        let changes = drafts.collect();
        ops.push(Op::Users(ProvisionUsers { changes, atomic: false }));
        ops
    }

    /// What happens next; a log-off that is due is noticed before anything else.
    pub(crate) fn next(&mut self, model: &Model) -> Op {
        match self.pace {
            Pace::Days => self.next_of_days(model),
            Pace::Years => self.next_of_years(model),
        }
    }

    fn next_of_years(&mut self, model: &Model) -> Op {
        match self.random.below(100) {
            0..30 => self.pass_days(model),
            30..74 => self.users(model),
            74..86 => {
                let licence = self.licence(model);
                Op::Totals(self.totals(licence, model))
            }
            86..92 => self.login(model),
            92..95 => self.leave(model),
            95..97 => Op::Tick,
            _ => Op::Restart(self.restart(model)),
        }
    }

    /// Often to the millisecond at which some unit's 90 days end, or the one before.
    fn pass_days(&mut self, model: &Model) -> Op {
        let edges = model.units.edges(model.at);
        let wall = if edges.is_empty() || self.random.chance(60) {
            TimeDelta::seconds(i64::from(self.small(20 * 86_400)))
        } else {
            let early = TimeDelta::milliseconds(i64::from(self.small(2)));
            *self.random.pick(&edges) - model.at - early
        };
        let wall = wall.max(TimeDelta::zero());
        Op::Pass { wall, elapsed: wall.to_std().unwrap_or_default() }
    }

    fn next_of_days(&mut self, model: &Model) -> Op {
        match self.random.below(100) {
            0..27 => self.login(model),
            27..36 => self.acquire(model),
            36..42 => self.release(model),
            42..57 => self.leave(model),
            57..66 => self.resume(model),
            66..80 => self.pass(),
            80..84 => Op::Tick,
            84..86 => Op::Force(self.connection(model).0),
            86..91 => {
                let licence = self.licence(model);
                Op::Totals(self.totals(licence, model))
            }
            91..97 => self.users(model),
            97 => self.settings(),
            _ if self.is_set_far => Op::Tick,
            _ => Op::Restart(self.restart(model)),
        }
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn licence(&mut self, model: &Model) -> LicenceId {
        let facts: Vec<LicenceId> = model.facts.iter().map(|fact| fact.licence).collect();
        *self.random.pick(&facts)
    }

    fn totals(&mut self, licence: LicenceId, model: &Model) -> SetTotals {
        let fact = model.fact(licence).expect("a type of the model");
        let number = |random: &mut Random, end| u32::try_from(random.below(end)).expect("small");
        let mut totals = Totals::default();
        if fact.is_fixed {
            totals.fixed = number(&mut self.random, 8);
        } else {
            totals.concurrent = number(&mut self.random, if fact.is_seat { 9 } else { 3 });
            totals.contingency = number(&mut self.random, if fact.is_seat { 3 } else { 2 });
        }
        if fact.is_based {
            // Years are about base licences; on a day nearly everybody has one.
            let few = self.random.chance(if self.pace == Pace::Years { 25 } else { 10 });
            let more = if few { 0 } else { 8 };
            totals.base = more + number(&mut self.random, 6);
        }
        if self.is_scarce && !fact.is_seat && self.random.chance(80) {
            totals.concurrent = u32::from(!fact.is_fixed);
            totals.contingency = 0;
        }
        let expected_version = self.random.chance(3).then_some(u64::MAX);
        SetTotals { licence, totals, expected_version }
    }

    fn features(&mut self, model: &Model) -> LicenceSet {
        let features = model.facts.iter().filter(|fact| !fact.is_seat);
        features.filter(|_| self.random.chance(65)).map(|fact| fact.licence).collect()
    }

    fn user_type(&mut self, model: &Model) -> LicenceId {
        // Mostly the switchboard operator who may use all three devices.
        let seats: Vec<LicenceId> =
            model.facts.iter().filter(|fact| fact.is_seat).map(|fact| fact.licence).collect();
        if self.random.chance(60) { seats[2] } else { *self.random.pick(&seats) }
    }

    fn status(&mut self) -> UserStatus {
        if self.random.chance(80) { UserStatus::Active } else { *self.random.pick(UserStatus::ALL) }
    }

    fn draft(&mut self, name: &str, model: &Model) -> UserDraft {
        UserDraft {
            user: name.into(),
            name: name.into(),
            status: self.status(),
            user_type: self.user_type(model),
            features: self.features(model),
        }
    }

    fn users(&mut self, model: &Model) -> Op {
        let count = if self.random.chance(70) { 1 } else { 3 };
        let mut names: Vec<&str> = USERS.to_vec();
        let mut changes = Vec::new();
        for _ in 0..count {
            let name = *self.random.pick(&names);
            names.retain(|other| *other != name);
            changes.push(self.change(name, model));
        }
        Op::Users(ProvisionUsers { changes, atomic: self.random.chance(50) })
    }

    fn change(&mut self, name: &str, model: &Model) -> UserChange {
        let user: UserName = name.into();
        let mut patch = UserPatch::default();
        match self.random.below(10) {
            0 => return UserChange::Create(self.draft(name, model)),
            1 | 2 => return UserChange::Upsert(self.draft(name, model)),
            3 => {
                return UserChange::Delete { user, expected_version: None };
            }
            4 | 5 => patch.status = Some(self.status()),
            6 => patch.user_type = Some(self.user_type(model)),
            7 => patch.name = Some("Somebody".into()),
            _ => patch.features = Some(self.features(model)),
        }
        let expected_version = self.random.chance(5).then_some(u64::MAX);
        UserChange::Patch { user, patch, expected_version }
    }

    fn names(&mut self, model: &Model) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = Vec::new();
        for _ in 0..self.random.below(5) {
            let fact = self.random.below(u64::try_from(model.facts.len()).expect("few") + 1);
            let fact = model.facts.get(usize::try_from(fact).expect("an index"));
            names.push(fact.map_or("telepathy", |fact| fact.key).into());
        }
        names
    }

    fn login(&mut self, model: &Model) -> Op {
        let id = self.id();
        let user: UserName = (*self.random.pick(USERS)).into();
        let session = SessionId(u128::from(id));
        self.remember(session, LinkId(id), &user);
        let wanted = if self.random.chance(60) {
            Wanted::Assigned
        } else {
            Wanted::Named(self.names(model))
        };
        Op::Login(Login {
            session,
            link: LinkId(id),
            user,
            device: *self.random.pick(Device::ALL),
            wanted,
            wait: self.random.chance(75),
            grace_s: *self.random.pick(&[0, 0, 5, 30, 600]),
            resume: digest(session),
            address: "192.0.2.1".into(),
        })
    }

    fn remember(&mut self, session: SessionId, link: LinkId, user: &UserName) {
        if self.past.len() >= 40 {
            self.past.remove(0);
        }
        self.past.push((session, link, user.clone()));
    }

    /// Mostly a connection that is alive, sometimes one that was left long ago.
    fn connection(&mut self, model: &Model) -> (SessionId, LinkId) {
        if self.random.chance(12) && !self.past.is_empty() {
            let (session, link, _) = self.random.pick(&self.past);
            return (*session, *link);
        }
        let alive: Vec<(SessionId, LinkId)> =
            model.sittings.iter().filter_map(|s| s.link.map(|link| (s.id, link))).collect();
        if alive.is_empty() { (SessionId(0), LinkId(0)) } else { *self.random.pick(&alive) }
    }

    fn acquire(&mut self, model: &Model) -> Op {
        let (session, link) = self.connection(model);
        let mut channels = self.names(model);
        if let Some(sitting) = model.sittings.iter().find(|s| s.id == session)
            && self.random.chance(70)
        {
            let device = sitting.device;
            let carried = model.facts.iter().filter(|fact| fact.devices.contains(&device));
            let theirs = carried.filter(|fact| model.users[&sitting.user].has(fact.licence));
            channels = theirs.filter(|_| self.random.chance(60)).map(|f| f.key.into()).collect();
        }
        let wait = self.random.chance(70);
        Op::Acquire(Acquire { session, link, channels, wait })
    }

    fn release(&mut self, model: &Model) -> Op {
        let (session, link) = self.connection(model);
        let mut channels = self.names(model);
        if let Some(sitting) = model.sittings.iter().find(|s| s.id == session)
            && self.random.chance(80)
        {
            channels = self.some_of(sitting, model);
        }
        Op::Release(Release { session, link, channels })
    }

    fn some_of(&mut self, sitting: &Sitting, model: &Model) -> Vec<Arc<str>> {
        let seat = model.users[&sitting.user].seat;
        let held = sitting.held.iter().map(|(licence, _)| *licence);
        let all = held.chain(sitting.waits.iter().map(|(licence, _)| *licence));
        let chosen: Vec<LicenceId> =
            all.filter(|licence| *licence != seat && self.random.chance(50)).collect();
        let keys = chosen.iter().filter_map(|licence| model.fact(*licence));
        keys.map(|fact| fact.key.into()).collect()
    }

    fn leave(&mut self, model: &Model) -> Op {
        let (session, link) = self.connection(model);
        Op::Leave(Leave { session, link, departure: *self.random.pick(DEPARTURES) })
    }

    fn resume(&mut self, model: &Model) -> Op {
        let lingering: Vec<(SessionId, UserName)> = model
            .sittings
            .iter()
            .filter(|s| s.link.is_none())
            .map(|s| (s.id, s.user.clone()))
            .collect();
        let from_past = self.random.chance(20) || lingering.is_empty();
        let (session, mut user) = match self.past.last() {
            Some(_) if from_past => {
                let (session, _, user) = self.random.pick(&self.past).clone();
                (session, user)
            }
            Some(_) | None if lingering.is_empty() => (SessionId(0), "a".into()),
            Some(_) | None => self.random.pick(&lingering).clone(),
        };
        if self.random.chance(4) {
            user = (*self.random.pick(USERS)).into();
        }
        let is_right = !self.random.chance(4);
        let resume = if is_right { digest(session) } else { ResumeDigest([0xff; 32]) };
        let link = LinkId(self.id());
        self.remember(session, link, &user);
        Op::Resume { resume: Resume { session, link, user, resume }, is_right }
    }

    fn pass(&mut self) -> Op {
        let seconds = match self.random.below(100) {
            0..60 => self.random.below(10),
            60..85 => self.random.below(100),
            85..94 => self.random.below(3 * 3600),
            94..98 => self.random.below(86_400),
            98 => self.random.below(40 * 86_400),
            _ => {
                let most = if self.is_set_far { *self.random.pick(&[600, 3 * 3600]) } else { 20 };
                let back = TimeDelta::seconds(-i64::from(self.small(most)));
                return Op::Pass { wall: back, elapsed: Duration::from_secs(1) };
            }
        };
        let wall = TimeDelta::seconds(i64::try_from(seconds).expect("a few weeks"));
        Op::Pass { wall, elapsed: Duration::from_secs(seconds) }
    }

    fn small(&mut self, end: u64) -> u32 {
        u32::try_from(self.random.below(end)).expect("a small number")
    }

    fn settings(&mut self) -> Op {
        if self.random.chance(40) {
            return Op::MaxGrace(*self.random.pick(&[0, 10, 60]));
        }
        let time = NaiveTime::from_hms_opt(self.small(24), 15 * self.small(4), 0);
        Op::LogOff(time.filter(|_| self.random.chance(75)))
    }

    fn restart(&mut self, model: &Model) -> Restart {
        let is_new_process = self.random.chance(40);
        let mut connected = Vec::new();
        let mut departed = Vec::new();
        for sitting in &model.sittings {
            // Who lingers in the store may be back: the commit of the resume is what failed.
            let is_back = sitting.link.is_none() && self.random.chance(30);
            let link = if is_back { Some(LinkId(self.id())) } else { sitting.link };
            let Some(link) = link else { continue };
            match self.random.below(10) {
                0..7 if !is_new_process => connected.push((sitting.id, link)),
                7 if !is_new_process => departed.push((sitting.id, *self.random.pick(DEPARTURES))),
                _ => {}
            }
        }
        if !is_new_process && self.random.chance(20) && !self.past.is_empty() {
            let (session, link, _) = self.random.pick(&self.past);
            if connected.iter().all(|(other, _)| other != session) {
                connected.push((*session, *link));
            }
        }
        let is_long = self.pace == Pace::Years && self.random.chance(50);
        let down = i64::from(self.small(if is_long { 70 * 86_400 } else { 120 }));
        let life = i64::from(self.small(u64::try_from(down).expect("not negative") + 1));
        Restart {
            down: TimeDelta::seconds(down),
            life: TimeDelta::seconds(life),
            connected,
            departed,
            is_new_process,
        }
    }
}

/// What proves a resume of this session.
fn digest(session: SessionId) -> ResumeDigest {
    let mut digest = [0; 32];
    digest[..16].copy_from_slice(&session.0.to_be_bytes());
    ResumeDigest(digest)
}
