//! Waiting for something to see, without knowing when it comes.

use super::eventually::eventually;
use super::socket::PATIENCE;

/// Looks again and again until there is something to see; fails when that takes too long.
pub async fn until_seen<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let mut seen = None;
    eventually(PATIENCE, what, async || {
        seen = look().await;
        seen.is_some()
    })
    .await;
    seen.expect("what ended the wait")
}
