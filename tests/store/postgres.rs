//! What is peculiar to PostgreSQL: fences, lost connections, poolers.

use crate::fixture::{Backend, catalogue};
#[path = "../support/postgres.rs"]
#[allow(dead_code, unreachable_pub, reason = "other suites use the rest of it")]
pub(crate) mod server;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use licence_broker::store::postgres::PostgresStore;
use licence_broker::store::{Store, StoreError};
use server::{Database, Server};
use std::sync::Arc;

/// A database of its own; nothing where there is no PostgreSQL.
pub(crate) struct PostgresBackend {
    database: Database,
}

impl PostgresBackend {
    pub(crate) async fn new() -> Option<Self> {
        Some(Self { database: Server::shared()?.database().await })
    }
}

impl Backend for PostgresBackend {
    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn Store>, StoreError>> {
        async {
            let store = PostgresStore::open(&self.database.url, catalogue()).await?;
            Ok(Arc::new(store) as Arc<dyn Store>)
        }
        .boxed()
    }
}

#[tokio::test]
async fn a_database_that_is_opened_by_several_nodes_at_once_gets_its_schema_once() {
    let Some(backend) = PostgresBackend::new().await else { return };
    let nodes = (0..4).map(|_| backend.open());
    for opened in futures_util::future::join_all(nodes).await {
        opened.expect("opened");
    }
}
