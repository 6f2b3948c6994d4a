//! A whole database taken over from a file into a server's, and held against the invariants there.

use crate::fixture::{
    at, batch, catalogue, commit, id, load, open, open_with_129, settings, user_saved,
};
use crate::postgres::PostgresBackend;
use crate::random::months_of_decisions;
use crate::sqlite::SqliteBackend;
use licence_broker::domain::event::Event;
use licence_broker::store::StoreError;
use licence_broker::store::sqlite::check::{Finding, Summary};
use licence_broker::store::whole::{check, take_over};

fn no_findings(finding: &Finding) {
    panic!("{finding}");
}

/// The number of an organisation that was deleted and created again.
const SUCCESSOR: u64 = 9_000;

/// Months of organisations, and two with one number after each other.
async fn fill(backend: &SqliteBackend) {
    let store = open(backend).await;
    months_of_decisions(&*store).await;
    assert!(store.create_organisation(&settings(SUCCESSOR), None).await.expect("created"));
    let removed = vec![Event::OrganisationRemoved { at: at(1) }];
    store.commit(&[batch(SUCCESSOR, 1, at(1), removed)]).await.expect("committed");
    assert!(store.create_organisation(&settings(SUCCESSOR), None).await.expect("created"));
}

#[tokio::test]
async fn a_store_that_was_taken_over_goes_on_where_it_was() {
    let Some(server) = PostgresBackend::new().await else { return };
    let file = SqliteBackend::new();
    fill(&file).await;
    let taken = take_over(&file.url(), server.url(), &catalogue(), &mut no_findings).await;
    let Summary { usage, instances, .. } = taken.expect("taken over").summary;
    assert!(usage > 3_000 && instances > 100, "{usage} and {instances} prove too little");
    let (before, store) = (open(&file).await, open(&server).await);
    let organisations = before.organisations().await.expect("a list");
    assert_eq!(organisations, store.organisations().await.expect("a list"));
    for organisation in organisations {
        let number = organisation.id.get();
        let (there, here) = (load(&*before, number).await, load(&*store, number).await);
        assert_eq!((there.batch, &there.snapshot.users), (here.batch, &here.snapshot.users));
        let sessions = [there, here].map(|loaded| format!("{:?}", loaded.snapshot.sessions));
        assert_eq!(sessions[0], sessions[1]);
    }
    assert!(store.create_organisation(&settings(SUCCESSOR + 1), None).await.expect("a free key"));
    check(server.url(), &catalogue(), &mut no_findings).await.expect("sound");
}

#[tokio::test]
async fn a_database_that_is_not_empty_is_left_as_it_is() {
    let Some(server) = PostgresBackend::new().await else { return };
    let file = SqliteBackend::new();
    open_with_129(&file).await;
    let store = open_with_129(&server).await;
    commit(&*store, 1, 1, vec![user_saved("edred")]).await;
    let refused = take_over(&file.url(), server.url(), &catalogue(), &mut no_findings).await;
    assert!(refused.expect_err("refused").to_string().contains("it is not empty"));
    assert_eq!(load(&*store, 129).await.snapshot.users.len(), 1);
}

#[tokio::test]
async fn a_file_that_a_broker_has_open_is_not_taken_over() {
    let Some(server) = PostgresBackend::new().await else { return };
    let file = SqliteBackend::new();
    let running = open_with_129(&file).await;
    let refused = take_over(&file.url(), server.url(), &catalogue(), &mut no_findings).await;
    assert!(refused.expect_err("refused").to_string().contains("another broker"));
    assert_eq!(running.organisations().await.expect("it goes on")[0].id, id(129));
}

#[tokio::test]
async fn what_the_rules_decide_keeps_every_invariant_until_somebody_breaks_one() {
    let Some(server) = PostgresBackend::new().await else { return };
    let store = open(&server).await;
    months_of_decisions(&*store).await;
    let summary = check(server.url(), &catalogue(), &mut no_findings).await.expect("checked");
    assert!(summary.usage > 3_000 && summary.instances > 100, "{summary:?} proves too little");
    let one = "UPDATE sessions SET held = held - (SELECT min(licence) FROM instances AS i \
               WHERE i.organisation = sessions.organisation AND i.session = sessions.session) \
               WHERE session = (SELECT min(session) FROM instances)";
    server.administer(one).await;
    let mut found = Vec::new();
    let mut note = |finding: &Finding| found.push(finding.to_string());
    let broken = check(server.url(), &catalogue(), &mut note).await.expect("checked").broken;
    assert!(broken >= 1, "{found:?}");
    assert!(found.iter().any(|line| line.contains("and never released")), "{found:?}");
}

#[tokio::test]
async fn a_database_of_something_else_is_not_checked() {
    let Some(server) = PostgresBackend::new().await else { return };
    let refused = check(server.url(), &catalogue(), &mut no_findings).await;
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
}
