//! Every series that the broker has, in one table: name, kind, labels, what it says, buckets.
//!
//! Names follow Prometheus: base units, `_total` for what only rises. Labels are closed sets, or bounded by
//! a setting (`organisation`): a client cannot make series. `docs/METRICS.md` describes the same table, and
//! a test holds the two against each other.

/// What a series is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only rises.
    Counter,
    /// Counts values by their size.
    Histogram,
}

impl Kind {
    /// As Prometheus calls it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Series {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its labels, every one of which each of its series has.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
    /// The upper ends of a histogram's buckets, rising; empty for the other kinds.
    pub buckets: &'static [f64],
}

/// From a tenth of a commit on a fast disk to a store that hardly answers.
const COMMIT_S: &[f64] =
    &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
/// From one millisecond to the ten seconds after which an unidentified connection is closed.
const LOGIN_S: &[f64] =
    &[0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Few, because there are so many for each path and method.
const HTTP_S: &[f64] = &[0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0];
const BATCHES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];
const EVENTS: &[f64] = &[1.0, 4.0, 16.0, 64.0, 256.0, 1_024.0, 4_096.0, 16_384.0, 65_536.0];

macro_rules! series {
    ($($kind:ident $name:ident $text:literal [$($label:literal),*] $help:literal $($buckets:ident)?;)+) => {
        $(#[doc = $help] pub const $name: &str = $text;)+

        /// Every series.
        pub const ALL: &[Series] = &[$(Series {
            name: $text,
            kind: Kind::$kind,
            labels: &[$($label),*],
            help: $help,
            buckets: series!(@buckets $($buckets)?),
        },)+];
    };
    (@buckets) => { &[] };
    (@buckets $buckets:ident) => { $buckets };
}

series! {
    Gauge BUILD_INFO "licence_broker_build_info" ["version"] "Always 1; the label says which version runs";
    Gauge READY "licence_broker_ready" [] "1 while logins are taken, as `/readyz` says, else 0";
    Gauge SESSIONS "licence_broker_sessions" ["device"] "Sessions that are connected, by kind of device";
    Gauge LINGERING "licence_broker_lingering_sessions" []
        "Sessions whose connection ended and whose grace runs";
    Gauge SUBSCRIBERS "licence_broker_subscribers" ["kind"]
        "Connections that follow live counts, by how: `ws` or `sse`";
    Gauge ORGANISATIONS "licence_broker_organisations" ["state"]
        "Organisations: `idle` (nothing was asked of it yet), `loading`, `loaded`, `failing` (cannot be loaded)";
    Gauge HOLDERS "licence_broker_holders" ["organisation", "licence"] "Users who hold the licence type";
    Gauge CONCURRENT_BOUGHT "licence_broker_concurrent_bought" ["organisation", "licence"]
        "Concurrent licences or fixed seats that were bought";
    Gauge CONTINGENCY_BOUGHT "licence_broker_contingency_bought" ["organisation", "licence"]
        "Contingency licences that were bought";
    Gauge CONTINGENCY_USED "licence_broker_contingency_used" ["organisation", "licence"]
        "Contingency licences in use";
    Gauge CONTINGENCY_MAXIMUM "licence_broker_contingency_maximum" ["organisation", "licence"]
        "The most contingency licences in use at once this month, which is what is billed";
    Gauge OVER_ALLOCATED "licence_broker_over_allocated" ["organisation", "licence"]
        "Holders beyond everything that was bought: a total was lowered below what is in use";
    Gauge WAITING "licence_broker_waiting" ["organisation", "licence"]
        "Sessions that wait for the licence type";
    Gauge SHORT "licence_broker_organisations_short" ["licence", "state"]
        "Organisations, counted all, whose holders of the type are in `contingency`, have `exhausted` all that was bought, or are `over_allocated`";
    Gauge MAILBOX "licence_broker_mailbox_messages" []
        "Messages that wait for organisations' actors, over all of them";
    Gauge MAILBOX_MAX "licence_broker_mailbox_messages_max" []
        "Messages that wait for the organisation's actor for which most wait";
    Gauge JOURNAL_BATCHES "licence_broker_journal_batches" []
        "Batches of decisions that are not durable yet, those of the commit under way included";
    Gauge STORE_REFUSING "licence_broker_store_refusing" []
        "1 while the last commit or sign of life failed, else 0";
    Gauge STORE_DURABLE "licence_broker_store_durable_timestamp_seconds" []
        "When something was last made durable, a sign of life included; there is one at least every 5 s";
    Gauge STORE_BYTES "licence_broker_store_bytes" ["file"]
        "Size of the store's files: `database`, and `journal`, its write-ahead log";
    Gauge INDEX_RUNS_BEHIND "licence_broker_index_runs_behind" []
        "Runs of the index by user that are still to be written";
    Counter LOGINS "licence_broker_logins_total" ["outcome"]
        "Logins decided: `full`, `partial`, `unavailable`, `overloaded`, or the word of the refusal";
    Counter RESUMES "licence_broker_resumes_total" ["outcome"]
        "Resumes decided: `resumed`, `unavailable`, or why one failed";
    Counter SIGN_INS "licence_broker_sign_ins_total" ["outcome"] "Sign-ins to the broker itself";
    Histogram LICENCE_SECONDS "licence_broker_time_to_licence_seconds" ["outcome"]
        "From the arrival of a login to its answer, durable and handed to the socket: `granted` or `refused`"
        LOGIN_S;
    Counter DECISIONS "licence_broker_decisions_total" []
        "Commands that organisations decided, sweeps included";
    Counter GRANTS "licence_broker_grants_total" ["licence", "pool"] "Licence instances acquired";
    Counter DENIALS "licence_broker_denials_total" ["licence", "reason"]
        "Licences denied; names that no catalogue has count as `unknown`";
    Counter RELEASES "licence_broker_releases_total" ["licence", "reason"] "Licence instances released";
    Counter SWEEPS "licence_broker_sweeps_total" []
        "Times that organisations looked after silent peers, tokens, grace and the schedule";
    Gauge LEASE "licence_broker_lease" [] "1 while this node may decide, 0 while its lease is over";
    Gauge NODES_LIVE "licence_broker_nodes_live" []
        "Nodes that share the store and whose lease is in force, as this one heard last; 1 where it has it to itself";
    Gauge ORGANISATIONS_SERVED "licence_broker_organisations_served" []
        "Organisations that this node decides for";
    Counter LEASES_LOST "licence_broker_leases_lost_total" []
        "Leases that ran out before they were renewed: everybody was sent away";
    Counter TAKEOVERS "licence_broker_takeovers_total" []
        "Organisations that were claimed from another run, or from nobody";
    Counter RELOADS "licence_broker_reloads_total" ["cause"]
        "Times that an organisation was loaded from the store: `start`, or after `commit_failed` or `panic`";
    Histogram COMMIT_SECONDS "licence_broker_commit_seconds" []
        "Time that a commit of the store took, failed ones included" COMMIT_S;
    Histogram COMMIT_BATCHES "licence_broker_commit_batches" [] "Organisations that shared a commit" BATCHES;
    Histogram COMMIT_EVENTS "licence_broker_commit_events" [] "Changes in a commit" EVENTS;
    Counter STORE_ERRORS "licence_broker_store_errors_total" ["work", "kind"]
        "What the store did not do, by what it was asked and by the kind of its error";
    Counter PRUNED "licence_broker_pruned_records_total" []
        "Records deleted because they need not be kept any longer";
    Counter CLOSES "licence_broker_closes_total" ["code", "reason"] "WebSockets that the broker closed";
    Counter LIVE_FRAMES "licence_broker_live_frames_total" ["kind"]
        "Frames sent to subscribers: `counts`, `snapshot`, `interval`";
    Counter CONFLATED "licence_broker_conflated_frames_total" []
        "Frames of live counts that a slow subscriber was not sent because a later snapshot took their place";
    Gauge BOUND_LEVEL "licence_broker_bound_level" ["bound"]
        "How many there are now of what a bound holds";
    Gauge ACTORS "licence_broker_actors" ["kind"]
        "Actors and event streams that live: `organisation`, `session`, `wallboard`, `event_stream`";
    Gauge STORE_MEMORY "licence_broker_store_memory_bytes" []
        "Memory of the store, page caches mostly";
    Counter BOUND_HITS "licence_broker_bound_hit_total" ["bound"]
        "What was turned away because a bound was reached";
    Counter TLS_HANDSHAKES "licence_broker_tls_handshakes_total" ["outcome"]
        "TLS handshakes, by how they ended: `done` or `failed`";
    Counter TLS_RELOADS "licence_broker_tls_reloads_total" ["outcome"]
        "New certificates found in the files: `loaded` or `refused`";
    Gauge TLS_CERTIFICATE_EXPIRY "licence_broker_tls_certificate_expiry_seconds" []
        "When the certificate that is served expires, in seconds since 1970; there only where TLS is served";
    Counter HTTP_REQUESTS "licence_broker_http_requests_total" ["method", "path", "status"]
        "HTTP requests answered, by the path of the URL table; 101 is an upgrade to a WebSocket";
    Histogram HTTP_SECONDS "licence_broker_http_request_seconds" ["method", "path"]
        "Time from the head of a request to the head of its answer" HTTP_S;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_those_that_prometheus_expects() {
        let mut seen = HashSet::new();
        for series in ALL {
            assert!(seen.insert(series.name), "{} twice", series.name);
            assert!(series.name.starts_with("licence_broker_"), "{}", series.name);
            let is_total = series.name.ends_with("_total");
            assert_eq!(is_total, series.kind == Kind::Counter, "{}", series.name);
            assert_eq!(
                !series.buckets.is_empty(),
                series.kind == Kind::Histogram,
                "{}",
                series.name
            );
            assert!(series.buckets.is_sorted(), "{}", series.name);
        }
    }
}
