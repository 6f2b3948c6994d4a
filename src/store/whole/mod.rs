//! Whole databases: one taken over into another, and held against the invariants.
//!
//! A row is carried over as it stands, with its key, so that whatever refers to it still does. The tables and
//! their columns are those that SQLite says its schema has: those of PostgreSQL have the same names.
//!
//! The invariants are written down once, for SQLite (`sqlite::check`): a database of a server is held against
//! them in a copy of one instant, in a file that goes when it was looked at.

mod scratch;
pub(super) mod shape;

use super::StoreError;
use super::open::is_postgres;
use super::postgres::whole as server;
use super::sqlite::check::{self, Finding, Summary};
use super::sqlite::transfer;
use super::sqlite::whole as file;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::OrganisationId;
use scratch::Scratch;
use std::io::Write;

/// Rows that are carried over at once.
pub(super) const CHUNK_ROWS: usize = 2_000;

/// What became of taking a database over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakenOver {
    /// Rows of all tables.
    pub rows: u64,
    /// What was verified of it, on both sides alike.
    pub summary: Summary,
}

/// Takes everything that the file `from` has over into the database `to`, in one transaction, and verifies
/// both sides. The file is locked meanwhile, as a running broker would lock it; nothing of it is changed.
///
/// # Errors
/// [`StoreError::Aborted`] if the file is in use, or the other database is not empty or has a node;
/// [`StoreError::Corrupt`] if the file breaks an invariant, or both sides do not come to the same; and
/// whatever keeps one of them from being read or written. What was not verified is not kept.
pub async fn take_over(
    from: &str,
    to: &str,
    catalogue: &Catalogue,
    sink: &mut dyn FnMut(&Finding),
) -> Result<TakenOver, StoreError> {
    let mut source = file::Source::lock(from).await?;
    let before = check::check(from, catalogue, sink).await?;
    if before.broken > 0 {
        return Err(StoreError::Corrupt(format!("{} of its records are broken", before.broken)));
    }
    let rows = server::fill(to, &mut source).await?;
    let after = check(to, catalogue, sink).await?;
    if after != before {
        let what = format!("{rows} rows came over, and come to {after:?}, not {before:?}");
        return Err(StoreError::Corrupt(what));
    }
    Ok(TakenOver { rows, summary: after })
}

/// Verifies whichever database a URL names; each finding goes to `sink` as it is made.
///
/// # Errors
/// If there is no such database, it is of another version, or it cannot be read; or there is no room for a
/// copy of it.
pub async fn check(
    url: &str,
    catalogue: &Catalogue,
    sink: &mut dyn FnMut(&Finding),
) -> Result<Summary, StoreError> {
    if !is_postgres(url) {
        return check::check(url, catalogue, sink).await;
    }
    let copy = copy(url).await?;
    check::check(&copy.url(), catalogue, sink).await
}

/// Writes an organisation of whichever database a URL names. How many rows there were.
///
/// # Errors
/// See [`transfer::export`], and [`check`].
pub async fn export(
    url: &str,
    organisation: OrganisationId,
    out: &mut dyn Write,
) -> Result<u64, StoreError> {
    if !is_postgres(url) {
        return transfer::export(url, organisation, out).await;
    }
    let copy = copy(url).await?;
    transfer::export(&copy.url(), organisation, out).await
}

/// A database of a server as it stands at one instant, in a file of its own.
async fn copy(url: &str) -> Result<Scratch, StoreError> {
    let scratch = Scratch::new()?;
    let mut target = file::Target::create(&scratch.url()).await?;
    server::copy(url, &mut target).await?;
    target.finish().await?;
    Ok(scratch)
}
