//! The log and the metrics: how they are set up, and the one spelling of their names.

use crate::config::Log;
use crate::config::settings::LogFormat;
use crate::domain::catalogue::Catalogue;
use crate::domain::event::{DeniedName, Event};
use crate::domain::ids::LicenceId;
use chrono::{DateTime, Utc};
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::io::IsTerminal as _;
use std::sync::{Arc, OnceLock};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt as _;

/// How the log spells what a line is about. A macro takes them as `{ field::SESSION } = %session`, which
/// is the same as a field written `session`. No line ever carries a token.
pub mod field {
    /// The number of the organisation.
    pub const ORGANISATION: &str = "organisation";
    /// A login name.
    pub const USER: &str = "user";
    /// A session's id.
    pub const SESSION: &str = "session";
    /// The contract's word for the kind of device.
    pub const DEVICE: &str = "device";
    /// The contract's word for why.
    pub const REASON: &str = "reason";
}

/// Gauge: sessions that are connected now.
pub const SESSIONS: &str = "licence_broker_sessions";
/// Counter, `outcome`: logins decided.
pub const LOGINS: &str = "licence_broker_logins_total";
/// Counter, `outcome`: sign-ins to the broker itself.
pub const SIGN_INS: &str = "licence_broker_sign_ins_total";
/// Counter, `licence` and `pool`: instances acquired.
pub const GRANTS: &str = "licence_broker_grants_total";
/// Counter, `licence` and `reason`: licences denied.
pub const DENIALS: &str = "licence_broker_denials_total";
/// Counter, `licence` and `reason`: instances released.
pub const RELEASES: &str = "licence_broker_releases_total";
/// Histogram: seconds that a commit of the store took.
pub const COMMIT_SECONDS: &str = "licence_broker_commit_seconds";
/// Histogram: organisations that shared a commit.
pub const COMMIT_BATCHES: &str = "licence_broker_commit_batches";
/// Counter, `bound`: how often something was turned away because a bound was reached.
pub const BOUND_HITS: &str = "licence_broker_bound_hit_total";
/// Counter: records that were deleted because they need not be kept any longer.
pub const PRUNED: &str = "licence_broker_pruned_records_total";

/// Counter, `outcome`: TLS handshakes, `done` or `failed`.
pub const TLS_HANDSHAKES: &str = "licence_broker_tls_handshakes_total";
/// Counter, `outcome`: new certificates in the files, `loaded` or `refused`.
pub const TLS_RELOADS: &str = "licence_broker_tls_reloads_total";
/// Gauge: when the certificate that is served expires, in seconds since 1970.
pub const TLS_CERTIFICATE_EXPIRY: &str = "licence_broker_tls_certificate_expiry_seconds";

/// The label under which names that no catalogue has are counted: clients must not make series.
const UNKNOWN_LICENCE: &str = "unknown";

const COMMIT_SECONDS_BUCKETS: &[f64] =
    &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
const COMMIT_BATCHES_BUCKETS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// Sends the log to standard error; where this process has a log already, that one stays.
///
/// # Errors
/// If the directives make no sense, which the settings have ruled out.
pub fn start_log(log: &Log) -> Result<(), ParseError> {
    let colours = std::io::stderr().is_terminal();
    // The only failure is that there is a log already: several brokers in one process share it.
    let _ = subscriber(log, colours, std::io::stderr)?.try_init();
    Ok(())
}

/// The HTTP library logs an error for each request that makes no sense: whoever knocks at the port could fill
/// the log. Who names it in the directives hears it.
const LOUD_BUT_MUTE: &str = "actix_http::h1::dispatcher=off";

fn subscriber<W>(
    log: &Log,
    colours: bool,
    writer: W,
) -> Result<Box<dyn tracing::Subscriber + Send + Sync>, ParseError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(format!("{LOUD_BUT_MUTE},{}", log.level))?)
        .with_ansi(colours)
        .with_writer(writer);
    Ok(match log.format {
        LogFormat::Human => Box::new(builder.finish()),
        LogFormat::Json => Box::new(builder.json().flatten_event(true).finish()),
    })
}

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
    let buckets = |name: &str| Matcher::Full(name.to_owned());
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(buckets(COMMIT_SECONDS), COMMIT_SECONDS_BUCKETS)
        .and_then(|it| it.set_buckets_for_metric(buckets(COMMIT_BATCHES), COMMIT_BATCHES_BUCKETS))
        .expect("there are buckets")
        .build_recorder();
    let handle = recorder.handle();
    if let Err(error) = metrics::set_global_recorder(recorder) {
        tracing::warn!(%error, "another recorder has this process's metrics");
    }
    describe();
    handle
}

fn describe() {
    describe_gauge!(SESSIONS, "Sessions that are connected");
    describe_counter!(LOGINS, "Logins decided, by outcome");
    describe_counter!(SIGN_INS, "Sign-ins to the broker itself, by outcome");
    describe_counter!(GRANTS, "Licence instances acquired, by licence type and pool");
    describe_counter!(DENIALS, "Licences denied, by licence type and reason");
    describe_counter!(RELEASES, "Licence instances released, by licence type and reason");
    describe_histogram!(COMMIT_SECONDS, Unit::Seconds, "Time that a commit of the store took");
    describe_histogram!(COMMIT_BATCHES, "Organisations that shared a commit");
    describe_counter!(PRUNED, "Records deleted because they need not be kept any longer");
    describe_counter!(TLS_HANDSHAKES, "TLS handshakes, by outcome");
    describe_counter!(TLS_RELOADS, "New certificates in the files, by outcome");
    describe_gauge!(TLS_CERTIFICATE_EXPIRY, Unit::Seconds, "When the certificate expires");
    describe_counter!(BOUND_HITS, "Requests turned away because a bound was reached");
}

/// Counts what a decision changed: instances acquired and released, licences denied.
pub fn count_events(catalogue: &Catalogue, events: &[Event]) {
    for event in events {
        match event {
            Event::Acquired { record, .. } => {
                let licence = key(catalogue, record.licence);
                counter!(GRANTS, "licence" => licence, "pool" => record.pool.as_str()).increment(1);
            }
            Event::Released(record) => {
                let licence = key(catalogue, record.licence);
                // A release always has its reason.
                let reason = record.reason.map_or("", |reason| reason.as_str());
                counter!(RELEASES, "licence" => licence, field::REASON => reason).increment(1);
            }
            Event::Denied(record) => {
                let licence = match &record.denied.licence {
                    DeniedName::Licence(licence) => key(catalogue, *licence),
                    DeniedName::Unknown(_) => UNKNOWN_LICENCE.into(),
                };
                let reason = record.denied.reason.as_str();
                counter!(DENIALS, "licence" => licence, field::REASON => reason).increment(1);
            }
            Event::SessionOpened(_)
            | Event::SessionClosed { .. }
            | Event::Queued { .. }
            | Event::Unqueued { .. }
            | Event::MaximumRaised { .. }
            | Event::MonthClosed { .. }
            | Event::IntervalClosed { .. }
            | Event::BaseUnitSaved { .. }
            | Event::Lapsed { .. }
            | Event::PriceSet { .. }
            | Event::WallboardSaved(_)
            | Event::WallboardRemoved { .. }
            | Event::WallboardMaximumSet { .. }
            | Event::Audited(_)
            | Event::UserSaved(_)
            | Event::UserDeleted { .. }
            | Event::TotalsSet { .. }
            | Event::SettingsSaved(_)
            | Event::OrganisationRemoved { .. } => {}
        }
    }
}

fn key(catalogue: &Catalogue, licence: LicenceId) -> Arc<str> {
    Arc::clone(catalogue.key(licence))
}

/// Counts a login that was decided: `full`, `partial`, `unavailable`, or the contract's word for its
/// refusal.
pub fn count_login(outcome: &'static str) {
    counter!(LOGINS, "outcome" => outcome).increment(1);
}

/// Counts a sign-in to the broker itself; `outcome` is from a fixed set.
pub fn count_sign_in(outcome: &'static str) {
    counter!(SIGN_INS, "outcome" => outcome).increment(1);
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
    // Exact for some hundred million years.
    gauge!(TLS_CERTIFICATE_EXPIRY).set(at.timestamp() as f64);
}

/// Counts that something met a bound; `bound` is the bound's name, from a fixed set.
pub fn count_bound(bound: &'static str) {
    counter!(BOUND_HITS, "bound" => bound).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue_file;
    use crate::domain::event::{DenialRecord, Denied, UsageRecord};
    use crate::domain::ids::SessionId;
    use crate::domain::reason::{
        DenialOutcome, DenialReason, Device, GrantPool, ReleaseReason, UsageType,
    };
    use std::io::{self, Write};
    use std::sync::{Mutex, MutexGuard};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Written {
        fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
            self.0.lock().expect("no writer panicked")
        }
    }

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.bytes().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, level: &str) -> String {
        logged_as(format, level, || {
            tracing::info!({ field::ORGANISATION } = 129, { field::USER } = "edred", "logged in");
            tracing::debug!("a detail");
        })
    }

    fn logged_by(level: &str, log: impl FnOnce()) -> String {
        logged_as(LogFormat::Human, level, log)
    }

    fn logged_as(format: LogFormat, level: &str, write: impl FnOnce()) -> String {
        let written = Written::default();
        let writer = written.clone();
        let log = Log { format, level: level.into() };
        let subscriber = subscriber(&log, false, move || writer.clone()).expect("good directives");
        tracing::subscriber::with_default(subscriber, write);
        let bytes = written.bytes().clone();
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn a_line_for_machines_is_one_object_with_the_agreed_fields() {
        let lines = logged(LogFormat::Json, "info");
        let line: serde_json::Value = serde_json::from_str(&lines).expect("one object");
        assert_eq!((&line["organisation"], &line["user"]), (&129.into(), &"edred".into()));
        assert_eq!((&line["message"], &line["level"]), (&"logged in".into(), &"INFO".into()));
    }

    #[test]
    fn the_directives_decide_what_is_logged() {
        assert_eq!(logged(LogFormat::Human, "warn"), "");
        assert_eq!(logged(LogFormat::Human, "info").lines().count(), 1);
        assert_eq!(logged(LogFormat::Human, "debug").lines().count(), 2);
    }

    #[test]
    fn requests_that_make_no_sense_fill_no_log_unless_somebody_asks() {
        let lines = |level: &str| {
            logged_by(
                level,
                || tracing::error!(target: "actix_http::h1::dispatcher", "stream error"),
            )
        };
        assert_eq!(lines("info"), "");
        assert_eq!(lines("debug"), "");
        assert_eq!(lines("info,actix_http::h1::dispatcher=error").lines().count(), 1);
    }

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
        count_events(&catalogue, &[acquired, released, Event::Denied(denial())]);
        count_bound("a_bound_of_this_test");
        count_login("an_outcome_of_this_test");
        metrics::histogram!(COMMIT_SECONDS).record(0.002);
        let page = install_metrics().render();
        for line in [
            r#"licence_broker_grants_total{licence="agent_email",pool="contingency"} "#,
            r#"licence_broker_releases_total{licence="agent_email",reason="connection_lost"} "#,
            r#"licence_broker_denials_total{licence="unknown",reason="unknown_licence"} "#,
            r#"licence_broker_bound_hit_total{bound="a_bound_of_this_test"} 1"#,
            r#"licence_broker_logins_total{outcome="an_outcome_of_this_test"} 1"#,
            r#"licence_broker_commit_seconds_bucket{le="0.0025"} "#,
            "# HELP licence_broker_grants_total Licence instances acquired",
        ] {
            assert!(page.contains(line), "{line} in\n{page}");
        }
        assert!(!page.contains("whatever"), "clients make no series");
    }
}
