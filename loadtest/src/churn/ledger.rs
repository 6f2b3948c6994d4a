//! Balances the log of an organisation: whatever was acquired is released, once.

use std::collections::HashSet;

use anyhow::Result;
use serde::Deserialize;

use crate::api::Api;
use crate::limits::UNBALANCED_NAMED_MAX;

/// A record of the per-user log, as far as it is needed here.
#[derive(Debug, Deserialize)]
pub(crate) struct Record {
    usage_type: String,
    licence: String,
    session: String,
}

/// What the log comes to.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Acquired and not released, by session and licence.
    open: HashSet<(String, String)>,
    /// Records in all.
    pub(crate) records: usize,
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
        let Record { usage_type, licence, session } = record;
        let fits = match usage_type.as_str() {
            "Acquired" => self.open.insert((session.clone(), licence.clone())),
            "Released" => self.open.remove(&(session.clone(), licence.clone())),
            _ => false,
        };
        if !fits && self.contradictions.len() < UNBALANCED_NAMED_MAX {
            self.contradictions.push(format!("{licence} of session {session}: {usage_type} twice"));
        }
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

    fn faults(records: &[(&str, &str)]) -> Vec<String> {
        let mut ledger = Ledger::default();
        for (usage_type, session) in records {
            let (usage_type, session) = ((*usage_type).to_owned(), (*session).to_owned());
            ledger.add(Record { usage_type, session, licence: "agent_sms".to_owned() });
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
}
