//! What is peculiar to SQLite: files, locks, full disks.

use crate::fixture::{
    self, Backend, at, batch, catalogue, commit, id, load, logged_in, session_closed, settings,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use licence_broker::store::sqlite::SqliteStore;
use licence_broker::store::sqlite::check::{Finding, check};
use licence_broker::store::{Loaded, Store, StoreError};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// A database in a directory of its own, which goes with it.
pub(crate) struct SqliteBackend {
    directory: TempDir,
}

impl SqliteBackend {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a directory") }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("broker.db")
    }

    pub(crate) fn url(&self) -> String {
        format!("sqlite://{}", self.path().display())
    }

    /// Every column of every table: `table.column`.
    pub(crate) async fn columns(&self) -> Vec<String> {
        let text = "SELECT s.name || '.' || c.name FROM sqlite_schema s, pragma_table_info(s.name) c \
            WHERE s.type = 'table' AND s.name NOT IN ('sqlite_sequence', '_sqlx_migrations')";
        sqlx::query_scalar(text).fetch_all(&mut self.raw().await).await.expect("columns")
    }

    /// A connection past the store, as an operator's tool has it.
    async fn raw(&self) -> SqliteConnection {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.path());
        options.connect().await.expect("the file opens")
    }
}

impl Backend for SqliteBackend {
    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn Store>, StoreError>> {
        async {
            let store = SqliteStore::open(&self.url(), catalogue()).await?;
            Ok(Arc::new(store) as Arc<dyn Store>)
        }
        .boxed()
    }
}

fn message(result: Result<SqliteStore, StoreError>) -> String {
    result.expect_err("refused").to_string()
}

#[tokio::test]
async fn a_second_broker_on_the_same_database_is_refused() {
    let backend = SqliteBackend::new();
    let first = fixture::open_with_129(&backend).await;
    let why = message(SqliteStore::open(&backend.url(), catalogue()).await);
    assert!(why.contains("another broker") && why.contains("broker.db.lock"), "{why}");
    assert_eq!(load(&*first, 129).await.batch, 0);
}

#[cfg(unix)]
#[tokio::test]
async fn a_second_broker_is_refused_under_another_name_of_the_same_file_too() {
    let backend = SqliteBackend::new();
    let _first = fixture::open_with_129(&backend).await;
    let other = backend.directory.path().join("other.db");
    std::os::unix::fs::symlink(backend.path(), &other).expect("a link");
    let why = message(SqliteStore::open(&other.display().to_string(), catalogue()).await);
    assert!(why.contains("another broker"), "{why}");
}

#[tokio::test]
async fn a_place_where_nothing_can_be_created_is_named() {
    let backend = SqliteBackend::new();
    for wrong in
        ["missing/broker.db", "sqlite::memory:", "postgres://host/db", "sqlite://a?b=c", ""]
    {
        let why = message(SqliteStore::open(wrong, catalogue()).await);
        assert!(why.contains(&format!("`{wrong}`")), "{why}");
    }
    std::fs::write(backend.directory.path().join("file"), "").expect("written");
    let below_a_file = backend.directory.path().join("file/broker.db");
    let why = message(SqliteStore::open(&below_a_file.display().to_string(), catalogue()).await);
    assert!(why.contains("file/broker.db"), "{why}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_told_as_damaged() {
    let backend = SqliteBackend::new();
    std::fs::write(backend.path(), "nothing that SQLite wrote. ".repeat(1_000)).expect("written");
    let error = SqliteStore::open(&backend.url(), catalogue()).await.expect_err("refused");
    assert!(matches!(&error, StoreError::Damaged(why) if why.contains("broker.db")), "{error}");
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let backend = SqliteBackend::new();
    drop(fixture::open_with_129(&backend).await);
    let mut raw = backend.raw().await;
    sqlx::query("UPDATE _sqlx_migrations SET version = 999999 WHERE version = 1")
        .execute(&mut raw)
        .await
        .expect("done");
    raw.close().await.expect("closed");
    let error = backend.open().await.err().expect("refused");
    assert!(matches!(&error, StoreError::Corrupt(why) if why.contains("999999")), "{error}");
}

#[tokio::test]
async fn a_session_whose_user_is_gone_is_corrupt_and_no_panic() {
    let backend = SqliteBackend::new();
    let store = fixture::open_with_129(&backend).await;
    commit(&*store, 1, 1, logged_in(1, "edred")).await;
    let mut raw = backend.raw().await;
    sqlx::query("DELETE FROM users").execute(&mut raw).await.expect("deleted");
    let error = store.load(id(129)).await.expect_err("contradicts itself");
    assert!(matches!(&error, StoreError::Corrupt(why) if why.contains("edred")), "{error}");
}

#[tokio::test]
async fn a_licence_type_in_use_that_the_catalogue_lost_is_named() {
    let backend = SqliteBackend::new();
    let store = fixture::open_with_129(&backend).await;
    commit(&*store, 1, 1, logged_in(1, "edred")).await;
    let mut raw = backend.raw().await;
    let lose = "UPDATE users SET user_type = 'telex'";
    sqlx::query(lose).execute(&mut raw).await.expect("changed");
    let error = store.load(id(129)).await.expect_err("contradicts the catalogue");
    assert!(matches!(&error, StoreError::Corrupt(why) if why.contains("telex")), "{error}");
}

#[tokio::test]
async fn a_locked_database_refuses_a_commit_and_takes_it_later() {
    let backend = SqliteBackend::new();
    let store = fixture::open_with_129(&backend).await;
    let mut raw = backend.raw().await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut raw).await.expect("locked");
    let login = batch(129, 1, at(1), logged_in(1, "edred"));
    let refused = store.commit(std::slice::from_ref(&login)).await.expect_err("locked");
    assert!(matches!(&refused, StoreError::Refused(why) if why.contains("locked")), "{refused}");
    assert_eq!(load(&*store, 129).await.batch, 0, "reads go on meanwhile");
    sqlx::query("ROLLBACK").execute(&mut raw).await.expect("unlocked");
    store.commit(&[login]).await.expect("committed");
    assert_eq!(load(&*store, 129).await.snapshot.sessions.len(), 1);
}

/// A schema that refuses stands for any error in the middle of a transaction.
#[tokio::test]
async fn a_commit_that_fails_halfway_leaves_nothing_and_the_next_one_works() {
    let backend = SqliteBackend::new();
    let store = fixture::open_with_129(&backend).await;
    let mut raw = backend.raw().await;
    let refuse = "CREATE TRIGGER full BEFORE INSERT ON usage BEGIN SELECT raise(FAIL, 'full'); END";
    sqlx::raw_sql(refuse).execute(&mut raw).await.expect("a trigger");
    let login = batch(129, 1, at(1), logged_in(1, "edred"));
    let refused = store.commit(std::slice::from_ref(&login)).await.expect_err("full");
    assert!(matches!(&refused, StoreError::Aborted(why) if why.contains("full")), "{refused}");
    let loaded = load(&*store, 129).await;
    assert_eq!((loaded.batch, loaded.snapshot.users.len()), (0, 0));
    assert!(store.create_organisation(&settings(130), None).await.expect("other writes work"));
    sqlx::raw_sql("DROP TRIGGER full").execute(&mut raw).await.expect("no trigger");
    store.commit(&[login]).await.expect("committed");
    assert_eq!(load(&*store, 129).await.snapshot.sessions.len(), 1);
}

#[tokio::test]
async fn what_sessions_held_in_rows_of_their_own_they_hold_once_it_stands_in_theirs() {
    let backend = SqliteBackend::new();
    let store = fixture::open_with_129(&backend).await;
    let login = batch(129, 1, at(1), logged_in(1, "edred"));
    store.commit(&[login]).await.expect("committed");
    let held = |loaded: Loaded| format!("{:?}", loaded.snapshot.sessions);
    let before = held(load(&*store, 129).await);
    assert!(before.contains("holder_order"), "{before}");
    drop(store);
    let older = "CREATE TABLE held AS SELECT * FROM instances; DROP VIEW instances; \
                 ALTER TABLE sessions DROP COLUMN held; ALTER TABLE held RENAME TO instances; \
                 DELETE FROM _sqlx_migrations WHERE version >= 7";
    sqlx::raw_sql(older).execute(&mut backend.raw().await).await.expect("an older schema");
    let store = fixture::open(&backend).await;
    assert_eq!(held(load(&*store, 129).await), before);
}

#[tokio::test]
async fn logs_that_were_checked_after_each_statement_are_checked_when_a_batch_commits() {
    let backend = SqliteBackend::new();
    let store = fixture::open_with_129(&backend).await;
    let login = batch(129, 1, at(1), logged_in(1, "edred"));
    store.commit(&[login]).await.expect("committed");
    drop(store);
    let older = "PRAGMA writable_schema = ON; \
                 UPDATE sqlite_schema SET sql = replace(sql, ' DEFERRABLE INITIALLY DEFERRED', ''); \
                 PRAGMA writable_schema = RESET; \
                 DELETE FROM _sqlx_migrations WHERE version >= 8";
    sqlx::raw_sql(older).execute(&mut backend.raw().await).await.expect("an older schema");
    let add = "INSERT INTO usage (organisation, at, usage_type, licence, user, device, logon_source, \
               session, pool) VALUES (999, 1, 'logon', 'voice', 'edred', 'deskphone', 'login', 's', 'base')";
    let at_once = sqlx::raw_sql(add).execute(&mut backend.raw().await).await;
    assert!(at_once.is_err(), "{at_once:?}");

    let store = fixture::open(&backend).await;
    assert_eq!(load(&*store, 129).await.snapshot.sessions.len(), 1);
    drop(store);
    let mut raw = backend.raw().await;
    for statement in ["BEGIN", add] {
        sqlx::raw_sql(statement).execute(&mut raw).await.expect("not looked at yet");
    }
    let committed = sqlx::raw_sql("COMMIT").execute(&mut raw).await;
    let refused = committed.expect_err("there is no such organisation").to_string();
    assert!(refused.contains("FOREIGN KEY"), "{refused}");
    sqlx::raw_sql("ROLLBACK").execute(&mut raw).await.expect("rolled back");
    let verdict: String =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut raw).await.expect("looked at");
    assert_eq!(verdict, "ok");
}

/// A child process whose files cannot grow meets what a full disk answers.
#[cfg(unix)]
#[tokio::test]
async fn a_full_disk_is_an_error_and_no_panic_and_what_was_answered_is_there_afterwards() {
    const CHILD: &str = "LICENCE_BROKER_TEST_FULL_DISK";
    if let Ok(path) = std::env::var(CHILD) {
        fill_the_disk(&path).await;
        return;
    }
    let backend = SqliteBackend::new();
    drop(fixture::open_with_129(&backend).await);
    let name =
        "sqlite::a_full_disk_is_an_error_and_no_panic_and_what_was_answered_is_there_afterwards";
    let output = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, backend.path())
        .output()
        .expect("ran");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let answered: u64 = text
        .lines()
        .find_map(|line| line.strip_prefix("answered "))
        .and_then(|number| number.parse().ok())
        .expect("the child says what was answered");
    let store = fixture::open(&backend).await;
    let loaded = load(&*store, 129).await;
    assert!(loaded.batch >= answered, "{} < {answered}", loaded.batch);
    assert_eq!(loaded.snapshot.sessions.len() as u64, loaded.batch);
    let next = loaded.batch + 1;
    let late = logged_in(u128::from(next), "late");
    store.commit(&[batch(129, next, at(9), late)]).await.expect("the disk has room again");
}

/// Commits until the limit on the size of files refuses, then raises it and commits on.
#[cfg(unix)]
async fn fill_the_disk(path: &str) {
    let store = SqliteStore::open(path, catalogue()).await.expect("opens");
    ignore_size_signal();
    let (soft, hard) = rlimit::Resource::FSIZE.get().expect("a limit");
    rlimit::Resource::FSIZE.set(600_000, hard).expect("set");
    let mut number = load(&store, 129).await.batch;
    let mut refusals = 0;
    while refusals < 3 {
        let events = logged_in(u128::from(number + 1), &format!("user{number}"));
        match store.commit(&[batch(129, number + 1, at(1), events)]).await {
            Ok(()) => number += 1,
            Err(StoreError::Refused(_) | StoreError::MaybeApplied(_)) => {
                refusals += 1;
                number = load(&store, 129).await.batch;
            }
            Err(
                error @ (StoreError::Aborted(_)
                | StoreError::Fenced(_)
                | StoreError::Damaged(_)
                | StoreError::Corrupt(_)),
            ) => panic!("{error}"),
        }
    }
    rlimit::Resource::FSIZE.set(soft, hard).expect("set back");
    let events = logged_in(u128::from(number + 1), "after");
    store.commit(&[batch(129, number + 1, at(1), events)]).await.expect("works again");
    println!("\nanswered {}", number + 1);
}

/// A write beyond the limit is to fail, not to end the process.
#[cfg(unix)]
fn ignore_size_signal() {
    let kind = tokio::signal::unix::SignalKind::from_raw(libc::SIGXFSZ);
    // The handler stays when the stream of signals is gone.
    drop(tokio::signal::unix::signal(kind).expect("a handler in place of the default"));
}

#[tokio::test]
async fn a_long_report_does_not_hold_up_commits() {
    let backend = SqliteBackend::new();
    let store = fixture::open_with_129(&backend).await;
    commit(&*store, 1, 1, logged_in(1, "edred")).await;
    let mut report = backend.raw().await;
    sqlx::query("BEGIN").execute(&mut report).await.expect("begun");
    let count = "SELECT count(*) FROM sessions";
    let before: i64 = sqlx::query_scalar(count).fetch_one(&mut report).await.expect("counted");
    commit(&*store, 2, 2, vec![session_closed(1)]).await;
    let during: i64 = sqlx::query_scalar(count).fetch_one(&mut report).await.expect("counted");
    assert_eq!((before, during), (1, 1), "the report sees one instant");
    assert!(load(&*store, 129).await.snapshot.sessions.is_empty());
}

#[tokio::test]
async fn what_the_rules_decide_keeps_every_invariant() {
    let backend = SqliteBackend::new();
    let store = fixture::open(&backend).await;
    crate::random::months_of_decisions(&*store).await;
    let mut findings = Vec::new();
    let mut note = |finding: &Finding| findings.push(finding.to_string());
    let summary = check(&backend.url(), &catalogue(), &mut note).await.expect("read");
    assert_eq!(findings, [""; 0]);
    assert!(summary.usage > 3_000 && summary.instances > 100, "{summary:?} proves too little");
    let mut raw = backend.raw().await;
    for (what, least) in [
        ("SELECT count(*) FROM bill_lines WHERE contingency_max > 0", 30),
        ("SELECT count(*) FROM maxima", 60),
        ("SELECT count(*) FROM lapses", 30),
    ] {
        let count: i64 = sqlx::query_scalar(what).fetch_one(&mut raw).await.expect("counted");
        assert!(count >= least, "{what}: {count}");
    }
}
