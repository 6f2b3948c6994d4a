//! The statements by themselves: what the database takes of what a resource takes.

use super::{open, report, year};
use chrono::{DateTime, TimeDelta, Utc};
use licence_broker::domain::moment::start_of_day;
use rusqlite::{Connection, params};
use std::path::Path;
use std::time::Instant;

const TIMES: usize = 9;

pub(super) fn measure(path: &Path) {
    let connection = open(path);
    let count = |table: &str| -> i64 {
        let text = format!("SELECT max(rowid) FROM {table}");
        connection.query_row(&text, [], |row| row.get(0)).expect("counted")
    };
    let (usage, intervals) = (count("usage"), count("intervals"));
    println!("{usage} usage records, {intervals} interval records");
    let timed = |work: &dyn Fn(&Connection)| {
        let once = |_| {
            let begun = Instant::now();
            work(&connection);
            begun.elapsed()
        };
        (0..TIMES).map(once).collect()
    };
    report("statements: metrics of a year by day", timed(&year_by_day));
    report("statements: the bill of a closed month", timed(&bill));
}

/// Days are those of the organisation's clocks, so each is asked for by its own hours.
fn year_by_day(connection: &Connection) {
    let text = "SELECT licence, sum(concurrent_sum), sum(contingency_sum), sum(intervals), \
                max(concurrent_peak), min(concurrent_low), max(contingency_peak), \
                min(contingency_low) FROM interval_hours \
                WHERE organisation = 1 AND hour >= ? AND hour < ? GROUP BY licence";
    let mut statement = connection.prepare_cached(text).expect("prepared");
    let mut found = 0;
    for day in year::first_day().iter_days().take(365) {
        let start: DateTime<Utc> = start_of_day(day, year::ZONE);
        let end = start_of_day(day + TimeDelta::days(1), year::ZONE);
        let span = params![start.timestamp_millis(), end.timestamp_millis()];
        let mut rows = statement.query(span).expect("asked");
        while rows.next().expect("read").is_some() {
            found += 1;
        }
    }
    assert!(found > 0, "there are figures");
}

fn bill(connection: &Connection) {
    let text = "SELECT licence, base, concurrent, fixed, contingency_max, unit_price, reached_at, \
                session FROM bill_lines LEFT JOIN maxima USING (organisation, month, licence) \
                LEFT JOIN maximum_sessions USING (organisation, month, licence) \
                WHERE organisation = 1 AND month = '2025-01-01'";
    let mut statement = connection.prepare_cached(text).expect("prepared");
    let mut rows = statement.query([]).expect("asked");
    while let Some(row) = rows.next().expect("read") {
        assert!(row.get_ref(0).is_ok());
    }
}
