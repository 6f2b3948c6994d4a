//! What became of the logins, and how long it took.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::limits::{LATENCY_US_MAX, WORDS_PER_TABLE_MAX};
use crate::wire::Denied;

const SIGNIFICANT_DIGITS: u8 = 3;
const OTHER: &str = "other";

pub(crate) struct Tally {
    pub(crate) outcomes: Outcomes,
    pub(crate) latencies: Latencies,
    /// When each `logged_in` came in.
    pub(crate) logged_in_at: Vec<Instant>,
    decided: usize,
}

/// Each login is in exactly one of the first seven.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Outcomes {
    /// Logged in, and nothing denied.
    pub(crate) logged_in_full: u64,
    /// Logged in, and something denied.
    pub(crate) logged_in_partial: u64,
    /// By reason.
    pub(crate) login_refused: Words,
    /// The connection ended before the login was decided: by close code, or by what happened.
    pub(crate) ended_undecided: Words,
    /// The upgrade was answered with another HTTP status than 101: by status.
    pub(crate) http_errors: Words,
    /// No connection, or no WebSocket: by what happened.
    pub(crate) not_connected: Words,
    pub(crate) timed_out: u64,
    /// What was denied in all logins, refused or partial: by licence, then by reason.
    pub(crate) denied: BTreeMap<String, Words>,
    /// Every close frame that the broker sent: by code.
    pub(crate) close_codes: Words,
    /// Sessions that were logged in and ended before they left: by close code, or by what happened.
    pub(crate) ended_early: Words,
    /// How the others left.
    pub(crate) left: Words,
    /// What the protocol does not allow, or does not expect here.
    pub(crate) faults: Words,
}

/// Counts by word; bounded, since some of the words are the broker's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Words(pub(crate) BTreeMap<String, u64>);

/// In microseconds, from the moment at which a login was due.
pub(crate) struct Latencies {
    /// Until this tool began with it: its own lateness, contained in the others.
    pub(crate) begun: Histogram<u64>,
    /// Until the connection was there and upgraded.
    pub(crate) upgraded: Histogram<u64>,
    /// Until `logged_in`.
    pub(crate) licence: Histogram<u64>,
    /// Until `login_refused`.
    pub(crate) refusal: Histogram<u64>,
}

impl Words {
    pub(crate) fn add(&mut self, word: &str) {
        if let Some(count) = self.0.get_mut(word) {
            *count += 1;
            return;
        }
        let word = if self.0.len() < WORDS_PER_TABLE_MAX { word } else { OTHER };
        *self.0.entry(word.to_owned()).or_default() += 1;
    }

    /// Adds the counts of another table.
    pub(crate) fn add_all(&mut self, other: &Self) {
        for (word, count) in &other.0 {
            *self.0.entry(word.clone()).or_default() += count;
        }
    }

    /// Sets a word's count, unless it is 0.
    pub(crate) fn put(&mut self, word: &str, count: u64) {
        if count > 0 {
            self.0.insert(word.to_owned(), count);
        }
    }

    /// How many there were of all.
    pub(crate) fn total(&self) -> u64 {
        self.0.values().sum()
    }
}

impl Tally {
    /// # Errors
    ///
    /// Where the histograms cannot be made.
    pub(crate) fn new() -> Result<Self> {
        let latencies = Latencies {
            begun: latencies()?,
            upgraded: latencies()?,
            licence: latencies()?,
            refusal: latencies()?,
        };
        let (outcomes, logged_in_at) = (Outcomes::default(), Vec::new());
        Ok(Self { outcomes, latencies, logged_in_at, decided: 0 })
    }

    /// Logins whose outcome is known.
    pub(crate) fn decided(&self) -> usize {
        self.decided
    }

    pub(crate) fn begun(&mut self, after: Duration) {
        self.latencies.begun.saturating_record(microseconds(after));
    }

    pub(crate) fn upgraded(&mut self, after: Duration) {
        self.latencies.upgraded.saturating_record(microseconds(after));
    }

    pub(crate) fn logged_in(&mut self, after: Duration, denied: &[Denied]) {
        self.latencies.licence.saturating_record(microseconds(after));
        self.logged_in_at.push(Instant::now());
        if denied.is_empty() {
            self.outcomes.logged_in_full += 1;
        } else {
            self.outcomes.logged_in_partial += 1;
        }
        self.denied(denied);
        self.decided += 1;
    }

    pub(crate) fn login_refused(&mut self, after: Duration, reason: &str, denied: &[Denied]) {
        self.latencies.refusal.saturating_record(microseconds(after));
        self.outcomes.login_refused.add(reason);
        self.denied(denied);
        self.decided += 1;
    }

    pub(crate) fn ended_undecided(&mut self, how: &str) {
        self.outcomes.ended_undecided.add(how);
        self.decided += 1;
    }

    pub(crate) fn http_error(&mut self, status: u16) {
        self.outcomes.http_errors.add(&status.to_string());
        self.decided += 1;
    }

    pub(crate) fn not_connected(&mut self, why: &str) {
        self.outcomes.not_connected.add(why);
        self.decided += 1;
    }

    pub(crate) fn timed_out(&mut self) {
        self.outcomes.timed_out += 1;
        self.decided += 1;
    }

    fn denied(&mut self, denied: &[Denied]) {
        let table = &mut self.outcomes.denied;
        for Denied { licence, reason } in denied {
            let full = table.len() >= WORDS_PER_TABLE_MAX && !table.contains_key(licence);
            let licence = if full { OTHER } else { licence.as_str() };
            table.entry(licence.to_owned()).or_default().add(reason);
        }
    }
}

impl Outcomes {
    /// Logins that hold at least their seat.
    pub(crate) fn granted(&self) -> u64 {
        self.logged_in_full + self.logged_in_partial
    }

    /// Whether a session neither ended nor is ready to leave.
    pub(crate) fn is_anybody_in(&self) -> bool {
        self.left.total() + self.ended_early.total() < self.granted()
    }

    /// Logins to which the broker said yes or no.
    pub(crate) fn answered(&self) -> u64 {
        self.granted() + self.login_refused.total()
    }
}

/// For latencies in microseconds.
///
/// # Errors
///
/// Where the histogram cannot be made.
pub(crate) fn latencies() -> Result<Histogram<u64>> {
    Histogram::new_with_bounds(1, LATENCY_US_MAX, SIGNIFICANT_DIGITS)
        .context("a histogram could not be made")
}

/// All of them together, each one of [`latencies`].
///
/// # Errors
///
/// Where the histogram cannot be made.
pub(crate) fn merged<'a>(
    parts: impl IntoIterator<Item = &'a Histogram<u64>>,
) -> Result<Histogram<u64>> {
    let mut all = latencies()?;
    for part in parts {
        all.add(part).context("histograms do not fit")?;
    }
    Ok(all)
}

/// Counts of a run are far below what a float tells apart.
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

pub(crate) fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(licence: &str) -> Denied {
        Denied { licence: licence.to_owned(), reason: "exhausted".to_owned() }
    }

    #[test]
    fn every_login_is_decided_once() {
        let mut tally = Tally::new().expect("histograms");
        let ms = Duration::from_millis;
        tally.logged_in(ms(1), &[]);
        tally.logged_in(ms(2), &[denied("agent_sms")]);
        tally.login_refused(ms(3), "seat_exhausted", &[denied("inbound_agent")]);
        tally.ended_undecided("4004");
        tally.http_error(503);
        tally.not_connected("connection refused");
        tally.timed_out();
        assert_eq!(tally.decided(), 7);
        assert_eq!(tally.outcomes.answered(), 3);
        let full_and_partial = (tally.outcomes.logged_in_full, tally.outcomes.logged_in_partial);
        assert_eq!(full_and_partial, (1, 1));
        assert_eq!(tally.outcomes.denied["agent_sms"].0["exhausted"], 1);
        assert_eq!((tally.latencies.licence.len(), tally.latencies.refusal.len()), (2, 1));
    }

    #[test]
    fn counts_past_two_to_the_32_stay_apart_as_floats() {
        for count in [0, 1, 6_000_000_000, 6_000_000_001] {
            assert_eq!(format!("{:.0}", float(count)), count.to_string());
        }
    }

    #[test]
    fn a_broker_that_invents_words_does_not_grow_the_tables() {
        let mut tally = Tally::new().expect("histograms");
        for number in 0..1000 {
            let word = number.to_string();
            tally.login_refused(Duration::ZERO, &word, &[denied(&word)]);
        }
        let refused = &tally.outcomes.login_refused.0;
        assert_eq!(refused.len(), WORDS_PER_TABLE_MAX + 1);
        assert_eq!(refused.values().sum::<u64>(), 1000);
        assert_eq!(tally.outcomes.denied.len(), WORDS_PER_TABLE_MAX + 1);
    }
}
