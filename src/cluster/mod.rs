//! The nodes that share a store: this one's lease, what it claims, and where everything else is.
//!
//! Who decides for an organisation is settled by the store alone ([`Ownership`]). This layer keeps the lease
//! of the present run, stops holding it by this machine's own monotonic clock before the store gives it up,
//! and remembers what it heard last of the others, so that whoever comes to the wrong node is sent on.

pub mod lease;
mod owners;

use crate::clock::Clock;
use crate::domain::ids::OrganisationId;
use crate::store::ownership::{Claim, NodeRow, NodeRun, Ownership};
use crate::store::{Store, StoreError};
use crate::telemetry;
use lease::Lease;
use owners::Owners;
use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A lease is renewed so many times while it lasts.
const RENEWALS: u32 = 4;
/// An answer that took longer does not say what time it is.
const ANSWER_FRESH_MAX: Duration = Duration::from_millis(500);
/// How long a store that does not answer is left alone before a lease is asked for again.
const JOIN_PAUSE: Duration = Duration::from_millis(250);
/// What was read so long ago is not read again for whoever came to the wrong node.
const LATELY: Duration = Duration::from_millis(100);
/// News of owners are read again from so long ago: who began to change first may be seen later.
const OVERLAP: Duration = Duration::from_secs(5);

/// This node among the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name: no two nodes may run under one.
    pub name: Arc<str>,
    /// Where clients reach it: a URL without a path.
    pub url: Arc<str>,
    /// How long its lease is.
    pub lease: Duration,
}

/// See the module. Shared by everything that runs on this node.
pub struct Cluster {
    store: Arc<dyn Store>,
    clock: Clock,
    node: Node,
    run: Mutex<NodeRun>,
    lease: Lease,
    owners: Owners,
    /// Organisations whose claim was sent and not answered.
    unanswered: Mutex<HashSet<OrganisationId>>,
    heard: Mutex<Heard>,
    /// Held while news are read because somebody came to the wrong node.
    hearing: tokio::sync::Mutex<()>,
    /// Set when the node is about to stop: it takes nothing on, and keeps no lease.
    is_leaving: AtomicBool,
}

/// How far news of owners were read, and when.
#[derive(Debug, Default)]
struct Heard {
    marks: VecDeque<(Duration, u64)>,
    latest: u64,
    /// When they were read last.
    at: Duration,
}

impl Heard {
    /// Where to read on from at `elapsed`.
    fn from(&mut self, elapsed: Duration) -> u64 {
        while self.marks.len() > 1 && self.marks[1].0 + OVERLAP <= elapsed {
            self.marks.pop_front();
        }
        self.marks.front().map_or(0, |(_, moved)| *moved)
    }

    fn to(&mut self, moved: u64, elapsed: Duration) {
        self.latest = self.latest.max(moved);
        self.at = elapsed;
        self.marks.push_back((elapsed, self.latest));
    }
}

/// Where an organisation may be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// The node's name.
    pub node: Arc<str>,
    /// Where clients reach it.
    pub url: Arc<str>,
}

impl From<NodeRow> for Elsewhere {
    fn from(row: NodeRow) -> Self {
        Self { node: row.run.node, url: row.url }
    }
}

impl Cluster {
    /// Joins the nodes that share `store`; waits for the lease of an earlier run of this name to end. `None`
    /// if the store is nobody's to share.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn join(
        store: &Arc<dyn Store>,
        clock: &Clock,
        node: Node,
    ) -> Result<Option<Arc<Self>>, StoreError> {
        let Some(ownership) = store.ownership() else { return Ok(None) };
        let lease = Lease::over(clock.clone());
        let run = begin_run(ownership, clock, &node, &lease).await?;
        let cluster = Self {
            store: Arc::clone(store),
            clock: clock.clone(),
            run: Mutex::new(run),
            lease,
            owners: Owners::default(),
            unanswered: Mutex::default(),
            heard: Mutex::default(),
            hearing: tokio::sync::Mutex::default(),
            is_leaving: AtomicBool::new(false),
            node,
        };
        cluster.hear().await?;
        Ok(Some(Arc::new(cluster)))
    }

    /// This node.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Whether this node may decide anything at this instant.
    pub fn holds_lease(&self) -> bool {
        self.lease.holds()
    }

    /// The present run of this node.
    pub fn run(&self) -> NodeRun {
        self.run.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn ownership(&self) -> &dyn Ownership {
        self.store.ownership().expect("it was there when the node joined")
    }

    /// Claims an organisation, and remembers what became of it.
    ///
    /// # Errors
    /// If the store does not answer: then the claim may have come through, and the next one of this
    /// organisation counts as a takeover though it finds it to be this run's own.
    pub async fn claim(&self, organisation: OrganisationId) -> Result<Claim, StoreError> {
        let run = self.run();
        // From here until there is an answer it may have come through.
        let is_repeated = !self.unanswered().insert(organisation);
        let mut claim = self.ownership().claim(&run, organisation).await?;
        self.unanswered().remove(&organisation);
        match &mut claim {
            Claim::Mine(tenure) => {
                tenure.is_takeover |= is_repeated;
                self.owners.set(organisation, Some(run));
            }
            Claim::Elsewhere(owner) => {
                self.owners.set(organisation, Some(owner.clone()));
                if self.owners.live_owner(organisation).is_none() {
                    self.owners.set_nodes(self.ownership().nodes().await?);
                }
            }
            Claim::Unknown | Claim::LeaseOver => {}
        }
        Ok(claim)
    }

    fn unanswered(&self) -> MutexGuard<'_, HashSet<OrganisationId>> {
        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives an organisation to another node, or back.
    ///
    /// # Errors
    /// If the store does not answer: then it may have come through.
    pub async fn hand_over(
        &self,
        organisation: OrganisationId,
        epoch: u64,
        to: Option<&NodeRun>,
    ) -> Result<bool, StoreError> {
        let run = self.run();
        let is_done = self.ownership().hand_over(&run, organisation, epoch, to).await?;
        if is_done {
            self.owners.set(organisation, to.cloned());
        }
        Ok(is_done)
    }

    /// The other node that has the organisation, as far as is known.
    pub fn owner_elsewhere(&self, organisation: OrganisationId) -> Option<Elsewhere> {
        let owner = self.owners.live_owner(organisation)?;
        (owner.run.node != self.node.name).then(|| owner.into())
    }

    /// Where whoever is sent away from here should go: to the node that has the organisation, or will have
    /// it if nothing else happens. `None` if there is no other node.
    pub fn elsewhere(&self, organisation: OrganisationId) -> Option<Elsewhere> {
        self.owner_elsewhere(organisation)
            .or_else(|| self.owners.heir(organisation, &self.node.name).map(Elsewhere::from))
    }

    /// A node whose lease was in force when it was last heard of.
    pub fn live_node(&self, name: &str) -> Option<NodeRow> {
        self.owners.nodes().into_iter().find(|row| row.is_live && &*row.run.node == name)
    }

    /// The same, as the store knows it now.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn look_for_node(&self, name: &str) -> Result<Option<NodeRow>, StoreError> {
        self.owners.set_nodes(self.ownership().nodes().await?);
        Ok(self.live_node(name))
    }

    /// Every node, and the organisations of its present run.
    pub fn nodes(&self) -> Vec<(NodeRow, Vec<OrganisationId>)> {
        self.owners.held().into_values().collect()
    }

    /// Whether no other node whose lease is in force has a name before this one's: it does what one has to do
    /// for all.
    pub fn is_first(&self) -> bool {
        let mut live = self.owners.nodes().into_iter().filter(|row| row.is_live);
        !live.any(|row| row.run.node < self.node.name)
    }

    /// The origins at which clients reach the other nodes, as this one heard last: where pages may be sent.
    pub fn other_origins(&self) -> Vec<String> {
        let others = self.owners.nodes().into_iter();
        let mut origins: Vec<String> = others
            .filter(|row| row.run.node != self.node.name)
            .map(|row| origin_of(&row.url).to_owned())
            .collect();
        origins.sort_unstable();
        origins.dedup();
        origins
    }

    /// Organisations that were given to this run, or claimed by it.
    pub fn mine(&self) -> Vec<OrganisationId> {
        self.owners.of(&self.run())
    }

    /// Organisations that nobody has, and that fall to this node.
    pub fn orphans(&self) -> Vec<OrganisationId> {
        self.owners.orphans_of(&self.run())
    }

    /// How many organisations each node has whose lease is in force.
    pub fn shares(&self) -> Vec<(NodeRun, usize)> {
        self.owners.shares()
    }

    /// Reads what changed among the nodes and owners. Organisations that are not there any more, and those
    /// that were not there before, are told.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn hear(&self) -> Result<Vec<News>, StoreError> {
        let elapsed = self.clock.elapsed();
        let from = self.heard.lock().unwrap_or_else(PoisonError::into_inner).from(elapsed);
        self.owners.set_nodes(self.ownership().nodes().await?);
        let mut news = Vec::new();
        let mut latest = from;
        for row in self.ownership().owners(from).await? {
            latest = latest.max(row.moved);
            news.push(News { organisation: row.organisation, exists: !row.is_removed });
            self.owners.hear_of(&row);
        }
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).to(latest, elapsed);
        Ok(news)
    }

    /// [`Self::hear`], unless that was done just now: however many come to the wrong node, the store is asked
    /// no oftener.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn hear_lately(&self) -> Result<Vec<News>, StoreError> {
        let _turn = self.hearing.lock().await;
        let at = self.heard.lock().unwrap_or_else(PoisonError::into_inner).at;
        if self.clock.elapsed().saturating_sub(at) < LATELY {
            return Ok(Vec::new());
        }
        self.hear().await
    }

    /// Renews the lease for as long as this is polled. Whenever it is over `lost` is called, at once, and a
    /// new run begins.
    pub async fn keep_lease(self: Arc<Self>, lost: impl Fn() + Send) {
        loop {
            self.renew_until_over().await;
            if self.is_leaving() {
                return;
            }
            self.lease.end();
            telemetry::count_lease_lost();
            tracing::error!(node = &*self.node.name, "the lease is over: nothing is decided here");
            lost();
            loop {
                match begin_run(self.ownership(), &self.clock, &self.node, &self.lease).await {
                    Ok(run) => {
                        *self.run.lock().unwrap_or_else(PoisonError::into_inner) = run;
                        tracing::info!(node = &*self.node.name, "a new lease is held");
                        break;
                    }
                    Err(error) => {
                        tracing::debug!(%error, "no new lease yet");
                        tokio::time::sleep(JOIN_PAUSE).await;
                    }
                }
            }
        }
    }

    async fn renew_until_over(&self) {
        let length = self.node.lease;
        let run = self.run();
        let mut is_told = false;
        loop {
            let asked = self.clock.elapsed();
            let left = self.lease.until().saturating_sub(asked);
            if left.is_zero() {
                return;
            }
            let renewing = self.ownership().renew(&run, length);
            match tokio::time::timeout(left, renewing).await {
                Ok(Ok(Some(at))) => {
                    self.lease.given(asked, length);
                    follow(&self.clock, asked, at);
                    is_told = false;
                }
                Ok(Ok(None)) | Err(_) => return,
                Ok(Err(error)) => {
                    if !std::mem::replace(&mut is_told, true) {
                        tracing::warn!(%error, "the lease cannot be renewed at present");
                    }
                }
            }
            let left = self.lease.until().saturating_sub(self.clock.elapsed());
            tokio::time::sleep(left.min(length / RENEWALS)).await;
        }
    }

    /// From now on nothing more is taken on here.
    pub fn prepare_to_leave(&self) {
        self.is_leaving.store(true, Ordering::Release);
    }

    /// Whether this node is about to stop.
    pub fn is_leaving(&self) -> bool {
        self.is_leaving.load(Ordering::Acquire)
    }

    /// Gives back everything, and the lease: nobody need wait for it to run out.
    ///
    /// # Errors
    /// If the store does not answer; then the lease runs out by itself.
    pub async fn leave(&self) -> Result<(), StoreError> {
        let run = self.run();
        self.lease.end();
        self.ownership().leave(&run).await
    }
}

/// Scheme, host and port of a URL.
fn origin_of(url: &str) -> &str {
    let host = url.find("://").map_or(0, |scheme| scheme + 3);
    url[host..].find('/').map_or(url, |path| &url[..host + path])
}

/// What was heard of an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct News {
    /// Which one.
    pub organisation: OrganisationId,
    /// Whether it exists. A number that was given anew is heard of twice, in this order.
    pub exists: bool,
}

async fn begin_run(
    ownership: &dyn Ownership,
    clock: &Clock,
    node: &Node,
    lease: &Lease,
) -> Result<NodeRun, StoreError> {
    let mut is_told = false;
    loop {
        let asked = clock.elapsed();
        if let Some((run, at)) = ownership.join(&node.name, &node.url, node.lease).await? {
            lease.given(asked, node.lease);
            follow(clock, asked, at);
            return Ok(run);
        }
        if !std::mem::replace(&mut is_told, true) {
            tracing::info!(node = &*node.name, "an earlier run of this node has a lease still");
        }
        tokio::time::sleep(JOIN_PAUSE).await;
    }
}

/// All nodes go by the store's clock, so that an organisation's records do not jump when it moves.
/// An answer that was long under way, or waited while this node stood still, tells of a time that is past.
fn follow(clock: &Clock, asked: Duration, at: chrono::DateTime<chrono::Utc>) {
    if clock.elapsed().saturating_sub(asked) > ANSWER_FRESH_MAX {
        return;
    }
    if let Some(behind) = clock.follow(at) {
        let behind_ms = behind.num_milliseconds();
        tracing::warn!(behind_ms, "this machine's clock was put right by the store's");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_of_a_node_is_its_url_without_the_path() {
        for (url, origin) in [
            ("http://10.0.0.2:8080", "http://10.0.0.2:8080"),
            ("https://broker.example/node/a", "https://broker.example"),
            ("https://[::1]:8443/", "https://[::1]:8443"),
        ] {
            assert_eq!(origin_of(url), origin);
        }
    }

    #[test]
    fn news_are_read_again_from_five_seconds_before() {
        let mut heard = Heard::default();
        let at = Duration::from_secs;
        assert_eq!(heard.from(at(1)), 0);
        heard.to(40, at(1));
        assert_eq!(heard.from(at(2)), 40, "nothing was read before");
        heard.to(70, at(2));
        heard.to(70, at(6));
        assert_eq!(heard.from(at(6)), 40, "what was under way at 2 s may be seen only now");
        assert_eq!(heard.from(at(7)), 70);
    }
}
