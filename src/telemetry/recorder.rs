//! Where values go, and how they are read.
//!
//! What happens is counted by the process's recorder. What stands at the moment of asking is written into a
//! recorder that lives for one answer, so that an organisation that is gone leaves no series behind.

use super::series::{ALL, BOUND_HITS, Kind, LEASES_LOST, RELOADS, TAKEOVERS, TLS_RELOADS};
use crate::limits::bound::Bound;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use std::sync::OnceLock;

/// The metrics of this process, as `/metrics` shows them; the recorder is made at the first call and
/// shared by every later one.
///
/// Whoever serves them calls [`PrometheusHandle::run_upkeep`] every few seconds. Where something else has
/// installed a recorder in this process, that one keeps it, the log says so, and the page stays empty.
pub fn install_metrics() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(install_recorder).clone()
}

fn install_recorder() -> PrometheusHandle {
    let recorder = recorder();
    let handle = recorder.handle();
    if let Err(error) = metrics::set_global_recorder(recorder) {
        tracing::warn!(%error, "another recorder has this process's metrics");
    }
    describe();
    begin();
    handle
}

/// What alerts ask for begins at 0: a series that appears with its first event shows no increase by it.
fn begin() {
    for cause in ["start", "commit_failed", "panic"] {
        counter!(RELOADS, "cause" => cause).increment(0);
    }
    for name in [LEASES_LOST, TAKEOVERS] {
        counter!(name).increment(0);
    }
    for bound in Bound::ALL {
        counter!(BOUND_HITS, "bound" => bound.as_str()).increment(0);
    }
    for outcome in ["loaded", "refused"] {
        counter!(TLS_RELOADS, "outcome" => outcome).increment(0);
    }
}

/// What `set` sets, as a page of its own, in Prometheus' text format.
pub fn rendered(set: impl FnOnce()) -> String {
    let recorder = recorder();
    metrics::with_local_recorder(&recorder, || {
        describe();
        set();
    });
    recorder.handle().render()
}

fn recorder() -> PrometheusRecorder {
    let histograms = ALL.iter().filter(|series| series.kind == Kind::Histogram);
    histograms
        .fold(PrometheusBuilder::new(), |builder, series| {
            let name = Matcher::Full(series.name.to_owned());
            builder.set_buckets_for_metric(name, series.buckets).expect("there are buckets")
        })
        .build_recorder()
}

fn describe() {
    super::process::describe();
    for series in ALL {
        let (name, help) = (series.name, series.help);
        match series.kind {
            Kind::Gauge => describe_gauge!(name, help),
            Kind::Counter => describe_counter!(name, help),
            Kind::Histogram => describe_histogram!(name, help),
        }
    }
}
