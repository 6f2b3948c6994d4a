//! SQLite, inside the process.
//!
//! | file | what it holds |
//! |---|---|
//! | `location` | where the database is, and that nobody else has it |
//! | `writer` | the one connection that writes |
//! | `create` | a new organisation |
//! | `commit` | batches, judged by their numbers |
//! | `tables` | what they come to, written table by table |
//! | `figures`, `estate`, `lapses` | the same: what is counted, and what is had beside sessions |
//! | `bills` | what bills are read from |
//! | `bulk` | statements over many rows |
//! | `load`, `load_estate` | an organisation as a whole |
//! | `report` | pages |
//! | `reports` | what reports ask; `by_time`, `intervals`, `metrics`, `demand`, `custom_report` answer |
//! | `accounts` | who signs in to the broker itself |
//! | `audit` | who changed what |
//! | `snapshot` | a database at one instant, for tools beside a running broker |
//! | `check` | the invariants of what is kept |
//! | `backup` | a copy of the file |
//! | `transfer` | an organisation out of one database and into another |
//! | `prune` | what may be forgotten |
//! | `usage` | pages of the per-user log, kept or written |
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
mod figures;
mod intervals;
mod lapses;
mod load;
mod load_estate;
mod location;
mod memory;
mod metrics;
mod prune;
mod report;
mod reports;
mod runs;
mod scan;
mod snapshot;
mod tables;
pub mod transfer;
mod usage;
mod value;
mod writer;

use super::{
    AuditFilter, AuditRow, Batch, DenialFilter, DenialRow, Loaded, OrganisationEntry, Page, Part,
    Range, Run, Store, StoreError, Stored, UsageFilter, UsageLine, UsageRow, UsageScribe,
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
use scan::{Reading, Scanner};
use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Row};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use value::{Reader, millis};
use writer::Writer;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// How long a statement waits for another program that has the database locked.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Reports that run at the same time; further ones wait for one of these.
const READERS_MAX: u32 = 4;

/// Memory for pages of the database, of the writer; the indexes of the logs are written all over.
const WRITER_CACHE_KIB: u32 = 64 * 1024;

/// Pages of the journal after which they are copied into the database. More than SQLite's own 1,000,
/// so that a page that many commits change is copied once for all of them.
const CHECKPOINT_PAGES: u32 = 4_000;

/// What of the journal's file stays after a long report let it grow, in bytes.
const JOURNAL_BYTES_KEPT: u32 = 64 * 1024 * 1024;

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
    catalogue: Arc<Catalogue>,
    writer: Writer,
    readers: SqlitePool,
    scanner: Arc<Scanner>,
    /// The last field: it is dropped after the connections.
    _lock: location::Lock,
}

impl SqliteStore {
    /// Opens the database, creates it if there is none, and brings its schema up to date.
    ///
    /// `url_or_path` is `sqlite://path`, `sqlite:path` or a path; the directory must exist. The names of
    /// licence types in it are those of `catalogue`.
    ///
    /// # Errors
    /// [`StoreError::Aborted`] if the file cannot be opened, or another broker has it open (a lock on
    /// `<path>.lock` tells); [`StoreError::Corrupt`] if it is no database, or one of another version.
    pub async fn open(url_or_path: &str, catalogue: Arc<Catalogue>) -> Result<Self, StoreError> {
        let path = location::resolve(url_or_path)?;
        let lock = location::lock(&path)?;
        let named = |error| at_path(error, &path);
        let options = writer_options(&path);
        let mut connection = options.connect().await.map_err(aborted).map_err(named)?;
        check_journal(&mut connection).await.map_err(named)?;
        // `Migrator::run` makes a future that the compiler cannot prove to be `Send`.
        MIGRATIONS
            .run_direct(None, &mut connection, false)
            .await
            .map_err(error::migration)
            .map_err(named)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .connect_lazy_with(reader_options(&path));
        let writer = Writer::new(options, connection);
        let scanner = Arc::new(Scanner::new(path));
        Ok(Self { inner: Arc::new(Inner { catalogue, writer, readers, scanner, _lock: lock }) })
    }
}

impl SqliteStore {
    /// Connections that can only read.
    fn readers(&self) -> &SqlitePool {
        &self.inner.readers
    }
}

fn common_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .disable_statement_logging()
}

fn writer_options(path: &Path) -> SqliteConnectOptions {
    common_options(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", format!("-{WRITER_CACHE_KIB}"))
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string())
        .pragma("journal_size_limit", JOURNAL_BYTES_KEPT.to_string())
}

/// Not `read_only`, with which SQLite cannot always open a database in write-ahead mode.
fn reader_options(path: &Path) -> SqliteConnectOptions {
    common_options(path).pragma("query_only", "ON")
}

/// Some file systems have no shared memory; there SQLite stays in another mode without a word.
async fn check_journal(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let row = sqlx::query("PRAGMA journal_mode").fetch_one(connection).await.map_err(aborted)?;
    let mode: String = row.try_get(0).map_err(aborted)?;
    if mode == "wal" {
        Ok(())
    } else {
        let why = format!("its file system allows no write-ahead journal, only `{mode}`");
        Err(StoreError::Aborted(why))
    }
}

/// Names the file in an error of opening it.
fn at_path(error: StoreError, path: &Path) -> StoreError {
    let name = |why: &str| format!("database {}: {why}", path.display());
    match error {
        StoreError::Aborted(why) => StoreError::Aborted(name(&why)),
        StoreError::Corrupt(why) => StoreError::Corrupt(name(&why)),
        other @ (StoreError::MaybeApplied(_) | StoreError::Fenced(_)) => other,
    }
}

impl Inner {
    async fn commit(&self, batches: &[Batch]) -> Result<(), StoreError> {
        let mut transaction = self.writer.begin().await?;
        let outcome = commit::apply(transaction.connection(), batches, &self.catalogue).await;
        transaction.end(outcome).await
    }

    async fn load(&self, organisation: OrganisationId) -> Result<Option<Loaded>, StoreError> {
        // Whoever loads wants to decide on it: a commit that is under way must be seen, or else be over.
        let pause = self.writer.pause().await;
        let mut snapshot = self.readers.begin().await.map_err(aborted)?;
        let head = load::head(&mut snapshot, organisation).await?;
        drop(pause);
        match head {
            Some(head) => load::body(&mut snapshot, head, &self.catalogue).await.map(Some),
            None => Ok(None),
        }
    }

    async fn create(
        &self,
        settings: &Settings,
        author: Option<&Author>,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.writer.begin().await?;
        let outcome = create::organisation(transaction.connection(), settings, author).await;
        transaction.end(outcome).await
    }

    async fn record_life(&self, run: Run) -> Result<(), StoreError> {
        let mut transaction = self.writer.begin().await?;
        let query = sqlx::query(
            "INSERT INTO life (id, at, since) VALUES (1, ?, ?) ON CONFLICT (id) DO UPDATE SET \
             at = max(at, excluded.at), since = max(since, excluded.since)",
        );
        let query = query.bind(millis(run.last)).bind(millis(run.since));
        let outcome = query.execute(transaction.connection()).await;
        transaction.end(outcome.map(|_| ()).map_err(aborted)).await
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
        self.inner.create(settings, author).await
    }

    async fn organisations(&self) -> Result<Vec<OrganisationEntry>, StoreError> {
        report::organisations(&self.inner.readers).await
    }

    async fn load(&self, organisation: OrganisationId) -> Result<Option<Loaded>, StoreError> {
        self.inner.load(organisation).await
    }

    /// Runs to its end even if whoever waits for it goes away: what is being committed must not be
    /// decided by a time-out elsewhere.
    async fn commit(&self, batches: &[Batch]) -> Result<(), StoreError> {
        let (inner, batches) = (self.inner.clone(), batches.to_vec());
        let task = tokio::spawn(async move { inner.commit(&batches).await });
        task.await.unwrap_or_else(|error| Err(StoreError::MaybeApplied(error.to_string())))
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
        page: Page,
    ) -> Result<Vec<Stored<UserRecord>>, StoreError> {
        report::users_page(&self.inner.readers, organisation, page, &self.inner.catalogue).await
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
