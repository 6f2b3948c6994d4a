//! Five-minute figures, metrics over them, demand, custom reports.

use crate::fixture::{ALL, Backend, batch, cursors, denial, id, licence, open_with_129, utc};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use licence_broker::domain::event::{DenialRecord, Denied, DeniedName, Event, UsageRecord};
use licence_broker::domain::interval::{Extent, IntervalRecord};
use licence_broker::domain::period::{Period, Span};
use licence_broker::domain::reason::{DenialOutcome, DenialReason};
use licence_broker::store::reports::{ByTime, DemandRow, IntervalFilter, Metrics, MetricsRow};
use licence_broker::store::{Page, Range, Store};
use std::collections::BTreeMap;

/// A record whose numbers follow from `number`, so that they can be counted again.
pub(crate) fn record(key: &str, number: u32) -> IntervalRecord {
    IntervalRecord {
        licence: licence(key),
        concurrent: number,
        contingency: number / 2,
        concurrent_extent: Extent { peak: number + 3, low: number.saturating_sub(2) },
        contingency_extent: Extent { peak: number / 2 + 1, low: number / 3 },
        holders_peak: number + 4,
    }
}

pub(crate) fn closed(start: DateTime<Utc>, records: Vec<IntervalRecord>) -> Event {
    Event::IntervalClosed { start, records }
}

/// What was recorded, for counting it again.
type Raw = Vec<(DateTime<Utc>, &'static str, IntervalRecord)>;

/// Records of two types every five minutes of a span, in batches of a day, with a gap of 25 hours.
async fn with_intervals(store: &dyn Store, from: &str, to: &str) -> Raw {
    let (mut start, to) = (utc(from), utc(to));
    let gap = start + TimeDelta::hours(50)..start + TimeDelta::hours(75);
    let (mut raw, mut number, mut batches) = (Raw::new(), 0_u32, 0);
    while start < to {
        let mut events = Vec::new();
        for _ in 0..288 {
            number = number.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            let of =
                |key: &'static str, shift: u32| (start, key, record(key, number >> shift & 63));
            let pair = [of("inbound_agent", 8), of("agent_email", 16)];
            if start < to && !gap.contains(&start) {
                events.push(closed(start, pair.iter().map(|(_, _, record)| *record).collect()));
                raw.extend(pair);
            }
            start += TimeDelta::minutes(5);
        }
        batches += 1;
        store.commit(&[batch(129, batches, start, events)]).await.expect("committed");
    }
    raw
}

fn question(from: &str, to: &str, period: Option<Period>, zone: Tz) -> ByTime {
    let range = Range { from: Some(utc(from)), to: Some(utc(to)) };
    ByTime { filter: IntervalFilter { range, licence: None }, period, zone }
}

/// By the start of the stretch and the position of the type: the stretch, and its records.
type Groups<'r> = BTreeMap<(DateTime<Utc>, usize), (Span, Vec<&'r IntervalRecord>)>;

/// The metrics of the raw records, counted one by one.
fn counted(raw: &Raw, question: &ByTime) -> Vec<MetricsRow> {
    let range = question.filter.range;
    let mut groups = Groups::new();
    let in_range = raw.iter().filter(|(start, key, _)| {
        range.from.is_none_or(|from| *start >= from)
            && range.to.is_none_or(|to| *start < to)
            && question.filter.licence.as_deref().is_none_or(|licence| licence == *key)
    });
    for (start, key, record) in in_range {
        let whole = Span { start: range.from.expect("given"), end: range.to.expect("given") };
        let span = question.period.map_or(whole, |period| period.around(*start, question.zone));
        let group = groups.entry((span.start, licence(key).index())).or_insert((span, vec![]));
        group.1.push(record);
    }
    let metrics = |records: &[&IntervalRecord], count: fn(&IntervalRecord) -> (u32, Extent)| {
        let sum: u64 = records.iter().map(|record| u64::from(count(record).0)).sum();
        let highest = records.iter().map(|record| count(record).1.peak).max();
        let lowest = records.iter().map(|record| count(record).1.low).min();
        let number = records.len() as u64;
        Metrics::new(number, sum, highest.expect("one"), lowest.expect("one"))
    };
    let rows = groups.into_values().map(|(span, records)| MetricsRow {
        span,
        licence: crate::fixture::catalogue().key(records[0].licence).to_string(),
        concurrent: metrics(&records, |one| (one.concurrent, one.concurrent_extent)),
        contingency: metrics(&records, |one| (one.contingency, one.contingency_extent)),
    });
    rows.collect()
}

/// All rows, read so many at a time.
async fn metrics(store: &dyn Store, question: &ByTime, limit: u32) -> Vec<MetricsRow> {
    let (mut rows, mut after) = (Vec::new(), 0);
    loop {
        let page = Page { after, limit };
        let page = store.metrics_page(id(129), question, page).await.expect("a page");
        assert!(page.len() <= limit as usize && cursors(&page).is_sorted());
        let Some(last) = page.last() else { return rows };
        after = last.cursor;
        rows.extend(page.into_iter().map(|stored| stored.row));
    }
}

pub(crate) async fn five_minute_records_are_read_page_by_page_and_filtered(backend: &dyn Backend) {
    let store = open_with_129(backend).await;
    let raw = with_intervals(&*store, "2026-03-06T12:00:00Z", "2026-03-06T14:00:00Z").await;
    let all = IntervalFilter::default();
    let (mut read, mut after) = (Vec::new(), 0);
    loop {
        let page = store.intervals_page(id(129), &all, Page { after, limit: 5 }).await;
        let page = page.expect("a page");
        let Some(last) = page.last() else { break };
        after = last.cursor;
        read.extend(page.into_iter().map(|stored| stored.row));
    }
    assert_eq!(read.len(), raw.len());
    for (row, (start, key, record)) in read.iter().zip(&raw) {
        assert_eq!((row.start, &*row.licence), (*start, *key));
        let figures = (row.concurrent.count, row.concurrent.peak, row.concurrent.low);
        let extent = record.concurrent_extent;
        assert_eq!(figures, (record.concurrent, extent.peak, extent.low));
        let figures = (row.contingency.count, row.contingency.peak, row.contingency.low);
        let extent = record.contingency_extent;
        assert_eq!(figures, (record.contingency, extent.peak, extent.low));
    }
    let range =
        Range { from: Some(utc("2026-03-06T12:05:00Z")), to: Some(utc("2026-03-06T12:15:00Z")) };
    let filter = IntervalFilter { range, licence: Some("agent_email".to_owned()) };
    let page = store.intervals_page(id(129), &filter, ALL).await.expect("a page");
    let starts: Vec<_> = page.iter().map(|stored| stored.row.start).collect();
    assert_eq!(starts, [utc("2026-03-06T12:05:00Z"), utc("2026-03-06T12:10:00Z")]);
    assert!(page.iter().all(|stored| stored.row.licence == "agent_email"));
    assert!(store.intervals_page(id(5), &all, ALL).await.expect("a page").is_empty());
}

pub(crate) async fn metrics_are_those_of_the_records_in_every_zone_and_at_every_cut(
    backend: &dyn Backend,
) {
    let store = open_with_129(backend).await;
    // Clocks in Europe go forward on the 29th.
    let raw = with_intervals(&*store, "2026-03-25T00:00:00Z", "2026-04-01T00:00:00Z").await;
    let cuts = [
        ("2026-03-25T00:00:00Z", "2026-04-01T00:00:00Z"),
        ("2026-03-26T07:25:00Z", "2026-03-31T22:40:00Z"),
        ("2026-03-26T07:25:00Z", "2026-03-26T07:50:00Z"),
        ("2026-03-26T07:27:13Z", "2026-03-26T08:02:00Z"),
    ];
    let zones = [
        Tz::UTC,
        chrono_tz::Europe::London,
        chrono_tz::Asia::Kolkata,
        chrono_tz::America::St_Johns,
    ];
    for zone in zones {
        for (from, to) in cuts {
            for period in [None, Some(Period::Hour), Some(Period::Day)] {
                let mut question = question(from, to, period, zone);
                let told = format!("{from} {to} {period:?} {zone}");
                assert_eq!(
                    metrics(&*store, &question, 1_000).await,
                    counted(&raw, &question),
                    "{told}"
                );
                question.filter.licence = Some("agent_email".to_owned());
                assert_eq!(
                    metrics(&*store, &question, 7).await,
                    counted(&raw, &question),
                    "{told}"
                );
            }
        }
    }
    let days =
        metrics(&*store, &question(cuts[0].0, cuts[0].1, Some(Period::Day), zones[1]), 3).await;
    let of_29th = days.iter().find(|row| row.span.start == utc("2026-03-29T00:00:00Z"));
    let hours = of_29th.map(|row| (row.span.end - row.span.start).num_hours());
    assert_eq!(hours, Some(23));
    let within_the_gap = question("2026-03-27T02:00:00Z", "2026-03-28T03:00:00Z", None, zones[0]);
    let rows = metrics(&*store, &within_the_gap, 9).await;
    assert!(rows.is_empty(), "nothing is invented for the gap");
}

pub(crate) async fn a_range_without_ends_is_that_of_the_records(backend: &dyn Backend) {
    let store = open_with_129(backend).await;
    let open = ByTime { filter: IntervalFilter::default(), period: None, zone: Tz::UTC };
    assert!(metrics(&*store, &open, 9).await.is_empty());
    with_intervals(&*store, "2026-03-06T12:10:00Z", "2026-03-06T12:25:00Z").await;
    let rows = metrics(&*store, &open, 1).await;
    let all = Span { start: utc("2026-03-06T12:10:00Z"), end: utc("2026-03-06T12:25:00Z") };
    assert_eq!(rows.iter().map(|row| row.span).collect::<Vec<_>>(), [all, all]);
    let licences: Vec<_> = rows.iter().map(|row| &*row.licence).collect();
    assert_eq!(licences, ["inbound_agent", "agent_email"], "in the order of the catalogue");
}

fn denied(name: &str, key: &str, at: &str, reason: DenialReason, outcome: DenialOutcome) -> Event {
    let denied = Denied { licence: DeniedName::Licence(licence(key)), reason };
    Event::Denied(DenialRecord { denied, outcome, ..denial(name, key, utc(at)) })
}

pub(crate) async fn demand_that_could_not_be_served_is_counted_by_type_and_hour(
    backend: &dyn Backend,
) {
    use DenialOutcome::{Partial, Refused, Waiting};
    use DenialReason::{Exhausted, NotAssigned, NotPurchased};
    let store = open_with_129(backend).await;
    let events = vec![
        denied("ann", "agent_email", "2026-03-06T12:00:00Z", Exhausted, Partial),
        denied("ann", "agent_email", "2026-03-06T12:29:59.999Z", NotPurchased, Waiting),
        denied("bob", "inbound_agent", "2026-03-06T12:29:59.999Z", Exhausted, Refused),
        denied("bob", "agent_email", "2026-03-06T12:30:00Z", Exhausted, Refused),
        denied("bob", "agent_sms", "2026-03-06T12:31:00Z", NotAssigned, Partial),
        denied("cyd", "agent_email", "2026-03-06T12:59:59Z", Exhausted, Refused),
    ];
    let end = utc("2026-03-06T13:00:00Z");
    store.commit(&[batch(129, 1, end, events)]).await.expect("committed");
    let told = async |zone: Tz, period: Period| {
        let filter = IntervalFilter::default();
        let question = ByTime { filter, period: Some(period), zone };
        let page = store.denied_page(id(129), &question, ALL).await.expect("a page");
        let row = page.into_iter().map(|stored| {
            let row = stored.row;
            let outcomes = (row.refused, row.partial, row.waiting);
            (row.span.start, row.licence, row.denials, row.users, outcomes)
        });
        row.collect::<Vec<_>>()
    };
    let row = |start: &str, key: &str, denials, users, outcomes| {
        (utc(start), key.to_owned(), denials, users, outcomes)
    };
    let expected = [
        row("2026-03-06T12:00:00Z", "inbound_agent", 1, 1, (1, 0, 0)),
        row("2026-03-06T12:00:00Z", "agent_email", 4, 3, (2, 1, 1)),
    ];
    assert_eq!(told(Tz::UTC, Period::Hour).await, expected);
    let expected = [
        row("2026-03-06T11:30:00Z", "inbound_agent", 1, 1, (1, 0, 0)),
        row("2026-03-06T11:30:00Z", "agent_email", 2, 1, (0, 1, 1)),
        row("2026-03-06T12:30:00Z", "agent_email", 2, 2, (2, 0, 0)),
    ];
    assert_eq!(told(chrono_tz::Asia::Kolkata, Period::Hour).await, expected);
    let days = told(chrono_tz::Asia::Kolkata, Period::Day).await;
    assert_eq!(days[1], row("2026-03-05T18:30:00Z", "agent_email", 4, 3, (2, 1, 1)));
}

pub(crate) async fn what_was_needed_is_what_was_held_and_denied_in_the_same_five_minutes(
    backend: &dyn Backend,
) {
    use DenialOutcome::Refused;
    use DenialReason::{Exhausted, NotAssigned};
    let store = open_with_129(backend).await;
    let held = |start: &str, holders_peak: u32| {
        let record = IntervalRecord { holders_peak, ..record("agent_email", 2) };
        closed(utc(start), vec![record])
    };
    let got_it = Event::Acquired {
        record: UsageRecord {
            at: utc("2026-03-06T12:07:00Z"),
            ..crate::fixture::usage_record(1, "dot", "agent_email", 0)
        },
        holder_order: 1,
        holder_since: utc("2026-03-06T12:07:00Z"),
    };
    let events = vec![
        held("2026-03-06T12:00:00Z", 9),
        denied("ann", "agent_email", "2026-03-06T12:06:00Z", Exhausted, Refused),
        denied("ann", "agent_email", "2026-03-06T12:06:30Z", Exhausted, Refused),
        denied("bob", "agent_email", "2026-03-06T12:06:30Z", Exhausted, Refused),
        denied("cyd", "agent_email", "2026-03-06T12:06:40Z", NotAssigned, Refused),
        denied("dot", "agent_email", "2026-03-06T12:06:50Z", Exhausted, Refused),
        crate::fixture::user_saved("dot"),
        crate::fixture::session_opened(1, "dot"),
        got_it,
        held("2026-03-06T12:05:00Z", 8),
        denied("ann", "agent_email", "2026-03-06T12:11:00Z", Exhausted, Refused),
        held("2026-03-06T12:10:00Z", 8),
    ];
    let end = utc("2026-03-06T12:15:00Z");
    store.commit(&[batch(129, 1, end, events)]).await.expect("committed");
    let demand = async |from: &str, to: &str| {
        let span = Span { start: utc(from), end: utc(to) };
        store.demand(id(129), span).await.expect("rows")
    };
    let expected = DemandRow {
        licence: "agent_email".to_owned(),
        held_peak: 9,
        denied_peak: 2,
        demand_peak: 10,
        at: utc("2026-03-06T12:05:00Z"),
    };
    let whole_hours = demand("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z").await;
    assert_eq!(whole_hours, std::slice::from_ref(&expected));
    assert_eq!(demand("2026-03-06T11:58:00Z", "2026-03-06T12:59:00Z").await, [expected]);
    let first = demand("2026-03-06T12:00:00Z", "2026-03-06T12:05:00Z").await;
    assert_eq!((first[0].demand_peak, first[0].at), (9, utc("2026-03-06T12:00:00Z")));
    assert!(demand("2026-03-07T00:00:00Z", "2026-03-08T00:00:00Z").await.is_empty());
}

pub(crate) async fn the_first_five_minutes_of_a_peak_are_found_within_its_hour(
    backend: &dyn Backend,
) {
    let store = open_with_129(backend).await;
    let raw = with_intervals(&*store, "2026-03-06T00:00:00Z", "2026-03-08T00:00:00Z").await;
    let span = Span { start: utc("2026-03-06T00:00:00Z"), end: utc("2026-03-08T00:00:00Z") };
    for row in store.demand(id(129), span).await.expect("rows") {
        let of_type = || raw.iter().filter(|(_, key, _)| *key == row.licence);
        let peak = of_type().map(|(_, _, record)| record.holders_peak).max();
        let first = of_type().find(|(_, _, record)| Some(record.holders_peak) == peak);
        assert_eq!((Some(row.demand_peak), Some(row.at)), (peak, first.map(|(at, _, _)| *at)));
    }
}
