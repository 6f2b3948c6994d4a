//! What one organisation's batches come to, once it is known which of them were applied before.

use super::Batch;
use super::net_effect::NetEffect;
use chrono::{DateTime, Utc};

/// What one organisation's batches come to, and under which internal key.
pub(super) struct Change<'a> {
    pub(super) key: i64,
    /// The number of the last batch, once this is applied.
    pub(super) batch: u64,
    pub(super) last_at: DateTime<Utc>,
    pub(super) sequence: u64,
    pub(super) effect: NetEffect<'a>,
}

impl<'a> Change<'a> {
    pub(super) fn new(key: i64, batch: u64, last_at: DateTime<Utc>) -> Self {
        Self { key, batch, last_at, sequence: 0, effect: NetEffect::default() }
    }

    /// Adds a batch, or passes over it if it was applied before; whether it follows.
    pub(super) fn add(&mut self, batch: &'a Batch) -> bool {
        if batch.number <= self.batch {
            return true;
        }
        if batch.number != self.batch + 1 || self.effect.removed_at.is_some() {
            return false;
        }
        self.batch = batch.number;
        self.last_at = self.last_at.max(batch.at);
        self.sequence = self.sequence.max(batch.sequence);
        self.effect.fold(batch);
        true
    }
}
