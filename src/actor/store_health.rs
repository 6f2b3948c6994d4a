//! Whether the store takes what is decided.

use crate::store::StoreError;
use chrono::{DateTime, Utc};
use std::sync::{Arc, Mutex, PoisonError};

/// Since when the store has refused, and what it said last.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// When it refused first, after it had last taken anything.
    pub since: DateTime<Utc>,
    /// What is wrong and what helps; its text is one line.
    pub error: StoreError,
}

/// What the last commits and readings of whole organisations came to; cheap to clone.
///
/// It is set by whatever the store refuses, and cleared by the first commit that it takes: the journal
/// tries one as long as it refuses, so that nobody has to log in for that.
#[derive(Clone, Debug, Default)]
pub struct StoreHealth(Arc<Mutex<Option<Refusal>>>);

impl StoreHealth {
    /// `None` while the store takes commits.
    pub fn refusal(&self) -> Option<Refusal> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The store took a commit.
    pub(super) fn took(&self) {
        let refusal = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Refusal { since, .. }) = refusal {
            tracing::info!(%since, "the store takes commits again");
        }
    }

    /// An organisation could not be read at `at`. One that is damaged says nothing about the others.
    pub(super) fn unread(&self, error: &StoreError, at: DateTime<Utc>) {
        if matches!(error, StoreError::Refused(_)) {
            self.refused(error, at);
        }
    }

    /// The store refused a commit at `at`. What concerns one writer or its records alone says nothing about
    /// the store.
    pub(super) fn refused(&self, error: &StoreError, at: DateTime<Utc>) {
        if matches!(error, StoreError::Fenced(_) | StoreError::Corrupt(_)) {
            return;
        }
        let mut refusal = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = refusal.as_ref().map_or(at, |refusal| refusal.since);
        if refusal.is_none() {
            tracing::error!(%error, "the store refuses; logins are turned away until it takes commits");
        }
        *refusal = Some(Refusal { since, error: error.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::OrganisationId;

    #[test]
    fn a_refusal_lasts_from_the_first_until_a_commit_is_taken() {
        let at = |second| DateTime::from_timestamp(second, 0).expect("a time");
        let health = StoreHealth::default();
        health.refused(&StoreError::Refused("full".to_owned()), at(1));
        health.refused(&StoreError::MaybeApplied("failing".to_owned()), at(2));
        let refusal = health.refusal().expect("it refuses");
        assert_eq!(refusal.since, at(1));
        assert!(refusal.error.to_string().contains("failing"), "{refusal:?}");
        health.took();
        assert!(health.refusal().is_none());
    }

    #[test]
    fn a_writer_that_was_overtaken_or_is_wrong_itself_says_nothing_about_the_store() {
        let health = StoreHealth::default();
        let organisation = OrganisationId::new(1).expect("a number");
        health.refused(&StoreError::Fenced(organisation), DateTime::UNIX_EPOCH);
        health.refused(&StoreError::Corrupt("contradictory".to_owned()), DateTime::UNIX_EPOCH);
        assert!(health.refusal().is_none());
    }
}
