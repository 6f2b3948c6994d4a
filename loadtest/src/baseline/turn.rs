//! One turn: a fresh server, a crowd, and what it cost.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::baseline::crowd::{Plan, gather};
use crate::limits::{BASELINE_SETTLE, BASELINE_SOURCES};
use crate::process::Meter;
use crate::report::Percentiles;
use crate::tally::Words;

/// Which server had its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Server {
    /// The bare one: connect and echo.
    Bare,
    /// The broker: connect and login.
    Broker,
}

/// What one turn cost.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Turn {
    pub(crate) server: Server,
    /// Connections that had their answer.
    pub(crate) served: usize,
    /// The others, by what happened.
    pub(crate) failures: Words,
    /// From the begin of the first connection to the last answer.
    pub(crate) took_s: f64,
    /// Answers per second of that time.
    pub(crate) per_second: f64,
    /// The server's processor time for each answer, in microseconds.
    pub(crate) cpu_us: f64,
    /// This tool's, for each answer: where both fill the machine, the rate is one over their sum.
    pub(crate) client_cpu_us: f64,
    /// What the server's resident memory grew by, for each answer, in bytes.
    pub(crate) resident_bytes: f64,
    /// The same without the files that it maps.
    pub(crate) anonymous_bytes: f64,
    /// From the begin of a connection to its answer, in milliseconds.
    pub(crate) latency_ms: Percentiles,
    /// The same in microseconds, every one of them.
    #[serde(skip)]
    pub(crate) latency: Histogram<u64>,
}

impl Turn {
    /// Plays a turn against the server whose process this is; it must be fresh and idle.
    ///
    /// # Errors
    ///
    /// Where the process cannot be looked at, or this tool broke.
    pub(crate) async fn play(server: Server, process: u32, plan: Plan) -> Result<Self> {
        let mut meters = (Meter::of(process)?, Meter::of(std::process::id())?);
        let before = (meters.0.read()?, meters.1.read()?);
        let crowd = gather(plan).await?;
        let client = meters.1.read()?;
        // What follows the last answer is part of the price.
        sleep(BASELINE_SETTLE).await;
        let after = meters.0.read()?;
        let served = crowd.sockets.len();
        let each = |total: f64| total / count(served.max(1));
        let grown = |from: u64, to: u64| {
            // Growth is far below what a float tells apart.
            each(to.saturating_sub(from) as f64)
        };
        Ok(Self {
            server,
            served,
            failures: crowd.failures,
            took_s: crowd.took.as_secs_f64(),
            per_second: count(served) / crowd.took.as_secs_f64(),
            cpu_us: each(microseconds(after.cpu.saturating_sub(before.0.cpu))),
            client_cpu_us: each(microseconds(client.cpu.saturating_sub(before.1.cpu))),
            resident_bytes: grown(before.0.resident_bytes, after.resident_bytes),
            anonymous_bytes: grown(before.0.anonymous_bytes, after.anonymous_bytes),
            latency_ms: Percentiles::new(&crowd.latency),
            latency: crowd.latency,
        })
    }
}

/// Each turn comes from an address of its own: the ports of the last one are not free yet.
pub(crate) fn source(turn: usize) -> Option<Ipv4Addr> {
    let last = u8::try_from(turn % BASELINE_SOURCES).ok()?.checked_add(2)?;
    Some(Ipv4Addr::new(127, 0, 0, last))
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::from(u32::MAX), f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_come_from_different_addresses_of_loopback() {
        assert_eq!(source(0), Some(Ipv4Addr::new(127, 0, 0, 2)));
        assert_eq!(source(7), Some(Ipv4Addr::new(127, 0, 0, 9)));
        assert_eq!(source(BASELINE_SOURCES), source(0));
    }
}
