//! How large the store is, and how far behind what commits left for later.

use super::super::{Extent, StoreError};
use super::preflight::beside;
use super::runs;
use crate::thread_priority;
use sqlx::sqlite::SqlitePool;
use std::io::ErrorKind;
use std::path::Path;

pub(super) async fn read(path: &Path, readers: &SqlitePool) -> Result<Extent, StoreError> {
    let path = path.to_owned();
    // A disk that hangs must not hang a thread that serves.
    let sizes = thread_priority::blocking(move || {
        Ok([("database", size(&path)?), ("journal", size(&beside(&path, "-wal"))?)])
    });
    let aborted = |error: std::io::Error| StoreError::Aborted(error.to_string());
    let files = sizes.await.map_err(std::io::Error::other).flatten().map_err(aborted)?;
    Ok(Extent { files: files.into(), runs_behind: runs::behind(readers).await? })
}

fn size(file: &Path) -> std::io::Result<u64> {
    match file.metadata() {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}
