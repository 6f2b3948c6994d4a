//! A database that is not what it should be: the broker says so in one line, and leaves it as it is.

use crate::child::Home;
use crate::desk::TurnedAway;
use rusqlite::Connection;
use serde_json::json;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// What a process left that was killed while two sessions were open.
async fn left_behind() -> Home {
    let home = Home::new();
    let process = home.start().await;
    home.organisation(1, 3, 5).await;
    home.organisation(2, 1, 5).await;
    let one = home.log_in(1, 0, 0).await;
    let two = home.log_in(1, 1, 60).await;
    process.kill();
    drop((one, two));
    home
}

impl Home {
    fn database(&self) -> PathBuf {
        self.folder().join("it.db")
    }

    fn journal(&self) -> PathBuf {
        self.folder().join("it.db-wal")
    }

    /// Past the broker, as an operator's tool; what is in the journal is in the database afterwards.
    fn copy_journal(&self) {
        let connection = Connection::open(self.database()).unwrap();
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    }

    /// What is in the database and its journal; nothing where there is no such file.
    fn files(&self) -> [Vec<u8>; 2] {
        [self.database(), self.journal()].map(|path| fs::read(path).unwrap_or_default())
    }

    /// The start fails, names the file and says this, and changes nothing.
    async fn is_refused(&self, words: &[&str]) {
        let before = self.files();
        let said = self.start_in_vain().await;
        let name = self.database().display().to_string();
        for word in [name.as_str()].iter().chain(words) {
            assert!(said.contains(word), "`{word}` in: {said}");
        }
        assert!(self.files() == before, "something was changed: {said}");
    }
}

fn put_garbage(path: &Path, at: u64, count: usize) {
    let file = File::options().write(true).open(path).unwrap();
    file.write_all_at(&vec![0xa5; count], at).unwrap();
}

/// Garbage over the first page of a table.
fn spoil_table(database: &Path, table: &str) {
    let connection = Connection::open(database).unwrap();
    let query = "SELECT rootpage FROM sqlite_schema WHERE name = ?";
    let page: u32 = connection.query_row(query, [table], |row| row.get(0)).unwrap();
    drop(connection);
    put_garbage(database, u64::from(page - 1) * 4_096, 4_096);
}

#[tokio::test]
async fn a_file_whose_head_is_garbage_is_told() {
    let home = left_behind().await;
    home.copy_journal();
    put_garbage(&home.database(), 0, 100);
    home.is_refused(&["no SQLite database", "restore a backup"]).await;
}

#[tokio::test]
async fn a_file_that_was_cut_short_is_told() {
    let home = left_behind().await;
    home.copy_journal();
    let file = File::options().write(true).open(home.database()).unwrap();
    file.set_len(file.metadata().unwrap().len() / 8_192 * 4_096).unwrap();
    home.is_refused(&["damaged", "restore a backup"]).await;
}

#[tokio::test]
async fn a_damaged_page_of_what_was_open_is_told() {
    let home = left_behind().await;
    home.copy_journal();
    spoil_table(&home.database(), "users");
    home.is_refused(&["organisation 1", "damaged", "restore a backup"]).await;
}

#[tokio::test]
async fn an_empty_file_is_no_new_database() {
    let home = left_behind().await;
    fs::remove_file(home.journal()).unwrap();
    File::create(home.database()).unwrap();
    home.is_refused(&["empty", "restore a backup"]).await;
}

#[tokio::test]
async fn a_journal_without_its_database_is_kept() {
    let home = left_behind().await;
    fs::remove_file(home.database()).unwrap();
    home.is_refused(&["it.db-wal", "put the database back"]).await;
}

#[tokio::test]
async fn garbage_in_the_journal_is_told_wherever_it_is() {
    for (at, words) in [(4, "at its head"), (32, "in the middle"), (5_000, "in the middle")] {
        let home = left_behind().await;
        put_garbage(&home.journal(), at, 64);
        home.is_refused(&["it.db-wal", "damaged", words]).await;
    }
}

#[tokio::test]
async fn a_database_of_another_program_is_left_alone() {
    let home = Home::new();
    let other = Connection::open(home.database()).unwrap();
    other
        .execute_batch("CREATE TABLE songs (title TEXT); INSERT INTO songs VALUES ('one')")
        .unwrap();
    drop(other);
    home.is_refused(&["another program", "--database"]).await;
}

#[tokio::test]
async fn a_schema_that_is_newer_than_this_program_is_left_alone() {
    let home = left_behind().await;
    home.copy_journal();
    let newer = Connection::open(home.database()).unwrap();
    let insert = "INSERT INTO _sqlx_migrations (version, description, success, checksum, \
                  execution_time) VALUES (900, 'of tomorrow', 1, x'00', 1)";
    newer.execute_batch(insert).unwrap();
    drop(newer);
    home.is_refused(&["version 900", "newer version"]).await;
}

#[tokio::test]
async fn a_database_that_another_program_has_locked_is_told_at_the_start() {
    let home = left_behind().await;
    let other = Connection::open(home.database()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    home.is_refused(&["another program has it locked"]).await;
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    home.start().await.kill();
    home.check().await;
}

#[tokio::test]
async fn a_first_start_that_was_cut_short_is_begun_anew() {
    let home = Home::new();
    fs::write(home.folder().join("it.db.new"), "the beginning of a database").unwrap();
    fs::write(home.folder().join("it.db.new-wal"), "and of its journal").unwrap();
    home.start().await.kill();
    assert!(!home.folder().join("it.db.new").exists());
    home.check().await;
}

/// The organisation that was never asked for anything has to be read, and cannot be.
#[tokio::test]
async fn damage_that_is_found_while_the_broker_runs_turns_logins_away_and_ends_nothing_else() {
    let home = Home::new();
    let process = home.start().await;
    home.organisation(1, 3, 5).await;
    home.organisation(2, 1, 5).await;
    process.kill();
    let process = home.start().await;
    let (mut socket, _) = home.log_in(1, 0, 60).await;
    home.copy_journal();
    spoil_table(&home.database(), "users");
    assert_eq!(home.try_log_in(2, 0, 0).await.err(), Some(TurnedAway(4003)));
    assert_eq!(socket.ask(json!({ "type": "ping" })).await["type"], "pong");
    process.kill();
    home.is_refused(&["organisation 1", "damaged", "restore a backup"]).await;
}
