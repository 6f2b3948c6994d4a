//! Whether a login that comes now can be served soon (docs/adr/0010).
//!
//! An organisation answers its logins in the order in which they came. So the one that came first of those
//! that are not answered yet tells how late the broker is, whatever makes it late: while it has waited for
//! too long, whoever comes is told to come back later, at once. Nothing is estimated, and logins that are
//! answered in time are never refused, however many they are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The logins of one organisation that are being decided or committed. Bounded by the permits for logins
/// under way. Cheap to clone; every clone is the same queue.
#[derive(Clone, Debug, Default)]
pub struct LoginQueue(Arc<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    /// The number that the next login gets.
    next: u64,
    /// Monotonic time at which each login came, by its number.
    under_way: BTreeMap<u64, Duration>,
}

/// A login's place; given back when it is dropped, whatever became of the login.
#[derive(Debug)]
pub struct QueuePlace {
    queue: LoginQueue,
    number: u64,
}

impl LoginQueue {
    /// A place for a login that comes at `elapsed` of monotonic time; `None` while the first of those
    /// under way has waited for more than `wait_max`.
    pub fn enter(&self, elapsed: Duration, wait_max: Duration) -> Option<QueuePlace> {
        let mut queue = self.lock();
        let first = queue.under_way.first_key_value();
        if first.is_some_and(|(_, came)| elapsed.saturating_sub(*came) > wait_max) {
            return None;
        }
        let number = queue.next;
        queue.next += 1;
        queue.under_way.insert(number, elapsed);
        Some(QueuePlace { queue: self.clone(), number })
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // A panic while the queue is held leaves it whole but for a number that nobody has.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for QueuePlace {
    fn drop(&mut self) {
        self.queue.lock().under_way.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: Duration = Duration::from_secs(5);

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn any_number_of_logins_enters_while_the_first_has_not_waited_too_long() {
        let queue = LoginQueue::default();
        let places: Vec<_> = (0..20_000).map(|n| queue.enter(at(n / 4), MAX)).collect();
        assert!(places.iter().all(Option::is_some));
        assert!(queue.enter(at(5_000), MAX).is_some(), "just as long as it may");
        assert!(queue.enter(at(5_001), MAX).is_none());
    }

    #[test]
    fn when_the_first_is_answered_the_next_one_counts() {
        let queue = LoginQueue::default();
        let first = queue.enter(at(0), MAX);
        let second = queue.enter(at(4_000), MAX);
        assert!(queue.enter(at(5_001), MAX).is_none());
        drop(first);
        assert!(queue.enter(at(9_000), MAX).is_some());
        assert!(queue.enter(at(9_001), MAX).is_none(), "the second has waited for too long");
        drop(second);
        assert!(queue.enter(at(13_000), MAX).is_some());
    }

    #[test]
    fn who_was_refused_leaves_nothing_behind() {
        let queue = LoginQueue::default();
        let first = queue.enter(at(0), MAX);
        assert!(queue.enter(at(6_000), MAX).is_none());
        drop(first);
        assert!(queue.lock().under_way.is_empty());
    }
}
