//! The clocks of a time zone, as pages reckon with them.

use crate::browser::Browser;
use crate::support::broker::TestBroker;
use serde_json::{Value, json};

/// What a page's script gives that is handed the module of time zones.
async fn with_zones(page: &Browser, script: &str) -> Value {
    let script = format!(
        "return import('/static/ui/zone.js').then(({{ Zone, RANGES }}) => {{
           const at = (text) => Date.parse(text);
           const zone = (name, language = 'en') => new Zone({{ language }}, name);
           const texts = (range) => [range.from_ms, range.to_ms].map((ms) => new Date(ms).toISOString());
           {script} }})"
    );
    page.evaluates(&script).await
}

#[tokio::test]
async fn the_usual_stretches_begin_and_end_as_the_clocks_of_the_organisation_do() {
    let Some(page) = Browser::start().await else { return };
    let broker = TestBroker::start().await;
    page.open(&broker.url("/")).await;
    // A Monday in London, a day after clocks went back an hour.
    let found = with_zones(
        &page,
        "const now = at('2026-10-26T12:00:00Z');
         return RANGES.map((name) => [name, ...texts(zone('Europe/London').named(name, now))]);",
    )
    .await;
    let day = |name: &str, from: &str, to: &str| {
        json!([name, format!("2026-{from}:00:00.000Z"), format!("2026-{to}:00:00.000Z")])
    };
    let expected = json!([
        ["hour", "2026-10-26T11:01:00.000Z", "2026-10-26T12:01:00.000Z"],
        day("today", "10-26T00", "10-27T00"),
        day("yesterday", "10-24T23", "10-26T00"),
        day("days7", "10-19T23", "10-27T00"),
        day("last_week", "10-18T23", "10-26T00"),
        day("this_month", "09-30T23", "11-01T00"),
        day("last_month", "08-31T23", "09-30T23"),
    ]);
    assert_eq!(found, expected);
}

#[tokio::test]
async fn what_clocks_show_twice_or_never_is_an_instant_all_the_same() {
    let Some(page) = Browser::start().await else { return };
    let broker = TestBroker::start().await;
    page.open(&broker.url("/")).await;
    for (zone, field, instant) in [
        ("Europe/London", "2026-07-01T09:30", "2026-07-01T08:30:00.000Z"),
        ("Asia/Tokyo", "2026-07-01T09:30", "2026-07-01T00:30:00.000Z"),
        ("Asia/Kolkata", "2026-07-01T00:00", "2026-06-30T18:30:00.000Z"),
        // Shown twice: the first of them.
        ("Europe/London", "2026-10-25T01:30", "2026-10-25T00:30:00.000Z"),
        // Never shown: when clocks pass over it.
        ("Europe/London", "2026-03-29T01:00", "2026-03-29T01:00:00.000Z"),
        ("America/Santiago", "2026-09-06T00:00", "2026-09-06T04:00:00.000Z"),
        ("Pacific/Kiritimati", "2026-01-01T00:00", "2025-12-31T10:00:00.000Z"),
    ] {
        let script = format!(
            "return new Date(zone('{zone}').fromField('{field}')).toISOString().concat(' ',
               zone('{zone}').toField(at('{instant}')))"
        );
        let found = with_zones(&page, &script).await;
        let (read, shown) = found.as_str().unwrap().split_once(' ').unwrap();
        assert_eq!(read, instant, "{field} in {zone}");
        let is_shown = !field.ends_with("29T01:00") && !field.contains("09-06");
        assert_eq!(shown == field, is_shown, "{field} in {zone} is shown as {shown}");
    }
    assert_eq!(with_zones(&page, "return zone('UTC').fromField('')").await, Value::Null);
}

#[tokio::test]
async fn whole_days_are_told_by_the_first_and_the_last_of_them() {
    let Some(page) = Browser::start().await else { return };
    let broker = TestBroker::start().await;
    page.open(&broker.url("/")).await;
    for (language, days, hours) in [("en", "2026", "09:00"), ("ja", "2026", "09:00")] {
        let script = format!(
            "const london = zone('Europe/London', '{language}');
             const [from, to] = [at('2026-03-01T00:00:00Z'), at('2026-03-08T00:00:00Z')];
             return [london.span(from, to), london.span(from, at('2026-03-01T09:00:00Z'))];"
        );
        let found = with_zones(&page, &script).await;
        let (whole, part) = (found[0].as_str().unwrap(), found[1].as_str().unwrap());
        assert!(whole.contains(days) && whole.contains('7'), "{language}: {whole}");
        assert!(!whole.contains('8') && !whole.contains("00:00"), "{language}: {whole}");
        assert!(part.contains("00:00") && part.contains(hours), "{language}: {part}");
    }
}
