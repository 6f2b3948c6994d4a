//! What reports ask of the store, and which file answers.

use super::{PostgresStore, by_time, custom_report, figures};
use crate::domain::ids::OrganisationId;
use crate::domain::period::Span;
use crate::store::reports::{
    ByTime, DemandRow, DeniedRow, IntervalFilter, IntervalRow, MetricsRow, ReportOutcome,
    ReportQuery, Reports,
};
use crate::store::{Page, StoreError, Stored};
use async_trait::async_trait;

#[async_trait]
impl Reports for PostgresStore {
    async fn intervals_page(
        &self,
        organisation: OrganisationId,
        filter: &IntervalFilter,
        page: Page,
    ) -> Result<Vec<Stored<IntervalRow>>, StoreError> {
        figures::intervals_page(&self.inner.connections, organisation, filter, page).await
    }

    async fn metrics_page(
        &self,
        organisation: OrganisationId,
        question: &ByTime,
        page: Page,
    ) -> Result<Vec<Stored<MetricsRow>>, StoreError> {
        let asked = (&figures::METRICS, question);
        by_time::page(&self.inner.connections, &self.inner.catalogue, organisation, asked, page)
            .await
    }

    async fn denied_page(
        &self,
        organisation: OrganisationId,
        question: &ByTime,
        page: Page,
    ) -> Result<Vec<Stored<DeniedRow>>, StoreError> {
        let asked = (&figures::DENIED, question);
        by_time::page(&self.inner.connections, &self.inner.catalogue, organisation, asked, page)
            .await
    }

    async fn demand(
        &self,
        organisation: OrganisationId,
        span: Span,
    ) -> Result<Vec<DemandRow>, StoreError> {
        figures::demand(&self.inner.connections, &self.inner.catalogue, organisation, span).await
    }

    async fn report(
        &self,
        organisation: OrganisationId,
        query: &ReportQuery,
    ) -> Result<ReportOutcome, StoreError> {
        custom_report::run(&self.inner.connections, organisation, query).await
    }
}
