//! Configured wallboards, and how many there may be (SPEC §6, Licence Metrics).

use super::audit::Subject;
use super::event::{Effects, Event};
use super::ids::UserName;
use super::moment::Moment;
use super::organisation::{Command, Organisation};
use super::reason::{AuditAction, WallboardKind};
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// A wallboard as it is configured and kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wallboard {
    /// Its id; the `sub` of its token.
    pub id: Arc<str>,
    /// The name that people read.
    pub name: Arc<str>,
    /// The user that it is assigned to, whose licence says of which kind it is.
    pub user: Option<UserName>,
    /// When it was configured.
    pub created_at: DateTime<Utc>,
}

/// A wallboard is configured.
#[derive(Clone, Debug)]
pub struct RegisterWallboard {
    /// Its id.
    pub id: Arc<str>,
    /// The name that people read.
    pub name: Arc<str>,
    /// The user that it is assigned to.
    pub user: Option<UserName>,
}

/// Why a wallboard was not configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WallboardRefusal {
    /// The id is taken.
    Exists,
    /// There is no such user.
    UnknownUser,
    /// As many are configured as may be; that number.
    Exhausted(u32),
}

/// A wallboard is taken away. The answer says whether there was one.
#[derive(Clone, Debug)]
pub struct RemoveWallboard {
    /// Its id.
    pub id: Arc<str>,
}

/// How many wallboards may be configured changes.
#[derive(Clone, Copy, Debug)]
pub struct SetWallboardMaximum {
    /// That many.
    pub maximum: u32,
    /// The version that the change was made for, if whoever asks cares.
    pub expected_version: Option<u64>,
}

/// Why the maximum was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaximumRefusal {
    /// It changed since the version that was expected.
    Changed,
    /// More wallboards are configured; that number.
    InUse(u32),
}

/// What Licence Metrics shows of wallboards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallboardCounts {
    /// How many are configured.
    pub used: u32,
    /// How many may be.
    pub maximum: u32,
    /// Analytics Wallboards among them.
    pub analytics: u32,
    /// Live Analytics Wallboards among them.
    pub live_analytics: u32,
    /// The version of the maximum.
    pub version: u64,
}

impl Command for RegisterWallboard {
    /// The wallboard and its kind, or why there is none.
    type Answer = Result<(Wallboard, WallboardKind), WallboardRefusal>;

    fn decide(
        self,
        organisation: &mut Organisation,
        now: Moment,
        effects: &mut Effects,
    ) -> Self::Answer {
        if organisation.wallboards.contains_key(&self.id) {
            return Err(WallboardRefusal::Exists);
        }
        if self.user.as_ref().is_some_and(|user| !organisation.users.contains_key(user)) {
            return Err(WallboardRefusal::UnknownUser);
        }
        let maximum = organisation.wallboard_maximum;
        if organisation.wallboards_used() >= maximum {
            return Err(WallboardRefusal::Exhausted(maximum));
        }
        let wallboard =
            Wallboard { id: self.id, name: self.name, user: self.user, created_at: now.at };
        let after = Some(Subject::Wallboard(wallboard.clone()));
        effects.audit(now, AuditAction::WallboardCreated, wallboard.id.clone(), None, after);
        effects.events.push(Event::WallboardSaved(wallboard.clone()));
        organisation.wallboards.insert(wallboard.id.clone(), wallboard.clone());
        let kind = organisation.kind_of(&wallboard);
        Ok((wallboard, kind))
    }
}

impl Command for RemoveWallboard {
    type Answer = bool;

    fn decide(self, organisation: &mut Organisation, now: Moment, effects: &mut Effects) -> bool {
        let Some(wallboard) = organisation.wallboards.remove(&self.id) else { return false };
        effects.events.push(Event::WallboardRemoved { id: self.id.clone() });
        let before = Some(Subject::Wallboard(wallboard));
        effects.audit(now, AuditAction::WallboardDeleted, self.id, before, None);
        true
    }
}

impl Command for SetWallboardMaximum {
    /// The counts as they stand then, or why nothing changed.
    type Answer = Result<WallboardCounts, MaximumRefusal>;

    fn decide(
        self,
        organisation: &mut Organisation,
        now: Moment,
        effects: &mut Effects,
    ) -> Self::Answer {
        let current = organisation.wallboard_version;
        if self.expected_version.is_some_and(|expected| expected != current) {
            return Err(MaximumRefusal::Changed);
        }
        if self.maximum < organisation.wallboards_used() {
            return Err(MaximumRefusal::InUse(organisation.wallboards_used()));
        }
        let version = organisation.next_sequence();
        let before = std::mem::replace(&mut organisation.wallboard_maximum, self.maximum);
        organisation.wallboard_version = version;
        effects.events.push(Event::WallboardMaximumSet { maximum: self.maximum, version });
        let (before, after) =
            (Subject::WallboardMaximum(before), Subject::WallboardMaximum(self.maximum));
        let action = AuditAction::WallboardMaximumPut;
        effects.audit(now, action, "wallboard", Some(before), Some(after));
        Ok(organisation.wallboard_counts())
    }
}

impl Organisation {
    /// Every configured wallboard with its kind, by id.
    pub fn wallboards(&self) -> Vec<(Wallboard, WallboardKind)> {
        let all = self.wallboards.values();
        all.map(|wallboard| (wallboard.clone(), self.kind_of(wallboard))).collect()
    }

    /// The kind of a configured wallboard; `None` if there is none of this id.
    pub fn wallboard_kind(&self, id: &str) -> Option<WallboardKind> {
        self.wallboards.get(id).map(|wallboard| self.kind_of(wallboard))
    }

    /// What Licence Metrics shows of wallboards.
    pub fn wallboard_counts(&self) -> WallboardCounts {
        let used = self.wallboards_used();
        let is_live =
            |wallboard: &&Wallboard| self.kind_of(wallboard) == WallboardKind::LiveAnalytics;
        let live = self.wallboards.values().filter(is_live).count();
        let live_analytics = u32::try_from(live).unwrap_or(used);
        WallboardCounts {
            used,
            maximum: self.wallboard_maximum,
            analytics: used - live_analytics,
            live_analytics,
            version: self.wallboard_version,
        }
    }

    fn wallboards_used(&self) -> u32 {
        u32::try_from(self.wallboards.len()).unwrap_or(u32::MAX)
    }

    /// By the licence of the user that it is assigned to.
    fn kind_of(&self, wallboard: &Wallboard) -> WallboardKind {
        let user = wallboard.user.as_ref().and_then(|name| self.users.get(name));
        let has = user.map(|user| user.record.licences()).unwrap_or_default();
        if has.intersection(self.catalogue.live_wallboards()).is_empty() {
            WallboardKind::Analytics
        } else {
            WallboardKind::LiveAnalytics
        }
    }

    /// The wallboards of a user who is deleted are nobody's.
    pub(super) fn orphan_wallboards(&mut self, user: &str, effects: &mut Effects) {
        for wallboard in self.wallboards.values_mut() {
            if wallboard.user.as_deref() == Some(user) {
                wallboard.user = None;
                effects.events.push(Event::WallboardSaved(wallboard.clone()));
            }
        }
    }
}
