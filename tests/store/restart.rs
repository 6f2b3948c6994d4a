//! What a broker that starts again must know.

use crate::fixture::{
    Backend, at, batch, commit, denial, id, licence, load, logged_in, open, open_with_129,
    settings, usage, user_saved, utc,
};
use chrono::{DateTime, NaiveDate, Utc};
use licence_broker::domain::event::{DenialRecord, Denied, DeniedName, Event};
use licence_broker::domain::organisation::Settings;
use licence_broker::domain::overflow::HeldBy;
use licence_broker::domain::reason::DenialReason;
use licence_broker::store::{Run, Store, UsageFilter};

fn raised(month: &str, key: &str, maximum: u32, at: DateTime<Utc>) -> Event {
    let month: NaiveDate = month.parse().expect("a date");
    Event::MaximumRaised { month, licence: licence(key), maximum, at, sessions: HeldBy::default() }
}

/// A run of the broker that is alive at that many seconds.
fn run(seconds: i64) -> Run {
    Run { since: at(0), last: at(seconds) }
}

async fn last_life(store: &dyn Store) -> Option<DateTime<Utc>> {
    store.last_run().await.expect("read").map(|run| run.last)
}

/// Organisation 129 in Tokyo: its days begin at 15:00 UTC.
async fn open_in_tokyo(backend: &dyn Backend) -> std::sync::Arc<dyn Store> {
    let store = open(backend).await;
    let tokyo = Settings { time_zone: chrono_tz::Asia::Tokyo, ..settings(129) };
    assert!(store.create_organisation(&tokyo, None).await.expect("created"));
    store
}

pub(crate) async fn the_months_maximum_is_the_greatest_and_begins_anew_with_the_month(
    backend: &dyn Backend,
) {
    let store = open_in_tokyo(backend).await;
    let march = utc("2026-03-31T14:59:59.999Z");
    let events = vec![
        raised("2026-02-01", "agent_sms", 9, utc("2026-02-07T00:00:00Z")),
        raised("2026-03-01", "agent_sms", 2, march),
        raised("2026-03-01", "agent_sms", 5, march),
        raised("2026-03-01", "agent_email", 1, march),
    ];
    store.commit(&[batch(129, 1, march, events)]).await.expect("committed");
    let later = vec![raised("2026-03-01", "agent_sms", 4, march)];
    store.commit(&[batch(129, 2, march, later)]).await.expect("committed");
    let mut maxima = load(&*store, 129).await.snapshot.maxima;
    maxima.sort_unstable();
    assert_eq!(maxima, [(licence("agent_email"), 1), (licence("agent_sms"), 5)]);

    let april = utc("2026-03-31T15:00:00Z");
    let month = "2026-03-01".parse().expect("a date");
    let turned = vec![
        Event::MonthClosed { month, lines: Vec::new(), at: april },
        raised("2026-04-01", "agent_sms", 3, april),
    ];
    store.commit(&[batch(129, 3, april, turned)]).await.expect("committed");
    assert_eq!(load(&*store, 129).await.snapshot.maxima, [(licence("agent_sms"), 3)]);
}

pub(crate) async fn denials_are_counted_from_local_midnight(backend: &dyn Backend) {
    let store = open_in_tokyo(backend).await;
    let unknown = DenialRecord {
        denied: Denied {
            licence: DeniedName::Unknown("agent_sms".into()),
            reason: DenialReason::UnknownLicence,
        },
        ..denial("edred", "agent_sms", utc("2026-03-06T15:30:00Z"))
    };
    let records = [
        denial("edred", "agent_sms", utc("2026-03-06T14:59:59.999Z")),
        denial("edred", "agent_sms", utc("2026-03-06T15:00:00Z")),
        denial("wynn", "agent_sms", utc("2026-03-06T16:00:00Z")),
        unknown,
        denial("edred", "agent_email", utc("2026-03-06T17:00:00Z")),
    ];
    let last = utc("2026-03-06T17:00:00Z");
    let events = records.into_iter().map(Event::Denied).collect();
    store.commit(&[batch(129, 1, last, events)]).await.expect("committed");
    let mut denied = load(&*store, 129).await.snapshot.denied_today;
    denied.sort_unstable();
    assert_eq!(denied, [(licence("agent_email"), 1), (licence("agent_sms"), 2)]);
    let next_day = utc("2026-03-07T15:00:00Z");
    store.commit(&[batch(129, 2, next_day, Vec::new())]).await.expect("committed");
    assert!(load(&*store, 129).await.snapshot.denied_today.is_empty());
}

pub(crate) async fn the_last_sign_of_life_never_moves_backwards(backend: &dyn Backend) {
    let store = open(backend).await;
    assert_eq!(last_life(&*store).await, None);
    store.record_life(run(10)).await.expect("recorded");
    store.record_life(run(5)).await.expect("recorded");
    assert_eq!(last_life(&*store).await, Some(at(10)));
    assert!(store.create_organisation(&settings(129), None).await.expect("created"));
    commit(&*store, 1, 20, logged_in(1, "edred")).await;
    assert_eq!(last_life(&*store).await, Some(at(20)), "a record is a sign of life");
    commit(&*store, 2, 21, vec![Event::OrganisationRemoved { at: at(21) }]).await;
    assert_eq!(last_life(&*store).await, Some(at(21)), "whoever made it");
    store.record_life(run(30)).await.expect("recorded");
    assert_eq!(last_life(&*store).await, Some(at(30)));
}

pub(crate) async fn what_was_kept_survives_reopening(backend: &dyn Backend) {
    let store = open_with_129(backend).await;
    commit(&*store, 1, 1, logged_in(1, "edred")).await;
    store.record_life(run(7)).await.expect("recorded");
    let before = load(&*store, 129).await;
    let records = usage(&*store, &UsageFilter::default()).await;
    drop(store);
    let store = open(backend).await;
    let after = load(&*store, 129).await;
    assert_eq!(format!("{after:?}"), format!("{before:?}"));
    assert_eq!(usage(&*store, &UsageFilter::default()).await, records);
    assert_eq!(last_life(&*store).await, Some(at(7)));
    assert_eq!(store.user(id(129), "edred").await.expect("read").map(|user| user.version), Some(2));
}

pub(crate) async fn the_sequence_goes_on_though_what_bore_its_last_numbers_is_gone(
    backend: &dyn Backend,
) {
    let store = open_with_129(backend).await;
    let mut created = batch(129, 1, at(1), vec![user_saved("edred")]);
    created.sequence = 6;
    let deleted = Event::UserDeleted { user: "edred".into(), at: at(2) };
    let mut deleted = batch(129, 2, at(2), vec![deleted]);
    deleted.sequence = 7;
    store.commit(&[created, deleted]).await.expect("committed");
    assert_eq!(load(&*store, 129).await.snapshot.sequence, 7);
}
