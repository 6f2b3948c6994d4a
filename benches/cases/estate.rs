//! An organisation of any size, as the store would hand it over.

use chrono::{DateTime, Utc};
use licence_broker::catalogue_file;
use licence_broker::domain::admission::{Login, LoginAnswer, Wanted};
use licence_broker::domain::event::SessionOpened;
use licence_broker::domain::ids::{LicenceId, LinkId, OrganisationId, ResumeDigest, SessionId};
use licence_broker::domain::moment::Moment;
use licence_broker::domain::organisation::{Bounds, Organisation, Settings};
use licence_broker::domain::pool::Totals;
use licence_broker::domain::reason::{Departure, Device, GrantPool, UserStatus};
use licence_broker::domain::release::Leave;
use licence_broker::domain::resume::{Reattach, Snapshot, StoredInstance, StoredSession};
use licence_broker::domain::session::Instance;
use licence_broker::domain::user::UserRecord;
use std::sync::Arc;
use std::time::Duration;

/// The seat, and the two channels that a login on the agent desktop acquires with it.
const LICENCES: [&str; 3] = ["inbound_agent", "agent_email", "agent_web_chat"];

/// Users who are not logged in: they come and go.
const SPARE: u32 = 1_000;

/// An organisation with holders, and users who come and go.
pub(crate) struct Estate {
    /// The organisation.
    pub(crate) organisation: Organisation,
    /// Login names of those who are not logged in.
    spare: Vec<Arc<str>>,
    /// How many came and went.
    turn: u32,
}

/// Everything happens at this instant.
pub(crate) fn now() -> Moment {
    Moment { at: DateTime::<Utc>::UNIX_EPOCH, elapsed: Duration::ZERO }
}

/// The number of every organisation here.
pub(crate) fn id() -> OrganisationId {
    OrganisationId::new(129).expect("a number")
}

/// An organisation that has just been created.
pub(crate) fn settings() -> Settings {
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

impl Estate {
    /// `holders` users are logged in, each with a seat and two channels, and there is room for more.
    pub(crate) fn with(holders: u32) -> Self {
        let catalogue = catalogue_file::built_in();
        let licences = LICENCES.map(|key| catalogue.find(key).expect("a type of the catalogue"));
        let everybody = holders + SPARE;
        let bought = Totals { base: everybody, concurrent: everybody, ..Totals::default() };
        let snapshot = Snapshot {
            totals: licences.iter().map(|licence| (*licence, bought)).collect(),
            users: (0..everybody).map(|number| user(number, licences)).collect(),
            sessions: (0..holders).map(|number| session(number, licences)).collect(),
            ..Snapshot::new(settings())
        };
        let bounds = Bounds { waiting_per_licence_max: 0, users_max: usize::MAX };
        let mut organisation = Organisation::restore(snapshot, catalogue, bounds, now().at);
        let connected = (0..holders).map(|n| (session_id(n), LinkId(n.into()))).collect();
        organisation
            .apply(Reattach { connected, departed: Vec::new(), held_for: Duration::ZERO }, now());
        // In an order that has nothing to do with that of their names or of their places in memory.
        let spare = (0..SPARE).map(|n| name(holders + n * 619 % SPARE)).collect();
        Self { organisation, spare, turn: 0 }
    }

    /// Somebody logs in and out again: two decisions, eight events.
    pub(crate) fn come_and_go(&mut self) {
        let user = self.spare[self.turn as usize % self.spare.len()].clone();
        self.turn += 1;
        let session = SessionId(u128::MAX - u128::from(self.turn));
        let link = LinkId(u64::from(u32::MAX) + u64::from(self.turn));
        let login = Login {
            session,
            link,
            user,
            device: Device::AgentDesktop,
            wanted: Wanted::Assigned,
            wait: false,
            grace_s: 0,
            resume: ResumeDigest([7; 32]),
            address: "127.0.0.1".into(),
        };
        let decision = self.organisation.apply(login, now());
        assert!(matches!(decision.answer, LoginAnswer::LoggedIn(_)), "there is enough of it all");
        let leave = Leave { session, link, departure: Departure::Logout };
        let left = self.organisation.apply(leave, now());
        assert_eq!(left.effects.events.len(), 4, "three released, one closed");
    }
}

fn name(number: u32) -> Arc<str> {
    format!("agent-{number}").into()
}

/// Ids of sessions sort by time of login and are chance in their lower half, like ULIDs.
fn session_id(number: u32) -> SessionId {
    let chance = u128::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835) >> 48;
    SessionId(u128::from(number) << 80 | chance)
}

fn user(number: u32, [seat, features @ ..]: [LicenceId; 3]) -> UserRecord {
    UserRecord {
        user: name(number),
        name: "Agent".into(),
        status: UserStatus::Active,
        user_type: seat,
        features: features.into_iter().collect(),
        synced: std::iter::empty().collect(),
        created_at: now().at,
        version: 0,
    }
}

fn session(number: u32, licences: [LicenceId; 3]) -> StoredSession {
    let opened = SessionOpened {
        session: session_id(number),
        user: name(number),
        device: Device::AgentDesktop,
        since: now().at,
        grace_s: 0,
        resume: ResumeDigest([7; 32]),
        address: "127.0.0.1".into(),
    };
    let held = |licence| StoredInstance {
        instance: Instance { licence, pool: GrantPool::Concurrent, since: now().at },
        holder_order: number.into(),
        holder_since: now().at,
    };
    StoredSession { opened, instances: licences.map(held).into(), places: Vec::new() }
}
