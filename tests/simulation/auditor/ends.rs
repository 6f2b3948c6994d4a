//! Why a session may end. Each end has its causes; without one of them a session goes on.

use super::Life;
use super::book::Book;
use crate::kept::Kept;
use chrono::{DateTime, Days, NaiveTime, Utc};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

#[derive(Debug, Default)]
pub(crate) struct Ends {
    /// By session: goodbyes of its present connection, with when they were said.
    goodbyes: BTreeMap<u128, Vec<(&'static str, Duration)>>,
    /// Asked for by somebody, by session.
    asked: BTreeSet<(u128, &'static str)>,
    /// Users that somebody changed.
    users: BTreeSet<String>,
}

impl Ends {
    pub(crate) fn goodbye(&mut self, session: u128, how: &'static str, elapsed: Duration) {
        self.goodbyes.entry(session).or_default().push((how, elapsed));
    }

    pub(crate) fn ask(&mut self, session: u128, what: &'static str) {
        self.asked.insert((session, what));
    }

    pub(crate) fn user_changes(&mut self, user: &str) {
        self.users.insert(user.to_owned());
    }

    /// The session is on another connection: what was said by those before counts for nothing.
    pub(crate) fn resumed(&mut self, session: u128) {
        self.goodbyes.remove(&session);
    }

    pub(crate) fn goodbyes(&self, session: u128) -> &[(&'static str, Duration)] {
        self.goodbyes.get(&session).map_or(&[], Vec::as_slice)
    }
}

/// The reason that a goodbye leads to, and how long after it.
fn outcome(how: &str, grace: Duration) -> (&'static str, Duration) {
    match (how, grace.is_zero()) {
        ("logout", _) => ("logout", Duration::ZERO),
        ("token over", _) => ("token_expired", Duration::ZERO),
        ("refused by the broker", _) | ("lost", true) => ("connection_lost", Duration::ZERO),
        ("silent", true) => ("heartbeat_timeout", Duration::ZERO),
        ("drained", true) => ("broker_restart", Duration::ZERO),
        ("lost" | "silent" | "drained", false) => ("connection_lost", grace),
        (other, _) => panic!("no such goodbye: {other}"),
    }
}

impl Book {
    /// Whether a session may lose something for this reason in this record.
    pub(crate) fn may_end(
        &self,
        session: u128,
        reason: &'static str,
        at: DateTime<Utc>,
        before: DateTime<Utc>,
        kept: &Kept,
        lives: &[Life],
    ) -> Result<(), String> {
        let sitting = &self.sessions[&session];
        let life = &lives[usize::try_from(kept.life).expect("few")];
        let is_known = match reason {
            "requested" | "forced" => self.ends.asked.contains(&(session, reason)),
            "unassigned" | "user_changed" | "user_removed" => {
                self.ends.users.contains(&*sitting.user)
            }
            "superseded" => self.sessions.iter().any(|(other, new)| {
                *other != session
                    && new.closed.is_none()
                    && (&new.user, new.device) == (&sitting.user, sitting.device)
                    && new.since == at
            }),
            "scheduled" => self.log_off.is_some_and(|time| self.passed(time, sitting.since, at)),
            _ => {
                self.ends.goodbyes(session).iter().any(|(how, said)| {
                    let (leads_to, after) = outcome(how, sitting.grace);
                    leads_to == reason && kept.elapsed >= *said + after
                }) || self.restarted(session, reason, kept, life)
            }
        };
        let is_dated = reason != "broker_restart"
            || sitting.life == kept.life
            || life.sign.is_none_or(|sign| at <= sign.max(before));
        if is_known && is_dated {
            return Ok(());
        }
        Err(format!(
            "session {session:x} of {} loses something for {reason} at {at} without a cause: said {:?}, \
             grace {:?}, now {:?}",
            sitting.user,
            self.ends.goodbyes(session),
            sitting.grace,
            kept.elapsed
        ))
    }

    /// Whether a restart of the broker explains it: at once without grace, else after it.
    fn restarted(&self, session: u128, reason: &str, kept: &Kept, life: &Life) -> bool {
        let sitting = &self.sessions[&session];
        match reason {
            "broker_restart" => sitting.linked_life < kept.life && sitting.grace.is_zero(),
            "connection_lost" => {
                sitting.linked_life < kept.life
                    && !sitting.grace.is_zero()
                    && kept.elapsed >= life.began + sitting.grace
            }
            _ => false,
        }
    }

    /// Whether clocks showed that time of day between the two, as the organisation reads them.
    pub(crate) fn passed(&self, time: NaiveTime, from: DateTime<Utc>, to: DateTime<Utc>) -> bool {
        let local = |at: DateTime<Utc>| at.with_timezone(&self.zone).naive_local();
        let (from, to) = (local(from), local(to));
        let due = from.date().and_time(time);
        let next = (from.date() + Days::new(1)).and_time(time);
        (from < due && due <= to) || (from < next && next <= to)
    }

    /// Whether the grace of a session is over for sure. `loaded`: when its organisation last began anew.
    pub(crate) fn grace_is_over(&self, session: u128, elapsed: Duration, loaded: Duration) -> bool {
        let Some(sitting) = self.sessions.get(&session) else { return false };
        let last = self.ends.goodbyes(session).iter().map(|(_, said)| *said).max();
        let is_lost = !self.clients.values().any(|client| client.session == session);
        // A sweep may take a second to see it, and a goodbye may be late.
        let slack = Duration::from_secs(600);
        let from = last.unwrap_or(loaded).max(loaded);
        sitting.closed.is_some() || (is_lost && elapsed > from + sitting.grace + slack)
    }
}
