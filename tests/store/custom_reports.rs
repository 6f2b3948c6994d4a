//! Custom reports: the calendar, filters, orders, and everything that can be asked for.

use crate::fixture::{Backend, batch, denial, id, open_with_129, utc};
use crate::reports::{closed, record};
use chrono::TimeDelta;
use chrono_tz::Tz;
use licence_broker::domain::event::{Event, UsageRecord};
use licence_broker::domain::period::Span;
use licence_broker::store::Store;
use licence_broker::store::report_fields::{Operator, Source};
use licence_broker::store::reports::{ReportFilter, ReportOutcome, ReportQuery, ReportValue};

fn position<T>(all: &[T], name: &str, name_of: impl Fn(&T) -> &'static str) -> usize {
    all.iter().position(|one| name_of(one) == name).expect("a name of the table")
}

/// A report of a year.
fn report(source: Source, dimensions: &[&str], metrics: &[&str], zone: Tz) -> ReportQuery {
    let field = |name: &&str| position(source.fields(), name, |field| field.name);
    let metric = |name: &&str| position(source.metrics(), name, |metric| metric.name);
    ReportQuery {
        source,
        span: Span { start: utc("2026-01-01T00:00:00Z"), end: utc("2027-01-01T00:00:00Z") },
        zone,
        dimensions: dimensions.iter().map(field).collect(),
        metrics: metrics.iter().map(metric).collect(),
        filters: vec![],
        order: vec![],
        limit: 1_000,
    }
}

fn filter(source: Source, name: &str, operator: Operator, values: &[&str]) -> ReportFilter {
    let values = values.iter().map(|text| ReportValue::Text((*text).to_owned())).collect();
    ReportFilter { field: position(source.fields(), name, |field| field.name), operator, values }
}

/// The rows as one text each.
async fn rows(store: &dyn Store, query: &ReportQuery) -> Vec<String> {
    let outcome = store.report(id(129), query).await.expect("a report");
    let ReportOutcome::Rows(rows) = outcome else { panic!("no report takes so long") };
    let cell = |value: &ReportValue| match value {
        ReportValue::Null => "-".to_owned(),
        ReportValue::Text(text) => text.clone(),
        ReportValue::Integer(number) => number.to_string(),
        ReportValue::Hundredths(number) => format!("{number}/100"),
        ReportValue::Time(at) => at.format("%dT%H:%M").to_string(),
    };
    rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(" ")).collect()
}

/// Three users on the day on which clocks in London go back.
async fn with_usage(store: &dyn Store) {
    let at = |text: &str| utc(&format!("2026-10-{text}:00Z"));
    let one = |session: u128, name: &'static str, key: &str, text: &str| {
        let record =
            UsageRecord { at: at(text), ..crate::fixture::usage_record(session, name, key, 0) };
        Event::Acquired { record, holder_order: 1, holder_since: at(text) }
    };
    let users = ["ann", "bob", "Ann%"].map(crate::fixture::user_saved);
    let sessions = [(1, "ann"), (2, "bob"), (3, "Ann%")]
        .map(|(session, name)| crate::fixture::session_opened(session, name));
    let records = [
        one(1, "ann", "inbound_agent", "24T23:30"),
        one(1, "ann", "agent_email", "25T00:30"),
        one(2, "bob", "inbound_agent", "25T00:40"),
        one(2, "bob", "agent_email", "25T01:30"),
        one(3, "Ann%", "inbound_agent", "25T23:59"),
        one(3, "Ann%", "agent_email", "26T00:00"),
    ];
    let events = users.into_iter().chain(sessions).chain(records).collect();
    store.commit(&[batch(129, 1, at("26T00:00"), events)]).await.expect("committed");
}

pub(crate) async fn a_report_is_broken_down_by_the_calendar_of_the_zone(backend: &dyn Backend) {
    let store = open_with_129(backend).await;
    with_usage(&*store).await;
    let london = chrono_tz::Europe::London;
    let by = async |dimension: &str, zone: Tz| {
        rows(&*store, &report(Source::LicenceUsage, &[dimension], &["acquired"], zone)).await
    };
    assert_eq!(by("day", Tz::UTC).await, ["2026-10-24 1", "2026-10-25 4", "2026-10-26 1"]);
    assert_eq!(by("day", london).await, ["2026-10-25 5", "2026-10-26 1"]);
    assert_eq!(by("week", london).await, ["2026-10-19 5", "2026-10-26 1"]);
    assert_eq!(by("month", london).await, ["2026-10 6"]);
    let hours = ["24T23:00 1", "25T00:00 2", "25T01:00 1", "25T23:00 1", "26T00:00 1"];
    assert_eq!(by("hour", london).await, hours, "one o'clock comes twice");
    let hours = ["24T23:30 1", "25T00:30 2", "25T01:30 1", "25T23:30 2"];
    assert_eq!(by("hour", chrono_tz::Asia::Kolkata).await, hours);
    assert_eq!(by("five_minutes", london).await[4], "25T23:55 1");
}

pub(crate) async fn a_report_counts_filters_and_orders(backend: &dyn Backend) {
    let store = open_with_129(backend).await;
    with_usage(&*store).await;
    let source = Source::LicenceUsage;
    let by_type = report(source, &["licence"], &["acquired", "released", "users"], Tz::UTC);
    assert_eq!(rows(&*store, &by_type).await, ["agent_email 3 0 3", "inbound_agent 3 0 3"]);
    let mut by_user = report(source, &["user"], &["acquired", "sessions"], Tz::UTC);
    by_user.order = vec![(0, true)];
    by_user.limit = 2;
    assert_eq!(rows(&*store, &by_user).await, ["bob 2 1", "ann 2 1"]);
    let total = report(source, &[], &["acquired", "users"], Tz::UTC);
    let cases = [
        (filter(source, "user", Operator::Equal, &["ann"]), "2 1"),
        (filter(source, "user", Operator::NotEqual, &["ann"]), "4 2"),
        (filter(source, "user", Operator::In, &["ann", "bob", "x"]), "4 2"),
        (filter(source, "user", Operator::Contains, &["n"]), "4 2"),
        (filter(source, "user", Operator::Contains, &["%"]), "2 1"),
        (filter(source, "user", Operator::StartsWith, &["Ann"]), "2 1"),
        (filter(source, "reason", Operator::NotEqual, &["logout"]), "6 3"),
        (filter(source, "user", Operator::Equal, &["' OR 1=1 --"]), "0 0"),
        (filter(source, "user", Operator::Contains, &["'; DROP TABLE usage; --"]), "0 0"),
        (filter(source, "user", Operator::In, &["x') OR ('1'='1"]), "0 0"),
    ];
    for (filter, expected) in cases {
        let told = format!("{filter:?}");
        let query = ReportQuery { filters: vec![filter], ..total.clone() };
        assert_eq!(rows(&*store, &query).await, [expected], "{told}");
    }
    let at = position(source.fields(), "logged_at", |field| field.name);
    let values = vec![ReportValue::Time(utc("2026-10-25T01:30:00Z"))];
    let late = ReportFilter { field: at, operator: Operator::GreaterOrEqual, values };
    let query = ReportQuery { filters: vec![late], ..total };
    assert_eq!(rows(&*store, &query).await, ["3 2"]);
    assert_eq!(store.report(id(5), &query).await.expect("none"), ReportOutcome::Rows(vec![]));
}

pub(crate) async fn every_field_and_metric_of_every_source_can_be_asked_for(backend: &dyn Backend) {
    let store = open_with_129(backend).await;
    with_usage(&*store).await;
    let start = utc("2026-10-26T00:00:00Z");
    let events = vec![
        closed(start, vec![record("agent_email", 7)]),
        closed(start + TimeDelta::minutes(5), vec![record("agent_email", 8)]),
        Event::Denied(denial("ann", "agent_email", start)),
    ];
    store.commit(&[batch(129, 2, start, events)]).await.expect("committed");
    for source in Source::ALL {
        let metrics: Vec<&str> = source.metrics().iter().map(|metric| metric.name).collect();
        for field in source.fields() {
            let dimensions: &[&str] = if field.is_dimension { &[field.name] } else { &[] };
            let mut query = report(*source, dimensions, &metrics, chrono_tz::Europe::London);
            let no_filter = rows(&*store, &query).await.len();
            assert!(no_filter >= 1, "{}", field.name);
            for operator in field.operators {
                let none = filter(*source, field.name, *operator, &["nothing is called so"]);
                query.filters = vec![none];
                let found = store.report(id(129), &query).await;
                assert!(found.is_ok(), "{} {}: {found:?}", field.name, operator.as_str());
            }
        }
    }
    let source = Source::OrganisationLicenceUsage;
    let metrics = ["concurrent_avg", "concurrent_highest", "contingency_lowest", "records"];
    let query = report(source, &["licence"], &metrics, Tz::UTC);
    assert_eq!(rows(&*store, &query).await, ["agent_email 750/100 11 2 2"]);
    let empty = ReportQuery {
        filters: vec![filter(source, "licence", Operator::Equal, &["agent_sms"])],
        ..report(source, &[], &metrics, Tz::UTC)
    };
    assert_eq!(rows(&*store, &empty).await, ["- - - 0"]);
}
