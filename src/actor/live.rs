//! The latest counts of an organisation, for any number of wallboards.

use crate::domain::ids::LicenceSet;
use crate::domain::interval::IntervalRecord;
use crate::domain::organisation::Organisation;
use crate::domain::reason::WallboardKind;
use crate::domain::view::LicenceCounts;
use bytes::Bytes;
use bytestring::ByteString;
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;

/// A text, and the same bytes as they go over a WebSocket: a server masks nothing, so the frame is alike for
/// all. A clone shares them.
#[derive(Clone, Debug)]
pub struct Written {
    /// JSON.
    pub text: ByteString,
    /// One whole frame.
    pub frame: Bytes,
}

/// The counts as of one sequence number. Each text is written once, by whoever needs it first, and
/// shared by all.
#[derive(Debug)]
pub struct LiveFrame {
    /// One more than that of the frame before.
    pub seq: u64,
    /// When it was taken.
    pub at: DateTime<Utc>,
    /// The types that changed since the frame before.
    pub changed: Vec<LicenceCounts>,
    /// Every type that a login can acquire.
    pub all: Vec<LicenceCounts>,
    /// `changed` as it goes over the wire.
    pub changed_text: OnceLock<Written>,
    /// `all` as it goes over the wire.
    pub all_text: OnceLock<Written>,
}

impl LiveFrame {
    /// A frame that nobody has written yet.
    pub fn new(
        seq: u64,
        at: DateTime<Utc>,
        changed: Vec<LicenceCounts>,
        all: Vec<LicenceCounts>,
    ) -> Self {
        let (changed_text, all_text) = (OnceLock::new(), OnceLock::new());
        Self { seq, at, changed, all, changed_text, all_text }
    }
}

/// The five-minute figures of the interval that ended last; written once, shared by all.
#[derive(Debug)]
pub struct IntervalFrame {
    /// When it began.
    pub start: DateTime<Utc>,
    /// Its records.
    pub records: Vec<IntervalRecord>,
    /// As it goes over the wire.
    pub text: OnceLock<Written>,
}

/// The kinds of the configured wallboards, by their ids.
pub type WallboardKinds = HashMap<Arc<str>, WallboardKind>;

/// The kinds of the wallboards as they are decided.
pub fn kinds_of(organisation: &Organisation) -> WallboardKinds {
    let all = organisation.wallboards().into_iter();
    all.map(|(wallboard, kind)| (wallboard.id, kind)).collect()
}

/// Holds the latest of everything that wallboards follow. A subscriber that is slow misses frames and
/// never holds any up.
#[derive(Debug)]
pub struct Live {
    counts: watch::Sender<Arc<LiveFrame>>,
    /// `None` until an interval has ended since the broker began.
    interval: watch::Sender<Option<Arc<IntervalFrame>>>,
    kinds: watch::Sender<Arc<WallboardKinds>>,
}

/// What one subscriber follows.
#[derive(Clone, Debug)]
pub struct Feed {
    /// Live counts.
    pub counts: watch::Receiver<Arc<LiveFrame>>,
    /// Five-minute figures.
    pub interval: watch::Receiver<Option<Arc<IntervalFrame>>>,
    /// What each wallboard is sent.
    pub kinds: watch::Receiver<Arc<WallboardKinds>>,
}

impl Live {
    /// Before anything is known.
    pub fn new(at: DateTime<Utc>) -> Self {
        Self {
            counts: watch::Sender::new(Arc::new(LiveFrame::new(0, at, Vec::new(), Vec::new()))),
            interval: watch::Sender::new(None),
            kinds: watch::Sender::default(),
        }
    }

    /// Puts the present in place of the frame before, if anything that a login acquires changed.
    pub fn publish(&self, organisation: &mut Organisation, at: DateTime<Utc>) {
        let acquirable = organisation.catalogue().acquirable();
        let changed: LicenceSet = organisation.take_changed().intersection(acquirable);
        if changed.is_empty() {
            return;
        }
        let (changed, all) = (organisation.counts(changed), organisation.counts(acquirable));
        self.counts.send_modify(|frame| {
            *frame = Arc::new(LiveFrame::new(frame.seq + 1, at, changed, all));
        });
    }

    /// An interval has ended, and its records are durable.
    pub fn publish_interval(&self, start: DateTime<Utc>, records: Vec<IntervalRecord>) {
        let frame = IntervalFrame { start, records, text: OnceLock::new() };
        self.interval.send_replace(Some(Arc::new(frame)));
    }

    /// Wallboards were configured or taken away, or their users' licences changed, and that is durable: who
    /// was taken away is not told to come back.
    pub fn publish_kinds(&self, kinds: WallboardKinds) {
        self.kinds.send_if_modified(|known| {
            let is_news = **known != kinds;
            if is_news {
                *known = Arc::new(kinds);
            }
            is_news
        });
    }

    /// The latest counts.
    pub fn latest(&self) -> Arc<LiveFrame> {
        self.counts.borrow().clone()
    }

    /// Follows the latest of everything.
    pub fn subscribe(&self) -> Feed {
        Feed {
            counts: self.counts.subscribe(),
            interval: self.interval.subscribe(),
            kinds: self.kinds.subscribe(),
        }
    }
}

impl Feed {
    /// Whether both follow the same organisation, in the same life of it.
    pub fn is_same(&self, other: &Self) -> bool {
        self.counts.same_channel(&other.counts)
    }

    /// Waits until something is new.
    ///
    /// # Errors
    /// When the organisation is gone: nothing more will be.
    pub async fn changed(&mut self) -> Result<(), watch::error::RecvError> {
        tokio::select! {
            changed = self.counts.changed() => changed,
            changed = self.interval.changed() => changed,
            changed = self.kinds.changed() => changed,
        }
    }
}
