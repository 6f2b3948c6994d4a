//! The connections of an organisation's sessions, as they outlive its actor.

use crate::domain::event::Notice;
use crate::domain::ids::{LinkId, SessionId};
use crate::domain::reason::{Departure, EndReason};
use actix::prelude::{Message, Recipient, SendError};
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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

/// Marks that a session actor sets and the organisation's sweep reads. A session actor that is stuck
/// behind a full socket sets none, and is found by that.
#[derive(Debug)]
pub struct Marks {
    /// Milliseconds of monotonic time at which something last came in.
    seen_ms: AtomicU64,
    /// Milliseconds of monotonic time at which what was sent was last being taken.
    taken_ms: AtomicU64,
    /// Milliseconds of the Unix epoch at which the token runs out.
    token_expires_ms: AtomicI64,
}

impl Marks {
    /// A connection that was heard of at `seen`, with a token until `token_expires`.
    pub fn new(seen: Duration, token_expires: DateTime<Utc>) -> Self {
        let marks = Self {
            seen_ms: AtomicU64::new(0),
            taken_ms: AtomicU64::new(0),
            token_expires_ms: AtomicI64::new(0),
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

#[derive(Debug)]
struct Entry {
    link: Link,
    /// How the connection ended, until that is durable.
    departed: Option<Departure>,
}

/// Every connection of an organisation. An entry ends when the end of its connection is durable, or when
/// the connection was told to end.
#[derive(Debug, Default)]
pub struct Links(Mutex<HashMap<LinkId, Entry>>);

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
    fn lock(&self) -> MutexGuard<'_, HashMap<LinkId, Entry>> {
        // A panic while the map is held leaves it whole: every change of it is one call.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection of which the actor is about to decide.
    pub fn add(&self, link: Link) {
        self.lock().insert(link.id, Entry { link, departed: None });
    }

    /// A connection that is done with.
    pub fn remove(&self, link: LinkId) -> Option<Link> {
        self.lock().remove(&link).map(|entry| entry.link)
    }

    /// The connection ended; a restarted actor will find this mark.
    pub fn mark_departed(&self, link: LinkId, departure: Departure) {
        if let Some(entry) = self.lock().get_mut(&link)
            && entry.departed.is_none()
        {
            entry.departed = Some(departure);
        }
    }

    /// Sends to a connection if its queue has room. `Err` if it has none; a connection that is gone
    /// takes everything.
    pub fn try_send(&self, link: LinkId, message: ToDevice) -> Result<(), SessionId> {
        let map = self.lock();
        let Some(entry) = map.get(&link) else { return Ok(()) };
        match entry.link.recipient.try_send(message) {
            Ok(()) | Err(SendError::Closed(_)) => Ok(()),
            Err(SendError::Full(_)) => Err(entry.link.session),
        }
    }

    /// Tells a connection to end, whatever waits in its queue; it is told no more than once or twice.
    pub fn send_end(&self, link: LinkId, reason: EndReason) {
        if let Some(entry) = self.lock().get(&link) {
            entry.link.recipient.do_send(ToDevice::Notice(Notice::Ended(reason)));
        }
    }

    /// Sends to every connection that is there, whatever waits in its queue.
    pub fn broadcast(&self, message: &ToDevice) {
        for entry in self.lock().values() {
            entry.link.recipient.do_send(message.clone());
        }
    }

    /// The connections that are there.
    pub fn ids(&self) -> Vec<LinkId> {
        self.lock().keys().copied().collect()
    }

    /// How many connections there are.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// For an actor that starts anew.
    pub fn inventory(&self) -> Inventory {
        let mut inventory = Inventory::default();
        for (id, entry) in &*self.lock() {
            let session = entry.link.session;
            let gone = (!entry.link.recipient.connected()).then_some(Departure::ConnectionLost);
            match entry.departed.or(gone) {
                Some(departure) => inventory.departed.push((session, *id, departure)),
                None => inventory.connected.push((session, *id)),
            }
        }
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
        for (id, entry) in &mut *self.lock() {
            if entry.departed.is_some() {
                continue;
            }
            let marks = &entry.link.marks;
            let departure = if marks.token_is_over(at) {
                Departure::TokenExpired
            } else if marks.silent_for(elapsed) > silence_max {
                Departure::HeartbeatTimeout
            } else {
                continue;
            };
            entry.departed = Some(departure);
            overdue.push(Overdue { link: *id, session: entry.link.session, departure });
        }
        overdue
    }
}
