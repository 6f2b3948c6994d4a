//! When each login is due. Open loop: the schedule knows nothing of the answers, so a slow broker
//! cannot slow down the questions, and latency counts from the moment a login was due.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Arrival {
    AllAtOnce,
    /// Logins per second, above 0: each is due at a random moment of its own slot of 1/rate
    /// seconds, so that the arrivals are even but not in step with anything.
    PerSecond(f64),
}

impl Arrival {
    /// How long the arrivals take, from the first slot's begin to the last one's end; `None` where
    /// that is longer than can be told.
    pub(crate) fn length(self, count: usize) -> Option<Duration> {
        match self {
            Self::AllAtOnce => Some(Duration::ZERO),
            Self::PerSecond(rate) => Duration::try_from_secs_f64(slots(count) / rate).ok(),
        }
    }

    /// How many logins are due within so much time, and one more; of all at once none is due later.
    pub(crate) fn count_within(self, time: Duration) -> usize {
        match self {
            Self::AllAtOnce => 1,
            Self::PerSecond(rate) => {
                let seconds = Duration::try_from_secs_f64(time.as_secs_f64() * rate);
                seconds.map_or(usize::MAX, |n| usize::try_from(n.as_secs()).unwrap_or(usize::MAX))
            }
        }
    }

    /// When each of `count` logins is due, counted from the start, never going backwards.
    pub(crate) fn offsets(self, count: usize, seed: u64) -> Vec<Duration> {
        let Self::PerSecond(rate) = self else {
            return vec![Duration::ZERO; count];
        };
        let mut random = StdRng::seed_from_u64(seed);
        (0..count)
            .map(|slot| (slots(slot) + random.random::<f64>()) / rate)
            .map(|second| Duration::try_from_secs_f64(second).unwrap_or(Duration::MAX))
            .collect()
    }
}

fn slots(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_at_once_is_due_at_zero() {
        assert_eq!(Arrival::AllAtOnce.offsets(3, 1), vec![Duration::ZERO; 3]);
        assert_eq!(Arrival::AllAtOnce.length(1_000_000), Some(Duration::ZERO));
    }

    #[test]
    fn at_a_rate_each_login_is_due_in_its_own_slot() {
        let offsets = Arrival::PerSecond(200.0).offsets(1000, 7);
        for (slot, due) in offsets.iter().enumerate() {
            let slot_us = 5_000 * u128::try_from(slot).expect("a small number");
            assert!((slot_us..=slot_us + 5_000).contains(&due.as_micros()), "{slot}: {due:?}");
        }
        assert!(offsets.is_sorted());
    }

    #[test]
    fn the_length_is_the_count_over_the_rate() {
        assert_eq!(Arrival::PerSecond(200.0).length(500), Some(Duration::from_millis(2500)));
        assert_eq!(Arrival::PerSecond(f64::MIN_POSITIVE).length(500), None);
    }

    #[test]
    fn a_seed_replays_its_schedule_and_another_gives_another() {
        let arrival = Arrival::PerSecond(50.0);
        assert_eq!(arrival.offsets(100, 3), arrival.offsets(100, 3));
        assert_ne!(arrival.offsets(100, 3), arrival.offsets(100, 4));
    }
}
