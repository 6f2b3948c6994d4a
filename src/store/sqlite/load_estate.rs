//! Reads what an organisation has beside its sessions; the other half of `load`.

use super::StoreError;
use super::load::{Head, Lent, Loading, known};
use super::value::{self, Columns, Reader, millis};
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

type Bought = Vec<(LicenceId, Totals)>;
type Prices = Vec<(LicenceId, Decimal)>;

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
    pub(super) fn month(&self, head: &Head) -> Result<(NaiveDate, DateTime<Utc>), StoreError> {
        if let Some(kept) = head.month {
            return Ok(kept);
        }
        let text =
            "SELECT month FROM bill_lines WHERE organisation = ? ORDER BY month DESC LIMIT 1";
        let closed = self.rows(text, |row| row.word("month", value::month))?.first().copied();
        let zone = head.settings.time_zone;
        let month = month_under_way(head.last_at, zone, closed);
        Ok((month, start_of_day(month, zone)))
    }

    /// What is bought, and prices. Of types that the catalogue has lost they are in force for nobody.
    pub(super) fn totals(&self) -> Result<(Bought, Prices), StoreError> {
        const BOUGHT: &str = "SELECT licence, base, concurrent, contingency, fixed, unit_price \
            FROM totals WHERE organisation = ?";
        let price = |row: Lent<'_>| row.optional_word("unit_price", |text| text.parse().ok());
        let both = |row: Lent<'_>| Ok((totals(row)?, price(row)?));
        let known = known(self.rows(BOUGHT, |row| self.if_known(row, both)))?;
        let prices = known.iter().filter_map(|(licence, (_, price))| Some((*licence, (*price)?)));
        let prices = prices.collect();
        Ok((known.into_iter().map(|(licence, (totals, _))| (licence, totals)).collect(), prices))
    }

    pub(super) fn totals_log(&self) -> Result<TotalsLog, StoreError> {
        const LOG: &str = "SELECT licence, at, base, concurrent, contingency, fixed \
            FROM totals_log WHERE organisation = ? ORDER BY id";
        let change = |row: Lent<'_>| Ok((row.instant("at")?, totals(row)?));
        let known = known(self.rows(LOG, |row| self.if_known(row, change)))?;
        let flat = known.into_iter().map(|(licence, (at, totals))| (licence, at, totals));
        Ok(TotalsLog(flat.collect()))
    }

    /// Units that were still used when the last record was made.
    pub(super) fn base_units(&self, last_at: DateTime<Utc>) -> Result<Vec<BaseUnit>, StoreError> {
        const USED: &str = "SELECT unit, licence, user, is_gone, assigned_at, is_reassigned, \
            released_at FROM base_units \
            WHERE organisation = ? AND (released_at IS NULL OR assigned_at > ?) ORDER BY unit";
        let unit = |row: Lent<'_>| {
            Ok(BaseUnit {
                unit: row.counter("unit")?,
                licence: row.licence("licence", self.catalogue)?,
                user: row.shared_text("user")?,
                is_gone: row.integer("is_gone")? != 0,
                assigned_at: row.instant("assigned_at")?,
                is_reassigned: row.integer("is_reassigned")? != 0,
                released_at: row.optional_instant("released_at")?,
            })
        };
        let since = millis(last_at - REASSIGN_PERIOD);
        let units = known(self.rows_with(USED, since, |row| self.if_known(row, unit)))?;
        Ok(units.into_iter().map(|(_, unit)| unit).collect())
    }

    pub(super) fn lapses(&self, month: NaiveDate) -> Result<Vec<StoredLapse>, StoreError> {
        const LAPSED: &str =
            "SELECT licence, user, is_gone FROM lapses WHERE organisation = ? AND month = ?";
        self.rows_with(LAPSED, value::month_text(month), |row| {
            let key = row.text("licence")?;
            let licences: LicenceSet = self.catalogue.find(key).into_iter().collect();
            let is_gone = row.integer("is_gone")? != 0;
            Ok(StoredLapse {
                user: (!is_gone).then(|| row.shared_text("user")).transpose()?,
                lapsed: Lapsed { licences, at_all: key.is_empty() },
            })
        })
    }

    pub(super) fn wallboards(&self) -> Result<Vec<Wallboard>, StoreError> {
        let text = "SELECT id, name, user, created_at FROM wallboards WHERE organisation = ?";
        self.rows(text, |row| {
            Ok(Wallboard {
                id: row.shared_text("id")?,
                name: row.shared_text("name")?,
                user: row.optional_text("user")?.map(Into::into),
                created_at: row.instant("created_at")?,
            })
        })
    }

    /// What changed the figures since the interval of the last record began; nothing if that has its
    /// records already.
    pub(super) fn since_interval(
        &self,
        head: &Head,
        bought: &TotalsLog,
    ) -> Result<Vec<PastChange>, StoreError> {
        const LOG: &str = "SELECT at, usage_type, licence, user FROM usage INDEXED BY usage_at \
            WHERE organisation = ? AND at >= ? ORDER BY at, id";
        let start = interval_of(head.last_at);
        if head.intervals_until > start {
            return Ok(Vec::new());
        }
        let changed = |row: Lent<'_>| {
            let user = row.shared_text("user")?;
            let change = match row.word("usage_type", UsageType::from_word)? {
                UsageType::Acquired => PastChangeKind::Acquired(user),
                UsageType::Released => PastChangeKind::Released(user),
            };
            Ok((row.instant("at")?, change))
        };
        let changes = self.rows_with(LOG, millis(start), |row| self.if_known(row, changed));
        let changes = known(changes)?;
        let mut past: Vec<PastChange> = changes
            .into_iter()
            .map(|(licence, (at, change))| PastChange { at, licence, change })
            .collect();
        past.extend(bought.changes_since(start));
        past.sort_by_key(|change| change.at);
        Ok(past)
    }
}

pub(super) fn totals<R: Columns>(row: Reader<'_, R>) -> Result<Totals, StoreError> {
    Ok(Totals {
        base: row.count("base")?,
        concurrent: row.count("concurrent")?,
        contingency: row.count("contingency")?,
        fixed: row.count("fixed")?,
    })
}
