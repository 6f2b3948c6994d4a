//! What a process, or a thread, has used of the processors.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

/// A tick of `/proc/PID/stat`: Linux has a hundred a second on every machine that this runs on.
const TICK: Duration = Duration::from_millis(10);
/// Where user and system time stand behind the name, which is in brackets.
const USER: usize = 11;

/// Of a process with all of its threads, those that have ended included; in steps of 10 ms.
///
/// # Errors
///
/// Where it is gone.
pub(crate) fn of_process(id: u32) -> Result<Duration> {
    let path = format!("/proc/{id}/stat");
    let stat = std::fs::read_to_string(&path).context(path)?;
    ticks(&stat).map(|ticks| TICK.saturating_mul(ticks)).context("a process without its times")
}

/// Of the thread that asks.
///
/// # Errors
///
/// Where the kernel does not tell.
pub(crate) fn of_this_thread() -> Result<Duration> {
    let path = Path::new("/proc/thread-self/schedstat");
    let told = std::fs::read_to_string(path).context("/proc/thread-self/schedstat")?;
    let first = told.split_whitespace().next().context("an empty schedstat")?;
    Ok(Duration::from_nanos(first.parse()?))
}

fn ticks(stat: &str) -> Option<u32> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut times = behind_name.split_whitespace().skip(USER);
    let mut next = || times.next()?.parse::<u32>().ok();
    Some(next()? + next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time_are_added_whatever_the_process_is_called() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 9 9 20 0 1 0 5 1 1";
        assert_eq!(ticks(stat), Some(300));
        assert_eq!(ticks("7 (short) S 1"), None);
    }

    #[test]
    fn this_process_and_this_thread_have_a_time() {
        of_process(std::process::id()).expect("it lives");
        let before = of_this_thread().expect("it runs");
        assert!(of_this_thread().expect("it runs") >= before);
    }
}
