//! A place for a copy that nobody else reads, and that goes with this value.

use crate::store::StoreError;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use ulid::Ulid;

/// A folder among the temporary files (`TMPDIR`).
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> Result<Self, StoreError> {
        let folder = std::env::temp_dir().join(format!("licence-broker-copy-{}", Ulid::new()));
        let made = DirBuilder::new().mode(0o700).create(&folder);
        made.map_err(|error| StoreError::Refused(format!("{}: {error}", folder.display())))?;
        Ok(Self(folder))
    }

    /// The copy's address.
    pub(super) fn url(&self) -> String {
        format!("sqlite://{}", self.0.join("copy.db").display())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(file = %self.0.display(), %error, "a copy could not be removed");
        }
    }
}
