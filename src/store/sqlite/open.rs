//! Opens the database: what is there is judged first, what is missing is made as a whole.

use super::error::{aborted, migration};
use super::location::{self, Lock};
use super::preflight::{self, Found, beside};
use super::writer::Writer;
use super::{BUSY_TIMEOUT, MIGRATIONS, StoreError};
use rusqlite::OpenFlags;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Memory for pages of the database, of the writer. Logins write at the ends of tables and need next to none;
/// logouts come back to pages of hours ago, which with less than 4 MiB are read again (docs/PERFORMANCE.md).
const WRITER_CACHE_KIB: i32 = 8 * 1024;

/// Statements that the writer keeps prepared: more than there are.
const WRITER_STATEMENTS_KEPT: usize = 128;

/// Pages of the journal after which they are copied into the database. More than SQLite's own 1,000,
/// so that a page that many commits change is copied once for all of them.
const CHECKPOINT_PAGES: u32 = 4_000;

/// The journal's length from the first commit on, in bytes: with so many pages it is copied back, and begun anew.
pub(super) const JOURNAL_ROOM: u64 = 32 + CHECKPOINT_PAGES as u64 * (24 + 4_096);

/// What of the journal's file stays after a long report let it grow, in bytes.
const JOURNAL_BYTES_KEPT: u32 = 64 * 1024 * 1024;

/// A database that is open for writing, and locked against other brokers.
pub(super) struct Opened {
    pub(super) path: PathBuf,
    pub(super) writer: Writer,
    pub(super) lock: Arc<Lock>,
}

/// Opens the database that `url_or_path` names, creates it if there is none, and brings its schema up to
/// date.
///
/// # Errors
/// See [`SqliteStore::open`](super::SqliteStore::open); the message names the file.
pub(super) async fn open(url_or_path: &str) -> Result<Opened, StoreError> {
    let path = location::resolve(url_or_path)?;
    let lock = Arc::new(location::lock(&path).await?);
    match open_locked(&path, &lock).await {
        Ok(writer) => Ok(Opened { path, writer, lock }),
        Err(error) => Err(named(error, &path)),
    }
}

/// Names the file in an error of opening it.
pub(super) fn named(error: StoreError, path: &Path) -> StoreError {
    error.of(format_args!("database {}", path.display()))
}

async fn open_locked(path: &Path, lock: &Arc<Lock>) -> Result<Writer, StoreError> {
    if look(path).await? == Found::Nothing {
        create(path).await?;
    }
    location::warn_if_others_read(path);
    let mut connection = writer_options(path).connect().await.map_err(aborted)?;
    check_journal(&mut connection).await?;
    check_writable(&mut connection).await?;
    migrate(&mut connection).await?;
    settle_journal(&mut connection).await;
    // Closed only after the writer has opened its own: the journal's index lives on.
    let writer = Writer::open(path.to_owned(), Arc::clone(lock)).await?;
    connection.close().await.map_err(aborted)?;
    Ok(writer)
}

async fn look(path: &Path) -> Result<Found, StoreError> {
    let path = path.to_owned();
    let looking = tokio::task::spawn_blocking(move || preflight::look(&path));
    looking.await.unwrap_or_else(|error| Err(StoreError::Aborted(error.to_string())))
}

/// Makes the database under another name and gives it its own when it is whole: what stands under that
/// name is never a beginning that a crash cut short.
async fn create(path: &Path) -> Result<(), StoreError> {
    let unfinished = beside(path, ".new");
    for suffix in ["", "-wal", "-shm"] {
        remove(&beside(&unfinished, suffix)).map_err(|error| of_file(&unfinished, &error))?;
    }
    location::make_private(&unfinished)?;
    let options = writer_options(&unfinished);
    let mut connection = options.connect().await.map_err(aborted)?;
    check_journal(&mut connection).await?;
    migrate(&mut connection).await?;
    connection.close().await.map_err(aborted)?;
    fs::rename(&unfinished, path).map_err(|error| of_file(path, &error))?;
    let directory = path.parent().unwrap_or(Path::new("."));
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(|error| of_file(directory, &error))
}

fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn of_file(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Refused(format!("{}: {error}", path.display()))
}

pub(super) fn common_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .disable_statement_logging()
}

/// For what is done before there is a writer: making the file, and bringing its schema up to date.
fn writer_options(path: &Path) -> SqliteConnectOptions {
    common_options(path).journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full)
}

/// For a new file that is worth nothing until all of it is there, with whatever it is filled with.
pub(super) async fn bulk_connection(path: &Path) -> Result<SqliteConnection, StoreError> {
    let options = writer_options(path).synchronous(SqliteSynchronous::Off).foreign_keys(false);
    options.connect().await.map_err(aborted)
}

/// A connection that commits, to a database that is there with its schema.
pub(super) fn connect_to_write(path: &Path) -> rusqlite::Result<rusqlite::Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = rusqlite::Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    // A statement of several rows keeps the pages that it changes until it is done, so that it can be undone by
    // itself. In a temporary file that is as much writing as the journal's own, and more for a full disk to
    // refuse. In memory it is bounded by what one statement does: at most that of an organisation's removal.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "journal_size_limit", JOURNAL_BYTES_KEPT)?;
    connection.set_prepared_statement_cache_capacity(WRITER_STATEMENTS_KEPT);
    Ok(connection)
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

/// SQLite opens what it may not write, too, and says so at the first write.
async fn check_writable(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    for statement in ["BEGIN IMMEDIATE", "ROLLBACK"] {
        sqlx::query(statement).execute(&mut *connection).await.map_err(aborted)?;
    }
    Ok(())
}

/// `Migrator::run` makes a future that the compiler cannot prove to be `Send`.
async fn migrate(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    MIGRATIONS.run_direct(None, connection, false).await.map_err(migration)
}

/// Copies what a crash left in the journal into the database. Where a write to the journal had reached
/// memory and not the disk, that makes it durable before anything is built on it.
async fn settle_journal(connection: &mut SqliteConnection) {
    let copy = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)");
    if let Err(error) = copy.fetch_all(connection).await {
        tracing::warn!(%error, "what is in the journal stays there for now");
    }
}
