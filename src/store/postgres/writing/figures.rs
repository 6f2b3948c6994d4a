//! What is counted: five-minute figures, the months' maxima, closed months.

use super::table::Table;
use super::{Statements, Writing};
use crate::domain::interval::{INTERVAL, IntervalRecord};
use crate::store::postgres::value::{millis, month_text, session_text};
use chrono::{DateTime, DurationRound, Months, TimeDelta, Utc};

impl<'a> Writing<'a> {
    /// Everything that is counted.
    pub(super) fn figures(&self, to: &mut Statements<'a>) {
        self.intervals(to);
        self.maxima(to);
        self.bill_lines(to);
        self.month_under_way(to);
    }

    fn intervals(&self, to: &mut Statements<'a>) {
        const RECORD: &str = "INSERT INTO intervals (organisation, start, licence, concurrent, \
            contingency, concurrent_peak, concurrent_low, contingency_peak, contingency_low, \
            holders_peak) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        // An hour is added to as its intervals come, and never read to be written. Of one hour several may
        // come in one commit.
        const ADD: &str = "INSERT INTO interval_hours AS h (organisation, hour, licence, intervals, \
            concurrent_sum, contingency_sum, concurrent_peak, concurrent_low, contingency_peak, \
            contingency_low, holders_peak) \
            SELECT organisation, hour, licence, count(*), sum(concurrent), sum(contingency), \
            max(concurrent_peak), min(concurrent_low), max(contingency_peak), \
            min(contingency_low), max(holders_peak) \
            FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
            AS i (organisation, hour, licence, concurrent, contingency, concurrent_peak, \
            concurrent_low, contingency_peak, contingency_low, holders_peak) GROUP BY 1, 2, 3 \
            ON CONFLICT (organisation, hour, licence) DO UPDATE SET \
            intervals = h.intervals + excluded.intervals, \
            concurrent_sum = h.concurrent_sum + excluded.concurrent_sum, \
            contingency_sum = h.contingency_sum + excluded.contingency_sum, \
            concurrent_peak = greatest(h.concurrent_peak, excluded.concurrent_peak), \
            concurrent_low = least(h.concurrent_low, excluded.concurrent_low), \
            contingency_peak = greatest(h.contingency_peak, excluded.contingency_peak), \
            contingency_low = least(h.contingency_low, excluded.contingency_low), \
            holders_peak = greatest(h.holders_peak, excluded.holders_peak)";
        const UNTIL: &str = "UPDATE organisations AS o SET intervals_until = i.until \
            FROM unnest($1, $2) AS i (key, until) WHERE o.key = i.key";
        self.interval_records(RECORD, |start| start, to);
        self.interval_records(ADD, hour_of, to);
        Table::new(UNTIL, self.rows(|effect| effect.intervals.last()))
            .column(|(key, _)| *key)
            .column(|(_, (start, _))| millis(*start + INTERVAL))
            .end(to);
    }

    /// A statement over all records, with what is made of their starts.
    fn interval_records(
        &self,
        text: &'static str,
        of_start: fn(DateTime<Utc>) -> DateTime<Utc>,
        to: &mut Statements<'a>,
    ) {
        type Row<'a> = (i64, &'a (DateTime<Utc>, &'a IntervalRecord));
        let number = |of: fn(&IntervalRecord) -> u32| {
            move |(_, (_, record)): &Row<'a>| i64::from(of(record))
        };
        let catalogue = self.catalogue;
        Table::new(text, self.rows(|effect| &effect.intervals))
            .column(|(key, _)| *key)
            .column(|(_, (start, _))| millis(of_start(*start)))
            .column(|(_, (_, record))| &**catalogue.key(record.licence))
            .column(number(|record| record.concurrent))
            .column(number(|record| record.contingency))
            .column(number(|record| record.concurrent_extent.peak))
            .column(number(|record| record.concurrent_extent.low))
            .column(number(|record| record.contingency_extent.peak))
            .column(number(|record| record.contingency_extent.low))
            .column(number(|record| record.holders_peak))
            .end(to);
    }

    /// A month's maximum never falls; one that was not raised keeps its sessions. Those of the maximum before
    /// go. (Parts of one statement see each other's changes only in what they return, so no row is both
    /// deleted and put back.)
    fn maxima(&self, to: &mut Statements<'a>) {
        const RAISE: &str = "WITH raised AS (\
            INSERT INTO maxima AS m (organisation, month, licence, maximum, reached_at) \
            SELECT * FROM unnest($1, $2, $3, $4, $5) \
            ON CONFLICT (organisation, month, licence) DO UPDATE SET \
            maximum = excluded.maximum, reached_at = excluded.reached_at \
            WHERE excluded.maximum > m.maximum RETURNING organisation, month, licence), \
            held AS (SELECT * FROM unnest($6, $7, $8, $9, $10) \
            AS h (organisation, month, licence, session, \"user\") \
            JOIN raised USING (organisation, month, licence)), \
            gone AS (DELETE FROM maximum_sessions AS s USING raised AS r \
            WHERE s.organisation = r.organisation AND s.month = r.month AND s.licence = r.licence \
            AND (s.organisation, s.month, s.licence, s.session) NOT IN \
            (SELECT organisation, month, licence, session FROM held)) \
            INSERT INTO maximum_sessions (organisation, month, licence, session, \"user\") \
            SELECT organisation, month, licence, session, \"user\" FROM held \
            ON CONFLICT (organisation, month, licence, session) \
            DO UPDATE SET \"user\" = excluded.\"user\"";
        let catalogue = self.catalogue;
        let maxima: Vec<_> = self.rows(|effect| &effect.maxima).collect();
        let held = maxima.iter().flat_map(|(key, ((month, licence), raised))| {
            let of_month = (*key, month_text(*month), &**catalogue.key(*licence));
            raised.sessions.iter().map(move |(session, user)| (of_month.clone(), session, &**user))
        });
        let held: Vec<_> = held.collect();
        Table::new(RAISE, maxima)
            .column(|(key, _)| *key)
            .column(|(_, ((month, _), _))| month_text(*month))
            .column(|(_, ((_, licence), _))| &**catalogue.key(*licence))
            .column(|(_, (_, raised))| i64::from(raised.maximum))
            .column(|(_, (_, raised))| millis(raised.at))
            .value(held.iter().map(|((key, ..), ..)| *key).collect::<Vec<i64>>())
            .value(held.iter().map(|((_, month, _), ..)| month.clone()).collect::<Vec<String>>())
            .value(held.iter().map(|((.., licence), ..)| *licence).collect::<Vec<&str>>())
            .value(held.iter().map(|(_, session, _)| session_text(*session)).collect::<Vec<_>>())
            .value(held.iter().map(|(.., user)| *user).collect::<Vec<&str>>())
            .end(to);
    }

    /// What is closed stays as it was closed.
    fn bill_lines(&self, to: &mut Statements<'a>) {
        const CLOSE: &str = "INSERT INTO bill_lines (organisation, month, licence, base, \
            concurrent, fixed, contingency_max, unit_price, closed_at) \
            SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";
        let lines = self.rows(|effect| {
            effect.months.iter().flat_map(|month| month.lines.iter().map(move |line| (month, line)))
        });
        let catalogue = self.catalogue;
        Table::new(CLOSE, lines)
            .column(|(key, _)| *key)
            .column(|(_, (month, _))| month_text(month.month))
            .column(|(_, (_, line))| &**catalogue.key(line.licence))
            .column(|(_, (_, line))| i64::from(line.bought.base))
            .column(|(_, (_, line))| i64::from(line.bought.concurrent))
            .column(|(_, (_, line))| i64::from(line.bought.fixed))
            .column(|(_, (_, line))| i64::from(line.contingency_max))
            .column(|(_, (_, line))| line.unit_price.map(|price| price.to_string()))
            .column(|(_, (month, _))| millis(month.at))
            .end(to);
    }

    /// The month that follows the last one that was closed.
    fn month_under_way(&self, to: &mut Statements<'a>) {
        const BEGIN: &str = "UPDATE organisations AS o SET month = m.month, \
            month_began_at = m.began_at \
            FROM unnest($1, $2, $3) AS m (key, month, began_at) WHERE o.key = m.key";
        Table::new(BEGIN, self.rows(|effect| effect.months.last()))
            .column(|(key, _)| *key)
            .column(|(_, closed)| month_text(closed.month + Months::new(1)))
            .column(|(_, closed)| millis(closed.at))
            .end(to);
    }
}

fn hour_of(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::hours(1)).unwrap_or(at)
}
