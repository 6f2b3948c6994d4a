//! Days and months by looking at local clocks, quarter of an hour by quarter of an hour.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;

pub(crate) type Day = NaiveDate;

pub(crate) fn local_day(at: DateTime<Utc>, zone: Tz) -> Day {
    at.with_timezone(&zone).date_naive()
}

pub(crate) fn month(day: Day) -> Day {
    NaiveDate::from_ymd_opt(day.year(), day.month(), 1).expect("the first of a month")
}

/// The month after the one that begins on `first`.
pub(crate) fn next_month(first: Day) -> Day {
    month(first + Days::new(31))
}

/// The first instant after `at` at which clocks reach `time` for the first time on their day. Holds for
/// times that are whole quarters of an hour, in zones whose clocks change by such: the search begins
/// more than a day before, so that it has seen the day of `at` from its beginning.
pub(crate) fn next_reached(at: DateTime<Utc>, time: NaiveTime, zone: Tz) -> DateTime<Utc> {
    let quarter = TimeDelta::minutes(15);
    let past_quarter = i64::from(at.minute() % 15) * 60 + i64::from(at.second());
    let start = at - TimeDelta::seconds(past_quarter) - TimeDelta::hours(30);
    let mut probe = start - TimeDelta::nanoseconds(i64::from(at.nanosecond()));
    let mut reached_on = None;
    loop {
        let local = probe.with_timezone(&zone).naive_local();
        if local.time() >= time && reached_on != Some(local.date()) {
            reached_on = Some(local.date());
            if probe > at {
                return probe;
            }
        }
        probe += quarter;
    }
}
