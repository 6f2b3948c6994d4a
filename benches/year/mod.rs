//! A year of a made-up contact centre, written into a store: the same one for the same seed.
//!
//! The rules themselves decide every login and the store's own commits keep it, a day at a time, so that
//! what comes out is what a broker would have written.

mod people;
mod shifts;

#[path = "../../tests/properties/random.rs"]
#[allow(dead_code, reason = "a part of it is enough here")]
mod random;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use licence_broker::catalogue_file;
use licence_broker::domain::admission::{Login, LoginAnswer, Wanted};
use licence_broker::domain::event::Event;
use licence_broker::domain::ids::{LinkId, OrganisationId, ResumeDigest, SessionId};
use licence_broker::domain::moment::{Moment, start_of_day};
use licence_broker::domain::organisation::{Bounds, Organisation, Settings};
use licence_broker::domain::reason::{Departure, Device};
use licence_broker::domain::release::{Leave, Tick};
use licence_broker::store::sqlite::SqliteStore;
use licence_broker::store::{Batch, Store};
use people::Agent;
use random::Random;
use shifts::{Change, Step, Visit};
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

/// How much is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// Named users of the organisation.
    pub(crate) agents: u32,
    /// Days from the first of January on.
    pub(crate) days: u32,
    /// What chance is drawn from.
    pub(crate) seed: u64,
}

/// Whose year it is.
pub(crate) const ORGANISATION: u64 = 129;
/// Where the contact centre stands: its clocks change twice in the year.
pub(crate) const ZONE: Tz = Tz::Europe__London;

/// The first day.
pub(crate) fn first_day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2025, 1, 1).expect("a day")
}

/// The login name of an agent.
pub(crate) fn name_of(agent: u32) -> String {
    people::name_of(agent)
}

/// Creates the organisation in the database at `path`, which must not have it, and lives through its days.
pub(crate) async fn write(path: &Path, scale: Scale) {
    let catalogue = catalogue_file::built_in();
    let url = path.display().to_string();
    let store = SqliteStore::open(&url, catalogue.clone()).await.expect("a store");
    let settings = settings();
    assert!(
        store.create_organisation(&settings, None).await.expect("created"),
        "it is there already"
    );
    let loaded = store.load(settings.id).await.expect("read").expect("there");
    let bounds = Bounds { waiting_per_licence_max: 0, users_max: usize::MAX };
    let organisation =
        Organisation::restore(loaded.snapshot, catalogue, bounds, settings.created_at);
    let agents = people::agents(scale.agents);
    let mut life = Life { organisation, agents, open: HashMap::new(), sessions: 0, batch: 0 };
    let set_up =
        people::provision(&mut life.organisation, &life.agents, moment(settings.created_at));
    life.keep(&store, settings.created_at, set_up).await;
    let mut random = Random::new(scale.seed);
    for day in first_day().iter_days().take(scale.days as usize) {
        let steps = shifts::day(day, ZONE, &life.agents, &mut random);
        let events = steps.into_iter().flat_map(|step| life.step(step)).collect();
        life.keep(&store, start_of_day(day + TimeDelta::days(1), ZONE), events).await;
        while store.upkeep().await.expect("kept up") {}
    }
}

fn settings() -> Settings {
    Settings {
        id: OrganisationId::new(ORGANISATION).expect("a number"),
        name: "A year".into(),
        time_zone: ZONE,
        max_grace_s: 60,
        scheduled_log_off: None,
        created_at: start_of_day(first_day(), ZONE),
        version: 0,
    }
}

fn moment(at: DateTime<Utc>) -> Moment {
    let since = at - start_of_day(first_day(), ZONE);
    Moment { at, elapsed: since.to_std().unwrap_or(Duration::ZERO) }
}

/// The organisation as its days go by.
struct Life {
    organisation: Organisation,
    agents: Vec<Agent>,
    /// What each agent is logged in with, by device.
    open: HashMap<(usize, Device), SessionId>,
    /// Given out so far.
    sessions: u128,
    batch: u64,
}

impl Life {
    fn step(&mut self, step: Step) -> Vec<Event> {
        match step {
            Step::TimePasses { at } => self.organisation.apply(Tick, moment(at)).effects.events,
            Step::Visit(visit) => match visit.change {
                Change::LogIn => self.log_in(visit),
                Change::Leave(departure) => self.leave(visit, departure),
            },
        }
    }

    /// A login that was refused left nothing to leave.
    fn leave(&mut self, visit: Visit, departure: Departure) -> Vec<Event> {
        let Some(session) = self.open.remove(&(visit.agent, visit.device)) else {
            return Vec::new();
        };
        let leave = Leave { session, link: link_of(session), departure };
        self.organisation.apply(leave, moment(visit.at)).effects.events
    }

    fn log_in(&mut self, visit: Visit) -> Vec<Event> {
        self.sessions += 1;
        let since = u128::try_from(visit.at.timestamp_millis()).expect("after 1970");
        let session = SessionId(since << 80 | self.sessions);
        let login = Login {
            session,
            link: link_of(session),
            user: self.agents[visit.agent].name.clone(),
            device: visit.device,
            wanted: Wanted::Assigned,
            wait: false,
            grace_s: 0,
            resume: ResumeDigest([7; 32]),
            address: "192.0.2.1".into(),
        };
        let decision = self.organisation.apply(login, moment(visit.at));
        if let LoginAnswer::LoggedIn(_) = decision.answer {
            self.open.insert((visit.agent, visit.device), session);
        }
        decision.effects.events
    }

    /// One commit for all that happened up to `at`.
    async fn keep(&mut self, store: &SqliteStore, at: DateTime<Utc>, events: Vec<Event>) {
        self.batch += 1;
        let batch = Batch {
            organisation: self.organisation.settings().id,
            number: self.batch,
            epoch: 0,
            events: events.into(),
            at,
            sequence: self.organisation.sequence(),
        };
        store.commit(&[batch]).await.expect("committed");
    }
}

/// Every session has a connection of its own.
fn link_of(session: SessionId) -> LinkId {
    #[expect(clippy::cast_possible_truncation, reason = "the lower half counts the sessions")]
    LinkId(session.0 as u64)
}
