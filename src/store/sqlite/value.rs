//! How values stand in the tables of SQLite; most of it is as everywhere.

use super::StoreError;
use super::error::aborted;
pub(super) use crate::store::value::*;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

impl ToSql for SessionText {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(&self.0)))
    }
}

impl Columns for SqliteRow {
    fn optional_text(&self, column: &str) -> Result<Option<&str>, StoreError> {
        self.try_get(column).map_err(aborted)
    }

    fn optional_integer(&self, column: &str) -> Result<Option<i64>, StoreError> {
        self.try_get(column).map_err(aborted)
    }

    fn blob(&self, column: &str) -> Result<&[u8], StoreError> {
        self.try_get(column).map_err(aborted)
    }
}

impl Columns for rusqlite::Row<'_> {
    fn optional_text(&self, column: &str) -> Result<Option<&str>, StoreError> {
        let value = self.get_ref(column).map_err(aborted)?;
        value.as_str_or_null().map_err(|_| corrupt("a text in column", column))
    }

    fn optional_integer(&self, column: &str) -> Result<Option<i64>, StoreError> {
        self.get(column).map_err(aborted)
    }

    fn blob(&self, column: &str) -> Result<&[u8], StoreError> {
        let value = self.get_ref(column).map_err(aborted)?;
        value.as_blob().map_err(|_| corrupt("a blob in column", column))
    }
}
