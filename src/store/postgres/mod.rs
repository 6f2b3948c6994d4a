//! PostgreSQL, or a database that speaks its protocol, shared by the nodes of a platform.
//!
//! | file | what it holds |
//! |---|---|
//! | `location` | what the URL says |
//! | `open` | opening it, and its schema |
//! | `connections` | the pools, and what is done with one connection |
//! | `statement`, `pipeline` | what is sent, and that all of it is sent at once |
//! | `create` | a new organisation |
//! | `commit` | batches, fenced by their numbers and epochs |
//! | `writing` | what they come to, table by table |
//! | `load` | an organisation as a whole |
//! | `organisations`, `users` | lists of them |
//! | `life` | when the broker ran |
//! | `prune` | what may be forgotten |
//! | `usage`, `report` | pages of the logs |
//! | `reports` | what reports ask; `by_time`, `intervals`, `metrics`, `demand`, `custom_report` answer |
//! | `bills` | what bills are read from |
//! | `accounts`, `audit` | who signs in to the broker itself, and who changed what |
//! | `value` | how values stand in the tables |
//! | `error` | errors of the database as fates of a commit |
//!
//! Nothing is kept on a connection between two transactions, so that a pooler in transaction mode may stand
//! between: every statement is unnamed and has the types of its values with it, settings are those of a
//! transaction, and there are no locks but those of rows.

mod accounts;
mod audit;
mod bills;
mod by_time;
mod connections;
mod custom_report;
mod demand;
mod error;
mod intervals;
mod location;
mod metrics;
mod open;
mod pipeline;
mod report;
mod reports;
mod statement;
mod usage;
mod value;
mod writing;

use super::{
    AuditFilter, AuditRow, Batch, DenialFilter, DenialRow, Extent, Loaded, OrganisationEntry, Page,
    Part, Run, Store, StoreError, Stored, UsageFilter, UsageRow, UsageScribe, UserFilter,
};
use crate::domain::audit::Author;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::OrganisationId;
use crate::domain::organisation::Settings;
use crate::domain::user::UserRecord;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use connections::Connections;
use location::Location;
use std::sync::Arc;

/// A database of a server.
#[derive(Clone, Debug)]
pub struct PostgresStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    catalogue: Arc<Catalogue>,
    connections: Connections,
}

impl PostgresStore {
    /// Opens the database that `postgres://user:password@host:port/name?options` names, and brings its
    /// schema up to date; the database itself must be there. The names of licence types in it are those of
    /// `catalogue`. `sslmode=verify-full` asks for TLS, `sslrootcert=FILE` for authorities of its own.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if it cannot be reached, or takes nothing; [`StoreError::Aborted`] if the URL
    /// is wrong; [`StoreError::Corrupt`] if the schema is of another program or version.
    pub async fn open(url: &str, catalogue: Arc<Catalogue>) -> Result<Self, StoreError> {
        let location = Location::parse(url)?;
        let connections = open::open(&location).await.map_err(|error| error.of(&location))?;
        Ok(Self { inner: Arc::new(Inner { catalogue, connections }) })
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn create_organisation(
        &self,
        _settings: &Settings,
        _author: Option<&Author>,
    ) -> Result<bool, StoreError> {
        Err(later())
    }

    async fn organisations(&self) -> Result<Vec<OrganisationEntry>, StoreError> {
        Err(later())
    }

    async fn load(&self, _organisation: OrganisationId) -> Result<Option<Loaded>, StoreError> {
        Err(later())
    }

    async fn commit(&self, _batches: &[Batch]) -> Result<(), StoreError> {
        Err(later())
    }

    async fn record_life(&self, _run: Run) -> Result<(), StoreError> {
        Err(later())
    }

    async fn last_run(&self) -> Result<Option<Run>, StoreError> {
        Err(later())
    }

    async fn prune(&self, _before: DateTime<Utc>, _limit: u32) -> Result<u64, StoreError> {
        Err(later())
    }

    async fn settings(
        &self,
        _organisation: OrganisationId,
    ) -> Result<Option<Settings>, StoreError> {
        Err(later())
    }

    async fn settings_page(&self, _page: Page) -> Result<Vec<Stored<Settings>>, StoreError> {
        Err(later())
    }

    async fn user(
        &self,
        _organisation: OrganisationId,
        _user: &str,
    ) -> Result<Option<UserRecord>, StoreError> {
        Err(later())
    }

    async fn users_page(
        &self,
        _organisation: OrganisationId,
        _filter: &UserFilter,
        _page: Page,
    ) -> Result<Vec<Stored<UserRecord>>, StoreError> {
        Err(later())
    }

    async fn usage_page(
        &self,
        organisation: OrganisationId,
        filter: &UsageFilter,
        page: Page,
    ) -> Result<Vec<Stored<UsageRow>>, StoreError> {
        usage::page(&self.inner.connections, organisation, filter, page).await
    }

    async fn export_usage(
        &self,
        organisation: OrganisationId,
        filter: &UsageFilter,
        page: Page,
        scribe: Box<dyn UsageScribe>,
    ) -> Result<Part, StoreError> {
        usage::part(&self.inner.connections, organisation, filter, page, scribe).await
    }

    /// Nothing: the index by user is an ordinary one here, kept by every commit.
    async fn upkeep(&self) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn extent(&self) -> Result<Extent, StoreError> {
        Err(later())
    }

    async fn denials_page(
        &self,
        organisation: OrganisationId,
        filter: &DenialFilter,
        page: Page,
    ) -> Result<Vec<Stored<DenialRow>>, StoreError> {
        report::denials_page(&self.inner.connections, organisation, filter, page).await
    }

    async fn audit_page(
        &self,
        organisation: OrganisationId,
        filter: &AuditFilter,
        page: Page,
    ) -> Result<Vec<Stored<AuditRow>>, StoreError> {
        report::audit_page(&self.inner.connections, organisation, filter, page).await
    }
}

/// What is not written yet.
fn later() -> StoreError {
    StoreError::Aborted("this part of the store is not written yet".to_owned())
}
