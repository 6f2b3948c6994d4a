//! What goes in comes out.

use crate::fixture::{
    ALL, Backend, acquired, at, commit, cursors, id, licence, licences, load, logged_in, open,
    open_with_129, opened, released, session_closed, session_opened, settings, totals_set,
    unqueued, user, user_saved, utc,
};
use chrono::NaiveTime;
use licence_broker::domain::event::{Event, SessionOpened};
use licence_broker::domain::ids::OrganisationId;
use licence_broker::domain::organisation::Settings;
use licence_broker::domain::pool::Totals;
use licence_broker::domain::reason::{Device, GrantPool, UserStatus};
use licence_broker::domain::session::Place;
use licence_broker::domain::user::UserRecord;
use licence_broker::store::{OrganisationEntry, Page, UserFilter};

fn other_settings() -> Settings {
    Settings {
        name: "Größe & 名前 'quoted'".into(),
        time_zone: chrono_tz::Asia::Tokyo,
        max_grace_s: 0,
        scheduled_log_off: NaiveTime::from_hms_opt(20, 30, 0),
        created_at: utc("2026-01-31T23:59:59.999Z"),
        version: u64::MAX,
        ..settings(OrganisationId::MAX)
    }
}

pub(crate) async fn a_new_organisation_is_loaded_as_it_was_created(backend: &dyn Backend) {
    let store = open(backend).await;
    let settings = other_settings();
    assert!(store.create_organisation(&settings, None).await.expect("created"));
    assert_eq!(store.settings(settings.id).await.expect("read"), Some(settings.clone()));
    let loaded = load(&*store, OrganisationId::MAX).await;
    assert_eq!(loaded.snapshot.settings, settings);
    assert_eq!(loaded.snapshot.last_at, settings.created_at);
    assert_eq!((loaded.batch, loaded.snapshot.totals_version), (0, 0));
    assert!(loaded.snapshot.users.is_empty() && loaded.snapshot.sessions.is_empty());
    assert!(store.load(id(5)).await.expect("read").is_none());
    assert!(store.settings(id(5)).await.expect("read").is_none());
}

pub(crate) async fn a_number_is_taken_while_its_organisation_exists(backend: &dyn Backend) {
    let store = open_with_129(backend).await;
    let other = Settings { name: "Other".into(), ..settings(129) };
    assert!(!store.create_organisation(&other, None).await.expect("answered"));
    assert_eq!(load(&*store, 129).await.snapshot.settings, settings(129));
}

pub(crate) async fn users_totals_and_settings_are_loaded_as_they_were_written(
    backend: &dyn Backend,
) {
    let store = open_with_129(backend).await;
    let odd = UserRecord {
        status: UserStatus::Suspended,
        user_type: licence("supervisor"),
        features: licences(&[]),
        created_at: utc("2025-12-31T23:59:59.001Z"),
        version: 77,
        ..user("o'dred \"x\"\\")
    };
    let changed = Settings { id: id(129), created_at: at(0), ..other_settings() };
    let events = vec![
        user_saved("edred"),
        Event::UserSaved(odd.clone()),
        totals_set("inbound_agent", 100, 3),
        totals_set("agent_email", u32::MAX, 4),
        totals_set("inbound_agent", 200, 5),
        Event::SettingsSaved(changed.clone()),
    ];
    commit(&*store, 1, 9, events).await;
    let loaded = load(&*store, 129).await;
    assert_eq!(loaded.batch, 1);
    let snapshot = loaded.snapshot;
    assert_eq!(snapshot.settings, changed);
    assert_eq!(snapshot.users, [user("edred"), odd.clone()]);
    assert_eq!((snapshot.totals_version, snapshot.last_at), (5, at(9)));
    let bought = |concurrent| Totals { base: 9, concurrent, contingency: 2, fixed: 0 };
    let mut totals = snapshot.totals;
    totals.sort_by_key(|(licence, _)| *licence);
    let expected =
        [(licence("inbound_agent"), bought(200)), (licence("agent_email"), bought(u32::MAX))];
    assert_eq!(totals, expected);
    assert_eq!(store.user(id(129), &odd.user).await.expect("read"), Some(odd));
    assert_eq!(store.user(id(129), "nobody").await.expect("read"), None);
}

pub(crate) async fn users_are_listed_in_the_order_of_their_creation(backend: &dyn Backend) {
    let store = open_with_129(backend).await;
    let all = ["zoe", "adam", "mia", "ben", "leo"];
    commit(&*store, 1, 1, all.iter().map(|name| user_saved(name)).collect()).await;
    let renamed = Event::UserSaved(UserRecord { name: "Renamed".into(), ..user("zoe") });
    let deleted = Event::UserDeleted { user: "mia".into(), at: at(2) };
    commit(&*store, 2, 2, vec![renamed, deleted]).await;
    let mut listed = Vec::new();
    let mut after = 0;
    loop {
        let page = store
            .users_page(id(129), &UserFilter::default(), Page { after, limit: 2 })
            .await
            .expect("a page");
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 2 && page[0].cursor > after);
        after = last.cursor;
        listed.extend(page.into_iter().map(|stored| stored.row.user.to_string()));
    }
    assert_eq!(listed, ["zoe", "adam", "ben", "leo"]);
}

pub(crate) async fn users_are_found_by_name_status_and_type(backend: &dyn Backend) {
    let store = open_with_129(backend).await;
    let supervisor = licence("supervisor");
    let saved = [
        UserRecord { name: "Zoë 100%".into(), ..user("zoe") },
        UserRecord { name: "Adam".into(), status: UserStatus::Suspended, ..user("adam") },
        UserRecord { name: "Mia Zoeller".into(), user_type: supervisor, ..user("mia") },
    ];
    commit(&*store, 1, 1, saved.into_iter().map(Event::UserSaved).collect()).await;
    let search = |part: &str| UserFilter { search: Some(part.into()), ..UserFilter::default() };
    let status = |status| UserFilter { status: Some(status), ..UserFilter::default() };
    let of_type = |key: &str| UserFilter { user_type: Some(key.into()), ..UserFilter::default() };
    for (filter, found) in [
        (search("ZOE"), vec!["zoe", "mia"]),
        (search("100%"), vec!["zoe"]),
        (search("_"), vec![]),
        (search("Zoë"), vec!["zoe"]),
        (status(UserStatus::Suspended), vec!["adam"]),
        (of_type("supervisor"), vec!["mia"]),
        (UserFilter { search: Some("a".into()), ..of_type("inbound_agent") }, vec!["adam"]),
    ] {
        let page = store.users_page(id(129), &filter, Page { after: 0, limit: 9 }).await;
        let users: Vec<_> = page.expect("a page").into_iter().map(|user| user.row.user).collect();
        assert_eq!(users.iter().map(|user| &**user).collect::<Vec<_>>(), found, "{filter:?}");
    }
}

pub(crate) async fn organisations_are_listed_page_by_page(backend: &dyn Backend) {
    let store = open_with_129(backend).await;
    for number in [7, 200] {
        assert!(store.create_organisation(&settings(number), None).await.expect("created"));
    }
    commit(&*store, 1, 1, logged_in(1, "edred")).await;
    let all = store.settings_page(ALL).await.expect("a page");
    let numbers: Vec<u64> = all.iter().map(|stored| stored.row.id.get()).collect();
    assert_eq!(numbers, [129, 7, 200]);
    let rest = Page { after: cursors(&all)[0], limit: 1 };
    assert_eq!(store.settings_page(rest).await.expect("a page"), all[1..2]);
    let entry = |number, has_open_sessions| OrganisationEntry { id: id(number), has_open_sessions };
    let mut entries = store.organisations().await.expect("read");
    entries.sort_by_key(|entry| entry.id);
    assert_eq!(entries, [entry(7, false), entry(129, true), entry(200, false)]);
}

pub(crate) async fn open_sessions_are_loaded_with_what_they_hold_and_wait_for(
    backend: &dyn Backend,
) {
    let store = open_with_129(backend).await;
    let phone = SessionOpened {
        device: Device::Deskphone,
        grace_s: 0,
        address: "2001:db8::1".into(),
        ..opened(u128::MAX, "edred")
    };
    let mut events = logged_in(1, "edred");
    events.push(Event::SessionOpened(phone));
    let Event::Acquired { mut record, .. } = acquired(u128::MAX, "edred", "inbound_agent", 4, 0)
    else {
        unreachable!("it was made as one")
    };
    record.pool = GrantPool::Shared;
    events.push(Event::Acquired { record, holder_order: 11, holder_since: at(1) });
    commit(&*store, 1, 4, events).await;

    let sessions = load(&*store, 129).await.snapshot.sessions;
    let [desktop, phone] = &sessions[..] else { panic!("two sessions, not {}", sessions.len()) };
    assert_eq!(format!("{:?}", desktop.opened), format!("{:?}", opened(1, "edred")));
    assert_eq!(desktop.places, [Place { licence: licence("agent_web_chat"), place: 13 }]);
    let mut held: Vec<_> = desktop
        .instances
        .iter()
        .map(|held| (held.instance.licence, held.instance.pool, held.holder_order))
        .collect();
    held.sort_unstable();
    let expected = [("inbound_agent", 11), ("agent_email", 12)];
    assert_eq!(held, expected.map(|(key, order)| (licence(key), GrantPool::Concurrent, order)));
    assert_eq!((phone.opened.device, phone.opened.grace_s), (Device::Deskphone, 0));
    assert_eq!(&*phone.opened.address, "2001:db8::1");
    let shared = phone.instances[0];
    assert_eq!((shared.instance.pool, shared.instance.since), (GrantPool::Shared, at(4)));
    assert_eq!((shared.holder_order, shared.holder_since), (11, at(1)));
}

pub(crate) async fn what_a_session_gave_back_is_not_loaded(backend: &dyn Backend) {
    let store = open_with_129(backend).await;
    commit(&*store, 1, 1, logged_in(1, "edred")).await;
    commit(&*store, 2, 1, logged_in(2, "wynn")).await;
    let given_back = vec![released(1, "edred", "agent_email", 2), unqueued(1, "agent_web_chat")];
    commit(&*store, 3, 2, given_back).await;
    let sessions = load(&*store, 129).await.snapshot.sessions;
    assert_eq!((sessions[0].instances.len(), sessions[0].places.len()), (1, 0));
    assert_eq!((sessions[1].instances.len(), sessions[1].places.len()), (2, 1));
    commit(&*store, 4, 3, vec![released(1, "edred", "inbound_agent", 3), session_closed(1)]).await;
    let sessions = load(&*store, 129).await.snapshot.sessions;
    assert_eq!(sessions.len(), 1);
    assert_eq!(&*sessions[0].opened.user, "wynn");
    let back = vec![session_opened(3, "edred"), acquired(3, "edred", "inbound_agent", 4, 50)];
    commit(&*store, 5, 4, back).await;
    assert_eq!(load(&*store, 129).await.snapshot.sessions.len(), 2);
}
