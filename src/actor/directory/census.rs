//! What can be read of every organisation at once, without asking any of their actors.

use super::{Directory, OrganisationRef};
use crate::actor::cell::{Cell, WallboardGuard};
use crate::actor::gauges::{Backlog, State};
use crate::actor::live::LiveFrame;
use crate::actor::store_health::Refusal;
use crate::domain::ids::{LinkId, OrganisationId};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How one organisation stands, as it was last made known.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Which.
    pub organisation: OrganisationId,
    /// How its actor stands.
    pub state: State,
    /// Its latest counts; without any types before it was loaded for the first time.
    pub frame: Arc<LiveFrame>,
    /// Messages that wait for its actor.
    pub waiting: usize,
    /// Sessions that linger.
    pub lingering: usize,
}

impl Directory {
    /// Every organisation, by its number.
    pub fn census(&self) -> Vec<Standing> {
        let mut all: Vec<Standing> = self
            .0
            .cells
            .iter()
            .map(|cell| Standing {
                organisation: cell.id(),
                state: cell.gauges().state(),
                frame: cell.live().latest(),
                waiting: cell.gauges().waiting(),
                lingering: cell.gauges().lingering(),
            })
            .collect();
        all.sort_unstable_by_key(|standing| standing.organisation);
        all
    }

    /// Since when and why the store refuses, if it does.
    pub fn store_refusal(&self) -> Option<Refusal> {
        self.0.shared.journal.health().refusal()
    }

    /// What is on its way to the store.
    pub fn backlog(&self) -> &Backlog {
        self.0.shared.journal.backlog()
    }

    /// Organisations that are still to be settled before logins are taken.
    pub fn unsettled(&self) -> usize {
        self.0.unsettled.load(Ordering::Relaxed)
    }

    /// Organisations that cannot be loaded at present.
    pub fn failing(&self) -> usize {
        let is_failing = |state| state == State::Failing;
        self.0.cells.iter().filter(|cell| is_failing(cell.gauges().state())).count()
    }

    /// How many sessions are connected, over all organisations.
    pub fn connected(&self) -> usize {
        self.0.cells.iter().map(|cell| cell.links().len()).sum()
    }

    /// The connections that are there, for closing them in batches.
    pub fn connections(&self) -> Vec<(OrganisationRef, LinkId)> {
        let links = |cell: Arc<Cell>| {
            let links = cell.links().ids().into_iter();
            links.map(move |link| (OrganisationRef(cell.clone()), link))
        };
        self.cells().into_iter().flat_map(links).collect()
    }

    /// The ids of the wallboards that are connected, configured or not.
    pub fn connected_wallboards(&self, organisation: OrganisationId) -> HashSet<Arc<str>> {
        self.0.cells.get(&organisation).map(|cell| cell.wallboards()).unwrap_or_default()
    }

    /// Notes that a wallboard is connected, for as long as what is returned lives.
    pub fn enter_wallboard(
        &self,
        organisation: OrganisationId,
        wallboard: Arc<str>,
    ) -> Option<WallboardGuard> {
        let cell = self.0.cells.get(&organisation)?.clone();
        Some(WallboardGuard::enter(cell, wallboard))
    }
}
