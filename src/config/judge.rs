//! Holds the settings against their ranges and against each other.

use super::layers::Layered;
use super::{Bounds, Config, ConfigError, Log};
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

/// A heartbeat beyond five minutes would let the dead hold licences for ten.
const HEARTBEAT_RANGE_S: RangeInclusive<u32> = 1..=300;
/// A day: longer than any shift that somebody might come back to.
const MAX_GRACE_RANGE_S: RangeInclusive<u32> = 0..=86_400;
/// Below a second logins would be refused for one slow commit; after a minute nobody waits any more.
const LOGIN_WAIT_RANGE_S: RangeInclusive<u32> = 1..=60;
const COUNT_RANGE: RangeInclusive<usize> = 1..=10_000_000;
const RATE_RANGE: RangeInclusive<u32> = 1..=10_000_000;
/// Three months of 31 days: a statement and the one before it can always be explained. At most a century.
const RETENTION_RANGE_DAYS: RangeInclusive<u32> = 93..=36_600;
const WORKERS_RANGE: RangeInclusive<usize> = 1..=1_024;

impl Layered {
    /// The settings, or the first thing that is wrong with them.
    pub(super) fn judge(self) -> Result<Config, ConfigError> {
        self.refuse_what_is_not_built()?;
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
            allow_origin: self.origins()?,
            log: self.log()?,
            bounds: self.bounds()?,
            retention_days: self.retention_days()?,
            workers: self.workers()?,
        })
    }

    /// An error about a setting, with where its value came from.
    fn wrong(&self, setting: &'static str, reason: impl Display) -> ConfigError {
        let origin = self.source(setting);
        ConfigError::Setting { setting, origin, reason: reason.to_string() }
    }

    /// What is asked for and this build does not have is refused: ignoring it would serve in the clear
    /// what was meant to be encrypted.
    fn refuse_what_is_not_built(&self) -> Result<(), ConfigError> {
        match (&self.settings.tls_cert, &self.settings.tls_key) {
            (None, None) => Ok(()),
            (Some(_), None) => Err(self.wrong("tls_cert", "needs tls_key beside it")),
            (None, Some(_)) => Err(self.wrong("tls_key", "needs tls_cert beside it")),
            (Some(_), Some(_)) => Err(self.wrong(
                "tls_cert",
                "this build does not serve TLS; leave tls_cert and tls_key out, and put a proxy that \
                 terminates TLS in front",
            )),
        }
    }

    fn database(&self) -> Result<String, ConfigError> {
        let database = self.settings.database.as_deref().unwrap_or(DATABASE);
        let reason = match database.split_once(':') {
            Some(("sqlite", path)) if path.trim_start_matches('/').is_empty() => "names no file",
            Some(("sqlite", _)) => return Ok(database.to_owned()),
            Some(("postgres" | "postgresql", _)) => {
                "this build keeps its data in SQLite only: sqlite://PATH"
            }
            Some(_) | None => "must be sqlite://PATH",
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
        if source.starts_with("http://") && !is_on_this_machine(&source) {
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

    fn bounds(&self) -> Result<Bounds, ConfigError> {
        let (given, default) = (&self.settings, Bounds::DEFAULT);
        let sessions_max = given.sessions_max.unwrap_or(default.sessions_max);
        // Where only the sessions are set, their bound is the logins' too.
        let logins_max =
            given.logins_under_way_max.unwrap_or(default.logins_under_way_max.min(sessions_max));
        let waiting_max = given.waiting_per_licence_max.unwrap_or(default.waiting_per_licence_max);
        let frames = given.frames_per_second.unwrap_or(default.frames_per_second);
        let connections = given
            .connections_per_address_per_second
            .unwrap_or(default.connections_per_address_per_second);
        let bounds = Bounds {
            sessions_max: self.within("sessions_max", sessions_max, &COUNT_RANGE)?,
            logins_under_way_max: self.within("logins_under_way_max", logins_max, &COUNT_RANGE)?,
            login_wait_max_s: self.within(
                "login_wait_max_s",
                given.login_wait_max_s.unwrap_or(default.login_wait_max_s),
                &LOGIN_WAIT_RANGE_S,
            )?,
            waiting_per_licence_max: self.within(
                "waiting_per_licence_max",
                waiting_max,
                &RATE_RANGE,
            )?,
            frames_per_second: self.within("frames_per_second", frames, &RATE_RANGE)?,
            connections_per_address_per_second: self.within(
                "connections_per_address_per_second",
                connections,
                &RATE_RANGE,
            )?,
        };
        if logins_max > sessions_max {
            let reason = format!("{logins_max} is more than sessions_max, {sessions_max}");
            return Err(self.wrong("logins_under_way_max", reason));
        }
        Ok(bounds)
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

    fn within<T: PartialOrd + Display>(
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

fn is_on_this_machine(address: &str) -> bool {
    let Some(host) = address.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned))
    else {
        return false;
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
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
