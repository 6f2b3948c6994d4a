//! What commits leave for later: when it is done, and what is told of it.

use crate::limits::{LIFE_INTERVAL, RUNS_PUT_OFF_MAX, UPKEEP_PAUSE};
use crate::store::Store;
use crate::telemetry;
use std::sync::Arc;

/// Does it in small pieces with room for commits between them, and not while records come by the thousand.
pub(super) async fn keep_store_up(store: Arc<dyn Store>) {
    let mut pace = Pace::default();
    loop {
        let behind = match store.extent().await {
            Ok(extent) => {
                telemetry::set_extent(&extent.files, extent.runs_behind);
                extent.runs_behind
            }
            Err(error) => {
                telemetry::count_store_error("extent", error.kind());
                0
            }
        };
        let more = if pace.puts_off(behind) { Ok(false) } else { store.upkeep().await };
        let pause = match more {
            Ok(true) => UPKEEP_PAUSE,
            Ok(false) => LIFE_INTERVAL,
            Err(error) => {
                tracing::warn!(%error, "the store's upkeep failed; it is tried again");
                telemetry::count_store_error("upkeep", error.kind());
                LIFE_INTERVAL
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// Tells by what is still to be written whether everybody is logging in just now: commits wait while a run is
/// written, 6 to 8 ms, and of those who log in beside a storm that was one in a hundred (docs/performance/storms.md).
#[derive(Debug, Default)]
struct Pace {
    /// Runs that were behind at the last look and were left there.
    left: u64,
}

impl Pace {
    /// Whether this look, which finds so many runs `behind`, leaves them all: another one came since the last, and
    /// there are not too many yet.
    fn puts_off(&mut self, behind: u64) -> bool {
        let puts_off = behind > self.left && behind < RUNS_PUT_OFF_MAX;
        self.left = if puts_off { behind } else { behind.saturating_sub(1) };
        puts_off
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each look finds behind, and whether it leaves it there.
    fn looks(found: impl IntoIterator<Item = u64>) -> Vec<bool> {
        let mut pace = Pace::default();
        found.into_iter().map(|behind| pace.puts_off(behind)).collect()
    }

    #[test]
    fn runs_wait_while_records_come_by_the_thousand() {
        for (found, left, why) in [
            (&[0, 0, 0][..], &[false, false, false][..], "there is nothing to leave"),
            (&[1, 1, 0], &[true, false, false], "one look later it has become calm"),
            (
                &[2, 5, 6, 6, 5, 4],
                &[true, true, true, false, false, false],
                "a storm, and after it",
            ),
            (
                &[3, 3, 2, 4, 4, 3],
                &[true, false, false, true, false, false],
                "another one meanwhile",
            ),
            (&[3, 3, 3], &[true, false, true], "a run came while one was written"),
        ] {
            assert_eq!(looks(found.iter().copied()), left, "{why}");
        }
    }

    #[test]
    fn a_storm_without_an_end_is_not_waited_for() {
        let found = (1..RUNS_PUT_OFF_MAX + 3).collect::<Vec<_>>();
        let left = looks(found.iter().copied());
        let until = left.iter().position(|left| !left).expect("it is written");
        assert_eq!(found[until], RUNS_PUT_OFF_MAX);
        assert!(left[until..].iter().all(|left| !left), "{left:?}");
    }
}
