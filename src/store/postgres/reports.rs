//! What reports ask.

use super::{Page, PostgresStore, StoreError, Stored, later};
use crate::domain::ids::OrganisationId;
use crate::domain::period::Span;
use crate::store::reports::{
    ByTime, DemandRow, DeniedRow, IntervalFilter, IntervalRow, MetricsRow, ReportOutcome,
    ReportQuery, Reports,
};
use async_trait::async_trait;

#[async_trait]
impl Reports for PostgresStore {
    async fn intervals_page(
        &self,
        _organisation: OrganisationId,
        _filter: &IntervalFilter,
        _page: Page,
    ) -> Result<Vec<Stored<IntervalRow>>, StoreError> {
        Err(later())
    }

    async fn metrics_page(
        &self,
        _organisation: OrganisationId,
        _question: &ByTime,
        _page: Page,
    ) -> Result<Vec<Stored<MetricsRow>>, StoreError> {
        Err(later())
    }

    async fn denied_page(
        &self,
        _organisation: OrganisationId,
        _question: &ByTime,
        _page: Page,
    ) -> Result<Vec<Stored<DeniedRow>>, StoreError> {
        Err(later())
    }

    async fn demand(
        &self,
        _organisation: OrganisationId,
        _span: Span,
    ) -> Result<Vec<DemandRow>, StoreError> {
        Err(later())
    }

    async fn report(
        &self,
        _organisation: OrganisationId,
        _query: &ReportQuery,
    ) -> Result<ReportOutcome, StoreError> {
        Err(later())
    }
}
