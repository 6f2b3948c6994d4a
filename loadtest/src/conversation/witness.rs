//! What is seen of all conversations of a run.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::audit::Auditor;
use crate::tally::Words;

/// Shared by all conversations. The two locks are never held together, nor over an await.
#[derive(Default)]
pub(crate) struct Witness {
    audit: Mutex<Auditor>,
    faults: Mutex<Words>,
}

impl Witness {
    pub(crate) fn audit(&self) -> MutexGuard<'_, Auditor> {
        self.audit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what the protocol does not allow, or does not expect here.
    pub(crate) fn fault(&self, what: &str) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).add(what);
    }

    /// Takes over what another process counted.
    pub(crate) fn add_faults(&self, faults: &Words) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).add_all(faults);
    }

    pub(crate) fn faults(&self) -> Words {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
