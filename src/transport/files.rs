//! Reading a certificate and its key, and judging them.

use crate::config::TlsFiles;
use chrono::{DateTime, Utc};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

/// Bytes of such a file; a chain has some kilobytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Why a certificate cannot be served; names the setting and the file.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("{setting}: cannot read {}: {source}", path.display())]
    Unreadable {
        /// Of the file.
        setting: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file has not in it what it must.
    #[error("{setting}: {}: {reason}", path.display())]
    Unusable {
        /// Of the file.
        setting: &'static str,
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The key is that of another certificate.
    #[error("tls_key: {} is not the key of the certificate in {}", key.display(), cert.display())]
    Mismatch {
        /// The key's file.
        key: PathBuf,
        /// The certificate's file.
        cert: PathBuf,
    },
}

/// A certificate that can be served, with its key.
#[derive(Debug)]
pub struct Loaded {
    /// Chain and key.
    pub certified: CertifiedKey,
    /// Of both files; tells whether they changed.
    pub digest: [u8; 32],
    /// From when on clients accept it.
    pub not_before: DateTime<Utc>,
    /// Until when they do.
    pub not_after: DateTime<Utc>,
    /// Whether everybody on this machine may read the key.
    pub is_key_public: bool,
}

impl Loaded {
    /// Why clients would not accept it at this instant, if they would not.
    pub fn complaint(&self, files: &TlsFiles, now: DateTime<Utc>) -> Option<CertificateError> {
        let reason = if now >= self.not_after {
            format!("the certificate expired at {}", self.not_after)
        } else if now < self.not_before {
            format!("the certificate is not valid before {}", self.not_before)
        } else {
            return None;
        };
        Some(unusable("tls_cert", &files.cert, reason))
    }
}

/// Reads both files. When they are valid is not judged here.
///
/// # Errors
/// If they are not there, have not in them what they must, or do not belong together.
pub fn load(files: &TlsFiles) -> Result<Loaded, CertificateError> {
    let (cert, _) = read("tls_cert", &files.cert)?;
    let (key, mode) = read("tls_key", &files.key)?;
    let chain = chain(&files.cert, &cert)?;
    let (not_before, not_after) = validity(&files.cert, &chain)?;
    let secret = PrivateKeyDer::from_pem_slice(&key).map_err(|error| {
        unusable("tls_key", &files.key, format!("holds no private key in PEM: {error}"))
    })?;
    let certified = CertifiedKey::from_der(chain, secret, &aws_lc_rs::default_provider());
    let certified = certified.map_err(|error| {
        if matches!(error, rustls::Error::InconsistentKeys(_)) {
            CertificateError::Mismatch { key: files.key.clone(), cert: files.cert.clone() }
        } else {
            unusable("tls_key", &files.key, error.to_string())
        }
    })?;
    let mut digest = Sha256::new();
    for bytes in [&cert, &key] {
        digest.update(bytes.len().to_be_bytes());
        digest.update(bytes);
    }
    let is_key_public = mode & 0o004 != 0;
    Ok(Loaded { certified, digest: digest.finalize().into(), not_before, not_after, is_key_public })
}

/// The bytes of a file, and its mode.
fn read(setting: &'static str, path: &Path) -> Result<(Vec<u8>, u32), CertificateError> {
    let unreadable =
        |source| CertificateError::Unreadable { setting, path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode();
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(unusable(setting, path, format!("has more than {FILE_BYTES_MAX} bytes")));
    }
    Ok((bytes, mode))
}

fn chain(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain.map_err(|error| {
        unusable("tls_cert", path, format!("holds a certificate that is broken: {error}"))
    })?;
    if chain.is_empty() {
        return Err(unusable("tls_cert", path, "holds no certificate in PEM".to_owned()));
    }
    Ok(chain)
}

/// From when to when the first certificate of the chain is good.
fn validity(
    path: &Path,
    chain: &[CertificateDer<'static>],
) -> Result<(DateTime<Utc>, DateTime<Utc>), CertificateError> {
    let broken = |reason: String| unusable("tls_cert", path, reason);
    let first = chain.first().map(AsRef::as_ref).unwrap_or_default();
    let (_, certificate) = X509Certificate::from_der(first)
        .map_err(|error| broken(format!("holds a certificate that is broken: {error}")))?;
    let validity = certificate.validity();
    let instant = |seconds| {
        let beyond = || broken("its validity is beyond all calendars".to_owned());
        DateTime::from_timestamp(seconds, 0).ok_or_else(beyond)
    };
    Ok((instant(validity.not_before.timestamp())?, instant(validity.not_after.timestamp())?))
}

fn unusable(setting: &'static str, path: &Path, reason: String) -> CertificateError {
    CertificateError::Unusable { setting, path: path.to_owned(), reason }
}
