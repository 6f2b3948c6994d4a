//! Applies batches: judges their numbers and folds them, for `tables` to write.

use super::error::aborted;
use super::tables::Writing;
use super::value::number;
use super::{Batch, StoreError};
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::OrganisationId;
use crate::store::net_effect::NetEffect;
use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::sqlite::SqliteConnection;
use std::collections::HashMap;

/// What one organisation's batches come to, and under which internal key.
pub(super) struct Change<'a> {
    pub(super) key: i64,
    /// The number of the last batch, once this is applied.
    pub(super) batch: u64,
    pub(super) last_at: DateTime<Utc>,
    pub(super) sequence: u64,
    pub(super) effect: NetEffect<'a>,
}

/// Writes all batches within the transaction that is under way.
///
/// # Errors
/// [`StoreError::Fenced`] for a batch that does not follow; then, as after any other error, the
/// transaction is to be rolled back.
pub(super) async fn apply(
    connection: &mut SqliteConnection,
    batches: &[Batch],
    catalogue: &Catalogue,
) -> Result<(), StoreError> {
    let changes = judge(connection, batches).await?;
    let mut writing = Writing { connection, catalogue, changes: &changes };
    writing.all().await.map_err(aborted)
}

/// Leaves out what was applied before and refuses what does not follow.
async fn judge<'a>(
    connection: &mut SqliteConnection,
    batches: &'a [Batch],
) -> Result<Vec<Change<'a>>, StoreError> {
    let kept = kept_batches(connection, batches).await.map_err(aborted)?;
    let mut changes: Vec<Change<'a>> = Vec::new();
    let mut positions: HashMap<OrganisationId, usize> = HashMap::new();
    for batch in batches {
        let fenced = StoreError::Fenced(batch.organisation);
        let (key, last) = *kept.get(&batch.organisation).ok_or(fenced.clone())?;
        let position = *positions.entry(batch.organisation).or_insert_with(|| {
            changes.push(Change::new(key, last, batch.at));
            changes.len() - 1
        });
        if !changes[position].add(batch) {
            return Err(fenced);
        }
    }
    Ok(changes)
}

impl<'a> Change<'a> {
    fn new(key: i64, batch: u64, last_at: DateTime<Utc>) -> Self {
        Self { key, batch, last_at, sequence: 0, effect: NetEffect::default() }
    }

    /// Adds a batch, or passes over it if it was applied before; whether it follows.
    fn add(&mut self, batch: &'a Batch) -> bool {
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

/// Internal key and last batch of every organisation that the batches name and that exists.
async fn kept_batches(
    connection: &mut SqliteConnection,
    batches: &[Batch],
) -> Result<HashMap<OrganisationId, (i64, u64)>, sqlx::Error> {
    let numbers: Vec<i64> = batches.iter().map(|batch| number(batch.organisation)).collect();
    let rows = sqlx::query(
        "SELECT number, key, batch FROM organisations \
         WHERE removed_at IS NULL AND number IN (SELECT value FROM json_each(?))",
    )
    .bind(format!("{numbers:?}"))
    .fetch_all(connection)
    .await?;
    let mut kept = HashMap::with_capacity(rows.len());
    for row in rows {
        let number: i64 = row.try_get(0)?;
        if let Some(organisation) = OrganisationId::new(number.cast_unsigned()) {
            kept.insert(organisation, (row.try_get(1)?, row.try_get::<i64, _>(2)?.cast_unsigned()));
        }
    }
    Ok(kept)
}
