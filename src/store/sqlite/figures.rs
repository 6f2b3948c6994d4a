//! Writes what is counted: five-minute figures, the months' maxima, closed months.

use super::bulk;
use super::tables::Writing;
use super::value::{SessionText, millis, month_text};
use crate::domain::ids::LicenceId;
use crate::domain::interval::INTERVAL;
use crate::store::net_effect::Maximum;
use chrono::{DateTime, DurationRound, Months, NaiveDate, TimeDelta, Utc};
use rusqlite::params;

impl Writing<'_> {
    /// Everything that is counted.
    pub(super) fn figures(&self) -> rusqlite::Result<()> {
        self.intervals()?;
        self.interval_hours()?;
        self.intervals_until()?;
        self.maxima()?;
        self.bill_lines()?;
        self.month_under_way()
    }

    fn intervals(&self) -> rusqlite::Result<()> {
        const RECORD: &str = "INSERT INTO intervals (organisation, start, licence, concurrent, \
            contingency, concurrent_peak, concurrent_low, contingency_peak, contingency_low, \
            holders_peak) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let records = self.rows(|effect| &effect.intervals);
        self.each(RECORD, records, |insert, (key, (start, record))| {
            insert.execute(params![
                key,
                millis(*start),
                self.catalogue.key(record.licence),
                record.concurrent,
                record.contingency,
                record.concurrent_extent.peak,
                record.concurrent_extent.low,
                record.contingency_extent.peak,
                record.contingency_extent.low,
                record.holders_peak,
            ])
        })
    }

    /// An hour is added to as its intervals come, and never read to be written.
    fn interval_hours(&self) -> rusqlite::Result<()> {
        const ADD: &str = "INSERT INTO interval_hours (organisation, hour, licence, intervals, \
            concurrent_sum, contingency_sum, concurrent_peak, concurrent_low, contingency_peak, \
            contingency_low, holders_peak) VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?) \
            ON CONFLICT (organisation, hour, licence) DO UPDATE SET intervals = intervals + 1, \
            concurrent_sum = concurrent_sum + excluded.concurrent_sum, \
            contingency_sum = contingency_sum + excluded.contingency_sum, \
            concurrent_peak = max(concurrent_peak, excluded.concurrent_peak), \
            concurrent_low = min(concurrent_low, excluded.concurrent_low), \
            contingency_peak = max(contingency_peak, excluded.contingency_peak), \
            contingency_low = min(contingency_low, excluded.contingency_low), \
            holders_peak = max(holders_peak, excluded.holders_peak)";
        let records = self.rows(|effect| &effect.intervals);
        self.each(ADD, records, |add, (key, (start, record))| {
            add.execute(params![
                key,
                millis(hour_of(*start)),
                self.catalogue.key(record.licence),
                record.concurrent,
                record.contingency,
                record.concurrent_extent.peak,
                record.concurrent_extent.low,
                record.contingency_extent.peak,
                record.contingency_extent.low,
                record.holders_peak,
            ])
        })
    }

    fn intervals_until(&self) -> rusqlite::Result<()> {
        const UNTIL: &str = "UPDATE organisations SET intervals_until = ? WHERE key = ?";
        let last = self.rows(|effect| effect.intervals.last());
        self.each(UNTIL, last, |set, (key, (start, _))| {
            set.execute(params![millis(*start + INTERVAL), key])
        })
    }

    /// A month's maximum never falls; one that was not raised keeps its sessions.
    fn maxima(&self) -> rusqlite::Result<()> {
        const RAISE: &str = "INSERT INTO maxima (organisation, month, licence, maximum, \
            reached_at) VALUES (?, ?, ?, ?, ?) \
            ON CONFLICT (organisation, month, licence) DO UPDATE SET \
            maximum = excluded.maximum, reached_at = excluded.reached_at \
            WHERE excluded.maximum > maximum";
        let maxima = self.rows(|effect| &effect.maxima);
        self.each(RAISE, maxima, |raise, (key, (of, raised))| {
            let month = month_text(of.0);
            let licence = self.catalogue.key(of.1);
            let rows =
                raise.execute(params![key, month, licence, raised.maximum, millis(raised.at)])?;
            if rows > 0 {
                self.maximum_sessions(key, *of, raised)?;
            }
            Ok(rows)
        })
    }

    /// Those of the maximum before go.
    fn maximum_sessions(
        &self,
        key: i64,
        (month, licence): (NaiveDate, LicenceId),
        raised: &Maximum<'_>,
    ) -> rusqlite::Result<()> {
        const FORGET: &str =
            "DELETE FROM maximum_sessions WHERE organisation = ? AND month = ? AND licence = ?";
        const NOTE: &str = "INSERT OR REPLACE INTO maximum_sessions (organisation, month, \
            licence, session, user) VALUES (?, ?, ?, ?, ?)";
        let (month, licence) = (month_text(month), self.catalogue.key(licence));
        self.connection.prepare_cached(FORGET)?.execute(params![key, month, licence])?;
        bulk::each(self.connection, NOTE, raised.sessions.iter(), |note, (session, user)| {
            note.execute(params![key, month, licence, SessionText::of(session), user])
        })
    }

    /// What is closed stays as it was closed.
    fn bill_lines(&self) -> rusqlite::Result<()> {
        const CLOSE: &str = "INSERT OR IGNORE INTO bill_lines (organisation, month, licence, base, \
            concurrent, fixed, contingency_max, unit_price, closed_at) \
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let lines = self.rows(|effect| {
            effect.months.iter().flat_map(|month| month.lines.iter().map(move |line| (month, line)))
        });
        self.each(CLOSE, lines, |close, (key, (month, line))| {
            close.execute(params![
                key,
                month_text(month.month),
                self.catalogue.key(line.licence),
                line.bought.base,
                line.bought.concurrent,
                line.bought.fixed,
                line.contingency_max,
                line.unit_price.map(|price| price.to_string()),
                millis(month.at),
            ])
        })
    }

    /// The month that follows the last one that was closed.
    fn month_under_way(&self) -> rusqlite::Result<()> {
        const BEGIN: &str = "UPDATE organisations SET month = ?, month_began_at = ? WHERE key = ?";
        let closed = self.rows(|effect| effect.months.last());
        self.each(BEGIN, closed, |begin, (key, closed)| {
            let month = month_text(closed.month + Months::new(1));
            begin.execute(params![month, millis(closed.at), key])
        })
    }
}

fn hour_of(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::hours(1)).unwrap_or(at)
}
