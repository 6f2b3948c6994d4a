//! Notices that a commit took with it.
//!
//! A notice leaves once its decision is durable. When the outcome of a commit is unknown, or the actor
//! dies before it hears of it, the decision may stand and its notice be lost: a device would wait for a
//! licence that it holds. So a notice that is dropped stays with the organisation, and whoever starts
//! anew tells those that came true.

use super::cell::Cell;
use crate::domain::event::Notice;
use crate::domain::ids::{LicenceSet, LinkId, SessionId};
use crate::domain::resume::Snapshot;
use std::collections::HashMap;
use std::sync::Arc;

/// Notices on their way to their connections. Dropped untaken, they are kept with the organisation.
pub(super) struct Notices {
    cell: Arc<Cell>,
    notices: Vec<(LinkId, Notice)>,
}

impl Notices {
    pub(super) fn new(cell: Arc<Cell>, notices: Vec<(LinkId, Notice)>) -> Self {
        Self { cell, notices }
    }

    /// The first so many are sent now.
    pub(super) fn take_first(&mut self, count: usize) -> Vec<(LinkId, Notice)> {
        self.notices.drain(..count).collect()
    }

    /// All that are left are sent now.
    pub(super) fn take(mut self) -> Vec<(LinkId, Notice)> {
        std::mem::take(&mut self.notices)
    }
}

impl Drop for Notices {
    fn drop(&mut self) {
        if !self.notices.is_empty() {
            self.cell.keep_untold(std::mem::take(&mut self.notices));
        }
    }
}

/// Those of the notices that hold by what is kept, for the connections on which their sessions go on:
/// where a resume was lost with its answer, that is the one before. `session_of` says which session a
/// connection had, `connected` where each session is connected.
pub(super) fn come_true(
    untold: Vec<(LinkId, Notice)>,
    session_of: impl Fn(LinkId) -> Option<SessionId>,
    connected: &[(SessionId, LinkId)],
    snapshot: &Snapshot,
) -> Vec<(LinkId, Notice)> {
    if untold.is_empty() {
        return untold;
    }
    let kept: HashMap<SessionId, Stands> = snapshot
        .sessions
        .iter()
        .map(|session| {
            let held = session.instances.iter().map(|held| held.instance.licence).collect();
            let waiting = session.places.iter().map(|place| place.licence).collect();
            (session.opened.session, Stands { held, waiting })
        })
        .collect();
    let present: HashMap<SessionId, LinkId> = connected.iter().copied().collect();
    let restrict = |(link, notice): (LinkId, Notice)| {
        let session = session_of(link)?;
        // A connection whose session is over hears that instead (SPEC §7: 4003).
        let stands = kept.get(&session)?;
        Some((*present.get(&session)?, notice.restricted_to(stands)?))
    };
    untold.into_iter().filter_map(restrict).collect()
}

/// What a session has, as it is kept.
struct Stands {
    held: LicenceSet,
    waiting: LicenceSet,
}

impl Notice {
    /// What of the notice holds for a session that stands so; `None` for one that is over.
    fn restricted_to(self, stands: &Stands) -> Option<Self> {
        match self {
            Self::Granted(mut granted) => {
                granted.retain(|(licence, _)| stands.held.contains(*licence));
                (!granted.is_empty()).then_some(Self::Granted(granted))
            }
            Self::Released { mut licences, reason } => {
                let has = stands.held.union(stands.waiting);
                licences.retain(|licence| !has.contains(*licence));
                (!licences.is_empty()).then_some(Self::Released { licences, reason })
            }
            // The session goes on: what would have ended it did not come about.
            Self::Ended(_) => None,
        }
    }
}
