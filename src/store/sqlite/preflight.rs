//! What stands where the database is to be, judged before anything of it is changed.
//!
//! SQLite takes an empty file for a new database, deletes a journal that has lost its database, passes
//! over a journal that it cannot read, and writes into any database that it is given. Each of those
//! would lose what was answered, or spoil what is another program's.

use super::error::aborted;
use super::wal::{self, Damage};
use super::{BUSY_TIMEOUT, MIGRATIONS, StoreError};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing: a database may be made.
    Nothing,
    /// A store of this program, of its version or an older one.
    Store,
}

/// The file beside the database whose name goes on with this.
pub(super) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(suffix);
    PathBuf::from(name)
}

/// Looks, and changes nothing. May wait for another program, and reads the journal through: for a
/// thread where waiting is allowed.
///
/// # Errors
/// [`StoreError::Corrupt`] if what there is cannot be used as it is, [`StoreError::Damaged`] if SQLite
/// finds that it is no database or a damaged one, else why it cannot be looked at.
pub(super) fn look(database: &Path) -> Result<Found, StoreError> {
    let journal = beside(database, "-wal");
    let length = match fs::metadata(database) {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        Ok(_) => return Err(StoreError::Aborted("it is no file".to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => return no_database(&journal),
        Err(error) => return Err(StoreError::Aborted(error.to_string())),
    };
    if length == 0 {
        let why = "it is empty (0 bytes): restore a backup, or remove the file to begin anew";
        return Err(StoreError::Corrupt(why.to_owned()));
    }
    judge_journal(&journal)?;
    judge_schema(database)?;
    Ok(Found::Store)
}

/// SQLite would delete a journal that has no database, and whatever was committed to it.
fn no_database(journal: &Path) -> Result<Found, StoreError> {
    match fs::metadata(journal) {
        Ok(metadata) if metadata.len() > 0 => Err(StoreError::Corrupt(format!(
            "it is not there, but its journal {} is: put the database back beside it, or remove the \
             journal to begin anew",
            journal.display()
        ))),
        Ok(_) => Ok(Found::Nothing),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Found::Nothing),
        Err(error) => Err(StoreError::Aborted(error.to_string())),
    }
}

fn judge_journal(journal: &Path) -> Result<(), StoreError> {
    let damage = wal::damage(journal).map_err(|error| {
        StoreError::Refused(format!("its journal {} cannot be read: {error}", journal.display()))
    })?;
    let place = match damage {
        None => return Ok(()),
        Some(Damage::Head) => "at its head",
        Some(Damage::Middle) => "in the middle, with commits behind that place",
    };
    Err(StoreError::Corrupt(format!(
        "its journal {} is damaged {place}: restore a backup; without the journal the database is as \
         it was before the commits in it",
        journal.display()
    )))
}

/// The versions that were applied to it are versions of this program, each as this program has it.
fn judge_schema(database: &Path) -> Result<(), StoreError> {
    let newest = MIGRATIONS.iter().map(|own| own.version).max().unwrap_or_default();
    for (version, checksum) in applied(database)? {
        if version > newest {
            return Err(StoreError::Corrupt(format!(
                "its schema is of version {version} and this program's of {newest}: a newer version of \
                 this program wrote it, or another program; nothing was changed"
            )));
        }
        let own = MIGRATIONS.iter().find(|own| own.version == version);
        if own.is_none_or(|own| *own.checksum != *checksum) {
            return Err(foreign());
        }
    }
    Ok(())
}

/// Version and checksum of what was applied; nothing of a database that has no tables yet.
fn applied(database: &Path) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
    let connection = open(database).map_err(aborted)?;
    let tables = |name: &str| {
        let count = "SELECT count(*) FROM sqlite_schema WHERE name LIKE ?";
        connection.query_row(count, [name], |row| row.get::<_, i64>(0)).map_err(aborted)
    };
    if tables("_sqlx_migrations")? == 0 {
        return if tables("%")? == 0 { Ok(Vec::new()) } else { Err(foreign()) };
    }
    let read = || {
        let text = "SELECT version, checksum FROM _sqlx_migrations ORDER BY version DESC";
        let mut statement = connection.prepare(text)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    read().map_err(aborted)
}

/// A connection that leaves the journal where it is: what is in it may be all that is right.
fn open(database: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "query_only", "ON")?;
    Ok(connection)
}

fn foreign() -> StoreError {
    let why =
        "it is a database of another program: name another with --database; nothing was changed";
    StoreError::Corrupt(why.to_owned())
}
