//! What bills are read from.

use super::{PostgresStore, StoreError, later};
use crate::domain::ids::OrganisationId;
use crate::store::bills::{Bills, ClosedLine, MaximumRow, TotalsRow};
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};

#[async_trait]
impl Bills for PostgresStore {
    async fn closed_lines(
        &self,
        _organisation: OrganisationId,
        _month: NaiveDate,
    ) -> Result<Vec<ClosedLine>, StoreError> {
        Err(later())
    }

    async fn maxima(
        &self,
        _organisation: OrganisationId,
        _month: NaiveDate,
    ) -> Result<Vec<MaximumRow>, StoreError> {
        Err(later())
    }

    async fn totals_history(
        &self,
        _organisation: OrganisationId,
        _licence: &str,
        _to: DateTime<Utc>,
    ) -> Result<Vec<TotalsRow>, StoreError> {
        Err(later())
    }
}
