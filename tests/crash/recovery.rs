//! A measurement: how long a restart takes when many sessions are open.

use crate::child::Home;
use chrono::{TimeDelta, Utc};
use licence_broker::catalogue_file;
use licence_broker::domain::catalogue::Catalogue;
use licence_broker::domain::event::{Event, SessionOpened, UsageRecord};
use licence_broker::domain::ids::{OrganisationId, ResumeDigest, SessionId};
use licence_broker::domain::pool::Totals;
use licence_broker::domain::reason::{Device, GrantPool, UsageType, UserStatus};
use licence_broker::domain::user::UserRecord;
use licence_broker::store::sqlite::SqliteStore;
use licence_broker::store::{Batch, Store};

const SESSIONS: u32 = 20_000;

/// What was decided before the crash: users, totals and open sessions.
fn events(catalogue: &Catalogue, grace_s: u32) -> Vec<Event> {
    let [seat, email] = ["inbound_agent", "agent_email"].map(|key| catalogue.find(key).unwrap());
    let at = Utc::now() - TimeDelta::seconds(1);
    let mut events = Vec::new();
    for licence in [seat, email] {
        let totals = Totals { base: SESSIONS, concurrent: SESSIONS, ..Totals::default() };
        events.push(Event::TotalsSet { licence, totals, version: 1, at });
    }
    for number in 0..SESSIONS {
        let user: licence_broker::domain::ids::UserName = format!("agent-{number}").into();
        let session = SessionId(1 + u128::from(number));
        events.push(Event::UserSaved(UserRecord {
            user: user.clone(),
            name: "Agent".into(),
            status: UserStatus::Active,
            user_type: seat,
            features: [email].into_iter().collect(),
            synced: Default::default(),
            created_at: at,
            version: 1,
        }));
        events.push(Event::SessionOpened(SessionOpened {
            session,
            user: user.clone(),
            device: Device::AgentDesktop,
            since: at,
            grace_s,
            resume: ResumeDigest([7; 32]),
            address: "192.0.2.1".into(),
        }));
        events.extend([seat, email].map(|licence| Event::Acquired {
            record: UsageRecord {
                usage_type: UsageType::Acquired,
                at,
                licence,
                user: user.clone(),
                device: Device::AgentDesktop,
                session,
                pool: GrantPool::Concurrent,
                reason: None,
            },
            holder_order: u64::from(number) + 2,
            holder_since: at,
        }));
    }
    events
}

/// Starts after a crash with that many sessions open, and says how long it took until `/readyz` was 200,
/// the start of the process included.
async fn measure(what: &str, grace_s: u32, kept: u32) {
    let home = Home::new();
    let process = home.start().await;
    eprintln!("ready after {:?} with nothing open", process.took);
    home.organisation(1, 0, 0).await;
    process.kill();
    let catalogue = catalogue_file::built_in();
    let path = home.folder().join("it.db");
    let store = SqliteStore::open(path.to_str().unwrap(), catalogue.clone()).await.unwrap();
    let organisation = OrganisationId::new(1).unwrap();
    let loaded = store.load(organisation).await.unwrap().unwrap();
    let batch = Batch {
        organisation,
        number: loaded.batch + 1,
        epoch: 0,
        events: events(&catalogue, grace_s).into(),
        at: Utc::now(),
        sequence: u64::from(SESSIONS) + 2,
    };
    store.commit(&[batch]).await.unwrap();
    drop(store);
    let process = home.start().await;
    let busy = process.processor_time() * 10;
    eprintln!(
        "ready after {:?} with {SESSIONS} sessions open, {what}; {busy} ms of processor time",
        process.took
    );
    let row = home.operator.licence(1, "inbound_agent").await;
    assert_eq!(row["concurrent"]["used"], kept);
    process.kill();
}

#[tokio::test]
#[ignore = "a measurement"]
async fn a_recovery_of_20000_open_sessions_with_grace() {
    measure("which are all kept", 60, SESSIONS).await;
}

#[tokio::test]
#[ignore = "a measurement"]
async fn a_recovery_of_20000_open_sessions_without_grace() {
    measure("which are all released", 0, 0).await;
}
