//! The organisation that everybody logs in to.

use super::postgres::Server;
use chrono::{DateTime, Utc};
use licence_broker::catalogue_file;
use licence_broker::domain::admission::{Login, LoginAnswer, Wanted};
use licence_broker::domain::event::Event;
use licence_broker::domain::ids::{LicenceId, LinkId, OrganisationId, ResumeDigest, SessionId};
use licence_broker::domain::moment::Moment;
use licence_broker::domain::organisation::{Bounds, Organisation, Settings};
use licence_broker::domain::pool::Totals;
use licence_broker::domain::provisioning::{ProvisionUsers, UserChange, UserDraft};
use licence_broker::domain::purchases::SetTotals;
use licence_broker::domain::reason::{Device, UserStatus};

use licence_broker::store::{self, Batch, Store};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const FEATURES: [&str; 2] = ["agent_email", "agent_web_chat"];

/// A new database with one organisation, in which `users` agents can log in once each.
pub(super) struct Centre {
    pub(super) store: Arc<dyn Store>,
    pub(super) folder: TempDir,
    organisation: Organisation,
    /// The number of the last batch.
    batch: u64,
    /// How many have logged in.
    logged_in: u32,
}

impl Centre {
    /// In a file that goes with it.
    pub(super) async fn create(users: u32) -> Self {
        let folder = TempDir::new().expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("bench.db").display());
        Self::at(&url, folder, users).await
    }

    /// In a new database of a server.
    pub(super) async fn create_in(server: &Server, users: u32) -> Self {
        let folder = TempDir::new().expect("a folder");
        Self::at(&server.new_database().await, folder, users).await
    }

    async fn at(url: &str, folder: TempDir, users: u32) -> Self {
        let store = store::open(url, catalogue_file::built_in()).await.expect("a store");
        store.create_organisation(&settings(), None).await.expect("created");
        let loaded = store.load(id()).await.expect("read").expect("there");
        let catalogue = catalogue_file::built_in();
        let organisation = Organisation::restore(loaded.snapshot, catalogue, bounds(), now().at);
        let mut centre = Self { store, folder, organisation, batch: 0, logged_in: 0 };
        let set_up = provision(&mut centre.organisation, users);
        centre.commit(set_up).await;
        centre
    }

    /// What the rules decide about the next `logins`.
    pub(super) fn decide(&mut self, logins: usize) -> Vec<Event> {
        let mut events = Vec::new();
        for _ in 0..logins {
            let decision = self.organisation.apply(login(self.logged_in), now());
            assert!(matches!(decision.answer, LoginAnswer::LoggedIn(_)), "there is enough");
            events.extend(decision.effects.events);
            self.logged_in += 1;
        }
        events
    }

    pub(super) async fn commit(&mut self, events: Vec<Event>) {
        self.batch += 1;
        let batch = Batch {
            organisation: id(),
            number: self.batch,
            epoch: 0,
            events: events.into(),
            at: now().at,
            sequence: self.organisation.sequence(),
        };
        self.store.commit(&[batch]).await.expect("committed");
    }
}

pub(super) fn id() -> OrganisationId {
    OrganisationId::new(129).expect("a number")
}

pub(super) fn now() -> Moment {
    Moment { at: DateTime::<Utc>::UNIX_EPOCH, elapsed: Duration::ZERO }
}

pub(super) fn bounds() -> Bounds {
    Bounds { waiting_per_licence_max: 0, users_max: usize::MAX }
}

/// The login of one agent: a seat and two channels.
pub(super) fn login(number: u32) -> Login {
    Login {
        session: SessionId(u128::from(number) + 1),
        link: LinkId(number.into()),
        user: format!("agent-{number}").into(),
        device: Device::AgentDesktop,
        wanted: Wanted::Assigned,
        wait: false,
        grace_s: 0,
        resume: ResumeDigest([7; 32]),
        address: "127.0.0.1".into(),
    }
}

fn settings() -> Settings {
    Settings {
        id: id(),
        name: "Bench".into(),
        time_zone: chrono_tz::UTC,
        max_grace_s: 60,
        scheduled_log_off: None,
        created_at: now().at,
        version: 0,
    }
}

fn find(organisation: &Organisation, key: &str) -> LicenceId {
    organisation.catalogue().find(key).expect("a type of the catalogue")
}

/// Enough of everything, and a user for each login.
fn provision(organisation: &mut Organisation, users: u32) -> Vec<Event> {
    let mut events = Vec::new();
    let seat = find(organisation, "inbound_agent");
    let features = FEATURES.map(|key| find(organisation, key));
    for licence in features.into_iter().chain([seat]) {
        let totals = Totals { base: users, concurrent: users, ..Totals::default() };
        let command = SetTotals { licence, totals, expected_version: None };
        events.extend(organisation.apply(command, now()).effects.events);
    }
    let draft = |number: u32| UserDraft {
        user: format!("agent-{number}").into(),
        name: "Agent".into(),
        status: UserStatus::Active,
        user_type: seat,
        features: features.into_iter().collect(),
    };
    let changes = (0..users).map(|number| UserChange::Create(draft(number))).collect();
    let command = ProvisionUsers { changes, atomic: true };
    events.extend(organisation.apply(command, now()).effects.events);
    events
}
