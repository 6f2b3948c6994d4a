//! Organisations, events and batches in few words.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use licence_broker::catalogue_file;
use licence_broker::domain::catalogue::Catalogue;
use licence_broker::domain::event::{
    DenialRecord, Denied, DeniedName, Event, SessionOpened, UsageRecord,
};
use licence_broker::domain::ids::{LicenceId, LicenceSet, OrganisationId, ResumeDigest, SessionId};
use licence_broker::domain::organisation::Settings;
use licence_broker::domain::pool::Totals;
use licence_broker::domain::reason::{
    DenialOutcome, DenialReason, Device, GrantPool, ReleaseReason, UsageType, UserStatus,
};
use licence_broker::domain::user::UserRecord;
use licence_broker::store::{
    Batch, Loaded, Page, Store, StoreError, Stored, UsageFilter, UsageRow,
};
use std::sync::{Arc, LazyLock};

/// Where stores come from: each call opens the same data anew.
pub(crate) trait Backend: Send + Sync {
    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn Store>, StoreError>>;
}

/// The page that holds everything a test writes.
pub(crate) const ALL: Page = Page { after: 0, limit: 100_000 };

pub(crate) async fn open(backend: &dyn Backend) -> Arc<dyn Store> {
    backend.open().await.expect("the store opens")
}

/// A store with organisation 129.
pub(crate) async fn open_with_129(backend: &dyn Backend) -> Arc<dyn Store> {
    let store = open(backend).await;
    assert!(store.create_organisation(&settings(129), None).await.expect("created"));
    store
}

pub(crate) async fn load(store: &dyn Store, organisation: u64) -> Loaded {
    store.load(id(organisation)).await.expect("loads").expect("exists")
}

pub(crate) async fn usage(store: &dyn Store, filter: &UsageFilter) -> Vec<UsageRow> {
    let page = store.usage_page(id(129), filter, ALL).await.expect("a page");
    page.into_iter().map(|stored| stored.row).collect()
}

pub(crate) fn cursors<T>(page: &[Stored<T>]) -> Vec<i64> {
    page.iter().map(|stored| stored.cursor).collect()
}

pub(crate) fn catalogue() -> Arc<Catalogue> {
    static BUILT_IN: LazyLock<Arc<Catalogue>> = LazyLock::new(catalogue_file::built_in);
    BUILT_IN.clone()
}

pub(crate) fn licence(key: &str) -> LicenceId {
    catalogue().find(key).expect("a licence type of the built-in catalogue")
}

pub(crate) fn licences(keys: &[&str]) -> LicenceSet {
    keys.iter().map(|key| licence(key)).collect()
}

pub(crate) fn id(number: u64) -> OrganisationId {
    OrganisationId::new(number).expect("a number of an organisation")
}

/// So many seconds after 12:00 UTC of 2026-03-06.
pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    utc("2026-03-06T12:00:00Z") + TimeDelta::seconds(seconds)
}

pub(crate) fn utc(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time in RFC 3339")
}

pub(crate) fn settings(number: u64) -> Settings {
    Settings {
        id: id(number),
        name: format!("Organisation {number}").into(),
        time_zone: chrono_tz::UTC,
        max_grace_s: 60,
        scheduled_log_off: None,
        created_at: at(0),
        version: 1,
    }
}

pub(crate) fn batch(
    organisation: u64,
    number: u64,
    at: DateTime<Utc>,
    events: Vec<Event>,
) -> Batch {
    Batch {
        organisation: id(organisation),
        number,
        epoch: 0,
        events: events.into(),
        at,
        sequence: 0,
    }
}

/// Commits one batch of organisation 129, at that many seconds.
pub(crate) async fn commit(store: &dyn Store, number: u64, seconds: i64, events: Vec<Event>) {
    store.commit(&[batch(129, number, at(seconds), events)]).await.expect("committed");
}

pub(crate) fn user(name: &str) -> UserRecord {
    UserRecord {
        user: name.into(),
        name: format!("名前 of {name}").into(),
        status: UserStatus::Active,
        user_type: licence("inbound_agent"),
        features: licences(&["agent_email", "agent_calls"]),
        synced: licences(&["agent_user_add_on"]),
        created_at: at(0),
        version: 2,
    }
}

pub(crate) fn user_saved(name: &str) -> Event {
    Event::UserSaved(user(name))
}

pub(crate) fn opened(session: u128, name: &str) -> SessionOpened {
    SessionOpened {
        session: SessionId(session),
        user: name.into(),
        device: Device::AgentDesktop,
        since: at(1),
        grace_s: 20,
        resume: ResumeDigest([7; 32]),
        address: "192.0.2.1".into(),
    }
}

pub(crate) fn session_opened(session: u128, name: &str) -> Event {
    Event::SessionOpened(opened(session, name))
}

pub(crate) fn session_closed(session: u128) -> Event {
    Event::SessionClosed { session: SessionId(session) }
}

pub(crate) fn usage_record(session: u128, name: &str, key: &str, seconds: i64) -> UsageRecord {
    UsageRecord {
        usage_type: UsageType::Acquired,
        at: at(seconds),
        licence: licence(key),
        user: name.into(),
        device: Device::AgentDesktop,
        session: SessionId(session),
        pool: GrantPool::Concurrent,
        reason: None,
    }
}

pub(crate) fn acquired(session: u128, name: &str, key: &str, seconds: i64, order: u64) -> Event {
    Event::Acquired {
        record: usage_record(session, name, key, seconds),
        holder_order: order,
        holder_since: at(seconds),
    }
}

pub(crate) fn released(session: u128, name: &str, key: &str, seconds: i64) -> Event {
    Event::Released(UsageRecord {
        usage_type: UsageType::Released,
        reason: Some(ReleaseReason::Logout),
        ..usage_record(session, name, key, seconds)
    })
}

pub(crate) fn queued(session: u128, key: &str, place: u64) -> Event {
    Event::Queued { session: SessionId(session), licence: licence(key), place }
}

pub(crate) fn unqueued(session: u128, key: &str) -> Event {
    Event::Unqueued { session: SessionId(session), licence: licence(key) }
}

pub(crate) fn denial(name: &str, key: &str, at: DateTime<Utc>) -> DenialRecord {
    DenialRecord {
        at,
        denied: Denied {
            licence: DeniedName::Licence(licence(key)),
            reason: DenialReason::Exhausted,
        },
        user: name.into(),
        device: Device::AgentDesktop,
        outcome: DenialOutcome::Partial,
    }
}

pub(crate) fn totals_set(key: &str, concurrent: u32, version: u64) -> Event {
    let totals = Totals { base: 9, concurrent, contingency: 2, fixed: 0 };
    Event::TotalsSet { licence: licence(key), totals, version, at: at(0) }
}

/// A user with an open session that holds the seat and e-mail, and waits for web chat.
pub(crate) fn logged_in(session: u128, name: &str) -> Vec<Event> {
    vec![
        user_saved(name),
        session_opened(session, name),
        acquired(session, name, "inbound_agent", 1, 11),
        acquired(session, name, "agent_email", 1, 12),
        queued(session, "agent_web_chat", 13),
    ]
}
