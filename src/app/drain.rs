//! The end of a broker that is asked to stop: everybody is told, nobody's licences are forgotten.

use super::Running;
use crate::actor::link::ToDevice;
use crate::broker::Phase;
use crate::limits::DRAIN_TIMEOUT;
use std::time::Duration;

/// In how many batches organisations go to other nodes.
const HAND_OVER_BATCHES: usize = 8;
/// How long that may take.
const TIME_TO_HAND_OVER: Duration = Duration::from_millis(1_200);
/// How long devices that heard `draining` may take to leave by themselves.
const GRACE_TO_LEAVE: Duration = Duration::from_millis(1_500);
/// In how many batches those that stayed are closed.
const DRAIN_BATCHES: usize = 25;
/// Between two batches.
const DRAIN_BATCH_PAUSE: Duration = Duration::from_millis(100);
/// Kept for making durable what the last goodbyes changed.
const TIME_TO_KEEP: Duration = Duration::from_millis(1_500);
/// How long those without a session have to hear that they are sent away; longer than a close frame waits for
/// its answer.
const TIME_TO_HEAR: Duration = Duration::from_millis(1_200);
/// Kept for stopping the server and its threads.
const SPARE: Duration = Duration::from_secs(2);

const _: () = assert!(
    TIME_TO_HAND_OVER.as_millis()
        + GRACE_TO_LEAVE.as_millis()
        + DRAIN_BATCH_PAUSE.as_millis() * DRAIN_BATCHES as u128
        + TIME_TO_KEEP.as_millis()
        + TIME_TO_HEAR.as_millis()
        + SPARE.as_millis()
        < DRAIN_TIMEOUT.as_millis()
);

impl Running {
    /// Stops gracefully, within [`DRAIN_TIMEOUT`]: no new logins, `draining` to all, close frames in
    /// batches, everything decided made durable.
    pub async fn drain(self) {
        let clock = &self.broker.clock;
        let started = clock.elapsed();
        let spent = || clock.elapsed().saturating_sub(started);
        let left = || DRAIN_TIMEOUT.saturating_sub(spent()).saturating_sub(SPARE);
        self.broker.ready.enter(Phase::Draining);
        let reconnect_within_s = DRAIN_TIMEOUT.as_secs();
        self.broker.directory.broadcast(&ToDevice::Draining { reconnect_within_s });
        // Where others can serve them, nobody waits for what this node still has to do.
        let handing = self.broker.directory.hand_over_all(HAND_OVER_BATCHES, DRAIN_BATCH_PAUSE);
        if tokio::time::timeout(TIME_TO_HAND_OVER.min(left()), handing).await.is_err() {
            tracing::warn!(
                "not everything was handed over in time; it is whoever's claims it first"
            );
        }
        self.wait_until_empty(GRACE_TO_LEAVE.min(left())).await;
        self.close_in_batches().await;
        self.wait_until_empty(left().saturating_sub(TIME_TO_KEEP)).await;
        self.broker.ready.enter(Phase::Closing);
        let keeping = tokio::time::timeout(left(), self.broker.directory.close());
        let (kept, ()) = tokio::join!(keeping, self.wait_until_told(TIME_TO_HEAR.min(left())));
        if kept.is_err() {
            tracing::error!("not everything that was decided could be kept in time");
        }
        // The last thing that is written: what is still here is anybody's from then on.
        if tokio::time::timeout(left(), self.broker.directory.leave()).await.is_err() {
            tracing::warn!("the lease runs out by itself");
        }
        let clock = clock.clone();
        let left = DRAIN_TIMEOUT.saturating_sub(clock.elapsed().saturating_sub(started));
        if tokio::time::timeout(left.saturating_sub(SPARE / 4), self.halt()).await.is_err() {
            tracing::warn!("threads that did not end in time end with the process");
        }
    }

    /// Devices that heard `draining` may leave by themselves first.
    async fn wait_until_empty(&self, at_most: Duration) {
        let empty = async {
            while self.broker.directory.connected() > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        // Whoever is left is closed next.
        let _ = tokio::time::timeout(at_most, empty).await;
    }

    /// Wallboards and others that have no session are sent away last; what their sockets do not take in
    /// time ends with the server.
    async fn wait_until_told(&self, at_most: Duration) {
        let alone = async {
            while self.broker.admission.open() > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        // Whoever does not listen is not waited for.
        let _ = tokio::time::timeout(at_most, alone).await;
    }

    /// Ten thousand desktops must not come back in the same second.
    async fn close_in_batches(&self) {
        let connections = self.broker.directory.connections();
        let batch = connections.len().div_ceil(DRAIN_BATCHES).max(1);
        for connections in connections.chunks(batch) {
            for (organisation, link) in connections {
                organisation.send_away(*link);
            }
            tokio::time::sleep(DRAIN_BATCH_PAUSE).await;
        }
    }
}
