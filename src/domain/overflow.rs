//! The holders of a type beyond its concurrent total, and the sessions by which they hold it.
//!
//! Each time that the month's contingency maximum rises it is kept who held it. The map is persistent, so
//! that keeping it as it stands costs the same however many they are.

use super::ids::{SessionId, UserName};
use super::reason::Device;
use rpds::RedBlackTreeMapSync;

/// A holder beyond the concurrent total.
#[derive(Clone, Debug)]
struct Beyond {
    user: UserName,
    /// By [`Device::index`]: those of the user's sessions that have an instance.
    sessions: BySession,
}

/// By [`Device::index`].
pub(super) type BySession = [Option<SessionId>; Device::ALL.len()];

/// By [`super::user::Holding::order`].
#[derive(Clone, Debug, Default)]
pub(super) struct Overflow(RedBlackTreeMapSync<u64, Beyond>);

impl Overflow {
    pub(super) fn len(&self) -> usize {
        self.0.size()
    }

    /// Smaller became a holder earlier.
    pub(super) fn orders(&self) -> impl Iterator<Item = u64> {
        self.0.keys().copied()
    }

    pub(super) fn insert(&mut self, order: u64, user: UserName, sessions: BySession) {
        self.0.insert_mut(order, Beyond { user, sessions });
    }

    /// Whether the holder stood here.
    pub(super) fn remove(&mut self, order: u64) -> bool {
        self.0.remove_mut(&order)
    }

    /// Whoever stands first moves up.
    pub(super) fn pop_first(&mut self) {
        if let Some(first) = self.0.first().map(|(order, _)| *order) {
            self.0.remove_mut(&first);
        }
    }

    /// A holder has an instance by one more session, if the holder stands here.
    pub(super) fn join(&mut self, order: u64, device: Device, session: SessionId) {
        if let Some(beyond) = self.0.get_mut(&order) {
            beyond.sessions[device.index()] = Some(session);
        }
    }

    /// A session has its instance no more. A successor that has taken over stays.
    pub(super) fn leave(&mut self, order: u64, device: Device, session: SessionId) {
        if let Some(beyond) = self.0.get_mut(&order) {
            let place = &mut beyond.sessions[device.index()];
            if *place == Some(session) {
                *place = None;
            }
        }
    }
}

/// The sessions by which the contingency licences of a type were held at an instant.
#[derive(Clone, Debug, Default)]
pub struct HeldBy {
    overflow: Overflow,
    /// So many of the first; those behind them were over-allocated.
    used: usize,
}

impl HeldBy {
    /// As things stand now, `used` contingency licences being in use. Costs the same for any number.
    pub(super) fn now(overflow: &Overflow, used: u32) -> Self {
        let used = usize::try_from(used).unwrap_or(usize::MAX);
        Self { overflow: overflow.clone(), used }
    }

    /// Each session and whose it is, by when its user became a holder.
    pub fn iter(&self) -> impl Iterator<Item = (SessionId, &UserName)> {
        let holders = self.overflow.0.values().take(self.used);
        holders.flat_map(|beyond| {
            beyond.sessions.iter().flatten().map(move |session| (*session, &beyond.user))
        })
    }
}
