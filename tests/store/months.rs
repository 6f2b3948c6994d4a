//! Months over a restart: which is under way, since when, and who was active in it.

use crate::fixture::{
    Backend, at, batch, commit, licence, licences, load, open, open_with_129, settings, user_saved,
    utc,
};
use chrono::{DateTime, NaiveDate, Utc};
use licence_broker::domain::activity::{LapseChange, Lapsed};
use licence_broker::domain::billing::BillLine;
use licence_broker::domain::event::Event;
use licence_broker::domain::organisation::Settings;
use licence_broker::domain::pool::Totals;
use licence_broker::store::Store;

const MARCH: NaiveDate = NaiveDate::from_ymd_opt(2026, 3, 1).expect("a date");
const NOVEMBER: NaiveDate = NaiveDate::from_ymd_opt(2026, 11, 1).expect("a date");
const OCTOBER: NaiveDate = NaiveDate::from_ymd_opt(2026, 10, 1).expect("a date");

fn concurrent(number: u32) -> Totals {
    Totals { concurrent: number, ..Totals::default() }
}

fn bought(number: u32, at: DateTime<Utc>) -> Event {
    let (licence, totals) = (licence("agent_sms"), concurrent(number));
    Event::TotalsSet { licence, totals, version: 1, at }
}

fn october_closed(lines: Vec<BillLine>, at: DateTime<Utc>) -> Event {
    Event::MonthClosed { month: OCTOBER, lines, at }
}

/// Organisation 129 in New York, whose November begins at 04:00 UTC.
async fn in_new_york(backend: &dyn Backend) -> std::sync::Arc<dyn Store> {
    let store = open(backend).await;
    let time_zone = chrono_tz::America::New_York;
    let new_york = Settings { time_zone, ..settings(129) };
    assert!(store.create_organisation(&new_york, None).await.expect("created"));
    store
}

pub(crate) async fn a_month_counts_what_was_bought_from_when_it_was_begun(backend: &dyn Backend) {
    let store = in_new_york(backend).await;
    // The zone was Tokyo's for a moment, in which it was November already.
    let turned = utc("2026-10-31T20:00:00Z");
    let line = BillLine {
        licence: licence("agent_sms"),
        bought: concurrent(7),
        contingency_max: 0,
        unit_price: None,
    };
    let events = vec![
        bought(7, utc("2026-10-31T18:00:00Z")),
        bought(2, utc("2026-10-31T19:00:00Z")),
        october_closed(vec![line], turned),
        bought(3, utc("2026-10-31T21:00:00Z")),
        bought(1, utc("2026-10-31T22:00:00Z")),
    ];
    let last = utc("2026-10-31T22:00:00Z");
    store.commit(&[batch(129, 1, last, events)]).await.expect("committed");
    let snapshot = load(&*store, 129).await.snapshot;
    assert_eq!(snapshot.month, NOVEMBER);
    assert_eq!(snapshot.highest, [(licence("agent_sms"), concurrent(3))]);
}

pub(crate) async fn a_month_is_not_begun_twice_though_nothing_was_bought_in_the_one_before(
    backend: &dyn Backend,
) {
    let store = in_new_york(backend).await;
    let turned = utc("2026-10-31T20:00:00Z");
    let events = vec![october_closed(Vec::new(), turned)];
    store.commit(&[batch(129, 1, turned, events)]).await.expect("committed");
    assert_eq!(load(&*store, 129).await.snapshot.month, NOVEMBER);
}

pub(crate) async fn the_month_in_which_an_organisation_was_created_stays_when_it_moves(
    backend: &dyn Backend,
) {
    let store = open(backend).await;
    let created_at = utc("2026-10-31T20:00:00Z");
    let tokyo = Settings { time_zone: chrono_tz::Asia::Tokyo, created_at, ..settings(129) };
    assert!(store.create_organisation(&tokyo, None).await.expect("created"));
    let new_york = Settings { time_zone: chrono_tz::America::New_York, ..tokyo };
    let events = vec![Event::SettingsSaved(new_york)];
    store.commit(&[batch(129, 1, created_at, events)]).await.expect("committed");
    assert_eq!(load(&*store, 129).await.snapshot.month, NOVEMBER);
}

pub(crate) async fn people_by_one_name_who_are_deleted_at_one_instant_all_count(
    backend: &dyn Backend,
) {
    let store = open_with_129(backend).await;
    let month = NaiveDate::from_ymd_opt(2026, 3, 1).expect("a date");
    let lapsed = Lapsed { licences: licences(&["inbound_agent"]), at_all: true };
    let lapse = |change| Event::Lapsed { month, user: "edred".into(), change, at: at(1) };
    for number in 1..=3 {
        // A clock that was put back makes many decisions at one instant.
        let deleted = vec![
            user_saved("edred"),
            lapse(LapseChange::Began(lapsed)),
            lapse(LapseChange::Detached),
            Event::UserDeleted { user: "edred".into(), at: at(1) },
        ];
        commit(&*store, number, 1, deleted).await;
    }
    let lapses = load(&*store, 129).await.snapshot.lapses;
    assert!(lapses.iter().all(|lapse| lapse.user.is_none()));
    assert_eq!(lapses.iter().filter(|lapse| lapse.lapsed.at_all).count(), 3);
    let with_the_type = |lapse: &&_| -> bool {
        let stored: &licence_broker::domain::activity::StoredLapse = lapse;
        stored.lapsed.licences.contains(licence("inbound_agent"))
    };
    assert_eq!(lapses.iter().filter(with_the_type).count(), 3);
}

pub(crate) async fn changes_of_one_name_are_kept_in_their_order_among_those_of_many(
    backend: &dyn Backend,
) {
    let store = open_with_129(backend).await;
    let lapsed = Lapsed { licences: licences(&["agent_email"]), at_all: false };
    let (began, ended) = (LapseChange::Began(lapsed), LapseChange::Ended(lapsed));
    let edred = [began, ended, began, LapseChange::Detached, began, ended, began];
    let lapse =
        |user: &str, change| Event::Lapsed { month: MARCH, user: user.into(), change, at: at(1) };
    let mut events = Vec::new();
    for number in 0..300 {
        events.push(lapse(&format!("agent-{number}"), began));
        events.extend(edred.get(number).map(|change| lapse("edred", *change)));
        events.push(lapse(&format!("agent-{number}"), LapseChange::Detached));
    }
    commit(&*store, 1, 1, events).await;
    let lapses = load(&*store, 129).await.snapshot.lapses;
    let of_edred = lapses.iter().filter(|lapse| lapse.user.as_deref() == Some("edred"));
    assert_eq!(of_edred.count(), 1, "of who has the name now");
    let gone = lapses.iter().filter(|lapse| lapse.user.is_none());
    assert_eq!(gone.count(), 301, "and of who had it before");
}
