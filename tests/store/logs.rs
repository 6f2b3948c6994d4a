//! The logs: order, pages, filters.

use crate::fixture::{
    ALL, Backend, acquired, at, batch, commit, cursors, denial, id, open_with_129, released,
    session_opened, settings, usage, usage_record, utc,
};
use licence_broker::domain::event::{DenialRecord, Denied, DeniedName, Event, UsageRecord};
use licence_broker::domain::ids::SessionId;
use licence_broker::domain::reason::{
    DenialOutcome, DenialReason, Device, GrantPool, LogonSource, ReleaseReason, UsageType,
};
use licence_broker::store::{DenialFilter, Page, Range, UsageFilter, UsageRow};

fn release(session: u128, name: &str, device: Device, reason: ReleaseReason) -> Event {
    Event::Released(UsageRecord {
        usage_type: UsageType::Released,
        reason: Some(reason),
        device,
        ..usage_record(session, name, "inbound_agent", 9)
    })
}

pub(crate) async fn usage_is_read_page_by_page_in_the_order_of_decisions(backend: &dyn Backend) {
    let store = open_with_129(backend).await;
    assert!(store.create_organisation(&settings(130), None).await.expect("created"));
    let mut number = 0;
    // Two organisations take turns, and several records share an instant.
    for round in 0..5 {
        let mut events = Vec::new();
        for _ in 0..7 {
            number += 1;
            let name = if number % 2 == 0 { "edred" } else { "wynn" };
            events.push(session_opened(number, name));
            events.push(acquired(number, name, "inbound_agent", round, 1));
        }
        let batch_number = u64::try_from(round).expect("small") + 1;
        let session = 1_000 + number;
        let other = vec![
            session_opened(session, "edred"),
            acquired(session, "edred", "agent_sms", round, 1),
        ];
        let batches = [
            batch(130, batch_number, at(round), other),
            batch(129, batch_number, at(round), events),
        ];
        store.commit(&batches).await.expect("committed");
    }
    let of_edred = UsageFilter { user: Some("edred".to_owned()), ..UsageFilter::default() };
    for (filter, step) in [(UsageFilter::default(), 1), (of_edred, 2)] {
        let (mut read, mut after) = (Vec::new(), 0);
        loop {
            let page = Page { after, limit: 4 };
            let page = store.usage_page(id(129), &filter, page).await.expect("a page");
            let Some(last) = page.last() else { break };
            assert!(page.len() <= 4);
            after = last.cursor;
            read.extend(page.into_iter().map(|stored| stored.row.session.0));
        }
        let expected: Vec<u128> =
            (step..=35).step_by(usize::try_from(step).expect("small")).collect();
        assert_eq!(read, expected);
    }
    assert!(
        store.usage_page(id(5), &UsageFilter::default(), ALL).await.expect("a page").is_empty()
    );
}

pub(crate) async fn usage_can_be_filtered_by_every_field(backend: &dyn Backend) {
    let store = open_with_129(backend).await;
    let events = vec![
        session_opened(1, "edred"),
        session_opened(2, "wynn"),
        acquired(1, "edred", "inbound_agent", 1, 1),
        acquired(1, "edred", "agent_email", 1, 2),
        acquired(2, "wynn", "agent_email", 2, 3),
        released(1, "edred", "agent_email", 3),
        release(1, "edred", Device::AgentDesktop, ReleaseReason::Forced),
        release(3, "edred", Device::Deskphone, ReleaseReason::Logout),
    ];
    commit(&*store, 1, 9, events).await;
    let all = store.usage_page(id(129), &UsageFilter::default(), ALL).await.expect("a page");
    let expected = UsageRow {
        usage_type: UsageType::Released,
        at: at(9),
        licence: "inbound_agent".to_owned(),
        user: "edred".into(),
        logon_source: LogonSource::PairedDevice,
        device: Device::Deskphone,
        session: SessionId(3),
        pool: GrantPool::Concurrent,
        reason: Some(ReleaseReason::Logout),
    };
    assert_eq!(all[5].row, expected);
    let none = UsageFilter::default;
    let text = |text: &str| Some(text.to_owned());
    let from = Range { from: Some(at(3)), to: None };
    let cases = [
        (none(), vec![0, 1, 2, 3, 4, 5]),
        (UsageFilter { user: text("wynn"), ..none() }, vec![2]),
        (UsageFilter { user: text("edred"), range: from, ..none() }, vec![3, 4, 5]),
        (UsageFilter { licence: text("agent_email"), ..none() }, vec![1, 2, 3]),
        (UsageFilter { usage_type: Some(UsageType::Released), ..none() }, vec![3, 4, 5]),
        (UsageFilter { logon_source: Some(LogonSource::PairedDevice), ..none() }, vec![5]),
        (UsageFilter { reason: Some(ReleaseReason::Logout), ..none() }, vec![3, 5]),
        (UsageFilter { session: Some(SessionId(1)), ..none() }, vec![0, 1, 3, 4]),
        (UsageFilter { session: Some(SessionId(1)), user: text("wynn"), ..none() }, vec![]),
        (
            UsageFilter { session: Some(SessionId(1)), licence: text("agent_email"), ..none() },
            vec![1, 3],
        ),
        (UsageFilter { user: text("' OR 1=1 --"), ..none() }, vec![]),
    ];
    for (filter, expected) in cases {
        let page = store.usage_page(id(129), &filter, ALL).await.expect("a page");
        let expected: Vec<i64> = expected.into_iter().map(|row: usize| all[row].cursor).collect();
        assert_eq!(cursors(&page), expected, "{filter:?}");
    }
}

pub(crate) async fn denials_are_read_and_filtered(backend: &dyn Backend) {
    let store = open_with_129(backend).await;
    let unknown = DenialRecord {
        denied: Denied {
            licence: DeniedName::Unknown("télex ☎".into()),
            reason: DenialReason::UnknownLicence,
        },
        device: Device::Switchboard,
        outcome: DenialOutcome::Waiting,
        ..denial("wynn", "agent_email", at(2))
    };
    let records =
        [denial("edred", "agent_email", at(1)), unknown, denial("edred", "agent_sms", at(3))];
    commit(&*store, 1, 3, records.into_iter().map(Event::Denied).collect()).await;
    let all = store.denials_page(id(129), &DenialFilter::default(), ALL).await.expect("a page");
    let row = &all[1].row;
    assert_eq!((&*row.licence, &*row.user, row.at), ("télex ☎", "wynn", at(2)));
    assert_eq!((row.device, row.outcome), (Device::Switchboard, DenialOutcome::Waiting));
    let none = DenialFilter::default;
    let text = |text: &str| Some(text.to_owned());
    let cases = [
        (none(), vec![0, 1, 2]),
        (DenialFilter { user: text("edred"), ..none() }, vec![0, 2]),
        (DenialFilter { licence: text("agent_sms"), ..none() }, vec![2]),
        (DenialFilter { licence: text("télex ☎"), ..none() }, vec![1]),
        (DenialFilter { reason: Some(DenialReason::Exhausted), ..none() }, vec![0, 2]),
        (DenialFilter { range: Range { from: Some(at(2)), to: Some(at(3)) }, ..none() }, vec![1]),
    ];
    for (filter, expected) in cases {
        let page = store.denials_page(id(129), &filter, ALL).await.expect("a page");
        let expected: Vec<i64> = expected.into_iter().map(|row: usize| all[row].cursor).collect();
        assert_eq!(cursors(&page), expected, "{filter:?}");
    }
    let second = Page { after: all[0].cursor, limit: 1 };
    assert_eq!(store.denials_page(id(129), &none(), second).await.expect("a page"), all[1..2]);
}

/// A device names what it asks for as it likes; the characters are those that JSON can say.
pub(crate) async fn a_name_of_any_characters_is_kept_and_found(backend: &dyn Backend) {
    let store = open_with_129(backend).await;
    let named = |name: &str| DenialRecord {
        denied: Denied {
            licence: DeniedName::Unknown(name.into()),
            reason: DenialReason::UnknownLicence,
        },
        ..denial("wynn", "agent_email", at(1))
    };
    let names = ["a\0b\0", "\u{1}\u{7f}", "\u{d7ff}\u{ffff}\u{10ffff}", "'\"\\{},NULL"];
    let records = names.iter().map(|name| Event::Denied(named(name)));
    commit(&*store, 1, 1, records.collect()).await;
    let all = store.denials_page(id(129), &DenialFilter::default(), ALL).await.expect("a page");
    for (name, stored) in names.iter().zip(&all) {
        let filter = DenialFilter { licence: Some((*name).to_owned()), ..DenialFilter::default() };
        let found = store.denials_page(id(129), &filter, ALL).await.expect("a page");
        assert_eq!(found, std::slice::from_ref(stored), "{name:?}");
    }
    let filter = UsageFilter { user: Some("\0".to_owned()), ..UsageFilter::default() };
    assert!(store.usage_page(id(129), &filter, ALL).await.expect("a page").is_empty());
    assert!(store.user(id(129), "\0").await.expect("an answer").is_none());
    assert!(store.account(Some(id(129)), "\0").await.expect("an answer").is_none());
}

pub(crate) async fn a_range_includes_its_beginning_and_excludes_its_end(backend: &dyn Backend) {
    let store = open_with_129(backend).await;
    let record = |instant: &str, session| {
        let at = utc(instant);
        let record = UsageRecord { at, ..usage_record(session, "edred", "inbound_agent", 0) };
        let acquired = Event::Acquired { record, holder_order: 1, holder_since: at };
        [session_opened(session, "edred"), acquired]
    };
    let events = [
        record("2026-03-06T12:59:59.999Z", 1),
        record("2026-03-06T13:00:00.000Z", 2),
        record("2026-03-06T13:59:59.999Z", 3),
        record("2026-03-06T14:00:00.000Z", 4),
    ];
    let events = events.into_iter().flatten().collect();
    let end = utc("2026-03-06T14:00:00Z");
    store.commit(&[batch(129, 1, end, events)]).await.expect("committed");
    let range = Range { from: Some(utc("2026-03-06T13:00:00Z")), to: Some(end) };
    for user in [None, Some("edred".to_owned())] {
        let filter = UsageFilter { range, user, ..UsageFilter::default() };
        let sessions: Vec<u128> =
            usage(&*store, &filter).await.iter().map(|row| row.session.0).collect();
        assert_eq!(sessions, [2, 3]);
    }
}

pub(crate) async fn the_source_of_a_release_is_named_by_its_reason(backend: &dyn Backend) {
    let store = open_with_129(backend).await;
    let events = vec![
        release(1, "edred", Device::AgentDesktop, ReleaseReason::ConnectionLost),
        release(2, "edred", Device::Deskphone, ReleaseReason::Scheduled),
        release(3, "edred", Device::Switchboard, ReleaseReason::HeartbeatTimeout),
    ];
    commit(&*store, 1, 9, events).await;
    let rows = usage(&*store, &UsageFilter::default()).await;
    let sources: Vec<LogonSource> = rows.iter().map(|row| row.logon_source).collect();
    let expected = [
        LogonSource::AgentDesktopConnectionLost,
        LogonSource::ScheduledLogOff,
        LogonSource::Switchboard,
    ];
    assert_eq!(sources, expected);
}
