//! A connection that has become a socket, driven without the HTTP library.
//!
//! Its dispatcher keeps two buffers of 8 KiB for each connection, which a socket that idles has no use
//! for (docs/PERFORMANCE.md). Here nothing is kept but what the peer has not taken yet.

use super::watched::Wire;
use crate::limits::{
    CLOSE_LINGER, OUTPUT_WAITING_BYTES_MAX, READ_AHEAD_BYTES_MAX, READ_BYTES_PER_TURN_MAX,
};
use actix_web::Error;
use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::Stream;
use std::cell::RefCell;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use tokio::io::ReadBuf;
use tokio::time::Sleep;

/// Read from the socket at once.
const PIECE: usize = 4 * 1024;

/// The bytes of a socket, before and after it is one: shared by who drives it and who reads it.
#[derive(Clone, Debug, Default)]
pub struct Line(Rc<RefCell<Ends>>);

#[derive(Debug, Default)]
struct Ends {
    /// `None` until the answer to the upgrade is on its way.
    wire: Option<Wire>,
    /// What was read before anybody asked for it, behind the request or to see whether the peer is there.
    early: BytesMut,
    /// Bytes that may be read before others get their turn.
    left_to_read: usize,
    /// Whether there is nothing more to read for now.
    is_dry: bool,
    /// Whether more might have been read.
    is_hungry: bool,
    /// What the peer has not taken yet: whole frames, but for the first.
    waiting: Bytes,
    /// Wakes who drives the socket.
    waker: Option<Waker>,
    /// Whether the last frame was said.
    is_over: bool,
}

/// What is sent to the peer. It is asked for more as long as what waits is within the bound, and ends with
/// the socket.
pub type Output = Pin<Box<dyn Stream<Item = Result<Bytes, Error>>>>;

/// What an answer to an upgrade carries: the socket that its connection becomes.
pub struct Takeover {
    /// What [`Line::reading`] was taken of.
    pub line: Line,
    /// What the peer is sent.
    pub output: Output,
}

/// What the peer sends; ends when it does.
pub struct Reading(Line);

/// Drives a socket until it has ended.
pub struct Driving {
    // Before the line: while what sends lives, so does the descriptor.
    output: Option<Output>,
    line: Line,
    /// From the last frame on: how long the peer has for the rest of the output, and to close.
    linger: Option<Pin<Box<Sleep>>>,
}

impl Line {
    /// What comes from the peer.
    pub fn reading(&self) -> Reading {
        Reading(self.clone())
    }

    /// Whether the kernel has taken all that was sent.
    pub fn is_idle(&self) -> bool {
        self.0.borrow().waiting.is_empty()
    }

    /// The last frame was said: the peer has [`CLOSE_LINGER`] from now on. So a session that is not asked for
    /// more, because its peer takes nothing, ends as soon as any other.
    pub fn close_soon(&self) {
        let mut ends = self.0.borrow_mut();
        ends.is_over = true;
        if let Some(waker) = ends.waker.take() {
            waker.wake();
        }
    }

    /// Sends a whole frame that nobody waits for, without a turn of who drives the socket where that is
    /// possible. Nothing is sent to a peer that takes nothing, beyond the bound.
    pub fn send_now(&self, frame: &Bytes) {
        let mut ends = self.0.borrow_mut();
        if !ends.waiting.is_empty() {
            if !ends.is_full() {
                ends.add(frame.clone());
            }
            return;
        }
        let Some(wire) = &mut ends.wire else { return };
        let taken = wire.try_write(frame).unwrap_or(0);
        if taken < frame.len() {
            ends.waiting = frame.slice(taken..);
            if let Some(waker) = ends.waker.take() {
                waker.wake();
            }
        }
    }
}

impl Takeover {
    /// From here on the connection is a socket; `waiting` is the rest of the answer to the upgrade, `early`
    /// what was read behind the request.
    pub fn drive(self, wire: Wire, early: BytesMut, waiting: Bytes) -> Driving {
        let Self { line, output } = self;
        *line.0.borrow_mut() = Ends { wire: Some(wire), early, waiting, ..Ends::default() };
        Driving { output: Some(output), line, linger: None }
    }
}

/// Ends a connection that has answered its last request: the peer has [`CLOSE_LINGER`] to take it.
pub fn part(wire: Wire) -> Driving {
    let line = Line::default();
    line.0.borrow_mut().wire = Some(wire);
    Driving { output: None, line, linger: None }
}

impl Stream for Reading {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut ends = self.0.0.borrow_mut();
        if ends.early.is_empty() {
            return ends.poll_read(cx);
        }
        Poll::Ready(Some(Ok(std::mem::take(&mut ends.early).freeze())))
    }
}

impl Ends {
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let Some(wire) = &mut self.wire else { return Poll::Pending };
        if self.left_to_read == 0 {
            self.is_hungry = true;
            return Poll::Pending;
        }
        let mut piece = [MaybeUninit::uninit(); PIECE];
        let mut buffer = ReadBuf::uninit(&mut piece);
        let read = wire.poll_read(cx, &mut buffer);
        self.is_dry = read.is_pending();
        Poll::Ready(match ready!(read) {
            Err(error) => Some(Err(error)),
            Ok(()) if buffer.filled().is_empty() => None,
            Ok(()) => {
                self.left_to_read = self.left_to_read.saturating_sub(buffer.filled().len());
                Some(Ok(Bytes::copy_from_slice(buffer.filled())))
            }
        })
    }

    /// Looks whether the peer is still there while nobody asks for what it sends; ready when it is not.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.is_dry && self.early.len() < READ_AHEAD_BYTES_MAX {
            match ready!(self.poll_read(cx)) {
                Some(Ok(bytes)) => self.early.extend_from_slice(&bytes),
                Some(Err(_)) | None => return Poll::Ready(()),
            }
        }
        Poll::Pending
    }

    /// Writes all that waits.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(wire) = &mut self.wire else { return Poll::Pending };
        while !self.waiting.is_empty() {
            let taken = ready!(wire.poll_write(cx, &self.waiting))?;
            if taken == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.waiting.advance(taken);
        }
        wire.poll_flush(cx)
    }

    fn is_full(&self) -> bool {
        self.waiting.len() >= OUTPUT_WAITING_BYTES_MAX
    }

    /// Puts bytes behind what waits.
    fn add(&mut self, bytes: Bytes) {
        if self.waiting.is_empty() {
            self.waiting = bytes;
        } else {
            let mut both = BytesMut::from(&self.waiting[..]);
            both.extend_from_slice(&bytes);
            self.waiting = both.freeze();
        }
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.as_mut().map_or(Poll::Ready(Ok(())), |wire| wire.poll_shutdown(cx))
    }
}

impl Driving {
    /// Sends and receives until both have to wait; ready once nothing more will be sent.
    fn poll_talk(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let written = self.line.0.borrow_mut().poll_write(cx)?;
            let Some(output) = &mut self.output else { return written.map(Ok) };
            if self.line.0.borrow().is_full() {
                return Poll::Pending;
            }
            match ready!(output.as_mut().poll_next(cx)) {
                Some(Ok(bytes)) => self.line.0.borrow_mut().add(bytes),
                Some(Err(_)) | None => self.output = None,
            }
        }
    }

    /// Says that nothing more comes, and waits for the peer to do likewise: what is left unread when a
    /// connection is closed would reset it, and what was sent last be lost.
    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut ends = self.line.0.borrow_mut();
        if ready!(ends.poll_shutdown(cx)).is_err() {
            return Poll::Ready(());
        }
        while let Some(Ok(_)) = ready!(ends.poll_read(cx)) {}
        Poll::Ready(())
    }
}

impl Future for Driving {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        {
            let mut ends = this.line.0.borrow_mut();
            ends.left_to_read = READ_BYTES_PER_TURN_MAX;
            (ends.is_dry, ends.is_hungry) = (false, false);
            if !ends.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                ends.waker = Some(cx.waker().clone());
            }
        }
        let mut done = match this.poll_talk(cx) {
            Poll::Ready(Err(_)) => return Poll::Ready(()),
            Poll::Ready(Ok(())) => this.poll_part(cx),
            Poll::Pending if this.output.is_some() => this.line.0.borrow_mut().poll_gone(cx),
            Poll::Pending => Poll::Pending,
        };
        if this.output.is_none() || this.line.0.borrow().is_over {
            let linger = || Box::pin(tokio::time::sleep(CLOSE_LINGER));
            if this.linger.get_or_insert_with(linger).as_mut().poll(cx).is_ready() {
                done = Poll::Ready(());
            }
        }
        if done.is_pending() && this.line.0.borrow().is_hungry {
            cx.waker().wake_by_ref();
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt as _;
    use tokio::net::{TcpListener, TcpStream};

    /// A socket with nothing to say of its own, its peer, and the line in between.
    async fn socket() -> (Driving, TcpStream, Line) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let peer = TcpStream::connect(address).await.expect("a connection");
        let (stream, _) = listener.accept().await.expect("accepted");
        let line = Line::default();
        let output: Output = Box::pin(futures_util::stream::pending());
        let takeover = Takeover { line: line.clone(), output };
        let wire = Wire::Plain(stream);
        (takeover.drive(wire, BytesMut::new(), Bytes::from_static(b"head")), peer, line)
    }

    async fn read(peer: &mut TcpStream, bytes: usize) -> Vec<u8> {
        let mut read = vec![0; bytes];
        peer.read_exact(&mut read).await.expect("so many bytes");
        read
    }

    #[actix_web::test]
    async fn a_frame_reaches_the_peer_though_nobody_is_woken() {
        let (mut driving, mut peer, line) = socket().await;
        // Once, so that the answer is on its way; from then on nobody polls it.
        let once = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut driving).poll(cx)));
        assert!(once.await.is_pending());
        assert_eq!(read(&mut peer, 4).await, b"head");
        line.send_now(&Bytes::from_static(b"frame"));
        assert!(line.is_idle(), "the kernel took it");
        assert_eq!(read(&mut peer, 5).await, b"frame");
    }

    #[actix_web::test]
    async fn what_the_kernel_does_not_take_is_written_by_the_driver_in_order() {
        let (driving, mut peer, line) = socket().await;
        actix_web::rt::spawn(driving);
        assert_eq!(read(&mut peer, 4).await, b"head");
        let much = Bytes::from(vec![b'x'; 16 << 20]);
        line.send_now(&much);
        assert!(!line.is_idle(), "no kernel takes so much at once");
        line.send_now(&Bytes::from_static(b"more"));
        assert!(read(&mut peer, much.len()).await == much, "all of it, and nothing else");
        line.send_now(&Bytes::from_static(b"end"));
        assert_eq!(read(&mut peer, 3).await, b"end", "beyond the bound nothing was sent");
    }

    #[actix_web::test]
    async fn a_peer_that_takes_nothing_is_let_go_soon_after_the_last_frame() {
        let (driving, mut peer, line) = socket().await;
        let driven = actix_web::rt::spawn(driving);
        assert_eq!(read(&mut peer, 4).await, b"head");
        line.send_now(&Bytes::from(vec![b'x'; 16 << 20]));
        assert!(!line.is_idle() && line.0.borrow().is_full(), "the session is not asked for more");
        tokio::time::pause();
        line.close_soon();
        let ended = tokio::time::timeout(CLOSE_LINGER * 2, driven).await;
        ended.expect("soon").expect("driven to its end");
    }

    #[actix_web::test]
    async fn what_a_session_does_not_ask_for_is_read_up_to_the_bound_and_its_peers_end_is_seen() {
        use tokio::io::AsyncWriteExt as _;
        let (driving, mut peer, line) = socket().await;
        let driven = actix_web::rt::spawn(driving);
        let much = vec![b'x'; 8 * READ_AHEAD_BYTES_MAX];
        peer.write_all(&much).await.expect("the kernel has room for it");
        while line.0.borrow().early.len() < READ_AHEAD_BYTES_MAX {
            tokio::task::yield_now().await;
        }
        assert!(
            line.0.borrow().early.len() < READ_AHEAD_BYTES_MAX + PIECE,
            "no more than a piece beyond"
        );
        assert!(!driven.is_finished());
        drop(driven);

        let (driving, peer, _line) = socket().await;
        let driven = actix_web::rt::spawn(driving);
        drop(peer);
        driven.await.expect("driven to its end, though nobody asked for more");
    }
}
