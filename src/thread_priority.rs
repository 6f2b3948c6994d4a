//! What the system's scheduler is told of a thread. (On Linux each thread has a priority of its own.)
//!
//! Deciding, keeping and telling are each cheaper the more of it is done at once. A thread that is woken
//! for the first of many logins takes the processor from whoever is about to bring the others, and does
//! the work in pieces that cost more to wake for than to do. So those who work for many do not preempt:
//! where a processor idles they run at once, and where none does they find a batch (docs/PERFORMANCE.md).

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::sync::OnceLock;
use tokio::task::JoinHandle;

/// Where threads may run that are not bound; empty while none is.
static EVERYWHERE: OnceLock<CpuSet> = OnceLock::new();

/// The calling thread works for many at once: it waits for a processor to be free of what runs on it.
pub fn by_batches() {
    if !schedule(libc::SCHED_BATCH) {
        tracing::debug!("the system does not let a thread work by batches");
    }
}

/// The calling thread gets what all others leave, and its processor goes to any other at once. (With the least
/// priority, `nice`, others would wait for the rest of its slice: milliseconds.)
pub fn last() {
    anywhere();
    if !schedule(libc::SCHED_IDLE) {
        tracing::warn!("a thread could not be told to let logins go first");
    }
}

/// Whether the system follows.
fn schedule(policy: libc::c_int) -> bool {
    let none = libc::sched_param { sched_priority: 0 };
    // SAFETY: it reads the parameters behind the address of a live local; 0 is the thread that calls.
    #[expect(unsafe_code, reason = "no safe wrapper offers it for one thread")]
    let result = unsafe { libc::sched_setscheduler(0, policy, &raw const none) };
    result == 0
}

/// How the calling thread is scheduled.
#[cfg(test)]
pub fn policy() -> libc::c_int {
    // SAFETY: it takes a number alone.
    #[expect(unsafe_code, reason = "no safe wrapper offers it")]
    unsafe {
        libc::sched_getscheduler(0)
    }
}

/// The calling thread, one of `threads` that share their work evenly, stays on a processor of its own where there
/// are as many as threads. The system wakes a thread where its waker runs, and would leave two of them waiting for
/// each other on one processor while another does what can wait (docs/performance/storms.md). Where there are more
/// processors, or fewer, it goes where the system puts it: several brokers on one machine would meet.
pub fn on_its_own(number: usize, threads: usize) {
    let processors = match processors() {
        Ok(processors) if processors.len() == threads => processors,
        Ok(_) => return,
        Err(error) => {
            return tracing::debug!(%error, "the system does not say where a thread may run");
        }
    };
    let _ = EVERYWHERE.set(set_of(&processors));
    if let Err(error) = sched_setaffinity(None, &set_of(&[processors[number % threads]])) {
        tracing::debug!(%error, "the system does not let a thread stay where it is");
    }
}

/// The calling thread goes where the system puts it: a thread inherits where it may run from whoever begins it, and
/// that may be a worker, which would share its processor with it though others idle.
pub fn anywhere() {
    if let Some(everywhere) = EVERYWHERE.get()
        && let Err(error) = sched_setaffinity(None, everywhere)
    {
        tracing::debug!(%error, "the system does not let a thread leave its processor");
    }
}

/// Work that blocks, on a thread for that, wherever there is a processor for it. It runs to its end even if nobody
/// waits for it.
pub fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    tokio::task::spawn_blocking(move || {
        anywhere();
        work()
    })
}

fn set_of(processors: &[usize]) -> CpuSet {
    let mut set = CpuSet::new();
    processors.iter().for_each(|processor| set.set(*processor));
    set
}

/// On which the calling thread may run.
fn processors() -> rustix::io::Result<Vec<usize>> {
    let allowed = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|processor| allowed.is_set(*processor)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_threads_as_processors_have_one_each_and_others_go_where_they_are_put() {
        let all = processors().expect("some");
        let left = |number, threads| {
            let thread = std::thread::spawn(move || {
                on_its_own(number, threads);
                processors().expect("some")
            });
            thread.join().expect("it ends")
        };
        for (number, processor) in all.iter().enumerate() {
            assert_eq!(left(number, all.len()), [*processor]);
        }
        assert_eq!(left(all.len(), all.len()), all[..1], "the next one begins anew");
        assert_eq!(left(0, all.len() + 1), all);
    }

    #[test]
    fn what_a_worker_has_begun_runs_anywhere() {
        let all = processors().expect("some");
        let worker = std::thread::spawn(|| {
            on_its_own(0, processors().expect("some").len());
            let inherited = std::thread::spawn(processors).join().expect("it ends");
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("one");
            let blocking = runtime.block_on(async { blocking(processors).await }).expect("it ends");
            (inherited.expect("some"), blocking.expect("some"))
        });
        let (inherited, blocking) = worker.join().expect("it ends");
        assert_eq!(inherited, all[..1], "what is not told otherwise");
        assert_eq!(blocking, all);
    }

    #[test]
    fn a_thread_works_by_batches_or_last_once_it_was_told() {
        let policy_of = |told: fn()| {
            let thread = std::thread::spawn(move || {
                told();
                policy()
            });
            thread.join().expect("it ends")
        };
        assert_eq!(policy_of(|| {}), libc::SCHED_OTHER);
        assert_eq!(policy_of(by_batches), libc::SCHED_BATCH);
        assert_eq!(policy_of(last), libc::SCHED_IDLE);
    }
}
