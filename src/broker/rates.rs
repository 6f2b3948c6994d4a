//! A bounded rate for each of many: an address, a user.

use foldhash::fast::RandomState;
use governor::clock::DefaultClock;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use std::hash::Hash;

/// How often something may be done by each key.
pub struct Rates<K: Clone + Eq + Hash>(
    RateLimiter<K, DashMapStateStore<K, RandomState>, DefaultClock>,
);

impl<K: Clone + Eq + Hash> Rates<K> {
    /// So often, for each key.
    pub fn new(quota: Quota) -> Self {
        Self(RateLimiter::dashmap_with_hasher(quota, RandomState::default()))
    }

    /// Whether this key may do it once more now.
    pub fn admit(&self, key: &K) -> bool {
        self.0.check_key(key).is_ok()
    }

    /// Forgets keys that have not been heard of for a while; without it the list would only grow.
    pub fn forget_the_quiet(&self) {
        self.0.retain_recent();
        self.0.shrink_to_fit();
    }

    /// How many keys are remembered.
    pub fn keys(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    #[test]
    fn each_key_has_a_rate_of_its_own() {
        let rates = Rates::new(Quota::per_hour(NonZeroU32::MIN));
        assert!(rates.admit(&1) && rates.admit(&2));
        assert!(!rates.admit(&1) && !rates.admit(&2));
        rates.forget_the_quiet();
        assert_eq!(rates.keys(), 2, "who was heard of lately is remembered");
    }
}
