//! Opens a database and brings its schema up to date.

use super::StoreError;
use super::connections::Connections;
use super::error::migration;
use super::location::Location;
use super::statement::Statement;

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
    // Within a transaction, for a pooler would leave a session's lock with a server process of its own; and
    // of another connection, for each migration is a transaction as well.
    let turn = connections.transaction().await?;
    judge(&turn.rows(&Statement::new(ENVIRONMENT)).await?)?;
    turn.execute(&Statement::new("SET LOCAL lock_timeout = '60s'")).await?;
    turn.rows(&Statement::new("SELECT pg_advisory_xact_lock($1)").bind(MIGRATING)).await?;
    let mut connection = connections.writer().await?;
    migrations::migrations::runner().run_async(&mut **connection).await.map_err(migration)?;
    turn.commit().await?;
    Ok(connections)
}

const ENVIRONMENT: &str = "SELECT current_setting('server_encoding') AS encoding, \
    current_setting('server_version_num')::bigint AS version, pg_is_in_recovery() AS is_standby";

/// The oldest version that the statements of this store are tested with.
const VERSION_MIN: i64 = 150_000;

fn judge(rows: &[tokio_postgres::Row]) -> Result<(), StoreError> {
    use super::value::Reader;
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
