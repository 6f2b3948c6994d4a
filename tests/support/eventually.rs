//! Waiting for a state that must come, by asking and not by sleeping it out.

use std::time::Duration;
use tokio::time::Instant;

/// Between two askings.
const PAUSE: Duration = Duration::from_millis(20);

/// Asks until the answer is yes. How long that took; fails after `within`.
pub async fn eventually(
    within: Duration,
    what: &str,
    mut is_so: impl AsyncFnMut() -> bool,
) -> Duration {
    let started = Instant::now();
    loop {
        if is_so().await {
            return started.elapsed();
        }
        assert!(started.elapsed() < within, "within {within:?}: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}
