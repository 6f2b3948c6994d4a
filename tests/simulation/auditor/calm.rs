//! At rest, messages, records and the actor's own view must say the same.

use super::Life;
use super::book::Book;
use crate::kept::Key;
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// One type as somebody counts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) licence: Key,
    pub(crate) holders: u32,
    pub(crate) instances: u32,
    pub(crate) waiting: u32,
    pub(crate) contingency_max: u32,
}

/// By session: whether it is connected, what it holds and what it waits for.
pub(crate) type Sessions = BTreeMap<u128, (bool, BTreeSet<Key>, BTreeSet<Key>)>;

/// An organisation as its actor sees it.
pub(crate) struct Present {
    pub(crate) sessions: Sessions,
    pub(crate) counts: Vec<Counts>,
}

/// What there is to see at rest.
pub(crate) struct Seen {
    pub(crate) at: DateTime<Utc>,
    pub(crate) elapsed: Duration,
    pub(crate) present: Present,
    /// Connections that are there beyond doubt, and their sessions.
    pub(crate) here: BTreeMap<usize, u128>,
}

/// What a wallboard shows.
#[derive(Debug, Default)]
pub(crate) struct Board {
    seq: Option<u64>,
    shown: BTreeMap<Key, Counts>,
}

impl Board {
    /// A frame applies to the one before; whoever has missed one takes the whole.
    pub(crate) fn take(
        &mut self,
        seq: u64,
        changed: &[Counts],
        all: &[Counts],
    ) -> Result<&'static str, String> {
        let before = self.seq.replace(seq);
        let whole: BTreeMap<Key, Counts> =
            all.iter().map(|counts| (counts.licence.clone(), counts.clone())).collect();
        if before == Some(seq) {
            return Ok("wallboard: nothing new");
        }
        if before.is_some_and(|before| before > seq) {
            return Err(format!("live counts {seq} follow {before:?}"));
        }
        if before != seq.checked_sub(1) {
            self.shown = whole;
            return Ok("wallboard: fell behind, took a snapshot");
        }
        for counts in changed {
            self.shown.insert(counts.licence.clone(), counts.clone());
        }
        if self.shown != whole {
            return Err(format!(
                "live counts {seq} applied to those before come to another present"
            ));
        }
        Ok("wallboard: applied a change")
    }
}

impl Book {
    pub(crate) fn at_rest(&mut self, seen: &Seen, lives: &[Life]) -> Result<(), String> {
        self.sessions_agree(&seen.present.sessions)?;
        self.clients_agree(&seen.here)?;
        self.counts_agree(&seen.present.counts)?;
        self.nobody_starves(&seen.here)?;
        self.messages_prove_no_more_than_was_bought()?;
        self.log_off_was_made(seen)?;
        self.figures.at_rest(seen.at, self.last_at, lives)?;
        self.bought_most = self
            .totals
            .iter()
            .map(|(licence, (concurrent, contingency))| (licence.clone(), concurrent + contingency))
            .collect();
        self.newly.clear();
        self.rebought.clear();
        Ok(())
    }

    fn sessions_agree(&self, actor: &Sessions) -> Result<(), String> {
        let open = self.sessions.iter().filter(|(_, sitting)| sitting.closed.is_none());
        let kept: BTreeMap<u128, (BTreeSet<Key>, BTreeSet<Key>)> = open
            .map(|(id, sitting)| {
                let waits = sitting.waits.keys().cloned().collect();
                (*id, (sitting.held.keys().cloned().collect(), waits))
            })
            .collect();
        let seen: BTreeMap<u128, (BTreeSet<Key>, BTreeSet<Key>)> = actor
            .iter()
            .map(|(id, (_, held, waits))| (*id, (held.clone(), waits.clone())))
            .collect();
        if kept == seen {
            return Ok(());
        }
        Err(format!("records and actor differ at rest:\n{kept:?}\n{seen:?}"))
    }

    /// Whoever is connected holds what it was told, and is known as connected.
    fn clients_agree(&self, here: &BTreeMap<usize, u128>) -> Result<(), String> {
        for (conn, session) in here {
            let Some(client) = self.clients.get(conn) else {
                return Err(format!("session {session:x} is connected and knows nothing"));
            };
            let sitting = self.sessions.get(session).filter(|sitting| sitting.closed.is_none());
            let Some(sitting) = sitting else {
                return Err(format!("session {session:x} is over and its device was not told"));
            };
            let held: BTreeSet<Key> = sitting.held.keys().cloned().collect();
            let waits: BTreeSet<Key> = sitting.waits.keys().cloned().collect();
            if held != client.held || waits != client.waits {
                return Err(format!(
                    "session {session:x} holds {held:?}, waits {waits:?}, and was told {client:?}"
                ));
            }
        }
        Ok(())
    }

    fn counts_agree(&self, counts: &[Counts]) -> Result<(), String> {
        for counts in counts {
            let licence = &counts.licence;
            let instances =
                self.holders.get(licence).map_or(0, |of| of.values().copied().sum::<u32>());
            let open = self.sessions.values().filter(|sitting| sitting.closed.is_none());
            let waiting = open.filter(|sitting| sitting.waits.contains_key(licence)).count();
            let own = Counts {
                licence: licence.clone(),
                holders: self.count(licence),
                instances,
                waiting: u32::try_from(waiting).expect("few"),
                contingency_max: self.figures.maximum(licence),
            };
            if own != *counts {
                return Err(format!("counted {own:?}, the actor {counts:?}"));
            }
            let shown = self.board.shown.get(licence);
            if shown.is_some_and(|shown| *shown != own) {
                return Err(format!("counted {own:?}, the wallboard shows {shown:?}"));
            }
        }
        Ok(())
    }

    /// Nobody who is there waits for what is free.
    fn nobody_starves(&self, here: &BTreeMap<usize, u128>) -> Result<(), String> {
        for session in here.values() {
            let Some(sitting) = self.sessions.get(session) else { continue };
            for licence in sitting.waits.keys() {
                let (concurrent, contingency) = self.total(licence);
                let shares =
                    self.holders.get(licence).is_some_and(|of| of.contains_key(&sitting.user));
                if self.count(licence) < concurrent + contingency || shares {
                    return Err(format!("session {session:x} waits for {licence}, which is free"));
                }
            }
        }
        Ok(())
    }

    /// From messages alone: when something new was granted, all who know that they hold it were at most
    /// as many as were ever bought since everything was last at rest.
    fn messages_prove_no_more_than_was_bought(&self) -> Result<(), String> {
        for licence in &self.newly {
            let sure = self.certain.keys().filter_map(|conn| self.clients.get(conn));
            let holders: BTreeSet<&Key> = sure
                .filter(|client| client.held.contains(licence))
                .map(|client| &client.user)
                .collect();
            let bought = self.bought_most.get(licence).copied().unwrap_or_default();
            if holders.len() > usize::try_from(bought).expect("few") {
                return Err(format!("{holders:?} were told that they hold {licence}, of {bought}"));
            }
            let (concurrent, contingency) = self.total(licence);
            let unchanged = !self.rebought.contains(licence);
            let proven = u32::try_from(holders.len()).expect("few").saturating_sub(concurrent);
            if unchanged && proven.min(contingency) > self.figures.maximum(licence) {
                return Err(format!(
                    "{proven} contingency licences of {licence} are not on the bill"
                ));
            }
        }
        Ok(())
    }

    /// A log-off that was due is made.
    fn log_off_was_made(&self, seen: &Seen) -> Result<(), String> {
        let Some(time) = self.log_off else { return Ok(()) };
        let offset =
            |at: DateTime<Utc>| at.with_timezone(&self.zone).naive_local() - at.naive_utc();
        for (session, sitting) in &self.sessions {
            let now = seen.at.max(self.last_at);
            let is_due = sitting.closed.is_none()
                && offset(sitting.since) == offset(now)
                && self.passed(time, sitting.since, now);
            if is_due {
                return Err(format!(
                    "session {session:x} of {} outlived the log-off at {time} ({:?})",
                    sitting.since, seen.elapsed
                ));
            }
        }
        Ok(())
    }
}
