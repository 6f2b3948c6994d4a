//! How long whoever was sent away waits before the next attempt.

use std::time::Duration;

use crate::limits::{BACKOFF_BASE, BACKOFF_MAX};

/// Full jitter before the attempt after so many: up to twice as long each time, and `most` at most.
pub(crate) fn backoff(attempts: u32, most: Option<Duration>) -> Duration {
    let most = most.map_or(BACKOFF_MAX, |most| most.min(BACKOFF_MAX));
    let bound = BACKOFF_BASE.saturating_mul(2_u32.saturating_pow(attempts)).min(most);
    bound.mul_f64(rand::random())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_back_off_grows_up_to_what_may_be_waited() {
        for (attempts, most_s, bound_ms) in [
            (0, Some(30), 500),
            (3, Some(30), 4_000),
            (20, Some(30), 30_000),
            (20, Some(4), 4_000),
            (40, None, 30_000),
        ] {
            let most = most_s.map(Duration::from_secs);
            let waits: Vec<_> = (0..1_000).map(|_| backoff(attempts, most)).collect();
            let bound = Duration::from_millis(bound_ms);
            assert!(waits.iter().all(|wait| *wait <= bound), "{attempts} {most_s:?}");
            assert!(waits.iter().any(|wait| *wait > bound / 2), "{attempts} {most_s:?}");
            assert!(waits.iter().any(|wait| *wait < bound / 2), "{attempts} {most_s:?}");
        }
    }
}
