//! One instant of the database, for rows by licence type and stretch of time.

use super::error::aborted;
use super::value::number;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::OrganisationId;
use crate::store::by_time::{self, Figure};
use crate::store::reports::ByTime;
use crate::store::{Page, StoreError, Stored};
use async_trait::async_trait;
use sqlx::sqlite::{Sqlite, SqliteConnection, SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, Transaction};

/// One organisation, as it was when the transaction began.
pub(super) struct Snapshot {
    transaction: Transaction<'static, Sqlite>,
    key: i64,
}

impl Snapshot {
    /// `None` if there is no such organisation.
    pub(super) async fn of(
        readers: &SqlitePool,
        organisation: OrganisationId,
    ) -> Result<Option<Self>, StoreError> {
        let mut transaction = readers.begin().await.map_err(aborted)?;
        let key = key_of(&mut transaction, organisation).await?;
        Ok(key.map(|key| Self { transaction, key }))
    }
}

#[async_trait]
impl by_time::Snapshot for Snapshot {
    type Row = SqliteRow;

    async fn rows(
        &mut self,
        text: &'static str,
        bounds: [i64; 4],
        licence: Option<&str>,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        let query = sqlx::query(AssertSqlSafe(text)).bind(self.key);
        let query = bounds.into_iter().fold(query, sqlx::query::Query::bind);
        query.bind(licence).fetch_all(&mut *self.transaction).await.map_err(aborted)
    }
}

/// A page of a figure, all of it as it was at one instant.
pub(super) async fn page<R>(
    readers: &SqlitePool,
    catalogue: &Catalogue,
    organisation: OrganisationId,
    asked: (&Figure<R, SqliteRow>, &ByTime),
    page: Page,
) -> Result<Vec<Stored<R>>, StoreError> {
    let Some(mut snapshot) = Snapshot::of(readers, organisation).await? else { return Ok(vec![]) };
    by_time::page(&mut snapshot, catalogue, asked, page).await
}

/// The internal key of the organisation that has a number now.
pub(super) async fn key_of(
    connection: &mut SqliteConnection,
    organisation: OrganisationId,
) -> Result<Option<i64>, StoreError> {
    let query = "SELECT key FROM organisations WHERE number = ? AND removed_at IS NULL";
    let query = sqlx::query_scalar(query).bind(number(organisation));
    query.fetch_optional(connection).await.map_err(aborted)
}
