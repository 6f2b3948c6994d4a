//! Applies batches: judges their numbers and folds them, for `tables` to write.

use super::error::aborted;
use super::tables::Writing;
use super::value::number;
use super::{Batch, StoreError};
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::OrganisationId;
use crate::store::change::Change;
use rusqlite::{Connection, OptionalExtension, Row};
use std::collections::HashMap;

/// Writes all batches within the transaction that is under way.
///
/// # Errors
/// [`StoreError::Fenced`] for a batch that does not follow; then, as after any other error, the
/// transaction is to be rolled back.
pub(super) fn apply(
    connection: &Connection,
    batches: &[Batch],
    catalogue: &Catalogue,
) -> Result<(), StoreError> {
    let changes = judge(connection, batches)?;
    Writing { connection, catalogue, changes: &changes }.all().map_err(aborted)
}

/// Leaves out what was applied before and refuses what does not follow.
fn judge<'a>(connection: &Connection, batches: &'a [Batch]) -> Result<Vec<Change<'a>>, StoreError> {
    let mut changes: Vec<Change<'a>> = Vec::new();
    let mut positions: HashMap<OrganisationId, usize> = HashMap::new();
    for batch in batches {
        let fenced = || StoreError::Fenced(batch.organisation);
        let position = match positions.get(&batch.organisation) {
            Some(position) => *position,
            None => {
                let kept = kept_batch(connection, batch.organisation).map_err(aborted)?;
                let (key, last) = kept.ok_or_else(fenced)?;
                changes.push(Change::new(key, last, batch.at));
                positions.insert(batch.organisation, changes.len() - 1);
                changes.len() - 1
            }
        };
        if !changes[position].add(batch) {
            return Err(fenced());
        }
    }
    Ok(changes)
}

/// Internal key and last batch of an organisation, if it exists.
fn kept_batch(
    connection: &Connection,
    organisation: OrganisationId,
) -> rusqlite::Result<Option<(i64, u64)>> {
    const FIND: &str =
        "SELECT key, batch FROM organisations WHERE number = ? AND removed_at IS NULL";
    let mut find = connection.prepare_cached(FIND)?;
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()));
    find.query_row([number(organisation)], read).optional()
}
