//! Features that a list from the PBX assigns, beside those assigned by hand (SPEC §6, §10).

use super::event::Effects;
use super::ids::{LicenceId, UserName};
use super::moment::Moment;
use super::organisation::{Command, Organisation};
use super::provisioning::{ProvisionUsers, UserChange, UserPatch};
use std::collections::BTreeSet;

/// The PBX's list of the users who have a type: they have it from now on, and who has it only by an
/// earlier list loses it.
#[derive(Clone, Debug)]
pub struct SyncLicence {
    /// The type.
    pub licence: LicenceId,
    /// Login names; one given twice counts once.
    pub users: BTreeSet<UserName>,
}

/// What a list has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncAnswer {
    /// Users who had it by no list before, and have now.
    pub added: u32,
    /// Users who had it by a list before, and have not now.
    pub removed: u32,
    /// Users who have it by the list now.
    pub synced: u32,
    /// Names on the list that are no user's.
    pub unknown: Vec<UserName>,
}

impl Command for SyncLicence {
    type Answer = SyncAnswer;

    fn decide(
        self,
        organisation: &mut Organisation,
        now: Moment,
        effects: &mut Effects,
    ) -> SyncAnswer {
        let mut answer = SyncAnswer::default();
        let mut changes = Vec::new();
        for name in &self.users {
            match organisation.users.get(name) {
                None => answer.unknown.push(name.clone()),
                Some(user) => {
                    answer.synced += 1;
                    let mut synced = user.record.synced;
                    if synced.insert(self.licence) {
                        answer.added += 1;
                        changes.push((name.clone(), synced));
                    }
                }
            }
        }
        let known = organisation.users.values();
        let mut dropped: Vec<_> = known
            .filter(|user| user.record.synced.contains(self.licence))
            .filter(|user| !self.users.contains(&user.record.user))
            .map(|user| (user.record.user.clone(), user.record.synced))
            .collect();
        dropped.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        for (name, mut synced) in dropped {
            synced.remove(self.licence);
            answer.removed += 1;
            changes.push((name, synced));
        }
        let patch = |synced| UserPatch { synced: Some(synced), ..UserPatch::default() };
        let changes = changes.into_iter().map(|(user, synced)| UserChange::Patch {
            user,
            patch: patch(synced),
            expected_version: None,
        });
        // Nothing of it can be refused: an assigned type takes no seat, and the users are there.
        ProvisionUsers { changes: changes.collect(), atomic: false }.decide(
            organisation,
            now,
            effects,
        );
        answer
    }
}
