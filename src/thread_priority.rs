//! What the system's scheduler is told of a thread. (On Linux each thread has a priority of its own.)
//!
//! Deciding, keeping and telling are each cheaper the more of it is done at once. A thread that is woken
//! for the first of many logins takes the processor from whoever is about to bring the others, and does
//! the work in pieces that cost more to wake for than to do. So those who work for many do not preempt:
//! where a processor idles they run at once, and where none does they find a batch (docs/PERFORMANCE.md).

/// The least that a thread can ask for (`nice`): a seventieth of what one that logs somebody in gets while
/// both have something to do, and all of a processor that nobody else wants.
pub const LEAST: libc::c_int = 19;

/// The calling thread works for many at once: it waits for a processor to be free of what runs on it.
pub fn by_batches() {
    let none = libc::sched_param { sched_priority: 0 };
    // SAFETY: it reads the parameters behind the address of a live local; 0 is the thread that calls.
    #[expect(unsafe_code, reason = "no safe wrapper offers it for one thread")]
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const none) };
    if result != 0 {
        tracing::debug!("the system does not let a thread work by batches");
    }
}

/// The calling thread gets what all others leave.
pub fn last() {
    // SAFETY: it takes numbers alone; 0 is the thread that calls.
    #[expect(unsafe_code, reason = "no safe wrapper offers it for one thread")]
    let result = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, LEAST) };
    if result != 0 {
        tracing::warn!("a thread could not be given a lower priority than logins");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_works_by_batches_once_it_was_told() {
        let policy = std::thread::spawn(|| {
            by_batches();
            // SAFETY: it takes a number alone; 0 is the thread that calls.
            #[expect(unsafe_code, reason = "no safe wrapper offers it")]
            unsafe {
                libc::sched_getscheduler(0)
            }
        });
        assert_eq!(policy.join().expect("it ends"), libc::SCHED_BATCH);
    }
}
