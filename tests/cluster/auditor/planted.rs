//! The auditor finds what is planted.

use super::book::Book;
use super::{Farewell, Found, Welcome};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const LEASE: Duration = Duration::from_secs(3);
const SEAT: &str = "inbound_agent";

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn seat() -> BTreeSet<String> {
    BTreeSet::from([SEAT.to_owned()])
}

/// One seat, and whoever is said has come in.
fn book(in_: &[(u64, &str, u64)]) -> Book {
    let mut book = Book::new(LEASE, true);
    book.buy(1, SEAT, 1);
    for (at, user, grace) in in_ {
        let (organisation, user, session) = (1, (*user).to_owned(), format!("of-{user}"));
        let (grace, granted) = (s(*grace), seat());
        book.logged_in(s(*at), Welcome { organisation, user, session, grace, granted });
    }
    book
}

/// A record of the log for each word: `+ann`, `-ann`; a second apart, from 12:00:01 on.
fn found(log: &[&str], open: &[&str]) -> BTreeMap<u64, Found> {
    let record = |(index, word): (usize, &&str)| {
        let (sign, user) = word.split_at(1);
        let usage_type = if sign == "+" { "Acquired" } else { "Released" };
        json!({ "usage_type": usage_type, "logged_at": format!("2026-11-02T12:00:{:02}Z", index + 1),
            "licence": SEAT, "user": user, "session": format!("of-{user}"), "pool": "concurrent",
            "reason": if sign == "+" { Value::Null } else { json!("connection_lost") } })
    };
    let usage = log.iter().enumerate().map(record).collect();
    let session =
        |user: &&str| json!({ "session": format!("of-{user}"), "licences": [{ "licence": SEAT }] });
    let sessions = open.iter().map(session).collect();
    BTreeMap::from([(1, Found { usage, sessions, intervals: Vec::new() })])
}

fn assert_fault(faults: &[String], begins: &str) {
    let is_there = faults.iter().any(|fault| fault.contains(begins));
    assert!(is_there, "{begins} was not found: {faults:?}");
}

#[test]
fn a_seat_that_two_may_use_is_an_over_grant() {
    let mut book = book(&[(0, "ann", 0), (1, "bob", 0)]);
    assert_fault(book.faults(), "OVER-GRANT: 2 hold inbound_agent");
}

#[test]
fn what_was_on_its_way_when_another_was_granted_counts_as_told() {
    for (told_ms, faults) in [(50, 0), (150, 1)] {
        let mut book = book(&[(0, "ann", 0), (1, "bob", 0)]);
        let at = s(1) + Duration::from_millis(told_ms);
        book.ended(at, "of-ann", Farewell::Closed(4000));
        assert_eq!(book.faults().len(), faults, "{told_ms}");
    }
}

#[test]
fn a_device_whose_connection_broke_holds_until_its_lease_is_over() {
    for (at, faults) in [(2, 1), (3, 1), (4, 0)] {
        let mut book = book(&[(0, "ann", 0)]);
        book.ended(s(1), "of-ann", Farewell::Broke);
        let (user, session) = ("bob".to_owned(), "of-bob".to_owned());
        let granted = seat();
        book.logged_in(s(at), Welcome { organisation: 1, user, session, grace: s(0), granted });
        assert_eq!(book.faults().len(), faults, "{at}");
    }
}

#[test]
fn a_frame_that_comes_too_late_gives_nothing_back() {
    let mut book = book(&[(0, "ann", 20)]);
    assert!(book.heard(s(3), "of-ann"));
    assert!(!book.heard(s(7), "of-ann"));
    assert!(!book.heard(s(7), "of-ann"), "not by a second one either");
    assert!(book.holders(s(7), 1, SEAT).is_empty());
    book.resumed(s(8), "of-ann", &seat());
    assert!(book.holders(s(8), 1, SEAT).contains_key("of-ann"));
}

#[test]
fn with_grace_a_close_takes_nothing_and_without_everything() {
    for (grace, holds) in [(20, true), (0, false)] {
        let mut book = book(&[(0, "ann", grace)]);
        book.ended(s(1), "of-ann", Farewell::Closed(4002));
        assert_eq!(!book.holders(s(2), 1, SEAT).is_empty(), holds);
    }
    let mut book = book(&[(0, "ann", 20)]);
    book.ended(s(1), "of-ann", Farewell::OwnWish);
    assert!(book.holders(s(1), 1, SEAT).is_empty(), "whoever logged out has no grace");
}

#[test]
fn two_devices_of_one_user_are_one_holder() {
    let mut book = book(&[(0, "ann", 0)]);
    let (user, session) = ("ann".to_owned(), "phone".to_owned());
    book.logged_in(s(1), Welcome { organisation: 1, user, session, grace: s(0), granted: seat() });
    assert_eq!(book.faults(), [""; 0]);
}

#[test]
fn a_grant_that_is_not_in_the_log_is_lost() {
    let book = book(&[(0, "ann", 0)]);
    assert_fault(&book.against(&found(&[], &[])), "LOST GRANT: inbound_agent of of-ann");
    assert!(book.against(&found(&["+ann"], &["ann"])).is_empty());
}

#[test]
fn a_grant_that_was_given_back_and_taken_again_on_the_way_is_double() {
    let mut book = book(&[(0, "ann", 20)]);
    book.ended(s(1), "of-ann", Farewell::Closed(4002));
    book.resumed(s(2), "of-ann", &seat());
    let pair = found(&["+ann", "-ann", "+ann"], &["ann"]);
    assert_fault(&book.against(&pair), "DOUBLE: inbound_agent of of-ann: told 1, kept 2");
}

#[test]
#[should_panic(expected = "acquired twice")]
fn a_record_that_is_there_twice_is_found() {
    book(&[(0, "ann", 0)]).against(&found(&["+ann", "+ann"], &["ann"]));
}

#[test]
#[should_panic(expected = "more holders than were bought")]
fn a_log_with_more_holders_than_were_bought_is_found() {
    book(&[]).against(&found(&["+ann", "+bob"], &["ann", "bob"]));
}

#[test]
fn an_open_record_without_a_session_is_found() {
    let book = book(&[]);
    let faults = book.against(&found(&["+ann"], &[]));
    assert_fault(&faults, "inbound_agent of session of-ann: open in the log true");
}

#[test]
fn a_session_with_grace_must_be_resumable_with_what_it_had() {
    let mut book = book(&[(0, "ann", 20)]);
    book.ended(s(1), "of-ann", Farewell::Broke);
    book.resumed(s(2), "of-ann", &BTreeSet::new());
    assert_fault(book.faults(), "resumed without [\"inbound_agent\"]");
    book.ended(s(3), "of-ann", Farewell::Broke);
    book.could_not_resume(s(4), "of-ann");
    assert_fault(book.faults(), "has grace and could not resume");
}

#[test]
fn what_is_granted_to_whoever_withdraws_is_not_held() {
    let mut book = book(&[(0, "ann", 0)]);
    let (user, session) = ("bob".to_owned(), "of-bob".to_owned());
    let granted = BTreeSet::new();
    book.logged_in(s(1), Welcome { organisation: 1, user, session, grace: s(0), granted });
    book.gives_up(s(1), "of-bob", SEAT);
    book.granted(s(1), "of-bob", &seat());
    book.released(s(1), "of-bob", &seat(), "requested");
    assert_eq!(book.faults(), [""; 0]);
    assert_fault(&book.against(&found(&["+ann"], &["ann"])), "LOST GRANT: inbound_agent of of-bob");
}

#[test]
fn a_successor_that_releases_early_is_found() {
    let noon: DateTime<Utc> = "2026-11-02T12:00:00Z".parse().unwrap();
    let mut book = book(&[(0, "ann", 0)]);
    book.node_lost(s(1), &[1], noon);
    book.ended(s(1), "of-ann", Farewell::Broke);
    let early = found(&["+ann", "-ann"], &[]);
    assert_fault(&book.against(&early), "before the successor might");
    let late = found(&["+bob", "-bob", "+bob", "-bob", "+ann", "-ann"], &[]);
    let faults = book.against(&late);
    // Twelve o'clock and six seconds is late enough; nobody was told of Bob.
    assert!(faults.iter().all(|fault| !fault.contains("successor")), "{faults:?}");
}

#[test]
fn figures_that_are_there_twice_are_found() {
    let mut found = found(&[], &[]);
    let row =
        json!({ "licence": SEAT, "start": "2026-11-02T12:00:00Z", "end": "2026-11-02T12:05:00Z" });
    found.get_mut(&1).unwrap().intervals = vec![row.clone(), row];
    assert_fault(&book(&[]).against(&found), "two figures of one interval");
}
