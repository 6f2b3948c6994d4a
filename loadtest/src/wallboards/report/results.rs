//! The same in the shape that all profiles share.

use super::BoardsReport;
use crate::cli::Wallboards;
use crate::results::latency::Latency;
use crate::results::{Better, Results};
use crate::tally::Words;

impl BoardsReport {
    /// Its figures, latencies and outcomes; of the turns together.
    pub(crate) fn results(&self, options: &Wallboards) -> Results {
        let mut results = Results::of(self.profile);
        results.failures.clone_from(&self.failures);
        results.passed = self.passed;
        results.option("url", &options.target.url);
        results.option("boards", &self.boards);
        results.option("agents", &self.agents);
        results.option("over-s", &self.over_s);
        results.option("turns", &options.logins.turns);
        for (name, latency) in [
            ("age of the counts", Some(&self.age)),
            ("licence", Some(&self.licence)),
            ("licence without boards", self.licence_without.as_ref()),
        ] {
            if let Some(latency) = latency {
                results.latency_ms.insert(name.to_owned(), Latency::of(latency));
            }
        }
        let mean = |turns: &[f64]| {
            let count = u32::try_from(turns.len()).map_or(f64::NAN, f64::from);
            turns.iter().sum::<f64>() / count
        };
        for (name, value, better) in [
            ("frames_per_s", self.frames_per_s, Better::Neither),
            ("frame_bytes", self.frame_bytes, Better::Lower),
            ("broker_cpu_with_boards_s", mean(&self.broker_s.with), Better::Lower),
            ("broker_cpu_without_boards_s", mean(&self.broker_s.without), Better::Lower),
            (
                "broker_cpu_per_frame_us",
                self.per_frame_median_us.unwrap_or(f64::NAN),
                Better::Lower,
            ),
            ("bare_write_us", mean(&self.bare_write_us), Better::Neither),
        ] {
            // Over nothing there is no figure.
            results.figure(name, value, better);
        }
        let mut frames = Words::default();
        frames.put("delivered", self.frames);
        frames.put("snapshots", self.snapshots);
        results.outcome("frames", &frames);
        results
    }
}
