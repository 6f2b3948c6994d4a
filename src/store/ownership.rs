//! Who has which organisation, where several nodes share one store.
//!
//! A node has a lease, which it renews; it has an organisation by a claim, which has an epoch. What is
//! committed under another epoch than that of the last claim is refused, so a node that was taken for dead
//! writes nothing once its successor has begun; and it decides nothing once its lease is over by its own
//! clock. Leases are judged by the store's clock alone. See docs/adr/0014.

use super::{Run, StoreError};
use crate::domain::ids::OrganisationId;
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;
use std::time::Duration;

/// A change of hands that took no longer is no break in which an organisation did not run.
pub const CHANGE_OF_HANDS_MAX: TimeDelta = TimeDelta::seconds(30);

/// One run of one node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NodeRun {
    /// The node, by its operator's name for it.
    pub node: Arc<str>,
    /// Greater than that of every run of this node before.
    pub incarnation: u64,
}

/// A node, and how its lease stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRow {
    /// Its present run, or its last.
    pub run: NodeRun,
    /// Where clients reach it: a URL without a path.
    pub url: Arc<str>,
    /// When the run began.
    pub since: DateTime<Utc>,
    /// When it last renewed its lease.
    pub seen_at: DateTime<Utc>,
    /// When the lease is over.
    pub lease_until: DateTime<Utc>,
    /// Whether the lease is in force, as the store judges.
    pub is_live: bool,
}

/// An organisation, and who has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerRow {
    /// Which organisation.
    pub organisation: OrganisationId,
    /// The run that claimed it last, whether or not its lease is in force; `None` if it was given back.
    pub owner: Option<NodeRun>,
    /// Grows with each change of the owner of whichever organisation.
    pub moved: u64,
    /// Whether the organisation does not exist any more.
    pub is_removed: bool,
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The organisation is this run's, under this epoch.
    Mine(Tenure),
    /// Another run has it, and its lease is in force.
    Elsewhere(NodeRun),
    /// The organisation does not exist.
    Unknown,
    /// The lease of whoever claims is over.
    LeaseOver,
}

/// An organisation, claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tenure {
    /// What every commit must bear.
    pub epoch: u64,
    /// Whether another run had it, or nobody: then the sessions that are found may be on other nodes'
    /// sockets still.
    pub is_takeover: bool,
    /// When the organisation was run last before this claim, as far as is known; `None` if it never was.
    pub last_run: Option<Run>,
    /// When it was claimed, by the store's clock.
    pub at: DateTime<Utc>,
}

/// Leases of nodes and claims of organisations. Every method is one transaction.
///
/// # Errors
/// All of them: if the store does not answer. Then it is not known whether it was done.
#[async_trait]
pub trait Ownership: Send + Sync {
    /// Begins a run of a node, with a lease for so long. `None` while an earlier run of that name has one.
    async fn join(
        &self,
        node: &str,
        url: &str,
        lease: Duration,
    ) -> Result<Option<(NodeRun, DateTime<Utc>)>, StoreError>;

    /// Renews a lease, and tells the time by the store's clock, which all nodes go by. `None` if the lease
    /// is over, which cannot be undone.
    async fn renew(
        &self,
        run: &NodeRun,
        lease: Duration,
    ) -> Result<Option<DateTime<Utc>>, StoreError>;

    /// Gives back whatever the run has, and its lease.
    async fn leave(&self, run: &NodeRun) -> Result<(), StoreError>;

    /// Takes an organisation that nobody has whose lease is in force. The epoch grows even if it was this
    /// run's already: what was sent under the one before is refused from now on.
    async fn claim(&self, run: &NodeRun, organisation: OrganisationId)
    -> Result<Claim, StoreError>;

    /// Gives an organisation to another run, or back; `false` if it was not this run's under this epoch, or
    /// the other's lease is not in force.
    async fn hand_over(
        &self,
        run: &NodeRun,
        organisation: OrganisationId,
        epoch: u64,
        to: Option<&NodeRun>,
    ) -> Result<bool, StoreError>;

    /// Organisations whose owner changed after `moved`; those that exist, if it is 0.
    async fn owners(&self, moved: u64) -> Result<Vec<OwnerRow>, StoreError>;

    /// Every node that is known of.
    async fn nodes(&self) -> Result<Vec<NodeRow>, StoreError>;
}
