//! Writes what is counted: five-minute figures, the months' maxima, closed months.

use super::bulk::{Bulk, Statement};
use super::tables::Writing;
use super::value::{millis, month_text, session_text};
use crate::domain::ids::LicenceId;
use crate::domain::interval::{INTERVAL, IntervalRecord};
use crate::store::net_effect::Maximum;
use chrono::{DateTime, DurationRound, Months, NaiveDate, TimeDelta, Utc};

/// A maximum, with its month and type.
type MaximumOf<'a> = ((NaiveDate, LicenceId), Maximum<'a>);

impl<'a> Writing<'a> {
    /// Everything that is counted.
    pub(super) async fn figures(&mut self) -> Result<(), sqlx::Error> {
        self.intervals().await?;
        self.interval_hours().await?;
        self.intervals_until().await?;
        self.maxima().await?;
        self.maximum_sessions().await?;
        self.bill_lines().await?;
        self.month_under_way().await
    }

    async fn intervals(&mut self) -> Result<(), sqlx::Error> {
        const RECORD: Bulk = Bulk {
            head: "INSERT INTO intervals (organisation, start, licence, concurrent, contingency, \
                   concurrent_peak, concurrent_low, contingency_peak, contingency_low, \
                   holders_peak) VALUES ",
            columns: 10,
            tail: "",
        };
        let records = self.rows(|effect| effect.intervals.clone());
        let catalogue = self.catalogue;
        RECORD
            .run(self.connection, &records, |statement, (key, (start, record))| {
                let statement = statement
                    .bind(*key)
                    .bind(millis(*start))
                    .bind(catalogue.key(record.licence).clone());
                bind_figures(statement, record)
            })
            .await
    }

    /// An hour is added to as its intervals come, and never read to be written.
    async fn interval_hours(&mut self) -> Result<(), sqlx::Error> {
        const ADD: Bulk = Bulk {
            head: "INSERT INTO interval_hours (organisation, hour, licence, intervals, \
                   concurrent_sum, contingency_sum, concurrent_peak, concurrent_low, \
                   contingency_peak, contingency_low, holders_peak) VALUES ",
            columns: 11,
            tail: " ON CONFLICT (organisation, hour, licence) DO UPDATE SET \
                   intervals = intervals + 1, \
                   concurrent_sum = concurrent_sum + excluded.concurrent_sum, \
                   contingency_sum = contingency_sum + excluded.contingency_sum, \
                   concurrent_peak = max(concurrent_peak, excluded.concurrent_peak), \
                   concurrent_low = min(concurrent_low, excluded.concurrent_low), \
                   contingency_peak = max(contingency_peak, excluded.contingency_peak), \
                   contingency_low = min(contingency_low, excluded.contingency_low), \
                   holders_peak = max(holders_peak, excluded.holders_peak)",
        };
        let records = self.rows(|effect| effect.intervals.clone());
        let catalogue = self.catalogue;
        ADD.run(self.connection, &records, |statement, (key, (start, record))| {
            let statement = statement
                .bind(*key)
                .bind(millis(hour_of(*start)))
                .bind(catalogue.key(record.licence).clone())
                .bind(1_i64);
            bind_figures(statement, record)
        })
        .await
    }

    async fn intervals_until(&mut self) -> Result<(), sqlx::Error> {
        for change in self.changes {
            let Some((start, _)) = change.effect.intervals.last() else { continue };
            sqlx::query("UPDATE organisations SET intervals_until = ? WHERE key = ?")
                .bind(millis(*start + INTERVAL))
                .bind(change.key)
                .execute(&mut *self.connection)
                .await?;
        }
        Ok(())
    }

    /// A month's maximum never falls.
    async fn maxima(&mut self) -> Result<(), sqlx::Error> {
        const RAISE: Bulk = Bulk {
            head: "INSERT INTO maxima (organisation, month, licence, maximum, reached_at) VALUES ",
            columns: 5,
            tail: " ON CONFLICT (organisation, month, licence) DO UPDATE SET \
                   maximum = excluded.maximum, reached_at = excluded.reached_at \
                   WHERE excluded.maximum > maximum",
        };
        let maxima = self.all_maxima();
        let catalogue = self.catalogue;
        RAISE
            .run(self.connection, &maxima, |statement, (key, ((month, licence), raised))| {
                statement
                    .bind(*key)
                    .bind(month_text(*month))
                    .bind(catalogue.key(*licence).clone())
                    .bind(i64::from(raised.maximum))
                    .bind(millis(raised.at))
            })
            .await
    }

    /// Those of the maximum before go; a maximum that was not raised keeps its own.
    async fn maximum_sessions(&mut self) -> Result<(), sqlx::Error> {
        const FORGET: Bulk = Bulk {
            head: "DELETE FROM maximum_sessions WHERE (organisation, month, licence) IN \
                   (SELECT column1, column2, column3 FROM (VALUES ",
            columns: 5,
            tail: ") JOIN maxima ON maxima.organisation = column1 AND maxima.month = column2 \
                   AND maxima.licence = column3 AND maximum = column4 AND reached_at = column5)",
        };
        const NOTE: Bulk = Bulk {
            head: "INSERT OR REPLACE INTO maximum_sessions (organisation, month, licence, session, \
                   user) SELECT column1, column2, column3, column6, column7 FROM (VALUES ",
            columns: 7,
            tail: ") JOIN maxima ON maxima.organisation = column1 AND maxima.month = column2 \
                   AND maxima.licence = column3 AND maximum = column4 AND reached_at = column5",
        };
        let maxima = self.all_maxima();
        let catalogue = self.catalogue;
        let bind = |statement: Statement, key: i64, (month, licence): (NaiveDate, LicenceId)| {
            statement.bind(key).bind(month_text(month)).bind(catalogue.key(licence).clone())
        };
        FORGET
            .run(self.connection, &maxima, |statement, (key, (of, raised))| {
                let statement = bind(statement, *key, *of);
                statement.bind(i64::from(raised.maximum)).bind(millis(raised.at))
            })
            .await?;
        let held = |(key, (of, raised)): &(i64, (_, Maximum<'a>))| {
            let (key, of, raised) = (*key, *of, *raised);
            raised.sessions.iter().map(move |held| (key, of, raised, held))
        };
        let sessions: Vec<_> = maxima.iter().flat_map(held).collect();
        NOTE.run(self.connection, &sessions, |statement, (key, of, raised, (session, user))| {
            let statement = bind(statement, *key, *of);
            let statement = statement.bind(i64::from(raised.maximum)).bind(millis(raised.at));
            statement.bind(session_text(*session)).bind((*user).clone())
        })
        .await
    }

    fn all_maxima(&self) -> Vec<(i64, MaximumOf<'a>)> {
        self.rows(|effect| effect.maxima.iter().map(|(key, raised)| (*key, *raised)).collect())
    }

    /// What is closed stays as it was closed.
    async fn bill_lines(&mut self) -> Result<(), sqlx::Error> {
        const CLOSE: Bulk = Bulk {
            head: "INSERT OR IGNORE INTO bill_lines (organisation, month, licence, base, \
                   concurrent, fixed, contingency_max, unit_price, closed_at) VALUES ",
            columns: 9,
            tail: "",
        };
        let lines = self.rows(|effect| {
            let months = effect.months.iter();
            months
                .flat_map(|month| month.lines.iter().map(|line| (month.month, line, month.at)))
                .collect()
        });
        let catalogue = self.catalogue;
        CLOSE
            .run(self.connection, &lines, |statement, (key, (month, line, at))| {
                statement
                    .bind(*key)
                    .bind(month_text(*month))
                    .bind(catalogue.key(line.licence).clone())
                    .bind(i64::from(line.bought.base))
                    .bind(i64::from(line.bought.concurrent))
                    .bind(i64::from(line.bought.fixed))
                    .bind(i64::from(line.contingency_max))
                    .bind(line.unit_price.map(|price| price.to_string()))
                    .bind(millis(*at))
            })
            .await
    }

    /// The month that follows the last one that was closed.
    async fn month_under_way(&mut self) -> Result<(), sqlx::Error> {
        for change in self.changes {
            let Some(closed) = change.effect.months.last() else { continue };
            sqlx::query("UPDATE organisations SET month = ?, month_began_at = ? WHERE key = ?")
                .bind(month_text(closed.month + Months::new(1)))
                .bind(millis(closed.at))
                .bind(change.key)
                .execute(&mut *self.connection)
                .await?;
        }
        Ok(())
    }
}

/// The figures in the order in which both tables have them; of one interval a sum is the count itself.
fn bind_figures(statement: Statement, record: &IntervalRecord) -> Statement {
    statement
        .bind(i64::from(record.concurrent))
        .bind(i64::from(record.contingency))
        .bind(i64::from(record.concurrent_extent.peak))
        .bind(i64::from(record.concurrent_extent.low))
        .bind(i64::from(record.contingency_extent.peak))
        .bind(i64::from(record.contingency_extent.low))
        .bind(i64::from(record.holders_peak))
}

/// The hour, UTC, in which `at` falls.
fn hour_of(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::hours(1)).unwrap_or(at)
}
