//! What every verification knows: organisations, what was bought when, when months ended.

use super::Checking;
use crate::domain::moment::{end_of_month, month_of};
use crate::domain::pool::Totals;
use crate::domain::resume::month_under_way;
use crate::store::StoreError;
use crate::store::sqlite::error::aborted;
pub(super) use crate::store::sqlite::value::month;
use crate::store::sqlite::value::{Reader, month_under_way as kept_month};
use chrono::{DateTime, Months, NaiveDate, Utc};
use chrono_tz::Tz;
use sqlx::sqlite::SqliteRow;
use std::collections::HashMap;

const ZONES: &str = "an organisation's time zone exists";

/// An organisation, deleted or not.
pub(super) struct Organisation {
    pub(super) zone: Tz,
    pub(super) is_removed: bool,
    pub(super) last_at: DateTime<Utc>,
    /// The month under way and when it was begun, where that is kept.
    month: Option<(NaiveDate, DateTime<Utc>)>,
    /// Its logs are whole from here on.
    pub(super) whole_from: i64,
    /// Closed months that have lines, oldest first, with the instants at which they ended.
    pub(super) closed: Vec<(NaiveDate, DateTime<Utc>)>,
}

/// A change of what was bought of a type.
type Change = (i64, Totals);

/// All of it, by the keys of the organisations.
pub(super) struct Known {
    pub(super) organisations: HashMap<i64, Organisation>,
    bought: HashMap<i64, HashMap<String, Vec<Change>>>,
}

impl Known {
    pub(super) async fn read(checking: &mut Checking<'_>) -> Result<Self, StoreError> {
        let mut known = Self { organisations: HashMap::new(), bought: HashMap::new() };
        let text = "SELECT key, number, time_zone, removed_at, last_at, whole_from, \
                    month, month_began_at FROM organisations";
        for row in sqlx::query(text).fetch_all(&mut *checking.connection).await.map_err(aborted)? {
            known.add_organisation(checking, Reader(&row))?;
        }
        let text = "SELECT DISTINCT organisation, month, closed_at FROM bill_lines \
                    ORDER BY organisation, month";
        for row in sqlx::query(text).fetch_all(&mut *checking.connection).await.map_err(aborted)? {
            let row = Reader(&row);
            if let Some(one) = known.organisations.get_mut(&row.integer("organisation")?) {
                one.closed.push((row.word("month", month)?, row.instant("closed_at")?));
            }
        }
        let text = "SELECT organisation, licence, at, base, concurrent, contingency, fixed \
                    FROM totals_log ORDER BY id";
        for row in sqlx::query(text).fetch_all(&mut *checking.connection).await.map_err(aborted)? {
            let (key, licence) =
                (Reader(&row).integer("organisation")?, Reader(&row).text("licence")?);
            let of_organisation = known.bought.entry(key).or_default();
            of_organisation.entry(licence.to_owned()).or_default().push(change(&row)?);
        }
        Ok(known)
    }

    fn add_organisation(
        &mut self,
        checking: &mut Checking<'_>,
        row: Reader<'_, SqliteRow>,
    ) -> Result<(), StoreError> {
        let (key, number) = (row.integer("key")?, row.integer("number")?);
        let is_removed = row.optional_instant("removed_at")?.is_some();
        let name =
            if is_removed { format!("{number} (deleted, {key})") } else { number.to_string() };
        checking.findings.names.insert(key, name);
        let zone = row.text("time_zone")?.parse();
        if zone.is_err() {
            let what = format!("there is no time zone `{}`", row.text("time_zone")?);
            checking.findings.broken(ZONES, "organisations", Some(key), number, what);
        }
        let one = Organisation {
            zone: zone.unwrap_or(Tz::UTC),
            is_removed,
            last_at: row.instant("last_at")?,
            month: kept_month(row)?,
            whole_from: row.integer("whole_from")?,
            closed: Vec::new(),
        };
        self.organisations.insert(key, one);
        Ok(())
    }

    /// What may have been in force at an instant: what was in force when it came, and what was bought
    /// within its millisecond. At least one.
    pub(super) fn in_force(&self, organisation: i64, licence: &str, at: i64) -> InForce<'_> {
        let changes = self.changes(organisation, licence);
        let first = changes.partition_point(|(changed_at, _)| *changed_at < at);
        let last = changes.partition_point(|(changed_at, _)| *changed_at <= at);
        let before = first.checked_sub(1).map(|index| changes[index].1);
        InForce { before: before.unwrap_or_default(), changes: &changes[first..last] }
    }

    /// The least and the greatest that the highest totals of a time can be, each number by itself: a
    /// change in the millisecond in which it begins may have come before it.
    pub(super) fn highest(
        &self,
        organisation: i64,
        licence: &str,
        start: i64,
        end: i64,
    ) -> (Totals, Totals) {
        let begins = self.in_force(organisation, licence, start);
        let least = begins.changes.last().map_or(begins.before, |(_, totals)| *totals);
        let within = self.changes(organisation, licence).iter();
        let within = within.filter(|(at, _)| *at > start && *at < end);
        let (least, most) = within.fold((least, begins.before), |(least, most), (_, totals)| {
            (least.highest(*totals), most.highest(*totals))
        });
        (least, begins.changes.iter().fold(most, |most, (_, totals)| most.highest(*totals)))
    }

    fn changes(&self, organisation: i64, licence: &str) -> &[Change] {
        let of_organisation = self.bought.get(&organisation);
        of_organisation.and_then(|bought| bought.get(licence)).map_or(&[], Vec::as_slice)
    }
}

/// See [`Known::in_force`].
pub(super) struct InForce<'a> {
    before: Totals,
    changes: &'a [Change],
}

impl InForce<'_> {
    /// What was in force when the instant came.
    pub(super) fn before(&self) -> Totals {
        self.before
    }

    /// Each of them.
    pub(super) fn all(&self) -> impl Iterator<Item = Totals> {
        std::iter::once(self.before).chain(self.changes.iter().map(|(_, totals)| *totals))
    }
}

impl Organisation {
    /// The month in which `at` falls. Where months were closed, their ends count and not the calendar:
    /// the time zone may have been another.
    pub(super) fn month(&self, at: DateTime<Utc>) -> NaiveDate {
        let next = self.closed.partition_point(|(_, end)| *end <= at);
        let calendar = month_of(at, self.zone);
        let earliest = next.checked_sub(1).map(|index| self.closed[index].0 + Months::new(1));
        let latest = self.closed.get(next).map(|(month, _)| *month);
        let month = earliest.map_or(calendar, |earliest| calendar.max(earliest));
        latest.map_or(month, |latest| month.min(latest))
    }

    /// When a month ended, or will.
    pub(super) fn end(&self, month: NaiveDate) -> DateTime<Utc> {
        let closed = self.closed.iter().find(|(closed, _)| *closed == month);
        let next = self.month.filter(|(next, _)| month + Months::new(1) == *next);
        let end = closed.or(next.as_ref()).map(|(_, end)| *end);
        end.unwrap_or_else(|| end_of_month(month, self.zone))
    }

    /// When a month began.
    pub(super) fn start(&self, month: NaiveDate) -> DateTime<Utc> {
        self.end(month - Months::new(1))
    }

    /// The month that was under way when the last record was made.
    pub(super) fn month_under_way(&self) -> NaiveDate {
        let closed = self.closed.last().map(|(month, _)| *month);
        let kept = self.month.map(|(month, _)| month);
        kept.unwrap_or_else(|| month_under_way(self.last_at, self.zone, closed))
    }
}

fn change(row: &SqliteRow) -> Result<Change, StoreError> {
    let row = Reader(row);
    let totals = Totals {
        base: row.count("base")?,
        concurrent: row.count("concurrent")?,
        contingency: row.count("contingency")?,
        fixed: row.count("fixed")?,
    };
    Ok((row.integer("at")?, totals))
}
