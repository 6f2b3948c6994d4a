//! What became of the herd.

use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::tally::{Words, latencies, microseconds};

pub(crate) struct Tally {
    pub(crate) outcomes: Outcomes,
    /// In microseconds, from the moment at which everybody was to come back until one was.
    pub(crate) back: Histogram<u64>,
    /// Whether the return has begun; the first logins are not what is measured.
    counts: bool,
    /// Members that have shown that they are there, or were gone when they were asked to.
    shown: u64,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Outcomes {
    pub(crate) logged_in: u64,
    /// How the connections were lost: by close code, or by what happened.
    pub(crate) disconnected: Words,
    /// Back in the same session.
    pub(crate) resumed: u64,
    /// Back in another one, having asked for no grace.
    pub(crate) logged_in_anew: u64,
    /// Resumed with other licences than before.
    pub(crate) changed: u64,
    /// Attempts that were told, by the broker or the network, to come back later: by close code, HTTP
    /// status, or what happened.
    pub(crate) sent_away: Words,
    /// Attempts that had no answer in time.
    pub(crate) timed_out: u64,
    /// Members that may not come back: by close code, or by what happened.
    pub(crate) lost: Words,
}

impl Tally {
    /// # Errors
    ///
    /// Where the histogram cannot be made.
    pub(crate) fn new() -> Result<Self> {
        let back = latencies()?;
        Ok(Self { outcomes: Outcomes::default(), back, counts: false, shown: 0 })
    }

    pub(super) fn logged_in(&mut self) {
        self.outcomes.logged_in += 1;
    }

    pub(super) fn shown(&mut self) {
        self.shown += 1;
    }

    pub(super) fn disconnected(&mut self, how: &str) {
        self.outcomes.disconnected.add(how);
    }

    pub(super) fn begin_to_count(&mut self) {
        self.counts = true;
    }

    pub(super) fn sent_away(&mut self, why: &str) {
        if self.counts {
            self.outcomes.sent_away.add(why);
        }
    }

    pub(super) fn timed_out(&mut self) {
        if self.counts {
            self.outcomes.timed_out += 1;
        }
    }

    pub(super) fn lost(&mut self, why: &str) {
        self.outcomes.lost.add(why);
    }

    pub(super) fn back(&mut self, after: Duration, is_resumed: bool, is_same: bool) {
        self.back.saturating_record(microseconds(after));
        if !is_resumed {
            self.outcomes.logged_in_anew += 1;
            return;
        }
        self.outcomes.resumed += 1;
        self.outcomes.changed += u64::from(!is_same);
    }

    /// Members whose first login is decided.
    pub(crate) fn arrived(&self) -> u64 {
        self.outcomes.logged_in + self.outcomes.lost.total()
    }

    /// Members that may lose their connection: the auditor knows what they held.
    pub(crate) fn prepared(&self) -> u64 {
        self.shown
    }

    /// Members without a connection.
    pub(crate) fn gone(&self) -> u64 {
        self.outcomes.disconnected.total()
    }

    /// Members that are back, or may not come back.
    pub(crate) fn settled(&self) -> u64 {
        self.back.len() + self.outcomes.lost.total()
    }
}
