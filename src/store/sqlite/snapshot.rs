//! A database as it stands at one instant, for tools beside a broker that may be running: nothing is
//! locked, nothing is written, and commits go on meanwhile.

use super::error::aborted;
use super::open::named;
use super::{MIGRATIONS, StoreError, location, reader_options};
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnection;
use std::path::{Path, PathBuf};

/// The file of a database that is there.
///
/// # Errors
/// [`StoreError::Aborted`] if there is none, or its name makes no sense.
pub(super) fn existing(url_or_path: &str) -> Result<PathBuf, StoreError> {
    let path = location::resolve(url_or_path)?;
    if path.is_file() {
        return Ok(path);
    }
    Err(named(StoreError::Aborted("there is no such file".to_owned()), &path))
}

/// A connection that only reads, to a database with the schema of this program.
pub(super) async fn connect(path: &Path) -> Result<SqliteConnection, StoreError> {
    let named = |error| named(error, path);
    let connection = reader_options(path).connect().await.map_err(aborted);
    let mut connection = connection.map_err(named)?;
    judge_schema(&mut connection).await.map_err(named)?;
    Ok(connection)
}

/// The same, within a transaction: whatever is read through it is of one instant.
pub(super) async fn begin(path: &Path) -> Result<SqliteConnection, StoreError> {
    let mut connection = connect(path).await?;
    for statement in ["BEGIN", "SELECT count(*) FROM organisations"] {
        sqlx::query(statement).execute(&mut connection).await.map_err(aborted)?;
    }
    Ok(connection)
}

/// The versions of the schema that were applied are those of this program, each as this program has it.
async fn judge_schema(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let text = "SELECT version, checksum FROM _sqlx_migrations WHERE success ORDER BY version";
    let applied: Vec<(i64, Vec<u8>)> =
        sqlx::query_as(text).fetch_all(connection).await.map_err(not_of_this_program)?;
    let own = MIGRATIONS.iter().filter(|own| own.migration_type.is_up_migration());
    let own: Vec<(i64, Vec<u8>)> = own.map(|own| (own.version, own.checksum.to_vec())).collect();
    if applied == own {
        return Ok(());
    }
    let newest = |versions: &[(i64, Vec<u8>)]| versions.last().map_or(0, |(version, _)| *version);
    Err(StoreError::Corrupt(format!(
        "its schema is of version {} and this program's of {}; `serve` brings an older one up to date",
        newest(&applied),
        newest(&own)
    )))
}

/// A database without the table of its versions, or no database at all.
#[expect(clippy::needless_pass_by_value, reason = "stands in `map_err`")]
fn not_of_this_program(error: sqlx::Error) -> StoreError {
    StoreError::Corrupt(format!("it is no store of this program: {error}"))
}
