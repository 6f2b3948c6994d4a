//! What reports ask of the store, and which file answers.

use super::scan::Reading;
use super::{SqliteStore, by_time, custom_report, demand, intervals, metrics};
use crate::domain::ids::OrganisationId;
use crate::domain::period::Span;
use crate::store::reports::{
    ByTime, DemandRow, DeniedRow, IntervalFilter, IntervalRow, MetricsRow, ReportOutcome,
    ReportQuery, Reports,
};
use crate::store::{Page, StoreError, Stored};
use async_trait::async_trait;

#[async_trait]
impl Reports for SqliteStore {
    async fn intervals_page(
        &self,
        organisation: OrganisationId,
        filter: &IntervalFilter,
        page: Page,
    ) -> Result<Vec<Stored<IntervalRow>>, StoreError> {
        let filter = filter.clone();
        let work =
            move |connection: &mut _| intervals::page(connection, organisation, &filter, page);
        self.inner.scanner.run(Reading::Page, work).await
    }

    async fn metrics_page(
        &self,
        organisation: OrganisationId,
        question: &ByTime,
        page: Page,
    ) -> Result<Vec<Stored<MetricsRow>>, StoreError> {
        let (readers, catalogue) = (&self.inner.readers, &self.inner.catalogue);
        let asked = (&metrics::METRICS, question);
        by_time::page(readers, catalogue, organisation, asked, page).await
    }

    async fn denied_page(
        &self,
        organisation: OrganisationId,
        question: &ByTime,
        page: Page,
    ) -> Result<Vec<Stored<DeniedRow>>, StoreError> {
        let (readers, catalogue) = (&self.inner.readers, &self.inner.catalogue);
        let asked = (&demand::DENIED, question);
        by_time::page(readers, catalogue, organisation, asked, page).await
    }

    async fn demand(
        &self,
        organisation: OrganisationId,
        span: Span,
    ) -> Result<Vec<DemandRow>, StoreError> {
        demand::demand(&self.inner.readers, &self.inner.catalogue, organisation, span).await
    }

    async fn report(
        &self,
        organisation: OrganisationId,
        query: &ReportQuery,
    ) -> Result<ReportOutcome, StoreError> {
        custom_report::run(&self.inner.readers, organisation, query).await
    }
}
