//! One instant of the database, for rows by licence type and stretch of time.

use super::connections::Connections;
use super::statement::Statement;
use super::transaction::Transaction;
use super::value::{Reader, number};
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::OrganisationId;
use crate::store::by_time::{self, Figure};
use crate::store::reports::ByTime;
use crate::store::{Page, StoreError, Stored};
use async_trait::async_trait;
use tokio_postgres::Row;

/// One organisation, as it was at the first question.
pub(super) struct Snapshot {
    transaction: Transaction,
    key: i64,
}

impl Snapshot {
    /// `None` if there is no such organisation.
    pub(super) async fn of(
        connections: &Connections,
        organisation: OrganisationId,
    ) -> Result<Option<Self>, StoreError> {
        let transaction = connections.snapshot().await?;
        match transaction.one(&key_of(organisation)).await? {
            Some(row) => Ok(Some(Self { transaction, key: Reader(&row).integer("key")? })),
            None => transaction.roll_back().await.map(|()| None),
        }
    }

    /// Lets others have the connection.
    pub(super) async fn end(self) -> Result<(), StoreError> {
        self.transaction.roll_back().await
    }
}

#[async_trait]
impl by_time::Snapshot for Snapshot {
    type Row = Row;

    async fn rows(
        &mut self,
        text: &'static str,
        bounds: [i64; 4],
        licence: Option<&str>,
    ) -> Result<Vec<Row>, StoreError> {
        let question = Statement::new(text).bind(self.key);
        let question = bounds.into_iter().fold(question, Statement::bind);
        self.transaction.rows(&question.bind(licence)).await
    }
}

/// A page of a figure, all of it as it was at one instant.
pub(super) async fn page<R>(
    connections: &Connections,
    catalogue: &Catalogue,
    organisation: OrganisationId,
    (figure, question): (&Figure<R, Row>, &ByTime),
    page: Page,
) -> Result<Vec<Stored<R>>, StoreError> {
    let Some(mut snapshot) = Snapshot::of(connections, organisation).await? else {
        return Ok(vec![]);
    };
    let found = by_time::page(&mut snapshot, catalogue, (figure, question), page).await?;
    snapshot.end().await?;
    Ok(found)
}

/// Asks for the internal `key` of the organisation that has a number now.
pub(super) fn key_of(organisation: OrganisationId) -> Statement<'static> {
    const FIND: &str = "SELECT key FROM organisations WHERE number = $1 AND removed_at IS NULL";
    Statement::new(FIND).bind(number(organisation))
}
