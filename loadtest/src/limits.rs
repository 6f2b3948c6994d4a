//! Every bound of the tool in one place.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// Looks of the sampler that are kept; past that every other one goes.
pub(crate) const SAMPLES_MAX: usize = 2_000;
/// Source addresses that the turns of a baseline come from, in turn.
pub(crate) const BASELINE_SOURCES: usize = 200;
/// Connections that the kernel has taken and the bare server has not; as many as the broker asks for.
pub(crate) const LISTEN_BACKLOG: u32 = 65_535;
/// Connections that leave one source address at most: a little less than the 28,232 ports that
/// Linux hands out by default.
pub(crate) const CONNECTIONS_PER_ADDRESS: usize = 28_000;
/// Source addresses at most, from 127.0.0.2 upwards.
pub(crate) const SOURCE_ADDRESSES_MAX: usize = 250;
/// Organisations of one run at most.
pub(crate) const ORGANISATIONS_MAX: usize = 1_000;
/// Sessions of one run at most.
pub(crate) const SESSIONS_MAX: usize = 1_000_000;
/// Subscribers of live counts at most.
pub(crate) const BOARDS_MAX: usize = 25_000;
/// Open files that the tool needs beside its sessions.
pub(crate) const OTHER_OPEN_FILES: u64 = 64;
/// Users in one body of `users/import`.
pub(crate) const USERS_PER_IMPORT: usize = 5_000;
/// Tokens asked for in one call.
pub(crate) const TOKENS_PER_CALL: usize = 500;
/// Bytes of an HTTP answer that are read at most.
pub(crate) const HTTP_ANSWER_BYTES_MAX: usize = 64 << 20;
/// Bytes of a file of results that is compared.
pub(crate) const RESULTS_BYTES_MAX: u64 = 64 << 20;
/// Bytes of a WebSocket message that are read at most (a device's messages are far smaller).
pub(crate) const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// Buffer of each connection, in bytes, in either direction.
pub(crate) const SOCKET_BUFFER_BYTES: usize = 2 << 10;
/// Different words that one table of outcomes keeps; what comes after is counted as `other`.
pub(crate) const WORDS_PER_TABLE_MAX: usize = 64;
/// The longest latency that the histograms tell apart, in microseconds (an hour).
pub(crate) const LATENCY_US_MAX: u64 = 3_600_000_000;
/// Failures that a table prints; the JSON has them all.
pub(crate) const FAILURES_PRINTED_MAX: usize = 20;
/// The longest day, in minutes.
pub(crate) const DAY_MINUTES_MAX: f64 = 24.0 * 60.0;
/// Turns of each kind that a run compares, at most.
pub(crate) const TURNS_MAX: usize = 1_000;
/// The longest churn, in minutes: a week.
pub(crate) const CHURN_MINUTES_MAX: f64 = 7.0 * 24.0 * 60.0;
/// Records of a log that does not balance that are named.
pub(crate) const UNBALANCED_NAMED_MAX: usize = 20;
/// Users whom a violation names.
pub(crate) const USERS_NAMED_MAX: usize = 5;

/// Between two looks of the sampler, as long as there are not too many.
pub(crate) const SAMPLE_EVERY: Duration = Duration::from_millis(100);
/// One connection of a baseline, from its begin to its answer.
pub(crate) const CONNECT_WAIT: Duration = Duration::from_secs(20);
/// Between the last answer of a turn and the look at what it cost.
pub(crate) const BASELINE_SETTLE: Duration = Duration::from_millis(300);
/// One HTTP call, from the connect to the last byte of the answer.
pub(crate) const HTTP_WAIT: Duration = Duration::from_secs(60);
/// The answer to a logout or to a last ping, and the close after it.
pub(crate) const LEAVE_WAIT: Duration = Duration::from_secs(15);
/// The end of the TCP connection after the close frame, which the broker owes within 2 s.
pub(crate) const CLOSE_WAIT: Duration = Duration::from_secs(3);
/// For every agent to end the life that it is in.
pub(crate) const CHURN_LEAVE_WAIT: Duration = Duration::from_secs(120);
/// Between two looks at what is held.
pub(crate) const RELEASE_POLL: Duration = Duration::from_millis(250);
/// Waiting for the broker and setting everything up, where no option bounds the whole run.
pub(crate) const SET_UP_WAIT: Duration = Duration::from_secs(300);
/// Removing what the run created.
pub(crate) const TEAR_DOWN_WAIT: Duration = Duration::from_secs(120);
/// Between two looks at the progress.
pub(crate) const PROGRESS_POLL: Duration = Duration::from_millis(50);
/// Between two looks whether everybody is ready to drop the connection.
pub(crate) const DROP_POLL: Duration = Duration::from_millis(10);
/// Between two looks whether all wallboards show what they should.
pub(crate) const SETTLE_POLL: Duration = Duration::from_millis(5);
/// Rounds of the bare loop that writes what frames are held against.
pub(crate) const FLOOR_ROUNDS: u32 = 30;
/// Between two of them.
pub(crate) const FLOOR_PAUSE: Duration = Duration::from_millis(100);
/// First ping of a session after everybody has arrived comes within this time.
pub(crate) const FIRST_PING_SPREAD: Duration = Duration::from_secs(1);
/// Heartbeat in seconds where the broker names none.
pub(crate) const HEARTBEAT_S: u64 = 15;
/// How often in a row a login is sent on to another node before that looks like a circle.
pub(crate) const HOPS_MAX: usize = 2;
/// The close code of whoever has the organisation no more; its reason is the other node's URL.
pub(crate) const MOVED: u16 = 4002;
/// How long the question which node has an organisation may take.
pub(crate) const ENDPOINT_WAIT: Duration = Duration::from_secs(2);
/// Device tokens live this much longer than the run.
pub(crate) const TOKEN_MARGIN_S: u64 = 300;
/// First logins of the herd at once: it is their return that is measured.
pub(crate) const FIRST_LOGINS_AT_ONCE: usize = 256;
/// The first back-off is at most so long, the second twice as long, and so on.
pub(crate) const BACKOFF_BASE: Duration = Duration::from_millis(500);
/// The longest back-off.
pub(crate) const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// The longest back-off of whoever is there for a time only.
pub(crate) const VISITOR_BACKOFF_MAX: Duration = Duration::from_secs(2);
/// Who has had no licence for so long from when they were due comes no more.
pub(crate) const GIVE_UP_AFTER: Duration = Duration::from_secs(60);
/// Between two looks whether a storm is over.
pub(crate) const STORM_POLL: Duration = Duration::from_millis(2);
/// A broker that was told to stop must have ended by then; the contract allows 10 s.
pub(crate) const BROKER_END_WAIT: Duration = Duration::from_secs(15);
/// A broker must be ready by then.
pub(crate) const BROKER_START_WAIT: Duration = Duration::from_secs(120);
/// Between two looks whether it is.
pub(crate) const READY_POLL: Duration = Duration::from_millis(20);

const _: () = assert!(CLOSE_WAIT.as_millis() < LEAVE_WAIT.as_millis());

/// Raises the soft limit of open files to the hard one, and has the kernel make room for them at once: else it
/// doubles its table while they are opened, and whoever opens one waits 10 to 20 ms each time.
///
/// # Errors
///
/// Where the limit cannot be read or raised, or does not suffice for `sessions` connections.
pub(crate) fn raise_open_files(sessions: usize) -> Result<()> {
    let limit = rlimit::increase_nofile_limit(u64::MAX)
        .context("the limit of open files could not be raised")?;
    let needed = u64::try_from(sessions)?.saturating_add(OTHER_OPEN_FILES);
    ensure!(
        needed <= limit,
        "{sessions} connections need {needed} open files, but the hard limit of this process is \
         {limit}: raise it (`ulimit -Hn`, or LimitNOFILE of the unit), or ask for fewer agents"
    );
    let last = i32::try_from(needed - 1).context("more open files than there are descriptors")?;
    // Its copy is closed at once; the table stays as it is.
    let grown = rustix::io::fcntl_dupfd_cloexec(std::io::stderr(), last);
    grown.map(drop).context("no room for so many open files")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_connections_than_files_can_be_open_are_refused_in_words() {
        raise_open_files(1).expect("one connection");
        let error = raise_open_files(usize::MAX).expect_err("too many").to_string();
        assert!(error.contains("open files"), "{error}");
    }
}
