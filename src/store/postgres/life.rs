//! When the broker ran, and how large its database is.

use super::connections::Connections;
use super::statement::Statement;
use super::value::{Reader, millis};
use super::{Extent, Run, StoreError};

pub(super) async fn record(connections: &Connections, run: Run) -> Result<(), StoreError> {
    const RECORD: &str = "INSERT INTO life (id, at, since) VALUES (1, $1, $2) \
        ON CONFLICT (id) DO UPDATE SET at = greatest(life.at, excluded.at), \
        since = greatest(life.since, excluded.since)";
    let transaction = connections.transaction().await?;
    let record = Statement::new(RECORD).bind(millis(run.last)).bind(millis(run.since));
    transaction.execute(&record).await?;
    transaction.commit().await
}

pub(super) async fn last_run(connections: &Connections) -> Result<Option<Run>, StoreError> {
    const LAST: &str = "SELECT max(at) AS at, max(since) AS since FROM \
        (SELECT at, since FROM life UNION ALL SELECT last_at, 0 FROM organisations) AS known \
        HAVING count(*) > 0";
    let row = connections.one(&Statement::new(LAST)).await?;
    let run = |row| {
        let row = Reader(&row);
        Ok(Run { since: row.instant("since")?, last: row.instant("at")? })
    };
    row.map(run).transpose()
}

/// The files are the server's; how much they hold of this database is what is known here.
pub(super) async fn extent(connections: &Connections) -> Result<Extent, StoreError> {
    const SIZE: &str = "SELECT pg_database_size(current_database()) AS bytes";
    let row = connections.one(&Statement::new(SIZE)).await?;
    let bytes = row.map(|row| Reader(&row).counter("bytes")).transpose()?;
    Ok(Extent { files: vec![("database", bytes.unwrap_or(0))], runs_behind: 0 })
}
