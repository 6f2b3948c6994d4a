//! Into a database that no broker has open, in one transaction.

use super::shape::{ORGANISATIONS, Table, tables};
use super::{FORMAT, Footer, Header, VERSION, hexadecimal};
use crate::domain::ids::OrganisationId;
use crate::store::StoreError;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::error::aborted;
use crate::store::sqlite::value::number;
use crate::store::sqlite::writer::Desk;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::{BufRead, Read as _};

/// Bytes of one line; no row of an organisation comes near it.
const LINE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What was taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The number that the organisation has now.
    pub organisation: OrganisationId,
    /// How many rows it has.
    pub rows: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    table: String,
    row: Map<String, Value>,
}

impl SqliteStore {
    /// Takes in an organisation as [`super::export`] wrote it, under its own number or under `number`:
    /// all of it or nothing.
    ///
    /// # Errors
    /// [`StoreError::Aborted`] if the number is taken, or a line is not as it was written or not for
    /// this version; the message has the number of the line.
    pub async fn import(
        &self,
        number: Option<OrganisationId>,
        input: &mut dyn BufRead,
    ) -> Result<Imported, StoreError> {
        let mut reader = self.inner.readers.acquire().await.map_err(aborted)?;
        let tables = tables(&mut reader).await?;
        drop(reader);
        let mut lines = Lines { input, digest: Sha256::new(), number: 0 };
        let mut desk = Desk::open(&self.inner.path)?;
        desk.transaction(|connection| {
            let outcome = take_in(connection, tables, number, &mut lines);
            outcome.map_err(|error| lines.at_line(&error))
        })
    }
}

fn take_in(
    connection: &Connection,
    tables: Vec<Table>,
    number: Option<OrganisationId>,
    lines: &mut Lines<'_>,
) -> Result<Imported, StoreError> {
    let organisation = match number {
        Some(number) => header(lines).map(|_| number)?,
        None => header(lines)?,
    };
    refuse_taken(connection, organisation)?;
    // Rows come table by table, whatever refers to whatever.
    connection.pragma_update(None, "defer_foreign_keys", true).map_err(aborted)?;
    let mut taking = Taking::new(connection, tables, organisation);
    loop {
        let digest = lines.digest.clone();
        let line = lines.next()?.ok_or_else(|| refused("the last line is missing"))?;
        if let Ok(footer) = serde_json::from_str::<Footer>(&line) {
            let sha256 = hexadecimal(&digest.finalize());
            if (Footer { rows: taking.rows, sha256 }) != footer {
                return Err(refused("rows or checksum differ from what was written"));
            }
            break;
        }
        taking.row(&line)?;
    }
    let rows = taking.rows;
    if taking.key.is_none() || lines.next()?.is_some() {
        return Err(refused("the file does not hold one organisation"));
    }
    Ok(Imported { organisation, rows })
}

fn header(lines: &mut Lines<'_>) -> Result<OrganisationId, StoreError> {
    let line = lines.next()?.unwrap_or_default();
    let header: Header = serde_json::from_str(&line)
        .map_err(|error| refused(&format!("this is no export of an organisation: {error}")))?;
    if header.format != FORMAT || header.version != VERSION {
        let Header { format, version, .. } = header;
        let what =
            format!("format `{format}` version {version} is not `{FORMAT}` version {VERSION}");
        return Err(refused(&what));
    }
    OrganisationId::new(header.organisation)
        .ok_or_else(|| refused(&format!("{} is no number of an organisation", header.organisation)))
}

fn refuse_taken(connection: &Connection, organisation: OrganisationId) -> Result<(), StoreError> {
    let text = "SELECT 1 FROM organisations WHERE number = ? AND removed_at IS NULL";
    let taken = connection.query_row(text, [number(organisation)], |_| Ok(())).optional();
    match taken.map_err(aborted)? {
        Some(()) => Err(refused(&format!("organisation {organisation} exists"))),
        None => Ok(()),
    }
}

/// Rows being kept.
struct Taking<'a> {
    connection: &'a Connection,
    organisation: OrganisationId,
    /// By name, each with its statement.
    tables: HashMap<String, (Table, String)>,
    /// The key that the organisation got; nothing else comes before it.
    key: Option<i64>,
    rows: u64,
}

impl<'a> Taking<'a> {
    fn new(connection: &'a Connection, tables: Vec<Table>, organisation: OrganisationId) -> Self {
        let tables = tables.into_iter().map(|table| (table.name.clone(), (table.insert(), table)));
        let tables = tables.map(|(name, (insert, table))| (name, (table, insert))).collect();
        Self { connection, organisation, tables, key: None, rows: 0 }
    }

    fn row(&mut self, line: &str) -> Result<(), StoreError> {
        let row: Row = serde_json::from_str(line)
            .map_err(|error| refused(&format!("this is neither a row nor the end: {error}")))?;
        let known = self.tables.get(&row.table);
        let (table, insert) =
            known.ok_or_else(|| refused(&format!("there is no table `{}`", row.table)))?;
        judge_columns(table, &row.row)?;
        let is_organisation = table.name == ORGANISATIONS;
        let owner = match (is_organisation, self.key) {
            (true, None) => number(self.organisation),
            (false, Some(key)) => key,
            (true, Some(_)) => return Err(refused("a second organisation")),
            (false, None) => return Err(refused("the organisation itself must come first")),
        };
        let mut insert = self.connection.prepare_cached(insert).map_err(aborted)?;
        insert.execute(params![line, owner]).map_err(aborted)?;
        if is_organisation {
            self.key = Some(self.connection.last_insert_rowid());
        }
        self.rows += 1;
        Ok(())
    }
}

/// Exactly the columns that this program has: what it does not know would be lost, and what it misses
/// would be made up.
fn judge_columns(table: &Table, row: &Map<String, Value>) -> Result<(), StoreError> {
    let name = &table.name;
    let is_known = |column: &&String| table.columns.iter().any(|known| known.name == **column);
    if let Some(unknown) = row.keys().find(|column| !is_known(column)) {
        return Err(refused(&format!("table `{name}` has no column `{unknown}`")));
    }
    match table.columns.iter().find(|column| !row.contains_key(&column.name)) {
        Some(missing) => Err(refused(&format!("column `{}` of `{name}` is missing", missing.name))),
        None => Ok(()),
    }
}

/// Reads lines, and counts them.
struct Lines<'a> {
    input: &'a mut dyn BufRead,
    /// Of everything that was read.
    digest: Sha256,
    number: u64,
}

impl Lines<'_> {
    fn next(&mut self) -> Result<Option<String>, StoreError> {
        self.number += 1;
        let mut bytes = Vec::new();
        let mut bounded = (&mut *self.input).take(LINE_BYTES_MAX);
        let read = bounded.read_until(b'\n', &mut bytes);
        read.map_err(|error| refused(&format!("it cannot be read: {error}")))?;
        self.digest.update(&bytes);
        match bytes.pop() {
            None => Ok(None),
            Some(b'\n') => {
                String::from_utf8(bytes).map(Some).map_err(|_| refused("it is not UTF-8"))
            }
            Some(_) => Err(refused("it does not end, or is too long")),
        }
    }

    fn at_line(&self, error: &StoreError) -> StoreError {
        let why = match error {
            StoreError::Aborted(why)
            | StoreError::Refused(why)
            | StoreError::Damaged(why)
            | StoreError::Corrupt(why)
            | StoreError::MaybeApplied(why) => why.clone(),
            StoreError::Fenced(_) => error.to_string(),
        };
        StoreError::Aborted(format!("line {}: {why}", self.number))
    }
}

fn refused(why: &str) -> StoreError {
    StoreError::Aborted(why.to_owned())
}
