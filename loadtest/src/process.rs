//! What another process uses: processor time and memory, as Linux counts them in `/proc`.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use procfs::net::TcpState;
use procfs::process::{FDTarget, Process, all_processes};

/// The first number is the thread's processor time in nanoseconds.
const THREAD_TIMES: &str = "/proc/thread-self/schedstat";
const BYTES_PER_KIB: u64 = 1024;
/// User and system time of a process are each rounded down.
const TICKS_OF_ROUNDING: u64 = 2;
const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;

/// What a process used up to a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Processor time of all its threads, user and system, since it began.
    pub(crate) cpu: Duration,
    /// Memory that is resident now, in bytes: its own and the files that it has mapped.
    pub(crate) resident_bytes: u64,
    /// Of it, what is nobody else's: heap and stacks.
    pub(crate) anonymous_bytes: u64,
}

/// Reads a process's usage again and again.
#[derive(Debug)]
pub(crate) struct Meter {
    process: Process,
    /// The processor time of each thread, in nanoseconds, when it was last seen: one that has ended since
    /// still counts.
    threads: HashMap<i32, u64>,
    /// Of threads that no look has found. It moves only where rounding cannot be the cause.
    unseen: Duration,
}

impl Meter {
    /// # Errors
    ///
    /// Where there is no such process.
    pub(crate) fn of(id: u32) -> Result<Self> {
        let process = Process::new(i32::try_from(id)?);
        let process = process.with_context(|| format!("process {id} cannot be looked at"))?;
        Ok(Self { process, threads: HashMap::new(), unseen: Duration::ZERO })
    }

    /// The process's number.
    pub(crate) fn id(&self) -> u32 {
        self.process.pid().unsigned_abs()
    }

    /// The usage up to now.
    ///
    /// # Errors
    ///
    /// Where the process has ended, or may not be looked at.
    pub(crate) fn read(&mut self) -> Result<Usage> {
        let what = || format!("process {} cannot be looked at", self.process.pid());
        let status = self.process.status().with_context(what)?;
        // One that has ended and is not waited for yet has none.
        let resident = status.vmrss.with_context(what)?;
        // It has threads too that began and ended unseen; read before the others, lest what they do meanwhile
        // be taken for that.
        let stat = self.process.stat().with_context(what)?;
        for task in self.process.tasks().with_context(what)?.flatten() {
            // A thread may end between the list and the look at it.
            if let Ok(times) = task.schedstat() {
                self.threads.insert(task.tid, times.sum_exec_runtime);
            }
        }
        let threads = Duration::from_nanos(self.threads.values().sum());
        let unseen = (ticks(stat.utime) + ticks(stat.stime)).saturating_sub(threads);
        if unseen > self.unseen + ticks(TICKS_OF_ROUNDING) {
            self.unseen = unseen;
        }
        Ok(Usage {
            cpu: threads + self.unseen,
            resident_bytes: resident * BYTES_PER_KIB,
            anonymous_bytes: status.rssanon.unwrap_or_default() * BYTES_PER_KIB,
        })
    }
}

/// Processor time of the thread that asks.
///
/// # Errors
///
/// Where the system does not tell.
pub(crate) fn of_this_thread() -> Result<Duration> {
    let told = std::fs::read_to_string(THREAD_TIMES).context(THREAD_TIMES)?;
    let first = told.split_whitespace().next().context(THREAD_TIMES)?;
    Ok(Duration::from_nanos(first.parse()?))
}

/// Processor time of the children of this process that have ended and were waited for, in steps of the
/// system's clock (10 ms).
///
/// # Errors
///
/// Where the system does not tell.
pub(crate) fn of_ended_children() -> Result<Duration> {
    let stat = Process::myself().and_then(|process| process.stat()).context("/proc/self/stat")?;
    Ok(ticks(u64::try_from(stat.cutime)?.saturating_add(u64::try_from(stat.cstime)?)))
}

fn ticks(number: u64) -> Duration {
    let nanoseconds = NANOSECONDS_PER_SECOND / procfs::ticks_per_second();
    Duration::from_nanos(number.saturating_mul(nanoseconds))
}

/// The process of this machine that listens there; `None` where it is not to be found: elsewhere, another
/// user's, or behind a proxy.
pub(crate) fn listening_on(address: SocketAddr) -> Option<u32> {
    if !address.ip().is_loopback() {
        return None;
    }
    let entries = [procfs::net::tcp(), procfs::net::tcp6()].into_iter().flatten().flatten();
    let sockets: HashSet<_> = entries
        .filter(|entry| entry.state == TcpState::Listen && is_at(entry.local_address, address))
        .map(|entry| entry.inode)
        .collect();
    let owns = |process: &Process| {
        let is_one_of_them = |target: &FDTarget| matches!(target, FDTarget::Socket(inode) if sockets.contains(inode));
        let mut descriptors = process.fd().into_iter().flatten().flatten();
        descriptors.any(|descriptor| is_one_of_them(&descriptor.target))
    };
    let found = all_processes().ok()?.flatten().find(owns)?;
    u32::try_from(found.pid()).ok()
}

/// Whether who listens at `local` is reached at `address`.
fn is_at(local: SocketAddr, address: SocketAddr) -> bool {
    local.port() == address.port() && (local.ip() == address.ip() || local.ip().is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_and_memory_of_this_very_process_show() {
        let mut meter = Meter::of(std::process::id()).expect("this process");
        let before = meter.read().expect("it runs");
        let mut block = vec![1_u8; 32 << 20];
        let after = loop {
            block.iter_mut().for_each(|byte| *byte = byte.wrapping_mul(3));
            let now = meter.read().expect("it runs");
            if now.cpu > before.cpu {
                break now;
            }
        };
        assert!(block.iter().any(|byte| *byte != 0));
        assert!(after.anonymous_bytes >= before.anonymous_bytes + (16 << 20), "{after:?}");
        assert!(after.resident_bytes >= after.anonymous_bytes);
    }

    /// Keeps the thread that calls busy for so long.
    fn work(time: Duration) {
        let before = of_this_thread().expect("it runs");
        while of_this_thread().expect("it runs") < before + time {}
    }

    #[test]
    fn a_thread_that_began_and_ended_between_two_looks_counts() {
        let mut meter = Meter::of(std::process::id()).expect("this process");
        let before = meter.read().expect("it runs");
        let worked = Duration::from_millis(200);
        std::thread::spawn(move || work(worked)).join().expect("it ends");
        let after = meter.read().expect("it runs");
        let seen = after.cpu.saturating_sub(before.cpu);
        assert!(seen >= worked - ticks(TICKS_OF_ROUNDING), "{seen:?}");
    }

    #[tokio::test]
    async fn a_process_that_has_ended_and_is_not_waited_for_cannot_be_read() {
        let mut child = tokio::process::Command::new("sleep").arg("60").spawn().expect("it starts");
        let mut meter = Meter::of(child.id().expect("it runs")).expect("it runs");
        child.start_kill().expect("it ends");
        while meter.read().is_ok() {
            tokio::task::yield_now().await;
        }
        child.wait().await.expect("it has ended");
    }

    #[test]
    fn who_listens_on_loopback_is_found() {
        for any in ["127.0.0.1:0", "0.0.0.0:0"] {
            let listener = std::net::TcpListener::bind(any).expect("a port");
            let port = listener.local_addr().expect("an address").port();
            let here = SocketAddr::from(([127, 0, 0, 1], port));
            assert_eq!(listening_on(here), Some(std::process::id()), "{any}");
        }
        assert_eq!(listening_on(SocketAddr::from(([10, 0, 0, 1], 80))), None, "elsewhere");
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error_that_names_it() {
        let error = Meter::of(u32::MAX / 2).expect_err("none").to_string();
        assert!(error.contains("process"), "{error}");
    }
}
