//! Forgets what is older than it must be kept.
//!
//! Only the logs: usage, denials, five-minute figures, the audit. Bills, maxima, what was bought and the
//! history of base licences stay. A session goes as a whole, once its last record is old enough, so that
//! what stays of the log still has a grant for each release.

use super::error::aborted;
use super::load::{self, Loading};
use super::scan::Reading;
use super::value::millis;
use super::{Inner, StoreError, runs};
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::OrganisationId;
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use rusqlite::Connection;
use std::sync::Arc;

/// An organisation, and up to when (exclusive) its records may go.
#[derive(Clone, Copy, Debug)]
struct Cut {
    key: i64,
    /// On a full hour: five-minute figures and those of their hour go together.
    at: i64,
}

/// Records of the per-user log that may go: of sessions that are over and have no later record.
const OLD_USAGE: &str = "SELECT id FROM usage u INDEXED BY usage_at \
    WHERE u.organisation = ?1 AND u.at < ?2 \
    AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.organisation = u.organisation \
    AND s.session = u.session) \
    AND NOT EXISTS (SELECT 1 FROM usage later INDEXED BY usage_session \
    WHERE later.session = u.session AND later.organisation = u.organisation AND later.at >= ?2) \
    ORDER BY u.at, u.id LIMIT ?3";

/// The other logs, each with the records that may go.
const OLD: &[(&str, &str)] = &[
    (
        "denials",
        "SELECT id FROM denials INDEXED BY denials_at WHERE organisation = ?1 AND at < ?2 \
         ORDER BY at, id LIMIT ?3",
    ),
    (
        "intervals",
        "SELECT id FROM intervals INDEXED BY intervals_start WHERE organisation = ?1 \
         AND start < ?2 ORDER BY start LIMIT ?3",
    ),
    ("audit", "SELECT id FROM audit WHERE organisation = ?1 AND at < ?2 ORDER BY id LIMIT ?3"),
];

/// Hours have no ids.
const OLD_HOURS: &str = "FROM interval_hours WHERE organisation = ?1 AND hour < ?2";

impl Inner {
    /// Forgets at most `limit` records of each log of each organisation that are from before `before`.
    pub(super) async fn prune(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        let catalogue = Arc::clone(&self.catalogue);
        let look = move |connection: &mut Connection| cuts(connection, &catalogue, before);
        let mut rows = 0;
        for cut in self.scanner.run(Reading::Page, look).await? {
            // A transaction for each: whoever waits to log in comes in between.
            let forget = move |connection: &_| forget(connection, cut, limit).map_err(aborted);
            rows += self.writer.write(forget).await? as u64;
        }
        Ok(rows)
    }
}

/// Of an organisation that was deleted everything may go that is old enough; of the others nothing of a month
/// that is not closed. Those of which nothing may go are left out, so that nobody is held up for nothing.
fn cuts(
    connection: &Connection,
    catalogue: &Catalogue,
    before: DateTime<Utc>,
) -> Result<Vec<Cut>, StoreError> {
    const ALL: &str = "SELECT key, number, removed_at IS NOT NULL AS is_removed FROM organisations";
    let all = load::rows(connection, ALL, [], |row| {
        let organisation = OrganisationId::new(row.counter("number")?);
        let is_there = row.integer("is_removed")? == 0;
        Ok((row.integer("key")?, organisation.filter(|_| is_there)))
    })?;
    let mut cuts = Vec::with_capacity(all.len());
    for (key, organisation) in all {
        let open_from = match organisation {
            Some(organisation) => open_from(connection, catalogue, organisation, key)?,
            None => None,
        };
        let at = open_from.map_or(before, |open_from| before.min(open_from));
        let cut = Cut { key, at: millis(at.duration_trunc(TimeDelta::hours(1)).unwrap_or(at)) };
        if has_old(connection, cut).map_err(aborted)? {
            cuts.push(cut);
        }
    }
    Ok(cuts)
}

/// When the month began that is under way.
fn open_from(
    connection: &Connection,
    catalogue: &Catalogue,
    organisation: OrganisationId,
    key: i64,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let Some(head) = load::head(connection, organisation)? else { return Ok(None) };
    let (_, began_at) = Loading { connection, catalogue, key }.month(&head)?;
    Ok(Some(began_at))
}

/// Whether any record may go.
fn has_old(connection: &Connection, cut: Cut) -> rusqlite::Result<bool> {
    let selects = OLD.iter().map(|(_, select)| *select).chain([OLD_USAGE]);
    for select in selects {
        if connection.prepare_cached(select)?.exists([cut.key, cut.at, 1])? {
            return Ok(true);
        }
    }
    let hours = format!("SELECT 1 {OLD_HOURS} LIMIT 1");
    connection.prepare_cached(&hours)?.exists([cut.key, cut.at])
}

/// Forgets a bounded number of records of each log. How many went in all.
fn forget(connection: &Connection, cut: Cut, limit: u32) -> rusqlite::Result<usize> {
    // First, so that nobody takes for whole what is being thinned out.
    let whole = "UPDATE organisations SET whole_from = max(whole_from, ?2) WHERE key = ?1";
    connection.prepare_cached(whole)?.execute([cut.key, cut.at])?;
    let mut rows = forget_usage(connection, cut, limit)?;
    let hours = format!(
        "DELETE FROM interval_hours WHERE (organisation, hour, licence) IN \
         (SELECT organisation, hour, licence {OLD_HOURS} LIMIT ?3)"
    );
    let logs = OLD.iter().map(|(table, old)| format!("DELETE FROM {table} WHERE id IN ({old})"));
    for statement in logs.chain([hours]) {
        let mut forget = connection.prepare_cached(&statement)?;
        rows += forget.execute([cut.key, cut.at, limit.into()])?;
    }
    Ok(rows)
}

fn forget_usage(connection: &Connection, cut: Cut, limit: u32) -> rusqlite::Result<usize> {
    let mut old = connection.prepare_cached(OLD_USAGE)?;
    let ids = old.query_map([cut.key, cut.at, limit.into()], |row| row.get(0))?;
    let ids = format!("{:?}", ids.collect::<rusqlite::Result<Vec<i64>>>()?);
    runs::forget(connection, &ids)?;
    let delete = "DELETE FROM usage WHERE id IN (SELECT value FROM json_each(?))";
    connection.prepare_cached(delete)?.execute([ids])
}
