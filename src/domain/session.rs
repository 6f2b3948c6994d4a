//! One logged-in device of one user.

use super::ids::{LicenceId, LicenceSet, LinkId, ResumeDigest, SessionId, UserName};
use super::reason::{Device, GrantPool};
use chrono::{DateTime, Utc};
use std::sync::Arc;
use std::time::Duration;

/// Whether a session's device is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// On this connection.
    Connected(LinkId),
    /// Lost; the licences stay held until this monotonic time.
    Lingering {
        /// When the grace runs out, since the process began.
        until: Duration,
    },
}

/// One licence type held by one session.
#[derive(Clone, Copy, Debug)]
pub struct Instance {
    /// The type.
    pub licence: LicenceId,
    /// The pool that the record of its grant names, and that of its release repeats.
    pub pool: GrantPool,
    /// When it was granted.
    pub since: DateTime<Utc>,
}

/// A place in the queue of a licence type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The type that is waited for.
    pub licence: LicenceId,
    /// Smaller is served earlier.
    pub place: u64,
}

/// A session as it is held in memory.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) user: UserName,
    pub(super) device: Device,
    pub(super) since: DateTime<Utc>,
    pub(super) presence: Presence,
    /// Seconds for which an unclean end leaves the licences held; 0 for none.
    pub(super) grace_s: u32,
    pub(super) resume: ResumeDigest,
    /// The peer's address, for people who look.
    pub(super) address: Arc<str>,
    pub(super) instances: Vec<Instance>,
    pub(super) places: Vec<Place>,
}

impl Session {
    pub(super) fn instance(&self, licence: LicenceId) -> Option<&Instance> {
        self.instances.iter().find(|instance| instance.licence == licence)
    }

    pub(super) fn held(&self) -> LicenceSet {
        self.instances.iter().map(|instance| instance.licence).collect()
    }

    pub(super) fn place(&self, licence: LicenceId) -> Option<u64> {
        self.places.iter().find(|place| place.licence == licence).map(|place| place.place)
    }

    pub(super) fn waiting(&self) -> LicenceSet {
        self.places.iter().map(|place| place.licence).collect()
    }

    pub(super) fn link(&self) -> Option<LinkId> {
        match self.presence {
            Presence::Connected(link) => Some(link),
            Presence::Lingering { .. } => None,
        }
    }
}
