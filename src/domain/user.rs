//! Named users, and what is known of them at this instant.

use super::activity::Lapsed;
use super::ids::{LicenceId, LicenceSet, SessionId, UserName};
use super::reason::{Device, UserStatus};
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// A named user as it is provisioned and kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    /// The login name, unique in the organisation, compared as it is written.
    pub user: UserName,
    /// The name that people read.
    pub name: Arc<str>,
    /// Only `active` users log in.
    pub status: UserStatus,
    /// The user's one user type: the seat that a login takes.
    pub user_type: LicenceId,
    /// Service features and products assigned to the user by hand.
    pub features: LicenceSet,
    /// Those that the PBX's list assigns, whatever is assigned by hand.
    pub synced: LicenceSet,
    /// When the user was created.
    pub created_at: DateTime<Utc>,
    /// Grows with every change of the organisation; what an `ETag` is made of.
    pub version: u64,
}

impl UserRecord {
    /// Service features and products that the user has, by hand or by the PBX's list.
    pub fn all_features(&self) -> LicenceSet {
        self.features.union(self.synced)
    }

    /// Every type that the user has: the user type and the features.
    pub fn licences(&self) -> LicenceSet {
        let mut all = self.all_features();
        all.insert(self.user_type);
        all
    }
}

/// A type that a user holds, by however many sessions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holding {
    pub(super) licence: LicenceId,
    /// Rank among the holders of the type: smaller became one earlier.
    pub(super) order: u64,
    /// When the user became a holder.
    pub(super) since: DateTime<Utc>,
    /// Sessions of the user with an instance; at most one for each kind of device.
    pub(super) instances: u8,
}

/// A user, their sessions and what they hold.
#[derive(Debug)]
pub(super) struct User {
    pub(super) record: UserRecord,
    /// By [`Device::index`]: a second login on the same kind of device takes over.
    pub(super) sessions: [Option<SessionId>; Device::ALL.len()],
    /// A handful at the most: what a login acquires.
    pub(super) holdings: Vec<Holding>,
    /// What the user was active with this month and is not any more.
    pub(super) lapsed: Lapsed,
}

impl User {
    pub(super) fn new(record: UserRecord) -> Self {
        Self {
            record,
            sessions: [None; Device::ALL.len()],
            holdings: Vec::new(),
            lapsed: Lapsed::NONE,
        }
    }

    pub(super) fn holding(&self, licence: LicenceId) -> Option<&Holding> {
        self.holdings.iter().find(|holding| holding.licence == licence)
    }

    pub(super) fn holds(&self, licence: LicenceId) -> bool {
        self.holding(licence).is_some()
    }

    pub(super) fn live_sessions(&self) -> impl Iterator<Item = SessionId> {
        self.sessions.iter().flatten().copied()
    }
}
