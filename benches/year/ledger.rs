//! Counts holders along the events, and writes the five-minute figures and those by the hour.

use chrono::{DateTime, NaiveDate, Utc};
use licence_broker::domain::catalogue::{Catalogue, Model};
use licence_broker::domain::event::Event;
use licence_broker::domain::ids::{LicenceId, SessionId, UserName};
use licence_broker::domain::pool::Totals;
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

const INTERVAL_MS: i64 = 5 * 60_000;
const HOUR_MS: i64 = 60 * 60_000;

/// The sessions that held the contingency licences when a month's maximum was reached.
pub(super) type Maxima = BTreeMap<(NaiveDate, Arc<str>), Vec<(SessionId, UserName)>>;

pub(super) struct Ledger {
    /// Of the interval under way.
    start: i64,
    /// By the position of the type in the catalogue.
    types: Vec<Type>,
    rows: Vec<Row>,
    pub(super) maxima: Maxima,
}

struct Type {
    key: Arc<str>,
    is_fixed: bool,
    /// Whether there are figures of it: it is reported, and assigned to somebody.
    is_recorded: bool,
    totals: Totals,
    holders: HashMap<UserName, Holder>,
    /// Concurrent, contingency and all holders, now and since the interval began.
    now: [i64; 3],
    peak: [i64; 3],
    low: [i64; 3],
}

struct Holder {
    order: u64,
    sessions: Vec<SessionId>,
}

/// Start, type, and what it has at the end, its peaks and its lows.
struct Row(i64, usize, [i64; 3], [i64; 3], [i64; 3]);

impl Ledger {
    pub(super) fn new(catalogue: &Catalogue, since: DateTime<Utc>) -> Self {
        let types = catalogue.iter().map(|(_, licence)| Type {
            key: licence.key.clone(),
            is_fixed: licence.model == Model::FixedSeat,
            is_recorded: false,
            totals: Totals::default(),
            holders: HashMap::new(),
            now: [0; 3],
            peak: [0; 3],
            low: [0; 3],
        });
        let start = since.timestamp_millis().div_euclid(INTERVAL_MS) * INTERVAL_MS;
        Self { start, types: types.collect(), rows: Vec::new(), maxima: Maxima::new() }
    }

    /// Counts what an event changes.
    pub(super) fn note(&mut self, event: &Event) {
        match event {
            Event::Acquired { record, holder_order, .. } => {
                self.advance(record.at.timestamp_millis());
                let of_type = self.of(record.licence);
                let fresh = || Holder { order: *holder_order, sessions: Vec::new() };
                let holder = of_type.holders.entry(record.user.clone()).or_insert_with(fresh);
                holder.sessions.push(record.session);
                of_type.recount();
            }
            Event::Released(record) => {
                self.advance(record.at.timestamp_millis());
                let of_type = self.of(record.licence);
                let holder = of_type.holders.get_mut(&record.user).expect("it was acquired");
                holder.sessions.retain(|session| *session != record.session);
                if holder.sessions.is_empty() {
                    of_type.holders.remove(&record.user);
                }
                of_type.recount();
            }
            Event::MaximumRaised { month, licence, maximum, .. } => {
                let of_type = self.of(*licence);
                let (key, last) = (of_type.key.clone(), of_type.last_holders(*maximum));
                self.maxima.insert((*month, key), last);
            }
            Event::TotalsSet { licence, totals, .. } => {
                let of_type = self.of(*licence);
                of_type.totals = *totals;
                of_type.is_recorded = true;
            }
            _ => {}
        }
    }

    fn of(&mut self, licence: LicenceId) -> &mut Type {
        &mut self.types[licence.index()]
    }

    /// Ends every interval that is over at `now`.
    fn advance(&mut self, now: i64) {
        while self.start + INTERVAL_MS <= now {
            for (index, of_type) in self.types.iter_mut().enumerate() {
                if of_type.is_recorded {
                    let Type { now, peak, low, .. } = of_type;
                    self.rows.push(Row(self.start, index, *now, *peak, *low));
                    (of_type.peak, of_type.low) = (of_type.now, of_type.now);
                }
            }
            self.start += INTERVAL_MS;
        }
    }

    /// Keeps every interval that ended until `end`.
    pub(super) fn write(&mut self, path: &Path, end: DateTime<Utc>) {
        self.advance(end.timestamp_millis());
        let mut connection = open(path);
        let transaction = connection.transaction().expect("begun");
        let key: i64 = transaction
            .query_row("SELECT max(key) FROM organisations", [], |row| row.get(0))
            .expect("there");
        let mut insert = transaction
            .prepare(
                "INSERT INTO intervals (organisation, start, licence, concurrent, contingency, \
                 concurrent_peak, concurrent_low, contingency_peak, contingency_low, holders_peak) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .expect("prepared");
        for Row(start, of_type, now, peak, low) in &self.rows {
            let licence = &*self.types[*of_type].key;
            insert
                .execute(params![
                    key, start, licence, now[0], now[1], peak[0], low[0], peak[1], low[1], peak[2]
                ])
                .expect("kept");
        }
        drop(insert);
        let first = self.rows.first().map_or(self.start, |row| row.0) / HOUR_MS * HOUR_MS;
        transaction.execute(BY_THE_HOUR, params![key, first]).expect("kept");
        let until = "UPDATE organisations SET intervals_until = ? WHERE key = ?";
        transaction.execute(until, params![self.start, key]).expect("kept");
        transaction.commit().expect("committed");
        self.rows.clear();
    }
}

const BY_THE_HOUR: &str = "INSERT OR REPLACE INTO interval_hours SELECT organisation, \
    start / 3600000 * 3600000 AS hour, licence, count(*), sum(concurrent), sum(contingency), \
    max(concurrent_peak), min(concurrent_low), max(contingency_peak), min(contingency_low), \
    max(holders_peak) FROM intervals WHERE organisation = ? AND start >= ? \
    GROUP BY organisation, hour, licence";

impl Type {
    fn recount(&mut self) {
        let holders = u32::try_from(self.holders.len()).expect("as many as there are users");
        let split = self.totals.split(holders);
        let concurrent = if self.is_fixed { holders } else { split.concurrent };
        self.now = [concurrent, split.contingency, holders].map(i64::from);
        for (index, now) in self.now.into_iter().enumerate() {
            self.peak[index] = self.peak[index].max(now);
            self.low[index] = self.low[index].min(now);
        }
    }

    /// Those who became holders last, with the session that made each one.
    fn last_holders(&self, count: u32) -> Vec<(SessionId, UserName)> {
        let mut holders: Vec<_> = self.holders.iter().collect();
        holders.sort_by_key(|(_, holder)| std::cmp::Reverse(holder.order));
        let first = |(user, holder): (&UserName, &Holder)| (holder.sessions[0], user.clone());
        holders.into_iter().take(count as usize).map(first).collect()
    }
}

/// The database, beside the store: nothing of it has to survive the loss of power.
pub(super) fn open(path: &Path) -> Connection {
    let connection = Connection::open(path).expect("the file opens");
    connection.pragma_update(None, "synchronous", "OFF").expect("set");
    connection
}
