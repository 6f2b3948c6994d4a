//! The present, for pages and wallboards. Nothing here changes anything.

use super::catalogue::{Class, Model};
use super::ids::{LicenceId, LicenceSet, OrganisationId, SessionId, UserName};
use super::organisation::Organisation;
use super::overflow::{BySession, Overflow};
use super::pool::{Pool, Split, Totals};
use super::reason::{Device, HolderPool};
use super::user::{Holding, User};
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use std::sync::Arc;

/// The live counts of one licence type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LicenceCounts {
    /// The type.
    pub licence: LicenceId,
    /// Distinct users with an instance.
    pub holders: u32,
    /// Instances, over all sessions.
    pub instances: u32,
    /// What was bought.
    pub totals: Totals,
    /// How the holders fall on it; nothing for a type that is not concurrent.
    pub split: Split,
    /// The month's contingency maximum so far.
    pub contingency_max: u32,
    /// Sessions that wait.
    pub waiting: u32,
    /// Denials since the organisation's midnight.
    pub denied_today: u32,
    /// Users, deleted ones apart, who have the type.
    pub assigned: u32,
    /// Those of them who are active.
    pub active: u32,
    /// Those who were active with the type at any time this month.
    pub active_in_month: u32,
    /// Base licences, of a user type that needs them.
    pub base: BaseCounts,
    /// What a contingency licence costs in a month.
    pub unit_price: Option<Decimal>,
}

/// The base licences of one user type (SPEC §5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BaseCounts {
    /// Assigned to active users, or released and still inside their 90 days.
    pub used: u32,
    /// Those of the used that no active user has and that may be re-assigned now.
    pub reusable: u32,
    /// Total − used + reusable.
    pub available: u32,
}

/// One licence of a session, as it stands now.
#[derive(Clone, Copy, Debug)]
pub struct HeldLicence {
    /// The type.
    pub licence: LicenceId,
    /// Where its user stands now among the holders.
    pub pool: HolderPool,
    /// Since when the session has it.
    pub since: DateTime<Utc>,
}

/// A session, as it stands now.
#[derive(Clone, Debug)]
pub struct SessionView {
    /// The session.
    pub session: SessionId,
    /// Whose it is.
    pub user: UserName,
    /// On which device.
    pub device: Device,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Whether its device is there; else it lingers.
    pub is_connected: bool,
    /// The peer's address.
    pub address: Arc<str>,
    /// What it holds, in catalogue order.
    pub licences: Vec<HeldLicence>,
    /// What it waits for, in catalogue order.
    pub waiting: Vec<LicenceId>,
}

/// A user who holds a type, as it stands now.
#[derive(Clone, Debug)]
pub struct HolderView {
    /// Who.
    pub user: UserName,
    /// What.
    pub licence: LicenceId,
    /// By rank among the holders.
    pub pool: HolderPool,
    /// Since when.
    pub since: DateTime<Utc>,
    /// By which sessions: id, device, since.
    pub sessions: Vec<(SessionId, Device, DateTime<Utc>)>,
    /// Smaller became a holder earlier.
    pub order: u64,
}

/// From which rank on, of one type, holders are contingency and over-allocated.
#[derive(Clone, Copy, Debug)]
struct Bands {
    contingency_from: u64,
    over_allocated_from: u64,
}

impl Organisation {
    /// Its number.
    pub fn id(&self) -> OrganisationId {
        self.settings.id
    }

    /// The live counts of `licences`, in catalogue order. Costs the same however many hold.
    pub fn counts(&self, licences: LicenceSet) -> Vec<LicenceCounts> {
        licences.iter().map(|licence| self.count(licence)).collect()
    }

    fn count(&self, licence: LicenceId) -> LicenceCounts {
        let pool = self.pool(licence);
        let ledger = &self.base[licence.index()];
        let is_concurrent = self.model(licence) == Model::Concurrent;
        LicenceCounts {
            licence,
            holders: pool.holders,
            instances: pool.instances,
            totals: pool.totals,
            split: if is_concurrent { pool.totals.split(pool.holders) } else { Split::default() },
            contingency_max: pool.contingency_max,
            waiting: pool.waiting,
            denied_today: pool.denied_today,
            assigned: pool.assigned,
            active: pool.active,
            active_in_month: pool.active + pool.lapsed,
            base: BaseCounts {
                used: ledger.used(),
                reusable: ledger.reusable(),
                available: ledger.available(pool.totals.base),
            },
            unit_price: pool.unit_price,
        }
    }

    /// Every type of one of the classes.
    pub fn of_classes(&self, classes: &[Class]) -> LicenceSet {
        let wanted = self.catalogue.iter().filter(|(_, licence)| classes.contains(&licence.class));
        wanted.map(|(id, _)| id).collect()
    }

    /// How many sessions there are.
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// How many sessions linger.
    pub fn lingering(&self) -> usize {
        self.lingering.len()
    }

    /// At most `limit` sessions after `after`, oldest first.
    pub fn sessions(&self, after: Option<SessionId>, limit: usize) -> Vec<SessionView> {
        let is_later = |id: &&SessionId| after.is_none_or(|after| **id > after);
        let mut ids: Vec<SessionId> = self.sessions.keys().filter(is_later).copied().collect();
        if ids.len() > limit {
            ids.select_nth_unstable(limit);
            ids.truncate(limit);
        }
        ids.sort_unstable();
        let bands: Vec<Bands> = self.all_bands();
        ids.into_iter().map(|id| self.session_view(id, &bands)).collect()
    }

    fn session_view(&self, id: SessionId, bands: &[Bands]) -> SessionView {
        let session = self.session_ref(id);
        let user = self.users.get(&session.user).expect("the user of a session exists");
        let mut licences: Vec<HeldLicence> = session
            .instances
            .iter()
            .map(|instance| HeldLicence {
                licence: instance.licence,
                pool: self.stand(user, instance.licence, bands),
                since: instance.since,
            })
            .collect();
        licences.sort_unstable_by_key(|held| held.licence);
        SessionView {
            session: id,
            user: session.user.clone(),
            device: session.device,
            since: session.since,
            is_connected: session.link().is_some(),
            address: session.address.clone(),
            licences,
            waiting: session.waiting().iter().collect(),
        }
    }

    /// The holders of a type, or of all, who became one earliest first; at most `limit` after the one
    /// of rank `after`.
    pub fn holders(
        &self,
        licence: Option<LicenceId>,
        after: Option<u64>,
        limit: usize,
    ) -> Vec<HolderView> {
        let mut found: Vec<(&User, &Holding)> = self
            .users
            .values()
            .flat_map(|user| user.holdings.iter().map(move |holding| (&**user, holding)))
            .filter(|(_, holding)| licence.is_none_or(|licence| holding.licence == licence))
            .filter(|(_, holding)| after.is_none_or(|after| holding.order > after))
            .collect();
        found.sort_unstable_by_key(|(_, holding)| holding.order);
        found.truncate(limit);
        let bands = self.all_bands();
        found.into_iter().map(|(user, holding)| self.holder_view(user, holding, &bands)).collect()
    }

    fn holder_view(&self, user: &User, holding: &Holding, bands: &[Bands]) -> HolderView {
        let sessions = user
            .live_sessions()
            .filter_map(|id| {
                let session = self.session_ref(id);
                session.instance(holding.licence).map(|held| (id, session.device, held.since))
            })
            .collect();
        HolderView {
            user: user.record.user.clone(),
            licence: holding.licence,
            pool: self.stand(user, holding.licence, bands),
            since: holding.since,
            sessions,
            order: holding.order,
        }
    }

    fn stand(&self, user: &User, licence: LicenceId, bands: &[Bands]) -> HolderPool {
        if self.model(licence) == Model::FixedSeat {
            return HolderPool::Fixed;
        }
        let order = user.holding(licence).map_or(u64::MAX, |holding| holding.order);
        let bands = bands[licence.index()];
        if order < bands.contingency_from {
            HolderPool::Concurrent
        } else if order < bands.over_allocated_from {
            HolderPool::Contingency
        } else {
            HolderPool::OverAllocated
        }
    }

    /// By [`LicenceId::index`].
    fn all_bands(&self) -> Vec<Bands> {
        let bands = |pool: &Pool| {
            let contingency = usize::try_from(pool.totals.contingency).unwrap_or(usize::MAX);
            let mut beyond = pool.overflow.orders();
            let contingency_from = beyond.next().unwrap_or(u64::MAX);
            let over_allocated_from = match contingency {
                0 => contingency_from,
                used => beyond.nth(used - 1).unwrap_or(u64::MAX),
            };
            Bands { contingency_from, over_allocated_from }
        };
        self.pools.iter().map(bands).collect()
    }

    /// Lines the holders beyond the concurrent total up anew, after that has changed.
    pub(super) fn resize_overflow(&mut self, licence: LicenceId) {
        if self.model(licence) != Model::Concurrent {
            return;
        }
        let users = self.users.values();
        let mut holders: Vec<(u64, UserName, BySession)> = users
            .filter_map(|user| {
                let order = user.holding(licence)?.order;
                Some((order, user.record.user.clone(), self.by_session(user, licence)))
            })
            .collect();
        holders.sort_unstable();
        let pool = &mut self.pools[licence.index()];
        let concurrent = usize::try_from(pool.totals.concurrent).unwrap_or(usize::MAX);
        pool.overflow = Overflow::default();
        for (order, user, sessions) in holders.into_iter().skip(concurrent) {
            pool.overflow.insert(order, user, sessions);
        }
    }

    /// The sessions by which a user holds a type.
    fn by_session(&self, user: &User, licence: LicenceId) -> BySession {
        user.sessions.map(|id| id.filter(|id| self.session_ref(*id).instance(licence).is_some()))
    }
}
