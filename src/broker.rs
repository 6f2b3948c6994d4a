//! What every connection needs.

pub mod admission;
pub mod places;
pub mod rates;

use crate::actor::directory::Directory;
use crate::auth::{Authenticator, Hashing};
use crate::clock::Clock;
use crate::cluster::Node;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::LinkId;
use crate::limits::{Heartbeat, Limits};
use crate::store::Store;
use admission::Admission;
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::{Semaphore, watch};

/// Shared by all workers; lives as long as the broker.
pub struct Broker {
    /// Finds organisations.
    pub directory: Directory,
    /// For reading pages of what is kept, and for accounts; other writing is the organisations' alone.
    pub store: Arc<dyn Store>,
    /// Judges and issues tokens.
    pub authenticator: Arc<Authenticator>,
    /// Looks at passwords of those who sign in.
    pub hashing: Hashing,
    /// Tells the time.
    pub clock: Clock,
    /// The licence types.
    pub catalogue: Arc<Catalogue>,
    /// Whether logins can be taken.
    pub ready: Readiness,
    /// The bounds that an operator may set.
    pub limits: Limits,
    /// What `/metrics` prints.
    pub metrics: PrometheusHandle,
    /// How liveness is judged.
    pub heartbeat: Heartbeat,
    /// Whether it serves TLS itself, so that its own pages have `https` origins.
    pub serves_tls: bool,
    /// Origins that may connect beside the broker's own pages.
    pub allowed_origins: Vec<String>,
    /// A permit for each custom report that is being made.
    pub reports: Semaphore,
    /// Who gets in beside those who are there.
    pub admission: Admission,
    /// Numbers connections.
    pub links: LinkNumbers,
    /// This node, whether or not there are others.
    pub node: Node,
}

/// Where the broker is between start and stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Settling what was open when the broker last stopped: it listens, lets itself be looked at, and
    /// refuses sockets and changes.
    Starting,
    /// Taking logins.
    Ready,
    /// About to stop: no new connections, and those that are there leave.
    Draining,
    /// Wallboards and event streams end now.
    Closing,
}

/// Says in which phase the broker is, to whoever asks or waits.
#[derive(Clone, Debug)]
pub struct Readiness {
    phase: watch::Sender<Phase>,
    is_ready: Arc<AtomicBool>,
}

impl Readiness {
    /// A broker that takes no logins yet.
    pub fn starting() -> Self {
        let is_ready = Arc::new(AtomicBool::new(false));
        Self { phase: watch::Sender::new(Phase::Starting), is_ready }
    }

    /// Where the broker is.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Whether logins can be taken.
    pub fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Acquire)
    }

    /// Moves on to another phase.
    pub fn enter(&self, phase: Phase) {
        self.is_ready.store(phase == Phase::Ready, Ordering::Release);
        self.phase.send_replace(phase);
    }

    /// Follows the phases.
    pub fn subscribe(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }
}

/// Gives every connection a number of its own.
#[derive(Debug, Default)]
pub struct LinkNumbers(AtomicU64);

impl LinkNumbers {
    /// A number that no connection had before.
    pub fn next(&self) -> LinkId {
        LinkId(self.0.fetch_add(1, Ordering::Relaxed))
    }
}
