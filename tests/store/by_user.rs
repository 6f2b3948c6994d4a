//! One user's records: the same answers before, while and after the index by user is written.

use crate::fixture::{ALL, Backend, at, batch, id, open, open_with_129, settings, usage_record};
use chrono::TimeDelta;
use licence_broker::domain::event::{Event, UsageRecord};
use licence_broker::domain::ids::SessionId;
use licence_broker::domain::reason::{ReleaseReason, UsageType};
use licence_broker::store::{Page, Range, Store, Stored, UsageFilter, UsageRow};

const USERS: [&str; 3] = ["edred", "wynn", "エドレッド"];

/// Record `number` of a log in which users, types and reasons take turns, seven records to a second.
fn record(number: u32) -> UsageRecord {
    let number = usize::try_from(number).expect("small");
    let key = ["inbound_agent", "agent_email"][number % 2];
    let seconds = i64::try_from(number / 7).expect("small");
    let session = u128::try_from(number / 5).expect("small");
    let user = USERS[number * number % 11 % 3];
    let reason = [ReleaseReason::Logout, ReleaseReason::Forced][number % 5 % 2];
    let usage_type = UsageType::Released;
    let record = usage_record(session, user, key, seconds);
    UsageRecord { usage_type, reason: Some(reason), ..record }
}

/// In each commit another organisation, whose clock is ahead, comes first. What it does shows in no
/// answer, though steps of upkeep begin and end among its records.
async fn write(store: &dyn Store, records: std::ops::Range<u32>) {
    for first in records.step_by(100) {
        let ahead = |number| {
            let record = record(number);
            Event::Released(UsageRecord { at: record.at + TimeDelta::hours(1), ..record })
        };
        let released = |number| Event::Released(record(number));
        let number = u64::from(first / 100) + 1;
        let end = at(i64::from(first));
        let other = batch(130, number, end, (first..first + 90).map(ahead).collect());
        let own = batch(129, number, end, (first..first + 100).map(released).collect());
        store.commit(&[other, own]).await.expect("committed");
    }
}

fn is_asked_for(filter: &UsageFilter, row: &UsageRow) -> bool {
    filter.user.as_deref().is_none_or(|user| *row.user == *user)
        && filter.licence.as_ref().is_none_or(|licence| row.licence == *licence)
        && filter.session.is_none_or(|session| row.session == session)
        && filter.reason.is_none_or(|reason| row.reason == Some(reason))
        && filter.range.from.is_none_or(|from| row.at >= from)
        && filter.range.to.is_none_or(|to| row.at < to)
}

fn questions() -> Vec<UsageFilter> {
    let ranges = [(None, None), (Some(100), Some(101)), (Some(550), None), (None, Some(700))];
    let mut questions = Vec::new();
    for (from, to) in ranges {
        let range = Range { from: from.map(at), to: to.map(at) };
        for user in USERS[1..].iter().chain(&["nobody"]) {
            let user = Some((*user).to_owned());
            let plain = UsageFilter { range, user, ..UsageFilter::default() };
            let licence = Some("agent_email".to_owned());
            questions.push(UsageFilter { licence, ..plain.clone() });
            questions.push(UsageFilter { reason: Some(ReleaseReason::Forced), ..plain.clone() });
            questions.push(UsageFilter { session: Some(SessionId(140)), ..plain.clone() });
            questions.push(plain);
        }
    }
    questions
}

/// All of a list, by pages of so many rows.
async fn paged(store: &dyn Store, filter: &UsageFilter, limit: u32) -> Vec<Stored<UsageRow>> {
    let (mut rows, mut after) = (Vec::new(), 0);
    loop {
        let page = store.usage_page(id(129), filter, Page { after, limit }).await.expect("a page");
        assert!(page.len() <= limit as usize);
        let Some(last) = page.last() else { return rows };
        after = last.cursor;
        rows.extend(page);
    }
}

/// Holds every question against the whole log, sieved here.
async fn answers_are_right(store: &dyn Store) {
    let all = store.usage_page(id(129), &UsageFilter::default(), ALL).await.expect("a page");
    for filter in questions() {
        let expected = all.iter().filter(|stored| is_asked_for(&filter, &stored.row));
        let expected: Vec<_> = expected.cloned().collect();
        for limit in [ALL.limit, 997] {
            assert_eq!(paged(store, &filter, limit).await, expected, "{filter:?} by {limit}");
        }
    }
}

pub(crate) async fn a_users_records_are_the_same_while_their_index_is_written(
    backend: &dyn Backend,
) {
    let store = open_with_129(backend).await;
    assert!(store.create_organisation(&settings(130), None).await.expect("created"));
    write(&*store, 0..9_000).await;
    answers_are_right(&*store).await;
    let mut steps = 1;
    while store.upkeep().await.expect("done") {
        answers_are_right(&*store).await;
        steps += 1;
    }
    assert!(steps > 1, "the log is long enough for more than one step");
    answers_are_right(&*store).await;
    write(&*store, 9_000..9_300).await;
    answers_are_right(&*store).await;
}

pub(crate) async fn upkeep_has_an_end_and_goes_on_after_a_restart(backend: &dyn Backend) {
    let store = open_with_129(backend).await;
    assert!(store.create_organisation(&settings(130), None).await.expect("created"));
    assert!(!store.upkeep().await.expect("done"), "nothing was written yet");
    write(&*store, 0..9_000).await;
    assert!(store.upkeep().await.expect("done"));
    drop(store);
    let store = open(backend).await;
    // Two at once do no harm.
    loop {
        let (first, second) = tokio::join!(store.upkeep(), store.upkeep());
        if !first.expect("done") && !second.expect("done") {
            break;
        }
    }
    assert!(!store.upkeep().await.expect("done"));
    write(&*store, 9_000..13_000).await;
    while store.upkeep().await.expect("done") {}
    answers_are_right(&*store).await;
}
