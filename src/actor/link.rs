//! The connections of an organisation's sessions, as they outlive its actor.

use crate::domain::event::Notice;
use crate::domain::ids::{LinkId, SessionId};
use crate::domain::reason::{Departure, EndReason};
use actix::prelude::{Message, Recipient, SendError};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// What a session actor is told without having asked.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub enum ToDevice {
    /// What a decision means for it.
    Notice(Notice),
    /// The broker is about to stop.
    Draining {
        /// Within how many seconds the device should be elsewhere.
        reconnect_within_s: u64,
    },
}

/// Marks that a session actor sets and the organisation reads: its sweep, which finds a session actor
/// that is stuck behind a full socket by that it sets none, and an actor that starts anew.
#[derive(Debug)]
pub struct Marks {
    /// Milliseconds of monotonic time at which something last came in.
    seen_ms: AtomicU64,
    /// Milliseconds of monotonic time at which what was sent was last being taken.
    taken_ms: AtomicU64,
    /// Milliseconds of the Unix epoch at which the token runs out.
    token_expires_ms: AtomicI64,
    /// How the connection ended, as whoever was first saw it. Set before the goodbye is sent, and even
    /// if the organisation has not read the login yet: the mailbox that holds both may be lost.
    departed: OnceLock<Departure>,
}

impl Marks {
    /// A connection that was heard of at `seen`, with a token until `token_expires`.
    pub fn new(seen: Duration, token_expires: DateTime<Utc>) -> Self {
        let marks = Self {
            seen_ms: AtomicU64::new(0),
            taken_ms: AtomicU64::new(0),
            token_expires_ms: AtomicI64::new(0),
            departed: OnceLock::new(),
        };
        marks.seen(seen);
        marks.taken(seen);
        marks.token_until(token_expires);
        marks
    }

    /// Something came in.
    pub fn seen(&self, elapsed: Duration) {
        self.seen_ms.store(millis(elapsed), Ordering::Relaxed);
    }

    /// Nothing that was sent had been waiting by then without any of it being taken.
    pub fn taken(&self, elapsed: Duration) {
        self.taken_ms.store(millis(elapsed), Ordering::Relaxed);
    }

    /// The token is good until then.
    pub fn token_until(&self, at: DateTime<Utc>) {
        self.token_expires_ms.store(at.timestamp_millis(), Ordering::Relaxed);
    }

    /// The connection ended; what was said first stands.
    pub fn departed(&self, departure: Departure) {
        self.departed.get_or_init(|| departure);
    }

    /// For how long nothing has come in, or nothing has been taken: whichever is longer.
    fn silent_for(&self, elapsed: Duration) -> Duration {
        let (seen, taken) = (&self.seen_ms, &self.taken_ms);
        let since = seen.load(Ordering::Relaxed).min(taken.load(Ordering::Relaxed));
        elapsed.saturating_sub(Duration::from_millis(since))
    }

    fn token_is_over(&self, at: DateTime<Utc>) -> bool {
        at.timestamp_millis() >= self.token_expires_ms.load(Ordering::Relaxed)
    }
}

fn millis(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

/// One connection of one session.
#[derive(Clone, Debug)]
pub struct Link {
    /// Which connection.
    pub id: LinkId,
    /// Which session.
    pub session: SessionId,
    /// The session actor's bounded mailbox; it ends with the connection.
    pub recipient: Recipient<ToDevice>,
    /// Shared with the session actor.
    pub marks: Arc<Marks>,
}

/// Every connection of an organisation. An entry ends when the end of its connection is durable, or when
/// the connection was told to end. In the order in which they came, so that what concerns many of them is
/// decided in the same order whenever it happens.
#[derive(Debug, Default)]
pub struct Links(Mutex<BTreeMap<LinkId, Link>>);

/// Connections as an actor finds them that starts anew.
#[derive(Debug, Default)]
pub struct Inventory {
    /// Those that are alive.
    pub connected: Vec<(SessionId, LinkId)>,
    /// Those that ended without anybody noting it.
    pub departed: Vec<(SessionId, LinkId, Departure)>,
}

/// Why the sweep ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// Which connection.
    pub link: LinkId,
    /// Of which session.
    pub session: SessionId,
    /// [`Departure::HeartbeatTimeout`] or [`Departure::TokenExpired`].
    pub departure: Departure,
}

impl Links {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<LinkId, Link>> {
        // A panic while the map is held leaves it whole: every change of it is one call.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection of which the actor is about to decide.
    pub fn add(&self, link: Link) {
        self.lock().insert(link.id, link);
    }

    /// A connection that is done with.
    pub fn remove(&self, link: LinkId) -> Option<Link> {
        self.lock().remove(&link)
    }

    /// The organisation ends the connection; a restarted actor will find this mark.
    pub fn mark_departed(&self, link: LinkId, departure: Departure) {
        if let Some(link) = self.lock().get(&link) {
            link.marks.departed(departure);
        }
    }

    /// Sends to a connection if its queue has room. `Err` if it has none; a connection that is gone
    /// takes everything.
    pub fn try_send(&self, link: LinkId, message: ToDevice) -> Result<(), SessionId> {
        let map = self.lock();
        let Some(link) = map.get(&link) else { return Ok(()) };
        match link.recipient.try_send(message) {
            Ok(()) | Err(SendError::Closed(_)) => Ok(()),
            Err(SendError::Full(_)) => Err(link.session),
        }
    }

    /// Tells a connection to end, whatever waits in its queue; it is told no more than once or twice.
    pub fn send_end(&self, link: LinkId, reason: EndReason) {
        if let Some(link) = self.lock().get(&link) {
            link.recipient.do_send(ToDevice::Notice(Notice::Ended(reason)));
        }
    }

    /// Sends to every connection that is there, whatever waits in its queue.
    pub fn broadcast(&self, message: &ToDevice) {
        for link in self.lock().values() {
            link.recipient.do_send(message.clone());
        }
    }

    /// The connections that are there.
    pub fn ids(&self) -> Vec<LinkId> {
        self.lock().keys().copied().collect()
    }

    /// The session that a connection was made for.
    pub fn session_of(&self, link: LinkId) -> Option<SessionId> {
        self.lock().get(&link).map(|link| link.session)
    }

    /// How many connections there are.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// For an actor that starts anew; each session is connected once.
    pub fn inventory(&self) -> Inventory {
        let mut inventory = Inventory::default();
        for (id, link) in &*self.lock() {
            let gone = (!link.recipient.connected()).then_some(Departure::ConnectionLost);
            match link.marks.departed.get().copied().or(gone) {
                Some(departure) => inventory.departed.push((link.session, *id, departure)),
                None => inventory.connected.push((link.session, *id)),
            }
        }
        // Of two connections of one session the later is a resume that was not answered: a connection
        // that hears of a resume takes the earlier one out. It is told so, and the session stays.
        inventory.connected.sort_unstable();
        inventory.connected.dedup_by_key(|(session, _)| *session);
        inventory
    }

    /// The connections that were silent too long or whose token is over. Each is marked, so that it is
    /// named once.
    pub fn overdue(
        &self,
        elapsed: Duration,
        at: DateTime<Utc>,
        silence_max: Duration,
    ) -> Vec<Overdue> {
        let mut overdue = Vec::new();
        for (id, link) in &*self.lock() {
            let marks = &link.marks;
            if marks.departed.get().is_some() {
                continue;
            }
            let departure = if marks.token_is_over(at) {
                Departure::TokenExpired
            } else if marks.silent_for(elapsed) > silence_max {
                Departure::HeartbeatTimeout
            } else {
                continue;
            };
            marks.departed(departure);
            overdue.push(Overdue { link: *id, session: link.session, departure });
        }
        overdue
    }
}
