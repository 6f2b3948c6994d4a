//! Holds the settings against their ranges and against each other.

use super::layers::Layered;
use super::{Config, ConfigError, Log, TlsFiles};
use crate::limits::LEASE_DEFAULT;
use actix_web::http::Uri;
use actix_web::http::uri::Authority;
use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use tracing_subscriber::EnvFilter;

const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
const DATABASE: &str = "sqlite://licence-broker.db";
const DATA_DIR: &str = "data";
const HEARTBEAT_S: u32 = 15;
const MAX_GRACE_S: u32 = 60;
const LOG_LEVEL: &str = "info";
const LEASE_S: u32 = LEASE_DEFAULT.as_secs() as u32;

/// A lease of a second is renewed four times in it; after a minute nobody waits any more.
const LEASE_RANGE_S: RangeInclusive<u32> = 1..=60;
const NODE_CHARACTERS_MAX: usize = 63;
/// The reason of a close frame, which carries it, has 123 bytes (RFC 6455, 5.5).
const ADVERTISED_BYTES_MAX: usize = 120;

/// A heartbeat beyond five minutes would let the dead hold licences for ten.
const HEARTBEAT_RANGE_S: RangeInclusive<u32> = 1..=300;
/// A day: longer than any shift that somebody might come back to.
const MAX_GRACE_RANGE_S: RangeInclusive<u32> = 0..=86_400;
/// Three months of 31 days: a statement and the one before it can always be explained. At most a century.
const RETENTION_RANGE_DAYS: RangeInclusive<u32> = 93..=36_600;
const METRICS_ORGANISATIONS: usize = 100;
/// Seven series for each of some ten types: half a million are more than a scrape should have.
const METRICS_ORGANISATIONS_RANGE: RangeInclusive<usize> = 0..=10_000;
/// The server takes no more.
const WORKERS_RANGE: RangeInclusive<usize> = 1..=512;

impl Layered {
    /// The settings, or the first thing that is wrong with them.
    pub(super) fn judge(self) -> Result<Config, ConfigError> {
        Ok(Config {
            listen: self.settings.listen.unwrap_or(LISTEN),
            database: self.database()?,
            data_dir: self.path("data_dir", self.settings.data_dir.as_deref(), DATA_DIR)?,
            jwt_secret_file: self
                .optional_path("jwt_secret_file", &self.settings.jwt_secret_file)?,
            jwks: self.jwks()?,
            catalogue: self.optional_path("catalogue", &self.settings.catalogue)?,
            heartbeat_s: self.within(
                "heartbeat_s",
                self.settings.heartbeat_s.unwrap_or(HEARTBEAT_S),
                &HEARTBEAT_RANGE_S,
            )?,
            max_grace_s: self.within(
                "max_grace_s",
                self.settings.max_grace_s.unwrap_or(MAX_GRACE_S),
                &MAX_GRACE_RANGE_S,
            )?,
            tls: self.tls()?,
            allow_origin: self.origins()?,
            log: self.log()?,
            bounds: self.bounds()?,
            retention_days: self.retention_days()?,
            metrics_organisations_max: self.within(
                "metrics_organisations_max",
                self.settings.metrics_organisations_max.unwrap_or(METRICS_ORGANISATIONS),
                &METRICS_ORGANISATIONS_RANGE,
            )?,
            workers: self.workers()?,
            node: self.node()?,
            advertise_url: self.advertise_url()?,
            lease_s: self.within(
                "lease_s",
                self.settings.lease_s.unwrap_or(LEASE_S),
                &LEASE_RANGE_S,
            )?,
        })
    }

    /// An error about a setting, with where its value came from.
    pub(super) fn wrong(&self, setting: &'static str, reason: impl Display) -> ConfigError {
        let origin = self.source(setting);
        ConfigError::Setting { setting, origin, reason: reason.to_string() }
    }

    /// One of the two alone is refused: to serve in the clear what was meant to be encrypted is worse than
    /// not to start.
    fn tls(&self) -> Result<Option<TlsFiles>, ConfigError> {
        let cert = self.optional_path("tls_cert", &self.settings.tls_cert)?;
        let key = self.optional_path("tls_key", &self.settings.tls_key)?;
        match (cert, key) {
            (None, None) => Ok(None),
            (Some(_), None) => Err(self.wrong("tls_cert", "needs tls_key beside it")),
            (None, Some(_)) => Err(self.wrong("tls_key", "needs tls_cert beside it")),
            (Some(cert), Some(key)) => Ok(Some(TlsFiles { cert, key })),
        }
    }

    /// Names are shown to people and stand in metrics.
    fn node(&self) -> Result<String, ConfigError> {
        let given = self.settings.node.clone();
        let name = given.or_else(machine).unwrap_or_else(|| "node".to_owned());
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if name.is_empty() || name.len() > NODE_CHARACTERS_MAX || !name.chars().all(is_plain) {
            let reason = format!(
                "`{name}` is no name: 1 to {NODE_CHARACTERS_MAX} letters, digits, `-`, `.` and `_`"
            );
            return Err(self.wrong("node", reason));
        }
        Ok(name)
    }

    /// Nobody can be sent to every address there is.
    fn advertise_url(&self) -> Result<Option<String>, ConfigError> {
        let Some(url) = &self.settings.advertise_url else {
            let listen = self.settings.listen.unwrap_or(LISTEN);
            let is_shared = self.database()?.starts_with("postgres");
            if is_shared && listen.ip().is_unspecified() {
                let reason =
                    format!("is needed, for {listen} is no address that clients can go to");
                return Err(self.wrong("advertise_url", reason));
            }
            return Ok(None);
        };
        let reason = format!(
            "`{url}` is not http(s)://host[:port][/prefix] of at most {ADVERTISED_BYTES_MAX} bytes"
        );
        advertised(url).map(Some).ok_or_else(|| self.wrong("advertise_url", reason))
    }

    fn database(&self) -> Result<String, ConfigError> {
        let database = self.settings.database.as_deref().unwrap_or(DATABASE);
        let reason = match database.split_once(':') {
            Some(("sqlite", path)) if path.trim_start_matches('/').is_empty() => "names no file",
            Some(("sqlite", _)) => return Ok(database.to_owned()),
            // What it says beyond that is judged by whoever opens it.
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                return Ok(database.to_owned());
            }
            Some(_) | None => "must be sqlite://PATH or postgres://USER:PASSWORD@HOST:PORT/NAME",
        };
        Err(self.wrong("database", reason))
    }

    fn path(
        &self,
        setting: &'static str,
        path: Option<&Path>,
        default: &str,
    ) -> Result<PathBuf, ConfigError> {
        let path = path.unwrap_or(Path::new(default));
        if path.as_os_str().is_empty() {
            return Err(self.wrong(setting, "is empty"));
        }
        Ok(path.to_owned())
    }

    fn optional_path(
        &self,
        setting: &'static str,
        path: &Option<PathBuf>,
    ) -> Result<Option<PathBuf>, ConfigError> {
        path.as_deref().map(|path| self.path(setting, Some(path), "")).transpose()
    }

    /// Whoever can change a key set on its way can log in as anybody, so it crosses a network by `https`
    /// only.
    fn jwks(&self) -> Result<Option<String>, ConfigError> {
        let Some(source) = self.settings.jwks.clone() else {
            return Ok(None);
        };
        if source.is_empty() {
            return Err(self.wrong("jwks", "is empty"));
        }
        let is_safe = source.starts_with("https://")
            || source.starts_with("http://") && is_on_this_machine(&source);
        if source.contains("://") && !is_safe {
            let reason = "an address must begin with https://, but for one on this machine";
            return Err(self.wrong("jwks", reason));
        }
        Ok(Some(source))
    }

    fn origins(&self) -> Result<Vec<String>, ConfigError> {
        let origins = self.settings.allow_origin.as_deref().unwrap_or_default();
        origins
            .iter()
            .map(|origin| {
                let reason = format!("`{origin}` is not an origin: http(s)://host or host:port");
                normal_origin(origin).ok_or_else(|| self.wrong("allow_origin", reason))
            })
            .collect()
    }

    fn log(&self) -> Result<Log, ConfigError> {
        let level = self.settings.log_level.as_deref().unwrap_or(LOG_LEVEL);
        EnvFilter::try_new(level).map_err(|error| self.wrong("log_level", error))?;
        let format = self.settings.log_format.unwrap_or_default();
        Ok(Log { format, level: level.to_owned() })
    }

    /// `None` keeps everything.
    fn retention_days(&self) -> Result<Option<u32>, ConfigError> {
        match self.settings.retention_days.unwrap_or(0) {
            0 => Ok(None),
            days if RETENTION_RANGE_DAYS.contains(&days) => Ok(Some(days)),
            days => {
                let (least, most) = (RETENTION_RANGE_DAYS.start(), RETENTION_RANGE_DAYS.end());
                let reason = format!("{days} is neither 0 nor between {least} and {most}");
                Err(self.wrong("retention_days", reason))
            }
        }
    }

    fn workers(&self) -> Result<usize, ConfigError> {
        let default = || std::thread::available_parallelism().map_or(1, usize::from);
        let workers = self.settings.workers.unwrap_or_else(default);
        self.within("workers", workers, &WORKERS_RANGE)
    }

    pub(super) fn within<T: PartialOrd + Display>(
        &self,
        setting: &'static str,
        value: T,
        range: &RangeInclusive<T>,
    ) -> Result<T, ConfigError> {
        if range.contains(&value) {
            return Ok(value);
        }
        let (least, most) = (range.start(), range.end());
        Err(self.wrong(setting, format!("{value} is not between {least} and {most}")))
    }
}

/// The machine's own name, without its domain.
fn machine() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().split('.').next()?.to_owned()).filter(|name| !name.is_empty())
}

fn is_on_this_machine(address: &str) -> bool {
    let Some(host) = address.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned))
    else {
        return false;
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Where a node is reached: an origin, and behind it the path by which a balancer knows the node, if any.
fn advertised(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (host, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let origin = normal_origin(&format!("{scheme}://{host}"))?;
    let prefix = prefix.trim_end_matches('/');
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
    let mut steps = prefix.split('/').filter(|_| !prefix.is_empty());
    let is_path = steps
        .all(|step| !step.is_empty() && step.chars().all(is_plain) && !matches!(step, "." | ".."));
    let whole = if prefix.is_empty() { origin } else { format!("{origin}/{prefix}") };
    (is_path && whole.len() <= ADVERTISED_BYTES_MAX).then_some(whole)
}

/// As a browser writes it: lower case, no path, no default port.
fn normal_origin(origin: &str) -> Option<String> {
    let origin = origin.trim().to_ascii_lowercase();
    let (scheme, host) = origin.split_once("://")?;
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return None,
    };
    let host = host.strip_suffix('/').unwrap_or(host);
    let host = host.strip_suffix(default_port).unwrap_or(host);
    let authority: Authority = host.parse().ok()?;
    let is_plain = authority.as_str() == host && !host.contains('@') && !host.contains('*');
    is_plain.then(|| format!("{scheme}://{host}"))
}
