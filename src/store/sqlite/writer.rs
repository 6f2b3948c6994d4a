//! The one connection that writes, on a thread of its own.
//!
//! `sqlx` sends every value and every answer across threads; a mass login binds sixty values for each
//! agent, and that cost more than SQLite's own work (docs/PERFORMANCE.md). So work comes to the connection
//! as a whole, and lends what it writes.

use super::StoreError;
use super::error::{aborted, maybe_applied};
use super::location::Lock;
use super::open::{JOURNAL_ROOM, connect_to_write};
use super::room;
use crate::thread_priority;
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;

/// Takes work to the thread that writes. What was taken there is done, in this order, whether or not
/// somebody still waits for it; the thread ends when this is dropped and everything is done.
#[derive(Debug)]
pub(super) struct Writer {
    /// `None` while this is dropped.
    jobs: Option<mpsc::Sender<Job>>,
    /// Hangs up when the thread has ended.
    ended: Mutex<mpsc::Receiver<()>>,
}

/// How long whoever drops the store waits for what is being written. A disk that hangs for longer keeps
/// the lock, and nobody else opens the database meanwhile.
const END_WAIT: Duration = Duration::from_secs(2);

type Job = Box<dyn FnOnce(&mut Desk) + Send>;

/// While it is held nothing is being committed.
pub(super) struct Pause(#[expect(dead_code, reason = "held, never read")] mpsc::Sender<()>);

impl Writer {
    /// Of a database that is there, with its schema, and locked for as long as anything may be written.
    ///
    /// # Errors
    /// If it cannot be opened, or the thread cannot be started.
    pub(super) async fn open(path: PathBuf, lock: Arc<Lock>) -> Result<Self, StoreError> {
        let (jobs, waiting) = mpsc::channel::<Job>();
        let (ready, is_ready) = oneshot::channel();
        let (ending, ended) = mpsc::channel();
        let run = move || {
            // Dropped in the other order: the connections, the lock, and then whoever waits is told.
            let (_ending, _lock): (mpsc::Sender<()>, Arc<Lock>) = (ending, lock);
            thread_priority::by_batches();
            let mut desk = match Desk::open(&path) {
                Ok(desk) => desk,
                Err(error) => {
                    // Dropped unasked, whoever opens has gone.
                    let _ = ready.send(Err(error));
                    return;
                }
            };
            let _ = ready.send(Ok(()));
            let mut room = Some(JOURNAL_ROOM);
            while let Ok(job) = waiting.recv() {
                desk.run(job);
                // A start that is refused has changed nothing; one that has committed goes on.
                if let Some(bytes) = room.take_if(|_| desk.has_committed) {
                    desk.run(Box::new(move |desk| desk.make_room(bytes)));
                }
            }
        };
        let started = thread::Builder::new().name("store-writer".to_owned()).spawn(run);
        started
            .map_err(|error| StoreError::Aborted(format!("no thread to write with: {error}")))?;
        is_ready.await.unwrap_or_else(|_| Err(has_stopped()))?;
        Ok(Self { jobs: Some(jobs), ended: Mutex::new(ended) })
    }

    /// Does `work` in a transaction, with the right to write: commits if its outcome is good, else rolls
    /// back. It runs to its end even if whoever waits for it goes away: nothing is decided by a time-out
    /// elsewhere, and nobody leaves a sign-in uncounted by hanging up.
    ///
    /// # Errors
    /// Those of `work`; [`StoreError::MaybeApplied`] if the commit failed, or the work panicked.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, outcome) = oneshot::channel();
        let job = move |desk: &mut Desk| {
            // Whoever waited may have gone.
            let _ = sender.send(desk.transaction(work));
        };
        self.send(Box::new(job))?;
        outcome.await.unwrap_or_else(|_| Err(has_stopped()))
    }

    /// Waits until no commit is under way.
    pub(super) async fn pause(&self) -> Result<Pause, StoreError> {
        let (sender, is_reached) = oneshot::channel();
        let (pause, is_over) = mpsc::channel();
        let job = move |_: &mut Desk| {
            if sender.send(()).is_ok() {
                // Nothing is ever sent: it returns when the pause is dropped.
                let _: Result<(), mpsc::RecvError> = is_over.recv();
            }
        };
        self.send(Box::new(job))?;
        is_reached.await.map_err(|_| has_stopped())?;
        Ok(Pause(pause))
    }

    fn send(&self, job: Job) -> Result<(), StoreError> {
        let sent = self.jobs.as_ref().map(|jobs| jobs.send(job));
        match sent {
            Some(Ok(())) => Ok(()),
            // Nothing of it was tried.
            Some(Err(_)) | None => {
                Err(StoreError::Aborted("the thread that writes has ended".to_owned()))
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        // It hangs up and sends nothing; or the time is over.
        let _: Result<(), mpsc::RecvTimeoutError> = ended.recv_timeout(END_WAIT);
    }
}

fn has_stopped() -> StoreError {
    StoreError::MaybeApplied("the store's writer has stopped".to_owned())
}

/// The writing connection, and what another one is opened with when it broke.
pub(super) struct Desk {
    path: PathBuf,
    /// `None` after an error that may have left the connection in the middle of something.
    connection: Option<Connection>,
    /// Never used, never closed before the other. While one connection is open, SQLite's index of the
    /// journal lives on, and in it a commit whose `fsync` failed does not count: it is written anew by the
    /// next one. Without it the last connection to close would let the index go, and whoever opens the
    /// journal next would believe pages that are in memory and not on the disk. It also spares a full disk
    /// the making of that index.
    _anchor: Connection,
    /// Whether it ever kept anything.
    has_committed: bool,
}

impl Desk {
    /// Of a database that is there, with its schema.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let anchor = connect_to_write(path).map_err(aborted)?;
        // Only a read opens the journal.
        let read = anchor.query_row("SELECT count(*) FROM organisations", [], |_| Ok(()));
        read.map_err(aborted)?;
        let connection = connect_to_write(path).map_err(aborted)?;
        Ok(Self {
            path: path.to_owned(),
            connection: Some(connection),
            _anchor: anchor,
            has_committed: false,
        })
    }

    /// A panic drops the connection, and SQLite rolls back; whoever waits for the job hears that nobody
    /// knows its outcome.
    fn run(&mut self, job: Job) {
        if catch_unwind(AssertUnwindSafe(|| job(self))).is_err() {
            tracing::error!("what was being written panicked; the store goes on");
        }
    }

    /// Without it commits cost more, and that is all. With the right to write, so that what another program
    /// adds to the journal meanwhile is not written over.
    fn make_room(&mut self, bytes: u64) {
        let path = self.path.clone();
        let make = |_: &Connection| {
            room::make(&path, bytes).map_err(|error| StoreError::Aborted(error.to_string()))
        };
        if let Err(error) = self.transaction(make) {
            tracing::warn!(%error, "the journal has no room of its own and grows as it goes");
        }
    }

    /// As [`Writer::write`], on the thread that calls.
    ///
    /// # Errors
    /// Those of `work`; [`StoreError::MaybeApplied`] if the commit failed.
    pub(super) fn transaction<T>(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect_to_write(&self.path).map_err(aborted)?,
        };
        if let Err(error) = run(&connection, "BEGIN IMMEDIATE") {
            close(connection);
            return Err(aborted(error));
        }
        match work(&connection) {
            Ok(value) => self.commit(connection).map(|()| value),
            Err(error) => {
                self.roll_back(connection);
                Err(error)
            }
        }
    }

    fn commit(&mut self, connection: Connection) -> Result<(), StoreError> {
        match run(&connection, "COMMIT") {
            Ok(()) => {
                self.connection = Some(connection);
                self.has_committed = true;
                Ok(())
            }
            Err(error) => {
                close(connection);
                Err(maybe_applied(&error))
            }
        }
    }

    /// Nothing of it stays. Some errors make SQLite roll back by itself; then there is nothing left to
    /// roll back, which cannot be told from a broken connection: both are answered with a new one.
    fn roll_back(&mut self, connection: Connection) {
        match run(&connection, "ROLLBACK") {
            Ok(()) => self.connection = Some(connection),
            Err(_) => close(connection),
        }
    }
}

fn run(connection: &Connection, statement: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(statement)?.execute([]).map(|_| ())
}

/// Closes before anybody is answered, so that whoever looks next sees how the transaction ended.
fn close(connection: Connection) {
    if let Err((_, error)) = connection.close() {
        tracing::warn!(%error, "the store's connection did not close cleanly");
    }
}

#[cfg(test)]
mod tests {
    use super::super::location;
    use super::super::preflight::beside;
    use super::*;
    use tempfile::TempDir;

    #[tokio::test]
    async fn the_journal_has_room_once_something_was_committed() {
        let (_folder, path) = folder();
        let journal = || std::fs::metadata(beside(&path, "-wal")).map_or(0, |found| found.len());
        let writer = Writer::open(path.clone(), locked(&path)).await.expect("a writer");
        let fails = |_: &_| Err::<(), _>(StoreError::Aborted("no".to_owned()));
        writer.write(fails).await.expect_err("it does");
        drop(writer.pause().await.expect("paused"));
        assert!(journal() < JOURNAL_ROOM);
        writer.write(add).await.expect("written");
        drop(writer.pause().await.expect("paused"));
        assert!(journal() >= JOURNAL_ROOM);
        assert_eq!(rows(&path), 1);
    }

    #[test]
    fn room_is_made_only_while_nobody_else_writes() {
        let (_folder, path) = folder();
        let journal = || std::fs::metadata(beside(&path, "-wal")).expect("is there").len();
        let mut desk = Desk::open(&path).expect("a desk");
        desk.transaction(add).expect("written");
        let other = Connection::open(&path).expect("opens");
        other.execute_batch("BEGIN IMMEDIATE; INSERT INTO t VALUES (2)").expect("it writes");
        let connection = desk.connection.as_ref().expect("it is whole");
        connection.busy_timeout(Duration::ZERO).expect("it does not wait");
        desk.make_room(JOURNAL_ROOM);
        assert!(journal() < JOURNAL_ROOM);
        other.execute_batch("COMMIT").expect("written");
        desk.make_room(JOURNAL_ROOM);
        assert!(journal() >= JOURNAL_ROOM);
        assert_eq!(rows(&path), 2);
    }

    fn folder() -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("it.db");
        let connection = Connection::open(&path).expect("opens");
        let begin = "PRAGMA journal_mode = WAL; CREATE TABLE organisations (x); CREATE TABLE t (x)";
        connection.execute_batch(begin).expect("tables");
        (folder, path)
    }

    fn locked(path: &Path) -> Arc<Lock> {
        Arc::new(location::try_lock(path).expect("a lock file").expect("nobody else has it"))
    }

    fn add(connection: &Connection) -> Result<(), StoreError> {
        connection.execute("INSERT INTO t VALUES (1)", []).map_err(aborted)?;
        Ok(())
    }

    fn rows(path: &Path) -> i64 {
        let connection = Connection::open(path).expect("opens");
        connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).expect("counted")
    }

    #[tokio::test]
    async fn what_was_taken_to_the_writer_is_done_though_nobody_waits_for_it() {
        let (_folder, path) = folder();
        let writer = Writer::open(path.clone(), locked(&path)).await.expect("a writer");
        let pause = writer.pause().await.expect("paused");
        let given_up = tokio::time::timeout(Duration::ZERO, writer.write(add));
        assert!(given_up.await.is_err(), "it cannot be done while there is a pause");
        assert_eq!(rows(&path), 0);
        drop(pause);
        writer.write(add).await.expect("written");
        assert_eq!(rows(&path), 2);
    }

    #[tokio::test]
    async fn work_that_fails_or_panics_leaves_nothing_and_the_next_is_done() {
        let (_folder, path) = folder();
        let writer = Writer::open(path.clone(), locked(&path)).await.expect("a writer");
        let fails = |connection: &_| {
            add(connection)?;
            Err::<(), _>(StoreError::Aborted("no".to_owned()))
        };
        assert!(matches!(writer.write(fails).await, Err(StoreError::Aborted(_))));
        let panics = |connection: &_| -> Result<(), StoreError> {
            add(connection)?;
            panic!("a defect");
        };
        assert!(matches!(writer.write(panics).await, Err(StoreError::MaybeApplied(_))));
        assert_eq!(rows(&path), 0);
        writer.write(add).await.expect("written");
        assert_eq!(rows(&path), 1);
    }

    #[tokio::test]
    async fn a_pause_that_nobody_took_holds_nothing_up() {
        let (_folder, path) = folder();
        let writer = Writer::open(path.clone(), locked(&path)).await.expect("a writer");
        let first = writer.pause().await.expect("paused");
        let given_up = tokio::time::timeout(Duration::ZERO, writer.pause());
        assert!(given_up.await.is_err(), "the first one is still held");
        drop(first);
        writer.write(add).await.expect("written");
        assert_eq!(rows(&path), 1);
    }

    #[tokio::test]
    async fn a_database_that_is_not_there_is_no_place_to_write() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("none.db");
        let opened = Writer::open(path.clone(), locked(&path)).await;
        assert!(matches!(opened, Err(StoreError::Refused(_))), "{opened:?}");
    }

    #[tokio::test]
    async fn nobody_else_opens_the_database_before_what_was_taken_is_written() {
        let (_folder, path) = folder();
        let writer = Writer::open(path.clone(), locked(&path)).await.expect("a writer");
        let (go, held) = mpsc::channel::<()>();
        let held_up = move |connection: &Connection| {
            held.recv().expect("sent below");
            add(connection)
        };
        let given_up = tokio::time::timeout(Duration::ZERO, writer.write(held_up));
        assert!(given_up.await.is_err(), "nobody waits for it");
        let dropping = thread::spawn(move || drop(writer));
        let lock = location::try_lock(&path).expect("a lock file");
        assert!(lock.is_none(), "it is still to be written");
        go.send(()).expect("it waits");
        dropping.join().expect("dropped");
        drop(locked(&path));
        assert_eq!(rows(&path), 1);
    }
}
