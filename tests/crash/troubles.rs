//! What can befall a database while a broker runs on it, switched on and off by a test.

use crate::child::{Home, Launch, Process};
use rusqlite::Connection;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Something that keeps a broker from committing.
pub trait Trouble {
    /// From now on commits fail, at the latest when what room there is has been used up.
    fn begin(&mut self, process: &Process);

    /// From now on they work.
    fn end(&mut self, process: &Process);
}

/// The limit on the size of files (`ulimit -f`) is less than the database's journal needs.
#[derive(Default)]
pub struct LimitedFiles {
    before: (u64, u64),
}

impl LimitedFiles {
    /// Bytes. A few commits fill as much.
    const LIMIT: u64 = 64 * 1_024;
}

impl Trouble for LimitedFiles {
    fn begin(&mut self, process: &Process) {
        let (mut soft, mut hard) = (0, 0);
        limit(process, None, Some((&mut soft, &mut hard)));
        self.before = (soft, hard);
        limit(process, Some((Self::LIMIT, hard)), None);
    }

    fn end(&mut self, process: &Process) {
        limit(process, Some(self.before), None);
    }
}

fn limit(process: &Process, new: Option<(u64, u64)>, old: Option<(&mut u64, &mut u64)>) {
    let process = i32::try_from(process.id()).unwrap();
    rlimit::prlimit(process, rlimit::Resource::FSIZE, new, old).unwrap();
}

/// A small file system of its own, in a namespace that a process keeps. It needs no rights but those to
/// make namespaces, and goes when the process does.
pub struct SmallDisk {
    keeper: Child,
    /// Its root, as seen from outside the namespace.
    root: PathBuf,
}

impl SmallDisk {
    /// A home whose database lies on it; `None`, said aloud, where no namespace can be made.
    pub fn home() -> Option<(Self, Home)> {
        let folder = TempDir::new().unwrap();
        let place = folder.path().join("disk");
        std::fs::create_dir(&place).unwrap();
        let script = "mount -t tmpfs -o size=4m tmpfs \"$0\" && echo made && exec cat";
        let place = place.to_str().unwrap().to_owned();
        let (keeper, launch) = namespace(&[script, &place])?;
        let root = PathBuf::from(format!("/proc/{}/root{place}", keeper.id()));
        let home = Home::with(folder, "disk/it.db", launch);
        Some((Self { keeper, root }, home))
    }
}

impl SmallDisk {
    /// A file takes all the room that is left.
    pub fn fill(&self) {
        let mut filler = File::create(self.root.join("filler")).unwrap();
        for size in [65_536, 4_096] {
            while filler.write_all(&vec![0; size]).is_ok() {}
        }
    }

    /// There is room again.
    pub fn make_room(&self) {
        std::fs::remove_file(self.root.join("filler")).unwrap();
    }
}

impl Trouble for SmallDisk {
    fn begin(&mut self, _: &Process) {
        self.fill();
    }

    fn end(&mut self, _: &Process) {
        self.make_room();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

/// A process that keeps a namespace in which a shell script said `made`, and how others get into it.
pub fn namespace(script: &[&str]) -> Option<(Child, Launch)> {
    let mut keeper = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c"])
        .args(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut said = String::new();
    let out = keeper.stdout.take().unwrap();
    // Nothing, where it was not allowed.
    let _ = BufReader::new(out).read_line(&mut said);
    if said.trim() != "made" {
        eprintln!("!!! NOT RUN: this machine lets nobody make a mount namespace (unshare)");
        let _ = keeper.wait();
        return None;
    }
    let target = keeper.id().to_string();
    let prefix = ["nsenter", "--target", &target, "--user", "--mount", "--preserve-credentials"];
    let prefix = prefix.into_iter().chain(["--"]).map(str::to_owned).collect();
    Some((keeper, Launch { prefix, ..Launch::default() }))
}

/// Calls on the database's files that give an error.
pub struct FailingCalls {
    folder: PathBuf,
    call: &'static str,
    error: i32,
}

impl FailingCalls {
    /// A home whose broker can be made to fail so.
    pub fn home(call: &'static str, error: i32) -> (Self, Home) {
        let folder = TempDir::new().unwrap();
        let library = build(folder.path());
        let faults = folder.path().to_owned();
        let variables = vec![
            ("LD_PRELOAD", library.display().to_string()),
            ("FAULTS", faults.display().to_string()),
        ];
        let home = Home::with(folder, "it.db", Launch { variables, ..Launch::default() });
        (Self { folder: faults, call, error }, home)
    }
}

/// Whoever links Rust programs has a C compiler.
fn build(folder: &Path) -> PathBuf {
    let library = folder.join("faults.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/crash/faults.c");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-o"])
        .arg(&library)
        .arg(source)
        .status();
    assert!(built.is_ok_and(|status| status.success()), "a C compiler is needed: cc");
    library
}

impl FailingCalls {
    /// They work again.
    pub fn mend(&self) {
        std::fs::remove_file(self.folder.join(self.call)).unwrap();
    }
}

impl Trouble for FailingCalls {
    fn begin(&mut self, _: &Process) {
        // In one step, so that no half of the number is read.
        let beside = self.folder.join("wish");
        std::fs::write(&beside, self.error.to_string()).unwrap();
        std::fs::rename(beside, self.folder.join(self.call)).unwrap();
    }

    fn end(&mut self, _: &Process) {
        self.mend();
    }
}

/// Another program that writes and does not end.
pub struct Locked {
    database: PathBuf,
    writer: Option<Connection>,
}

impl Locked {
    pub fn of(home: &Home) -> Self {
        Self { database: home.folder().join("it.db"), writer: None }
    }
}

impl Trouble for Locked {
    fn begin(&mut self, _: &Process) {
        let writer = Connection::open(&self.database).unwrap();
        writer.busy_timeout(crate::support::socket::PATIENCE).unwrap();
        writer.execute_batch("BEGIN IMMEDIATE").unwrap();
        self.writer = Some(writer);
    }

    fn end(&mut self, _: &Process) {
        self.writer.take().unwrap().execute_batch("ROLLBACK").unwrap();
    }
}
