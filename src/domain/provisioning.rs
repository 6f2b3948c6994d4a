//! Users, and what their change does to running sessions.

use super::audit::Subject;
use super::base::BaseLedger;
use super::event::{Effects, Event, Notice};
use super::ids::{LicenceId, LicenceSet, SessionId, UserName};
use super::moment::Moment;
use super::organisation::{Command, Organisation};
use super::reason::{AuditAction, EndReason, ReleaseReason, UserStatus};
use super::staging::{Outcome, Staged};
use super::user::{User, UserRecord};
use std::sync::Arc;

/// A user as someone provisions them: every field given.
#[derive(Clone, Debug)]
pub struct UserDraft {
    /// The login name.
    pub user: UserName,
    /// The name that people read.
    pub name: Arc<str>,
    /// The status.
    pub status: UserStatus,
    /// The user type, of the class `user_type`.
    pub user_type: LicenceId,
    /// Features and products.
    pub features: LicenceSet,
}

/// What is to become different of a user; `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct UserPatch {
    /// The name that people read.
    pub name: Option<Arc<str>>,
    /// The status; `deleted` deletes.
    pub status: Option<UserStatus>,
    /// The user type.
    pub user_type: Option<LicenceId>,
    /// All features and products.
    pub features: Option<LicenceSet>,
    /// All that the PBX's list assigns.
    pub synced: Option<LicenceSet>,
}

/// One change of one user.
#[derive(Clone, Debug)]
pub enum UserChange {
    /// A new user.
    Create(UserDraft),
    /// A new user, or all fields of a known one.
    Upsert(UserDraft),
    /// Some fields of a known user.
    Patch {
        /// Who.
        user: UserName,
        /// What.
        patch: UserPatch,
        /// The version that the change was made for, if whoever asks cares.
        expected_version: Option<u64>,
    },
    /// A known user is deleted.
    Delete {
        /// Who.
        user: UserName,
        /// See [`UserChange::Patch`].
        expected_version: Option<u64>,
    },
}

/// Why a change of a user was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserRefusal {
    /// The name is taken.
    Exists,
    /// There is no such user.
    Unknown,
    /// The user changed since the version that was expected.
    Changed,
    /// More seats of this fixed-seat type would be assigned than were bought.
    FixedExhausted(LicenceId),
    /// No base licence of this user type is available.
    BaseExhausted(LicenceId),
    /// The organisation has as many users as it may.
    TooManyUsers,
}

/// Changes users, in order.
#[derive(Clone, Debug)]
pub struct ProvisionUsers {
    /// The changes; a later one sees the earlier ones.
    pub changes: Vec<UserChange>,
    /// Whether one refusal keeps all from being made.
    pub atomic: bool,
}

impl Command for ProvisionUsers {
    /// For each change the user as it is then (with status `deleted` if it is gone), or why not. An
    /// atomic call with a refusal among them changed nothing.
    type Answer = Vec<Result<UserRecord, UserRefusal>>;

    fn decide(
        self,
        organisation: &mut Organisation,
        now: Moment,
        effects: &mut Effects,
    ) -> Self::Answer {
        let mut base = std::mem::take(&mut organisation.base);
        base.iter_mut().for_each(BaseLedger::begin);
        let mut staged = Staged::new(organisation, base);
        let results: Vec<_> =
            self.changes.into_iter().map(|change| staged.stage(change, now)).collect();
        let Outcome { order, after, deleted, sequence, mut base, base_changes } = staged.outcome();
        if self.atomic && results.iter().any(Result::is_err) {
            base.iter_mut().for_each(BaseLedger::take_back);
            organisation.base = base;
            return results;
        }
        base.iter_mut().for_each(BaseLedger::keep);
        organisation.base = base;
        organisation.sequence = sequence;
        effects.events.extend(
            base_changes.into_iter().map(|(unit, change)| Event::BaseUnitSaved {
                unit,
                change,
                at: now.at,
            }),
        );
        for name in order {
            let record = after.get(&name).cloned().flatten();
            if deleted.contains(&name) && record.is_some() {
                // Deleted and created anew: another person by the same name, who inherits no session.
                organisation.replace_user(&name, None, now, effects);
            }
            organisation.replace_user(&name, record, now, effects);
        }
        results
    }
}

impl Organisation {
    /// Puts a user in place of what stood under the name, and lets running sessions feel it.
    fn replace_user(
        &mut self,
        name: &UserName,
        record: Option<UserRecord>,
        now: Moment,
        effects: &mut Effects,
    ) {
        let before = self.users.get(name).map(|user| user.record.clone());
        if let Some(before) = &before {
            self.end_for_change(before, record.as_ref(), now, effects);
            self.note_activity(name, record.as_ref(), now, effects);
            self.count_assigned(before, -1);
        }
        audit_user(name, before.as_ref(), record.as_ref(), now, effects);
        match record {
            Some(record) => {
                self.count_assigned(&record, 1);
                effects.events.push(Event::UserSaved(record.clone()));
                match self.users.get_mut(name) {
                    Some(user) => user.record = record,
                    None => {
                        self.users.insert(name.clone(), Box::new(User::new(record)));
                    }
                }
            }
            None if before.is_some() => {
                self.users.remove(name);
                self.orphan_wallboards(name, effects);
                effects.events.push(Event::UserDeleted { user: name.clone(), at: now.at });
            }
            None => {}
        }
    }

    /// Ends the sessions of a user who may no longer have them, or takes single features from them.
    fn end_for_change(
        &mut self,
        before: &UserRecord,
        after: Option<&UserRecord>,
        now: Moment,
        effects: &mut Effects,
    ) {
        let sessions: Vec<SessionId> = self.user_mut(&before.user).live_sessions().collect();
        let ending = match after {
            None => Some((ReleaseReason::UserRemoved, EndReason::UserUnknown)),
            Some(after) if after.status != UserStatus::Active => {
                Some((ReleaseReason::UserChanged, EndReason::UserNotActive))
            }
            Some(after) if after.user_type != before.user_type => {
                Some((ReleaseReason::UserChanged, EndReason::UserChanged))
            }
            Some(_) => None,
        };
        if let Some((reason, end)) = ending {
            self.throw_out(&sessions, reason, end, now, effects);
            return;
        }
        let kept = after.map_or(LicenceSet::EMPTY, UserRecord::all_features);
        for session in sessions {
            self.unassign(session, before.all_features().difference(kept), now, effects);
        }
    }

    fn unassign(
        &mut self,
        session: SessionId,
        taken: LicenceSet,
        now: Moment,
        effects: &mut Effects,
    ) {
        let running = self.session_ref(session);
        let lost = taken.intersection(running.held().union(running.waiting()));
        if lost.is_empty() {
            return;
        }
        let reason = ReleaseReason::Unassigned;
        if let Some(link) = running.link() {
            let licences = lost.iter().collect();
            effects.notices.push((link, Notice::Released { licences, reason }));
        }
        self.withdraw(session, lost, reason, now, effects);
    }

    /// Adds `by` (1 or −1) to the numbers of users who have each of the record's types.
    pub(super) fn count_assigned(&mut self, record: &UserRecord, by: i32) {
        if record.status == UserStatus::Active {
            self.active = self.active.saturating_add_signed(by);
        }
        for licence in record.licences().iter() {
            let pool = &mut self.pools[licence.index()];
            pool.assigned = pool.assigned.saturating_add_signed(by);
            if record.status == UserStatus::Active {
                pool.active = pool.active.saturating_add_signed(by);
            }
        }
    }
}

/// Notes the change of a user, unless nothing of them is different.
fn audit_user(
    name: &UserName,
    before: Option<&UserRecord>,
    after: Option<&UserRecord>,
    now: Moment,
    effects: &mut Effects,
) {
    let action = match (before, after) {
        (None, None) => return,
        (None, Some(_)) => AuditAction::UserCreated,
        (Some(_), None) => AuditAction::UserDeleted,
        (Some(before), Some(after)) => {
            if (UserRecord { version: after.version, ..before.clone() }) == *after {
                return;
            }
            AuditAction::UserChanged
        }
    };
    if effects.author.is_some() {
        let subject = |record: Option<&UserRecord>| record.cloned().map(Subject::User);
        effects.audit(now, action, name.clone(), subject(before), subject(after));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue_file;
    use crate::domain::admission::{Login, Wanted};
    use crate::domain::ids::{LinkId, OrganisationId, ResumeDigest};
    use crate::domain::organisation::{Bounds, Settings};
    use crate::domain::pool::Totals;
    use crate::domain::purchases::SetTotals;
    use crate::domain::reason::Device;
    use crate::domain::resume::Snapshot;
    use chrono::DateTime;
    use chrono_tz::Tz;
    use std::time::Duration;

    const NOW: Moment = Moment { at: DateTime::UNIX_EPOCH, elapsed: Duration::ZERO };

    fn organisation() -> Organisation {
        let settings = Settings {
            id: OrganisationId::new(129).expect("a number"),
            name: "Example".into(),
            time_zone: Tz::UTC,
            max_grace_s: 60,
            scheduled_log_off: None,
            created_at: NOW.at,
            version: 0,
        };
        let bounds = Bounds { waiting_per_licence_max: 9, users_max: 9 };
        let snapshot = Snapshot::new(settings);
        Organisation::restore(snapshot, catalogue_file::built_in(), bounds, NOW.at)
    }

    fn edred(organisation: &Organisation) -> UserDraft {
        let user_type = organisation.catalogue().find("inbound_agent").expect("a type");
        UserDraft {
            user: "edred".into(),
            name: "Edred".into(),
            status: UserStatus::Active,
            user_type,
            features: LicenceSet::EMPTY,
        }
    }

    #[test]
    fn a_user_deleted_and_created_anew_in_one_call_inherits_no_session() {
        let mut organisation = organisation();
        let draft = edred(&organisation);
        let totals = Totals { base: 1, concurrent: 1, ..Totals::default() };
        let set = SetTotals { licence: draft.user_type, totals, expected_version: None };
        organisation.apply(set, NOW).answer.expect("bought");
        let changes = vec![UserChange::Create(draft.clone())];
        organisation.apply(ProvisionUsers { changes, atomic: true }, NOW);
        let login = Login {
            session: SessionId(1),
            link: LinkId(1),
            user: "edred".into(),
            device: Device::AgentDesktop,
            wanted: Wanted::Assigned,
            wait: false,
            grace_s: 0,
            resume: ResumeDigest([0; 32]),
            address: "192.0.2.1".into(),
        };
        organisation.apply(login, NOW);
        assert_eq!(organisation.session_count(), 1);
        let gone = UserChange::Delete { user: "edred".into(), expected_version: None };
        let changes = vec![gone, UserChange::Create(draft)];
        let decision = organisation.apply(ProvisionUsers { changes, atomic: true }, NOW);
        let ended = (LinkId(1), Notice::Ended(EndReason::UserUnknown));
        assert_eq!(decision.effects.notices, [ended]);
        assert_eq!(organisation.session_count(), 0);
        organisation.assert_consistent();
    }
}
