//! What is peculiar to PostgreSQL: fences of epochs, lines that are cut, poolers.

#[path = "../support/pooler.rs"]
#[allow(dead_code, unreachable_pub, reason = "other suites use the rest of it")]
mod pooler;
#[path = "../support/postgres.rs"]
#[allow(dead_code, unreachable_pub, reason = "other suites use the rest of it")]
mod server;

use crate::fixture::{
    ALL, Backend, at, batch, catalogue, commit, denial, id, load, logged_in, open_with_129, usage,
    user_saved,
};
use crate::line::{Cut, Line};
use crate::sqlite::SqliteBackend;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use licence_broker::domain::event::{DenialRecord, Denied, DeniedName, Event};
use licence_broker::domain::reason::DenialReason;
use licence_broker::store::postgres::PostgresStore;
use licence_broker::store::{Batch, Store, StoreError, UsageFilter, UserFilter};
use pooler::Pooler;
use server::{Server, administer};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio_postgres::{Client, NoTls};

/// A database of its own; nothing where there is no PostgreSQL.
pub(crate) struct PostgresBackend {
    url: String,
    /// What stands between, as long as this does.
    _pooler: Option<Pooler>,
}

impl PostgresBackend {
    pub(crate) async fn new() -> Option<Self> {
        Some(Self { url: Server::shared()?.new_database().await, _pooler: None })
    }

    /// The same behind a pooler in transaction mode.
    pub(crate) async fn pooled() -> Option<Self> {
        let server = Server::shared()?;
        let pooler = Pooler::before(server)?;
        let url = pooler.through(&server.new_database().await);
        Some(Self { url, _pooler: Some(pooler) })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A connection past the store, as an operator's tool has it; it ends with its last handle.
    pub(crate) async fn raw(&self) -> Client {
        let connected = tokio_postgres::connect(&self.url, NoTls).await;
        let (client, connection) = connected.expect("the server lets it in");
        tokio::spawn(connection);
        client
    }

    /// Does something past the store, as an operator's tool does.
    pub(crate) async fn administer(&self, text: &str) {
        administer(&self.url, text).await.expect("the server does it");
    }
}

impl Backend for PostgresBackend {
    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn Store>, StoreError>> {
        async {
            let store = PostgresStore::open(&self.url, catalogue()).await?;
            Ok(Arc::new(store) as Arc<dyn Store>)
        }
        .boxed()
    }
}

fn of_epoch(epoch: u64, batch: Batch) -> Batch {
    Batch { epoch, ..batch }
}

fn is_fenced(outcome: &Result<(), StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Fenced(organisation)) if *organisation == id(129))
}

#[tokio::test]
async fn a_database_that_is_opened_by_several_nodes_at_once_gets_its_schema_once() {
    let Some(backend) = PostgresBackend::new().await else { return };
    let nodes = (0..4).map(|_| backend.open());
    for opened in futures_util::future::join_all(nodes).await {
        opened.expect("opened");
    }
}

#[tokio::test]
async fn a_batch_of_an_earlier_epoch_is_fenced() {
    let Some(backend) = PostgresBackend::new().await else { return };
    let store = open_with_129(&backend).await;
    commit(&*store, 1, 1, vec![user_saved("edred")]).await;
    backend.administer("UPDATE organisations SET epoch = 7").await;
    let late = batch(129, 2, at(2), vec![user_saved("late")]);
    assert!(is_fenced(&store.commit(std::slice::from_ref(&late)).await));
    store.commit(&[of_epoch(7, late)]).await.expect("the owner's");
    assert_eq!(load(&*store, 129).await.snapshot.users.len(), 2);
}

#[tokio::test]
async fn a_batch_of_another_epoch_is_fenced_though_its_number_was_applied() {
    let Some(backend) = PostgresBackend::new().await else { return };
    let store = open_with_129(&backend).await;
    let first = batch(129, 1, at(1), vec![user_saved("edred")]);
    store.commit(std::slice::from_ref(&first)).await.expect("committed");
    store.commit(std::slice::from_ref(&first)).await.expect("it is there");
    assert!(is_fenced(&store.commit(&[of_epoch(3, first)]).await), "it is another's first");
}

#[tokio::test]
async fn two_nodes_that_commit_the_same_number_do_not_both_succeed() {
    let Some(backend) = PostgresBackend::new().await else { return };
    let stores = [open_with_129(&backend).await, backend.open().await.expect("opens")];
    for (epoch, number) in (1..=20).zip(1..) {
        backend.administer(&format!("UPDATE organisations SET epoch = {epoch}")).await;
        let commits = stores.iter().zip([epoch - 1, epoch]).map(|(store, epoch)| {
            let name = format!("user{number}of{epoch}");
            let batch = of_epoch(epoch, batch(129, number, at(1), vec![user_saved(&name)]));
            async move { store.commit(&[batch]).await }
        });
        let outcomes = futures_util::future::join_all(commits).await;
        assert!(is_fenced(&outcomes[0]), "{outcomes:?}");
        outcomes[1].as_ref().expect("the owner's is committed");
    }
    let users = stores[0].users_page(id(129), &UserFilter::default(), ALL).await.expect("a page");
    assert_eq!(users.len(), 20);
}

#[tokio::test]
async fn a_commit_whose_line_is_cut_has_an_unknown_outcome_and_is_there_once_or_not_at_all() {
    let Some(backend) = PostgresBackend::new().await else { return };
    let server = Server::shared().expect("it was there");
    let direct = open_with_129(&backend).await;
    let line = Line::to(server.port()).await;
    let far = PostgresStore::open(&line.over(&backend.url), catalogue()).await.expect("opens");
    // A first commit, so that the line is one that has served.
    far.commit(&[batch(129, 1, at(1), vec![user_saved("edred")])]).await.expect("committed");
    for (number, cut) in (2..).zip([Cut::BeforeCommit, Cut::AfterCommit]) {
        let session = u128::from(number);
        let login = batch(129, number, at(1), logged_in(session, "edred"));
        line.cut_next(cut);
        let outcome = far.commit(std::slice::from_ref(&login)).await;
        assert!(matches!(outcome, Err(StoreError::MaybeApplied(_))), "{cut:?}: {outcome:?}");
        far.commit(&[login]).await.expect("applied now, or passed over");
        assert_eq!(load(&*direct, 129).await.batch, number);
    }
    assert_eq!(load(&*direct, 129).await.snapshot.sessions.len(), 2);
    assert_eq!(usage(&*direct, &UsageFilter::default()).await.len(), 4, "each login once");
}

#[tokio::test]
async fn a_server_that_comes_back_is_used_again() {
    let Some(server) = Server::own() else { return };
    let url = server.new_database().await;
    let backend = PostgresBackend { url, _pooler: None };
    let store = open_with_129(&backend).await;
    commit(&*store, 1, 1, vec![user_saved("edred")]).await;
    server.stop();
    let batch = batch(129, 2, at(2), vec![user_saved("wynn")]);
    let outcome = store.commit(std::slice::from_ref(&batch)).await;
    let is_told = matches!(&outcome, Err(StoreError::Refused(_) | StoreError::MaybeApplied(_)));
    assert!(is_told, "{outcome:?}");
    assert!(matches!(store.load(id(129)).await, Err(StoreError::Refused(_))), "it says so");
    server.start_again();
    store.commit(&[batch]).await.expect("committed");
    assert_eq!(load(&*store, 129).await.batch, 2);
}

#[tokio::test]
async fn a_database_that_lets_nobody_write_refuses() {
    let Some(backend) = PostgresBackend::new().await else { return };
    let store = open_with_129(&backend).await;
    let name = backend.url.rsplit('/').next().expect("a name");
    let text = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    backend.administer(&text).await;
    backend
        .administer(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await;
    let mut outcome = Ok(());
    for _ in 0..2 {
        // The first may meet the line that was cut.
        outcome = store.commit(&[batch(129, 1, at(1), vec![user_saved("edred")])]).await;
    }
    assert!(matches!(outcome, Err(StoreError::Refused(_))), "{outcome:?}");
}

#[tokio::test]
async fn what_cannot_be_opened_says_what_is_wrong() {
    let Some(server) = Server::shared() else { return };
    for (url, words) in [
        (server.url("there_is_none"), "create it"),
        (format!("postgres://broker@127.0.0.1:{}/x", server::free_port()), "cannot be reached"),
        ("postgres://broker:secret@/x".to_owned(), "names no host"),
    ] {
        let refused =
            PostgresStore::open(&url, catalogue()).await.expect_err("refused").to_string();
        assert!(refused.contains(words) && !refused.contains("secret"), "{refused}");
    }
}

#[tokio::test]
async fn what_a_client_sends_with_a_nul_in_it_is_kept_and_found() {
    let Some(backend) = PostgresBackend::new().await else { return };
    let store = open_with_129(&backend).await;
    let denied = Denied {
        licence: DeniedName::Unknown("chat\0room".into()),
        reason: DenialReason::UnknownLicence,
    };
    let record = DenialRecord { denied, ..denial("edred", "agent_email", at(1)) };
    commit(&*store, 1, 1, vec![Event::Denied(record)]).await;
    let filter = UserFilter { search: Some("\0".into()), ..UserFilter::default() };
    let users = store.users_page(id(129), &filter, ALL).await.expect("a page");
    assert!(users.is_empty(), "nobody is named like that");
    assert_eq!(load(&*store, 129).await.batch, 1);
}

#[tokio::test]
async fn the_tables_have_the_columns_of_those_of_a_file() {
    let Some(backend) = PostgresBackend::new().await else { return };
    let file = SqliteBackend::new();
    drop((open_with_129(&backend).await, open_with_129(&file).await));
    let of_server = "SELECT c.table_name || '.' || c.column_name FROM information_schema.columns c \
        JOIN information_schema.tables t USING (table_schema, table_name) \
        WHERE table_schema = 'public' AND table_type = 'BASE TABLE'";
    let here: BTreeSet<String> = texts(&backend.url, of_server).await.into_iter().collect();
    let there: BTreeSet<String> = file.columns().await.into_iter().collect();
    let table = |column: &str| column.split('.').next().unwrap_or_default().to_owned();
    let missing: BTreeSet<String> = there.difference(&here).map(|column| table(column)).collect();
    assert_eq!(missing.into_iter().collect::<Vec<_>>(), ["usage_of_user", "usage_runs"]);
    let more: Vec<&String> = here.difference(&there).collect();
    let more: Vec<&str> = more
        .iter()
        .map(|column| column.as_str())
        .filter(|column| !["nodes", "refinery_schema_history"].contains(&table(column).as_str()))
        .collect();
    let owners = ["epoch", "incarnation", "moved", "owned_since", "owned_until", "owner"];
    assert_eq!(more, owners.map(|column| format!("organisations.{column}")));
}

async fn texts(url: &str, question: &str) -> Vec<String> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
    tokio::spawn(connection);
    let rows = client.query(question, &[]).await.expect("an answer");
    rows.iter().map(|row| row.get(0)).collect()
}
