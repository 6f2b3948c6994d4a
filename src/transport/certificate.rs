//! The certificate that is served, replaced while the broker runs.
//!
//! Connections that there are go on: a certificate is looked at in a handshake only. A new one that cannot
//! be served leaves the old one in its place.

use super::files::{self, CertificateError, Loaded};
use crate::clock::Clock;
use crate::config::TlsFiles;
use crate::telemetry;
use chrono::{DateTime, Utc};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Shared by all handshakes; lives as long as the broker.
#[derive(Debug)]
pub struct Certificate {
    files: TlsFiles,
    clock: Clock,
    served: RwLock<Arc<CertifiedKey>>,
    seen: Mutex<Seen>,
}

/// What the files had in them.
#[derive(Debug)]
struct Seen {
    /// Of the files when what is served was read.
    served: [u8; 32],
    /// When what is served expires.
    not_after: DateTime<Utc>,
    /// What is wrong with what they have in them now, as it was said.
    complaint: Option<String>,
}

impl Seen {
    fn of(loaded: &Loaded) -> Self {
        Self { served: loaded.digest, not_after: loaded.not_after, complaint: None }
    }
}

/// What came of looking at the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// They are what is served, or as broken as they were.
    Unchanged,
    /// New handshakes see another certificate.
    Loaded,
    /// They cannot be served; the old certificate stays.
    Refused,
}

impl Certificate {
    /// Reads the certificate that a broker starts with. One that is not valid now is served all the same,
    /// with a warning: some clients would be let in, while a broker that does not start lets in none.
    ///
    /// # Errors
    /// If it cannot be served at all.
    pub fn load(files: TlsFiles, clock: Clock) -> Result<Self, CertificateError> {
        let loaded = files::load(&files)?;
        if let Some(error) = loaded.complaint(&files, clock.now().at) {
            tracing::warn!(%error, "clients that look at the certificate will refuse it");
        }
        warn_of_public_key(&files, &loaded);
        let seen = Mutex::new(Seen::of(&loaded));
        Ok(Self { files, clock, served: RwLock::new(Arc::new(loaded.certified)), seen })
    }

    /// How TLS is served: 1.2 and 1.3, HTTP/1.1 alone.
    ///
    /// # Panics
    /// Never: the provider that is built in has both versions.
    pub fn server_config(this: Arc<Self>) -> ServerConfig {
        let mut config = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
            .with_protocol_versions(&[&TLS13, &TLS12])
            .expect("the provider that is built in has both versions")
            .with_no_client_auth()
            .with_cert_resolver(this);
        // A WebSocket begins as HTTP/1.1.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config
    }

    /// Looks at the files, and serves what is in them if it can be served. Blocks on reading them. What is
    /// wrong is said and counted once, until it changes.
    pub fn reload(&self) -> Reload {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match self.look(&seen) {
            Ok(None) => {
                seen.complaint = None;
                Reload::Unchanged
            }
            Ok(Some(loaded)) => {
                warn_of_public_key(&self.files, &loaded);
                telemetry::note_certificate_expiry(loaded.not_after);
                telemetry::count_tls_reload("loaded");
                let (file, not_after) = (self.files.cert.display(), loaded.not_after);
                tracing::info!(%file, %not_after, "another certificate is served");
                *seen = Seen::of(&loaded);
                *self.served.write().unwrap_or_else(PoisonError::into_inner) =
                    Arc::new(loaded.certified);
                Reload::Loaded
            }
            Err(error) => {
                let complaint = error.to_string();
                if seen.complaint.as_ref() == Some(&complaint) {
                    return Reload::Unchanged;
                }
                telemetry::count_tls_reload("refused");
                tracing::warn!(%error, "the certificate that is served stays");
                seen.complaint = Some(complaint);
                Reload::Refused
            }
        }
    }

    /// What is in the files, if it is new.
    fn look(&self, seen: &Seen) -> Result<Option<Loaded>, CertificateError> {
        let loaded = files::load(&self.files)?;
        if loaded.digest == seen.served {
            return Ok(None);
        }
        match loaded.complaint(&self.files, self.clock.now().at) {
            Some(error) => Err(error),
            None => Ok(Some(loaded)),
        }
    }

    fn note_expiry(&self) {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        telemetry::note_certificate_expiry(seen.not_after);
    }

    /// The same, for somebody who asked: what is wrong is said again.
    fn reload_as_asked(&self) -> Reload {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).complaint = None;
        let reload = self.reload();
        if reload == Reload::Unchanged {
            tracing::info!("the certificate that is served is the one in the files");
        }
        reload
    }

    /// Looks at the files this often, and whenever the process gets SIGHUP; never ends.
    pub fn watch(self: Arc<Self>, every: Duration) -> impl Future<Output = ()> + Send {
        let mut hangups = signal(SignalKind::hangup())
            .inspect_err(|error| tracing::warn!(%error, "SIGHUP reloads no certificate"))
            .ok();
        async move {
            // It was read before there were metrics.
            self.note_expiry();
            loop {
                let reload = tokio::select! {
                    () = hangup(&mut hangups) => Self::reload_as_asked,
                    () = tokio::time::sleep(every) => Self::reload,
                };
                let this = self.clone();
                // What a look that was cut off would have found, the next one finds.
                let _ = tokio::task::spawn_blocking(move || reload(&this)).await;
            }
        }
    }
}

async fn hangup(hangups: &mut Option<Signal>) {
    let told = match hangups {
        Some(hangups) => hangups.recv().await,
        None => None,
    };
    if told.is_none() {
        std::future::pending::<()>().await;
    }
}

fn warn_of_public_key(files: &TlsFiles, loaded: &Loaded) {
    if loaded.is_key_public {
        let file = files.key.display();
        tracing::warn!(%file, "tls_key: everybody on this machine may read the private key");
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.served.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}
