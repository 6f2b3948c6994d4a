//! One session, as its device was told of it.

use super::{Farewell, Welcome};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How a session stands with its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The connection is there and was heard of in time.
    Connected,
    /// Its connection is gone, without a word; it may resume.
    Adrift,
    /// It was told to come back elsewhere or later, and has grace until then.
    Lingering { until: Duration },
    /// It heard nothing for the length of its lease, and holds nothing until it has resumed.
    Lapsed,
    /// Over for good.
    Over,
}

/// One session.
#[derive(Debug)]
pub(super) struct Sitting {
    pub(super) organisation: u64,
    pub(super) user: String,
    pub(super) grace: Duration,
    pub(super) held: BTreeSet<String>,
    pub(super) standing: Standing,
    /// When the last frame of the broker was read.
    pub(super) heard_at: Duration,
    /// How often each licence was told as granted.
    pub(super) told: BTreeMap<String, usize>,
    /// How often each licence was told as released, by the reason.
    pub(super) told_released: BTreeMap<(String, String), usize>,
    /// What the device has asked to be taken back and heard nothing of yet, and whether it was granted: what
    /// it only waited for may be granted while it withdraws, and is not used then.
    pub(super) given_up: BTreeMap<String, bool>,
    /// It ended while something may have been under way to it: more may be kept than was told.
    pub(super) may_know_less: bool,
    /// Its owner was lost while it held: no release but by its own user may be dated before this.
    pub(super) kept_until: Option<DateTime<Utc>>,
}

impl Sitting {
    pub(super) fn new(at: Duration, welcome: Welcome) -> Self {
        let told = welcome.granted.iter().map(|licence| (licence.clone(), 1)).collect();
        Self {
            organisation: welcome.organisation,
            user: welcome.user,
            grace: welcome.grace,
            held: welcome.granted,
            standing: Standing::Connected,
            heard_at: at,
            told,
            told_released: BTreeMap::new(),
            given_up: BTreeMap::new(),
            may_know_less: false,
            kept_until: None,
        }
    }

    /// Whether its device may use what it was granted.
    pub(super) fn holds(&self, at: Duration, lease: Duration) -> bool {
        let in_time = at <= self.heard_at + lease;
        match self.standing {
            Standing::Connected | Standing::Adrift => in_time,
            Standing::Lingering { until } => in_time && at <= until,
            Standing::Lapsed | Standing::Over => false,
        }
    }

    /// A frame; whether it came in time to prove anything.
    pub(super) fn hear(&mut self, at: Duration, lease: Duration) -> bool {
        if self.standing != Standing::Connected || at > self.heard_at + lease {
            if self.standing == Standing::Connected {
                self.standing = Standing::Lapsed;
            }
            return false;
        }
        self.heard_at = at;
        true
    }

    /// The end of a connection.
    pub(super) fn end(&mut self, at: Duration, farewell: Farewell, keeps_without_grace: bool) {
        self.may_know_less = true;
        self.standing = match (self.standing, farewell) {
            (Standing::Over, _) | (_, Farewell::OwnWish) => Standing::Over,
            (Standing::Lapsed, _) => Standing::Lapsed,
            (_, Farewell::Broke) if keeps_without_grace || self.grace > Duration::ZERO => {
                Standing::Adrift
            }
            (_, Farewell::Broke) => Standing::Over,
            (_, Farewell::Closed(code)) if is_unclean(code) && self.grace > Duration::ZERO => {
                Standing::Lingering { until: at + self.grace }
            }
            (_, Farewell::Closed(_)) => Standing::Over,
        };
    }

    /// The broker must still have it.
    pub(super) fn is_within_grace(&self, at: Duration) -> bool {
        // Grace counts from the end of the connection, which nobody knew before the last frame.
        self.standing != Standing::Over && at < self.heard_at + self.grace
    }
}

/// Closes after which a session with grace goes on (§4, §8).
fn is_unclean(code: u16) -> bool {
    matches!(code, 1001 | 4000..=4004)
}
