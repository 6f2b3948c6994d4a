//! Processor time, by thread. What a machine's other users take does not count.

use std::collections::BTreeMap;
use std::time::Duration;

/// What the threads of each name have used so far.
pub(super) struct Used(BTreeMap<String, Duration>);

impl Used {
    pub(super) fn now() -> Self {
        let mut used: BTreeMap<String, Duration> = BTreeMap::new();
        for task in std::fs::read_dir("/proc/self/task").expect("Linux").flatten() {
            // A thread that has just ended has neither file.
            let read = |file| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
            let nanoseconds = read("schedstat");
            let nanoseconds = nanoseconds.split(' ').next().and_then(|text| text.parse().ok());
            let name = read("comm").trim_end().to_owned();
            *used.entry(name).or_default() += Duration::from_nanos(nanoseconds.unwrap_or(0));
        }
        Self(used)
    }

    /// What they have used since `before`.
    pub(super) fn since(&self, before: &Self) -> Vec<(&str, Duration)> {
        let spent = |(name, used): (&_, &Duration)| {
            used.saturating_sub(before.0.get(name).copied().unwrap_or_default())
        };
        let names = self.0.iter().map(|(name, used)| (name.as_str(), spent((name, used))));
        names.filter(|(_, spent)| !spent.is_zero()).collect()
    }

    /// What all of them but `left_out` have used since `before`.
    pub(super) fn total_since(&self, before: &Self, left_out: &str) -> Duration {
        let spent = self.since(before).into_iter();
        spent.filter(|(name, _)| *name != left_out).map(|(_, spent)| spent).sum()
    }
}
