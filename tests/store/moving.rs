//! A whole database taken over from a file into a server's.

use crate::fixture::{
    Backend, acquired, at, batch, catalogue, commit, denial, id, load, logged_in, open_with_129,
    session_closed, settings, totals_set, user_saved,
};
use crate::postgres::PostgresBackend;
use crate::sqlite::SqliteBackend;
use licence_broker::domain::event::Event;
use licence_broker::store::sqlite::check::Finding;
use licence_broker::store::whole::{check, take_over};
use licence_broker::store::{Store, StoreError};

fn no_findings(finding: &Finding) {
    panic!("{finding}");
}

/// Two organisations, of which the first came after one that was deleted, with sessions that go on.
async fn fill(backend: &SqliteBackend) {
    let store = open_with_129(backend).await;
    commit(&*store, 1, 1, vec![Event::OrganisationRemoved { at: at(1) }]).await;
    assert!(store.create_organisation(&settings(129), None).await.expect("created"));
    assert!(store.create_organisation(&settings(130), None).await.expect("created"));
    let seats = ["inbound_agent", "agent_email"].map(|key| totals_set(key, 9, 1));
    commit(&*store, 1, 0, seats.to_vec()).await;
    commit(&*store, 2, 2, logged_in(1, "edred")).await;
    commit(&*store, 3, 3, vec![Event::Denied(denial("edred", "agent_web_chat", at(3)))]).await;
    store.commit(&[batch(130, 1, at(3), vec![user_saved("wynn")])]).await.expect("committed");
}

#[tokio::test]
async fn a_store_that_was_taken_over_goes_on_where_it_was() {
    let Some(server) = PostgresBackend::new().await else { return };
    let file = SqliteBackend::new();
    fill(&file).await;
    let taken = take_over(&file.url(), server.url(), &catalogue(), &mut no_findings).await;
    let taken = taken.expect("taken over");
    assert_eq!(taken.summary.organisations, 3, "the deleted one included");
    let (before, store) = (file.open().await.expect("opens"), server.open().await.expect("opens"));
    for organisation in [129, 130] {
        let (there, here) = (load(&*before, organisation).await, load(&*store, organisation).await);
        assert_eq!(format!("{there:?}"), format!("{here:?}"));
    }
    commit(&*store, 4, 9, vec![acquired(1, "edred", "agent_calls", 9, 40), session_closed(7)])
        .await;
    assert!(store.create_organisation(&settings(131), None).await.expect("a key is free"));
    assert_eq!(load(&*store, 129).await.snapshot.sessions[0].instances.len(), 3);
}

#[tokio::test]
async fn a_database_that_is_not_empty_is_left_as_it_is() {
    let Some(server) = PostgresBackend::new().await else { return };
    let file = SqliteBackend::new();
    fill(&file).await;
    let store = open_with_129(&server).await;
    let refused = take_over(&file.url(), server.url(), &catalogue(), &mut no_findings).await;
    assert!(refused.expect_err("refused").to_string().contains("it is not empty"));
    assert_eq!(store.organisations().await.expect("a list").len(), 1);
}

#[tokio::test]
async fn a_file_that_a_broker_has_open_is_not_taken_over() {
    let Some(server) = PostgresBackend::new().await else { return };
    let file = SqliteBackend::new();
    fill(&file).await;
    let running = file.open().await.expect("opens");
    let refused = take_over(&file.url(), server.url(), &catalogue(), &mut no_findings).await;
    assert!(refused.expect_err("refused").to_string().contains("another broker"));
    drop(running);
}

#[tokio::test]
async fn a_check_finds_what_is_broken_in_a_servers_database() {
    let Some(server) = PostgresBackend::new().await else { return };
    let store = open_with_129(&server).await;
    commit(&*store, 1, 0, vec![totals_set("inbound_agent", 9, 1), totals_set("agent_email", 9, 2)])
        .await;
    commit(&*store, 2, 2, logged_in(1, "edred")).await;
    let whole = check(server.url(), &catalogue(), &mut no_findings).await.expect("checked");
    assert_eq!((whole.organisations, whole.usage, whole.instances), (1, 2, 2));
    server.administer("UPDATE sessions SET held = held - 'agent_email'").await;
    let mut found = Vec::new();
    let mut note = |finding: &Finding| found.push(finding.to_string());
    let broken = check(server.url(), &catalogue(), &mut note).await.expect("checked");
    assert_eq!(broken.broken, 1, "{found:?}");
    assert!(found[0].contains("agent_email was granted to session"), "{found:?}");
}

#[tokio::test]
async fn a_database_of_something_else_is_not_checked() {
    let Some(server) = PostgresBackend::new().await else { return };
    let refused = check(server.url(), &catalogue(), &mut no_findings).await;
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
}
