//! Options and state of accepted sockets.
//!
//! The session actor runs only while its connection takes output (actix-web issue 2441), so a peer that
//! stops reading must be found from below: by the kernel, which gives up on output that is not taken, and
//! by looking at how much of it waits.

use crate::limits::{Heartbeat, LIVE_BACKLOG_BYTES_MAX};
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use socket2::SockRef;
use std::any::Any;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

/// The kernel gives a connection up a little after the sweep has given up its session, so that the log
/// says why.
const USER_TIMEOUT_SPARE: Duration = Duration::from_millis(500);

/// The descriptor of an accepted socket. Valid for as long as the connection is being served, which is
/// at least as long as its session actor lives.
#[derive(Clone, Copy, Debug)]
pub struct Socket(RawFd);

/// Prepares an accepted socket; to be given to `HttpServer::on_connect`.
pub fn on_connect(heartbeat: Heartbeat) -> impl Fn(&dyn Any, &mut Extensions) + Clone {
    move |connection, extensions| {
        let Some(stream) = connection.downcast_ref::<TcpStream>() else { return };
        let socket = SockRef::from(stream);
        // Small answers must not wait for acknowledgements; output that is not taken ends the socket.
        let set = socket.set_tcp_nodelay(true).and_then(|()| {
            socket.set_tcp_user_timeout(Some(heartbeat.every * 2 + USER_TIMEOUT_SPARE))
        });
        if let Err(error) = set {
            tracing::debug!(%error, "a socket was gone before it could be prepared");
        }
        extensions.insert(Socket(stream.as_raw_fd()));
    }
}

impl Socket {
    /// Bytes that were written and not yet acknowledged by the peer; `None` if nobody knows.
    fn unacknowledged(self) -> Option<i32> {
        let mut bytes: libc::c_int = 0;
        // SAFETY: TIOCOUTQ writes one int to the address given, which is that of a live local. The
        // descriptor is the connection's own while its session actor lives; on any other the call
        // fails or gives a number, and touches no memory of ours.
        #[expect(unsafe_code, reason = "no safe wrapper offers this request")]
        let result = unsafe { libc::ioctl(self.0, libc::TIOCOUTQ, &raw mut bytes) };
        (result == 0).then_some(bytes)
    }

    /// Whether so much output waits that more of it would be a backlog.
    pub fn is_behind(self) -> bool {
        self.unacknowledged().is_some_and(|bytes| bytes > LIVE_BACKLOG_BYTES_MAX)
    }

    /// Ends one direction or both, at once; what the kernel has taken already is still delivered.
    fn shut_down(self, how: libc::c_int) {
        // SAFETY: shutdown takes no address. The descriptor is the connection's own: the session actor
        // that calls this is polled by the connection.
        #[expect(unsafe_code, reason = "the connection owns its socket and offers no other way")]
        let result = unsafe { libc::shutdown(self.0, how) };
        if result != 0 {
            tracing::debug!("a socket was gone before it could be shut down");
        }
    }
}

/// Notices when a peer takes no output any more, though frames may still come in.
#[derive(Debug)]
pub struct OutputWatch {
    socket: Option<Socket>,
    /// What waited when it was last looked at.
    waiting: i32,
    /// Since when nothing of it was taken.
    since: Duration,
}

impl OutputWatch {
    /// A connection that takes output, at `elapsed`.
    pub fn new(socket: Option<Socket>, elapsed: Duration) -> Self {
        Self { socket, waiting: 0, since: elapsed }
    }

    /// For how long output has waited and none of it was taken.
    pub fn stuck_for(&mut self, elapsed: Duration) -> Duration {
        let waiting = self.socket.and_then(Socket::unacknowledged).unwrap_or(0);
        self.note(waiting, elapsed)
    }

    /// Whether so much output waits that more of it would be a backlog.
    pub fn is_behind(&self) -> bool {
        self.socket.is_some_and(Socket::is_behind)
    }

    /// Nothing more is expected of the peer: the connection ends when what is written has left.
    pub fn read_no_more(&self) {
        if let Some(socket) = self.socket {
            socket.shut_down(libc::SHUT_RD);
        }
    }

    /// Ends the connection, though output waits that is not taken.
    pub fn cut(&self) {
        if let Some(socket) = self.socket {
            socket.shut_down(libc::SHUT_RDWR);
        }
    }

    fn note(&mut self, waiting: i32, elapsed: Duration) -> Duration {
        if waiting == 0 || waiting < self.waiting {
            self.since = elapsed;
        }
        self.waiting = waiting;
        elapsed.saturating_sub(self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_stuck_while_none_of_it_is_taken() {
        let second = Duration::from_secs(1);
        let mut watch = OutputWatch::new(None, Duration::ZERO);
        assert_eq!(watch.note(0, second), Duration::ZERO);
        assert_eq!(watch.note(10, 2 * second), second);
        assert_eq!(watch.note(30, 4 * second), 3 * second);
        assert_eq!(watch.note(29, 5 * second), Duration::ZERO);
    }
}
