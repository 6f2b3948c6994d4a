//! The double that fails on demand does what its head says.

use crate::faulty_store::{Fault, FaultyStore};
use crate::fixture::{Backend, at, batch, id, load, logged_in, open_with_129, session_closed};
use licence_broker::store::{Store, StoreError};

pub(crate) async fn commits_wait_at_the_gate_and_are_counted(backend: &dyn Backend) {
    let store = FaultyStore::new(open_with_129(backend).await);
    store.hold();
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.commit(&[batch(129, 1, at(1), logged_in(1, "edred"))]).await }
    });
    store.commits_begun(1).await;
    assert!(!waiting.is_finished());
    assert_eq!(load(&*store, 129).await.batch, 0);
    store.release();
    waiting.await.expect("no panic").expect("committed");
    assert_eq!(load(&*store, 129).await.batch, 1);
    assert_eq!((store.commits(), store.batches()), (1, 1));
}

pub(crate) async fn planned_faults_are_met_in_order(backend: &dyn Backend) {
    let store = FaultyStore::new(open_with_129(backend).await);
    for fault in [Fault::Abort, Fault::LoseUnknown, Fault::ApplyUnknown] {
        store.plan(fault, 1);
    }
    let login = [batch(129, 1, at(1), logged_in(1, "edred"))];
    let mut outcomes = Vec::new();
    for _ in 0..3 {
        let error = store.commit(&login).await.expect_err("planned");
        let is_unknown = matches!(error, StoreError::MaybeApplied(_));
        outcomes.push((is_unknown, load(&*store, 129).await.batch));
    }
    assert_eq!(outcomes, [(false, 0), (true, 0), (true, 1)]);
    store.commit(&[batch(129, 2, at(2), vec![session_closed(1)])]).await.expect("no more faults");
}

pub(crate) async fn nothing_works_while_the_store_is_down(backend: &dyn Backend) {
    let store = FaultyStore::new(open_with_129(backend).await);
    store.set_down(true);
    assert!(matches!(store.load(id(129)).await, Err(StoreError::Aborted(_))));
    assert!(matches!(store.last_run().await, Err(StoreError::Aborted(_))));
    let login = [batch(129, 1, at(1), logged_in(1, "edred"))];
    assert!(matches!(store.commit(&login).await, Err(StoreError::Aborted(_))));
    store.set_down(false);
    store.commit(&login).await.expect("up again");
}
