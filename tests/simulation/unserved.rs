//! What of a store only HTTP reads: nobody asks here, and a call is a fault.

use crate::store::{DoubleStore, unserved};
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use licence_broker::auth::account::{Account, Verdict};
use licence_broker::auth::editions::{Edition, Owner};
use licence_broker::domain::ids::OrganisationId;
use licence_broker::domain::period::Span;
use licence_broker::store::accounts::{
    AccountChange, Accounts, By, Changing, Creation, NewAccount, SignIn,
};
use licence_broker::store::bills::{Bills, ClosedLine, MaximumRow, TotalsRow};
use licence_broker::store::reports::{
    ByTime, DemandRow, DeniedRow, IntervalFilter, IntervalRow, MetricsRow, ReportOutcome,
    ReportQuery, Reports,
};
use licence_broker::store::{Page, StoreError, Stored};

type Id = OrganisationId;

#[async_trait]
impl Bills for DoubleStore {
    async fn closed_lines(&self, _: Id, _: NaiveDate) -> Result<Vec<ClosedLine>, StoreError> {
        unserved()
    }

    async fn maxima(&self, _: Id, _: NaiveDate) -> Result<Vec<MaximumRow>, StoreError> {
        unserved()
    }

    async fn totals_history(
        &self,
        _: Id,
        _: &str,
        _: DateTime<Utc>,
    ) -> Result<Vec<TotalsRow>, StoreError> {
        unserved()
    }
}

#[async_trait]
impl Accounts for DoubleStore {
    async fn account(&self, _: Option<Id>, _: &str) -> Result<Option<Account>, StoreError> {
        unserved()
    }

    async fn accounts_page(&self, _: Id, _: Page) -> Result<Vec<Stored<Account>>, StoreError> {
        unserved()
    }

    async fn editions(&self) -> Result<Vec<(Owner, Edition)>, StoreError> {
        unserved()
    }

    async fn create_account(&self, _: &NewAccount, _: u32, _: &By) -> Result<Creation, StoreError> {
        unserved()
    }

    async fn change_account(
        &self,
        _: Option<Id>,
        _: &str,
        _: Option<u64>,
        _: &AccountChange,
        _: &By,
    ) -> Result<Changing, StoreError> {
        unserved()
    }

    async fn sign_in(&self, _: &SignIn) -> Result<Verdict, StoreError> {
        unserved()
    }
}

#[async_trait]
impl Reports for DoubleStore {
    async fn intervals_page(
        &self,
        _: Id,
        _: &IntervalFilter,
        _: Page,
    ) -> Result<Vec<Stored<IntervalRow>>, StoreError> {
        unserved()
    }

    async fn metrics_page(
        &self,
        _: Id,
        _: &ByTime,
        _: Page,
    ) -> Result<Vec<Stored<MetricsRow>>, StoreError> {
        unserved()
    }

    async fn denied_page(
        &self,
        _: Id,
        _: &ByTime,
        _: Page,
    ) -> Result<Vec<Stored<DeniedRow>>, StoreError> {
        unserved()
    }

    async fn demand(&self, _: Id, _: Span) -> Result<Vec<DemandRow>, StoreError> {
        unserved()
    }

    async fn report(&self, _: Id, _: &ReportQuery) -> Result<ReportOutcome, StoreError> {
        unserved()
    }
}
