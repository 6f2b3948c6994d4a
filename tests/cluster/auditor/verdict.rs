//! What was told against what is found at the end: the per-user log, the open sessions, the figures.

use super::book::Book;
use super::sitting::{Sitting, Standing};
use crate::support::audit::{Ledger, held_by_sessions};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Releases that a user brings about; a successor may write them at any time.
const OWN_REASONS: [&str; 3] = ["logout", "requested", "superseded"];

/// What the API says of one organisation, with nobody acting.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Every record of the per-user log, oldest first.
    pub(crate) usage: Vec<Value>,
    pub(crate) sessions: Vec<Value>,
    /// Five-minute figures.
    pub(crate) intervals: Vec<Value>,
}

impl Book {
    /// Every disagreement.
    ///
    /// # Panics
    /// Where the log contradicts itself or shows more holders than were bought.
    pub(super) fn against(&self, found: &BTreeMap<u64, Found>) -> Vec<String> {
        let mut faults = Vec::new();
        for (organisation, found) in found {
            let of = self.bought.iter().filter(|((of, _), _)| of == organisation);
            let bought = of.map(|((_, licence), total)| (licence.as_str(), *total)).collect();
            let ledger = Ledger::replay(&found.usage, &bought);
            let (open, held) = (ledger.open(), held_by_sessions(&found.sessions));
            for (session, licence) in open.symmetric_difference(&held) {
                faults.push(format!(
                    "{licence} of session {session}: open in the log {}, held by the session {}",
                    open.contains(&(session.clone(), licence.clone())),
                    held.contains(&(session.clone(), licence.clone())),
                ));
            }
            let acquired = acquired(&found.usage);
            for (session, sitting) in &self.sittings {
                if sitting.organisation == *organisation {
                    let records = acquired.get(session.as_str());
                    faults.extend(sitting.grants_against(session, records));
                    faults.extend(sitting.releases_against(session, &ledger));
                    faults.extend(sitting.present_against(session, &held));
                }
            }
            faults.extend(double_figures(&found.intervals));
        }
        faults
    }
}

/// How often each licence was acquired by each session.
fn acquired(usage: &[Value]) -> BTreeMap<&str, BTreeMap<&str, usize>> {
    let mut acquired: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for record in usage.iter().filter(|record| record["usage_type"] == "Acquired") {
        let (session, licence) = (text(record, "session"), text(record, "licence"));
        *acquired.entry(session).or_default().entry(licence).or_default() += 1;
    }
    acquired
}

impl Sitting {
    /// One record for each grant that was told; none besides, unless an answer may have been lost.
    fn grants_against(
        &self,
        session: &str,
        records: Option<&BTreeMap<&str, usize>>,
    ) -> Vec<String> {
        let empty = BTreeMap::new();
        let records = records.unwrap_or(&empty);
        let licences: BTreeSet<&str> =
            self.told.keys().map(String::as_str).chain(records.keys().copied()).collect();
        let mut faults = Vec::new();
        for licence in licences {
            let told = self.told.get(licence).copied().unwrap_or(0);
            let kept = records.get(licence).copied().unwrap_or(0);
            let at_most = told + usize::from(self.may_know_less);
            if kept < told {
                faults
                    .push(format!("LOST GRANT: {licence} of {session}: told {told}, kept {kept}"));
            }
            if kept > at_most {
                faults.push(format!("DOUBLE: {licence} of {session}: told {told}, kept {kept}"));
            }
        }
        faults
    }

    /// What was told as released is; what a successor found it kept for as long as it must.
    fn releases_against(&self, session: &str, ledger: &Ledger) -> Vec<String> {
        let mut faults = Vec::new();
        for ((licence, reason), told) in &self.told_released {
            let ends = ledger.releases(&(session.to_owned(), licence.clone())).iter();
            let kept = ends.filter(|(why, _)| why == reason).count();
            if kept < *told {
                faults.push(format!(
                    "{licence} of {session}: told {told} times that it was released ({reason}), kept {kept}"
                ));
            }
        }
        let Some(until) = self.kept_until else { return faults };
        for (held, reason, at) in ledger.all_releases().filter(|(held, ..)| held.0 == session) {
            let at: DateTime<Utc> = at.parse().expect("an instant");
            if at < until && !OWN_REASONS.contains(&reason) {
                faults.push(format!(
                    "{held:?} was released ({reason}) at {at}, before the successor might: {until}"
                ));
            }
        }
        faults
    }

    /// A device that is connected holds what the broker says that it holds.
    fn present_against(&self, session: &str, held: &BTreeSet<(String, String)>) -> Vec<String> {
        if self.standing != Standing::Connected {
            return Vec::new();
        }
        let says = held.iter().filter(|(of, _)| of == session).map(|(_, licence)| licence.clone());
        let says: BTreeSet<String> = says.collect();
        if says == self.held {
            return Vec::new();
        }
        vec![format!(
            "session {session} believes to hold {:?}, the broker says {says:?}",
            self.held
        )]
    }
}

/// One record of a type and an interval at most, each of five minutes on the wall clock.
fn double_figures(intervals: &[Value]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut faults = Vec::new();
    for row in intervals {
        let (licence, start) = (text(row, "licence"), text(row, "start"));
        if !seen.insert((licence, start)) {
            faults.push(format!("two figures of one interval: {row}"));
        }
        let (start, end) = (instant(start), instant(text(row, "end")));
        if end - start != TimeDelta::minutes(5) || start.timestamp() % 300 != 0 {
            faults.push(format!("not five minutes of the clock: {row}"));
        }
    }
    faults
}

fn text<'a>(record: &'a Value, field: &str) -> &'a str {
    record[field].as_str().unwrap_or_default()
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}
