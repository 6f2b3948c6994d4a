//! A connection whose peer must finish what it began, and take what it asked for.
//!
//! The HTTP library times the first head of a connection and idle connections, nothing else: a second head
//! that trickles, a body that nobody reads, an answer that is not taken would be waited for without end.
//! Bodies that are read have their time in `http/body.rs`, sockets in their sessions.

use super::pace::{Pace, Stage};
use crate::limits::bound::Bound;
use crate::limits::{Limits, PIECE_BYTES};
use crate::telemetry;
use actix_http::Extensions;
use bytes::Bytes;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;

/// The bytes of a connection, in the clear or not.
#[derive(Debug)]
pub enum Wire {
    /// As they come.
    Plain(TcpStream),
    /// Within TLS.
    Secure(Box<TlsStream<TcpStream>>),
}

/// A connection that is watched, from the door to its end or until it becomes a socket.
pub struct Watched {
    wire: Wire,
    /// What was read to see what the peer wants, and is to be read again.
    early: Bytes,
    /// What its requests are told of it.
    known: RefCell<Extensions>,
    pace: Pace,
    head: HeadWatch,
    output: OutputTime,
}

/// How long the head of a request takes.
struct HeadWatch {
    time_max: Duration,
    /// Which head is waited for.
    number: u64,
    /// Whether some of it has come. The first is waited for from the beginning of the connection; idle
    /// time before a later one is the HTTP library's business.
    has_begun: bool,
    timer: Option<Pin<Box<Sleep>>>,
    /// It took too long: for the HTTP library the connection has ended.
    is_over: bool,
}

/// How long output waits to be taken: [`PIECE_BYTES`] of it, or all that there is, within the time.
struct OutputTime {
    time_max: Duration,
    /// Bytes taken since the timer began.
    taken: usize,
    timer: Option<Pin<Box<Sleep>>>,
}

/// How much is read to see what the peer wants: the head of a device's upgrade, and its login behind it.
const FIRST_BYTES_MAX: usize = 4 * 1024;

/// What the peer is told whose head took too long.
const TOO_SLOW: &str = concat!(
    "{\"type\":\"/problems/request_timeout\",\"title\":\"Request took too long\",\"status\":408,",
    "\"detail\":\"the head of the request did not come in time\"}"
);

impl Watched {
    /// A connection that was accepted.
    pub fn new(wire: Wire, limits: &Limits) -> Self {
        let head = HeadWatch {
            time_max: limits.request_head_timeout,
            number: 0,
            has_begun: true,
            timer: None,
            is_over: false,
        };
        let output = OutputTime { time_max: limits.output_timeout, taken: 0, timer: None };
        let (early, known) = (Bytes::new(), RefCell::default());
        Self { wire, early, known, pace: Pace::default(), head, output }
    }

    /// What came first, up to [`FIRST_BYTES_MAX`]; nothing, if the connection has ended or the peer took too
    /// long.
    pub async fn first(&mut self) -> Bytes {
        let read = poll_fn(|cx| {
            let mut piece = [MaybeUninit::uninit(); FIRST_BYTES_MAX];
            let mut buffer = ReadBuf::uninit(&mut piece);
            let read = ready!(Pin::new(&mut *self).poll_read(cx, &mut buffer));
            Poll::Ready(read.map(|()| Bytes::copy_from_slice(buffer.filled())))
        });
        // Whoever reads next comes upon the error again, or upon the end.
        read.await.unwrap_or_default()
    }

    /// What was read [`first`](Self::first) is read again, by whoever reads next.
    pub fn put_back(&mut self, first: Bytes) {
        self.early = first;
    }

    /// Its requests are told of this.
    pub fn know(&mut self, what: impl Sized + 'static) {
        self.known.get_mut().insert(what);
    }

    /// All that its requests are told of it; told once.
    pub fn known(&self) -> Extensions {
        self.known.take()
    }

    /// The socket below.
    pub fn tcp(&self) -> &TcpStream {
        match &self.wire {
            Wire::Plain(stream) => stream,
            Wire::Secure(stream) => stream.get_ref().0,
        }
    }

    /// The bytes alone, for a socket: its session judges silence and output that is not taken, by the
    /// heartbeat.
    pub fn into_wire(self) -> Wire {
        self.wire
    }

    /// Where the peer is; `None` if it is gone already.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.tcp().peer_addr().ok()
    }

    /// For those who serve its requests.
    pub fn pace(&self) -> Pace {
        self.pace.clone()
    }

    /// Says why, as far as the peer takes it at once, and reads no more.
    fn give_up(&mut self, cx: &mut Context<'_>) {
        telemetry::count_bound(Bound::RequestHeadTimeout);
        self.head.is_over = true;
        let answer = format!(
            "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n\
             content-type: application/problem+json\r\ncontent-length: {}\r\n\r\n{TOO_SLOW}",
            TOO_SLOW.len()
        );
        // A peer that takes nothing needs no answer.
        let _ = self.wire.poll_write(cx, answer.as_bytes());
        let _ = self.wire.poll_flush(cx);
    }
}

impl HeadWatch {
    /// Whether the head took too long. `came` says whether anything was just read.
    fn is_too_slow(&mut self, stage: Stage, came: bool, cx: &mut Context<'_>) -> bool {
        let Stage::Head(number) = stage else {
            self.timer = None;
            return false;
        };
        if number != self.number {
            self.number = number;
            self.has_begun = false;
            self.timer = None;
        }
        self.has_begun |= came;
        self.has_begun && is_up(&mut self.timer, self.time_max, cx)
    }
}

impl OutputTime {
    /// Ends the wait if it has been too long.
    fn judge<T>(
        &mut self,
        outcome: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            return outcome;
        }
        if is_up(&mut self.timer, self.time_max, cx) {
            telemetry::count_bound(Bound::OutputTimeout);
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }

    fn take(&mut self, bytes: usize) {
        self.taken += bytes;
        if self.taken >= PIECE_BYTES {
            self.begin_anew();
        }
    }

    fn begin_anew(&mut self) {
        self.taken = 0;
        self.timer = None;
    }
}

/// Whether a time is up that begins with the first asking.
fn is_up(timer: &mut Option<Pin<Box<Sleep>>>, time: Duration, cx: &mut Context<'_>) -> bool {
    let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(time)));
    timer.as_mut().poll(cx).is_ready()
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.head.is_over {
            return Poll::Ready(Ok(()));
        }
        if !this.early.is_empty() {
            let early = this.early.split_to(this.early.len().min(buffer.remaining()));
            buffer.put_slice(&early);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = this.wire.poll_read(cx, buffer);
        let came = buffer.filled().len() > before;
        if (came || read.is_pending()) && this.head.is_too_slow(this.pace.stage(), came, cx) {
            buffer.set_filled(before);
            this.give_up(cx);
            return Poll::Ready(Ok(()));
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = this.wire.poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = written {
            this.output.take(count);
        }
        this.output.judge(written, cx)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = this.wire.poll_flush(cx);
        if flushed.is_ready() {
            this.output.begin_anew();
        }
        this.output.judge(flushed, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let shut = this.wire.poll_shutdown(cx);
        this.output.judge(shut, cx)
    }
}

impl Wire {
    /// Writes what the kernel takes at once, in the clear; within TLS nothing.
    ///
    /// # Errors
    /// Those of the socket; also if it takes nothing now.
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.try_write(bytes),
            Self::Secure(_) => Ok(0),
        }
    }

    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Secure(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }

    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Secure(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Secure(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Secure(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    #[actix_web::test]
    async fn what_was_put_back_is_read_again_in_pieces_before_what_comes() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut peer = TcpStream::connect(address).await.expect("a connection");
        let (stream, _) = listener.accept().await.expect("accepted");
        let mut watched = Watched::new(Wire::Plain(stream), &Limits::default());
        peer.write_all(b"first").await.expect("taken");
        let first = watched.first().await;
        assert_eq!(first, "first");
        watched.put_back(first);
        peer.write_all(b"second").await.expect("taken");
        let mut read = [0; 2];
        watched.read_exact(&mut read).await.expect("a piece");
        assert_eq!(&read, b"fi");
        let mut read = [0; 9];
        watched.read_exact(&mut read).await.expect("the rest, and what came");
        assert_eq!(&read, b"rstsecond");
        drop(peer);
        assert!(watched.first().await.is_empty(), "the end");
    }

    #[test]
    fn what_is_known_of_a_connection_is_told_once() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let stream = TcpStream::connect(address).await.expect("a connection");
            let mut watched = Watched::new(Wire::Plain(stream), &Limits::default());
            watched.know(7_u8);
            assert_eq!(watched.known().get::<u8>(), Some(&7));
            assert!(!watched.known().contains::<u8>());
        });
    }
}
