//! The same in the shape that all profiles share.

use super::ExportsReport;
use crate::cli::Exports;
use crate::results::latency::Latency;
use crate::results::{Better, Results};

impl ExportsReport {
    /// Its figures and latencies; of the turns together.
    pub(crate) fn results(&self, options: &Exports) -> Results {
        let mut results = Results::of(self.profile);
        results.failures.clone_from(&self.failures);
        results.passed = self.passed;
        results.option("url", &options.url);
        results.option("agents", &self.agents);
        results.option("over-s", &self.over_s);
        results.option("clients", &self.clients);
        results.option("turns", &options.logins.turns);
        for (name, latency) in [
            ("licence beside exports", &self.licence),
            ("licence without exports", &self.licence_without),
        ] {
            results.latency_ms.insert(name.to_owned(), Latency::of(latency));
        }
        let mean = |turns: &[f64]| {
            let count = u32::try_from(turns.len()).map_or(f64::NAN, f64::from);
            turns.iter().sum::<f64>() / count
        };
        for (name, value, better) in [
            ("licence_p99_ratio", self.p99_ratio_median.unwrap_or(f64::NAN), Better::Lower),
            ("exported_rows_per_s", mean(&self.rows_per_s), Better::Higher),
            ("broker_cpu_beside_exports_s", mean(&self.broker_s), Better::Lower),
            ("broker_cpu_without_exports_s", mean(&self.broker_without_s), Better::Lower),
        ] {
            // Over nothing there is no figure.
            results.figure(name, value, better);
        }
        results
    }
}
