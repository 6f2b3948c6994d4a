//! Whether the broker can start although not everything that was open when it last stopped is settled.

use super::directory::Shared;
use crate::domain::ids::OrganisationId;
use crate::store::StoreError;

/// Looks at the organisations that could not be settled. One whose records cannot be read says nothing
/// about the others.
///
/// # Errors
/// What concerns all: the store is damaged, or refuses to be read or written.
pub(super) async fn judge(shared: &Shared, failed: &[OrganisationId]) -> Result<(), StoreError> {
    let mut all_load = true;
    for id in failed {
        let Err(error) = shared.store.load(*id).await else { continue };
        if matches!(error, StoreError::Refused(_) | StoreError::Damaged(_)) {
            return Err(error.of(format_args!("organisation {id} cannot be loaded")));
        }
        all_load = false;
    }
    match shared.journal.health().refusal().filter(|_| all_load) {
        Some(refusal) => Err(refusal.error.of("the sessions that were open cannot be settled")),
        None => Ok(()),
    }
}
