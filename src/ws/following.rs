//! What one subscriber follows and has been sent: live counts, five-minute figures, or both.
//!
//! An Analytics Wallboard is sent the figures alone, a Live Analytics Wallboard and people everything
//! (SPEC §8). Which of them a wallboard is depends on the licence of its user, and can change while it is
//! connected. One that nobody has configured is sent everything: its token was issued by an
//! administrator.

use super::written::written;
use crate::actor::cell::WallboardGuard;
use crate::actor::live::{Feed, IntervalFrame, LiveFrame, Written};
use crate::auth::{Claims, Role};
use crate::broker::Broker;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::OrganisationId;
use crate::domain::reason::WallboardKind;
use crate::protocol::request::RequestId;
use crate::protocol::wallboard;
use crate::telemetry::{self, LiveKind, Present};
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// See the module.
pub(super) struct Following {
    pub(super) feed: Feed,
    /// The wallboard's id; `None` for people.
    wallboard: Option<Arc<str>>,
    /// Whether the wallboard has been configured since it subscribed, or was before.
    was_configured: bool,
    /// The counts last sent; `None` before the first.
    seq: Option<u64>,
    /// When the figures last sent began; `None` before the first.
    interval: Option<DateTime<Utc>>,
    /// Of the request that the first frame answers.
    answers: Option<RequestId>,
    /// For the list of connected wallboards, until this is dropped.
    _entry: Option<WallboardGuard>,
    /// For the metrics, likewise.
    _present: Present,
}

/// One frame on its way.
pub(super) struct News {
    /// `snapshot`, `counts` or `interval`.
    pub(super) name: &'static str,
    /// Of `snapshot` and `counts`.
    pub(super) seq: Option<u64>,
    pub(super) written: Written,
}

impl Following {
    /// A subscriber that has not been sent anything.
    pub(super) fn begin(
        broker: &Broker,
        organisation: OrganisationId,
        claims: &Claims,
        feed: Feed,
        answers: Option<RequestId>,
        present: Present,
    ) -> Self {
        let wallboard = (claims.role == Role::Wallboard).then(|| claims.subject.clone());
        let enter = |id: &Arc<str>| broker.directory.enter_wallboard(organisation, id.clone());
        let mut following = Self {
            _present: present,
            _entry: wallboard.as_ref().and_then(enter),
            wallboard,
            was_configured: false,
            seq: None,
            interval: None,
            answers,
            feed,
        };
        following.was_configured = following.kind().is_some();
        if following.follows_counts() {
            // The snapshot says more than the figures of the past.
            following.interval = following.latest().map(|frame| frame.start);
        }
        following
    }

    fn kind(&self) -> Option<WallboardKind> {
        let id = self.wallboard.as_ref()?;
        self.feed.kinds.borrow().get(id).copied()
    }

    fn follows_counts(&self) -> bool {
        self.kind() != Some(WallboardKind::Analytics)
    }

    fn latest(&self) -> Option<Arc<IntervalFrame>> {
        self.feed.interval.borrow().clone()
    }

    /// Whether this is a wallboard that was taken away.
    pub(super) fn is_removed(&mut self) -> bool {
        let is_configured = self.kind().is_some();
        let is_removed = self.was_configured && !is_configured;
        self.was_configured |= is_configured;
        is_removed
    }

    /// The next frame to be sent, if there is any.
    pub(super) fn next(&mut self, catalogue: &Catalogue) -> Option<News> {
        self.next_counts(catalogue).or_else(|| self.next_figures(catalogue))
    }

    fn next_counts(&mut self, catalogue: &Catalogue) -> Option<News> {
        if !self.follows_counts() {
            self.seq = None;
            return None;
        }
        let frame = self.feed.counts.borrow().clone();
        let (name, written) = match self.seq {
            Some(seq) if seq == frame.seq => return None,
            Some(seq) if seq + 1 == frame.seq => ("counts", counts_text(&frame, catalogue).clone()),
            before @ (Some(_) | None) => {
                // A snapshot in place of frames that were missed, the last of which it is.
                let missed = before.map_or(0, |seq| frame.seq.saturating_sub(seq + 1));
                telemetry::count_conflated(missed);
                ("snapshot", snapshot(&frame, self.answers.take().as_ref(), catalogue))
            }
        };
        telemetry::count_frame(if name == "counts" {
            LiveKind::Counts
        } else {
            LiveKind::Snapshot
        });
        self.seq = Some(frame.seq);
        Some(News { name, seq: self.seq, written })
    }

    fn next_figures(&mut self, catalogue: &Catalogue) -> Option<News> {
        let frame = self.latest().filter(|frame| self.interval != Some(frame.start))?;
        self.interval = Some(frame.start);
        let write = |id| written(&wallboard::interval(id, frame.start, &frame.records, catalogue));
        let written = match self.answers.take() {
            Some(id) => write(Some(&id)),
            None => frame.text.get_or_init(|| write(None)).clone(),
        };
        telemetry::count_frame(LiveKind::Interval);
        Some(News { name: "interval", seq: None, written })
    }
}

/// What a new subscriber is sent: everything. Its request's id, if it had one, makes the text its own.
fn snapshot(frame: &LiveFrame, id: Option<&RequestId>, catalogue: &Catalogue) -> Written {
    let write = |id| written(&wallboard::snapshot(id, frame.seq, frame.at, &frame.all, catalogue));
    match id {
        Some(_) => write(id),
        None => frame.all_text.get_or_init(|| write(None)).clone(),
    }
}

/// What changed with a frame, written once for all who need it.
fn counts_text<'a>(frame: &'a LiveFrame, catalogue: &Catalogue) -> &'a Written {
    let write = || written(&wallboard::counts(frame.seq, frame.at, &frame.changed, catalogue));
    frame.changed_text.get_or_init(write)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue_file;
    use chrono::DateTime;

    #[test]
    fn however_many_subscribe_a_frame_is_written_once() {
        let catalogue = catalogue_file::built_in();
        let frame = LiveFrame::new(7, DateTime::UNIX_EPOCH, Vec::new(), Vec::new());
        let first = counts_text(&frame, &catalogue).frame.as_ptr();
        let whole = snapshot(&frame, None, &catalogue).frame.as_ptr();
        for _ in 0..1_000 {
            // What is queued for a socket shares the bytes that were written for the first.
            let queued = counts_text(&frame, &catalogue).clone();
            assert_eq!(queued.frame.as_ptr(), first);
            let queued = snapshot(&frame, None, &catalogue);
            assert_eq!(queued.frame.as_ptr(), whole);
        }
    }
}
