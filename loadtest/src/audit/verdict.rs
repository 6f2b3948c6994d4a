//! What an audit says in the end.

use serde::{Deserialize, Serialize};

/// What the audit found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Verdict {
    /// Grants of concurrent types that were seen, one per session and type.
    pub(crate) holds: u64,
    /// Those of them that counted, because the session proved later that it was alive.
    pub(crate) proven: u64,
    /// Per organisation and concurrent licence type.
    pub(crate) pools: Vec<PoolPeak>,
    pub(crate) violations: Vec<Violation>,
}

/// The most distinct users that certainly held one licence type at one moment.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub(crate) struct PoolPeak {
    pub(crate) organisation: u64,
    pub(crate) licence: String,
    pub(crate) bought: u64,
    pub(crate) peak_holders: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) organisation: u64,
    pub(crate) licence: String,
    /// `None`: granted, although the organisation's list does not have the type.
    pub(crate) bought: Option<u64>,
    pub(crate) peak_holders: u64,
    /// Some of those who held it above what was bought, at the peak those who came last.
    pub(crate) users: Vec<String>,
}

impl Verdict {
    /// With what another auditor found, who was told of other organisations.
    pub(crate) fn add(&mut self, other: Self) {
        self.holds += other.holds;
        self.proven += other.proven;
        self.pools.extend(other.pools);
        self.sort();
        self.violations.extend(other.violations);
    }

    pub(super) fn sort(&mut self) {
        self.pools.sort_by(|a, b| (a.organisation, &a.licence).cmp(&(b.organisation, &b.licence)));
    }

    /// Whether nobody held too much, and the audit saw enough to say so.
    pub(crate) fn passed(&self) -> bool {
        self.violations.is_empty() && !self.saw_nothing()
    }

    /// Holds were seen and not one of them was proven, so that a pass would mean nothing.
    pub(crate) fn saw_nothing(&self) -> bool {
        self.holds > 0 && self.proven == 0
    }
}
