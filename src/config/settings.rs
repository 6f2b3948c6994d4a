//! The settings as an operator writes them: one field each, for the command line, the environment and the
//! configuration file alike.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Every setting of `serve`; `None` where a source says nothing.
///
/// The names of the fields are the keys of the configuration file, the flags (with `-`) and, behind
/// `LICENCE_BROKER_` in capitals, the variables. The comments are the help.
#[derive(Args, Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Address and port on which connections are accepted; port 0 lets the system choose
    /// [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,

    /// Where everything is kept: sqlite://PATH, relative paths begin in the working directory; or
    /// postgres://USER:PASSWORD@HOST:PORT/NAME, which several nodes may share. Whoever lists processes sees
    /// a password that stands here: put such a one into the environment or the configuration file
    /// [default: sqlite://licence-broker.db]
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,

    /// Folder of the broker's own token key, made at the first start and readable by its owner alone
    /// [default: data]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// File that holds an HS256 secret for tokens, in place of the broker's own key
    #[arg(long, value_name = "FILE")]
    pub jwt_secret_file: Option<PathBuf>,

    /// JSON Web Key Set (RS256, ES256, EdDSA) whose tokens are trusted as well: a file, or an https
    /// address. Whoever lists processes sees a password that stands in an address given here: put
    /// such a one into the configuration file
    #[arg(long, value_name = "FILE|URL")]
    pub jwks: Option<String>,

    /// Catalogue of licence types, in place of the one that is built in
    #[arg(long, value_name = "FILE")]
    pub catalogue: Option<PathBuf>,

    /// Seconds between pings, 1 to 300; a peer that is silent for twice as long loses its session
    /// [default: 15]
    #[arg(long, value_name = "SECONDS")]
    pub heartbeat_s: Option<u32>,

    /// The most seconds for which licences stay held after a lost connection, where a login asks for it;
    /// what an organisation gets that is created without a number of its own [default: 60]
    #[arg(long, value_name = "SECONDS")]
    pub max_grace_s: Option<u32>,

    /// Certificate chain (PEM, the server's own first) to serve TLS with, 1.2 and 1.3; needs --tls-key. A
    /// new one in the file is served without a restart, at once on SIGHUP
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// Private key (PEM: PKCS#8, SEC1 or PKCS#1) of the certificate, readable by the broker alone; needs
    /// --tls-cert
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,

    /// Origin whose pages may connect, as https://host[:port]; repeat it for more (in the environment:
    /// separated by commas). Pages of the broker itself always may
    #[arg(long, value_name = "ORIGIN")]
    pub allow_origin: Option<Vec<String>>,

    /// How the log on standard error looks: for people or, one JSON object a line, for machines
    /// [default: human]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,

    /// What is logged: error, warn, info, debug, trace, or directives such as
    /// info,licence_broker::actor=debug [default: info]
    #[arg(long, value_name = "DIRECTIVES")]
    pub log_level: Option<String>,

    /// Sockets and event streams at once; further ones are answered 503 with Retry-After
    /// [default: 100000]
    #[arg(long, value_name = "N")]
    pub sessions_max: Option<usize>,

    /// Logins being decided or committed at once; further ones are closed with 4004
    /// [default: 50000, at most sessions_max]
    #[arg(long, value_name = "N")]
    pub logins_under_way_max: Option<usize>,

    /// Seconds, 1 to 60, that the first of an organisation's logins under way may have waited; while it
    /// has waited longer, further ones are closed with 4004 [default: 5]
    #[arg(long, value_name = "SECONDS")]
    pub login_wait_max_s: Option<u32>,

    /// Sessions that may wait for one licence type of one organisation; further ones are answered
    /// too_many_waiting [default: 100000]
    #[arg(long, value_name = "N")]
    pub waiting_per_licence_max: Option<u32>,

    /// Messages read from one session each second; more are left unread until the second is over
    /// [default: 50]
    #[arg(long, value_name = "N")]
    pub frames_per_second: Option<u32>,

    /// Sockets and event streams that one address opens each second; further ones are answered 503
    /// with Retry-After [default: 50000]
    #[arg(long, value_name = "N")]
    pub connections_per_address_per_second: Option<u32>,

    /// TCP connections at once, sockets and all others; further ones are not accepted until one
    /// ends [default: 110000, at least 10000 more than sessions_max]
    #[arg(long, value_name = "N")]
    pub connections_max: Option<usize>,

    /// Sessions of one organisation, lingering ones included; a further login is closed with 4004. A
    /// takeover or a resume adds none [default: 100000]
    #[arg(long, value_name = "N")]
    pub sessions_per_organisation_max: Option<usize>,

    /// Sockets of one user that have not ended, superseded ones included; a further login or resume
    /// is closed with 4004 [default: 1000]
    #[arg(long, value_name = "N")]
    pub connections_per_user_max: Option<usize>,

    /// Logins and resumes of one user each minute; a further one is closed with 4004
    /// [default: 6000]
    #[arg(long, value_name = "N")]
    pub logins_per_user_per_minute: Option<u32>,

    /// Subscribers of live counts; further ones are closed with 4004, or answered 503 with
    /// Retry-After [default: 50000]
    #[arg(long, value_name = "N")]
    pub subscribers_max: Option<usize>,

    /// Subscribers of one organisation's live counts; further ones are closed with 4004, or answered
    /// 503 with Retry-After [default: 25000, at most subscribers_max]
    #[arg(long, value_name = "N")]
    pub subscribers_per_organisation_max: Option<usize>,

    /// Sign-ins to the broker itself from one address each minute; further ones are answered 503 with
    /// Retry-After [default: 600]
    #[arg(long, value_name = "N")]
    pub sign_ins_per_address_per_minute: Option<u32>,

    /// HTTP requests that may wait for organisations at once; further ones are answered 503 with
    /// Retry-After [default: 16384]
    #[arg(long, value_name = "N")]
    pub requests_under_way_max: Option<usize>,

    /// Reports written as CSV at once; further ones are answered 503 with Retry-After [default: 64]
    #[arg(long, value_name = "N")]
    pub exports_under_way_max: Option<usize>,

    /// Days after which usage, denials, five-minute figures and audit records are deleted; 0 keeps them
    /// for ever, else at least 93. Bills, maxima and what was bought always stay [default: 0]
    #[arg(long, value_name = "DAYS")]
    pub retention_days: Option<u32>,

    /// Organisations that have series of their own in /metrics, those with the smallest numbers; the others
    /// are summed up as "other" [default: 100]
    #[arg(long, value_name = "N")]
    pub metrics_organisations_max: Option<usize>,

    /// Threads that serve connections [default: as many as there are processors]
    #[arg(long, value_name = "N")]
    pub workers: Option<usize>,

    /// Name of this node among those that share a PostgreSQL: no two may run under one
    /// [default: the machine's]
    #[arg(long, value_name = "NAME")]
    pub node: Option<String>,

    /// Where clients reach this node itself: http(s)://host[:port], or with the prefix of a path that a
    /// balancer leads to it. Those that come to the wrong node are sent there [default: where it listens]
    #[arg(long, value_name = "URL")]
    pub advertise_url: Option<String>,

    /// Seconds, 1 to 60, of the lease by which a node has its organisations: so long after it was lost
    /// others take them over [default: 3]
    #[arg(long, value_name = "SECONDS")]
    pub lease_s: Option<u32>,

    /// TOML file with any of these settings, written as in --help with _ for -; flags and the
    /// environment go before it
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
}

/// How the log looks.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// The keys of the settings, in the order of the help; `config` apart, which only says where others are.
pub const KEYS: &[&str] = &[
    "listen",
    "database",
    "data_dir",
    "jwt_secret_file",
    "jwks",
    "catalogue",
    "heartbeat_s",
    "max_grace_s",
    "tls_cert",
    "tls_key",
    "allow_origin",
    "log_format",
    "log_level",
    "sessions_max",
    "logins_under_way_max",
    "login_wait_max_s",
    "waiting_per_licence_max",
    "frames_per_second",
    "connections_per_address_per_second",
    "connections_max",
    "sessions_per_organisation_max",
    "connections_per_user_max",
    "logins_per_user_per_minute",
    "subscribers_max",
    "subscribers_per_organisation_max",
    "sign_ins_per_address_per_minute",
    "requests_under_way_max",
    "exports_under_way_max",
    "retention_days",
    "metrics_organisations_max",
    "workers",
    "node",
    "advertise_url",
    "lease_s",
];

/// The variable that carries a setting.
pub fn variable(key: &str) -> String {
    format!("LICENCE_BROKER_{}", key.to_ascii_uppercase())
}
