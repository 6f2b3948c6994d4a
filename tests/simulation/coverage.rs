//! What came up in a simulation, and how often.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

#[derive(Debug, Default)]
pub(crate) struct Coverage {
    pub(crate) counts: BTreeMap<String, u64>,
    pub(crate) simulated: Duration,
    /// Of every message that anybody was told, in order.
    pub(crate) trace: u64,
    pub(crate) messages: u64,
}

impl Coverage {
    pub(crate) fn count(&mut self, what: impl Into<String>) {
        *self.counts.entry(what.into()).or_default() += 1;
    }

    /// Takes a message into the trace (FNV-1a).
    pub(crate) fn trace(&mut self, text: &str) {
        self.messages += 1;
        if self.trace == 0 {
            self.trace = 0xcbf2_9ce4_8422_2325;
        }
        for byte in text.bytes() {
            self.trace = (self.trace ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (what, count) in &other.counts {
            *self.counts.entry(what.clone()).or_default() += count;
        }
        self.simulated += other.simulated;
        self.messages += other.messages;
    }

    pub(crate) fn of(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or_default()
    }

    /// How many faults of all kinds.
    pub(crate) fn faults(&self) -> u64 {
        let faults = self.counts.iter().filter(|(what, _)| what.starts_with("fault"));
        faults.map(|(_, count)| count).sum()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.simulated.as_secs() / 86_400;
        writeln!(f, "{days:>9}  simulated days")?;
        writeln!(f, "{:>9}  messages", self.messages)?;
        writeln!(f, "{:>9}  faults of all kinds", self.faults())?;
        for (what, count) in &self.counts {
            writeln!(f, "{count:>9}  {what}")?;
        }
        Ok(())
    }
}
