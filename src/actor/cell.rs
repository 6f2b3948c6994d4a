//! What of an organisation outlives its actor: connections, the latest counts, and where the actor is.

use super::admission::LoginQueue;
use super::gauges::Gauges;
use super::link::{Link, Links, ToDevice};
use super::live::Live;
use super::organisation::{Departed, OrganisationActor, Retire, Submit};
use super::reply::Reply;
use crate::clock::Clock;
use crate::domain::audit::Author;
use crate::domain::event::Notice;
use crate::domain::ids::{LinkId, OrganisationId, SessionId};
use crate::domain::organisation::Command;
use crate::domain::reason::{Departure, EndReason};
use crate::domain::release::LeaveAnswer;
use crate::limits::ACTOR_RESTART_PAUSE_MAX;
use crate::store::Run;
use actix::Addr;
use chrono::{DateTime, Utc};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How an organisation came to be run here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Past {
    /// The last run before, until what was open then is settled.
    pub(super) last_run: Option<Run>,
    /// Since when it is run without a break.
    pub(super) running_since: DateTime<Utc>,
    /// Monotonic time until which sessions linger that may be on another node's sockets still.
    pub(super) held_until: Duration,
}

/// What of an organisation outlives its actor.
pub(super) struct Cell {
    id: OrganisationId,
    /// Says when commands arrive.
    clock: Clock,
    /// `None` until it was first needed. Replaced when the actor died.
    address: Mutex<Option<Addr<OrganisationActor>>>,
    links: Links,
    live: Live,
    gauges: Gauges,
    /// Logins under way.
    logins: LoginQueue,
    /// How many connections each wallboard has.
    wallboards: Mutex<HashMap<Arc<str>, usize>>,
    /// How this organisation came to be run here.
    past: Mutex<Past>,
    /// Whether an actor of this node decides for it. Where one node has all, that is not asked.
    is_served: AtomicBool,
    /// Set when it is another node's from now on, or nobody's: its actor ends, and is started again only
    /// when it is asked for.
    is_given_up: AtomicBool,
    /// Notices of decisions whose commit the actor did not live to see, until one starts anew.
    untold: Mutex<Vec<(LinkId, Notice)>>,
    /// Set when the organisation is gone or the broker stops: its actor is not started again.
    is_retired: AtomicBool,
    /// Set when the store does not have the organisation any more: the directory forgets it.
    is_removed: AtomicBool,
    /// Deaths since the last one that came alone.
    deaths: AtomicU32,
}

impl Cell {
    pub(super) fn new(
        id: OrganisationId,
        clock: Clock,
        last_run: Option<Run>,
        running_since: DateTime<Utc>,
    ) -> Self {
        let live = Live::new(clock.now().at);
        let past = Past { last_run, running_since, held_until: Duration::ZERO };
        Self {
            id,
            clock,
            address: Mutex::new(None),
            links: Links::default(),
            live,
            gauges: Gauges::default(),
            logins: LoginQueue::default(),
            wallboards: Mutex::default(),
            past: Mutex::new(past),
            is_served: AtomicBool::new(false),
            is_given_up: AtomicBool::new(false),
            untold: Mutex::default(),
            is_retired: AtomicBool::new(false),
            is_removed: AtomicBool::new(false),
            deaths: AtomicU32::new(0),
        }
    }

    pub(super) fn id(&self) -> OrganisationId {
        self.id
    }

    pub(super) fn links(&self) -> &Links {
        &self.links
    }

    pub(super) fn live(&self) -> &Live {
        &self.live
    }

    pub(super) fn gauges(&self) -> &Gauges {
        &self.gauges
    }

    pub(super) fn logins(&self) -> &LoginQueue {
        &self.logins
    }

    pub(super) fn past(&self) -> Past {
        *self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It was claimed from another run, or from nobody.
    pub(super) fn take_over(&self, past: Past) {
        *self.past.lock().unwrap_or_else(PoisonError::into_inner) = past;
    }

    pub(super) fn forget_last_run(&self) {
        self.past.lock().unwrap_or_else(PoisonError::into_inner).last_run = None;
        self.deaths.store(0, Ordering::Relaxed);
    }

    /// An actor of this node decides from now on. That an actor before it was to give up, and had ended
    /// before it could hear of it, is over with that.
    pub(super) fn settle_in(&self) {
        self.is_given_up.store(false, Ordering::Release);
        self.is_served.store(true, Ordering::Release);
    }

    /// No actor of this node decides any more.
    pub(super) fn leave(&self) {
        self.is_served.store(false, Ordering::Release);
    }

    pub(super) fn is_served(&self) -> bool {
        self.is_served.load(Ordering::Acquire)
    }

    /// Its actor, which is about to end, is not started again by itself.
    pub(super) fn give_up(&self) {
        self.leave();
        self.is_given_up.store(true, Ordering::Release);
    }

    /// Whether it was given up when its actor ended: then whoever asks for it next starts one anew.
    pub(super) fn vacate_if_given_up(&self) -> bool {
        let is_given_up = self.is_given_up.swap(false, Ordering::AcqRel);
        if is_given_up {
            *self.address.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        is_given_up
    }

    pub(super) fn keep_untold(&self, notices: Vec<(LinkId, Notice)>) {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner).extend(notices);
    }

    pub(super) fn take_untold(&self) -> Vec<(LinkId, Notice)> {
        std::mem::take(&mut *self.untold.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Starts an actor in place of whichever was there before, unless it is retired. Its address is known
    /// before it can look at the connections.
    pub(super) fn publish(&self, start: impl FnOnce() -> Addr<OrganisationActor>) {
        let mut address = self.address.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_retired() {
            *address = Some(start());
        }
    }

    /// Starts an actor if that was not needed before, unless it is retired.
    pub(super) fn publish_first(&self, start: impl FnOnce() -> Addr<OrganisationActor>) {
        let mut address = self.address.lock().unwrap_or_else(PoisonError::into_inner);
        if address.is_none() && !self.is_retired() {
            *address = Some(start());
        }
    }

    /// How long an actor that just died is left alone: longer with each death since the last that came
    /// alone, but never so long that a store which is well again waits for it.
    pub(super) fn restart_pause(&self) -> Duration {
        let deaths = self.deaths.fetch_add(1, Ordering::Relaxed);
        let pause = Duration::from_millis(20) * 2_u32.saturating_pow(deaths.min(10));
        pause.min(ACTOR_RESTART_PAUSE_MAX)
    }

    pub(super) fn is_retired(&self) -> bool {
        self.is_retired.load(Ordering::Acquire)
    }

    pub(super) fn is_removed(&self) -> bool {
        self.is_removed.load(Ordering::Acquire)
    }

    /// The ids of the wallboards that are connected.
    pub(super) fn wallboards(&self) -> HashSet<Arc<str>> {
        let wallboards = self.wallboards.lock().unwrap_or_else(PoisonError::into_inner);
        wallboards.keys().cloned().collect()
    }

    /// No actor is started from now on, and the one that there is ends.
    pub(super) fn retire(&self) {
        let address = self.address.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_retired.store(true, Ordering::Release);
        if let Some(address) = &*address {
            address.do_send(Retire);
        }
    }

    /// The organisation is gone: so is its actor, and every connection is told. Its number may be another
    /// organisation's already, and an actor that came back would take that for its own.
    pub(super) fn dismiss(&self) {
        self.retire();
        for link in self.links.ids() {
            self.end_link(link, EndReason::OrganisationRemoved);
        }
    }

    /// Tells a connection to end; nothing more is sent to it.
    pub(super) fn end_link(&self, link: LinkId, reason: EndReason) {
        if let Some(link) = self.links.remove(link) {
            link.recipient.do_send(ToDevice::Notice(Notice::Ended(reason)));
        }
    }

    /// The organisation was removed, and whoever removed it was not told that it was.
    pub(super) fn remove(&self) {
        self.is_removed.store(true, Ordering::Release);
        self.dismiss();
    }

    /// A session's queue of notices is full: it ends as if its connection had.
    pub(super) fn report_overflow(&self, session: SessionId, link: LinkId) {
        self.links.send_end(link, EndReason::SlowConsumer);
        self.links.mark_departed(link, Departure::SlowConsumer);
        self.send_goodbye(session, link, Departure::SlowConsumer, Reply::nobody());
    }

    /// The connection's mark is set before this looks the actor up, and a starting actor is published
    /// before it reads the marks: either it sees the mark, or the message reaches it.
    pub(super) fn send_goodbye(
        &self,
        session: SessionId,
        link: LinkId,
        departure: Departure,
        reply: Reply<LeaveAnswer>,
    ) {
        if let Some(address) = self.address() {
            let (arrived, place) = (self.clock.elapsed(), self.gauges.queue());
            address.do_send(Departed { session, link, departure, reply, arrived, place });
        }
    }

    /// Leaves a command in the actor's mailbox, with the time at which it came there. Where no actor is,
    /// the reply is dropped and says so.
    pub(super) fn submit<C>(
        &self,
        command: C,
        reply: Reply<C::Answer>,
        link: Option<Link>,
        author: Option<Author>,
    ) where
        C: Command + Send + 'static,
        C::Answer: Send + 'static,
    {
        if let Some(address) = self.address() {
            let (arrived, place) = (self.clock.elapsed(), self.gauges.queue());
            address.do_send(Submit { command, reply, link, author, arrived, place });
        }
    }

    pub(super) fn address(&self) -> Option<Addr<OrganisationActor>> {
        self.address.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A connection of a wallboard.
pub struct WallboardGuard {
    cell: Arc<Cell>,
    wallboard: Arc<str>,
}

impl WallboardGuard {
    pub(super) fn enter(cell: Arc<Cell>, wallboard: Arc<str>) -> Self {
        let mut wallboards = cell.wallboards.lock().unwrap_or_else(PoisonError::into_inner);
        *wallboards.entry(wallboard.clone()).or_default() += 1;
        drop(wallboards);
        Self { cell, wallboard }
    }
}

impl Drop for WallboardGuard {
    fn drop(&mut self) {
        let mut wallboards = self.cell.wallboards.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connections) = wallboards.get_mut(&self.wallboard) {
            *connections -= 1;
            if *connections == 0 {
                wallboards.remove(&self.wallboard);
            }
        }
    }
}
