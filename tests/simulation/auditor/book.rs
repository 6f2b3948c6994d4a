//! The records of one organisation, replayed: who holds what, who waits, and whether each record may
//! follow the one before.

use super::calm::Board;
use super::ends::Ends;
use super::figures::Figured;
use super::{Certain, Life, ToldHeld};
use crate::kept::{Kept, Key, Row, Usage};
use chrono::{DateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A session as the records tell it.
#[derive(Debug)]
pub(crate) struct Sitting {
    pub(crate) user: Key,
    pub(crate) device: &'static str,
    pub(crate) grace: Duration,
    pub(crate) since: DateTime<Utc>,
    pub(crate) life: u32,
    /// The life of the broker in which its device was last told that it is connected.
    pub(crate) linked_life: u32,
    /// With the pool of the grant.
    pub(crate) held: BTreeMap<Key, &'static str>,
    /// What it held from which record on.
    pub(crate) history: Vec<(usize, BTreeSet<Key>)>,
    pub(crate) waits: BTreeMap<Key, u64>,
    pub(crate) closed: Option<usize>,
    /// With the pool of each grant.
    pub(crate) granted_at: BTreeMap<Key, Vec<(usize, &'static str)>>,
    pub(crate) released_at: BTreeMap<Key, Vec<usize>>,
    pub(crate) queued_at: BTreeMap<Key, Vec<usize>>,
}

pub(crate) struct Book {
    pub(crate) zone: Tz,
    pub(crate) log_off: Option<NaiveTime>,
    pub(crate) read: usize,
    pub(crate) sessions: BTreeMap<u128, Sitting>,
    /// By type and user, the number of instances.
    pub(crate) holders: BTreeMap<Key, BTreeMap<Key, u32>>,
    /// Concurrent, contingency.
    pub(crate) totals: BTreeMap<Key, (u32, u32)>,
    /// By type, the sessions that wait by their places.
    queue: BTreeMap<Key, BTreeMap<u64, u128>>,
    /// Sessions that left a queue in the records just before: whoever is served has.
    left_queue: BTreeMap<(u128, Key), u64>,
    pub(crate) last_at: DateTime<Utc>,
    /// By connection.
    pub(crate) certain: BTreeMap<usize, Certain>,
    pub(crate) ends: Ends,
    pub(crate) figures: Figured,
    pub(crate) clients: ToldHeld,
    /// By user and name, when a denial was recorded last.
    pub(crate) denials: BTreeMap<(Key, Key), usize>,
    pub(crate) resumes_sent: BTreeSet<u128>,
    /// Totals as they were, or may have been, since everything was last at rest: the most.
    pub(crate) bought_most: BTreeMap<Key, u32>,
    /// Types of which something new was granted since then, as clients were told.
    pub(crate) newly: BTreeSet<Key>,
    /// Types whose totals were changed since then.
    pub(crate) rebought: BTreeSet<Key>,
    pub(crate) board: Board,
    /// The present life of the broker.
    pub(crate) life: u32,
}

impl Book {
    pub(crate) fn new(zone: Tz, log_off: Option<NaiveTime>, at: DateTime<Utc>) -> Self {
        Self {
            zone,
            log_off,
            read: 0,
            sessions: BTreeMap::new(),
            holders: BTreeMap::new(),
            totals: BTreeMap::new(),
            queue: BTreeMap::new(),
            left_queue: BTreeMap::new(),
            last_at: at,
            certain: BTreeMap::new(),
            ends: Ends::default(),
            figures: Figured::new(zone, at),
            clients: BTreeMap::new(),
            denials: BTreeMap::new(),
            resumes_sent: BTreeSet::new(),
            bought_most: BTreeMap::new(),
            newly: BTreeSet::new(),
            rebought: BTreeSet::new(),
            board: Board::default(),
            life: 0,
        }
    }

    /// Clients have lost their connections, and hold nothing that they could be sure of.
    pub(crate) fn broker_lives(&mut self, life: u32) {
        self.life = life;
        self.clients.clear();
        self.certain.clear();
    }

    pub(crate) fn count(&self, licence: &str) -> u32 {
        u32::try_from(self.holders.get(licence).map_or(0, BTreeMap::len)).expect("few")
    }

    pub(crate) fn total(&self, licence: &str) -> (u32, u32) {
        self.totals.get(licence).copied().unwrap_or_default()
    }

    /// Reads the next record.
    pub(crate) fn take(&mut self, kept: &Kept, lives: &[Life]) -> Result<(), String> {
        let index = self.read;
        self.read += 1;
        self.figures.before(kept, lives)?;
        match &kept.row {
            Row::Opened { session, user, device, since, grace_s } => {
                self.on_time(*since)?;
                let sitting = Sitting {
                    user: user.clone(),
                    device,
                    grace: Duration::from_secs(u64::from(*grace_s)),
                    since: *since,
                    life: kept.life,
                    linked_life: kept.life,
                    held: BTreeMap::new(),
                    history: Vec::new(),
                    waits: BTreeMap::new(),
                    closed: None,
                    granted_at: BTreeMap::new(),
                    released_at: BTreeMap::new(),
                    queued_at: BTreeMap::new(),
                };
                if self.sessions.insert(*session, sitting).is_some() {
                    return Err(format!("session {session:x} is opened twice"));
                }
            }
            Row::Closed { session } => self.close(*session, index)?,
            Row::Usage(usage) if usage.reason.is_none() => self.acquire(usage, index)?,
            Row::Usage(usage) => self.release(usage, index, kept, lives)?,
            Row::Denied { at, licence, user, .. } => {
                self.on_time(*at)?;
                self.denials.insert((user.clone(), licence.clone()), index);
            }
            Row::Queued { session, licence, place } => {
                self.enqueue(*session, licence, *place, index)?;
            }
            Row::Unqueued { session, licence } => self.unqueue(*session, licence)?,
            Row::Totals { licence, concurrent, contingency, at } => {
                self.on_time(*at)?;
                self.totals.insert(licence.clone(), (*concurrent, *contingency));
                let most = self.bought_most.entry(licence.clone()).or_default();
                *most = (*most).max(concurrent + contingency);
                self.rebought.insert(licence.clone());
            }
            Row::Maximum { .. }
            | Row::Month { .. }
            | Row::Interval { .. }
            | Row::User { .. }
            | Row::UserGone { .. }
            | Row::Other => {}
        }
        if !matches!(kept.row, Row::Unqueued { .. } | Row::Usage(_) | Row::Queued { .. }) {
            self.left_queue.clear();
        }
        let (totals, holders) = (&self.totals, &self.holders);
        self.figures.after(kept, totals, holders)
    }

    /// No record of an organisation goes back in time.
    fn on_time(&mut self, at: DateTime<Utc>) -> Result<(), String> {
        if at < self.last_at {
            return Err(format!("a record of {at} follows one of {}", self.last_at));
        }
        self.last_at = at;
        Ok(())
    }

    pub(crate) fn open(&mut self, session: u128) -> Result<&mut Sitting, String> {
        let sitting = self.sessions.get_mut(&session).filter(|sitting| sitting.closed.is_none());
        sitting.ok_or(format!("session {session:x} is not open"))
    }

    fn close(&mut self, session: u128, index: usize) -> Result<(), String> {
        let sitting = self.open(session)?;
        sitting.closed = Some(index);
        if !sitting.held.is_empty() || !sitting.waits.is_empty() {
            return Err(format!("session {session:x} is closed with {sitting:?}"));
        }
        Ok(())
    }

    fn acquire(&mut self, usage: &Usage, index: usize) -> Result<(), String> {
        self.on_time(usage.at)?;
        let Usage { licence, user, session, pool, .. } = usage;
        let holders = self.count(licence);
        let (concurrent, contingency) = self.total(licence);
        let holds = self.holders.get(licence).is_some_and(|of| of.contains_key(user));
        let right = if licence.starts_with("uc_") {
            "fixed"
        } else if holds {
            "shared"
        } else if holders < concurrent {
            "concurrent"
        } else if holders < concurrent + contingency {
            "contingency"
        } else {
            "none"
        };
        if right != *pool {
            return Err(format!(
                "{licence} is granted from {pool}, not {right}: {holders} hold {concurrent} + {contingency}"
            ));
        }
        if matches!(right, "concurrent" | "contingency") {
            self.is_next(*session, licence, index)?;
        }
        let user = user.clone();
        let sitting = self.open(*session)?;
        if sitting.user != user || sitting.held.insert(licence.clone(), pool).is_some() {
            return Err(format!("{licence} is acquired by session {session:x} of {user} wrongly"));
        }
        sitting.granted_at.entry(licence.clone()).or_default().push((index, pool));
        sitting.note(index);
        *self.holders.entry(licence.clone()).or_default().entry(user).or_default() += 1;
        Ok(())
    }

    /// First come, first served, and nobody new passes the queue; whoever lingers is passed over.
    fn is_next(&self, session: u128, licence: &Key, index: usize) -> Result<(), String> {
        let own = self.left_queue.get(&(session, licence.clone())).copied();
        let Some(queue) = self.queue.get(licence) else { return Ok(()) };
        let earlier = queue.iter().find(|(place, waiting)| {
            own.is_none_or(|own| **place < own)
                && self.certain.values().any(|one| one.session == **waiting && one.since <= index)
        });
        match earlier {
            Some((place, first)) => Err(format!(
                "session {session:x} (place {own:?}) gets {licence} before {first:x} (place {place})"
            )),
            None => Ok(()),
        }
    }

    fn release(
        &mut self,
        usage: &Usage,
        index: usize,
        kept: &Kept,
        lives: &[Life],
    ) -> Result<(), String> {
        let before = self.last_at;
        self.on_time(usage.at)?;
        let Usage { licence, user, session, pool, reason, at } = usage;
        let reason = reason.unwrap_or_default();
        let sitting = self.open(*session)?;
        if sitting.held.remove(licence) != Some(*pool) {
            return Err(format!(
                "{licence} is released from {pool} by session {session:x} wrongly"
            ));
        }
        sitting.released_at.entry(licence.clone()).or_default().push(index);
        sitting.note(index);
        let of = self.holders.entry(licence.clone()).or_default();
        match of.get_mut(user) {
            Some(instances) if *instances > 1 => *instances -= 1,
            _ => {
                of.remove(user);
            }
        }
        self.may_end(*session, reason, *at, before, kept, lives)
    }

    fn enqueue(
        &mut self,
        session: u128,
        licence: &Key,
        place: u64,
        index: usize,
    ) -> Result<(), String> {
        let inherited = self.left_queue.values().any(|left| *left == place);
        let queue = self.queue.entry(licence.clone()).or_default();
        let last = queue.last_key_value().map_or(0, |(last, _)| *last);
        if place <= last && !inherited {
            return Err(format!("session {session:x} waits for {licence} before {last}"));
        }
        queue.insert(place, session);
        let sitting = self.open(session)?;
        sitting.waits.insert(licence.clone(), place);
        sitting.queued_at.entry(licence.clone()).or_default().push(index);
        Ok(())
    }

    fn unqueue(&mut self, session: u128, licence: &Key) -> Result<(), String> {
        let sitting = self.open(session)?;
        let place = sitting.waits.remove(licence);
        let place = place.ok_or(format!("session {session:x} does not wait for {licence}"))?;
        self.queue.entry(licence.clone()).or_default().remove(&place);
        self.left_queue.insert((session, licence.clone()), place);
        Ok(())
    }
}

impl Sitting {
    fn note(&mut self, index: usize) {
        self.history.push((index, self.held.keys().cloned().collect()));
    }

    /// What it held at some moment between two numbers of records.
    pub(crate) fn ever_held(&self, from: usize, to: usize, held: &BTreeSet<Key>) -> bool {
        let before = self.history.iter().rev().find(|(index, _)| *index < from);
        let between = self.history.iter().filter(|(index, _)| *index >= from && *index < to);
        let empty = BTreeSet::new();
        let mut states = vec![before.map_or(&empty, |(_, state)| state)];
        states.extend(between.map(|(_, state)| state));
        states.contains(&held)
    }
}
