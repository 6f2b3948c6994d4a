//! Where organisations are, where several nodes share the store; what this node takes on, and gives away.
//!
//! An organisation is claimed when it is asked for here and nobody has it, or when nobody asked and it falls
//! to this node: somebody must write its five-minute figures and end what lingers. Both are paced, so that a
//! node which is lost or started makes no herd. See docs/adr/0014.

use super::{AskError, Directory};
use crate::actor::cell::Cell;
use crate::actor::organisation::{GiveUp, HandOver};
use crate::actor::organisation_ref::OrganisationRef;
use crate::cluster::{Cluster, Elsewhere, News};
use crate::domain::ids::OrganisationId;
use crate::store::StoreError;
use crate::store::ownership::NodeRun;
use crate::telemetry;
use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How often a node reads what changed among the others.
const HEAR_EVERY: Duration = Duration::from_millis(500);
/// For so long an organisation that nobody has is left to whoever is asked for it: a balancer leads its devices
/// to one node, and there it should be.
const ADOPTED_AFTER: Duration = Duration::from_secs(2);
/// Organisations that are claimed at once because nobody has them.
const ADOPTED_AT_ONCE: usize = 32;
/// How often a node that has more than its share gives some away.
const REBALANCE_EVERY: Duration = Duration::from_secs(5);
/// And so many each time.
const REBALANCED_AT_ONCE: usize = 2;
/// Organisations handed over at once by a node that stops.
const HANDED_OVER_AT_ONCE: usize = 64;

/// Whether an organisation can be asked here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// This node decides for it.
    Here,
    /// Another does.
    Elsewhere(Elsewhere),
    /// It does not exist.
    Unknown,
    /// This node may not decide, and knows of no other that does.
    Unavailable,
}

/// Why an organisation was not moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoveError {
    /// No node of that name is there, or its lease is over.
    #[error("there is no such node, or it does not run")]
    NoSuchNode,
    /// It is not this node's to give, or the store does not answer.
    #[error("the organisation cannot be moved at present")]
    Unavailable,
}

impl Directory {
    fn cluster(&self) -> Option<&Arc<Cluster>> {
        self.0.shared.cluster.as_ref()
    }

    /// Whether the organisation can be asked here. Where nobody has it, this node claims it first.
    pub async fn whereabouts(&self, organisation: OrganisationId) -> Whereabouts {
        let Some(cluster) = self.cluster() else {
            return if self.exists(organisation) {
                Whereabouts::Here
            } else {
                Whereabouts::Unknown
            };
        };
        if self.is_served_here(organisation) {
            return Whereabouts::Here;
        }
        if cluster.owner_elsewhere(organisation).is_some() {
            // It may have been given to this node meanwhile: the other would send everybody back.
            if let Ok(news) = cluster.hear_lately().await {
                self.heed(&news);
            }
            if let Some(elsewhere) = cluster.owner_elsewhere(organisation) {
                return Whereabouts::Elsewhere(elsewhere);
            }
        }
        if !self.exists(organisation) && !self.learn_of(organisation).await {
            return Whereabouts::Unknown;
        }
        match self.peek(organisation, |_| ()).await {
            Ok(()) => Whereabouts::Here,
            Err(AskError::UnknownOrganisation) => Whereabouts::Unknown,
            Err(AskError::Unavailable | AskError::Overloaded) => {
                let known = cluster.owner_elsewhere(organisation);
                known.map_or(Whereabouts::Unavailable, Whereabouts::Elsewhere)
            }
        }
    }

    /// Where to send a connection that cannot be served here; `None` if there is no other node.
    pub fn elsewhere(&self, organisation: OrganisationId) -> Option<Elsewhere> {
        self.cluster()?.elsewhere(organisation)
    }

    /// Whether this node decides for the organisation at this instant; where one node has all, for all.
    pub fn is_served_here(&self, organisation: OrganisationId) -> bool {
        let Some(cluster) = self.cluster() else { return true };
        let is_served = self.0.cells.get(&organisation).is_some_and(|cell| cell.is_served());
        is_served && cluster.holds_lease()
    }

    /// Every organisation that is known of, by its number.
    pub fn numbers(&self) -> Vec<OrganisationId> {
        self.cells().iter().map(|cell| cell.id()).collect()
    }

    /// Since when this process runs.
    pub fn running_since(&self) -> DateTime<Utc> {
        self.0.shared.running_since
    }

    /// How many organisations this node decides for.
    pub fn served(&self) -> usize {
        let is_alone = self.cluster().is_none();
        self.0.cells.iter().filter(|cell| is_alone || cell.is_served()).count()
    }

    /// The nodes that share the store; `None` if one has all.
    pub fn nodes(&self) -> Option<&Arc<Cluster>> {
        self.cluster()
    }

    /// Whether it exists after all: another node may have just created it.
    pub async fn learn_of(&self, organisation: OrganisationId) -> bool {
        let found = self.0.shared.store.settings(organisation).await;
        let exists = matches!(found, Ok(Some(_)));
        if exists {
            self.know(organisation);
        }
        exists
    }

    fn know(&self, organisation: OrganisationId) {
        self.0.cells.entry(organisation).or_insert_with(|| self.new_cell(organisation));
    }

    /// Nothing may be decided here any more: every connection is told to go elsewhere.
    pub fn give_up_all(&self) {
        for cell in self.cells() {
            if let Some(address) = cell.address() {
                cell.give_up();
                address.do_send(GiveUp);
            }
        }
    }

    /// Hears of other nodes, and takes on what falls to this one, for as long as this is polled.
    pub async fn keep_estate(self) {
        let Some(cluster) = self.cluster().cloned() else { return };
        let mut hearing = tokio::time::interval(HEAR_EVERY);
        hearing.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut rebalanced = self.0.shared.clock.elapsed();
        let mut orphans = Orphans::default();
        loop {
            hearing.tick().await;
            match cluster.hear().await {
                Ok(news) => self.heed(&news),
                Err(error) => {
                    telemetry::count_store_error("owners", error.kind());
                    continue;
                }
            }
            if cluster.is_leaving() {
                return;
            }
            if !cluster.holds_lease() {
                continue;
            }
            let due = orphans.due(cluster.orphans(), self.0.shared.clock.elapsed());
            self.adopt(&cluster, due).await;
            let elapsed = self.0.shared.clock.elapsed();
            if elapsed.saturating_sub(rebalanced) >= REBALANCE_EVERY {
                rebalanced = elapsed;
                self.rebalance(&cluster).await;
            }
        }
    }

    fn heed(&self, news: &[News]) {
        for News { organisation, exists } in news {
            if *exists {
                self.know(*organisation);
            } else {
                let is_idle = |_: &OrganisationId, cell: &Arc<Cell>| cell.address().is_none();
                self.0.cells.remove_if(organisation, is_idle);
            }
        }
    }

    /// Those that nobody has and that fall to this node, those that were given to it, and those whose actor
    /// is not there.
    async fn adopt(&self, cluster: &Cluster, orphans: Vec<OrganisationId>) {
        let is_idle = |id: &OrganisationId| {
            self.0.cells.get(id).is_some_and(|cell| !cell.is_served() && cell.address().is_none())
        };
        let given: Vec<OrganisationId> = cluster.mine().into_iter().filter(is_idle).collect();
        if !orphans.is_empty() {
            let organisations = orphans.len();
            tracing::info!(organisations, "organisations that nobody has fall to this node");
        }
        let claims = given.into_iter().chain(orphans).map(|id| async move {
            // What could not be claimed is tried again when it is heard of next.
            let _ = self.peek(id, |_| ()).await;
        });
        stream::iter(claims).buffer_unordered(ADOPTED_AT_ONCE).collect::<()>().await;
    }

    /// A node that was started has nothing; whoever has more than their share gives it some, few at a time
    /// and those with the fewest connections first.
    async fn rebalance(&self, cluster: &Cluster) {
        let me = cluster.run();
        let Some((to, count)) = excess(&me, cluster.shares()) else { return };
        let mut mine: Vec<Arc<Cell>> =
            self.cells().into_iter().filter(|cell| cell.is_served()).collect();
        mine.sort_by_key(|cell| cell.links().len());
        for cell in mine.into_iter().take(count.min(REBALANCED_AT_ONCE)) {
            let organisation = cell.id();
            tracing::info!(
                organisation = organisation.get(),
                node = &*to.node,
                "moved to even the load"
            );
            if let Err(error) = self.hand_over(&cell, Some(to.clone())).await {
                let organisation = organisation.get();
                tracing::warn!(organisation, %error, "an organisation could not be handed over");
            }
        }
    }

    /// Gives an organisation that is served here to another node.
    ///
    /// # Errors
    /// See [`MoveError`].
    pub async fn move_to(
        &self,
        organisation: OrganisationId,
        node: &str,
    ) -> Result<Elsewhere, MoveError> {
        let cluster = self.cluster().ok_or(MoveError::NoSuchNode)?;
        let known = match cluster.live_node(node) {
            Some(row) => Some(row),
            // It may have just joined.
            None => cluster.look_for_node(node).await.map_err(|_| MoveError::Unavailable)?,
        };
        let row = known.ok_or(MoveError::NoSuchNode)?;
        let here = Elsewhere { node: row.run.node.clone(), url: row.url };
        if *row.run.node == *cluster.node().name {
            return Ok(here);
        }
        let OrganisationRef(cell) = self.find(organisation).ok_or(MoveError::Unavailable)?;
        match self.hand_over(&cell, Some(row.run)).await {
            Ok(true) => Ok(here),
            Ok(false) | Err(_) => Err(MoveError::Unavailable),
        }
    }

    /// Gives everything to the other nodes, in so many batches with a pause after each; devices are told where
    /// it went. From now on nothing is taken on. Where there is no other node, everything stays.
    pub async fn hand_over_all(&self, batches: usize, pause: Duration) {
        let Some(cluster) = self.cluster() else { return };
        cluster.prepare_to_leave();
        let served: Vec<Arc<Cell>> =
            self.cells().into_iter().filter(|cell| cell.is_served()).collect();
        let batch = served.len().div_ceil(batches).max(1);
        for cells in served.chunks(batch) {
            let leaving = cells.iter().map(|cell| self.leave_to_the_heir(cluster, cell));
            stream::iter(leaving).buffer_unordered(HANDED_OVER_AT_ONCE).collect::<()>().await;
            tokio::time::sleep(pause).await;
        }
    }

    /// Gives back whatever is left, and the lease.
    pub async fn leave(&self) {
        let Some(cluster) = self.cluster() else { return };
        if let Err(error) = cluster.leave().await {
            tracing::warn!(%error, "the lease runs out by itself");
        }
    }

    async fn leave_to_the_heir(&self, cluster: &Cluster, cell: &Cell) {
        let heir = cluster.elsewhere(cell.id()).and_then(|heir| cluster.live_node(&heir.node));
        let Some(heir) = heir else { return };
        if let Err(error) = self.hand_over(cell, Some(heir.run)).await {
            let organisation = cell.id().get();
            tracing::warn!(organisation, %error, "an organisation could not be handed over");
        }
    }

    /// Whether it came through. What is asked of it from now on is not decided here.
    async fn hand_over(&self, cell: &Cell, to: Option<NodeRun>) -> Result<bool, StoreError> {
        let gone = || StoreError::Aborted("its actor is not there".to_owned());
        let (done, outcome) = oneshot::channel();
        cell.address().ok_or_else(gone)?.do_send(HandOver { to, done });
        outcome.await.map_err(|_| gone())?
    }
}

/// Organisations that nobody has and that fall to this node, and since when.
#[derive(Debug, Default)]
struct Orphans(HashMap<OrganisationId, Duration>);

impl Orphans {
    /// Those that it is time for, of these.
    fn due(&mut self, orphans: Vec<OrganisationId>, elapsed: Duration) -> Vec<OrganisationId> {
        let before = std::mem::take(&mut self.0);
        self.0 =
            orphans.iter().map(|id| (*id, before.get(id).copied().unwrap_or(elapsed))).collect();
        let is_due = |id: &OrganisationId| {
            self.0.get(id).is_some_and(|since| elapsed.saturating_sub(*since) >= ADOPTED_AFTER)
        };
        orphans.into_iter().filter(is_due).collect()
    }
}

/// To whom a node gives how many that has more than its share: the one that has the fewest, if that has a
/// tenth less than its own share, and at least two.
fn excess(me: &NodeRun, shares: Vec<(NodeRun, usize)>) -> Option<(NodeRun, usize)> {
    let total: usize = shares.iter().map(|(_, count)| count).sum();
    let share = total.div_ceil(shares.len().max(1));
    let mine = shares.iter().find(|(run, _)| run == me)?.1;
    let (fewest, least) = shares.into_iter().min_by_key(|(_, count)| *count)?;
    let slack = (share / 10).max(1);
    (mine > share && least + slack < share).then(|| (fewest, (mine - share).min(share - least)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(node: &str) -> NodeRun {
        NodeRun { node: node.into(), incarnation: 1 }
    }

    fn of(counts: [usize; 3]) -> Vec<(NodeRun, usize)> {
        ["a", "b", "c"].into_iter().map(run).zip(counts).collect()
    }

    #[test]
    fn a_node_that_was_started_is_given_what_others_have_beyond_their_share() {
        assert_eq!(excess(&run("a"), of([300, 300, 0])), Some((run("c"), 100)));
        assert_eq!(excess(&run("c"), of([300, 300, 0])), None, "it has less than its share");
    }

    #[test]
    fn small_differences_are_left_alone() {
        assert_eq!(excess(&run("a"), of([2, 1, 1])), None);
        assert_eq!(excess(&run("a"), of([105, 100, 95])), None);
        assert_eq!(excess(&run("a"), of([115, 100, 85])), Some((run("c"), 15)));
    }

    #[test]
    fn what_nobody_has_is_left_for_a_while_to_whoever_is_asked_for_it() {
        let id = |number| OrganisationId::new(number).expect("a number");
        let at = |ms: u64| Duration::from_millis(10_000 + ms);
        let mut orphans = Orphans::default();
        assert_eq!(orphans.due(vec![id(1), id(2)], at(0)), []);
        assert_eq!(orphans.due(vec![id(1)], at(1_000)), [], "somebody took the other");
        assert_eq!(orphans.due(vec![id(1), id(2)], at(2_000)), [id(1)]);
        assert_eq!(orphans.due(vec![id(1), id(2)], at(4_000)), [id(1), id(2)]);
    }

    #[test]
    fn a_run_that_is_not_among_them_gives_nothing() {
        assert_eq!(excess(&run("d"), of([9, 0, 0])), None);
    }
}
