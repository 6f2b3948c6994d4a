//! Whether the write-ahead journal is whole.
//!
//! SQLite reads a journal as far as its checksums hold, and takes whatever follows for a write that was
//! cut short: commits behind a damaged place would be gone without a word. Nothing is ever written behind
//! a write that was cut short, so two commits behind the place tell damage from a crash.
//!
//! The format is <https://www.sqlite.org/walformat.html>.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// The lowest bit of the magic number says in which order of bytes checksums are made.
const MAGIC: u32 = 0x377f_0682;
const BUFFER_BYTES: usize = 1 << 20;

/// What is wrong with a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// Its head cannot be read, so nothing in it counts.
    Head,
    /// There are commits behind a place that cannot be read.
    Middle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sum(u32, u32);

/// The journal's head, as far as frames are judged by it.
struct Head {
    is_big_endian: bool,
    page_bytes: usize,
    salts: [u8; 8],
    sum: Sum,
}

/// Reads the journal through. A file that is not there is whole.
///
/// # Errors
/// If it cannot be read.
pub(super) fn damage(path: &Path) -> io::Result<Option<Damage>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, file);
    let mut head = [0; HEADER_BYTES];
    // A head that is cut short or was never filled is one that nobody waited for.
    if !fill(&mut reader, &mut head)? || head == [0; HEADER_BYTES] {
        return Ok(None);
    }
    let Some(head) = Head::read(&head) else { return Ok(Some(Damage::Head)) };
    head.judge_frames(&mut reader)
}

impl Head {
    fn read(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let magic = number(bytes, 0);
        let is_big_endian = magic & 1 == 1;
        let sum = Sum(0, 0).over(&bytes[..24], is_big_endian);
        let page_bytes = usize::try_from(number(bytes, 8)).ok()?;
        let is_whole = magic & !1 == MAGIC
            && sum == Sum(number(bytes, 24), number(bytes, 28))
            && page_bytes.is_power_of_two()
            && (512..=65_536).contains(&page_bytes);
        let mut salts = [0; 8];
        salts.copy_from_slice(&bytes[16..24]);
        is_whole.then_some(Self { is_big_endian, page_bytes, salts, sum })
    }

    fn judge_frames(&self, reader: &mut impl Read) -> io::Result<Option<Damage>> {
        let mut frame = vec![0; FRAME_HEADER_BYTES + self.page_bytes];
        let (mut before, mut is_behind, mut commits) = (self.sum, false, 0);
        while fill(reader, &mut frame)? {
            let sum = before.over(&frame[..8], self.is_big_endian);
            let sum = sum.over(&frame[FRAME_HEADER_BYTES..], self.is_big_endian);
            let stored = Sum(number(&frame, 16), number(&frame, 20));
            let follows = frame[8..16] == self.salts && sum == stored;
            if !follows {
                // A chain that begins here is judged by itself.
                (is_behind, commits) = (true, 0);
            } else if number(&frame, 4) != 0 {
                commits += 1;
            }
            if is_behind && commits >= 2 {
                return Ok(Some(Damage::Middle));
            }
            before = stored;
        }
        Ok(None)
    }
}

impl Sum {
    /// Goes on over bytes whose number is a multiple of eight.
    fn over(self, bytes: &[u8], is_big_endian: bool) -> Self {
        let word = |at: &[u8]| {
            let four = [at[0], at[1], at[2], at[3]];
            if is_big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
        };
        bytes.chunks_exact(8).fold(self, |Self(first, second), pair| {
            let first = first.wrapping_add(word(&pair[..4])).wrapping_add(second);
            Self(first, second.wrapping_add(word(&pair[4..])).wrapping_add(first))
        })
    }
}

/// A number of the format's own: big-endian.
fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Fills the buffer; `false` if the file ends before.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;
    use std::os::unix::fs::FileExt as _;
    use std::path::PathBuf;

    /// A journal of five commits of three pages each, as a killed process leaves it.
    fn journal(folder: &Path) -> PathBuf {
        let database = folder.join("it.db");
        let connection = Connection::open(&database).expect("opens");
        let begin = "PRAGMA journal_mode = WAL; CREATE TABLE t (text)";
        connection.execute_batch(begin).expect("a journal");
        for _ in 0..4 {
            let insert = "INSERT INTO t VALUES (hex(randomblob(4000)))";
            connection.execute(insert, []).expect("a commit");
        }
        let copy = folder.join("copy-wal");
        std::fs::copy(folder.join("it.db-wal"), &copy).expect("copied");
        copy
    }

    fn with_garbage(place: impl FnOnce(u64) -> u64) -> Option<Damage> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = journal(folder.path());
        let file = File::options().write(true).open(&path).expect("opens");
        let length = file.metadata().expect("is there").len();
        file.write_all_at(b"garbage!", place(length)).expect("written");
        damage(&path).expect("read")
    }

    #[test]
    fn a_journal_as_sqlite_leaves_it_is_whole_and_so_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = journal(folder.path());
        assert_eq!(damage(&path).expect("read"), None);
        assert_eq!(damage(&folder.path().join("none")).expect("read"), None);
    }

    #[test]
    fn a_head_that_cannot_be_read_is_told() {
        assert_eq!(with_garbage(|_| 4), Some(Damage::Head));
    }

    #[test]
    fn a_damaged_place_with_commits_behind_it_is_told() {
        assert_eq!(with_garbage(|_| 32 + 24 + 100), Some(Damage::Middle));
        assert_eq!(with_garbage(|_| 32 + 8), Some(Damage::Middle));
    }

    #[test]
    fn a_last_write_that_was_cut_short_is_a_crash_and_no_damage() {
        assert_eq!(with_garbage(|length| length - 100), None);
        let folder = tempfile::tempdir().expect("a folder");
        let path = journal(folder.path());
        let file = File::options().write(true).open(&path).expect("opens");
        for cut in [100, 5_000, 20, 1] {
            let length = file.metadata().expect("is there").len();
            file.set_len(length - cut).expect("cut");
            assert_eq!(damage(&path).expect("read"), None);
        }
        file.set_len(20).expect("cut");
        assert_eq!(damage(&path).expect("read"), None);
    }
}
