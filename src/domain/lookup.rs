//! Maps that are only looked into.
//!
//! A login asks them some twenty times, so their hash is a fast one. It is seeded anew in each process, so the
//! order in which they hold their keys is chance: nothing that anybody can see may depend on it.

use foldhash::fast::RandomState;
use std::collections::{HashMap, HashSet};

/// A map that is only looked into.
pub type Lookup<K, V> = HashMap<K, V, RandomState>;

/// A set that is only looked into.
pub type LookupSet<K> = HashSet<K, RandomState>;
