//! The settings of `licence-broker serve` (SPEC §11): typed, and held against each other.
//!
//! A setting comes, from low to high, from its default, the configuration file, the environment, and the
//! command line. Whatever is wrong is one error that names the setting and where it came from.
//!
//! | file | what it holds |
//! |---|---|
//! | [`settings`] | the settings as an operator writes them, with their help |
//! | [`layers`] | laying the sources over each other, remembering where each value came from |
//! | `bounds` | what is wrong with a bound, by itself or beside another |
//! | `judge` | what is wrong with a setting, by itself or beside another |
//! | here | the settings as the program takes them |
//!
//! Reading the configuration file is all the input here: whether a key or a catalogue is any good is said
//! by whoever reads it.

mod bounds;
mod judge;
pub mod layers;
pub mod settings;
#[cfg(test)]
mod tests;

use crate::limits::Limits;
use layers::Source;
use settings::Settings;
use std::fs::DirBuilder;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::time::Duration;

/// What is wrong with the settings, in one line.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// A value that cannot be used.
    #[error("{setting} ({origin}): {reason}")]
    Setting {
        /// As in the configuration file.
        setting: &'static str,
        /// Where the value came from.
        origin: Source,
        /// What is wrong with it.
        reason: String,
    },
    /// The configuration file as a whole.
    #[error("configuration file {}: {reason}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The command line as a whole.
    #[error("command line: {reason}")]
    CommandLine {
        /// What is wrong with it.
        reason: String,
    },
}

/// Settings that were held against each other; nothing reads others at run time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where connections are accepted; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// `sqlite://PATH`, `sqlite::memory:` or `postgres://…`.
    pub database: String,
    /// Holds the broker's own key. Made at the first start.
    pub data_dir: PathBuf,
    /// An HS256 secret in place of the broker's own key.
    pub jwt_secret_file: Option<PathBuf>,
    /// Public keys that are trusted beside the secret: the path of a file, or an `https://` address.
    pub jwks: Option<String>,
    /// A catalogue of licence types in place of the one that is built in.
    pub catalogue: Option<PathBuf>,
    /// Seconds between the pings of a connection; a peer silent for twice as long is gone.
    pub heartbeat_s: u32,
    /// The most seconds of grace of an organisation that is created without a number of its own.
    pub max_grace_s: u32,
    /// What TLS is served with; `None` serves in the clear.
    pub tls: Option<TlsFiles>,
    /// Origins, beside the broker's own, whose pages may connect: `https://host[:port]`, lower case.
    pub allow_origin: Vec<String>,
    /// How the log is written.
    pub log: Log,
    /// How much is served at once.
    pub bounds: Bounds,
    /// Days after which records of the logs are deleted; `None` keeps them for ever.
    pub retention_days: Option<u32>,
    /// Organisations with series of their own in `/metrics`.
    pub metrics_organisations_max: usize,
    /// Threads that serve connections.
    pub workers: usize,
    /// The name of this node.
    pub node: String,
    /// Where clients reach it: an origin in lower case, maybe the prefix of a path behind it, no slash at
    /// the end; `None` where it listens.
    pub advertise_url: Option<String>,
    /// Seconds of its lease.
    pub lease_s: u32,
}

/// What TLS is served with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and those that lead to its authority, in PEM, the server's own first.
    pub cert: PathBuf,
    /// Its private key in PEM: PKCS#8, SEC1 or PKCS#1.
    pub key: PathBuf,
}

/// How the log is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// A line for people or an object for machines.
    pub format: settings::LogFormat,
    /// Directives of `tracing`'s filter; they were parsed once and are valid.
    pub level: String,
}

/// The bounds that an operator may set. No default refuses 20,000 connects at once from one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Connections that are served at once, over all workers.
    pub sessions_max: usize,
    /// Logins decided or being committed at once; a further one is answered 4004.
    pub logins_under_way_max: usize,
    /// Seconds that the first of an organisation's logins under way may have waited; while it has waited
    /// longer, a further one is answered 4004.
    pub login_wait_max_s: u32,
    /// Sessions that may wait for one licence type of one organisation: `too_many_waiting`.
    pub waiting_per_licence_max: u32,
    /// Frames of one session that are read each second.
    pub frames_per_second: u32,
    /// Connections accepted from one address each second.
    pub connections_per_address_per_second: u32,
    /// TCP connections at once, sockets and all others, over all workers.
    pub connections_max: usize,
    /// Sessions of one organisation, lingering ones included; a further login is answered 4004.
    pub sessions_per_organisation_max: usize,
    /// Sockets of one user that have not ended; a further login or resume is answered 4004.
    pub connections_per_user_max: usize,
    /// Logins and resumes of one user in a minute; a further one is answered 4004.
    pub logins_per_user_per_minute: u32,
    /// Subscribers of live counts, over all organisations.
    pub subscribers_max: usize,
    /// Subscribers of one organisation's live counts.
    pub subscribers_per_organisation_max: usize,
    /// Sign-ins from one address in a minute.
    pub sign_ins_per_address_per_minute: u32,
    /// HTTP requests that may wait for organisations at once.
    pub requests_under_way_max: usize,
    /// Reports written as CSV at once.
    pub exports_under_way_max: usize,
}

impl Bounds {
    /// What holds where nothing is set.
    pub const DEFAULT: Self = Self {
        sessions_max: 100_000,
        logins_under_way_max: 50_000,
        login_wait_max_s: 5,
        waiting_per_licence_max: 100_000,
        frames_per_second: 50,
        connections_per_address_per_second: 50_000,
        connections_max: 110_000,
        sessions_per_organisation_max: 100_000,
        connections_per_user_max: 1_000,
        logins_per_user_per_minute: 6_000,
        subscribers_max: 50_000,
        subscribers_per_organisation_max: 25_000,
        sign_ins_per_address_per_minute: 600,
        requests_under_way_max: 16_384,
        exports_under_way_max: 64,
    };

    /// As the program takes them; what no operator sets is as it is built in.
    pub fn limits(&self) -> Limits {
        // Each was found to be at least 1.
        let rate = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Limits {
            sessions_max: self.sessions_max,
            logins_under_way_max: self.logins_under_way_max,
            login_wait_max: Duration::from_secs(self.login_wait_max_s.into()),
            waiting_per_licence_max: self.waiting_per_licence_max,
            frames_per_second: self.frames_per_second,
            connections_per_address_per_second: rate(self.connections_per_address_per_second),
            connections_max: self.connections_max,
            sessions_per_organisation_max: self.sessions_per_organisation_max,
            connections_per_user_max: self.connections_per_user_max,
            logins_per_user_per_minute: rate(self.logins_per_user_per_minute),
            subscribers_max: self.subscribers_max,
            subscribers_per_organisation_max: self.subscribers_per_organisation_max,
            sign_ins_per_address_per_minute: rate(self.sign_ins_per_address_per_minute),
            requests_under_way_max: self.requests_under_way_max,
            exports_under_way_max: self.exports_under_way_max,
            ..Limits::default()
        }
    }
}

/// A contact centre sits behind one address translation and comes in all at once (SPEC §11).
const CONNECTS_AT_ONCE: usize = 20_000;
const _: () = assert!(Bounds::DEFAULT.sessions_max >= CONNECTS_AT_ONCE);
const _: () = assert!(Bounds::DEFAULT.logins_under_way_max >= CONNECTS_AT_ONCE);
const _: () = assert!(Bounds::DEFAULT.waiting_per_licence_max as usize >= CONNECTS_AT_ONCE);
const _: () =
    assert!(Bounds::DEFAULT.connections_per_address_per_second as usize >= CONNECTS_AT_ONCE);
const _: () = assert!(Bounds::DEFAULT.connections_max > Bounds::DEFAULT.sessions_max);
const _: () = assert!(Bounds::DEFAULT.sessions_per_organisation_max >= CONNECTS_AT_ONCE);
const _: () = assert!(Bounds::DEFAULT.subscribers_max >= CONNECTS_AT_ONCE);
const _: () = assert!(Bounds::DEFAULT.subscribers_per_organisation_max >= CONNECTS_AT_ONCE);
const _: () = assert!(Bounds::DEFAULT.logins_under_way_max <= Bounds::DEFAULT.sessions_max);

impl Config {
    /// Lays the sources over each other and judges the outcome.
    ///
    /// `flags` is the command line; `environment` gives the value of a variable by its name.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn resolve(
        flags: &Settings,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        layers::lay(flags, environment)?.judge()
    }

    /// As [`Self::resolve`], with the environment of this process. A variable that is not UTF-8 counts
    /// with its odd bytes replaced, and so fails where it matters.
    ///
    /// # Errors
    /// See [`Self::resolve`].
    pub fn from_process(flags: &Settings) -> Result<Self, ConfigError> {
        Self::resolve(flags, |name| {
            std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
        })
    }

    /// Makes the data directory if it is not there, for its owner alone: it holds the broker's key.
    ///
    /// # Errors
    /// If it cannot be made; the message names the setting and the directory.
    pub fn make_data_dir(&self) -> io::Result<()> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.data_dir);
        made.map_err(|error| {
            io::Error::new(error.kind(), format!("data_dir: {}: {error}", self.data_dir.display()))
        })
    }
}
