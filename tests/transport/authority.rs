//! Certificates for tests: an authority, what it issues, and the files that a broker reads.

use licence_broker::clock::Clock;
use licence_broker::config::TlsFiles;
use licence_broker::transport::certificate::Certificate;
use licence_broker::transport::files::CertificateError;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// Issues certificates for 127.0.0.1.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
}

/// A certificate and its key, in PEM.
pub(crate) struct Issued {
    pub(crate) cert: String,
    pub(crate) key: String,
    /// The certificate as a handshake shows it.
    pub(crate) der: CertificateDer<'static>,
}

/// From which year to which a certificate is good.
pub(crate) type Years = (i32, i32);

/// The years that tests run in.
pub(crate) const NOW: Years = (2020, 2120);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority of tests");
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap().der().clone();
        Self { issuer: Issuer::new(params, key), root }
    }

    /// A certificate with a key of its own.
    pub(crate) fn issue(&self, years: Years) -> Issued {
        self.issue_for(&KeyPair::generate().unwrap(), years)
    }

    /// A certificate for this key.
    pub(crate) fn issue_for(&self, key: &KeyPair, (from, to): Years) -> Issued {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        let certificate = params.signed_by(key, &self.issuer).unwrap();
        let (cert, der) = (certificate.pem(), certificate.der().clone());
        Issued { cert, key: key.serialize_pem(), der }
    }

    /// A client that trusts the authority, and speaks these versions.
    pub(crate) fn client(&self, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    }
}

/// The two files that the settings name.
pub(crate) struct Files {
    folder: TempDir,
}

impl Files {
    pub(crate) fn with(issued: &Issued) -> Self {
        let files = Self { folder: TempDir::new().unwrap() };
        files.write(&issued.cert, &issued.key);
        files
    }

    pub(crate) fn write(&self, cert: &str, key: &str) {
        let names = self.names();
        std::fs::write(&names.cert, cert).unwrap();
        std::fs::write(&names.key, key).unwrap();
    }

    pub(crate) fn names(&self) -> TlsFiles {
        let file = |name: &str| Path::new(self.folder.path()).join(name);
        TlsFiles { cert: file("cert.pem"), key: file("key.pem") }
    }

    pub(crate) fn load(&self) -> Result<Arc<Certificate>, CertificateError> {
        Certificate::load(self.names(), Clock::system()).map(Arc::new)
    }
}
