//! The internal keys of organisations, remembered: they stay as long as the organisation does, and the fence of
//! each commit finds out when they do not.

use super::connections::WRITE_TIME_MAX;
use super::statement::Statement;
use super::transaction::in_time;
use super::value::{Reader, number};
use super::{Batch, StoreError, error::aborted};
use crate::domain::ids::OrganisationId;
use deadpool_postgres::Object;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use tokio_postgres::Row;

/// What is kept of an organisation that judges its batches.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub(super) key: i64,
    /// The number of the last batch that was applied.
    pub(super) batch: u64,
    /// The epoch of its owner.
    pub(super) epoch: u64,
}

/// What is kept of the organisations of a commit; those that do not exist are not in it.
pub(super) type AllKept = HashMap<OrganisationId, Kept>;

/// The keys of organisations that were loaded or written: as many as the node has.
#[derive(Debug, Default)]
pub(super) struct Keys(RwLock<HashMap<OrganisationId, i64>>);

impl Keys {
    /// Remembers one.
    pub(super) fn note(&self, organisation: OrganisationId, key: i64) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(organisation, key);
    }

    /// What must be kept if every batch follows; `None` where a key is not known.
    pub(super) fn expected(&self, batches: &[Batch]) -> Option<AllKept> {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut all = AllKept::with_capacity(batches.len());
        for batch in batches {
            let key = *keys.get(&batch.organisation)?;
            let before = batch.number.saturating_sub(1);
            let kept = Kept { key, batch: before, epoch: batch.epoch };
            all.entry(batch.organisation).or_insert(kept);
        }
        Some(all)
    }

    /// What is kept of the organisations of these batches.
    pub(super) async fn look_up(
        &self,
        connection: &Object,
        batches: &[Batch],
    ) -> Result<AllKept, StoreError> {
        const FIND: &str = "SELECT number, key, batch, epoch FROM organisations \
            WHERE number = ANY ($1) AND removed_at IS NULL";
        let numbers: Vec<i64> = batches.iter().map(|batch| number(batch.organisation)).collect();
        let find = Statement::new(FIND).bind(numbers);
        let values = find.values();
        let found = connection.query_typed(find.text(), &values);
        let rows = in_time(WRITE_TIME_MAX, found).await?.map_err(aborted)?;
        let found: Result<AllKept, StoreError> = rows.iter().map(|row| kept(Reader(row))).collect();
        let found = found?;
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for batch in batches {
            match found.get(&batch.organisation) {
                Some(kept) => keys.insert(batch.organisation, kept.key),
                None => keys.remove(&batch.organisation),
            };
        }
        drop(keys);
        Ok(found)
    }
}

fn kept(row: Reader<'_, Row>) -> Result<(OrganisationId, Kept), StoreError> {
    let (key, batch, epoch) = (row.integer("key")?, row.counter("batch")?, row.counter("epoch")?);
    Ok((row.organisation()?, Kept { key, batch, epoch }))
}
