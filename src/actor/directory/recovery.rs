//! What was open when the broker last stopped, settled before logins are taken.

use super::{AskError, Directory, put};
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
        let settled = || {
            self.0.unsettled.fetch_sub(1, Ordering::Relaxed);
        };
        let failed = self.settle(open, settled).await;
        if !failed.is_empty() {
            unsettled::judge(&self.0.shared, &failed).await?;
        }
        // What could not be settled is settled later, as of the last run as it was found at the start.
        self.0.shared.journal.begin_life();
        let shared = &self.0.shared;
        shared.ready_since.get_or_init(|| shared.clock.elapsed());
        if !failed.is_empty() {
            let organisations = failed.len();
            tracing::error!(organisations, "organisations cannot be served for now");
        }
        Ok(())
    }

    /// Waits until everything that these organisations decided, or found at their start, is durable; not
    /// all are asked at once. `done` is called after each. Answers which did not come so far.
    pub(super) async fn settle(
        &self,
        organisations: Vec<OrganisationId>,
        done: impl Fn(),
    ) -> Vec<OrganisationId> {
        let done = &done;
        let asked = organisations.into_iter().map(|id| async move {
            let settled = self.ask_in_turn(id).await;
            done();
            settled.err().map(|_| id)
        });
        let answers = stream::iter(asked).buffer_unordered((self.0.asks_max / 2).max(1));
        answers.filter_map(std::future::ready).collect().await
    }

    /// Waits until one more question may be under way: what the broker itself has to do is not refused
    /// because others ask much.
    async fn ask_in_turn(&self, organisation: OrganisationId) -> Result<(), AskError> {
        let found = self.find(organisation).ok_or(AskError::UnknownOrganisation)?;
        let _permit = self.0.asks.acquire().await.map_err(|_| AskError::Overloaded)?;
        put(&found, None, Tick).await
    }
}
