//! An auditor that knows what devices were told, and when, by the clock of this test alone. It shares no code
//! with the broker, and does not know which node said what.

mod book;
mod planted;
mod sitting;
mod verdict;

use crate::support::audit::Held;
use book::Book;
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

pub(crate) use verdict::Found;

/// Parts of `heartbeat_s` after which a device that heard nothing holds nothing (§4, dead peers).
const LEASE_HEARTBEATS: f64 = 1.5;

/// What a device was given, in one answer.
#[derive(Clone, Debug)]
pub(crate) struct Welcome {
    pub(crate) organisation: u64,
    pub(crate) user: String,
    pub(crate) session: String,
    pub(crate) grace: Duration,
    pub(crate) granted: BTreeSet<String>,
}

/// How a connection came to its end, as its device knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// The device logged out, sent a close frame, or went away without having asked for grace.
    OwnWish,
    /// A close frame of the broker.
    Closed(u16),
    /// The connection broke, or said nothing for too long.
    Broke,
}

/// Shared by all devices of a test.
#[derive(Clone)]
pub(crate) struct Auditor {
    book: Arc<Mutex<Book>>,
    /// The instants in the book are counted from here.
    began: Instant,
}

impl Auditor {
    /// `heartbeat` is that of the nodes. Of a broker by itself nobody takes anything over.
    pub(crate) fn new(heartbeat: Duration, is_alone: bool) -> Self {
        let book = Book::new(heartbeat.mul_f64(LEASE_HEARTBEATS), !is_alone);
        Self { book: Arc::new(Mutex::new(book)), began: Instant::now() }
    }

    /// What an organisation has of a type, contingency included: the most that was ever bought.
    pub(crate) fn bought(&self, organisation: u64, licence: &str, total: usize) {
        self.book().buy(organisation, licence, total);
    }

    /// A login was answered `logged_in`.
    pub(crate) fn logged_in(&self, welcome: Welcome) {
        let at = self.now();
        self.book().logged_in(at, welcome);
    }

    /// A resume was answered `resumed`; `granted` is what the broker says that the session holds.
    pub(crate) fn resumed(&self, session: &str, granted: &BTreeSet<String>) {
        let at = self.now();
        self.book().resumed(at, session, granted);
    }

    /// A resume was answered by 4508.
    pub(crate) fn could_not_resume(&self, session: &str) {
        let at = self.now();
        self.book().could_not_resume(at, session);
    }

    /// `acquired` or an unasked `granted`.
    pub(crate) fn granted(&self, session: &str, licences: &BTreeSet<String>) {
        let at = self.now();
        self.book().granted(at, session, licences);
    }

    /// Any frame of the broker; whether the device may go on. It may not if it comes too late.
    pub(crate) fn heard(&self, session: &str) -> bool {
        let at = self.now();
        self.book().heard(at, session)
    }

    /// A device is about to ask that this is taken back, and uses it no more.
    pub(crate) fn gives_up(&self, session: &str, licence: &str) {
        let at = self.now();
        self.book().gives_up(at, session, licence);
    }

    /// `released`, or what `logged_out` lists.
    pub(crate) fn released(&self, session: &str, licences: &BTreeSet<String>, reason: &str) {
        let at = self.now();
        self.book().released(at, session, licences, reason);
    }

    /// The end of a connection. A device says its own wish before it acts on it.
    pub(crate) fn ended(&self, session: &str, farewell: Farewell) {
        let at = self.now();
        self.book().ended(at, session, farewell);
    }

    /// What no client may be told, whatever happens to nodes.
    pub(crate) fn object(&self, what: &str) {
        let at = self.now();
        self.book().object(at, what);
    }

    /// A node that owned these organisations was lost just now: whatever holds there is kept for two
    /// heartbeats at least, whoever takes over (§4). `by_records` is the time that records will have.
    pub(crate) fn node_lost(&self, organisations: &[u64], by_records: DateTime<Utc>) {
        let at = self.now();
        self.book().node_lost(at, organisations, by_records);
    }

    /// How many grants devices were told of.
    pub(crate) fn grants(&self) -> usize {
        self.book().grants()
    }

    /// How many resumes came through.
    pub(crate) fn resumes(&self) -> usize {
        self.book().resumes
    }

    /// Nobody has a session that ended without a wish and can still be resumed.
    pub(crate) fn is_at_rest(&self) -> bool {
        let at = self.now();
        self.book().is_at_rest(at)
    }

    /// What connected devices believe to hold now, by organisation.
    pub(crate) fn held_now(&self, organisation: u64) -> BTreeSet<Held> {
        let at = self.now();
        self.book().held_by_connected(at, organisation)
    }

    /// Holds what was told against what is found at the end, with nobody acting any more: the per-user log
    /// and the open sessions of each organisation.
    ///
    /// # Panics
    /// If they do not agree, or anything was wrong while devices worked.
    pub(crate) fn verdict(&self, found: &BTreeMap<u64, Found>) {
        let mut book = self.book();
        let told = book.faults().to_vec();
        let faults: Vec<String> = told.into_iter().chain(book.against(found)).collect();
        drop(book);
        assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }
}

/// The names in a list of licences, `[{"licence":…}]` or `["…"]`.
pub(crate) fn names(list: &Value) -> BTreeSet<String> {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let name = |item: &Value| item["licence"].as_str().or(item.as_str()).map(str::to_owned);
    items.iter().filter_map(name).collect()
}
