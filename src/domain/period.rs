//! Hours and days as the clocks of an organisation's zone show them, for metrics over time.

use super::moment::{day_of, start_of_day};
use chrono::{DateTime, Days, NaiveDate, Offset, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

/// A stretch of time, as clocks in a zone cut it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// From one full hour to the next. Where clocks are moved by less than an hour, that is an end and a
    /// beginning too.
    Hour,
    /// From local midnight to the next: 23, 24 or 25 hours.
    Day,
}

/// From `start` (inclusive) to `end` (exclusive).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its first instant.
    pub start: DateTime<Utc>,
    /// The first instant after it.
    pub end: DateTime<Utc>,
}

impl Period {
    /// The one in which `at` falls.
    pub fn around(self, at: DateTime<Utc>, zone: Tz) -> Span {
        match self {
            Self::Hour => hour_around(at, zone),
            Self::Day => day_around(at, zone),
        }
    }
}

/// A time in which clocks are not moved, as far as it lies within what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steady {
    /// When it begins.
    pub span: Span,
    /// What is added to UTC for local time, in milliseconds.
    pub offset_ms: i64,
}

/// The times between the changes of the clocks within `span`, in order; at least one.
pub fn steady_times(span: Span, zone: Tz) -> Vec<Steady> {
    let mut times = Vec::new();
    let mut start = span.start;
    loop {
        let end = next_change(start, span.end, zone);
        let offset_ms = i64::from(offset_s(start, zone)) * 1_000;
        times.push(Steady { span: Span { start, end }, offset_ms });
        if end >= span.end {
            return times;
        }
        start = end;
    }
}

fn offset_s(at: DateTime<Utc>, zone: Tz) -> i32 {
    zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc()
}

/// The first instant after `from` with another offset, or `until` if there is none before it.
fn next_change(from: DateTime<Utc>, until: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
    // No zone moves its clocks twice within this time: they are moved for weeks at least.
    const STEP: TimeDelta = TimeDelta::days(7);
    let offset = offset_s(from, zone);
    let (mut same, mut probe) = (from, (from + STEP).min(until));
    while offset_s(probe, zone) == offset {
        if probe >= until {
            return until;
        }
        same = probe;
        probe = (probe + STEP).min(until);
    }
    while probe - same > TimeDelta::seconds(1) {
        let middle = same + (probe - same) / 2;
        *(if offset_s(middle, zone) == offset { &mut same } else { &mut probe }) = middle;
    }
    // Clocks are moved at full seconds, so the change is the one second between the two.
    probe.with_nanosecond(0).unwrap_or(probe)
}

fn hour_around(at: DateTime<Utc>, zone: Tz) -> Span {
    let local = at.with_timezone(&zone);
    let into_s = i64::from(local.minute() * 60 + local.second());
    let start = at.with_nanosecond(0).unwrap_or(at) - TimeDelta::seconds(into_s);
    let end = start + TimeDelta::hours(1);
    let steady = steady_times(Span { start, end }, zone);
    let around = steady.iter().find(|time| at < time.span.end).map(|time| time.span);
    around.unwrap_or(Span { start, end })
}

fn day_around(at: DateTime<Utc>, zone: Tz) -> Span {
    let mut day = day_of(at, zone);
    // Where clocks go back over midnight, the old date is shown again after the new day has begun.
    while start_of_day(after(day), zone) <= at {
        day = after(day);
    }
    Span { start: start_of_day(day, zone), end: start_of_day(after(day), zone) }
}

fn after(day: NaiveDate) -> NaiveDate {
    day + Days::new(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time in RFC 3339")
    }

    /// Where the periods begin that follow each other from `from` to `to`.
    fn starts(period: Period, from: &str, to: &str, zone: Tz) -> Vec<DateTime<Utc>> {
        let (mut at, to) = (utc(from), utc(to));
        let mut starts = Vec::new();
        while at < to {
            let span = period.around(at, zone);
            assert!(span.start <= at && at < span.end, "{span:?} is not around {at}");
            starts.push(span.start);
            at = span.end;
        }
        starts
    }

    #[test]
    fn days_have_23_24_or_25_hours() {
        let zone = chrono_tz::Europe::London;
        let hours = |at: &str| {
            let span = Period::Day.around(utc(at), zone);
            (span.end - span.start).num_hours()
        };
        assert_eq!(hours("2026-03-28T12:00:00Z"), 24);
        assert_eq!(hours("2026-03-29T12:00:00Z"), 23);
        assert_eq!(hours("2026-10-25T12:00:00Z"), 25);
        let of_a_day = starts(Period::Hour, "2026-10-24T23:00:00Z", "2026-10-26T00:00:00Z", zone);
        assert_eq!(of_a_day.len(), 25, "the hour that clocks show twice is two hours");
    }

    #[test]
    fn hours_begin_when_clocks_show_them() {
        let kolkata =
            Period::Hour.around(utc("2026-03-06T12:29:59.999Z"), chrono_tz::Asia::Kolkata);
        assert_eq!(kolkata.start, utc("2026-03-06T11:30:00Z"));
        assert_eq!(kolkata.end, utc("2026-03-06T12:30:00Z"));
        let kathmandu =
            Period::Hour.around(utc("2026-03-06T12:15:00Z"), chrono_tz::Asia::Kathmandu);
        assert_eq!(kathmandu.start, utc("2026-03-06T12:15:00Z"));
    }

    #[test]
    fn clocks_that_move_by_half_an_hour_cut_an_hour() {
        // 2026-04-05 02:00 +11 becomes 01:30 +10:30.
        let zone = chrono_tz::Australia::Lord_Howe;
        let found = starts(Period::Hour, "2026-04-04T14:00:00Z", "2026-04-04T16:30:00Z", zone);
        let expected =
            ["14:00", "15:00", "15:30"].map(|time| utc(&format!("2026-04-04T{time}:00Z")));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_day_that_began_does_not_begin_again_where_clocks_go_back_over_midnight() {
        // St John's put its clocks back at 00:01 until 2011.
        let zone = chrono_tz::America::St_Johns;
        let found = starts(Period::Day, "2010-11-06T12:00:00Z", "2010-11-08T12:00:00Z", zone);
        assert_eq!(found.len(), 3);
        assert!(found.is_sorted());
    }

    #[test]
    fn steady_times_end_where_clocks_are_moved() {
        let span = Span { start: utc("2026-01-01T00:00:00Z"), end: utc("2027-01-01T00:00:00Z") };
        let times = steady_times(span, chrono_tz::Europe::London);
        let told: Vec<_> = times.iter().map(|time| (time.span.start, time.offset_ms)).collect();
        assert_eq!(told[1], (utc("2026-03-29T01:00:00Z"), 3_600_000));
        assert_eq!(told[2], (utc("2026-10-25T01:00:00Z"), 0));
        assert_eq!(times.len(), 3);
        assert_eq!(steady_times(span, Tz::UTC), [Steady { span, offset_ms: 0 }]);
    }
}
