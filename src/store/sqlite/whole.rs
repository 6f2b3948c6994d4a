//! All rows of a database, table by table: read from one that is locked, written into a new one.

use super::error::aborted;
use super::open::{self, Opened};
use super::{StoreError, location, snapshot};
use crate::store::whole::shape::{Column, Kind, Row, Shape, Value};
use futures_util::TryStreamExt;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Connection as _, QueryBuilder, Row as _, Sqlite};

/// Tables that only this store has, made from others by itself, and the schema's own.
const DERIVED: &[&str] = &["usage_of_user", "usage_runs", "_sqlx_migrations", "sqlite_sequence"];

/// Values that one statement may have.
const VALUES_MAX: usize = 16_000;

/// A database that is read, and that nobody else writes meanwhile.
pub(in crate::store) struct Source {
    connection: SqliteConnection,
    /// What others refer to first.
    pub(in crate::store) shapes: Vec<Shape>,
    _lock: location::Lock,
}

impl Source {
    /// Takes the lock that a running broker has.
    pub(in crate::store) async fn lock(url_or_path: &str) -> Result<Self, StoreError> {
        let path = snapshot::existing(url_or_path)?;
        let lock = location::lock(&path).await?;
        let mut connection = snapshot::begin(&path).await?;
        let shapes = shapes(&mut connection).await?;
        Ok(Self { connection, shapes, _lock: lock })
    }

    /// Hands the rows of a table to `take`, some at a time. How many there were.
    pub(in crate::store) async fn rows(
        &mut self,
        shape: &Shape,
        chunk: usize,
        take: &mut (dyn AsyncTake + Send),
    ) -> Result<u64, StoreError> {
        let text =
            format!("SELECT {} FROM \"{}\" ORDER BY {}", shape.names(), shape.table, shape.order());
        let mut rows = sqlx::query(AssertSqlSafe(text)).fetch(&mut self.connection);
        let (mut taken, mut count) = (Vec::with_capacity(chunk), 0);
        while let Some(row) = rows.try_next().await.map_err(aborted)? {
            taken.push(values(&row, shape)?);
            count += 1;
            if taken.len() == chunk {
                take.take(shape, std::mem::take(&mut taken)).await?;
            }
        }
        if !taken.is_empty() {
            take.take(shape, taken).await?;
        }
        Ok(count)
    }

    /// The last number that each table has given, whether or not its row is still there.
    pub(in crate::store) async fn last_numbers(
        &mut self,
    ) -> Result<Vec<(String, i64)>, StoreError> {
        let query = sqlx::query_as("SELECT name, seq FROM sqlite_sequence");
        query.fetch_all(&mut self.connection).await.map_err(aborted)
    }
}

/// What takes rows over.
#[async_trait::async_trait]
pub(in crate::store) trait AsyncTake {
    /// Takes these.
    async fn take(&mut self, shape: &Shape, rows: Vec<Row>) -> Result<(), StoreError>;
}

/// A new database that is written.
pub(in crate::store) struct Target {
    connection: SqliteConnection,
    /// See [`Source::shapes`].
    pub(in crate::store) shapes: Vec<Shape>,
}

impl Target {
    /// Makes it, with the schema of this program.
    pub(in crate::store) async fn create(url: &str) -> Result<Self, StoreError> {
        let Opened { path, writer, lock } = open::open(url).await?;
        drop((writer, lock));
        let mut connection = open::bulk_connection(&path).await?;
        let shapes = shapes(&mut connection).await?;
        sqlx::query("BEGIN").execute(&mut connection).await.map_err(aborted)?;
        for shape in &shapes {
            // What the schema itself begins with.
            let text = format!("DELETE FROM \"{}\"", shape.table);
            sqlx::query(AssertSqlSafe(text)).execute(&mut connection).await.map_err(aborted)?;
        }
        Ok(Self { connection, shapes })
    }

    /// Everything is there.
    pub(in crate::store) async fn finish(mut self) -> Result<(), StoreError> {
        sqlx::query("COMMIT").execute(&mut self.connection).await.map_err(aborted)?;
        self.connection.close().await.map_err(aborted)
    }
}

#[async_trait::async_trait]
impl AsyncTake for Target {
    async fn take(&mut self, shape: &Shape, rows: Vec<Row>) -> Result<(), StoreError> {
        for rows in rows.chunks((VALUES_MAX / shape.columns.len()).max(1)) {
            let head = format!("INSERT INTO \"{}\" ({}) ", shape.table, shape.names());
            let mut insert = QueryBuilder::<Sqlite>::new(head);
            insert.push_values(rows, |mut values, row| {
                for value in row {
                    match value.clone() {
                        Value::Null => values.push_bind(None::<i64>),
                        Value::Integer(number) => values.push_bind(number),
                        Value::Text(text) => values.push_bind(text),
                        Value::Bytes(bytes) => values.push_bind(bytes),
                    };
                }
            });
            let insert = insert.build().persistent(false);
            insert.execute(&mut self.connection).await.map_err(aborted)?;
        }
        Ok(())
    }
}

/// The tables that a store of any kind has; organisations first, then sessions, for others refer to them.
async fn shapes(connection: &mut SqliteConnection) -> Result<Vec<Shape>, StoreError> {
    let text = "SELECT name FROM sqlite_schema WHERE type = 'table' \
                ORDER BY name <> 'organisations', name <> 'sessions', name";
    let names: Vec<String> =
        sqlx::query_scalar(text).fetch_all(&mut *connection).await.map_err(aborted)?;
    let mut shapes = Vec::with_capacity(names.len());
    for table in names.into_iter().filter(|name| !DERIVED.contains(&name.as_str())) {
        shapes.push(shape(connection, table).await?);
    }
    Ok(shapes)
}

async fn shape(connection: &mut SqliteConnection, table: String) -> Result<Shape, StoreError> {
    let text = "SELECT name, type, pk FROM pragma_table_info(?) ORDER BY cid";
    let query = sqlx::query_as(text).bind(table.clone());
    let rows: Vec<(String, String, i64)> = query.fetch_all(connection).await.map_err(aborted)?;
    let kind = |word: &str| match word {
        "INTEGER" => Ok(Kind::Integer),
        "TEXT" => Ok(Kind::Text),
        "BLOB" => Ok(Kind::Bytes),
        other => Err(StoreError::Corrupt(format!("a column of {table} is of type {other}"))),
    };
    let columns: Result<Vec<Column>, StoreError> = rows
        .iter()
        .map(|(name, word, _)| Ok(Column { name: name.clone(), kind: kind(word)? }))
        .collect();
    let columns = columns?;
    let mut key: Vec<_> = rows.into_iter().filter(|(_, _, place)| *place > 0).collect();
    key.sort_by_key(|(_, _, place)| *place);
    Ok(Shape { table, columns, key: key.into_iter().map(|(name, ..)| name).collect() })
}

fn values(row: &SqliteRow, shape: &Shape) -> Result<Row, StoreError> {
    let value = |(index, column): (usize, &Column)| {
        let value = match column.kind {
            Kind::Integer => row.try_get::<Option<i64>, _>(index).map(|v| v.map(Value::Integer)),
            Kind::Text => row.try_get::<Option<String>, _>(index).map(|v| v.map(Value::Text)),
            Kind::Bytes => row.try_get::<Option<Vec<u8>>, _>(index).map(|v| v.map(Value::Bytes)),
        };
        Ok(value.map_err(aborted)?.unwrap_or(Value::Null))
    };
    shape.columns.iter().enumerate().map(value).collect()
}
