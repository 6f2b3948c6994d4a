//! Active in the billing period: who was `active` at any time this month (SPEC §6).
//!
//! Counted as those who are active now and those who *lapsed*: were active with a type earlier in the
//! month and are not any more.

use super::event::{Effects, Event};
use super::ids::{LicenceSet, UserName};
use super::moment::Moment;
use super::organisation::Organisation;
use super::reason::UserStatus;
use super::user::UserRecord;

/// What has become of a user's activity this month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lapsed {
    /// Types with which the user was active earlier in the month and is not any more.
    pub licences: LicenceSet,
    /// Whether the user was active at all, and is not any more.
    pub at_all: bool,
}

impl Lapsed {
    pub(super) const NONE: Self = Self { licences: LicenceSet::EMPTY, at_all: false };
}

/// A change of who was active this month and is not any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LapseChange {
    /// The user is not active with these any more.
    Began(Lapsed),
    /// The user is active with these again.
    Ended(Lapsed),
    /// The user was deleted: what has lapsed stays counted, and is nobody's any more.
    Detached,
}

/// What is kept of it.
#[derive(Clone, Debug)]
pub struct StoredLapse {
    /// Who; `None` once the user was deleted.
    pub user: Option<UserName>,
    /// What.
    pub lapsed: Lapsed,
}

impl UserRecord {
    /// The types with which the user is active.
    pub fn active_licences(&self) -> LicenceSet {
        match self.status {
            UserStatus::Active => self.licences(),
            UserStatus::PreActive | UserStatus::Suspended | UserStatus::Deleted => {
                LicenceSet::EMPTY
            }
        }
    }
}

impl Organisation {
    /// Users who are active now, and users who were at any time this month.
    pub fn active_users(&self) -> (u32, u32) {
        (self.active, self.active + self.lapsed)
    }

    /// Notes what a user's change takes from, and brings back to, who is active. Comes before the change
    /// is made.
    pub(super) fn note_activity(
        &mut self,
        name: &UserName,
        after: Option<&UserRecord>,
        now: Moment,
        effects: &mut Effects,
    ) {
        let Some(user) = self.users.get_mut(name) else { return };
        let before = user.record.active_licences();
        let stays = after.map_or(LicenceSet::EMPTY, UserRecord::active_licences);
        let began = Lapsed {
            licences: before.difference(stays),
            at_all: !before.is_empty() && stays.is_empty(),
        };
        let ended = Lapsed {
            licences: user.lapsed.licences.intersection(stays),
            at_all: user.lapsed.at_all && !stays.is_empty(),
        };
        user.lapsed = Lapsed {
            licences: user.lapsed.licences.union(began.licences).difference(ended.licences),
            at_all: (user.lapsed.at_all || began.at_all) && !ended.at_all,
        };
        let is_detached = after.is_none() && user.lapsed != Lapsed::NONE;
        self.count_lapsed(began, 1);
        self.count_lapsed(ended, -1);
        let changes = [
            (began != Lapsed::NONE).then_some(LapseChange::Began(began)),
            (ended != Lapsed::NONE).then_some(LapseChange::Ended(ended)),
            is_detached.then_some(LapseChange::Detached),
        ];
        let (month, at) = (self.month, now.at);
        effects.events.extend(changes.into_iter().flatten().map(|change| Event::Lapsed {
            month,
            user: name.clone(),
            change,
            at,
        }));
    }

    fn count_lapsed(&mut self, lapsed: Lapsed, by: i32) {
        for licence in lapsed.licences.iter() {
            let pool = self.pool_mut(licence);
            pool.lapsed = pool.lapsed.saturating_add_signed(by);
        }
        if lapsed.at_all {
            self.lapsed = self.lapsed.saturating_add_signed(by);
        }
    }

    /// Takes up what is kept.
    pub(super) fn restore_lapse(&mut self, stored: &StoredLapse) {
        self.count_lapsed(stored.lapsed, 1);
        if let Some(user) = stored.user.as_ref().and_then(|name| self.users.get_mut(name)) {
            user.lapsed.licences = user.lapsed.licences.union(stored.lapsed.licences);
            user.lapsed.at_all |= stored.lapsed.at_all;
        }
    }

    /// A month begins: active in it are those who are active now.
    pub(super) fn forget_lapses(&mut self) {
        for user in self.users.values_mut() {
            user.lapsed = Lapsed::NONE;
        }
        for pool in &mut self.pools {
            pool.lapsed = 0;
        }
        self.lapsed = 0;
    }
}
