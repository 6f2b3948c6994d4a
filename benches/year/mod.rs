//! A year of a made-up contact centre, written into a store: the same one for the same seed.
//!
//! The rules themselves decide every login and the store's own commits keep it, a day at a time, so that
//! what comes out is what a broker would have written. What commits do not write is counted here:
//! `ledger` the five-minute figures, `closing` the bill.

mod closing;
mod ledger;
mod people;
mod shifts;

#[path = "../../tests/properties/random.rs"]
#[allow(dead_code, reason = "a part of it is enough here")]
mod random;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use ledger::Ledger;
use licence_broker::catalogue_file;
use licence_broker::domain::admission::{Login, LoginAnswer, Wanted};
use licence_broker::domain::event::Event;
use licence_broker::domain::ids::{LinkId, OrganisationId, ResumeDigest, SessionId};
use licence_broker::domain::moment::{Moment, start_of_day};
use licence_broker::domain::organisation::{Bounds, Organisation, Settings};
use licence_broker::domain::reason::Device;
use licence_broker::domain::release::Leave;
use licence_broker::store::sqlite::SqliteStore;
use licence_broker::store::{Batch, Store};
use people::Agent;
use random::Random;
use shifts::{Change, Step};
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

/// How much is written.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Named users of the organisation.
    pub agents: u32,
    /// Days from the first of January on.
    pub days: u32,
    /// What chance is drawn from.
    pub seed: u64,
}

/// Whose year it is.
pub const ORGANISATION: u64 = 129;
/// Where the contact centre stands: its clocks change twice in the year.
pub const ZONE: Tz = Tz::Europe__London;

/// The first day.
pub fn first_day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2025, 1, 1).expect("a day")
}

/// The login name of an agent.
pub fn name_of(agent: u32) -> String {
    people::name_of(agent)
}

/// Creates the organisation in the database at `path`, which must not have it, and lives through its days.
pub async fn write(path: &Path, scale: Scale) {
    let catalogue = catalogue_file::built_in();
    let url = path.display().to_string();
    let store = SqliteStore::open(&url, catalogue.clone()).await.expect("a store");
    let settings = settings();
    assert!(store.create_organisation(&settings).await.expect("created"), "it is there already");
    let loaded = store.load(settings.id).await.expect("read").expect("there");
    let bounds = Bounds { waiting_per_licence_max: 0, users_max: usize::MAX };
    let organisation = Organisation::restore(loaded.snapshot, catalogue.clone(), bounds);
    let agents = people::agents(scale.agents);
    let mut life = Life {
        ledger: Ledger::new(&catalogue, settings.created_at),
        organisation,
        agents,
        open: HashMap::new(),
        sessions: 0,
        batch: 0,
    };
    let set_up =
        people::provision(&mut life.organisation, &life.agents, moment(settings.created_at));
    life.keep(&store, settings.created_at, set_up).await;
    let mut random = Random::new(scale.seed);
    for day in first_day().iter_days().take(scale.days as usize) {
        let steps = shifts::day(day, ZONE, &life.agents, &mut random);
        let events = steps.into_iter().flat_map(|step| life.step(step)).collect();
        let end = start_of_day(day + TimeDelta::days(1), ZONE);
        life.keep(&store, end, events).await;
        life.ledger.write(path, end);
    }
    drop(store);
    closing::write(path, &life.ledger, start_of_day(first_day() + days(scale.days), ZONE));
}

fn days(days: u32) -> TimeDelta {
    TimeDelta::days(days.into())
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
    ledger: Ledger,
    agents: Vec<Agent>,
    /// What each agent is logged in with, by device.
    open: HashMap<(usize, Device), SessionId>,
    /// Given out so far.
    sessions: u128,
    batch: u64,
}

impl Life {
    fn step(&mut self, step: Step) -> Vec<Event> {
        let events = match step.change {
            Change::LogIn => self.log_in(step),
            Change::Leave(departure) => {
                // A login that was refused left nothing to leave.
                let Some(session) = self.open.remove(&(step.agent, step.device)) else {
                    return Vec::new();
                };
                let leave = Leave { session, link: link_of(session), departure };
                self.organisation.apply(leave, moment(step.at)).effects.events
            }
        };
        for event in &events {
            self.ledger.note(event);
        }
        events
    }

    fn log_in(&mut self, step: Step) -> Vec<Event> {
        self.sessions += 1;
        let since = u128::try_from(step.at.timestamp_millis()).expect("after 1970");
        let session = SessionId(since << 80 | self.sessions);
        let login = Login {
            session,
            link: link_of(session),
            user: self.agents[step.agent].name.clone(),
            device: step.device,
            wanted: Wanted::Assigned,
            wait: false,
            grace_s: 0,
            resume: ResumeDigest([7; 32]),
            address: "192.0.2.1".into(),
        };
        let decision = self.organisation.apply(login, moment(step.at));
        if let LoginAnswer::LoggedIn(_) = decision.answer {
            self.open.insert((step.agent, step.device), session);
        }
        decision.effects.events
    }

    /// One commit for all that happened up to `at`.
    async fn keep(&mut self, store: &SqliteStore, at: DateTime<Utc>, events: Vec<Event>) {
        if self.batch == 0 {
            events.iter().for_each(|event| self.ledger.note(event));
        }
        self.batch += 1;
        let batch = Batch {
            organisation: self.organisation.settings().id,
            number: self.batch,
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
