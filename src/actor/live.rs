//! The latest counts of an organisation, for any number of wallboards.

use crate::domain::ids::LicenceSet;
use crate::domain::organisation::Organisation;
use crate::domain::view::LicenceCounts;
use bytestring::ByteString;
use chrono::{DateTime, Utc};
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;

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
    pub changed_text: OnceLock<ByteString>,
    /// `all` as it goes over the wire.
    pub all_text: OnceLock<ByteString>,
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

/// Holds the latest frame. A subscriber that is slow misses frames and never holds any up.
#[derive(Debug)]
pub struct Live(watch::Sender<Arc<LiveFrame>>);

impl Live {
    /// Before anything is known.
    pub fn new(at: DateTime<Utc>) -> Self {
        Self(watch::Sender::new(Arc::new(LiveFrame::new(0, at, Vec::new(), Vec::new()))))
    }

    /// Puts the present in place of the frame before, if anything that a login acquires changed.
    pub fn publish(&self, organisation: &mut Organisation, at: DateTime<Utc>) {
        let acquirable = organisation.catalogue().acquirable();
        let changed: LicenceSet = organisation.take_changed().intersection(acquirable);
        if changed.is_empty() {
            return;
        }
        let (changed, all) = (organisation.counts(changed), organisation.counts(acquirable));
        self.0.send_modify(|frame| {
            *frame = Arc::new(LiveFrame::new(frame.seq + 1, at, changed, all));
        });
    }

    /// Follows the latest frame.
    pub fn subscribe(&self) -> watch::Receiver<Arc<LiveFrame>> {
        self.0.subscribe()
    }
}
