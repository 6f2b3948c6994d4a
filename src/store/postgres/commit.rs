//! Applies batches: one transaction, fenced by each organisation's number and epoch, in one round trip.
//!
//! Everything is sent at once, `COMMIT` with it. The first statement moves the organisations' rows on, and
//! fails if one of them is not where its batches take it to be: then nothing of what follows is done. What
//! was wrong is looked up then: batches that were applied before are passed over, others are refused.

use super::connections::{BEGIN, Connections, WRITE_TIME_MAX};
use super::error::{after_sending, is_not_found, of_commit};
use super::keys::{AllKept, Kept, Keys};
use super::pipeline::{self, Request};
use super::statement::Statement;
use super::value::{millis, number};
use super::writing::Writing;
use super::{Batch, StoreError};
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::OrganisationId;
use crate::store::change::Change;
use deadpool_postgres::Object;
use std::collections::HashMap;
use tokio_postgres::{Error, Row};

/// So often a commit is put together because others wrote meanwhile.
const TRIES: usize = 3;

/// Applies all batches, or none.
///
/// # Errors
/// [`StoreError::Fenced`] for a batch that does not follow, or is of another epoch than its organisation.
pub(super) async fn apply(
    connections: &Connections,
    keys: &Keys,
    batches: &[Batch],
    catalogue: &Catalogue,
) -> Result<(), StoreError> {
    let connection = connections.committer().await?;
    let outcome = attempt(&connection, keys, batches, catalogue).await;
    if matches!(outcome, Err(StoreError::MaybeApplied(_) | StoreError::Refused(_))) {
        // Nobody waits for its answers any more.
        drop(Object::take(connection));
    }
    outcome
}

async fn attempt(
    connection: &Object,
    keys: &Keys,
    batches: &[Batch],
    catalogue: &Catalogue,
) -> Result<(), StoreError> {
    let mut kept = match keys.expected(batches) {
        Some(expected) => expected,
        None => keys.look_up(connection, batches).await?,
    };
    for _ in 0..TRIES {
        let judged = Judged::of(batches, &kept)?;
        if judged.changes.is_empty() || judged.write(connection, catalogue).await? {
            return Ok(());
        }
        kept = keys.look_up(connection, batches).await?;
    }
    Err(StoreError::Aborted("others write for the same organisations".to_owned()))
}

/// Batches that follow what is kept, folded by organisation.
struct Judged<'a> {
    changes: Vec<Change<'a>>,
    /// Of each change: where its organisation must be.
    fences: Vec<(OrganisationId, Kept)>,
}

impl<'a> Judged<'a> {
    /// Leaves out what was applied before and refuses what does not follow.
    fn of(batches: &'a [Batch], kept: &AllKept) -> Result<Self, StoreError> {
        let mut judged = Self { changes: Vec::new(), fences: Vec::new() };
        let mut positions: HashMap<OrganisationId, usize> = HashMap::new();
        for batch in batches {
            let fenced = || StoreError::Fenced(batch.organisation);
            let position = match positions.get(&batch.organisation) {
                Some(position) => *position,
                None => {
                    let kept = kept.get(&batch.organisation).ok_or_else(fenced)?;
                    judged.begin(batch, *kept);
                    positions.insert(batch.organisation, judged.changes.len() - 1);
                    judged.changes.len() - 1
                }
            };
            // The numbers of another owner mean something else.
            let is_of_the_owner = judged.fences[position].1.epoch == batch.epoch;
            if !is_of_the_owner || !judged.changes[position].add(batch) {
                return Err(fenced());
            }
        }
        judged.without_what_stays();
        Ok(judged)
    }

    fn begin(&mut self, batch: &Batch, kept: Kept) {
        self.changes.push(Change::new(kept.key, kept.batch, batch.at));
        self.fences.push((batch.organisation, kept));
    }

    /// Organisations all of whose batches were applied before.
    fn without_what_stays(&mut self) {
        let changes = std::mem::take(&mut self.changes);
        let fences = std::mem::take(&mut self.fences);
        let moved = |(change, (_, kept)): &(Change<'_>, (_, Kept))| change.batch != kept.batch;
        (self.changes, self.fences) = changes.into_iter().zip(fences).filter(moved).unzip();
    }

    /// Writes and commits; `false` if an organisation is not where it must be, and nothing was done.
    async fn write(&self, connection: &Object, catalogue: &Catalogue) -> Result<bool, StoreError> {
        let fence = self.fence();
        let statements = Writing { catalogue, changes: &self.changes }.all();
        let requests = [Request::Text(BEGIN), Request::Statement(&fence)].into_iter();
        let requests = requests
            .chain(statements.iter().map(Request::Statement))
            .chain([Request::Text("COMMIT")]);
        let sent = tokio::time::timeout(WRITE_TIME_MAX, pipeline::send(connection, requests));
        let Ok(answers) = sent.await else {
            return Err(StoreError::MaybeApplied(format!("no answer in {WRITE_TIME_MAX:?}")));
        };
        outcome(answers)
    }

    /// Moves the organisations' rows on, each from where it must be.
    fn fence(&self) -> Statement<'static> {
        const MOVE_ON: &str = "SELECT move_on($1, $2, $3, $4, $5, $6, $7)";
        // The function has the schema's `must_be` count.
        let fences = |of: fn(&(OrganisationId, Kept)) -> i64| -> Vec<i64> {
            self.fences.iter().map(of).collect()
        };
        let changes =
            |of: fn(&Change<'_>) -> i64| -> Vec<i64> { self.changes.iter().map(of).collect() };
        Statement::new(MOVE_ON)
            .bind(fences(|(_, kept)| kept.key))
            .bind(fences(|(organisation, _)| number(*organisation)))
            .bind(fences(|(_, kept)| kept.epoch.cast_signed()))
            .bind(fences(|(_, kept)| kept.batch.cast_signed()))
            .bind(changes(|change| change.batch.cast_signed()))
            .bind(changes(|change| millis(change.last_at)))
            .bind(changes(|change| change.sequence.cast_signed()))
    }
}

/// The place of the fence among the answers: after that of `BEGIN`.
const FENCE: usize = 1;

/// What became of the transaction. The first request that failed says it: after that the server does nothing
/// but take it back.
fn outcome(answers: Vec<Result<Vec<Row>, Error>>) -> Result<bool, StoreError> {
    let last = answers.len().saturating_sub(1);
    let failed = answers.into_iter().enumerate();
    let failed = failed.filter_map(|(position, answer)| Some((position, answer.err()?))).next();
    match failed {
        None => Ok(true),
        Some((FENCE, error)) if is_not_found(&error) => Ok(false),
        Some((position, error)) if position == last => Err(of_commit(error)),
        Some((_, error)) => Err(after_sending(error)),
    }
}
