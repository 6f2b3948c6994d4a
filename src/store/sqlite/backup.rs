//! A copy of the database in one file, consistent, of a broker that may be running.

use super::error::aborted;
use super::{StoreError, snapshot};
use sqlx::sqlite::SqliteConnection;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// What was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backup {
    /// The size of the copy.
    pub bytes: u64,
}

/// The copy while it is being made; what is not finished is removed.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        // It has its final name already, or is of no use.
        let _ = fs::remove_file(&self.0);
    }
}

/// Copies the database that `url_or_path` names into `to`, a file that must not exist. The copy has
/// everything that was answered before the call; it is checked, and on disk under its name, when this
/// returns. Nobody but its owner may read it.
///
/// # Errors
/// If there is no such database, `to` exists or cannot be written, or the copy is damaged; then there
/// is no file `to`.
pub async fn backup(url_or_path: &str, to: &Path) -> Result<Backup, StoreError> {
    let path = snapshot::existing(url_or_path)?;
    refuse_existing(to)?;
    let partial = create_partial(to)?;
    let mut connection = snapshot::connect(&path).await?;
    copy(&mut connection, &partial.0).await?;
    judge(&partial.0).await?;
    let bytes = finish(&partial.0, to).map_err(|error| named(to, error))?;
    Ok(Backup { bytes })
}

async fn copy(connection: &mut SqliteConnection, to: &Path) -> Result<(), StoreError> {
    let Some(name) = to.to_str() else {
        return Err(StoreError::Aborted(format!("{}: the name is not UTF-8", to.display())));
    };
    // SQLite counts the copy as something that is written; the database itself it only reads.
    sqlx::query("PRAGMA query_only = OFF").execute(&mut *connection).await.map_err(aborted)?;
    let copy = sqlx::query("VACUUM INTO ?").bind(name.to_owned());
    copy.execute(connection).await.map_err(aborted)?;
    Ok(())
}

/// A copy that cannot be read is none.
async fn judge(copy: &Path) -> Result<(), StoreError> {
    let mut connection = snapshot::connect(copy).await?;
    let check = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut connection);
    let verdict: String = check.await.map_err(aborted)?;
    if verdict == "ok" {
        return Ok(());
    }
    Err(StoreError::Corrupt(format!("the copy is damaged: {verdict}")))
}

/// Makes the copy durable and gives it its name, unless another file has taken that meanwhile.
fn finish(partial: &Path, to: &Path) -> io::Result<u64> {
    let file = File::open(partial)?;
    file.sync_all()?;
    give_name(partial, to)?;
    File::open(directory(to))?.sync_all()?;
    Ok(file.metadata()?.len())
}

/// Unlike a renaming, a link never replaces a file; but not every file system has links.
fn give_name(partial: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(partial, to) {
        Err(_) if !fs::exists(to)? => fs::rename(partial, to),
        outcome => outcome,
    }
}

fn create_partial(to: &Path) -> Result<Partial, StoreError> {
    let Some(name) = to.file_name() else {
        return Err(StoreError::Aborted(format!("{}: this names no file", to.display())));
    };
    let name = format!(".{}.{}.partial", name.to_string_lossy(), std::process::id());
    let path = directory(to).join(name);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    file.map_err(|error| named(&path, error))?;
    Ok(Partial(path))
}

fn refuse_existing(to: &Path) -> Result<(), StoreError> {
    match fs::symlink_metadata(to) {
        Ok(_) => Err(StoreError::Aborted(format!("{}: the file exists", to.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(named(to, error)),
    }
}

fn directory(of: &Path) -> &Path {
    let parent = of.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

#[expect(clippy::needless_pass_by_value, reason = "stands in `map_err`")]
fn named(path: &Path, error: io::Error) -> StoreError {
    StoreError::Aborted(format!("{}: {error}", path.display()))
}
