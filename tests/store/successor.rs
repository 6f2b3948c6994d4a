//! An organisation is deleted, and its number is given anew.

use crate::fixture::{
    ALL, Backend, at, batch, commit, denial, id, load, logged_in, open_with_129, settings,
    totals_set, usage, user_saved,
};
use licence_broker::domain::event::Event;
use licence_broker::domain::ids::SessionId;
use licence_broker::store::{DenialFilter, Store, StoreError, UsageFilter, UserFilter};
use std::sync::Arc;

async fn removed_129(backend: &dyn Backend) -> Arc<dyn Store> {
    let store = open_with_129(backend).await;
    let mut events = logged_in(1, "edred");
    events.push(totals_set("inbound_agent", 5, 3));
    events.push(Event::Denied(denial("edred", "agent_sms", at(1))));
    commit(&*store, 1, 1, events).await;
    commit(&*store, 2, 2, vec![Event::OrganisationRemoved { at: at(2) }]).await;
    store
}

pub(crate) async fn a_removed_organisation_is_gone(backend: &dyn Backend) {
    let store = removed_129(backend).await;
    assert!(store.load(id(129)).await.expect("read").is_none());
    assert!(store.organisations().await.expect("read").is_empty());
    assert!(store.settings(id(129)).await.expect("read").is_none());
    assert!(store.settings_page(ALL).await.expect("read").is_empty());
    assert!(store.user(id(129), "edred").await.expect("read").is_none());
    assert!(store.users_page(id(129), &UserFilter::default(), ALL).await.expect("read").is_empty());
    assert!(usage(&*store, &UsageFilter::default()).await.is_empty());
    let late = batch(129, 3, at(3), vec![user_saved("wynn")]);
    let error = store.commit(&[late]).await.expect_err("fenced");
    assert!(
        matches!(error, StoreError::Fenced(organisation) if organisation == id(129)),
        "{error}"
    );
}

pub(crate) async fn a_successor_with_the_same_number_sees_nothing_of_it(backend: &dyn Backend) {
    let store = removed_129(backend).await;
    assert!(store.create_organisation(&settings(129), None).await.expect("the number is free"));
    let loaded = load(&*store, 129).await;
    assert_eq!((loaded.batch, loaded.snapshot.totals_version), (0, 0));
    let snapshot = loaded.snapshot;
    assert!(snapshot.users.is_empty() && snapshot.sessions.is_empty());
    assert!(snapshot.totals.is_empty() && snapshot.denied_today.is_empty());
    assert!(store.user(id(129), "edred").await.expect("read").is_none());
    assert!(store.users_page(id(129), &UserFilter::default(), ALL).await.expect("read").is_empty());
    for user in [None, Some("edred".to_owned())] {
        let filter = UsageFilter { user: user.clone(), ..UsageFilter::default() };
        assert!(usage(&*store, &filter).await.is_empty());
        let filter = DenialFilter { user, ..DenialFilter::default() };
        assert!(store.denials_page(id(129), &filter, ALL).await.expect("read").is_empty());
    }
    let filter = UsageFilter { session: Some(SessionId(1)), ..UsageFilter::default() };
    assert!(usage(&*store, &filter).await.is_empty(), "not even by a session that it had");

    commit(&*store, 1, 9, logged_in(2, "edred")).await;
    assert_eq!(load(&*store, 129).await.snapshot.users.len(), 1);
    assert_eq!(usage(&*store, &UsageFilter::default()).await.len(), 2);
}
