//! Frames that were received and not yet served, and the gate that keeps further ones out.
//!
//! A session that sends more than its rate, or more requests than may be under way, is not punished: its
//! frames are simply not read until it is met, and TCP tells the sender.

use super::frames::{HeaderWatch, Violation};
use crate::limits::MESSAGE_BYTES_MAX;
use actix_http::ws::Item;
use actix_web::error::PayloadError;
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use futures_util::Stream;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

/// A frame that wants something done.
#[derive(Debug, PartialEq, Eq)]
pub enum Inbound {
    /// A message.
    Text(ByteString),
    /// A message that is binary, or no UTF-8. It waits for its turn like every other: what came before it
    /// is served, and nothing is after a logout.
    NotText,
    /// A protocol ping, to be answered with its payload.
    Ping(Bytes),
    /// A frame that wants nothing: a pong, or a piece of a message that is not whole. It is paid for like
    /// all others, or nothing would bound how many are read.
    Quiet,
}

/// Received frames in order, served at a bounded rate. Holds at most what one read from the socket
/// brought: while anything is left, the gate is shut.
#[derive(Debug)]
pub struct Inbox {
    frames: VecDeque<Inbound>,
    rate: Rate,
    gate: Gate,
}

/// Whether the next frame may be served.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Serve this one.
    Frame(Inbound),
    /// None is there.
    Nothing,
    /// The rate allows the next one after this time.
    After(Duration),
}

impl Inbox {
    /// An empty inbox that serves `per_second` frames, and twice that in a burst.
    pub fn new(per_second: u32, gate: Gate, elapsed: Duration) -> Self {
        Self { frames: VecDeque::new(), rate: Rate::new(per_second, elapsed), gate }
    }

    /// Adds a frame behind the others.
    pub fn push(&mut self, frame: Inbound) {
        self.frames.push_back(frame);
        self.gate.shut();
    }

    /// Adds a frame that wants nothing. One that the rate allows, with none before it, is done with: it
    /// must not keep others out while the peer waits for an answer.
    pub fn push_quiet(&mut self, elapsed: Duration) {
        if !self.frames.is_empty() || self.rate.take(elapsed).is_err() {
            self.push(Inbound::Quiet);
        }
    }

    /// Why what came last was not let through: a frame that is refused, or the end of the connection.
    pub fn fault(&self) -> Option<Fault> {
        self.gate.0.fault.get()
    }

    /// Notes that a frame, or what is wrong with one, came out of the codec.
    pub fn decoded(&self) {
        self.gate.0.decoded.set(self.gate.0.decoded.get() + 1);
        self.gate.wake();
    }

    /// Drops what is left: nothing more is served.
    pub fn clear(&mut self) {
        self.frames.clear();
        self.gate.open();
    }

    /// Takes the next frame if the rate allows it; opens the gate when none is left.
    pub fn next(&mut self, elapsed: Duration) -> Next {
        if self.frames.is_empty() {
            self.gate.open();
            return Next::Nothing;
        }
        match self.rate.take(elapsed) {
            Ok(()) => self.frames.pop_front().map_or(Next::Nothing, Next::Frame),
            Err(wait) => Next::After(wait),
        }
    }
}

/// A bucket of tokens: each frame costs one, time brings new ones.
#[derive(Debug)]
struct Rate {
    per_second: f64,
    burst: f64,
    tokens: f64,
    filled: Duration,
}

impl Rate {
    fn new(per_second: u32, elapsed: Duration) -> Self {
        let per_second = f64::from(per_second.max(1));
        let burst = per_second * 2.0;
        Self { per_second, burst, tokens: burst, filled: elapsed }
    }

    /// Pays for one frame, or says how long until that is possible.
    fn take(&mut self, elapsed: Duration) -> Result<(), Duration> {
        let passed = elapsed.saturating_sub(self.filled).as_secs_f64();
        self.tokens = (self.tokens + passed * self.per_second).min(self.burst);
        self.filled = elapsed;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            Ok(())
        } else {
            Err(Duration::from_secs_f64((1.0 - self.tokens) / self.per_second))
        }
    }
}

/// Why the stream of frames cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The peer sent what is refused.
    Refused(Violation),
    /// The connection broke.
    Lost,
}

/// Shut, it lets nothing more of a connection's payload through.
#[derive(Clone, Debug, Default)]
pub struct Gate(Rc<GateState>);

#[derive(Debug, Default)]
struct GateState {
    is_shut: Cell<bool>,
    fault: Cell<Option<Fault>>,
    /// Frames that came out of the codec, those among them that it could not read.
    decoded: Cell<u64>,
    waker: RefCell<Option<Waker>>,
}

impl Gate {
    fn shut(&self) {
        self.0.is_shut.set(true);
    }

    fn open(&self) {
        if self.0.is_shut.replace(false) {
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.0.waker.take() {
            waker.wake();
        }
    }

    /// Puts the gate before a payload.
    pub fn guard<S>(&self, payload: S) -> Guarded<S> {
        Guarded { gate: self.clone(), headers: HeaderWatch::default(), refused: None, payload }
    }
}

/// A payload behind a gate. Once a frame was refused, what follows is taken and thrown away: what is left
/// unread when a connection is closed would reset it, and the peer would never read why. The frames before
/// it are served first, however many of them came in the same read.
#[derive(Debug)]
pub struct Guarded<S> {
    gate: Gate,
    headers: HeaderWatch,
    refused: Option<Violation>,
    payload: S,
}

impl<S> Guarded<S> {
    /// Looks at what came, and lets through what stands before a frame that is refused.
    fn judge(&mut self, read: Result<Bytes, PayloadError>) -> Result<Bytes, PayloadError> {
        let Ok(mut bytes) = read else {
            self.gate.0.fault.set(Some(Fault::Lost));
            return read;
        };
        if let Err(refusal) = self.headers.pass(&bytes) {
            self.refused = Some(refusal.violation);
            bytes.truncate(refusal.good_bytes);
        }
        Ok(bytes)
    }

    /// The refusal, once everything before it came out of the codec; told once.
    fn due(&self) -> Option<PayloadError> {
        let violation = self.refused.filter(|_| self.gate.0.fault.get().is_none())?;
        (self.gate.0.decoded.get() >= self.headers.frames()).then(|| {
            self.gate.0.fault.set(Some(Fault::Refused(violation)));
            PayloadError::EncodingCorrupted
        })
    }
}

impl<S> Stream for Guarded<S>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.gate.0.is_shut.get() {
            self.gate.0.waker.replace(Some(cx.waker().clone()));
            return Poll::Pending;
        }
        loop {
            if let Some(refusal) = self.due() {
                return Poll::Ready(Some(Err(refusal)));
            }
            if self.refused.is_some() {
                self.gate.0.waker.replace(Some(cx.waker().clone()));
            }
            let read = ready!(Pin::new(&mut self.payload).poll_next(cx));
            let is_told = self.gate.0.fault.get().is_some();
            match read {
                Some(Ok(_)) if self.refused.is_some() => {}
                None if self.refused.is_some() && !is_told => return Poll::Pending,
                Some(read) => return Poll::Ready(Some(self.judge(read))),
                None => return Poll::Ready(None),
            }
        }
    }
}

/// Puts the fragments of a message together.
#[derive(Debug, Default)]
pub struct Fragments {
    gathered: BytesMut,
    /// Up to here what was gathered is UTF-8; at most the beginning of a character stands behind.
    judged: usize,
}

/// What came of a fragment.
#[derive(Debug, PartialEq, Eq)]
pub enum Fragment {
    /// More are to come.
    Incomplete,
    /// The message is whole.
    Text(ByteString),
    /// The message is whole and binary, or not UTF-8.
    NotText,
    /// The message is beyond the bound.
    TooBig,
}

impl Fragments {
    /// Adds a fragment; the codec has seen to their order. What can be no text is refused with the first
    /// fragment that shows it (RFC 6455 §8.1).
    pub fn add(&mut self, item: Item) -> Fragment {
        let (bytes, is_last) = match item {
            Item::FirstText(bytes) | Item::Continue(bytes) => (bytes, false),
            Item::FirstBinary(_) => return Fragment::NotText,
            Item::Last(bytes) => (bytes, true),
        };
        if self.gathered.len() + bytes.len() > MESSAGE_BYTES_MAX {
            return Fragment::TooBig;
        }
        self.gathered.extend_from_slice(&bytes);
        if !self.is_text_so_far() {
            return Fragment::NotText;
        }
        if !is_last {
            return Fragment::Incomplete;
        }
        self.judged = 0;
        ByteString::try_from(self.gathered.split().freeze())
            .map_or(Fragment::NotText, Fragment::Text)
    }

    /// Whether what was gathered is UTF-8, a character that is not whole yet left aside.
    fn is_text_so_far(&mut self) -> bool {
        match std::str::from_utf8(&self.gathered[self.judged..]) {
            Ok(text) => self.judged += text.len(),
            Err(error) if error.error_len().is_none() => self.judged += error.valid_up_to(),
            Err(_) => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ping(payload: &'static str) -> Inbound {
        Inbound::Ping(Bytes::from_static(payload.as_bytes()))
    }

    #[test]
    fn frames_beyond_the_rate_wait_and_are_served_in_order() {
        let gate = Gate::default();
        let mut inbox = Inbox::new(10, gate.clone(), Duration::ZERO);
        for _ in 0..20 {
            inbox.push(ping("burst"));
            assert_eq!(inbox.next(Duration::ZERO), Next::Frame(ping("burst")));
        }
        inbox.push(ping("late"));
        let Next::After(wait) = inbox.next(Duration::ZERO) else { panic!("above the rate") };
        assert!(gate.0.is_shut.get(), "nothing more is read");
        assert_eq!(wait, Duration::from_millis(100));
        assert_eq!(inbox.next(wait), Next::Frame(ping("late")));
        assert_eq!(inbox.next(wait), Next::Nothing);
        assert!(!gate.0.is_shut.get());
    }

    #[test]
    fn fragments_make_one_message_within_the_bound() {
        let mut fragments = Fragments::default();
        let first = Item::FirstText(Bytes::from_static(b"{\"type\":"));
        assert_eq!(fragments.add(first), Fragment::Incomplete);
        let last = Item::Last(Bytes::from_static(b"\"ping\"}"));
        assert_eq!(fragments.add(last), Fragment::Text("{\"type\":\"ping\"}".into()));
        let half = Bytes::from(vec![b' '; MESSAGE_BYTES_MAX / 2 + 1]);
        assert_eq!(fragments.add(Item::FirstText(half.clone())), Fragment::Incomplete);
        assert_eq!(fragments.add(Item::Last(half)), Fragment::TooBig);
    }

    #[test]
    fn a_character_may_be_cut_by_fragments_but_never_be_a_wrong_one() {
        let bytes = |bytes: &'static [u8]| Bytes::from_static(bytes);
        let mut fragments = Fragments::default();
        for _ in 0..2 {
            assert_eq!(fragments.add(Item::FirstText(bytes(b"\xf0\x9f"))), Fragment::Incomplete);
            assert_eq!(fragments.add(Item::Continue(bytes(b"\x98"))), Fragment::Incomplete);
            assert_eq!(fragments.add(Item::Last(bytes(b"\x80"))), Fragment::Text("😀".into()));
        }
        assert_eq!(fragments.add(Item::FirstText(bytes(b"\xe2"))), Fragment::Incomplete);
        assert_eq!(fragments.add(Item::Last(bytes(b""))), Fragment::NotText, "never whole");
        for wrong in [&b"\xff"[..], b"\xed\xa0", b"\xf4\x90"] {
            let item = Item::FirstText(Bytes::copy_from_slice(wrong));
            assert_eq!(Fragments::default().add(item), Fragment::NotText, "at once: {wrong:x?}");
        }
        let binary = Item::FirstBinary(bytes(b"x"));
        assert_eq!(Fragments::default().add(binary), Fragment::NotText);
    }
}
