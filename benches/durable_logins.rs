//! How many logins a second the rules decide and the store makes durable, without sockets: a seat and
//! two channels each, in commits of 300.
//!
//! `cargo bench --bench durable_logins`. Processor time is what to compare: wall time on a shared machine
//! is anybody's.

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
use licence_broker::store::sqlite::SqliteStore;
use licence_broker::store::{Batch, Store};
use std::time::{Duration, Instant};

const LOGINS: u32 = 60_000;
const LOGINS_PER_COMMIT: usize = 300;
const FEATURES: [&str; 2] = ["agent_email", "agent_web_chat"];

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(measure());
}

async fn measure() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let url = format!("sqlite://{}", folder.path().join("bench.db").display());
    let store = SqliteStore::open(&url, catalogue_file::built_in()).await.expect("a store");
    store.create_organisation(&settings(), None).await.expect("created");
    let loaded = store.load(id()).await.expect("read").expect("there");
    let bounds = Bounds { waiting_per_licence_max: 0, users_max: usize::MAX };
    let catalogue = catalogue_file::built_in();
    let mut organisation = Organisation::restore(loaded.snapshot, catalogue, bounds, now().at);
    let set_up = provision(&mut organisation);
    commit(&store, &organisation, 1, set_up).await;

    let decided = Instant::now();
    let batches: Vec<Vec<Event>> = (0..LOGINS)
        .collect::<Vec<u32>>()
        .chunks(LOGINS_PER_COMMIT)
        .map(|numbers| {
            numbers.iter().flat_map(|number| log_in(&mut organisation, *number)).collect()
        })
        .collect();
    report("decided", decided.elapsed());
    let (begun, processor) = (Instant::now(), processor_s());
    for (events, number) in batches.into_iter().zip(2..) {
        commit(&store, &organisation, number, events).await;
    }
    report("durable", begun.elapsed());
    let per_login = |seconds: f64| seconds * 1e6 / f64::from(LOGINS);
    let used = per_login(processor_s() - processor);
    println!("{used:.1} µs of processor time for each durable login");
    let processor = processor_s();
    while store.upkeep().await.expect("kept up") {}
    let used = per_login(processor_s() - processor);
    println!("{used:.1} µs of processor time later, for the index of its records by user");
    let begun = Instant::now();
    let loaded = store.load(id()).await.expect("read").expect("there");
    let found = loaded.snapshot.sessions.len();
    println!("{found} open sessions loaded in {:?}", begun.elapsed());
}

fn report(what: &str, took: Duration) {
    println!("{:.0} logins/s {what}", f64::from(LOGINS) / took.as_secs_f64());
}

fn id() -> OrganisationId {
    OrganisationId::new(129).expect("a number")
}

fn now() -> Moment {
    Moment { at: DateTime::<Utc>::UNIX_EPOCH, elapsed: Duration::ZERO }
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
fn provision(organisation: &mut Organisation) -> Vec<Event> {
    let mut events = Vec::new();
    let seat = find(organisation, "inbound_agent");
    let features = FEATURES.map(|key| find(organisation, key));
    for licence in features.into_iter().chain([seat]) {
        let totals = Totals { base: LOGINS, concurrent: LOGINS, ..Totals::default() };
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
    let changes = (0..LOGINS).map(|number| UserChange::Create(draft(number))).collect();
    let command = ProvisionUsers { changes, atomic: true };
    events.extend(organisation.apply(command, now()).effects.events);
    events
}

fn log_in(organisation: &mut Organisation, number: u32) -> Vec<Event> {
    let login = Login {
        session: SessionId(u128::from(number) + 1),
        link: LinkId(number.into()),
        user: format!("agent-{number}").into(),
        device: Device::AgentDesktop,
        wanted: Wanted::Assigned,
        wait: false,
        grace_s: 0,
        resume: ResumeDigest([7; 32]),
        address: "127.0.0.1".into(),
    };
    let decision = organisation.apply(login, now());
    assert!(matches!(decision.answer, LoginAnswer::LoggedIn(_)), "there is enough of everything");
    decision.effects.events
}

async fn commit(store: &SqliteStore, of: &Organisation, number: u64, events: Vec<Event>) {
    let batch = Batch {
        organisation: id(),
        number,
        events: events.into(),
        at: now().at,
        sequence: of.sequence(),
    };
    store.commit(&[batch]).await.expect("committed");
}

/// Seconds of processor time that this process has used; what others run does not count.
fn processor_s() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    ticks / 100.0
}
