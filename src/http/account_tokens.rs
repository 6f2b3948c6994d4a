//! What changes an account ends its tokens, before the change is answered and whoever hangs up.

use crate::auth::editions::{Edition, Owner};
use crate::broker::Broker;
use crate::store::StoreError;
use actix_web::web::Data;

/// Runs what may change an account to its end, and has the account looked up again.
pub(super) async fn changing<T: Send + 'static>(
    broker: &Data<Broker>,
    owner: Owner,
    change: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    let broker = broker.clone().into_inner();
    let task = tokio::spawn(async move {
        let outcome = change.await;
        let (organisation, user) = owner.clone();
        // Also where the change failed: it may be kept all the same.
        let look_up = async {
            match broker.store.account(organisation, &user).await {
                Ok(account) => account.as_ref().map(Edition::of),
                Err(error) => {
                    tracing::warn!(%error, "an account could not be read; its tokens are refused");
                    None
                }
            }
        };
        broker.authenticator.editions().note(owner, look_up).await;
        outcome
    });
    task.await.unwrap_or_else(|error| Err(StoreError::MaybeApplied(error.to_string())))
}
