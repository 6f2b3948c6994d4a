//! What must be known again of the month under way.

use crate::fixture::{
    Backend, at, batch, commit, licence, licences, load, open, open_with_129, settings, user_saved,
    utc,
};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use licence_broker::domain::activity::{LapseChange, Lapsed};
use licence_broker::domain::billing::BillLine;
use licence_broker::domain::event::Event;
use licence_broker::domain::organisation::Settings;
use licence_broker::domain::pool::Totals;

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn bought(concurrent: u32, at: DateTime<Utc>) -> Event {
    let totals = Totals { concurrent, ..Totals::default() };
    Event::TotalsSet { licence: licence("agent_sms"), totals, version: 1, at }
}

fn moved_to(time_zone: Tz) -> Event {
    Event::SettingsSaved(Settings { time_zone, ..settings(129) })
}

pub(crate) async fn what_was_bought_counts_from_the_turn_wherever_the_zone_was_then(
    backend: &dyn Backend,
) {
    let store = open(backend).await;
    let new_york = chrono_tz::America::New_York;
    let begun = Settings { time_zone: new_york, ..settings(129) };
    assert!(store.create_organisation(&begun, None).await.expect("created"));
    let turned = utc("2026-10-31T20:00:00Z");
    let totals = Totals { concurrent: 20, ..Totals::default() };
    let line = BillLine {
        licence: licence("agent_sms"),
        bought: totals,
        contingency_max: 0,
        unit_price: None,
    };
    let closed = Event::MonthClosed { month: day("2026-10-01"), lines: vec![line], at: turned };
    // It is November in Tokyo; back in New York it is October once more, but not for the bill.
    let steps = [
        (utc("2026-10-31T18:00:00Z"), vec![bought(20, utc("2026-10-31T18:00:00Z"))]),
        (utc("2026-10-31T19:00:00Z"), vec![bought(7, utc("2026-10-31T19:00:00Z"))]),
        (turned, vec![moved_to(chrono_tz::Asia::Tokyo), closed]),
        (utc("2026-10-31T20:30:00Z"), vec![moved_to(new_york)]),
        (utc("2026-10-31T21:00:00Z"), vec![bought(9, utc("2026-10-31T21:00:00Z"))]),
        (utc("2026-10-31T21:00:01Z"), vec![bought(1, utc("2026-10-31T21:00:01Z"))]),
    ];
    for (number, (when, events)) in (1..).zip(steps) {
        store.commit(&[batch(129, number, when, events)]).await.expect("committed");
    }
    let snapshot = load(&*store, 129).await.snapshot;
    assert_eq!(snapshot.month, day("2026-11-01"));
    let highest: Vec<_> =
        snapshot.highest.iter().map(|(of, totals)| (*of, totals.concurrent)).collect();
    assert_eq!(highest, [(licence("agent_sms"), 9)]);
}

pub(crate) async fn a_name_that_comes_and_goes_at_one_instant_counts_each_time(
    backend: &dyn Backend,
) {
    let store = open_with_129(backend).await;
    let lapsed = Lapsed { licences: licences(&["inbound_agent"]), at_all: true };
    let month = load(&*store, 129).await.snapshot.month;
    let lapse = |change| Event::Lapsed { month, user: "edred".into(), change, at: at(5) };
    for number in 1..=3 {
        let gone = Event::UserDeleted { user: "edred".into(), at: at(5) };
        let events = vec![
            user_saved("edred"),
            lapse(LapseChange::Began(lapsed)),
            lapse(LapseChange::Detached),
            gone,
        ];
        commit(&*store, number, 5, events).await;
    }
    let lapses = load(&*store, 129).await.snapshot.lapses;
    assert_eq!(lapses.iter().filter(|kept| kept.lapsed.at_all).count(), 3);
    assert_eq!(lapses.iter().filter(|kept| !kept.lapsed.licences.is_empty()).count(), 3);
    assert!(lapses.iter().all(|kept| kept.user.is_none()));
}
