//! How values stand in the tables of PostgreSQL; most of it is as everywhere.

use super::StoreError;
use crate::domain::ids::SessionId;
pub(super) use crate::store::value::*;
use std::error::Error;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};

/// A whole number or a truth, whatever its width.
struct Integer(i64);

impl FromSql<'_> for Integer {
    fn from_sql(ty: &Type, raw: &[u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        if *ty == Type::BOOL {
            return bool::from_sql(ty, raw).map(|truth| Self(truth.into()));
        }
        if *ty == Type::INT4 {
            return i32::from_sql(ty, raw).map(|number| Self(number.into()));
        }
        i64::from_sql(ty, raw).map(Self)
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT8, Type::INT4, Type::BOOL].contains(ty)
    }
}

impl Columns for Row {
    fn optional_text(&self, column: &str) -> Result<Option<&str>, StoreError> {
        self.try_get(column).map_err(|error| undecodable(column, &error))
    }

    fn optional_integer(&self, column: &str) -> Result<Option<i64>, StoreError> {
        let read: Result<Option<Integer>, _> = self.try_get(column);
        let read = read.map_err(|error| undecodable(column, &error))?;
        Ok(read.map(|Integer(number)| number))
    }

    fn blob(&self, column: &str) -> Result<&[u8], StoreError> {
        self.try_get(column).map_err(|error| undecodable(column, &error))
    }
}

fn undecodable(column: &str, error: &tokio_postgres::Error) -> StoreError {
    StoreError::Corrupt(format!("column `{column}`: {error}"))
}

/// A session as it is kept: the ULID that the wire has.
pub(super) fn session_text(session: SessionId) -> String {
    SessionText::of(session).to_string()
}
