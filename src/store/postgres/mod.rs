//! PostgreSQL, or a database that speaks its protocol, shared by the nodes of a platform.
//!
//! | file | what it holds |
//! |---|---|
//! | `location` | what the URL says |
//! | `open` | opening it, and its schema |
//! | `threads` | on which the lines to the server live |
//! | `connections`, `transaction` | the pools, and what is done with one connection |
//! | `statement`, `pipeline` | what is sent, and that all of it is sent at once |
//! | `create` | a new organisation |
//! | `commit`, `keys` | batches, fenced by their numbers and epochs |
//! | `writing` | what they come to, table by table |
//! | `load` | an organisation as a whole |
//! | `organisations` | lists of them and of their users |
//! | `ownership` | leases of nodes, claims of organisations |
//! | `life` | when the broker ran, and how large the database is |
//! | `prune` | what may be forgotten |
//! | `question` | a page, put together condition by condition |
//! | `usage`, `report` | pages of the logs |
//! | `reports` | what reports ask; `by_time`, `figures`, `custom_report` answer |
//! | `bills` | what bills are read from |
//! | `accounts`, `audit` | who signs in to the broker itself, and who changed what |
//! | `whole` | all rows of a database |
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
mod commit;
mod connections;
mod create;
mod custom_report;
mod error;
mod figures;
mod keys;
mod life;
mod load;
mod location;
mod open;
mod organisations;
mod ownership;
mod pipeline;
mod prune;
mod question;
mod report;
mod reports;
mod statement;
mod threads;
mod transaction;
mod usage;
mod value;
pub(super) mod whole;
mod writing;

use super::{
    AuditFilter, AuditRow, Batch, DenialFilter, DenialRow, Extent, Loaded, OrganisationEntry,
    Ownership, Page, Part, Run, Store, StoreError, Stored, UsageFilter, UsageRow, UsageScribe,
    UserFilter,
};
use crate::domain::audit::Author;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::OrganisationId;
use crate::domain::organisation::Settings;
use crate::domain::user::UserRecord;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use connections::Connections;
use keys::Keys;
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
    exports: usage::Exports,
    keys: Keys,
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
        let (keys, exports) = (Keys::default(), usage::Exports::default());
        Ok(Self { inner: Arc::new(Inner { catalogue, connections, exports, keys }) })
    }
}

impl Inner {
    async fn load(&self, organisation: OrganisationId) -> Result<Option<Loaded>, StoreError> {
        load::load(&self.connections, &self.keys, organisation, &self.catalogue).await
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn create_organisation(
        &self,
        settings: &Settings,
        author: Option<&Author>,
    ) -> Result<bool, StoreError> {
        create::organisation(&self.inner.connections, settings, author).await
    }

    async fn organisations(&self) -> Result<Vec<OrganisationEntry>, StoreError> {
        organisations::all(&self.inner.connections).await
    }

    async fn load(&self, organisation: OrganisationId) -> Result<Option<Loaded>, StoreError> {
        self.inner.load(organisation).await
    }

    async fn commit(&self, batches: &[Batch]) -> Result<(), StoreError> {
        let Inner { catalogue, connections, keys, .. } = &*self.inner;
        commit::apply(connections, keys, batches, catalogue).await
    }

    async fn record_life(&self, run: Run) -> Result<(), StoreError> {
        life::record(&self.inner.connections, run).await
    }

    async fn last_run(&self) -> Result<Option<Run>, StoreError> {
        life::last_run(&self.inner.connections).await
    }

    async fn prune(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        prune::prune(&self.inner.connections, before, limit).await
    }

    async fn settings(&self, organisation: OrganisationId) -> Result<Option<Settings>, StoreError> {
        organisations::settings(&self.inner.connections, organisation).await
    }

    async fn settings_page(&self, page: Page) -> Result<Vec<Stored<Settings>>, StoreError> {
        organisations::settings_page(&self.inner.connections, page).await
    }

    async fn user(
        &self,
        organisation: OrganisationId,
        user: &str,
    ) -> Result<Option<UserRecord>, StoreError> {
        let Inner { catalogue, connections, .. } = &*self.inner;
        organisations::user(connections, organisation, user, catalogue).await
    }

    async fn users_page(
        &self,
        organisation: OrganisationId,
        filter: &UserFilter,
        page: Page,
    ) -> Result<Vec<Stored<UserRecord>>, StoreError> {
        let Inner { catalogue, connections, .. } = &*self.inner;
        organisations::users_page(connections, organisation, filter, page, catalogue).await
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
        let Inner { connections, exports, .. } = &*self.inner;
        exports.part(connections, organisation, filter, page, scribe).await
    }

    /// Nothing: the index by user is an ordinary one here, kept by every commit.
    async fn upkeep(&self) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn ownership(&self) -> Option<&dyn Ownership> {
        Some(self)
    }

    async fn extent(&self) -> Result<Extent, StoreError> {
        life::extent(&self.inner.connections).await
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
