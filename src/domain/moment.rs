//! Time as an argument, and the calendar of an organisation.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use std::time::Duration;

/// The instant at which something is decided.
///
/// Records and calendars follow `at`, which may step; durations (grace) follow `elapsed`, which only
/// grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Wall-clock time, to the millisecond.
    pub at: DateTime<Utc>,
    /// Monotonic time since the process began.
    pub elapsed: Duration,
}

/// The first instant of a local day; where midnight does not exist, the first instant after the gap.
pub fn start_of_day(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    local_instant(day, NaiveTime::MIN, zone)
}

/// The first day of the local month in which `at` falls.
pub fn month_of(at: DateTime<Utc>, zone: Tz) -> NaiveDate {
    let day = day_of(at, zone);
    day.with_day(1).unwrap_or(day)
}

/// The instant at which the month after the one beginning on `first` begins.
pub fn end_of_month(first: NaiveDate, zone: Tz) -> DateTime<Utc> {
    start_of_day(first + Months::new(1), zone)
}

/// The local day in which `at` falls.
pub fn day_of(at: DateTime<Utc>, zone: Tz) -> NaiveDate {
    at.with_timezone(&zone).date_naive()
}

/// The first time after `at` that clocks in `zone` show `time`.
pub fn next_time_of_day(at: DateTime<Utc>, time: NaiveTime, zone: Tz) -> DateTime<Utc> {
    let mut day = day_of(at, zone);
    loop {
        let candidate = local_instant(day, time, zone);
        if candidate > at {
            return candidate;
        }
        day = day + Days::new(1);
    }
}

/// A local date and time as an instant: the earlier of two where clocks go back, and the first instant
/// after the gap where they go forward.
fn local_instant(day: NaiveDate, time: NaiveTime, zone: Tz) -> DateTime<Utc> {
    let local = day.and_time(time);
    let mut probe = local;
    // No zone has ever skipped more than a day, so a probe a quarter of an hour at a time ends.
    loop {
        if let Some(found) = zone.from_local_datetime(&probe).earliest() {
            return found.with_timezone(&Utc);
        }
        probe += TimeDelta::minutes(15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time in RFC 3339")
    }

    #[test]
    fn a_month_begins_at_local_midnight() {
        let zone = chrono_tz::Asia::Tokyo;
        let first = month_of(utc("2026-10-31T15:00:00Z"), zone);
        assert_eq!(first, NaiveDate::from_ymd_opt(2026, 11, 1).expect("a date"));
        assert_eq!(end_of_month(first, zone), utc("2026-11-30T15:00:00Z"));
    }

    #[test]
    fn a_time_that_clocks_skip_comes_when_the_gap_ends() {
        let zone = chrono_tz::Europe::London;
        let half_past_one = NaiveTime::from_hms_opt(1, 30, 0).expect("a time");
        let next = next_time_of_day(utc("2026-03-29T00:00:00Z"), half_past_one, zone);
        assert_eq!(next, utc("2026-03-29T01:00:00Z"));
    }

    #[test]
    fn a_time_that_clocks_show_twice_counts_once_at_its_first() {
        let zone = chrono_tz::Europe::London;
        let half_past_one = NaiveTime::from_hms_opt(1, 30, 0).expect("a time");
        let first = next_time_of_day(utc("2026-10-24T23:00:00Z"), half_past_one, zone);
        assert_eq!(first, utc("2026-10-25T00:30:00Z"));
        assert_eq!(next_time_of_day(first, half_past_one, zone), utc("2026-10-26T01:30:00Z"));
    }
}
