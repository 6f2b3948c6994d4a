//! Descriptors: how many sockets there is room for, and that the kernel's table of them does not grow while
//! they come.

use crate::limits::{FILES_AT_ONCE, FILES_BESIDE_SOCKETS, Limits};
use std::io;

/// Every socket is an open file, and the soft limit of those is made for other programs. Answers how many
/// sockets there is room for.
pub(crate) fn raise() -> usize {
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|error| {
        tracing::warn!(%error, "the limit of open files stays as it was");
        1_024
    });
    grow_table(limit);
    usize::try_from(limit.saturating_sub(FILES_BESIDE_SOCKETS)).unwrap_or(usize::MAX).max(1)
}

/// The kernel doubles the table of a process's descriptors when it is full, and whoever opens one waits 10 to 20 ms for
/// that: all who log in then, several times while a centre's agents come for the first time
/// (docs/performance/storms.md). So it is grown at the start.
fn grow_table(limit: u64) {
    let last = i32::try_from(FILES_AT_ONCE.min(limit).saturating_sub(1)).unwrap_or(i32::MAX);
    // Its copy is closed at once; the table stays as it is.
    if let Err(error) = rustix::io::fcntl_dupfd_cloexec(io::stderr(), last) {
        tracing::debug!(%error, "the first logins may wait for the table of open files to grow");
    }
}

/// No more sockets than there are descriptors: running out of those would refuse connections without a
/// word.
pub(super) fn sockets_within(room: usize, wanted: usize) -> usize {
    if room < wanted {
        tracing::warn!(wanted, room, "sessions_max: the limit of open files leaves less room");
    }
    wanted.min(room)
}

/// Connections that carry no socket take descriptors too: half of those that are set aside, the store and
/// the log the rest.
pub(crate) fn connections_within(room: usize, limits: &Limits) -> usize {
    let others = usize::try_from(FILES_BESIDE_SOCKETS / 2).unwrap_or(usize::MAX);
    limits.connections_max.min(room.saturating_add(others)).max(limits.sessions_max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_descriptors_is_grown_before_the_first_socket_comes() {
        let room = raise();
        let status = std::fs::read_to_string("/proc/self/status").expect("on Linux");
        let size = status.lines().find_map(|line| line.strip_prefix("FDSize:"));
        let size: u64 = size.expect("a size").trim().parse().expect("a number");
        let wanted = FILES_AT_ONCE.min(room as u64 + FILES_BESIDE_SOCKETS);
        assert!(size >= wanted, "{size} of {wanted}");
    }
}
