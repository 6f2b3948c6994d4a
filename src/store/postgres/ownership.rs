//! Leases and claims (docs/adr/0014): each a transaction, judged by the database's clock.

use super::PostgresStore;
use super::StoreError;
use super::statement::Statement;
use super::transaction::Transaction;
use super::value::{Reader, number};
use crate::domain::ids::OrganisationId;
use crate::store::Run;
use crate::store::ownership::{
    CHANGE_OF_HANDS_MAX, Claim, NodeRow, NodeRun, OwnerRow, Ownership, Tenure,
};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;
use tokio_postgres::Row;

/// The database's time in milliseconds, in the middle of a transaction too.
const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// For so long a node that has gone is listed.
const LISTED_MAX: TimeDelta = TimeDelta::days(1);

fn seconds(lease: Duration) -> f64 {
    lease.as_secs_f64()
}

fn run_of<'a>(text: &str, run: &'a NodeRun) -> Statement<'a> {
    Statement::new(text.to_owned()).bind(&*run.node).bind(run.incarnation.cast_signed())
}

#[async_trait]
impl Ownership for PostgresStore {
    async fn join(
        &self,
        node: &str,
        url: &str,
        lease: Duration,
    ) -> Result<Option<(NodeRun, DateTime<Utc>)>, StoreError> {
        // How the run before was last seen is kept: what it had is claimed later.
        let text = format!(
            "INSERT INTO nodes (node, incarnation, address, since, seen_at, lease_until) \
             VALUES ($1, 1, $2, {NOW}, {NOW}, clock_timestamp() + make_interval(secs => $3)) \
             ON CONFLICT (node) DO UPDATE SET incarnation = nodes.incarnation + 1, \
             address = excluded.address, since = excluded.since, seen_before = nodes.seen_at, \
             seen_at = excluded.seen_at, lease_until = excluded.lease_until, is_over = false \
             WHERE nodes.is_over OR nodes.lease_until <= clock_timestamp() \
             RETURNING incarnation, seen_at AS at"
        );
        let joining = Statement::new(text).bind(node).bind(url).bind(seconds(lease));
        let Some(row) = self.write_one(&joining).await? else { return Ok(None) };
        let row = Reader(&row);
        let run = NodeRun { node: node.into(), incarnation: row.counter("incarnation")? };
        Ok(Some((run, row.instant("at")?)))
    }

    async fn renew(
        &self,
        run: &NodeRun,
        lease: Duration,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let text = format!(
            "UPDATE nodes SET seen_at = {NOW}, \
             lease_until = clock_timestamp() + make_interval(secs => $3) \
             WHERE node = $1 AND incarnation = $2 AND NOT is_over \
             AND lease_until > clock_timestamp() RETURNING seen_at AS at"
        );
        let renewed = self.write_one(&run_of(&text, run).bind(seconds(lease))).await?;
        renewed.map(|row| Reader(&row).instant("at")).transpose()
    }

    async fn leave(&self, run: &NodeRun) -> Result<(), StoreError> {
        let organisations = format!(
            "UPDATE organisations SET owner = NULL, incarnation = NULL, epoch = epoch + 1, \
             owned_until = {NOW}, moved = nextval('ownership_moves') \
             WHERE owner = $1 AND incarnation = $2"
        );
        const ITSELF: &str = "UPDATE nodes SET is_over = true WHERE node = $1 AND incarnation = $2";
        let transaction = self.inner.connections.transaction().await?;
        transaction.execute(&run_of(&organisations, run)).await?;
        transaction.execute(&run_of(ITSELF, run)).await?;
        transaction.commit().await
    }

    async fn claim(
        &self,
        run: &NodeRun,
        organisation: OrganisationId,
    ) -> Result<Claim, StoreError> {
        let transaction = self.inner.connections.transaction().await?;
        let claim = claim(&transaction, run, organisation).await?;
        match claim {
            Claim::Mine(_) => transaction.commit().await?,
            Claim::Elsewhere(_) | Claim::Unknown | Claim::LeaseOver => {
                transaction.roll_back().await?;
            }
        }
        Ok(claim)
    }

    async fn hand_over(
        &self,
        run: &NodeRun,
        organisation: OrganisationId,
        epoch: u64,
        to: Option<&NodeRun>,
    ) -> Result<bool, StoreError> {
        let text = format!(
            "UPDATE organisations SET owner = $5, incarnation = $6, epoch = epoch + 1, \
             owned_until = {NOW}, moved = nextval('ownership_moves') \
             WHERE owner = $1 AND incarnation = $2 AND number = $3 AND epoch = $4 \
             AND removed_at IS NULL AND ($5::text IS NULL OR EXISTS (SELECT 1 FROM nodes \
             WHERE node = $5 AND nodes.incarnation = $6 AND NOT is_over \
             AND lease_until > clock_timestamp())) RETURNING epoch"
        );
        let handing = run_of(&text, run)
            .bind(number(organisation))
            .bind(epoch.cast_signed())
            .bind(to.map(|to| &*to.node))
            .bind(to.map(|to| to.incarnation.cast_signed()));
        Ok(self.write_one(&handing).await?.is_some())
    }

    async fn owners(&self, moved: u64) -> Result<Vec<OwnerRow>, StoreError> {
        const OWNERS: &str = "SELECT number, owner, incarnation, moved, \
            removed_at IS NOT NULL AS is_removed FROM organisations \
            WHERE moved > $1 AND ($1 > 0 OR removed_at IS NULL) ORDER BY moved";
        let asked = Statement::new(OWNERS).bind(moved.cast_signed());
        let rows = self.inner.connections.rows(&asked).await?;
        rows.iter().map(|row| owner_row(Reader(row))).collect()
    }

    async fn nodes(&self) -> Result<Vec<NodeRow>, StoreError> {
        let text = format!(
            "SELECT node, incarnation, address, since, seen_at, \
             (extract(epoch FROM lease_until) * 1000)::bigint AS lease_until, \
             NOT is_over AND nodes.lease_until > clock_timestamp() AS is_live \
             FROM nodes WHERE seen_at > {NOW} - $1 ORDER BY node"
        );
        let asked = Statement::new(text).bind(LISTED_MAX.num_milliseconds());
        let rows = self.inner.connections.rows(&asked).await?;
        rows.iter().map(|row| node_row(Reader(row))).collect()
    }
}

impl PostgresStore {
    /// A statement that keeps a lease or gives something away, in a transaction of its own; the first row that
    /// it answers.
    async fn write_one(&self, statement: &Statement<'_>) -> Result<Option<Row>, StoreError> {
        let transaction = self.inner.connections.lease_transaction().await?;
        let row = transaction.one(statement).await?;
        transaction.commit().await?;
        Ok(row)
    }
}

/// An organisation as a claim finds it; nobody else changes it until the transaction is over.
struct Found {
    key: i64,
    owner: Option<NodeRun>,
    owned_since: Option<DateTime<Utc>>,
    /// When it was given back, or given to the owner that has not claimed it yet.
    owned_until: Option<DateTime<Utc>>,
    last_at: DateTime<Utc>,
}

/// First the organisation's row is locked, for which a commit that is under way is waited for; then its
/// owner's, so that a renewal which is under way counts.
async fn claim(
    transaction: &Transaction,
    run: &NodeRun,
    organisation: OrganisationId,
) -> Result<Claim, StoreError> {
    let Some(found) = find(transaction, organisation).await? else { return Ok(Claim::Unknown) };
    let mut last = found.owned_until;
    let is_mine = found.owner.as_ref() == Some(run);
    if let Some(owner) = found.owner.as_ref().filter(|_| !is_mine) {
        match standing_of(transaction, owner).await? {
            Owner::Live => return Ok(Claim::Elsewhere(owner.clone())),
            Owner::Gone { seen_at } => last = last.or(seen_at).or(Some(found.last_at)),
        }
    }
    let is_takeover = !is_mine || found.owned_until.is_some();
    take(transaction, run, &found, is_takeover, last).await
}

async fn find(
    transaction: &Transaction,
    organisation: OrganisationId,
) -> Result<Option<Found>, StoreError> {
    const FIND: &str = "SELECT key, owner, incarnation, owned_since, owned_until, last_at \
        FROM organisations WHERE number = $1 AND removed_at IS NULL FOR UPDATE";
    let asked = Statement::new(FIND).bind(number(organisation));
    let row = transaction.one(&asked).await?;
    let found = |row: Row| {
        let row = Reader(&row);
        Ok(Found {
            key: row.integer("key")?,
            owner: owner(row)?,
            owned_since: row.optional_instant("owned_since")?,
            owned_until: row.optional_instant("owned_until")?,
            last_at: row.instant("last_at")?,
        })
    };
    row.map(found).transpose()
}

enum Owner {
    Live,
    Gone { seen_at: Option<DateTime<Utc>> },
}

/// A run whose lease is over is over: from now on no renewal finds it.
async fn standing_of(transaction: &Transaction, owner: &NodeRun) -> Result<Owner, StoreError> {
    const LOOK: &str = "SELECT incarnation, seen_at, seen_before, \
        NOT is_over AND lease_until > clock_timestamp() AS is_live \
        FROM nodes WHERE node = $1 FOR UPDATE";
    const END: &str = "UPDATE nodes SET is_over = true WHERE node = $1 AND incarnation = $2";
    let asked = Statement::new(LOOK).bind(&*owner.node);
    let Some(row) = transaction.one(&asked).await? else {
        return Ok(Owner::Gone { seen_at: None });
    };
    let row = Reader(&row);
    let present = row.counter("incarnation")?;
    if present != owner.incarnation {
        let is_the_one_before = present == owner.incarnation + 1;
        let seen_at = row.optional_instant("seen_before")?.filter(|_| is_the_one_before);
        return Ok(Owner::Gone { seen_at });
    }
    if row.integer("is_live")? != 0 {
        return Ok(Owner::Live);
    }
    transaction.execute(&run_of(END, owner)).await?;
    Ok(Owner::Gone { seen_at: Some(row.instant("seen_at")?) })
}

async fn take(
    transaction: &Transaction,
    run: &NodeRun,
    found: &Found,
    is_takeover: bool,
    last: Option<DateTime<Utc>>,
) -> Result<Claim, StoreError> {
    let text = format!(
        "UPDATE organisations SET owner = $1, incarnation = $2, epoch = epoch + 1, \
         owned_until = NULL, \
         owned_since = CASE WHEN NOT $4 OR $5 > {NOW} - $6 THEN owned_since ELSE {NOW} END, \
         moved = CASE WHEN $4 THEN nextval('ownership_moves') ELSE moved END \
         WHERE key = $3 AND EXISTS (SELECT 1 FROM nodes WHERE node = $1 \
         AND nodes.incarnation = $2 AND NOT is_over AND lease_until > clock_timestamp()) \
         RETURNING epoch, {NOW} AS at"
    );
    let taking = run_of(&text, run)
        .bind(found.key)
        .bind(is_takeover)
        .bind(last.map(|last| last.timestamp_millis()))
        .bind(CHANGE_OF_HANDS_MAX.num_milliseconds());
    let Some(row) = transaction.one(&taking).await? else { return Ok(Claim::LeaseOver) };
    let row = Reader(&row);
    // Whoever claimed it was alive then, though they renewed nothing since.
    let at = row.instant("at")?;
    let last = last.unwrap_or(at);
    let last_run = found.owned_since.map(|since| Run { since, last: last.max(since) });
    Ok(Claim::Mine(Tenure { epoch: row.counter("epoch")?, is_takeover, last_run, at }))
}

fn owner(row: Reader<'_, Row>) -> Result<Option<NodeRun>, StoreError> {
    let Some(node) = row.optional_text("owner")? else { return Ok(None) };
    Ok(Some(NodeRun { node: node.into(), incarnation: row.counter("incarnation")? }))
}

fn owner_row(row: Reader<'_, Row>) -> Result<OwnerRow, StoreError> {
    Ok(OwnerRow {
        organisation: row.organisation()?,
        owner: owner(row)?,
        moved: row.counter("moved")?,
        is_removed: row.integer("is_removed")? != 0,
    })
}

fn node_row(row: Reader<'_, Row>) -> Result<NodeRow, StoreError> {
    let incarnation = row.counter("incarnation")?;
    Ok(NodeRow {
        run: NodeRun { node: row.shared_text("node")?, incarnation },
        url: row.shared_text("address")?,
        since: row.instant("since")?,
        seen_at: row.instant("seen_at")?,
        lease_until: row.instant("lease_until")?,
        is_live: row.integer("is_live")? != 0,
    })
}
