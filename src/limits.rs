//! Every bound in one place. What happens at each is said here and counted as
//! `licence_broker_bound_hit_total{bound}`; the names are in [`bound`].

pub mod bound;

use std::num::NonZeroU32;
use std::time::Duration;

/// Bytes of one WebSocket message, fragments together; above it the connection is closed with 1009.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// Names in one `channels`; above it the message is a `bad_message`.
pub const CHANNELS_PER_MESSAGE_MAX: usize = 256;
/// Bytes of one name in `channels`; above it the message is a `bad_message`.
pub const CHANNEL_NAME_BYTES_MAX: usize = 128;
/// Notices that may wait for one session to take them; above it the session ends with 4001.
pub const NOTICES_PER_SESSION_MAX: usize = 64;
/// Requests of one session that may be under way; above it no more of its frames are read.
pub const REQUESTS_UNDER_WAY_PER_SESSION_MAX: usize = 16;
/// Batches of different organisations that share one commit; the rest waits for the next.
pub const BATCHES_PER_COMMIT_MAX: usize = 512;
/// Events of one organisation that are committed at once while others commit as well, the decision that
/// reaches it included: some milliseconds of work for the store.
pub const EVENTS_PER_PORTION: usize = 192;
/// Of the portions that wait behind the first, a batch takes one in so many as well.
pub const PORTIONS_SHARE: usize = 8;
/// How long a node's lease is, where its operator says nothing: what a node that is lost had is served again
/// within five seconds, and a store that hangs for two costs nobody anything.
pub const LEASE_DEFAULT: Duration = Duration::from_secs(3);
/// How often a node that shares its store reads which accounts were changed elsewhere: so long a token may
/// outlive its account there.
pub const EDITIONS_INTERVAL: Duration = Duration::from_secs(2);
/// Upgrades of one organisation that a worker serves before it looks after everything else that is ready.
pub const UPGRADES_PER_TURN: usize = 4;
/// For so long after another organisation left something to be committed an organisation is in company.
pub const COMPANY_LASTS: Duration = Duration::from_secs(5);
/// Custom reports and advice that are made at once; above it 503 with `Retry-After`.
pub const REPORTS_UNDER_WAY_MAX: usize = 2;
/// A custom report that takes longer is stopped: 503.
pub const REPORT_TIME_MAX: Duration = Duration::from_secs(20);
/// Days that a report looks back over at most; above it 422.
pub const REPORT_DAYS_MAX: i64 = 366;
/// Rows of a custom report; above it 422.
pub const REPORT_ROWS_MAX: u32 = 10_000;
/// Dimensions of a custom report; above it 422.
pub const REPORT_DIMENSIONS_MAX: usize = 6;
/// Filters of a custom report; above it 422.
pub const REPORT_FILTERS_MAX: usize = 20;
/// Values of one `in`; above it 422.
pub const REPORT_VALUES_MAX: usize = 500;
/// An unidentified connection is closed with 4501 after this.
pub const LOGIN_TIMEOUT: Duration = Duration::from_secs(10);
/// TLS handshakes under way at once; further ones wait for their turn, and are counted.
pub const TLS_HANDSHAKES_UNDER_WAY_MAX: usize = 4_096;
/// Within the time that a body or an answer has, so many bytes of it must come or be taken, or all that is
/// left; then the time begins anew. A slow line may be slow, and nobody holds a connection with a trickle.
pub const PIECE_BYTES: usize = 64 * 1024;
/// After its close frame a connection is cut, answered or not. The contract allows 2 s.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// What a connection has for the end of its output, and to close, once nothing more will be sent.
pub const CLOSE_LINGER: Duration = Duration::from_secs(1);
/// Bytes read from one socket before the others of its thread get their turn.
pub const READ_BYTES_PER_TURN_MAX: usize = 16 * 1024;
/// Bytes of a socket that are read before its session asks for them, to see whether the peer is there.
pub const READ_AHEAD_BYTES_MAX: usize = 16 * 1024;
/// Bytes that may wait for a socket to take them; above it its session is not asked for more.
pub const OUTPUT_WAITING_BYTES_MAX: usize = 32 * 1024;
/// Live counts go out at most this often.
pub const LIVE_INTERVAL: Duration = Duration::from_millis(100);
/// Between two parts of an export while somebody waits for a licence: long enough that a part, its way to
/// the client, and the client itself if it shares the machine, take a fifth of a processor at most.
pub const EXPORT_PAUSE: Duration = Duration::from_millis(10);
/// Subscribers of live counts that are sent a frame before others of their thread get their turn.
pub const FRAMES_PER_TURN: usize = 64;
/// Bytes that may wait for one subscriber of live counts to take them; above it, what changes is left
/// out, and a snapshot follows when they are taken.
pub const LIVE_BACKLOG_BYTES_MAX: i32 = 16 * 1024;
/// Passwords that may wait to be checked, beside those that are; a further sign-in is answered 503 with
/// `Retry-After`. At some tens of milliseconds each that is a wait of a few seconds.
pub const PASSWORDS_WAITING_MAX: usize = 64;
/// Sign-ins that one address may try at once, before its rate holds it back: fewer than may wait, so that
/// nobody else's sign-in finds the queue full of them.
pub const SIGN_INS_AT_ONCE_MAX: NonZeroU32 = NonZeroU32::new(48).expect("48 is not zero");
/// How long a graceful stop may take in all.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Records of each log that are deleted in one transaction, where they are not kept for ever: few enough
/// that a login that waits for it is not held up.
pub const PRUNED_AT_ONCE_MAX: u32 = 500;
/// Between two such transactions: a year that is deleted at once must not slow a day's logins.
pub const PRUNE_PAUSE: Duration = Duration::from_millis(50);
/// How often the broker looks for records that need not be kept any longer.
pub const PRUNE_INTERVAL: Duration = Duration::from_secs(3_600);
/// While nothing is committed, the broker notes this often that it is alive.
pub const LIFE_INTERVAL: Duration = Duration::from_secs(5);
/// While the store refuses, the broker tries this often whether it takes commits again.
pub const STORE_PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// The longest pause before an organisation's actor that keeps dying is started again.
pub const ACTOR_RESTART_PAUSE_MAX: Duration = Duration::from_secs(1);
/// Between two pieces of what commits left for later, where it is far behind: commits go first.
pub const UPKEEP_PAUSE: Duration = Duration::from_millis(30);
/// While records come by the thousand, the index of the per-user log by user is left behind by fewer than so many
/// runs: what is not in it is scanned by whoever asks for a user's records.
pub const RUNS_PUT_OFF_MAX: u64 = 16;

const _: () = assert!(REQUESTS_UNDER_WAY_PER_SESSION_MAX < NOTICES_PER_SESSION_MAX);
const _: () = assert!(CHANNEL_NAME_BYTES_MAX * 2 < MESSAGE_BYTES_MAX);
const _: () = assert!((SIGN_INS_AT_ONCE_MAX.get() as usize) < PASSWORDS_WAITING_MAX);
const _: () = assert!(CLOSE_TIMEOUT.as_millis() < 2_000);
const _: () = assert!(LIVE_INTERVAL.as_millis() <= 100);

/// The bounds that an operator may set. No default refuses 20,000 connects at once from one address.
#[derive(Clone, Debug)]
pub struct Limits {
    /// TCP connections at once, sockets and all others; further ones are not accepted until one ends.
    pub connections_max: usize,
    /// Sockets and event streams that may be open at once: 503 with `Retry-After` before the upgrade.
    pub sessions_max: usize,
    /// Sessions of one organisation, lingering ones included; a further login is answered 4004. A takeover
    /// and a resume add none.
    pub sessions_per_organisation_max: usize,
    /// Sockets of one user that have not ended, superseded ones included; a further login or resume is
    /// answered 4004. (Sessions of a user are no more than kinds of device.)
    pub connections_per_user_max: usize,
    /// Logins and resumes of one user in a minute, and at once; a further one is answered 4004.
    pub logins_per_user_per_minute: NonZeroU32,
    /// Subscribers of live counts; a further one is answered 4004, or 503 with `Retry-After`.
    pub subscribers_max: usize,
    /// Subscribers of one organisation's live counts; a further one is answered as above.
    pub subscribers_per_organisation_max: usize,
    /// Sign-ins from one address in a minute: 503 with `Retry-After`.
    pub sign_ins_per_address_per_minute: NonZeroU32,
    /// HTTP requests that may wait for organisations' actors; above it 503 with `Retry-After`.
    pub requests_under_way_max: usize,
    /// Reports that are written as CSV at once; a further one is answered 503 with `Retry-After`.
    pub exports_under_way_max: usize,
    /// Sockets that one address may open in a second, and at once: 503 with `Retry-After`.
    pub connections_per_address_per_second: NonZeroU32,
    /// Logins decided or being committed at once; a further one is answered 4004.
    pub logins_under_way_max: usize,
    /// How long the first of an organisation's logins under way may have waited; while it has waited
    /// longer, a further login is answered 4004.
    pub login_wait_max: Duration,
    /// Sessions that may wait for one licence type of one organisation: `too_many_waiting`.
    pub waiting_per_licence_max: u32,
    /// Users of one organisation, deleted ones apart.
    pub users_per_organisation_max: usize,
    /// Accounts of one organisation; above it 409 `too_many_accounts`.
    pub accounts_per_organisation_max: u32,
    /// Frames of one session that are read each second, once a burst of twice that is used up.
    pub frames_per_second: u32,
    /// Bytes of a JSON body; above it 413.
    pub body_max_bytes: usize,
    /// Bytes of a body of `POST /v1/tokens`; above it 413.
    pub tokens_body_max_bytes: usize,
    /// Users in one import; above it 413.
    pub import_users_max: usize,
    /// Bytes of an import; above it 413.
    pub import_body_max_bytes: usize,
    /// Tokens in one call; above it 422.
    pub tokens_per_call_max: usize,
    /// Rows of one page; a larger `limit` gets so many.
    pub page_limit_max: u32,
    /// Organisations with series of their own in `/metrics`; the others are summed up.
    pub metrics_organisations_max: usize,
    /// How long a TLS handshake may take; then the connection is closed.
    pub tls_handshake_timeout: Duration,
    /// How often the files of the certificate are looked at.
    pub tls_look_every: Duration,
    /// How long the head of a request may take: 408, and the connection is closed.
    pub request_head_timeout: Duration,
    /// How long [`PIECE_BYTES`] of a body may take, or the rest of it: 408, and the connection is closed.
    pub body_timeout: Duration,
    /// How long a peer may take for [`PIECE_BYTES`] of an answer, or the rest of it; then the connection is
    /// cut. Sockets have the heartbeat instead.
    pub output_timeout: Duration,
    /// How long a connection may be idle between two requests; then it is closed.
    pub keep_alive: Duration,
    /// The `max_grace_s` of an organisation that is created without one.
    pub max_grace_default_s: u32,
}

/// An interface in a loop of reconnects, and no person.
const LOGINS_PER_USER: NonZeroU32 = NonZeroU32::new(6_000).expect("6,000 is not zero");
/// A third of what one thread checks.
const SIGN_INS_PER_ADDRESS: NonZeroU32 = NonZeroU32::new(600).expect("600 is not zero");

/// A contact centre sits behind one address.
const PER_ADDRESS: NonZeroU32 = NonZeroU32::new(50_000).expect("50,000 is not zero");

/// Descriptors for everything but WebSockets: HTTP requests, the database, the log.
pub const FILES_BESIDE_SOCKETS: u64 = 512;

/// Descriptors that the kernel's table has room for from the start, in 128 KiB of its memory; beyond, it doubles.
pub const FILES_AT_ONCE: u64 = 16_384;

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 110_000,
            sessions_max: 100_000,
            sessions_per_organisation_max: 100_000,
            connections_per_user_max: 1_000,
            logins_per_user_per_minute: LOGINS_PER_USER,
            subscribers_max: 50_000,
            subscribers_per_organisation_max: 25_000,
            sign_ins_per_address_per_minute: SIGN_INS_PER_ADDRESS,
            requests_under_way_max: 16_384,
            exports_under_way_max: 64,
            connections_per_address_per_second: PER_ADDRESS,
            logins_under_way_max: 50_000,
            login_wait_max: Duration::from_secs(5),
            waiting_per_licence_max: 100_000,
            users_per_organisation_max: 1_000_000,
            accounts_per_organisation_max: 10_000,
            frames_per_second: 50,
            body_max_bytes: 256 * 1024,
            tokens_body_max_bytes: 16 * 1024 * 1024,
            import_users_max: 100_000,
            import_body_max_bytes: 32 * 1024 * 1024,
            tokens_per_call_max: 20_000,
            page_limit_max: 1_000,
            metrics_organisations_max: 100,
            tls_handshake_timeout: Duration::from_secs(10),
            tls_look_every: Duration::from_secs(5),
            request_head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            output_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(75),
            max_grace_default_s: 60,
        }
    }
}

/// How liveness follows from the heartbeat (SPEC §4, Dead peers).
#[derive(Clone, Copy, Debug)]
pub struct Heartbeat {
    /// The interval that devices are told.
    pub every: Duration,
}

impl Heartbeat {
    /// A peer that gave no sign for this long is gone. Found by a sweep and committed, that is less than
    /// the contract's 2 × heartbeat; a peer that answers pings is never silent for more than one.
    pub fn silence_max(self) -> Duration {
        self.every.mul_f64(1.7)
    }

    /// Sessions that are found where an organisation is taken over from another node are kept so long, grace
    /// or not (SPEC §4): devices whose node is lost hold on to what they have for three quarters of it.
    pub fn held_after_takeover(self) -> Duration {
        self.every * 2
    }

    /// How often sessions are looked at.
    pub fn sweep_every(self) -> Duration {
        (self.every / 10).clamp(Duration::from_millis(50), Duration::from_secs(1))
    }
}
