//! Where the database is, and that nobody else has it.

use super::preflight::beside;
use super::{BUSY_TIMEOUT, StoreError};
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The owner reads and writes, nobody else does anything.
const PRIVATE: u32 = 0o600;

/// Between two looks whether a lock is free.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Kept for as long as the database is open; the operating system frees the lock when the process ends,
/// however it ends.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held, never read")] File);

/// The file that `sqlite://path`, `sqlite:path` or a plain path names, free of symbolic links, so that
/// two names of one database meet in one lock.
pub(super) fn resolve(url_or_path: &str) -> Result<PathBuf, StoreError> {
    let is_url = url_or_path.starts_with("sqlite:");
    let rest = url_or_path.strip_prefix("sqlite:").unwrap_or(url_or_path);
    let path = rest.strip_prefix("//").filter(|_| is_url).unwrap_or(rest);
    let refuse = |why: &str| Err(StoreError::Aborted(format!("database `{url_or_path}`: {why}")));
    if path.is_empty() || path == ":memory:" {
        return refuse("a file is needed: a database in memory survives nothing");
    }
    if is_url && path.contains('?') {
        return refuse("options after `?` are not supported");
    }
    if !is_url && path.contains("://") {
        return refuse("the scheme is not `sqlite`");
    }
    canonical(Path::new(path)).or_else(|error| refuse(&error.to_string()))
}

fn canonical(path: &Path) -> std::io::Result<PathBuf> {
    if path.exists() {
        return path.canonicalize();
    }
    let name = path.file_name().ok_or(std::io::ErrorKind::InvalidFilename)?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    Ok(directory.unwrap_or(Path::new(".")).canonicalize()?.join(name))
}

/// Takes `<database>.lock`: two brokers on one database would grant every licence twice. A broker that is
/// about to end may still hold it: its successor waits for [`BUSY_TIMEOUT`] at most.
pub(super) async fn lock(database: &Path) -> Result<Lock, StoreError> {
    let free = async {
        loop {
            match try_lock(database)? {
                Some(lock) => return Ok(lock),
                None => tokio::time::sleep(LOCK_PAUSE).await,
            }
        }
    };
    let locked = tokio::time::timeout(BUSY_TIMEOUT, free).await;
    locked.unwrap_or_else(|_| {
        Err(refusal(&lock_file(database), &"another broker has this database open"))
    })
}

/// The lock, or `None` while somebody else has it.
pub(super) fn try_lock(database: &Path) -> Result<Option<Lock>, StoreError> {
    let path = lock_file(database);
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(PRIVATE);
    let file = options.open(&path).map_err(|error| {
        refusal(&path, &format!("{error}; this user must be able to make files there"))
    })?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(refusal(&path, &error)),
    }
}

fn lock_file(database: &Path) -> PathBuf {
    beside(database, ".lock")
}

fn refusal(path: &Path, why: &dyn std::fmt::Display) -> StoreError {
    StoreError::Aborted(format!("cannot lock {}: {why}", path.display()))
}

/// Makes an empty file for SQLite to fill: it holds password hashes and the secrets of second factors.
/// SQLite gives the files beside it the same mode.
pub(super) fn make_private(database: &Path) -> Result<(), StoreError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(database);
    made.map(drop).map_err(|error| StoreError::Refused(format!("{}: {error}", database.display())))
}

/// The mode of a database that is there is its operator's; where others can read it, the log says so.
pub(super) fn warn_if_others_read(database: &Path) {
    let Ok(metadata) = database.metadata() else { return };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let mode = format!("{mode:04o}");
        tracing::warn!(file = %database.display(), mode, "others than the owner can open the database");
    }
}
