//! What the devices of one test share.

use crate::auditor::Auditor;
use crate::cluster::HEARTBEAT;
use crate::support::broker::SECRET;
use chrono::{DateTime, TimeDelta, Utc};
use licence_broker::auth::{Authenticator, Claims, Role};
use licence_broker::domain::ids::OrganisationId;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// What devices do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// They come and go, take and give back.
    Work,
    /// Whoever is in stays in and does nothing; whoever lost a session that can be resumed resumes it.
    Calm,
    /// They go home.
    End,
}

/// A close frame of a node.
#[derive(Clone, Debug)]
pub(crate) struct Close {
    pub(crate) at: Instant,
    pub(crate) node: SocketAddr,
    pub(crate) code: u16,
    /// The session was connected, and its lease not over.
    pub(crate) was_in: bool,
}

/// Where devices work.
#[derive(Clone)]
pub(crate) struct Floor {
    pub(crate) auditor: Auditor,
    pub(crate) nodes: Arc<Vec<SocketAddr>>,
    pub(crate) mode: watch::Receiver<Mode>,
    /// 1.5 × `heartbeat_s`: how long a frame of the broker proves anything.
    pub(crate) lease: Duration,
    /// What nodes told devices at the end of a connection.
    pub(crate) closes: Arc<Mutex<Vec<Close>>>,
    authenticator: Arc<Authenticator>,
}

impl Floor {
    pub(crate) fn new(
        auditor: Auditor,
        nodes: Vec<SocketAddr>,
        mode: watch::Receiver<Mode>,
        heartbeat: Duration,
    ) -> Self {
        Self {
            auditor,
            nodes: Arc::new(nodes),
            mode,
            lease: heartbeat.mul_f64(1.5),
            closes: Arc::default(),
            authenticator: Arc::new(Authenticator::with_secret(SECRET)),
        }
    }

    /// For whoever is not audited.
    pub(crate) fn of_nobody(nodes: Vec<SocketAddr>) -> Self {
        let (_, mode) = watch::channel(Mode::Work);
        Self::new(Auditor::new(HEARTBEAT, false), nodes, mode, HEARTBEAT)
    }

    /// A device's token.
    pub(crate) fn token(&self, organisation: u64, user: &str) -> String {
        token(&self.authenticator, Role::Device, organisation, user)
    }

    /// A token of the platform's operator.
    pub(crate) fn operator_token() -> String {
        token(&Authenticator::with_secret(SECRET), Role::Operator, 0, "operator")
    }
}

/// A token that is good whatever the clocks of nodes show.
fn token(authenticator: &Authenticator, role: Role, organisation: u64, subject: &str) -> String {
    let long_ago: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
    let claims = Claims {
        subject: Arc::from(subject),
        organisation: OrganisationId::new(organisation).filter(|_| role != Role::Operator),
        role,
        expires_at: long_ago + TimeDelta::days(3_650),
    };
    authenticator.issue(&claims, long_ago).unwrap()
}
