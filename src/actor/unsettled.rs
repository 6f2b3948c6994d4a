//! Why what was open when the broker last stopped could not be settled: for the operator who waits for it
//! to start.

use super::directory::Shared;
use crate::domain::ids::OrganisationId;
use crate::store::StoreError;

/// What kept these organisations, some or all, from being settled.
pub(super) async fn why(shared: &Shared, organisations: &[OrganisationId]) -> StoreError {
    for id in organisations {
        if let Err(error) = shared.store.load(*id).await {
            return error.of(format_args!("organisation {id} cannot be loaded"));
        }
    }
    let what = "the sessions that were open cannot be settled";
    let refusal = shared.journal.health().refusal();
    refusal.map_or_else(|| StoreError::Aborted(what.to_owned()), |refusal| refusal.error.of(what))
}
