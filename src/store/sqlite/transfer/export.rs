//! Out of a database, beside a broker that may be running.

use super::shape::{Table, tables};
use super::{Footer, Header, hexadecimal};
use crate::domain::ids::OrganisationId;
use crate::store::StoreError;
use crate::store::sqlite::error::aborted;
use crate::store::sqlite::snapshot;
use crate::store::sqlite::value::number;
use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;
use std::io::{self, Write};

/// Writes lines, and remembers what the last one needs.
struct Lines<'a> {
    out: &'a mut dyn Write,
    digest: Sha256,
    rows: u64,
}

/// Writes the organisation with this number, as it stands at one instant. How many rows there were.
///
/// # Errors
/// If there is no such database or organisation, it cannot be read, or `out` takes no more.
pub async fn export(
    url_or_path: &str,
    organisation: OrganisationId,
    out: &mut dyn Write,
) -> Result<u64, StoreError> {
    let path = snapshot::existing(url_or_path)?;
    let mut connection = snapshot::begin(&path).await?;
    let text = "SELECT key FROM organisations WHERE number = ? AND removed_at IS NULL";
    let key = sqlx::query_scalar::<_, i64>(text).bind(number(organisation));
    let key = key.fetch_optional(&mut connection).await.map_err(aborted)?;
    let key =
        key.ok_or_else(|| StoreError::Aborted(format!("there is no organisation {organisation}")))?;
    let mut lines = Lines { out, digest: Sha256::new(), rows: 0 };
    lines.json(&Header::of(organisation)).map_err(unwritten)?;
    for table in tables(&mut connection).await? {
        lines.table(&mut connection, &table, key).await?;
    }
    lines.finish().map_err(unwritten)
}

impl Lines<'_> {
    async fn table(
        &mut self,
        connection: &mut SqliteConnection,
        table: &Table,
        key: i64,
    ) -> Result<(), StoreError> {
        let query = sqlx::query_scalar::<_, String>(AssertSqlSafe(table.select())).bind(key);
        let mut rows = query.fetch(connection);
        while let Some(row) = rows.try_next().await.map_err(aborted)? {
            self.line(&row).map_err(unwritten)?;
            self.rows += 1;
        }
        Ok(())
    }

    fn json(&mut self, value: &impl serde::Serialize) -> io::Result<()> {
        let text = serde_json::to_string(value)?;
        self.line(&text)
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        for part in [text.as_bytes(), b"\n"] {
            self.digest.update(part);
            self.out.write_all(part)?;
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<u64> {
        let sha256 = hexadecimal(&std::mem::take(&mut self.digest).finalize());
        self.json(&Footer { rows: self.rows, sha256 })?;
        self.out.flush()?;
        Ok(self.rows)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "stands in `map_err`")]
fn unwritten(error: io::Error) -> StoreError {
    StoreError::Aborted(format!("the export cannot be written: {error}"))
}
