//! Who has which organisation, as this node heard last. The store alone knows; what stands here saves asking.

use crate::domain::ids::OrganisationId;
use crate::store::ownership::{NodeRow, NodeRun, OwnerRow};
use dashmap::DashMap;
use foldhash::fast::RandomState;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, Hash};
use std::sync::{Arc, PoisonError, RwLock};

/// The same on every node: whom an organisation that nobody has falls to must not depend on who asks.
const SPREAD: foldhash::fast::FixedState = foldhash::fast::FixedState::with_seed(129);

#[derive(Debug, Default)]
pub(super) struct Owners {
    organisations: DashMap<OrganisationId, Option<NodeRun>, RandomState>,
    nodes: RwLock<Vec<NodeRow>>,
}

impl Owners {
    pub(super) fn hear_of(&self, row: &OwnerRow) {
        if row.is_removed {
            self.organisations.remove(&row.organisation);
        } else {
            self.organisations.insert(row.organisation, row.owner.clone());
        }
    }

    pub(super) fn set(&self, organisation: OrganisationId, owner: Option<NodeRun>) {
        self.organisations.insert(organisation, owner);
    }

    pub(super) fn set_nodes(&self, nodes: Vec<NodeRow>) {
        *self.nodes.write().unwrap_or_else(PoisonError::into_inner) = nodes;
    }

    pub(super) fn nodes(&self) -> Vec<NodeRow> {
        self.nodes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The run that has the organisation, if its lease was in force.
    pub(super) fn live_owner(&self, organisation: OrganisationId) -> Option<NodeRow> {
        let owner = self.organisations.get(&organisation)?.clone()?;
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        nodes.iter().find(|node| node.is_live && node.run == owner).cloned()
    }

    /// Where an organisation is expected next if `me` does not have it: the same for whoever reckons.
    pub(super) fn heir(&self, organisation: OrganisationId, me: &str) -> Option<NodeRow> {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        let others = nodes.iter().filter(|node| node.is_live && &*node.run.node != me);
        others.max_by_key(|node| weight(organisation, &node.run.node)).cloned()
    }

    /// Organisations that nobody has whose lease was in force, and that fall to `me`.
    pub(super) fn orphans_of(&self, me: &NodeRun) -> Vec<OrganisationId> {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        let live: Vec<&NodeRun> =
            nodes.iter().filter(|node| node.is_live).map(|node| &node.run).collect();
        let falls_to_me = |organisation: OrganisationId| {
            let heir = live.iter().max_by_key(|run| weight(organisation, &run.node));
            heir.is_some_and(|run| *run == me)
        };
        let mut orphans: Vec<OrganisationId> = self
            .organisations
            .iter()
            .filter(|entry| !entry.value().as_ref().is_some_and(|owner| live.contains(&owner)))
            .map(|entry| *entry.key())
            .filter(|organisation| falls_to_me(*organisation))
            .collect();
        orphans.sort_unstable();
        orphans
    }

    /// Organisations that a run has.
    pub(super) fn of(&self, run: &NodeRun) -> Vec<OrganisationId> {
        let all = self.organisations.iter();
        let mut mine: Vec<OrganisationId> = all
            .filter(|entry| entry.value().as_ref() == Some(run))
            .map(|entry| *entry.key())
            .collect();
        mine.sort_unstable();
        mine
    }

    /// How many organisations each node has whose lease was in force, and where it can be given more.
    pub(super) fn shares(&self) -> Vec<(NodeRun, usize)> {
        let mut counts: HashMap<NodeRun, usize> = HashMap::new();
        for entry in &self.organisations {
            if let Some(owner) = entry.value() {
                *counts.entry(owner.clone()).or_default() += 1;
            }
        }
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        let live = nodes.iter().filter(|node| node.is_live);
        live.map(|node| (node.run.clone(), counts.get(&node.run).copied().unwrap_or(0))).collect()
    }

    /// Every node with what it has, by its name.
    pub(super) fn held(&self) -> BTreeMap<Arc<str>, (NodeRow, Vec<OrganisationId>)> {
        let nodes = self.nodes().into_iter().map(|row| (row.run.node.clone(), (row, Vec::new())));
        let mut held: BTreeMap<Arc<str>, (NodeRow, Vec<OrganisationId>)> = nodes.collect();
        for entry in &self.organisations {
            let Some(owner) = entry.value() else { continue };
            if let Some((row, organisations)) = held.get_mut(&owner.node)
                && row.run == *owner
            {
                organisations.push(*entry.key());
            }
        }
        held.values_mut().for_each(|(_, organisations)| organisations.sort_unstable());
        held
    }
}

/// Rendezvous: when a node comes or goes, only what falls to it or from it falls to another.
fn weight(organisation: OrganisationId, node: &str) -> u64 {
    SPREAD.hash_one(Spread(organisation.get(), node))
}

#[derive(Hash)]
struct Spread<'a>(u64, &'a str);

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn id(number: u64) -> OrganisationId {
        OrganisationId::new(number).expect("a number")
    }

    fn run(node: &str) -> NodeRun {
        NodeRun { node: node.into(), incarnation: 1 }
    }

    fn row(node: &str, is_live: bool) -> NodeRow {
        NodeRow {
            run: run(node),
            url: format!("http://{node}").into(),
            since: DateTime::UNIX_EPOCH,
            seen_at: DateTime::UNIX_EPOCH,
            lease_until: DateTime::UNIX_EPOCH,
            is_live,
        }
    }

    fn three(live: [bool; 3]) -> Owners {
        let owners = Owners::default();
        let nodes = ["a", "b", "c"].into_iter().zip(live);
        owners.set_nodes(nodes.map(|(node, is_live)| row(node, is_live)).collect());
        owners
    }

    #[test]
    fn organisations_that_nobody_has_fall_to_the_nodes_in_like_parts_and_to_one_each() {
        let owners = three([true; 3]);
        (1..=300).for_each(|number| owners.set(id(number), None));
        let parts: Vec<Vec<OrganisationId>> =
            ["a", "b", "c"].iter().map(|node| owners.orphans_of(&run(node))).collect();
        let mut all: Vec<OrganisationId> = parts.iter().flatten().copied().collect();
        all.sort_unstable();
        assert_eq!(all, (1..=300).map(id).collect::<Vec<_>>());
        assert!(parts.iter().all(|part| (60..=140).contains(&part.len())), "{parts:?}");
    }

    #[test]
    fn what_a_lost_node_had_falls_to_the_others_and_nothing_else_does() {
        let owners = three([true, true, false]);
        for number in 1..=90 {
            owners.set(id(number), Some(run(["a", "b", "c"][(number % 3) as usize])));
        }
        let mut fallen = owners.orphans_of(&run("a"));
        fallen.extend(owners.orphans_of(&run("b")));
        fallen.sort_unstable();
        assert_eq!(fallen, (1..=90).filter(|number| number % 3 == 2).map(id).collect::<Vec<_>>());
    }

    #[test]
    fn a_run_that_is_over_owns_nothing_though_its_node_is_back() {
        let owners = three([true; 3]);
        owners.set(id(1), Some(NodeRun { node: "a".into(), incarnation: 0 }));
        assert_eq!(owners.live_owner(id(1)), None);
        owners.set(id(1), Some(run("a")));
        assert_eq!(owners.live_owner(id(1)), Some(row("a", true)));
    }

    #[test]
    fn the_heir_is_never_whoever_asks_and_never_a_lost_node() {
        let owners = three([true, true, false]);
        for number in 1..=50 {
            assert_eq!(owners.heir(id(number), "a"), Some(row("b", true)));
        }
        assert_eq!(three([true, false, false]).heir(id(1), "a"), None);
    }
}
