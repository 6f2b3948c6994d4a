//! What is done for every socket several times in each heartbeat: one timer for all sockets of a thread,
//! and no session woken that has nothing to do.
//!
//! A session of its own timer would be woken eight times in each heartbeat to find that nothing happened;
//! with 20,000 of them that is some percent of a processor and a tenth of what a session takes of memory
//! (docs/PERFORMANCE.md).

use super::tcp::{Backlog, OutputWatch, Socket};
use crate::actor::link::Marks;
use crate::broker::{Broker, Phase};
use crate::clock::Clock;
use crate::limits::Heartbeat;
use crate::transport::line::Line;
use actix::WeakRecipient;
use actix::prelude::Message;
use actix_web::web;
use bytes::Bytes;
use std::cell::{Cell, OnceCell, RefCell};
use std::ops::Range;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// How often each socket is looked at in a heartbeat.
const BEATS: usize = 8;
/// In so many parts of a heartbeat the sockets are pinged, for all at once would keep others waiting.
const SLOTS: usize = 64;
/// A ping without payload (RFC 6455 §5.5.2).
const PING: [u8; 2] = [0x89, 0];

/// What a session is told by the pulse, where it has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub(super) enum Beat {
    /// Look after yourself.
    Look,
    /// The broker closes what has no session.
    Closing,
}

/// All sockets of one thread.
pub struct Pulse {
    slots: RefCell<[Vec<Weak<Heart>>; SLOTS]>,
    /// The slot that was pinged last. New sockets go there: they are pinged after a whole heartbeat.
    pinged: Cell<usize>,
    heartbeat: Heartbeat,
    clock: Clock,
}

/// Which slots are due.
struct Wheel {
    /// From one slot to the next.
    every: Duration,
    /// Slots that were done since it began to turn.
    done: usize,
}

impl Wheel {
    /// What is due so long after it began: a tick that came late must not make the heartbeat longer, so what
    /// was missed is done now, each slot once at most.
    fn turn(&mut self, since: Duration) -> Range<usize> {
        let due = since.as_nanos() / self.every.as_nanos().max(1);
        let due = usize::try_from(due).unwrap_or(usize::MAX);
        let slots = due.saturating_sub(SLOTS).max(self.done)..due;
        self.done = due;
        slots
    }
}

/// What the pulse knows of one socket; the session owns it.
pub struct Heart {
    line: Line,
    output: RefCell<OutputWatch>,
    heartbeat: Heartbeat,
    /// Of the session that came of the connection: told how far its output is taken.
    marks: RefCell<Option<Arc<Marks>>>,
    session: OnceCell<WeakRecipient<Beat>>,
    /// Whether the session has something to look after at each beat.
    is_restless: Cell<bool>,
    /// Whether a close frame was sent: nothing may follow it.
    is_over: Cell<bool>,
}

impl Pulse {
    /// Begins to beat on this thread, for as long as the thread runs.
    pub fn begin(broker: &web::Data<Broker>) -> Rc<Self> {
        let slots = RefCell::new([const { Vec::new() }; SLOTS]);
        let (heartbeat, clock) = (broker.heartbeat, broker.clock.clone());
        let pulse = Rc::new(Self { slots, pinged: Cell::new(SLOTS - 1), heartbeat, clock });
        actix_web::rt::spawn(Rc::clone(&pulse).run(broker.clone()));
        pulse
    }

    /// A socket that has just been opened, at `elapsed`.
    pub(super) fn heart(&self, line: Line, socket: Option<Socket>, elapsed: Duration) -> Rc<Heart> {
        let heart = Rc::new(Heart {
            line,
            output: RefCell::new(OutputWatch::new(socket, elapsed)),
            heartbeat: self.heartbeat,
            marks: RefCell::default(),
            session: OnceCell::new(),
            is_restless: Cell::new(false),
            is_over: Cell::new(false),
        });
        self.slots.borrow_mut()[self.pinged.get()].push(Rc::downgrade(&heart));
        heart
    }

    async fn run(self: Rc<Self>, broker: web::Data<Broker>) {
        let slots = u32::try_from(SLOTS).unwrap_or(u32::MAX);
        let every = self.heartbeat.every / slots;
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let begun = ticks.tick().await;
        let mut wheel = Wheel { every, done: 0 };
        let mut phase = broker.ready.subscribe();
        let mut is_closing = false;
        loop {
            let tick = tokio::select! {
                tick = ticks.tick() => tick,
                _ = phase.wait_for(|phase| *phase == Phase::Closing), if !is_closing => {
                    is_closing = true;
                    self.tell_all(Beat::Closing);
                    continue;
                }
            };
            if is_closing {
                self.tell_all(Beat::Closing);
            }
            let slots = wheel.turn(tick.duration_since(begun));
            // A ping from a node whose lease is over would pass for a sign that licences are held still.
            if broker.directory.may_decide() {
                slots.for_each(|slot| self.beat(slot % SLOTS));
            }
        }
    }

    /// Looks at an eighth of the sockets, and pings a sixty-fourth.
    fn beat(&self, slot: usize) {
        self.pinged.set(slot);
        let elapsed = self.clock.elapsed();
        for other in (slot % (SLOTS / BEATS)..SLOTS).step_by(SLOTS / BEATS) {
            let beating = |heart: &Heart| heart.beat(elapsed, other == slot);
            self.slots.borrow_mut()[other]
                .retain(|heart| heart.upgrade().as_deref().is_some_and(beating));
        }
    }

    fn tell_all(&self, beat: Beat) {
        for slot in self.slots.borrow().iter() {
            slot.iter().filter_map(Weak::upgrade).for_each(|heart| heart.tell(beat));
        }
    }
}

impl Heart {
    /// The session that looks after the socket; at each beat, if it is `restless`.
    pub(super) fn belongs_to(&self, session: WeakRecipient<Beat>, is_restless: bool) {
        self.is_restless.set(is_restless);
        // An actor starts once.
        let _ = self.session.set(session);
    }

    /// From now on whoever reads these marks is told how far output is taken.
    pub(super) fn mark(&self, marks: Arc<Marks>) {
        self.marks.replace(Some(marks));
    }

    /// A close frame is on its way.
    pub(super) fn is_over(&self) {
        self.is_over.set(true);
        self.line.close_soon();
    }

    /// For how long output has waited and none of it was taken.
    pub(super) fn stuck_for(&self, elapsed: Duration) -> Duration {
        self.output.borrow_mut().stuck_for(elapsed)
    }

    /// Watches the same socket for a backlog.
    pub(super) fn backlog(&self) -> Backlog {
        self.output.borrow().backlog()
    }

    /// Nothing more is expected of the peer: the connection ends when what is written has left.
    pub(super) fn read_no_more(&self) {
        self.output.borrow().read_no_more();
    }

    /// Ends the connection, though output waits that is not taken.
    pub(super) fn cut(&self) {
        self.output.borrow().cut();
    }

    /// Whether the socket is to be looked at again.
    fn beat(&self, elapsed: Duration, is_ping_due: bool) -> bool {
        if self.is_over.get() {
            return false;
        }
        let stuck = self.stuck_for(elapsed);
        if let Some(marks) = &*self.marks.borrow() {
            marks.taken(elapsed.saturating_sub(stuck));
        }
        if self.is_restless.get() || stuck > self.heartbeat.silence_max() {
            self.tell(Beat::Look);
        }
        if is_ping_due {
            self.line.send_now(&Bytes::from_static(&PING));
        }
        true
    }

    fn tell(&self, beat: Beat) {
        if let Some(session) = self.session.get().and_then(WeakRecipient::upgrade) {
            session.do_send(beat);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_slot_is_due_once_a_heartbeat_however_late_the_ticks_are() {
        let every = Duration::from_millis(10);
        let mut wheel = Wheel { every, done: 0 };
        assert_eq!(wheel.turn(every), 0..1);
        assert_eq!(wheel.turn(every), 1..1, "not twice");
        assert_eq!(wheel.turn(every * 5 + every / 2), 1..5, "what was missed is done at once");
        let in_a_heartbeat = |late: Duration| {
            let mut wheel = Wheel { every, done: 0 };
            let ticks = 1..=u32::try_from(SLOTS).expect("few");
            ticks.map(|tick| wheel.turn(every * tick + late).len()).sum::<usize>()
        };
        assert_eq!(in_a_heartbeat(Duration::ZERO), SLOTS);
        assert_eq!(in_a_heartbeat(every * 9 / 10), SLOTS, "lateness does not add up");
        let mut slept = Wheel { every, done: 3 };
        assert_eq!(slept.turn(every * 1_000), 1_000 - SLOTS..1_000, "after a long sleep once each");
    }
}
