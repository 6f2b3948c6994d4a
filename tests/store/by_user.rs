//! One user's records: the same answers before, while and after the index by user is written, and while
//! old records go.

use crate::fixture::{
    ALL, Backend, at, batch, catalogue, id, open, open_with_129, settings, usage_record, utc,
};
use crate::sqlite::SqliteBackend;
use chrono::TimeDelta;
use licence_broker::domain::event::{Event, UsageRecord};
use licence_broker::domain::ids::SessionId;
use licence_broker::domain::reason::{ReleaseReason, UsageType};
use licence_broker::store::sqlite::{SqliteStore, transfer};
use licence_broker::store::{self, Page, Store, Stored, UsageFilter, UsageRow};
use std::ops::Range;

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
async fn write(store: &dyn Store, records: Range<u32>) {
    write_as(store, u64::from(records.start / 100) + 1, records).await;
}

/// The same where the first commit has another number than the records have.
async fn write_as(store: &dyn Store, first_commit: u64, records: Range<u32>) {
    for (number, first) in (first_commit..).zip(records.step_by(100)) {
        let ahead = |number| {
            let record = record(number);
            Event::Released(UsageRecord { at: record.at + TimeDelta::hours(1), ..record })
        };
        let released = |number| Event::Released(record(number));
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
        let range = store::Range { from: from.map(at), to: to.map(at) };
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
    while store.upkeep().await.expect("done") {
        answers_are_right(&*store).await;
    }
    answers_are_right(&*store).await;
    write(&*store, 9_000..9_300).await;
    answers_are_right(&*store).await;
}

/// Where the index by user is written behind the log.
#[tokio::test]
async fn upkeep_has_an_end_and_goes_on_after_a_restart() {
    let backend = &SqliteBackend::new();
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

pub(crate) async fn what_is_forgotten_is_in_nobodys_answers(backend: &dyn Backend) {
    let store = open_with_129(backend).await;
    assert!(store.create_organisation(&settings(130), None).await.expect("created"));
    write(&*store, 0..13_000).await;
    while store.upkeep().await.expect("done") {}
    // Months later, so that the one of the records is over.
    let later = at(100 * 24 * 3_600);
    let month = "2026-05-01".parse().expect("a date");
    let closed = || {
        let at = utc("2026-06-01T00:00:00Z");
        vec![Event::MonthClosed { month, lines: Vec::new(), at }]
    };
    let month_over = [batch(129, 131, later, closed()), batch(130, 131, later, closed())];
    store.commit(&month_over).await.expect("committed");
    // Those of 129 first: of the same runs 130 keeps its own, which are an hour ahead.
    for (before, of_other) in [(at(3_600), 11_700), (later, 0)] {
        while store.prune(before, 4_500).await.expect("pruned") > 0 {
            answers_are_right(&*store).await;
        }
        let left = async |organisation| {
            let all = UsageFilter::default();
            store.usage_page(id(organisation), &all, ALL).await.expect("a page").len()
        };
        assert_eq!((left(129).await, left(130).await), (0, of_other));
    }
    write_as(&*store, 132, 70_000_000..70_009_000).await;
    while store.upkeep().await.expect("done") {
        answers_are_right(&*store).await;
    }
    answers_are_right(&*store).await;
}

/// Where it comes to, another organisation has an index that ends within the next run.
#[tokio::test]
async fn an_organisation_that_came_from_elsewhere_gets_its_index_by_upkeep() {
    let (from, to) = (SqliteBackend::new(), SqliteBackend::new());
    let store = open_with_129(&from).await;
    assert!(store.create_organisation(&settings(130), None).await.expect("created"));
    write(&*store, 0..9_000).await;
    while store.upkeep().await.expect("done") {}
    let url = from.path().display().to_string();
    let mut exported = Vec::new();
    transfer::export(&url, id(129), &mut exported).await.expect("exported");
    let url = to.path().display().to_string();
    let store = SqliteStore::open(&url, catalogue()).await.expect("opens");
    for number in [130, 131] {
        assert!(store.create_organisation(&settings(number), None).await.expect("created"));
    }
    let there = |number| Event::Released(record(number));
    let records = (0..9_500).map(there).collect();
    store.commit(&[batch(131, 1, at(9_000), records)]).await.expect("committed");
    while store.upkeep().await.expect("done") {}
    let mut lines = &*exported;
    store.import(None, &mut lines).await.expect("imported");
    answers_are_right(&store).await;
    assert_eq!(paged(&store, &UsageFilter::default(), 997).await.len(), 9_000);
    while store.upkeep().await.expect("done") {
        answers_are_right(&store).await;
    }
    answers_are_right(&store).await;
    let database = rusqlite::Connection::open(to.path()).expect("opens");
    let indexed = "SELECT count(*) FROM usage_of_user \
                   JOIN organisations ON key = organisation WHERE number = 129";
    let indexed: i64 = database.query_row(indexed, [], |row| row.get(0)).expect("counted");
    assert!(indexed > 0, "some of what came is indexed");
}
