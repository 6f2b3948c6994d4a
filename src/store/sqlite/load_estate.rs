//! Reads what an organisation has beside its sessions; the other half of `load`.

use super::StoreError;
use super::error::aborted;
use super::load::{Head, Loading};
use super::value::{self, Reader, millis};
use crate::domain::activity::{Lapsed, StoredLapse};
use crate::domain::base::{BaseUnit, REASSIGN_PERIOD};
use crate::domain::ids::{LicenceId, LicenceSet};
use crate::domain::interval::{PastChange, PastChangeKind, interval_of};
use crate::domain::moment::start_of_day;
use crate::domain::pool::Totals;
use crate::domain::reason::UsageType;
use crate::domain::resume::month_under_way;
use crate::domain::wallboards::Wallboard;
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use std::collections::HashMap;

/// Every change of what was bought, oldest first.
pub(super) struct TotalsLog(Vec<(LicenceId, DateTime<Utc>, Totals)>);

impl TotalsLog {
    /// The highest totals in force from `start` on; those in force when it came included. A change of
    /// that very instant was decided after the month was begun.
    pub(super) fn highest_in(&self, start: DateTime<Utc>) -> Vec<(LicenceId, Totals)> {
        let mut highest: HashMap<LicenceId, Totals> = HashMap::new();
        for (licence, at, totals) in &self.0 {
            let before = highest.get(licence).copied().unwrap_or_default();
            let now = if *at < start { *totals } else { before.highest(*totals) };
            highest.insert(*licence, now);
        }
        highest.into_iter().collect()
    }

    /// The changes from `start` on, each with what was bought before.
    fn changes_since(&self, start: DateTime<Utc>) -> Vec<PastChange> {
        let mut current: HashMap<LicenceId, Totals> = HashMap::new();
        let mut changes = Vec::new();
        for (licence, at, totals) in &self.0 {
            let before = current.insert(*licence, *totals).unwrap_or_default();
            if *at >= start {
                let change = PastChangeKind::Totals(before);
                changes.push(PastChange { at: *at, licence: *licence, change });
            }
        }
        changes
    }
}

impl Loading<'_> {
    /// The month that was under way when the last record was made, and when it was begun.
    pub(super) async fn month(
        &mut self,
        head: &Head,
    ) -> Result<(NaiveDate, DateTime<Utc>), StoreError> {
        if let Some(kept) = head.month {
            return Ok(kept);
        }
        let rows = self
            .rows("SELECT month FROM bill_lines WHERE organisation = ? ORDER BY month DESC LIMIT 1")
            .await?;
        let closed = rows.first().map(|row| Reader(row).word("month", value::month)).transpose()?;
        let zone = head.settings.time_zone;
        let month = month_under_way(head.last_at, zone, closed);
        Ok((month, start_of_day(month, zone)))
    }

    /// What is bought, and prices. Of types that the catalogue has lost they are in force for nobody.
    pub(super) async fn totals(
        &mut self,
    ) -> Result<(Vec<(LicenceId, Totals)>, Vec<(LicenceId, Decimal)>), StoreError> {
        let rows = self
            .rows(
                "SELECT licence, base, concurrent, contingency, fixed, unit_price FROM totals \
                 WHERE organisation = ?",
            )
            .await?;
        let totals = self.by_known_licence(&rows, totals)?;
        let prices = self.by_known_licence(&rows, |row| {
            row.optional_word("unit_price", |text| text.parse::<Decimal>().ok())
        })?;
        let prices = prices.into_iter().filter_map(|(licence, price)| Some((licence, price?)));
        Ok((totals, prices.collect()))
    }

    pub(super) async fn totals_log(&mut self) -> Result<TotalsLog, StoreError> {
        let rows = self
            .rows(
                "SELECT licence, at, base, concurrent, contingency, fixed FROM totals_log \
                 WHERE organisation = ? ORDER BY id",
            )
            .await?;
        let known = self.by_known_licence(&rows, |row| Ok((row.instant("at")?, totals(row)?)))?;
        let flat = known.into_iter().map(|(licence, (at, totals))| (licence, at, totals));
        Ok(TotalsLog(flat.collect()))
    }

    /// Units that were still used when the last record was made.
    pub(super) async fn base_units(
        &mut self,
        last_at: DateTime<Utc>,
    ) -> Result<Vec<BaseUnit>, StoreError> {
        let query = sqlx::query(
            "SELECT unit, licence, user, is_gone, assigned_at, is_reassigned, released_at \
             FROM base_units \
             WHERE organisation = ? AND (released_at IS NULL OR assigned_at > ?) ORDER BY unit",
        );
        let query = query.bind(self.key).bind(millis(last_at - REASSIGN_PERIOD));
        let rows = query.fetch_all(&mut *self.connection).await.map_err(aborted)?;
        let unit = |licence, row: Reader<'_>| {
            Ok(BaseUnit {
                unit: row.counter("unit")?,
                licence,
                user: row.shared_text("user")?,
                is_gone: row.integer("is_gone")? != 0,
                assigned_at: row.instant("assigned_at")?,
                is_reassigned: row.integer("is_reassigned")? != 0,
                released_at: row.optional_instant("released_at")?,
            })
        };
        let known = rows.iter().map(Reader).filter_map(|row| {
            let licence = row.text("licence").map(|key| self.catalogue.find(key)).transpose()?;
            Some(licence.and_then(|licence| unit(licence, row)))
        });
        known.collect()
    }

    pub(super) async fn lapses(
        &mut self,
        month: NaiveDate,
    ) -> Result<Vec<StoredLapse>, StoreError> {
        let query = sqlx::query(
            "SELECT licence, user, is_gone FROM lapses WHERE organisation = ? AND month = ?",
        );
        let query = query.bind(self.key).bind(value::month_text(month));
        let rows = query.fetch_all(&mut *self.connection).await.map_err(aborted)?;
        let mut lapses = Vec::with_capacity(rows.len());
        for row in rows.iter().map(Reader) {
            let key = row.text("licence")?;
            let licences: LicenceSet = self.catalogue.find(key).into_iter().collect();
            let is_gone = row.integer("is_gone")? != 0;
            lapses.push(StoredLapse {
                user: (!is_gone).then(|| row.shared_text("user")).transpose()?,
                lapsed: Lapsed { licences, at_all: key.is_empty() },
            });
        }
        Ok(lapses)
    }

    pub(super) async fn wallboards(&mut self) -> Result<Vec<Wallboard>, StoreError> {
        let rows = self
            .rows("SELECT id, name, user, created_at FROM wallboards WHERE organisation = ?")
            .await?;
        let wallboard = |row: Reader<'_>| {
            Ok(Wallboard {
                id: row.shared_text("id")?,
                name: row.shared_text("name")?,
                user: row.optional_text("user")?.map(Into::into),
                created_at: row.instant("created_at")?,
            })
        };
        rows.iter().map(|row| wallboard(Reader(row))).collect()
    }

    /// What changed the figures since the interval of the last record began; nothing if that has its
    /// records already.
    pub(super) async fn since_interval(
        &mut self,
        head: &Head,
        bought: &TotalsLog,
    ) -> Result<Vec<PastChange>, StoreError> {
        let start = interval_of(head.last_at);
        if head.intervals_until > start {
            return Ok(Vec::new());
        }
        let query = sqlx::query(
            "SELECT at, usage_type, licence, user FROM usage INDEXED BY usage_at \
             WHERE organisation = ? AND at >= ? ORDER BY at, id",
        );
        let query = query.bind(self.key).bind(millis(start));
        let rows = query.fetch_all(&mut *self.connection).await.map_err(aborted)?;
        let mut changes = self.by_known_licence(&rows, |row| {
            let user = row.shared_text("user")?;
            let change = match row.word("usage_type", UsageType::from_word)? {
                UsageType::Acquired => PastChangeKind::Acquired(user),
                UsageType::Released => PastChangeKind::Released(user),
            };
            Ok((row.instant("at")?, change))
        })?;
        let mut past: Vec<PastChange> = changes
            .drain(..)
            .map(|(licence, (at, change))| PastChange { at, licence, change })
            .collect();
        past.extend(bought.changes_since(start));
        past.sort_by_key(|change| change.at);
        Ok(past)
    }
}

pub(super) fn totals(row: Reader<'_>) -> Result<Totals, StoreError> {
    Ok(Totals {
        base: row.count("base")?,
        concurrent: row.count("concurrent")?,
        contingency: row.count("contingency")?,
        fixed: row.count("fixed")?,
    })
}
