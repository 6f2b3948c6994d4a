//! Options and state of accepted sockets.
//!
//! The session actor runs only while its connection takes output (actix-web issue 2441), so a peer that
//! stops reading must be found from below: by the kernel, which gives up on output that is not taken, and
//! by looking at how much of it waits.

use crate::limits::{Heartbeat, LIVE_BACKLOG_BYTES_MAX};
use std::cell::Cell;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;
use tokio::net::TcpStream;

/// The kernel gives a connection up a little after the sweep has given up its session, so that the log
/// says why.
const USER_TIMEOUT_SPARE: Duration = Duration::from_millis(500);
/// The longest time that the kernel takes: 24 days.
const USER_TIMEOUT_MAX: Duration = Duration::from_millis(i32::MAX as u64);

/// Room for what the kernel tells of a connection (`struct tcp_info`), in words of 8 bytes.
const TCP_INFO_WORDS: usize = 32;
/// Where in it `tcpi_bytes_acked` stands: 120 bytes from its beginning, since Linux 4.1.
const BYTES_ACKED: usize = 120 / 8;

/// The descriptor of an accepted socket. Valid for as long as the connection is being served, which is
/// at least as long as its session actor lives.
#[derive(Clone, Copy, Debug)]
pub struct Socket(RawFd);

/// Sets what every connection of a listener inherits: small answers do not wait for acknowledgements, and
/// output that is not taken ends the socket.
///
/// # Errors
/// Those of the operating system.
pub fn prepare(listener: &socket2::Socket, heartbeat: Heartbeat) -> io::Result<()> {
    listener.set_tcp_nodelay(true)?;
    let timeout = heartbeat.every * 2 + USER_TIMEOUT_SPARE;
    listener.set_tcp_user_timeout(Some(timeout.min(USER_TIMEOUT_MAX)))
}

impl Socket {
    /// Of an accepted connection, within TLS or not.
    pub fn of(stream: &TcpStream) -> Self {
        Self(stream.as_raw_fd())
    }

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

    /// Bytes that the peer has acknowledged since the connection began; `None` if nobody knows.
    fn acknowledged(self) -> Option<u64> {
        let mut info = [0_u64; TCP_INFO_WORDS];
        let mut length = libc::socklen_t::try_from(size_of_val(&info)).ok()?;
        // SAFETY: getsockopt writes at most `length` bytes to the address given, which is that of a live
        // local of that length, and any bytes are numbers. For the descriptor see `unacknowledged`.
        #[expect(unsafe_code, reason = "no safe wrapper offers this field")]
        let result = unsafe {
            libc::getsockopt(
                self.0,
                libc::IPPROTO_TCP,
                libc::TCP_INFO,
                info.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        let is_told = usize::try_from(length).is_ok_and(|bytes| bytes >= (BYTES_ACKED + 1) * 8);
        (result == 0 && is_told).then_some(info[BYTES_ACKED])
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

/// Notices when so much output waits that more of it would be a backlog. The kernel is asked only where
/// the answer is not known: what waited when it was last asked, and all that was sent since, is the most
/// that can wait.
#[derive(Debug)]
pub struct Backlog {
    socket: Option<Socket>,
    /// Bytes that may wait, at most.
    most: Cell<i32>,
}

impl Backlog {
    /// Of a socket of which nothing is known.
    pub fn new(socket: Option<Socket>) -> Self {
        Self { socket, most: Cell::new(i32::MAX) }
    }

    /// So many bytes are sent.
    pub fn add(&self, bytes: usize) {
        let bytes = i32::try_from(bytes).unwrap_or(i32::MAX);
        self.most.set(self.most.get().saturating_add(bytes));
    }

    /// Whether more would be a backlog.
    pub fn is_behind(&self) -> bool {
        if self.most.get() > LIVE_BACKLOG_BYTES_MAX {
            self.most.set(self.socket.and_then(Socket::unacknowledged).unwrap_or(0));
        }
        self.most.get() > LIVE_BACKLOG_BYTES_MAX
    }
}

/// Notices when a peer takes no output any more, though frames may still come in.
#[derive(Debug)]
pub struct OutputWatch {
    socket: Option<Socket>,
    /// What had been taken when it was last looked at.
    taken: u64,
    /// Since when nothing of it was taken.
    since: Duration,
}

impl OutputWatch {
    /// A connection that takes output, at `elapsed`.
    pub fn new(socket: Option<Socket>, elapsed: Duration) -> Self {
        Self { socket, taken: 0, since: elapsed }
    }

    /// For how long output has waited and none of it was taken.
    pub fn stuck_for(&mut self, elapsed: Duration) -> Duration {
        let waits = self.socket.and_then(Socket::unacknowledged).is_some_and(|bytes| bytes > 0);
        let taken = self.socket.filter(|_| waits).and_then(Socket::acknowledged);
        self.note(taken, elapsed)
    }

    /// Watches the same socket for a backlog.
    pub fn backlog(&self) -> Backlog {
        Backlog::new(self.socket)
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

    /// How much has been taken while some still waits; `None` if nothing waits. How much waits tells
    /// nothing: in a steady stream it may be the same at every look.
    fn note(&mut self, taken: Option<u64>, elapsed: Duration) -> Duration {
        if taken.is_none_or(|taken| taken != self.taken) {
            self.since = elapsed;
        }
        self.taken = taken.unwrap_or(self.taken);
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
        assert_eq!(watch.note(None, second), Duration::ZERO);
        assert_eq!(watch.note(Some(10), 2 * second), Duration::ZERO);
        assert_eq!(watch.note(Some(10), 4 * second), 2 * second);
        assert_eq!(watch.note(Some(11), 5 * second), Duration::ZERO);
        assert_eq!(watch.note(Some(11), 6 * second), second);
        assert_eq!(watch.note(None, 7 * second), Duration::ZERO);
    }

    #[test]
    fn the_kernel_is_asked_for_a_backlog_only_when_there_might_be_one() {
        let backlog = Backlog::new(None);
        assert!(!backlog.is_behind(), "nothing waits that is known of");
        assert_eq!(backlog.most.get(), 0);
        backlog.add(16 * 1024);
        assert!(!backlog.is_behind());
        assert_eq!(backlog.most.get(), 16 * 1024, "it was not asked");
        backlog.add(1);
        assert!(!backlog.is_behind());
        assert_eq!(backlog.most.get(), 0, "it was");
    }

    #[test]
    fn a_connection_has_what_was_set_for_its_listener() {
        use socket2::{Domain, SockRef, Type};
        let heartbeat = Heartbeat { every: Duration::from_secs(7) };
        let longest = Heartbeat { every: Duration::from_secs(1 << 40) };
        let unused = socket2::Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        prepare(&unused, longest).expect("as long as the kernel takes");
        let listener = socket2::Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        prepare(&listener, heartbeat).expect("set");
        listener.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
        listener.listen(1).expect("listens");
        let listener = std::net::TcpListener::from(listener);
        let address = listener.local_addr().expect("an address");
        let _peer = std::net::TcpStream::connect(address).expect("a connection");
        let (stream, _) = listener.accept().expect("accepted");
        let socket = SockRef::from(&stream);
        assert!(socket.tcp_nodelay().expect("told"));
        let timeout = socket.tcp_user_timeout().expect("told");
        assert_eq!(timeout, Some(Duration::from_millis(14_500)));
    }

    #[test]
    fn the_kernel_tells_what_waits_and_what_was_taken() {
        use std::io::{Read, Write};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut peer = std::net::TcpStream::connect(address).expect("a connection");
        let (mut stream, _) = listener.accept().expect("accepted");
        let socket = Socket(stream.as_raw_fd());
        let before = socket.acknowledged().expect("a number");
        stream.write_all(b"twelve bytes").expect("written");
        peer.read_exact(&mut [0; 12]).expect("read");
        // On loopback the acknowledgement may be a moment later than the bytes.
        while socket.unacknowledged() != Some(0) {
            std::thread::yield_now();
        }
        assert_eq!(socket.acknowledged(), Some(before + 12));
    }
}
