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

/// A row among many and the names of its columns: asked for a value by its name, SQLite would be asked
/// for the names of all before it, each time.
pub(super) struct Named<'r> {
    pub(super) row: &'r rusqlite::Row<'r>,
    pub(super) names: &'r [String],
}

impl Named<'_> {
    fn value(&self, column: &str) -> Result<ValueRef<'_>, StoreError> {
        let place = self.names.iter().position(|name| name == column);
        let place = place.ok_or_else(|| corrupt("no column", column))?;
        self.row.get_ref(place).map_err(aborted)
    }
}

impl Columns for Named<'_> {
    fn optional_text(&self, column: &str) -> Result<Option<&str>, StoreError> {
        self.value(column)?.as_str_or_null().map_err(|_| corrupt("a text in column", column))
    }

    fn optional_integer(&self, column: &str) -> Result<Option<i64>, StoreError> {
        self.value(column)?.as_i64_or_null().map_err(|_| corrupt("an integer in column", column))
    }

    fn blob(&self, column: &str) -> Result<&[u8], StoreError> {
        self.value(column)?.as_blob().map_err(|_| corrupt("a blob in column", column))
    }
}
