//! Waiting for what must come, without knowing when.

use super::socket::PATIENCE;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Looks again and again until there is something to see; fails when that takes too long.
pub async fn until_seen<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(started.elapsed() < PATIENCE, "not in time: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}
