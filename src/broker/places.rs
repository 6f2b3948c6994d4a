//! A bounded number of places for each of many: a user's sockets, an organisation's subscribers.

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use foldhash::fast::RandomState;
use std::hash::Hash;
use std::sync::Arc;

/// So many places for each key. Keys that hold none take no memory.
#[derive(Debug)]
pub struct Places<K: Eq + Hash> {
    each: usize,
    taken: Arc<DashMap<K, usize, RandomState>>,
}

impl<K: Clone + Eq + Hash> Places<K> {
    /// `each` places for every key.
    pub fn new(each: usize) -> Self {
        Self { each, taken: Arc::default() }
    }

    /// A place, unless this key holds as many as it may.
    pub fn take(&self, key: K) -> Option<Place<K>> {
        let mut taken = self.taken.entry(key.clone()).or_default();
        if *taken >= self.each {
            // There are at least as many holders as places, so the entry is not an empty one.
            return None;
        }
        *taken += 1;
        Some(Place { key, taken: Arc::clone(&self.taken) })
    }

    /// How many keys hold a place.
    pub fn keys(&self) -> usize {
        self.taken.len()
    }
}

/// One place; given back when it is dropped.
#[derive(Debug)]
pub struct Place<K: Clone + Eq + Hash> {
    key: K,
    taken: Arc<DashMap<K, usize, RandomState>>,
}

impl<K: Clone + Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        if let Entry::Occupied(mut held) = self.taken.entry(self.key.clone()) {
            *held.get_mut() -= 1;
            if *held.get() == 0 {
                held.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_holds_so_many_places_and_no_other_key_notices() {
        let places = Places::new(2);
        let first = places.take("edred");
        let second = places.take("edred");
        assert!(first.is_some() && second.is_some());
        assert!(places.take("edred").is_none());
        let other = places.take("alice");
        assert!(other.is_some());
        drop(first);
        assert!(places.take("edred").is_some(), "one was given back");
        drop((second, other));
        assert_eq!(places.keys(), 0, "who holds none is forgotten");
    }
}
