//! Changes of users that are tried one after the other: each is judged as if those before it were made.

use super::base::{BaseLedger, Changed};
use super::catalogue::Model;
use super::ids::{LicenceId, LicenceSet, UserName};
use super::moment::Moment;
use super::organisation::Organisation;
use super::provisioning::{UserChange, UserDraft, UserPatch, UserRefusal};
use super::reason::UserStatus;
use super::user::UserRecord;
use std::collections::{HashMap, HashSet};

/// What changes that were tried come to.
pub(super) struct Outcome {
    /// The names that changed, in the order in which they first did.
    pub(super) order: Vec<UserName>,
    /// By name; `None` for a user who is gone.
    pub(super) after: HashMap<UserName, Option<UserRecord>>,
    /// The names that were deleted on the way, whatever became of them.
    pub(super) deleted: HashSet<UserName>,
    pub(super) sequence: u64,
    /// The organisation's own ledgers, with what was tried; to be kept or taken back.
    pub(super) base: Vec<BaseLedger>,
    pub(super) base_changes: Vec<Changed>,
}

/// Changes that were judged and not yet made: users as they would be, and seats as they would stand.
pub(super) struct Staged<'a> {
    organisation: &'a Organisation,
    /// `None` for a user that would be gone.
    after: HashMap<UserName, Option<UserRecord>>,
    /// The names that were deleted on the way, whatever became of them.
    deleted: HashSet<UserName>,
    /// The names in `after`, in the order in which they were first changed.
    order: Vec<UserName>,
    /// By [`LicenceId::index`]: how many more users than now would have the type.
    assigned: Vec<i64>,
    users: usize,
    sequence: u64,
    /// The organisation's own, with what was tried so far.
    base: Vec<BaseLedger>,
    base_changes: Vec<Changed>,
}

impl<'a> Staged<'a> {
    pub(super) fn new(organisation: &'a Organisation, base: Vec<BaseLedger>) -> Self {
        Self {
            organisation,
            base,
            base_changes: Vec::new(),
            after: HashMap::new(),
            deleted: HashSet::new(),
            order: Vec::new(),
            assigned: vec![0; organisation.pools.len()],
            users: organisation.users.len(),
            sequence: organisation.sequence,
        }
    }

    /// What the changes come to.
    pub(super) fn outcome(self) -> Outcome {
        let Self { order, after, deleted, sequence, base, base_changes, .. } = self;
        Outcome { order, after, deleted, sequence, base, base_changes }
    }

    fn current(&self, user: &str) -> Option<UserRecord> {
        match self.after.get(user) {
            Some(staged) => staged.clone(),
            None => self.organisation.users.get(user).map(|user| user.record.clone()),
        }
    }

    pub(super) fn stage(
        &mut self,
        change: UserChange,
        now: Moment,
    ) -> Result<UserRecord, UserRefusal> {
        let (before, mut record) = self.intended(change, now)?;
        self.check_seats(before.as_ref(), &record)?;
        if before.is_none() && self.users >= self.organisation.bounds.users_max {
            return Err(UserRefusal::TooManyUsers);
        }
        self.move_base(before.as_ref(), &record, now)?;
        self.sequence += 1;
        record.version = self.sequence;
        self.count(before.as_ref(), -1);
        let is_gone = record.status == UserStatus::Deleted;
        let after = (!is_gone).then(|| record.clone());
        if is_gone {
            self.deleted.insert(record.user.clone());
        }
        self.count(after.as_ref(), 1);
        self.users = self.users + usize::from(after.is_some()) - usize::from(before.is_some());
        if self.after.insert(record.user.clone(), after).is_none() {
            self.order.push(record.user.clone());
        }
        Ok(record)
    }

    /// The user before and after a change, if it may be made as far as the user alone is concerned.
    fn intended(
        &self,
        change: UserChange,
        now: Moment,
    ) -> Result<(Option<UserRecord>, UserRecord), UserRefusal> {
        let known = |user: &str, expected: Option<u64>| {
            let before = self.current(user).ok_or(UserRefusal::Unknown)?;
            let is_as_expected = expected.is_none_or(|version| version == before.version);
            if is_as_expected { Ok(before) } else { Err(UserRefusal::Changed) }
        };
        match change {
            UserChange::Create(draft) => match self.current(&draft.user) {
                Some(_) => Err(UserRefusal::Exists),
                None => Ok((None, record_of(draft, None, now))),
            },
            UserChange::Upsert(draft) => {
                let before = self.current(&draft.user);
                let record = record_of(draft, before.as_ref(), now);
                Ok((before, record))
            }
            UserChange::Patch { user, patch, expected_version } => {
                let before = known(&user, expected_version)?;
                let record = patched(&before, patch);
                Ok((Some(before), record))
            }
            UserChange::Delete { user, expected_version } => {
                let before = known(&user, expected_version)?;
                let status = Some(UserStatus::Deleted);
                let record = patched(&before, UserPatch { status, ..UserPatch::default() });
                Ok((Some(before), record))
            }
        }
    }

    /// A fixed seat is taken from the moment at which it is assigned (SPEC §5).
    fn check_seats(
        &self,
        before: Option<&UserRecord>,
        after: &UserRecord,
    ) -> Result<(), UserRefusal> {
        if after.status == UserStatus::Deleted {
            return Ok(());
        }
        let had = before.map_or(LicenceSet::EMPTY, UserRecord::licences);
        for licence in after.licences().difference(had).iter() {
            let pool = self.organisation.pool(licence);
            let assigned = i64::from(pool.assigned) + self.assigned[licence.index()];
            let is_fixed = self.organisation.model(licence) == Model::FixedSeat;
            if is_fixed && assigned >= i64::from(pool.totals.fixed) {
                return Err(UserRefusal::FixedExhausted(licence));
            }
        }
        Ok(())
    }

    /// An active user of a type that needs a base licence has one (SPEC §5).
    fn move_base(
        &mut self,
        before: Option<&UserRecord>,
        after: &UserRecord,
        now: Moment,
    ) -> Result<(), UserRefusal> {
        let had = before.and_then(|before| self.based(before));
        let needs = self.based(after);
        if had != needs {
            if let Some(licence) = needs {
                self.sequence += 1;
                let total = self.organisation.pool(licence).totals.base;
                let ledger = &mut self.base[licence.index()];
                let unit = ledger.assign(licence, &after.user, total, self.sequence, now.at);
                self.base_changes.push(unit.ok_or(UserRefusal::BaseExhausted(licence))?);
            }
            if let Some(licence) = had {
                let released = self.base[licence.index()].release(&after.user, now.at);
                self.base_changes.extend(released);
            }
        }
        if after.status == UserStatus::Deleted {
            let forgotten = self.base.iter_mut().filter_map(|ledger| ledger.forget(&after.user));
            self.base_changes.extend(forgotten);
        }
        Ok(())
    }

    /// The type of which a user needs a base licence.
    fn based(&self, record: &UserRecord) -> Option<LicenceId> {
        let needs = self.organisation.catalogue.get(record.user_type).base;
        (needs && record.status == UserStatus::Active).then_some(record.user_type)
    }

    fn count(&mut self, record: Option<&UserRecord>, by: i64) {
        for licence in record.map_or(LicenceSet::EMPTY, UserRecord::licences).iter() {
            self.assigned[licence.index()] += by;
        }
    }
}

fn record_of(draft: UserDraft, before: Option<&UserRecord>, now: Moment) -> UserRecord {
    UserRecord {
        user: draft.user,
        name: draft.name,
        status: draft.status,
        user_type: draft.user_type,
        features: without_synced(draft.features, before),
        synced: before.map_or(LicenceSet::EMPTY, |record| record.synced),
        created_at: before.map_or(now.at, |record| record.created_at),
        version: 0,
    }
}

/// What is assigned by hand of `features`: a type that only the PBX's list assigns, and that is shown
/// among them, does not become one by being given back.
fn without_synced(features: LicenceSet, before: Option<&UserRecord>) -> LicenceSet {
    let only_synced = before.map(|before| before.synced.difference(before.features));
    features.difference(only_synced.unwrap_or_default())
}

fn patched(before: &UserRecord, patch: UserPatch) -> UserRecord {
    UserRecord {
        user: before.user.clone(),
        name: patch.name.unwrap_or_else(|| before.name.clone()),
        status: patch.status.unwrap_or(before.status),
        user_type: patch.user_type.unwrap_or(before.user_type),
        features: patch.features.map_or(before.features, |f| without_synced(f, Some(before))),
        synced: patch.synced.unwrap_or(before.synced),
        created_at: before.created_at,
        version: before.version,
    }
}
