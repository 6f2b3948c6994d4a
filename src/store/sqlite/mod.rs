//! SQLite, inside the process.
//!
//! | file | what it holds |
//! |---|---|
//! | `location` | where the database is, and that nobody else has it |
//! | `open` | opening it, or making it |
//! | `preflight`, `wal` | what stands there already, judged before anything is written |
//! | `writer` | the one connection that writes, and its thread |
//! | `create` | a new organisation |
//! | `commit` | batches, judged by their numbers |
//! | `tables` | what they come to, written table by table |
//! | `figures`, `estate`, `lapses` | the same: what is counted, and what is had beside sessions |
//! | `bills` | what bills are read from |
//! | `bulk` | one statement over many rows |
//! | `load` | an organisation as a whole |
//! | `report` | pages |
//! | `reports` | what reports ask; `by_time`, `intervals`, `metrics`, `demand`, `custom_report` answer |
//! | `accounts` | who signs in to the broker itself |
//! | `audit` | who changed what |
//! | `snapshot` | a database at one instant, for tools beside a running broker |
//! | `check` | the invariants of what is kept |
//! | `backup` | a copy of the file |
//! | `transfer` | an organisation out of one database and into another |
//! | `whole` | all rows of a database |
//! | `prune` | what may be forgotten |
//! | `usage` | pages of the per-user log, kept or written |
//! | `extent` | how large it is |
//! | `scan` | rows that are lent to whoever reads |
//! | `runs` | the index by user, written behind the log |
//! | `value` | how values stand in the tables |
//! | `error` | errors of the database as fates of a commit |

mod accounts;
mod audit;

pub mod backup;
mod bills;
mod bulk;
mod by_time;
pub mod check;
mod commit;
mod create;
mod custom_report;
mod demand;
mod error;
mod estate;
mod extent;
mod figures;
mod intervals;
mod lapses;
mod load;
mod location;
mod memory;
mod metrics;
mod open;
mod preflight;
mod prune;
mod report;
mod reports;
mod room;
mod runs;
mod scan;
mod snapshot;
mod tables;
pub mod transfer;
mod usage;
mod value;
mod wal;
pub(super) mod whole;
mod writer;

use super::{
    AuditFilter, AuditRow, Batch, DenialFilter, DenialRow, Extent, Loaded, OrganisationEntry, Page,
    Part, Range, Run, Store, StoreError, Stored, UsageFilter, UsageLine, UsageRow, UsageScribe,
    UserFilter,
};
use crate::domain::audit::Author;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::OrganisationId;
use crate::domain::organisation::Settings;
use crate::domain::user::UserRecord;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use error::aborted;
pub use memory::memory_used;
use open::{Opened, common_options};
use rusqlite::Connection;
use scan::{Reading, Scanner};
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use value::{Reader, millis};
use writer::Writer;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// How long a statement waits for another program that has the database locked.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Reports that run at the same time; further ones wait for one of these.
const READERS_MAX: u32 = 4;

/// A database in a file.
///
/// Commits go through one connection, reports through others that can only read: in SQLite's
/// write-ahead mode neither waits for the other.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Of the database.
    path: PathBuf,
    catalogue: Arc<Catalogue>,
    writer: Writer,
    readers: SqlitePool,
    scanner: Arc<Scanner>,
    /// The last field: it is dropped after the connections.
    _lock: Arc<location::Lock>,
}

impl SqliteStore {
    /// Opens the database, creates it if there is none, and brings its schema up to date.
    ///
    /// `url_or_path` is `sqlite://path`, `sqlite:path` or a path; the directory must exist. The names of
    /// licence types in it are those of `catalogue`.
    ///
    /// # Errors
    /// [`StoreError::Refused`] or [`StoreError::Aborted`] if the file cannot be opened, or another broker
    /// has it open (a lock on `<path>.lock` tells); [`StoreError::Damaged`] if SQLite finds that it is no
    /// database, or a damaged one; [`StoreError::Corrupt`] if it is empty, its journal is damaged or has
    /// lost it, or it is of another program or version. Nothing of what is there is changed then.
    pub async fn open(url_or_path: &str, catalogue: Arc<Catalogue>) -> Result<Self, StoreError> {
        let Opened { path, writer, lock } = open::open(url_or_path).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .connect_lazy_with(reader_options(&path));
        let scanner = Arc::new(Scanner::new(path.clone()));
        let inner = Inner { path, catalogue, writer, readers, scanner, _lock: lock };
        Ok(Self { inner: Arc::new(inner) })
    }
}

impl SqliteStore {
    /// Connections that can only read.
    fn readers(&self) -> &SqlitePool {
        &self.inner.readers
    }
}

/// Not `read_only`, with which SQLite cannot always open a database in write-ahead mode.
fn reader_options(path: &Path) -> SqliteConnectOptions {
    common_options(path).pragma("query_only", "ON")
}

impl Inner {
    async fn load(&self, organisation: OrganisationId) -> Result<Option<Loaded>, StoreError> {
        // First of all: nobody's commit waits for that.
        let turn = self.scanner.turn_to_load().await;
        // Whoever loads wants to decide on it: a commit that is under way must be seen, or else be over.
        let pause = self.writer.pause().await?;
        let catalogue = Arc::clone(&self.catalogue);
        let load = move |connection: &mut Connection| {
            let snapshot = connection.transaction().map_err(aborted)?;
            let head = load::head(&snapshot, organisation)?;
            drop(pause);
            head.map(|head| load::body(&snapshot, head, &catalogue)).transpose()
        };
        self.scanner.run_in(turn, load).await
    }

    async fn record_life(&self, run: Run) -> Result<(), StoreError> {
        const RECORD: &str = "INSERT INTO life (id, at, since) VALUES (1, ?, ?) \
            ON CONFLICT (id) DO UPDATE SET \
            at = max(at, excluded.at), since = max(since, excluded.since)";
        let record = move |connection: &Connection| {
            let mut record = connection.prepare_cached(RECORD)?;
            record.execute([millis(run.last), millis(run.since)]).map(|_| ())
        };
        self.writer.write(move |connection| record(connection).map_err(aborted)).await
    }

    async fn last_run(&self) -> Result<Option<Run>, StoreError> {
        let query = sqlx::query(
            "SELECT max(at) AS at, max(since) AS since FROM (SELECT at, since FROM life UNION ALL \
             SELECT last_at, 0 FROM organisations) HAVING count(*) > 0",
        );
        let row = query.fetch_optional(&self.readers).await.map_err(aborted)?;
        let run = |row| {
            let row = Reader(&row);
            Ok(Run { since: row.instant("since")?, last: row.instant("at")? })
        };
        row.map(run).transpose()
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn create_organisation(
        &self,
        settings: &Settings,
        author: Option<&Author>,
    ) -> Result<bool, StoreError> {
        let (settings, author) = (settings.clone(), author.cloned());
        let create = move |connection: &_| {
            create::organisation(connection, &settings, author.as_ref()).map_err(aborted)
        };
        self.inner.writer.write(create).await
    }

    async fn organisations(&self) -> Result<Vec<OrganisationEntry>, StoreError> {
        report::organisations(&self.inner.readers).await
    }

    async fn load(&self, organisation: OrganisationId) -> Result<Option<Loaded>, StoreError> {
        self.inner.load(organisation).await
    }

    async fn commit(&self, batches: &[Batch]) -> Result<(), StoreError> {
        let (batches, catalogue) = (batches.to_vec(), self.inner.catalogue.clone());
        let commit = move |connection: &_| commit::apply(connection, &batches, &catalogue);
        self.inner.writer.write(commit).await
    }

    async fn record_life(&self, run: Run) -> Result<(), StoreError> {
        self.inner.record_life(run).await
    }

    async fn last_run(&self) -> Result<Option<Run>, StoreError> {
        self.inner.last_run().await
    }

    async fn prune(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        self.inner.prune(before, limit).await
    }

    async fn settings(&self, organisation: OrganisationId) -> Result<Option<Settings>, StoreError> {
        report::settings(&self.inner.readers, organisation).await
    }

    async fn settings_page(&self, page: Page) -> Result<Vec<Stored<Settings>>, StoreError> {
        report::settings_page(&self.inner.readers, page).await
    }

    async fn user(
        &self,
        organisation: OrganisationId,
        user: &str,
    ) -> Result<Option<UserRecord>, StoreError> {
        report::user(&self.inner.readers, organisation, user, &self.inner.catalogue).await
    }

    async fn users_page(
        &self,
        organisation: OrganisationId,
        filter: &UserFilter,
        page: Page,
    ) -> Result<Vec<Stored<UserRecord>>, StoreError> {
        let catalogue = &self.inner.catalogue;
        report::users_page(&self.inner.readers, organisation, filter, page, catalogue).await
    }

    async fn usage_page(
        &self,
        organisation: OrganisationId,
        filter: &UsageFilter,
        page: Page,
    ) -> Result<Vec<Stored<UsageRow>>, StoreError> {
        let filter = filter.clone();
        let work = move |connection: &mut _| usage::page(connection, organisation, &filter, page);
        self.inner.scanner.run(Reading::Page, work).await
    }

    async fn export_usage(
        &self,
        organisation: OrganisationId,
        filter: &UsageFilter,
        page: Page,
        scribe: Box<dyn UsageScribe>,
    ) -> Result<Part, StoreError> {
        let filter = filter.clone();
        let work =
            move |connection: &mut _| usage::part(connection, organisation, &filter, page, scribe);
        self.inner.scanner.run(Reading::Export, work).await
    }

    async fn upkeep(&self) -> Result<bool, StoreError> {
        runs::add(&self.inner.readers, &self.inner.writer).await
    }

    async fn extent(&self) -> Result<Extent, StoreError> {
        extent::read(&self.inner.path, &self.inner.readers).await
    }

    async fn denials_page(
        &self,
        organisation: OrganisationId,
        filter: &DenialFilter,
        page: Page,
    ) -> Result<Vec<Stored<DenialRow>>, StoreError> {
        report::denials_page(&self.inner.readers, organisation, filter, page).await
    }

    async fn audit_page(
        &self,
        organisation: OrganisationId,
        filter: &AuditFilter,
        page: Page,
    ) -> Result<Vec<Stored<AuditRow>>, StoreError> {
        report::audit_page(&self.inner.readers, organisation, filter, page).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue_file;

    #[tokio::test]
    async fn commits_go_on_while_a_load_waits_for_its_turn() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = folder.path().join("it.db").display().to_string();
        let store = SqliteStore::open(&url, catalogue_file::built_in()).await.expect("a store");
        let mut turns = Vec::new();
        for _ in 0..READERS_MAX {
            turns.push(store.inner.scanner.turn_to_load().await);
        }
        let loading = tokio::spawn({
            let inner = Arc::clone(&store.inner);
            async move { inner.load(OrganisationId::new(129).expect("a number")).await }
        });
        // It runs until it has to wait.
        tokio::task::yield_now().await;
        let at = DateTime::UNIX_EPOCH;
        let write = store.inner.record_life(Run { since: at, last: at });
        let written = tokio::time::timeout(Duration::from_secs(20), write).await;
        written.expect("it waits for nobody").expect("written");
        assert!(!loading.is_finished());
        drop(turns);
        assert!(loading.await.expect("it ends").expect("read").is_none(), "there is none");
    }
}
