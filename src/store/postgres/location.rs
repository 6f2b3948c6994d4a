//! Where the database is: `postgres://user:password@host:port/name?options`.

use super::StoreError;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls_platform_verifier::BuilderVerifierExt as _;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// For so long a connection may take to be made, unless the URL says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// What was sent and not acknowledged for so long means that the connection is lost, unless the URL says
/// otherwise: the network swallows it.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(8);

/// What a connection is made with.
pub(super) struct Location {
    pub(super) config: Config,
    /// `None` where the URL asks for no TLS.
    pub(super) tls: Option<ClientConfig>,
    /// To be shown: no user, no password.
    name: String,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// What the URL says of TLS; the driver knows fewer words for it than others do.
#[derive(Default)]
struct Tls {
    is_wanted: bool,
    /// A file of certificates to trust in place of those of the platform.
    roots: Option<String>,
}

impl Location {
    /// From a URL. `sslmode=require`, `verify-ca` and `verify-full` all ask for TLS whose certificate is
    /// verified and bears the host's name; anything else, and nothing, for none. `sslrootcert` names a PEM
    /// file of the authorities to trust.
    ///
    /// # Errors
    /// [`StoreError::Aborted`] that says what is wrong, without the URL: it has the password in it.
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        let (rest, tls) = split(url)?;
        let mut config: Config = rest.parse().map_err(|error| refusal(&error))?;
        if config.get_dbname().is_none() || config.get_hosts().is_empty() {
            return Err(refusal(&"it names no host or no database: postgres://USER@HOST/NAME"));
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(TCP_USER_TIMEOUT);
        }
        if config.get_application_name().is_none() {
            config.application_name("licence-broker");
        }
        config.ssl_mode(if tls.is_wanted { SslMode::Require } else { SslMode::Disable });
        let name = name(&config);
        let tls = tls.is_wanted.then(|| client(tls.roots.as_deref())).transpose()?;
        Ok(Self { config, tls, name })
    }
}

/// The URL without what it says of TLS.
fn split(url: &str) -> Result<(String, Tls), StoreError> {
    let Some((place, options)) = url.split_once('?') else {
        return Ok((url.to_owned(), Tls::default()));
    };
    let (mut tls, mut kept) = (Tls::default(), Vec::new());
    for option in options.split('&').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("sslmode", "require" | "verify-ca" | "verify-full")) => tls.is_wanted = true,
            Some(("sslmode", "disable" | "allow" | "prefer")) => tls.is_wanted = false,
            Some(("sslmode", _)) => return Err(refusal(&"sslmode must be disable or verify-full")),
            Some(("sslrootcert", file)) => tls.roots = Some(file.to_owned()),
            Some(_) | None => kept.push(option),
        }
    }
    let kept = kept.join("&");
    Ok((if kept.is_empty() { place.to_owned() } else { format!("{place}?{kept}") }, tls))
}

fn name(config: &Config) -> String {
    let host = config.get_hosts().first().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    });
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let database = config.get_dbname().unwrap_or_default();
    format!("postgres://{}:{port}/{database}", host.unwrap_or_default())
}

fn client(roots: Option<&str>) -> Result<ClientConfig, StoreError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| refusal(&error))?;
    let Some(file) = roots else {
        let builder = builder.with_platform_verifier().map_err(|error| refusal(&error))?;
        return Ok(builder.with_no_client_auth());
    };
    let unreadable = |error: &dyn fmt::Display| refusal(&format!("sslrootcert {file}: {error}"));
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| unreadable(&error))?;
    let mut store = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unreadable(&error))?;
        store.add(certificate).map_err(|error| unreadable(&error))?;
    }
    Ok(builder.with_root_certificates(store).with_no_client_auth())
}

fn refusal(why: &dyn fmt::Display) -> StoreError {
    StoreError::Aborted(format!("the database's URL cannot be used: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_shown_without_who_connects() {
        let location = Location::parse("postgres://broker:secret@db.example:6432/licences");
        assert_eq!(
            location.expect("a location").to_string(),
            "postgres://db.example:6432/licences"
        );
    }

    #[test]
    fn tls_is_used_where_the_url_asks_for_it() {
        for (options, is_wanted) in [
            ("", false),
            ("?sslmode=disable", false),
            ("?sslmode=require", true),
            ("?connect_timeout=9&sslmode=verify-full", true),
        ] {
            let location = Location::parse(&format!("postgres://u@db.example/licences{options}"));
            assert_eq!(location.expect(options).tls.is_some(), is_wanted, "{options}");
        }
    }

    #[test]
    fn a_url_that_cannot_be_used_is_refused_without_its_password() {
        for url in [
            "postgres://u:secret@/licences",
            "postgres://u:secret@db.example",
            "postgres://u:secret@db.example/licences?sslmode=maybe",
            "postgres://u:secret@db.example/licences?colour=red",
            "postgres://u:secret@db.example:port/licences",
            "postgres://u:secret@db.example/licences?sslmode=require&sslrootcert=/there/is/none",
        ] {
            let refused = Location::parse(url).err().expect(url).to_string();
            assert!(!refused.contains("secret"), "{refused}");
        }
    }
}
