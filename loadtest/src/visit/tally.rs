//! What became of visits, by phase of the run.

use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::tally::{Words, latencies, microseconds};

/// A phase of the run.
pub(crate) struct Phase {
    pub(crate) name: &'static str,
    pub(crate) outcomes: Outcomes,
    /// In microseconds, from the moment at which somebody was due until this tool began with it: its own
    /// lateness, contained in the others.
    pub(crate) begun: Histogram<u64>,
    /// Until the connection was there and upgraded, of the attempt that succeeded.
    pub(crate) upgraded: Histogram<u64>,
    /// Until the licences were there, every attempt and the waits between them included.
    pub(crate) licence: Histogram<u64>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Outcomes {
    /// Who was due, returns included.
    pub(crate) due: u64,
    /// Logged in, and nothing denied.
    pub(crate) logged_in: u64,
    /// Logged in, and something denied.
    pub(crate) partial: u64,
    /// Back in the same session.
    pub(crate) resumed: u64,
    /// Who is not to come again: by reason, close code or HTTP status.
    pub(crate) refused: Words,
    /// Who had no licence within a minute.
    pub(crate) gave_up: u64,
    /// Attempts that were told, by the broker or the network, to come again: by close code, HTTP status, or
    /// what happened.
    pub(crate) sent_away: Words,
    /// Attempts that had no answer in time.
    pub(crate) timed_out: u64,
    /// Connections that were lost by the outage: by close code, or by what happened.
    pub(crate) lost_by_outage: Words,
    /// Connections that were lost otherwise.
    pub(crate) lost: Words,
    /// How whoever left did.
    pub(crate) left: Words,
}

impl Phase {
    /// # Errors
    ///
    /// Where the histograms cannot be made.
    pub(super) fn new(name: &'static str) -> Result<Self> {
        let (begun, upgraded, licence) = (latencies()?, latencies()?, latencies()?);
        Ok(Self { name, outcomes: Outcomes::default(), begun, upgraded, licence })
    }

    pub(super) fn begun(&mut self, late: Duration) {
        self.outcomes.due += 1;
        self.begun.saturating_record(microseconds(late));
    }

    pub(super) fn upgraded(&mut self, after: Duration) {
        self.upgraded.saturating_record(microseconds(after));
    }

    pub(super) fn served(&mut self, after: Duration, is_resumed: bool, is_full: bool) {
        self.licence.saturating_record(microseconds(after));
        let Outcomes { resumed, logged_in, partial, .. } = &mut self.outcomes;
        let count = match (is_resumed, is_full) {
            (true, _) => resumed,
            (false, true) => logged_in,
            (false, false) => partial,
        };
        *count += 1;
    }

    pub(super) fn refused(&mut self, why: &str) {
        self.outcomes.refused.add(why);
    }

    pub(super) fn gave_up(&mut self) {
        self.outcomes.gave_up += 1;
    }

    pub(super) fn sent_away(&mut self, why: &str) {
        self.outcomes.sent_away.add(why);
    }

    pub(super) fn timed_out(&mut self) {
        self.outcomes.timed_out += 1;
    }

    pub(super) fn lost(&mut self, how: &str, is_by_outage: bool) {
        let Outcomes { lost, lost_by_outage, .. } = &mut self.outcomes;
        if is_by_outage { lost_by_outage } else { lost }.add(how);
    }

    pub(super) fn left(&mut self, how: &str) {
        self.outcomes.left.add(how);
    }

    /// Who is due and has not had a licence, nor been refused one, nor given up.
    pub(crate) fn undecided(&self) -> u64 {
        let Outcomes { due, logged_in, partial, resumed, refused, gave_up, .. } = &self.outcomes;
        due - logged_in - partial - resumed - refused.total() - gave_up
    }
}
