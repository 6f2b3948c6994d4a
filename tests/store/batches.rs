//! What a commit does with batches: their order, their numbers, what they come to.

use crate::fixture::{
    Backend, acquired, at, batch, commit, id, licence, load, logged_in, open, open_with_129,
    queued, released, session_closed, session_opened, settings, totals_set, unqueued, usage, user,
    user_saved,
};
use chrono::TimeDelta;
use licence_broker::domain::event::Event;
use licence_broker::domain::session::Place;
use licence_broker::domain::user::UserRecord;
use licence_broker::store::{StoreError, UsageFilter};

pub(crate) async fn a_session_that_ends_within_its_batch_leaves_only_its_records(
    backend: &dyn Backend,
) {
    let store = open_with_129(backend).await;
    let mut events = logged_in(1, "edred");
    events.extend([
        unqueued(1, "agent_web_chat"),
        released(1, "edred", "inbound_agent", 2),
        released(1, "edred", "agent_email", 2),
        session_closed(1),
    ]);
    commit(&*store, 1, 2, events).await;
    assert!(load(&*store, 129).await.snapshot.sessions.is_empty());
    let kinds: Vec<_> = usage(&*store, &UsageFilter::default())
        .await
        .into_iter()
        .map(|row| (row.usage_type.as_str(), row.licence))
        .collect();
    let expected = [
        ("Acquired", "inbound_agent"),
        ("Acquired", "agent_email"),
        ("Released", "inbound_agent"),
        ("Released", "agent_email"),
    ];
    assert_eq!(kinds, expected.map(|(kind, key)| (kind, key.to_owned())));
}

pub(crate) async fn a_place_given_up_and_taken_again_is_the_last_one(backend: &dyn Backend) {
    let store = open_with_129(backend).await;
    commit(&*store, 1, 1, logged_in(1, "edred")).await;
    let again = |place| [unqueued(1, "agent_web_chat"), queued(1, "agent_web_chat", place)];
    commit(&*store, 2, 2, again(21).into_iter().chain(again(22)).collect()).await;
    let places = load(&*store, 129).await.snapshot.sessions[0].places.clone();
    assert_eq!(places, [Place { licence: licence("agent_web_chat"), place: 22 }]);
    let gone =
        vec![queued(1, "agent_sms", 30), unqueued(1, "agent_sms"), unqueued(1, "agent_web_chat")];
    commit(&*store, 3, 3, gone).await;
    assert!(load(&*store, 129).await.snapshot.sessions[0].places.is_empty());
}

pub(crate) async fn a_licence_given_back_and_acquired_again_is_held_anew(backend: &dyn Backend) {
    let store = open_with_129(backend).await;
    commit(&*store, 1, 1, logged_in(1, "edred")).await;
    let again = vec![
        released(1, "edred", "agent_email", 5),
        acquired(1, "edred", "agent_email", 6, 40),
        released(1, "edred", "inbound_agent", 6),
        acquired(1, "edred", "inbound_agent", 7, 41),
        released(1, "edred", "inbound_agent", 8),
    ];
    commit(&*store, 2, 8, again).await;
    let session = load(&*store, 129).await.snapshot.sessions.remove(0);
    let held: Vec<_> = session
        .instances
        .iter()
        .map(|held| (held.instance.licence, held.instance.since, held.holder_order))
        .collect();
    assert_eq!(held, [(licence("agent_email"), at(6), 40)]);
}

pub(crate) async fn a_user_deleted_and_created_again_is_the_new_one(backend: &dyn Backend) {
    let store = open_with_129(backend).await;
    let deleted = || Event::UserDeleted { user: "edred".into(), at: at(2) };
    commit(&*store, 1, 1, vec![user_saved("edred"), user_saved("wynn")]).await;
    let anew = UserRecord { created_at: at(3), version: 30, ..user("edred") };
    commit(&*store, 2, 3, vec![deleted(), Event::UserSaved(anew.clone())]).await;
    assert_eq!(store.user(id(129), "edred").await.expect("read"), Some(anew.clone()));
    let names: Vec<_> = load(&*store, 129).await.snapshot.users;
    assert_eq!(names, [user("wynn"), anew]);
    let passing =
        vec![user_saved("passing"), Event::UserDeleted { user: "passing".into(), at: at(4) }];
    commit(&*store, 3, 4, passing).await;
    commit(&*store, 4, 5, vec![deleted()]).await;
    assert_eq!(store.user(id(129), "edred").await.expect("read"), None);
    assert_eq!(load(&*store, 129).await.snapshot.users, [user("wynn")]);
}

pub(crate) async fn a_batch_is_applied_once(backend: &dyn Backend) {
    let store = open_with_129(backend).await;
    let first = batch(129, 1, at(1), logged_in(1, "edred"));
    let second = batch(129, 2, at(2), vec![released(1, "edred", "agent_email", 2)]);
    store.commit(std::slice::from_ref(&first)).await.expect("committed");
    store.commit(&[first.clone(), second.clone()]).await.expect("the second is new");
    store.commit(&[first, second]).await.expect("nothing is new");
    assert_eq!(usage(&*store, &UsageFilter::default()).await.len(), 3);
    assert_eq!(load(&*store, 129).await.batch, 2);
}

pub(crate) async fn a_batch_that_skips_a_number_is_fenced(backend: &dyn Backend) {
    let store = open_with_129(backend).await;
    commit(&*store, 1, 1, vec![user_saved("edred")]).await;
    let skipping = batch(129, 3, at(2), vec![user_saved("wynn")]);
    let error = store.commit(&[skipping]).await.expect_err("fenced");
    assert!(
        matches!(error, StoreError::Fenced(organisation) if organisation == id(129)),
        "{error}"
    );
    assert_eq!(load(&*store, 129).await.snapshot.users.len(), 1);
    commit(&*store, 2, 2, vec![user_saved("wynn")]).await;
    assert_eq!(load(&*store, 129).await.snapshot.users.len(), 2);
}

pub(crate) async fn a_batch_for_an_organisation_that_is_not_there_is_fenced(backend: &dyn Backend) {
    let store = open(backend).await;
    let stray = batch(129, 1, at(1), vec![user_saved("edred")]);
    let error = store.commit(&[stray]).await.expect_err("fenced");
    assert!(
        matches!(error, StoreError::Fenced(organisation) if organisation == id(129)),
        "{error}"
    );
}

pub(crate) async fn one_fenced_batch_keeps_all_of_a_commit_out(backend: &dyn Backend) {
    let store = open_with_129(backend).await;
    assert!(store.create_organisation(&settings(130), None).await.expect("created"));
    let good = batch(129, 1, at(1), logged_in(1, "edred"));
    let fenced = batch(130, 7, at(1), logged_in(2, "wynn"));
    let error = store.commit(&[good.clone(), fenced]).await.expect_err("fenced");
    assert!(
        matches!(error, StoreError::Fenced(organisation) if organisation == id(130)),
        "{error}"
    );
    assert!(load(&*store, 129).await.snapshot.users.is_empty());
    assert!(usage(&*store, &UsageFilter::default()).await.is_empty());
    let other = batch(130, 1, at(1), logged_in(2, "wynn"));
    store.commit(&[good, other]).await.expect("both follow");
    for organisation in [129, 130] {
        let loaded = load(&*store, organisation).await;
        assert_eq!((loaded.batch, loaded.snapshot.sessions.len()), (1, 1));
    }
}

pub(crate) async fn batches_of_one_organisation_may_follow_each_other_in_one_commit(
    backend: &dyn Backend,
) {
    let store = open_with_129(backend).await;
    let first = batch(129, 1, at(1), logged_in(1, "edred"));
    let second = batch(129, 2, at(5), vec![released(1, "edred", "agent_email", 5)]);
    store.commit(&[first, second]).await.expect("committed");
    let loaded = load(&*store, 129).await;
    assert_eq!((loaded.batch, loaded.snapshot.last_at), (2, at(5)));
    assert_eq!(loaded.snapshot.sessions[0].instances.len(), 1);
    assert_eq!(usage(&*store, &UsageFilter::default()).await.len(), 3);
    let removal = batch(129, 3, at(6), vec![Event::OrganisationRemoved { at: at(6) }]);
    let after = batch(129, 4, at(7), vec![user_saved("wynn")]);
    let error = store.commit(&[removal, after]).await.expect_err("nothing follows a removal");
    assert!(matches!(error, StoreError::Fenced(_)), "{error}");
}

/// More than any one statement takes, and no multiple of it.
pub(crate) async fn many_rows_of_every_kind_fit_into_one_commit(backend: &dyn Backend) {
    const MANY: u32 = 1_013;
    let store = open_with_129(backend).await;
    let mut events = vec![totals_set("inbound_agent", MANY, 3)];
    for number in 0..MANY {
        let (session, name) = (u128::from(number), format!("user{number:04}"));
        events.push(user_saved(&name));
        events.push(session_opened(session, &name));
        events.push(acquired(session, &name, "inbound_agent", 1, u64::from(number)));
        events.push(queued(session, "agent_sms", u64::from(number)));
    }
    commit(&*store, 1, 1, events).await;
    let snapshot = load(&*store, 129).await.snapshot;
    assert_eq!(snapshot.users.len(), MANY as usize);
    for (number, session) in snapshot.sessions.iter().enumerate() {
        assert_eq!(&*session.opened.user, format!("user{number:04}"));
        assert_eq!(session.instances[0].holder_order, number as u64);
        assert_eq!(session.places[0].place, number as u64);
    }
    let records = usage(&*store, &UsageFilter::default()).await;
    assert!(records.iter().map(|row| row.session.0).eq(0..u128::from(MANY)), "in order");
    let closed = (0..MANY).map(|number| session_closed(u128::from(number))).collect();
    store.commit(&[batch(129, 2, at(2) + TimeDelta::seconds(1), closed)]).await.expect("closed");
    assert!(load(&*store, 129).await.snapshot.sessions.is_empty());
}
