//! Room in the write-ahead journal, made at once and not commit by commit.
//!
//! A new journal grows with every commit until it is first copied back into the database; from then on its
//! beginning is written over. While it grows, the file system finds blocks and notes the file's length with
//! every commit as well, which is a third of what writing and `fsync` cost (docs/PERFORMANCE.md): in the minutes
//! after a start, when everybody comes back at once. So the journal gets its later length behind the first
//! commit. What is put there is zeros, which SQLite takes for the end of a journal, as does `wal`.

use super::preflight::beside;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// What is written at a time, in bytes: a page of memory. What is written in larger pieces is kept in larger
/// pieces by the file system, and a journal's small writes into those cost it twice as much.
const PIECE: usize = 4096;

/// Makes the journal of the database at `path` at least `bytes` long, in whole pages of memory. Nobody may write
/// to it meanwhile: whoever calls has SQLite's right to write.
///
/// # Errors
/// If there is no room for it; then the journal is as long as it was.
pub(super) fn make(path: &Path, bytes: u64) -> io::Result<()> {
    let journal = File::options().write(true).open(beside(path, "-wal"))?;
    let length = journal.metadata()?.len();
    let made = fill(&journal, length, bytes);
    if made.is_err() {
        journal.set_len(length)?;
    }
    made
}

fn fill(journal: &File, length: u64, bytes: u64) -> io::Result<()> {
    let mut at = length;
    while at < bytes {
        let rest = PIECE - usize::try_from(at % PIECE as u64).unwrap_or(0);
        journal.write_all_at(&[0; PIECE][..rest], at)?;
        at += rest as u64;
    }
    journal.sync_all()
}

#[cfg(test)]
mod tests {
    use super::super::wal;
    use super::*;
    use rusqlite::Connection;

    const ROOM: u64 = 245 * PIECE as u64;

    fn add(connection: &Connection) {
        connection.execute("INSERT INTO t VALUES (1)", []).expect("a commit");
    }

    fn rows(path: &Path) -> i64 {
        let connection = Connection::open(path).expect("opens");
        connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).expect("counted")
    }

    /// The files as a killed process leaves them, with `commits` before the room was made and after it.
    fn killed(commits: [u32; 2]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("it.db");
        let connection = Connection::open(&path).expect("opens");
        let begin = "PRAGMA journal_mode = WAL; CREATE TABLE t (x)";
        connection.execute_batch(begin).expect("a table");
        (0..commits[0]).for_each(|_| add(&connection));
        make(&path, ROOM).expect("there is room");
        (0..commits[1]).for_each(|_| add(&connection));
        let left = folder.path().join("left.db");
        for suffix in ["", "-wal"] {
            std::fs::copy(beside(&path, suffix), beside(&left, suffix)).expect("copied");
        }
        (folder, left)
    }

    #[test]
    fn a_journal_with_room_keeps_what_it_has_and_what_comes() {
        for commits in [[0, 0], [0, 3], [5, 0], [5, 3]] {
            let (_folder, left) = killed(commits);
            let journal = beside(&left, "-wal");
            assert_eq!(journal.metadata().expect("is there").len(), ROOM);
            assert_eq!(wal::damage(&journal).expect("read"), None, "{commits:?}");
            assert_eq!(rows(&left), i64::from(commits[0] + commits[1]));
        }
    }

    #[test]
    fn a_journal_that_is_long_enough_stays_as_it_is() {
        let (_folder, left) = killed([5, 3]);
        let journal = beside(&left, "-wal");
        let before = std::fs::read(&journal).expect("read");
        make(&left, ROOM).expect("nothing to do");
        make(&left, 5).expect("nothing to do");
        assert!(std::fs::read(&journal).expect("read") == before);
    }

    #[test]
    fn a_journal_that_is_not_there_is_not_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let made = make(&folder.path().join("it.db"), ROOM);
        assert_eq!(made.expect_err("no journal").kind(), io::ErrorKind::NotFound);
        assert_eq!(folder.path().read_dir().expect("a folder").count(), 0);
    }
}
