//! The months' contingency maxima, as the replay of the log gives them (SPEC §4).
//!
//! Where totals changed in the very millisecond of a grant, the log does not say which came first: then
//! the maximum is known to lie between two numbers, and anything between them is right.

use super::Checking;
use super::finding::Findings;
use super::known::{InForce, Known, month};
use super::replay::{Record, Type, TypeNumber};
use crate::domain::catalogue::Model;
use crate::store::StoreError;
use crate::store::sqlite::error::aborted;
use crate::store::sqlite::value::{Reader, millis, month_text};
use chrono::{DateTime, Months, NaiveDate};
use std::collections::{BTreeMap, HashMap};

const MAXIMA: &str = "a month's maximum is what the log comes to";

/// What the log comes to, as far as it tells.
#[derive(Clone, Copy, Debug, Default)]
struct Reached {
    least: u32,
    most: u32,
    at: i64,
    /// It is what was in use when the month began: then it may have been noted later.
    is_initial: bool,
}

/// How one organisation stands in the replay.
struct Standing {
    month: NaiveDate,
    ends_at: i64,
    reached: BTreeMap<TypeNumber, Reached>,
}

/// The maxima that are kept, and those that the replay has found so far.
pub(super) struct Maxima<'a> {
    known: &'a Known,
    /// By organisation, month and type; what the replay has met is taken out.
    kept: BTreeMap<(i64, NaiveDate, String), (u32, i64)>,
    standings: HashMap<i64, Standing>,
}

impl<'a> Maxima<'a> {
    pub(super) async fn read(
        checking: &mut Checking<'_>,
        known: &'a Known,
    ) -> Result<Self, StoreError> {
        let text = "SELECT organisation, month, licence, maximum, reached_at FROM maxima";
        let rows = sqlx::query(text).fetch_all(&mut *checking.connection).await.map_err(aborted)?;
        let mut kept = BTreeMap::new();
        for row in rows.iter().map(Reader) {
            let key = (
                row.integer("organisation")?,
                row.word("month", month)?,
                row.text("licence")?.to_owned(),
            );
            kept.insert(key, (row.count("maximum")?, row.integer("reached_at")?));
        }
        Ok(Self { known, kept, standings: HashMap::new() })
    }

    /// Time has come to `at`: months that ended by then are compared, and the next ones begin with what
    /// is in use.
    pub(super) fn turn(
        &mut self,
        organisation: i64,
        at: i64,
        types: &[Type],
        holders: impl Fn(i64, TypeNumber) -> u32,
        findings: &mut Findings<'_>,
    ) {
        let Some(known) = self.known.organisations.get(&organisation) else { return };
        self.standings.entry(organisation).or_insert_with(|| {
            let month = known.month(DateTime::from_timestamp_millis(at).unwrap_or_default());
            Standing { month, ends_at: millis(known.end(month)), reached: BTreeMap::new() }
        });
        while self.standings.get(&organisation).is_some_and(|standing| at >= standing.ends_at) {
            self.compare(organisation, types, findings);
            self.begin_month(organisation, types, &holders);
        }
    }

    fn begin_month(
        &mut self,
        organisation: i64,
        types: &[Type],
        holders: &impl Fn(i64, TypeNumber) -> u32,
    ) {
        let Some(known) = self.known.organisations.get(&organisation) else { return };
        let Some(standing) = self.standings.get_mut(&organisation) else { return };
        let at = standing.ends_at;
        let concurrent = types.iter().enumerate();
        let concurrent = concurrent.filter(|(_, of)| of.model == Some(Model::Concurrent));
        let in_use = concurrent.map(|(number, of)| {
            let totals = self.known.in_force(organisation, &of.key, at).before();
            let used = totals.split(holders(organisation, number)).contingency;
            (number, Reached { least: used, most: used, at, is_initial: true })
        });
        standing.reached = in_use.collect();
        standing.month = standing.month + Months::new(1);
        // A month that a change of the time zone closed at once never lasted.
        standing.ends_at = millis(known.end(standing.month)).max(at + 1);
    }

    /// Holds what is kept of the month that stands against what the log came to in it.
    fn compare(&mut self, organisation: i64, types: &[Type], findings: &mut Findings<'_>) {
        let Some(known) = self.known.organisations.get(&organisation) else { return };
        let Some(standing) = self.standings.get(&organisation) else { return };
        let is_whole = millis(known.start(standing.month)) >= known.whole_from;
        for (number, reached) in &standing.reached {
            let licence = &types[*number].key;
            let kept = self.kept.remove(&(organisation, standing.month, licence.to_string()));
            let difference = reached.difference(kept).filter(|_| is_whole);
            if let Some(what) = difference {
                let record = format!("{} {licence}", month_text(standing.month));
                findings.broken(MAXIMA, "maxima", Some(organisation), record, what);
            }
        }
    }

    /// Somebody became one of now `holders` holders.
    pub(super) fn raise(&mut self, record: &Record<'_>, licence: &Type, holders: u32) {
        if licence.model != Some(Model::Concurrent) {
            return;
        }
        let Some(standing) = self.standings.get_mut(&record.organisation) else { return };
        let in_force = self.known.in_force(record.organisation, &licence.key, record.at);
        let (least, most) = used(&in_force, holders);
        let reached = standing.reached.entry(record.licence).or_default();
        if most > reached.most || least > reached.least {
            let at = record.at;
            let (least, most) = (reached.least.max(least), reached.most.max(most));
            *reached = Reached { least, most, at, is_initial: false };
        }
    }

    /// Compares what is left when the log is over.
    pub(super) fn finish(
        mut self,
        types: &[Type],
        holders: impl Fn(i64, TypeNumber) -> u32,
        findings: &mut Findings<'_>,
    ) {
        let mut organisations: Vec<i64> = self.standings.keys().copied().collect();
        organisations.sort_unstable();
        for organisation in organisations {
            let Some(known) = self.known.organisations.get(&organisation) else { continue };
            let last = millis(known.start(known.month_under_way()));
            self.turn(organisation, last, types, &holders, findings);
            self.compare(organisation, types, findings);
        }
        self.never_reached(findings);
    }

    /// Maxima of months and types that the replay did not come by.
    fn never_reached(&self, findings: &mut Findings<'_>) {
        for ((organisation, month, licence), (maximum, _)) in &self.kept {
            let Some(known) = self.known.organisations.get(organisation) else { continue };
            if *maximum > 0 && millis(known.start(*month)) >= known.whole_from {
                let record = format!("{} {licence}", month_text(*month));
                let what = format!("it is {maximum}, the log comes to 0");
                findings.broken(MAXIMA, "maxima", Some(*organisation), record, what);
            }
        }
    }
}

impl Reached {
    /// What is wrong with what is kept: the maximum, and when it was reached.
    fn difference(self, kept: Option<(u32, i64)>) -> Option<String> {
        let (maximum, at) = kept.unwrap_or((0, self.at));
        let comes_to = if self.least == self.most {
            self.most.to_string()
        } else {
            format!("{} to {}", self.least, self.most)
        };
        if !(self.least..=self.most).contains(&maximum) {
            return Some(format!("it is {maximum}, the log comes to {comes_to}"));
        }
        let is_exact = self.least == self.most && maximum > 0;
        let is_then = if self.is_initial { at >= self.at } else { at == self.at };
        (is_exact && !is_then).then(|| format!("reached at {at}, by the log at {}", self.at))
    }
}

/// The least and the most contingency that so many holders may have had in use.
fn used(in_force: &InForce<'_>, holders: u32) -> (u32, u32) {
    let used = || in_force.all().map(|totals| totals.split(holders).contingency);
    (used().min().unwrap_or(0), used().max().unwrap_or(0))
}
