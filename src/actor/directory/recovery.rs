//! What was open when the broker last stopped, settled before logins are taken.

use super::{AskError, Directory};
use crate::actor::unsettled;
use crate::domain::ids::OrganisationId;
use crate::domain::release::Tick;
use crate::store::StoreError;
use futures_util::{StreamExt, stream};
use std::sync::atomic::Ordering;

impl Directory {
    /// Settles what was open in these organisations when the broker last stopped. When this returns `Ok`,
    /// logins can be taken. An organisation that cannot be loaded keeps no other from being served: its
    /// actor goes on trying, and whoever wants it is told that it is not there now.
    ///
    /// # Errors
    /// If the store refuses altogether, or is damaged: what is written to a damaged file may be lost.
    pub async fn recover(&self, open: Vec<OrganisationId>) -> Result<(), StoreError> {
        let asked = open.iter().map(async |id| {
            let settled = self.ask(*id, Tick).await;
            self.0.unsettled.fetch_sub(1, Ordering::Relaxed);
            settled
        });
        let failed = failures(asked, self.0.asks_max).await;
        if failed > 0 {
            let why = unsettled::why(&self.0.shared, &open).await;
            if self.store_refusal().is_some() || matches!(why, StoreError::Damaged(_)) {
                return Err(why);
            }
        }
        // What could not be settled is settled later, as of the last run as it was found at the start.
        self.0.shared.journal.begin_life();
        let shared = &self.0.shared;
        shared.ready_since.get_or_init(|| shared.clock.now().elapsed);
        if failed > 0 {
            tracing::error!(organisations = failed, "organisations cannot be served for now");
        }
        Ok(())
    }
}

/// How many of these questions fail; not all are asked at once.
pub(super) async fn failures(
    asked: impl Iterator<Item = impl Future<Output = Result<(), AskError>>>,
    asks_max: usize,
) -> usize {
    let answers = stream::iter(asked).buffer_unordered((asks_max / 2).max(1));
    answers.filter(|answer| std::future::ready(answer.is_err())).count().await
}
