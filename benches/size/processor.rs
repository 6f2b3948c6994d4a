//! Processor time by thread. What a machine's other users take does not count.

use std::time::Duration;

/// The name of the threads that decide and commit logins.
pub(super) const LOGIN_THREADS: &str = "login";

/// The one that commits.
const STORE_THREADS: &str = "store-writer";

/// What the threads of the way of a login (the first one decides) have used so far, and all others.
pub(super) fn used() -> (Duration, Duration) {
    let main = std::process::id().to_string();
    let (mut of_logins, mut of_others) = (Duration::ZERO, Duration::ZERO);
    for task in std::fs::read_dir("/proc/self/task").expect("Linux").flatten() {
        // A thread that has just ended has neither file.
        let read = |file| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
        let nanoseconds = read("schedstat");
        let nanoseconds = nanoseconds.split(' ').next().and_then(|text| text.parse().ok());
        let used = Duration::from_nanos(nanoseconds.unwrap_or(0));
        let name = read("comm");
        let is_main = task.file_name().to_str() == Some(&main);
        if is_main || name.starts_with(LOGIN_THREADS) || name.starts_with(STORE_THREADS) {
            of_logins += used;
        } else {
            of_others += used;
        }
    }
    (of_logins, of_others)
}

/// Memory that the process has now, in MB.
pub(super) fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    kilobytes.expect("a size") / 1_024
}
