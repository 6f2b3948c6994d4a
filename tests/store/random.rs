//! Random commands through the real rules: what their events leave in the store is the organisation.

use crate::fixture::{Backend, at, catalogue, licence, load, open, settings};
use chrono::{NaiveTime, TimeDelta};
use licence_broker::domain::admission::{Acquire, Login, LoginAnswer, Wanted};
use licence_broker::domain::event::{Event, Notice};
use licence_broker::domain::ids::{LicenceSet, LinkId, ResumeDigest, SessionId};
use licence_broker::domain::moment::Moment;
use licence_broker::domain::organisation::{Bounds, Command, Organisation, Settings};
use licence_broker::domain::pool::Totals;
use licence_broker::domain::provisioning::{ProvisionUsers, UserChange, UserDraft};
use licence_broker::domain::purchases::SetTotals;
use licence_broker::domain::reason::{Departure, Device, UserStatus};
use licence_broker::domain::release::{ForceLogout, Leave, Release, Tick};
use licence_broker::domain::resume::{Reattach, ReleaseAbsent, Resume};
use licence_broker::domain::settings::ChangeSettings;
use licence_broker::store::{Batch, Store};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

const BOUNDS: Bounds = Bounds { waiting_per_licence_max: 4, users_max: 10 };
const FEATURES: [&str; 5] =
    ["agent_email", "agent_calls", "agent_sms", "recording", "cti_integration"];
const SEATS: [&str; 4] =
    ["inbound_agent", "supervisor", "supervisor_switchboard_operator", "uc_user"];
const DEPARTURES: [Departure; 4] =
    [Departure::Logout, Departure::ConnectionLost, Departure::Drain, Departure::TokenExpired];
const SEEDS: u64 = 24;
const COMMANDS: usize = 400;

/// One organisation that is driven, and its events that are not yet committed.
struct World<'a> {
    rng: StdRng,
    store: &'a dyn Store,
    organisation: Organisation,
    now: Moment,
    links: HashMap<SessionId, LinkId>,
    next_id: u64,
    events: Vec<Event>,
    batch: u64,
}

pub(crate) async fn an_organisation_is_restored_as_it_was_whatever_was_decided(
    backend: &dyn Backend,
) {
    let store = open(backend).await;
    let mut waits_served = 0;
    let mut seen = Seen::default();
    for seed in 0..SEEDS {
        println!("seed {seed}");
        let mut world = World::new(&*store, seed).await;
        for step in 0..COMMANDS {
            world.act();
            if world.rng.random_ratio(1, 6) {
                world.commit().await;
            }
            if step % 80 == 79 {
                world.restored().await;
            }
        }
        world.crowd();
        let mut restored = world.restored().await;
        seen.note(&world.organisation);
        waits_served += drain_alike(&mut world.organisation, &mut restored, world.now);
    }
    let is_rich = seen.sessions > 60 && seen.waiting > 20 && seen.maxima > 20 && seen.denied > 60;
    assert!(is_rich && waits_served > 20, "{seen:?} and {waits_served} served prove too little");
}

/// Leaves in the store what the rules decided at random over some months.
pub(crate) async fn months_of_decisions(store: &dyn Store) {
    for seed in 0..SEEDS {
        println!("seed {seed}");
        let mut world = World::new(store, seed).await;
        for step in 0..COMMANDS {
            world.act();
            if world.rng.random_ratio(1, 6) {
                world.commit().await;
            }
            if step % 40 == 39 {
                world.now.at += TimeDelta::days(world.rng.random_range(0..9));
            }
        }
        world.crowd();
        world.commit().await;
    }
}

/// What stood in the organisations that were compared, all seeds together.
#[derive(Debug, Default)]
struct Seen {
    sessions: usize,
    waiting: u32,
    maxima: u32,
    denied: u32,
}

impl Seen {
    fn note(&mut self, organisation: &Organisation) {
        self.sessions += organisation.session_count();
        for counts in organisation.counts(organisation.catalogue().acquirable()) {
            self.waiting += counts.waiting;
            self.maxima += counts.contingency_max;
            self.denied += counts.denied_today;
        }
    }
}

/// Frees everything that is waited for, in both; they must serve the same connections in the same
/// order. How many were served.
fn drain_alike(one: &mut Organisation, other: &mut Organisation, now: Moment) -> usize {
    let mut served = 0;
    for key in FEATURES.iter().filter(|key| **key != "cti_integration") {
        let totals = Totals { concurrent: 100, ..Totals::default() };
        let raise = SetTotals { licence: licence(key), totals, expected_version: None };
        let notices = one.apply(raise, now).effects.notices;
        assert_eq!(notices, other.apply(raise, now).effects.notices, "the queue of {key}");
        served += notices.iter().filter(|(_, n)| matches!(n, Notice::Granted(_))).count();
    }
    served
}

/// All that can be seen of an organisation.
fn all_of(organisation: &Organisation) -> String {
    let everything: LicenceSet = organisation.catalogue().iter().map(|(id, _)| id).collect();
    let mut holders = organisation.holders(None, None, usize::MAX);
    holders.sort_by_key(|holder| (holder.licence, holder.order));
    format!(
        "{:#?}\n{:#?}\n{holders:#?}\n{:?} {}\n{:#?}\n{:#?}\n{:#?}\n{:?}",
        organisation.counts(everything),
        organisation.sessions(None, usize::MAX),
        organisation.settings(),
        organisation.totals_version(),
        organisation.open_interval(),
        organisation.bill(),
        organisation.wallboards(),
        organisation.active_users(),
    )
}

impl<'a> World<'a> {
    async fn new(store: &'a dyn Store, seed: u64) -> Self {
        let number = seed + 1;
        let settings = Settings { time_zone: chrono_tz::Asia::Tokyo, ..settings(number) };
        assert!(store.create_organisation(&settings, None).await.expect("created"));
        let snapshot = load(store, number).await.snapshot;
        let mut world = Self {
            rng: StdRng::seed_from_u64(seed),
            store,
            organisation: Organisation::restore(snapshot, catalogue(), BOUNDS, at(0)),
            now: Moment { at: at(0), elapsed: Duration::ZERO },
            links: HashMap::new(),
            next_id: 0,
            events: Vec::new(),
            batch: 0,
        };
        world.stock();
        world
    }

    /// Buys something of everything, and provisions users.
    fn stock(&mut self) {
        for key in ["uc_user", "cti_integration"] {
            let totals = Totals { fixed: 100, ..Totals::default() };
            let set = SetTotals { licence: licence(key), totals, expected_version: None };
            self.decide(set).expect("nothing fixed is lowered");
        }
        for key in &SEATS[..3] {
            let totals = Totals { base: 100, concurrent: 3, contingency: 3, fixed: 0 };
            let set = SetTotals { licence: licence(key), totals, expected_version: None };
            self.decide(set).expect("nothing fixed is lowered");
        }
        for _ in 0..60 {
            self.provision();
        }
    }

    fn decide<C: Command>(&mut self, command: C) -> C::Answer {
        let decision = self.organisation.apply(command, self.now);
        self.events.extend(decision.effects.events);
        self.organisation.assert_consistent();
        decision.answer
    }

    fn act(&mut self) {
        let pause_s = *[0, 0, 0, 1, 1, 1, 5, 5, 30, 4_000].choose(&mut self.rng).expect("some");
        // The logs tell decisions apart by the millisecond.
        self.now.at += TimeDelta::seconds(pause_s) + TimeDelta::milliseconds(1);
        self.now.elapsed += Duration::from_secs(pause_s.unsigned_abs());
        match self.rng.random_range(0..46) {
            0..14 => self.log_in(),
            14..20 => self.acquire(),
            20..24 => self.release(),
            24..27 => self.leave(),
            27..30 => self.resume(),
            30 => self.force(),
            31 => self.provision(),
            32..37 => self.set_totals(),
            37 => self.change_settings(),
            38 => self.tick(),
            _ => self.log_in(),
        }
    }

    /// Many come at once, so that queues are long.
    fn crowd(&mut self) {
        for _ in 0..60 {
            self.now.at += TimeDelta::milliseconds(1);
            self.log_in();
            self.now.at += TimeDelta::milliseconds(1);
            self.acquire();
        }
    }

    async fn commit(&mut self) {
        if self.events.is_empty() {
            return;
        }
        self.batch += 1;
        let batch = Batch {
            organisation: self.organisation.id(),
            number: self.batch,
            epoch: 0,
            events: std::mem::take(&mut self.events).into(),
            at: self.now.at,
            sequence: self.organisation.sequence(),
        };
        self.store.commit(&[batch]).await.expect("committed");
    }

    /// What a broker that starts now makes of the store; the same as this one.
    async fn restored(&mut self) -> Organisation {
        self.now.at += TimeDelta::milliseconds(1);
        self.decide(Tick);
        self.commit().await;
        let loaded = load(self.store, self.organisation.id().get()).await;
        assert_eq!(loaded.batch, self.batch);
        let mut restored = Organisation::restore(loaded.snapshot, catalogue(), BOUNDS, at(0));
        let sessions = self.organisation.sessions(None, usize::MAX);
        let known = sessions.iter().map(|session| session.session).collect();
        restored.apply(ReleaseAbsent { known, running_since: at(0) }, self.now);
        let connected = sessions
            .iter()
            .filter(|session| session.is_connected)
            .map(|session| (session.session, self.links[&session.session]))
            .collect();
        let reattach = Reattach { connected, departed: Vec::new(), held_for: Duration::ZERO };
        let decision = restored.apply(reattach, self.now);
        assert!(decision.answer.is_empty(), "every connection finds its session");
        assert!(decision.effects.notices.is_empty(), "nobody gets what they did not have");
        restored.assert_consistent();
        assert_eq!(all_of(&restored), all_of(&self.organisation));
        restored
    }

    fn fresh(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn some_user(&mut self) -> Arc<str> {
        format!("user{}", self.rng.random_range(0..30)).into()
    }

    fn some_names(&mut self) -> Vec<Arc<str>> {
        let names: Vec<&str> = FEATURES.iter().copied().chain(["telex"]).collect();
        let count = self.rng.random_range(1..4);
        names.choose_multiple(&mut self.rng, count).map(|name| Arc::from(*name)).collect()
    }

    /// A session, and the connection it was last on.
    fn some_session(&mut self) -> Option<(SessionId, LinkId)> {
        let sessions = self.organisation.sessions(None, usize::MAX);
        let session = sessions.choose(&mut self.rng)?.session;
        Some((session, self.links[&session]))
    }

    fn log_in(&mut self) {
        let number = self.fresh();
        let (session, link) = (SessionId(u128::from(number)), LinkId(number));
        let named = self.rng.random_bool(0.3);
        let wanted = if named { Wanted::Named(self.some_names()) } else { Wanted::Assigned };
        let login = Login {
            session,
            link,
            user: self.some_user(),
            device: *Device::ALL.choose(&mut self.rng).expect("some"),
            wanted,
            wait: self.rng.random_bool(0.9),
            grace_s: *[0, 10, 1_000].choose(&mut self.rng).expect("some"),
            resume: ResumeDigest([u8::try_from(number % 251).expect("small"); 32]),
            address: format!("192.0.2.{}", number % 251).into(),
        };
        if let LoginAnswer::LoggedIn(_) = self.decide(login) {
            self.links.insert(session, link);
        }
    }

    fn acquire(&mut self) {
        let Some((session, link)) = self.some_session() else {
            return;
        };
        let (channels, wait) = (self.some_names(), self.rng.random_bool(0.7));
        self.decide(Acquire { session, link, channels, wait });
    }

    fn release(&mut self) {
        let Some((session, link)) = self.some_session() else {
            return;
        };
        let channels = vec![self.some_names().remove(0)];
        self.decide(Release { session, link, channels });
    }

    fn leave(&mut self) {
        let Some((session, link)) = self.some_session() else {
            return;
        };
        let departure = *DEPARTURES.choose(&mut self.rng).expect("some");
        self.decide(Leave { session, link, departure });
    }

    fn resume(&mut self) {
        let Some((session, _)) = self.some_session() else {
            return;
        };
        let sessions = self.organisation.sessions(None, usize::MAX);
        let view = sessions.into_iter().find(|view| view.session == session).expect("it is there");
        let link = LinkId(self.fresh());
        let byte = u8::try_from(session.0 % 251).expect("small");
        let resume = Resume { session, link, user: view.user, resume: ResumeDigest([byte; 32]) };
        self.decide(resume);
        self.links.insert(session, link);
    }

    fn force(&mut self) {
        let Some((session, _)) = self.some_session() else {
            return;
        };
        self.decide(ForceLogout { session });
    }

    fn provision(&mut self) {
        let user = self.some_user();
        let count = self.rng.random_range(1..=FEATURES.len());
        let features = FEATURES.choose_multiple(&mut self.rng, count).map(|key| licence(key));
        let draft = UserDraft {
            name: format!("{user} {}", self.next_id).into(),
            status: if self.rng.random_bool(0.9) {
                UserStatus::Active
            } else {
                UserStatus::Suspended
            },
            user_type: licence(SEATS.choose(&mut self.rng).expect("some")),
            features: features.collect(),
            user: user.clone(),
        };
        let change = if self.rng.random_bool(0.2) {
            UserChange::Delete { user, expected_version: None }
        } else {
            UserChange::Upsert(draft)
        };
        self.decide(ProvisionUsers { changes: vec![change], atomic: true });
    }

    fn set_totals(&mut self) {
        let keys = [&FEATURES[..4], &SEATS[..3]].concat();
        let licence = licence(keys.choose(&mut self.rng).expect("some"));
        let (concurrent, contingency) = (self.rng.random_range(0..4), self.rng.random_range(0..3));
        let base = if SEATS.contains(&catalogue().key(licence).as_ref()) { 100 } else { 0 };
        let totals = Totals { base, concurrent, contingency, fixed: 0 };
        let set = SetTotals { licence, totals, expected_version: None };
        self.decide(set).expect("nothing fixed is lowered");
    }

    fn change_settings(&mut self) {
        let time = NaiveTime::from_hms_opt(self.rng.random_range(0..24), 0, 0);
        let change = ChangeSettings {
            name: Some(format!("Name {}", self.next_id).into()),
            scheduled_log_off: Some(time.filter(|_| self.rng.random_bool(0.3))),
            ..ChangeSettings::default()
        };
        self.decide(change).expect("no version was expected");
    }

    fn tick(&mut self) {
        self.decide(Tick);
    }
}
