//! How old counts are when they are shown.
//!
//! Nobody leaves while it is measured, and there is a licence for each: so the k-th change of the
//! organisation makes the k-th holder. It became visible when the k-th `logged_in` came in. The age of a
//! frame is the time from the oldest change that it is the first to show to its subscriber. Counts that
//! came before the answer to the login that they show have the age 0.

use std::time::Instant;

use hdrhistogram::Histogram;

use super::board::Shown;
use crate::tally::microseconds;

/// Adds the ages of what one subscriber was shown, in its order, to the histogram (in microseconds).
/// `changes` is when each became visible, in order. A frame that shows nothing new has no age.
pub(crate) fn add(ages: &mut Histogram<u64>, changes: &[Instant], shown: &[Shown]) {
    let mut known = 0;
    for frame in shown {
        let Ok(oldest) = usize::try_from(known) else { return };
        if frame.holders > known
            && let Some(visible) = changes.get(oldest)
        {
            let age = frame.at.saturating_duration_since(*visible);
            ages.saturating_record(microseconds(age).max(1));
        }
        known = frame.holders.max(known);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::tally::latencies;

    #[test]
    fn a_frame_is_as_old_as_the_oldest_change_that_it_is_the_first_to_show() {
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        let changes: Vec<_> = [10, 20, 30, 130].map(at).into();
        let shown = |ms, holders| Shown { at: at(ms), holders };
        let mut ages = latencies().expect("a histogram");
        let frames = [shown(0, 0), shown(40, 3), shown(50, 3), shown(120, 4), shown(150, 4)];
        add(&mut ages, &changes, &frames);
        assert_eq!(ages.len(), 2, "what shows nothing new has no age");
        assert!(ages.max() >= 30_000 && ages.max() < 30_100, "{}", ages.max());
        assert_eq!(ages.min(), 1, "counts that are ahead of the answer are not old");
    }
}
