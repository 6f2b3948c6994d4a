//! The auditor: knows the contract, and no code of what it audits.
//!
//! It reads two things: what clients were told, and what the store keeps. From the messages alone it counts
//! who certainly holds what; from the records it replays every organisation. Both must obey the contract,
//! and neither may say what the other denies.

mod book;
pub(crate) mod calm;
mod ends;
mod figures;
pub(crate) mod told;

use crate::kept::Kept;
use book::Book;
use chrono::{DateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use told::Told;

/// A life of the broker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    /// Monotonic time at which it began.
    began: Duration,
    /// The last that was known of the life before it.
    sign: Option<DateTime<Utc>>,
    running_since: DateTime<Utc>,
    /// Whether the wall clock was set in it.
    is_stepped: bool,
}

/// A connection that is there beyond doubt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Certain {
    pub(crate) conn: usize,
    pub(crate) session: u128,
    /// Records that were durable when it was answered.
    pub(crate) since: usize,
}

pub(crate) struct Auditor {
    books: Vec<Book>,
    lives: Vec<Life>,
    found: Option<String>,
}

impl Auditor {
    pub(crate) fn new(books: Vec<(Tz, Option<NaiveTime>)>, at: DateTime<Utc>) -> Self {
        let books = books.into_iter().map(|(zone, log_off)| Book::new(zone, log_off, at));
        Self { books: books.collect(), lives: Vec::new(), found: None }
    }

    /// The first thing that is not as it must be.
    pub(crate) fn found(&self) -> Option<&String> {
        self.found.as_ref()
    }

    pub(crate) fn fault(&mut self, what: String) {
        self.found.get_or_insert(what);
    }

    fn judge(&mut self, place: usize, judged: Result<(), String>) {
        if let Err(what) = judged {
            self.fault(format!("organisation {}: {what}", place + 1));
        }
    }

    pub(crate) fn life_begins(
        &mut self,
        life: u32,
        began: Duration,
        sign: Option<DateTime<Utc>>,
        running_since: DateTime<Utc>,
    ) {
        assert_eq!(self.lives.len(), usize::try_from(life).expect("few"));
        self.lives.push(Life { began, sign, running_since, is_stepped: false });
        for book in &mut self.books {
            book.broker_lives(life);
        }
    }

    pub(crate) fn clock_stepped(&mut self) {
        if let Some(life) = self.lives.last_mut() {
            life.is_stepped = true;
        }
    }

    /// How many records of an organisation were read.
    pub(crate) fn read(&self, place: usize) -> usize {
        self.books[place].read
    }

    pub(crate) fn catch_up(&mut self, place: usize, records: &[Kept]) {
        for kept in records {
            let judged = self.books[place].take(kept, &self.lives);
            self.judge(place, judged);
        }
    }

    /// The connections that are there, and those that are beyond doubt.
    pub(crate) fn connected(&mut self, here: &BTreeSet<usize>, certain: Vec<(usize, Certain)>) {
        for book in &mut self.books {
            book.clients.retain(|conn, _| here.contains(conn));
            book.certain.clear();
        }
        for (place, one) in certain {
            self.books[place].certain.insert(one.conn, one);
        }
    }

    pub(crate) fn told(&mut self, place: usize, told: Told) {
        let judged = self.books[place].told(told);
        self.judge(place, judged);
    }

    /// A goodbye is on its way, or the broker has a reason to think so.
    pub(crate) fn goodbye(
        &mut self,
        place: usize,
        session: u128,
        how: &'static str,
        elapsed: Duration,
    ) {
        self.books[place].ends.goodbye(session, how, elapsed);
    }

    pub(crate) fn resume_sent(&mut self, place: usize, session: u128) {
        self.books[place].resumes_sent.insert(session);
    }

    pub(crate) fn release_asked(&mut self, place: usize, session: u128) {
        self.books[place].ends.ask(session, "requested");
    }

    pub(crate) fn forced(&mut self, place: usize, session: u128) {
        self.books[place].ends.ask(session, "forced");
    }

    pub(crate) fn user_changes(&mut self, place: usize, user: &str) {
        self.books[place].ends.user_changes(user);
    }

    /// Somebody asks for totals that come to so many.
    pub(crate) fn buys(&mut self, place: usize, licence: &str, total: u32) {
        let most = self.books[place].bought_most.entry(licence.into()).or_default();
        *most = (*most).max(total);
    }

    /// Whether a resume that is sent now comes too late for sure.
    pub(crate) fn grace_is_over(
        &self,
        place: usize,
        session: u128,
        elapsed: Duration,
        loaded: Duration,
    ) -> bool {
        let began = self.lives.last().map_or(Duration::ZERO, |life| life.began);
        self.books[place].grace_is_over(session, elapsed, loaded.max(began))
    }

    pub(crate) fn at_rest(&mut self, place: usize, seen: &calm::Seen) {
        let judged = self.books[place].at_rest(seen, &self.lives);
        self.judge(place, judged);
    }

    pub(crate) fn wallboard_begins(&mut self, place: usize) {
        self.books[place].board = calm::Board::default();
    }

    /// A frame of live counts; how it was taken.
    pub(crate) fn frame(
        &mut self,
        place: usize,
        seq: u64,
        changed: &[calm::Counts],
        all: &[calm::Counts],
    ) -> &'static str {
        match self.books[place].board.take(seq, changed, all) {
            Ok(how) => how,
            Err(what) => {
                self.judge(place, Err(what));
                "wallboard: wrong"
            }
        }
    }
}

/// By connection, what clients know that they hold.
type ToldHeld = BTreeMap<usize, told::Client>;
