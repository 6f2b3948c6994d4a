//! Balances the log of an organisation: whatever was acquired is released, once.

use std::collections::{BTreeSet, HashMap, HashSet};

use anyhow::Result;
use serde::Deserialize;

use crate::api::Api;
use crate::limits::UNBALANCED_NAMED_MAX;

/// Of an RFC 3339 time, as far as the month.
const MONTH_CHARS: usize = 7;

/// A record of the per-user log, as far as it is needed here.
#[derive(Debug, Deserialize)]
pub(crate) struct Record {
    usage_type: String,
    licence: String,
    session: String,
    #[serde(default)]
    user: String,
    #[serde(default)]
    logged_at: String,
}

/// What the log comes to.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Acquired and not released, by session and licence.
    open: HashSet<(String, String)>,
    /// Instances that each user has, by licence and user.
    instances: HashMap<(String, String), usize>,
    /// Users with an instance, by licence: now, and at most.
    holders: HashMap<String, (u64, u64)>,
    /// Records in all.
    pub(crate) records: usize,
    /// The months in which they were made, `yyyy-mm` in UTC.
    pub(crate) months: BTreeSet<String>,
    /// What contradicts itself, in words; the first few.
    pub(crate) contradictions: Vec<String>,
}

impl Ledger {
    /// Reads the whole log of an organisation.
    ///
    /// # Errors
    ///
    /// Where the broker does not give it.
    pub(crate) async fn of(api: &Api<'_>, organisation: u64) -> Result<Self> {
        let mut ledger = Self::default();
        let mut cursor = None;
        loop {
            let (records, next) = api.usage(organisation, cursor.as_deref()).await?;
            records.into_iter().for_each(|record| ledger.add(record));
            if next.is_none() {
                return Ok(ledger);
            }
            cursor = next;
        }
    }

    fn add(&mut self, record: Record) {
        self.records += 1;
        let Record { usage_type, licence, session, user, logged_at } = record;
        if let Some(month) = logged_at.get(..MONTH_CHARS)
            && !self.months.contains(month)
        {
            self.months.insert(month.to_owned());
        }
        let fits = match usage_type.as_str() {
            "Acquired" => self.open.insert((session.clone(), licence.clone())),
            "Released" => self.open.remove(&(session.clone(), licence.clone())),
            _ => false,
        };
        if fits {
            self.count(&licence, user, usage_type == "Acquired");
        }
        if !fits && self.contradictions.len() < UNBALANCED_NAMED_MAX {
            self.contradictions.push(format!("{licence} of session {session}: {usage_type} twice"));
        }
    }

    fn count(&mut self, licence: &str, user: String, is_acquired: bool) {
        let instances = self.instances.entry((licence.to_owned(), user)).or_default();
        let (now, most) = self.holders.entry(licence.to_owned()).or_default();
        if is_acquired {
            *instances += 1;
            *now += u64::from(*instances == 1);
        } else {
            *instances -= 1;
            *now -= u64::from(*instances == 0);
        }
        *most = (*most).max(*now);
    }

    /// The most users who had an instance of the type at once.
    pub(crate) fn most_holders(&self, licence: &str) -> u64 {
        self.holders.get(licence).map_or(0, |(_, most)| *most)
    }

    /// Everything that is wrong with it, in words.
    pub(crate) fn faults(mut self) -> Vec<String> {
        let left = self.open.len();
        if left > 0 {
            self.contradictions.push(format!("{left} acquired records have no released record"));
        }
        self.contradictions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(usage_type: &str, session: &str, user: &str) -> Record {
        let [usage_type, session, user] = [usage_type, session, user].map(str::to_owned);
        let (licence, logged_at) = ("agent_sms".to_owned(), "2026-11-23T00:30:00Z".to_owned());
        Record { usage_type, licence, session, user, logged_at }
    }

    fn faults(records: &[(&str, &str)]) -> Vec<String> {
        let mut ledger = Ledger::default();
        for (usage_type, session) in records {
            ledger.add(record(usage_type, session, "ann"));
        }
        ledger.faults()
    }

    #[test]
    fn what_is_acquired_is_released_once() {
        assert!(
            faults(&[("Acquired", "1"), ("Released", "1"), ("Acquired", "1"), ("Released", "1")])
                .is_empty()
        );
        assert_eq!(faults(&[("Acquired", "1")]).len(), 1, "never released");
        assert_eq!(faults(&[("Released", "1")]).len(), 1, "never acquired");
        let twice = [("Acquired", "1"), ("Released", "1"), ("Released", "1")];
        assert_eq!(faults(&twice), ["agent_sms of session 1: Released twice"]);
    }

    #[test]
    fn a_user_on_two_devices_is_one_holder() {
        let mut ledger = Ledger::default();
        for (usage_type, session, user) in [
            ("Acquired", "1", "ann"),
            ("Acquired", "2", "ann"),
            ("Released", "1", "ann"),
            ("Acquired", "3", "bob"),
            ("Released", "2", "ann"),
            ("Acquired", "4", "cid"),
        ] {
            ledger.add(record(usage_type, session, user));
        }
        assert_eq!((ledger.most_holders("agent_sms"), ledger.most_holders("view")), (2, 0));
        assert_eq!(ledger.months.iter().collect::<Vec<_>>(), ["2026-11"]);
    }
}
