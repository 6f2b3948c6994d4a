//! What the layers call when something happens.
//!
//! What a login meets is counted by handles that are looked up once: an atomic addition each.

use super::field;
use super::met::Met;
use super::recorder::install_metrics;
use super::series::*;
use crate::domain::reason::Device;
use crate::limits::bound::Bound;
use chrono::{DateTime, Utc};
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// Series that are met so often that looking them up each time would be noticed.
struct Handles {
    decisions: Counter,
    sweeps: Counter,
    granted_seconds: Histogram,
    refused_seconds: Histogram,
    commit_seconds: Histogram,
    commit_batches: Histogram,
    commit_events: Histogram,
    counts_frames: Counter,
    snapshot_frames: Counter,
    interval_frames: Counter,
    conflated: Counter,
    /// By [`Device::index`].
    sessions: Vec<Gauge>,
}

static HANDLES: LazyLock<Handles> = LazyLock::new(|| {
    // A handle that is looked up before there is a recorder would count nothing for ever.
    install_metrics();
    Handles {
        decisions: counter!(DECISIONS),
        sweeps: counter!(SWEEPS),
        granted_seconds: histogram!(LICENCE_SECONDS, field::OUTCOME => "granted"),
        refused_seconds: histogram!(LICENCE_SECONDS, field::OUTCOME => "refused"),
        commit_seconds: histogram!(COMMIT_SECONDS),
        commit_batches: histogram!(COMMIT_BATCHES),
        commit_events: histogram!(COMMIT_EVENTS),
        counts_frames: counter!(LIVE_FRAMES, "kind" => "counts"),
        snapshot_frames: counter!(LIVE_FRAMES, "kind" => "snapshot"),
        interval_frames: counter!(LIVE_FRAMES, "kind" => "interval"),
        conflated: counter!(CONFLATED),
        sessions: Device::ALL
            .iter()
            .map(|device| gauge!(SESSIONS, field::DEVICE => device.as_str()))
            .collect(),
    }
});

thread_local! {
    /// By outcome.
    static LOGINS_MET: Met<&'static str, Counter> = const { Met::new() };
    /// By code and reason.
    static CLOSES_MET: Met<(u16, &'static str), Counter> = const { Met::new() };
    /// By status, method and path.
    static HTTP_MET: Met<(u16, &'static str, Arc<str>), (Histogram, Counter)> =
        const { Met::new() };
}

/// What a subscriber of live counts is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiveKind {
    /// What changed since the frame before.
    Counts,
    /// Everything.
    Snapshot,
    /// The figures of an interval.
    Interval,
}

/// Counts one for as long as it lives.
pub struct Present(Gauge);

impl Present {
    fn of(gauge: Gauge) -> Self {
        gauge.increment(1);
        Self(gauge)
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

/// A session that is connected on such a device.
pub fn present_on(device: Device) -> Present {
    Present::of(HANDLES.sessions[device.index()].clone())
}

/// A subscriber of live counts: `ws` or `sse`.
pub fn subscribed_by(kind: &'static str) -> Present {
    install_metrics();
    Present::of(gauge!(SUBSCRIBERS, "kind" => kind))
}

/// Counts a login that was decided: `full`, `partial`, `unavailable`, or the contract's word for its
/// refusal.
pub fn count_login(outcome: &'static str) {
    let make = || (outcome, counter!(LOGINS, field::OUTCOME => outcome));
    LOGINS_MET.with(|met| met.with(|known| *known == outcome, make, |logins| logins.increment(1)));
}

/// How long a login took from its arrival until its answer, durable, was handed to the socket.
pub fn record_login(is_granted: bool, took: Duration) {
    let handles = &*HANDLES;
    let seconds = if is_granted { &handles.granted_seconds } else { &handles.refused_seconds };
    seconds.record(took.as_secs_f64());
}

/// Counts a resume that was decided: `resumed`, `unavailable`, or why it failed.
pub fn count_resume(outcome: &'static str) {
    counter!(RESUMES, field::OUTCOME => outcome).increment(1);
}

/// Counts a sign-in to the broker itself; `outcome` is from a fixed set.
pub fn count_sign_in(outcome: &'static str) {
    counter!(SIGN_INS, field::OUTCOME => outcome).increment(1);
}

/// Counts a command that was decided.
pub fn count_decision() {
    HANDLES.decisions.increment(1);
}

/// Counts that an organisation looked after what time brings.
pub fn count_sweep() {
    HANDLES.sweeps.increment(1);
}

/// Counts that an organisation is loaded; `cause` is from a fixed set.
pub fn count_reload(cause: &'static str) {
    counter!(RELOADS, "cause" => cause).increment(1);
}

/// Counts a lease that ran out.
pub fn count_lease_lost() {
    counter!(LEASES_LOST).increment(1);
}

/// Counts an organisation that was claimed from another run, or from nobody.
pub fn count_takeover() {
    counter!(TAKEOVERS).increment(1);
}

/// A commit, durable or not: how long it took, how many organisations shared it, how much changed.
pub fn record_commit(took: Duration, batches: usize, events: usize) {
    let handles = &*HANDLES;
    handles.commit_seconds.record(took.as_secs_f64());
    handles.commit_batches.record(count_of(batches));
    handles.commit_events.record(count_of(events));
}

/// Counts what the store did not do; `work` and `kind` are from fixed sets.
pub fn count_store_error(work: &'static str, kind: &'static str) {
    counter!(STORE_ERRORS, "work" => work, "kind" => kind).increment(1);
}

/// Counts a WebSocket that the broker closes.
pub fn count_close(code: u16, reason: &'static str) {
    let make = || {
        let code_word = code.to_string();
        ((code, reason), counter!(CLOSES, field::CODE => code_word, field::REASON => reason))
    };
    let is = |known: &(u16, &str)| *known == (code, reason);
    CLOSES_MET.with(|met| met.with(is, make, |closes| closes.increment(1)));
}

/// Counts a frame on its way to a subscriber of live counts.
pub fn count_frame(kind: LiveKind) {
    let handles = &*HANDLES;
    match kind {
        LiveKind::Counts => &handles.counts_frames,
        LiveKind::Snapshot => &handles.snapshot_frames,
        LiveKind::Interval => &handles.interval_frames,
    }
    .increment(1);
}

/// Counts frames that a subscriber was not sent, because a later snapshot took their place.
pub fn count_conflated(frames: u64) {
    HANDLES.conflated.increment(frames);
}

/// Counts an HTTP request that was answered after `took`; `path` is the URL table's.
pub fn count_http(method: &'static str, path: &str, status: u16, took: Duration) {
    let make = || {
        let (path, word) = (Arc::<str>::from(path), status.to_string());
        let seconds =
            histogram!(HTTP_SECONDS, field::METHOD => method, field::PATH => path.clone());
        let requests = counter!(HTTP_REQUESTS, field::METHOD => method, field::PATH => path.clone(), field::STATUS => word);
        ((status, method, path), (seconds, requests))
    };
    let is =
        |known: &(u16, &str, Arc<str>)| (known.0, known.1, &*known.2) == (status, method, path);
    HTTP_MET.with(|met| {
        met.with(is, make, |(seconds, requests)| {
            seconds.record(took.as_secs_f64());
            requests.increment(1);
        });
    });
}

/// The sizes of the store's files, in bytes, and how far its index is behind, in runs.
pub fn set_extent(files: &[(&'static str, u64)], runs_behind: u64) {
    for (file, bytes) in files {
        gauge!(STORE_BYTES, field::FILE => *file).set(exact(*bytes));
    }
    gauge!(INDEX_RUNS_BEHIND).set(exact(runs_behind));
}

/// Counts records that were deleted because they need not be kept any longer.
pub fn count_pruned(records: u64) {
    counter!(PRUNED).increment(records);
}

/// Counts a TLS handshake that ended; `outcome` is from a fixed set.
pub fn count_tls_handshake(outcome: &'static str) {
    counter!(TLS_HANDSHAKES, "outcome" => outcome).increment(1);
}

/// Counts a new certificate in the files; `outcome` is from a fixed set.
pub fn count_tls_reload(outcome: &'static str) {
    counter!(TLS_RELOADS, "outcome" => outcome).increment(1);
}

/// Notes when the certificate that is served expires.
pub fn note_certificate_expiry(at: DateTime<Utc>) {
    gauge!(TLS_CERTIFICATE_EXPIRY).set(at.timestamp() as f64);
}

/// Counts that something met a bound; `bound` is the bound's name, from a fixed set.
pub fn count_bound(bound: Bound) {
    counter!(BOUND_HITS, "bound" => bound.as_str()).increment(1);
}

fn count_of(count: usize) -> f64 {
    exact(u64::try_from(count).unwrap_or(u64::MAX))
}

/// A count as a metric takes it.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, far beyond any bound here")]
pub fn exact(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::super::events::EventCounters;
    use super::*;
    use crate::catalogue_file;
    use crate::domain::catalogue::Catalogue;
    use crate::domain::event::{DenialRecord, Denied, DeniedName, Event, UsageRecord};
    use crate::domain::ids::SessionId;
    use crate::domain::reason::{DenialOutcome, DenialReason, GrantPool, ReleaseReason, UsageType};

    fn usage(catalogue: &Catalogue, reason: Option<ReleaseReason>) -> UsageRecord {
        UsageRecord {
            usage_type: reason.map_or(UsageType::Acquired, |_| UsageType::Released),
            at: DateTime::UNIX_EPOCH,
            licence: catalogue.find("agent_email").expect("a licence type"),
            user: "edred".into(),
            device: Device::AgentDesktop,
            session: SessionId(1),
            pool: GrantPool::Contingency,
            reason,
        }
    }

    fn denial() -> DenialRecord {
        let name = DeniedName::Unknown("whatever a client sends".into());
        DenialRecord {
            at: DateTime::UNIX_EPOCH,
            denied: Denied { licence: name, reason: DenialReason::UnknownLicence },
            user: "edred".into(),
            device: Device::AgentDesktop,
            outcome: DenialOutcome::Partial,
        }
    }

    #[test]
    fn brokers_of_one_process_share_their_metrics_and_every_event_is_counted() {
        install_metrics();
        let catalogue = catalogue_file::built_in();
        let acquired = Event::Acquired {
            record: usage(&catalogue, None),
            holder_order: 1,
            holder_since: DateTime::UNIX_EPOCH,
        };
        let released = Event::Released(usage(&catalogue, Some(ReleaseReason::ConnectionLost)));
        let counters = EventCounters::new(&catalogue);
        counters.count(&[acquired, released, Event::Denied(denial())]);
        count_bound(Bound::ImportUsers);
        count_login("an_outcome_of_this_test");
        record_commit(Duration::from_millis(2), 1, 9);
        let page = install_metrics().render();
        for line in [
            r#"licence_broker_grants_total{licence="agent_email",pool="contingency"} "#,
            r#"licence_broker_releases_total{licence="agent_email",reason="connection_lost"} "#,
            r#"licence_broker_denials_total{licence="unknown",reason="unknown_licence"} "#,
            r#"licence_broker_bound_hit_total{bound="import_users"} 1"#,
            r#"licence_broker_logins_total{outcome="an_outcome_of_this_test"} 1"#,
            r#"licence_broker_commit_seconds_bucket{le="0.0025"} "#,
            "# HELP licence_broker_grants_total Licence instances acquired",
        ] {
            assert!(page.contains(line), "{line} in\n{page}");
        }
        assert!(!page.contains("whatever"), "clients make no series");
    }
}
