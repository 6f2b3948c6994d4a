//! Opens a database and brings its schema up to date.

use super::StoreError;
use super::connections::Connections;
use super::error::migration;
use super::location::Location;
use super::statement::Statement;
use super::value::Reader;
use tokio_postgres::Row;

/// The migrations, as they stand in `migrations/postgres`.
mod migrations {
    refinery::embed_migrations!("migrations/postgres");
}

/// The number of the lock that is held while the schema is brought up to date.
const MIGRATING: i64 = 0x4c42_6d69_6772;

/// Nodes that start together bring the schema up to date one after the other.
///
/// # Errors
/// Those of [`PostgresStore::open`](super::PostgresStore::open).
pub(super) async fn open(location: &Location) -> Result<Connections, StoreError> {
    let connections = Connections::new(location)?;
    judge(&connections.rows(&Statement::new(ENVIRONMENT)).await?)?;
    if applied(&connections).await?.is_some_and(|applied| applied == own()) {
        return Ok(connections);
    }
    // Within a transaction, for a pooler would leave a session's lock with a server process of its own; and
    // of another connection, for each migration is a transaction as well.
    let turn = connections.snapshot().await?;
    turn.rows(&Statement::new("SELECT pg_advisory_xact_lock($1)").bind(MIGRATING)).await?;
    let mut connection = connections.committer().await?;
    migrations::migrations::runner().run_async(&mut **connection).await.map_err(migration)?;
    turn.roll_back().await?;
    Ok(connections)
}

/// The schema is that of this program; nothing of it is changed.
///
/// # Errors
/// [`StoreError::Corrupt`] if it is another, or none.
pub(super) async fn judge_schema(connections: &Connections) -> Result<(), StoreError> {
    match applied(connections).await? {
        Some(applied) if applied == own() => Ok(()),
        Some(_) => Err(StoreError::Corrupt(
            "its schema is of another version; `serve` brings an older one up to date".to_owned(),
        )),
        None => Err(StoreError::Corrupt("it is no store of this program".to_owned())),
    }
}

/// The versions of the schema that were applied, with their checksums; `None` where there never was one.
async fn applied(connections: &Connections) -> Result<Option<Vec<(i64, String)>>, StoreError> {
    const IS_THERE: &str = "SELECT to_regclass('refinery_schema_history') IS NOT NULL AS is_there";
    const APPLIED: &str = "SELECT version::bigint AS version, checksum::text AS checksum \
        FROM refinery_schema_history ORDER BY version";
    let is_there = connections.one(&Statement::new(IS_THERE)).await?;
    let is_there = is_there.map(|row| Reader(&row).integer("is_there")).transpose()?;
    if is_there != Some(1) {
        return Ok(None);
    }
    let rows = connections.rows(&Statement::new(APPLIED)).await?;
    let version =
        |row: Reader<'_, Row>| Ok((row.integer("version")?, row.text("checksum")?.to_owned()));
    rows.iter().map(|row| version(Reader(row))).collect::<Result<_, _>>().map(Some)
}

/// Those of this program.
fn own() -> Vec<(i64, String)> {
    let runner = migrations::migrations::runner();
    let mut own: Vec<_> = runner
        .get_migrations()
        .iter()
        .map(|own| (i64::from(own.version()), own.checksum().to_string()))
        .collect();
    own.sort();
    own
}

const ENVIRONMENT: &str = "SELECT current_setting('server_encoding') AS encoding, \
    current_setting('server_version_num')::bigint AS version, pg_is_in_recovery() AS is_standby";

/// The oldest version that the statements of this store are tested with.
const VERSION_MIN: i64 = 150_000;

fn judge(rows: &[Row]) -> Result<(), StoreError> {
    for row in rows.iter().map(Reader) {
        let refuse = |why: &str| Err(StoreError::Refused(why.to_owned()));
        if row.text("encoding")? != "UTF8" {
            return refuse("its encoding is not UTF8: create it with ENCODING 'UTF8'");
        }
        if row.integer("version")? < VERSION_MIN {
            return refuse("it is older than PostgreSQL 15");
        }
        if row.integer("is_standby")? != 0 {
            return refuse("it is a standby: name the primary");
        }
    }
    Ok(())
}
