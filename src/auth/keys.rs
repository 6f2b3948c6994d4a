//! Where keys come from, and the secret that tokens are issued with.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The broker's own key in the data directory: 32 random bytes, base64url.
const OWN_KEY_FILE: &str = "token-key";
const OWN_KEY_BYTES: usize = 32;

/// A shorter secret can be guessed from a token alone.
const SECRET_MIN_BYTES: usize = 8;
/// RFC 7518 §3.2 asks for as many bytes as the hash has; fewer are taken with a warning.
const SECRET_WANTED_BYTES: usize = 32;

/// A key set or secret that is larger is none.
pub(super) const KEYS_BYTES_MAX: u64 = 1024 * 1024;

/// Where the keys come from (SPEC §9).
#[derive(Clone, Debug)]
pub struct KeySources {
    /// Where the broker keeps its own key. Read and written only if there is no `secret_file`.
    pub data_dir: PathBuf,
    /// An HS256 secret that takes the place of the broker's own key. A line ending at its end is not
    /// part of it.
    pub secret_file: Option<PathBuf>,
    /// A JSON Web Key Set, trusted beside the secret: the path of a file, or what begins with `http://`
    /// or `https://`. It is read at start and again as long as the broker runs.
    pub jwks: Option<String>,
}

/// Why a broker has not the keys that it was told to use.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: {error}")]
pub struct KeysError {
    /// The setting that says where they are.
    pub setting: &'static str,
    /// Why they could not be had.
    #[source]
    pub error: KeyError,
}

/// Why keys could not be had; the message names the file or URL, and no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others may read the broker's own key.
    #[error("{path}: mode {mode:04o} lets others read the key; it must be 0600")]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A file holds something else than it should.
    #[error("{path}: {reason}")]
    Unusable {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A key set could not be had, or is none.
    #[error("key set {place}: {reason}")]
    KeySet {
        /// Its path or URL, without the password that a URL may hold.
        place: String,
        /// Why.
        reason: String,
    },
    /// The system has no randomness to give.
    #[error("no randomness for a new key: {0}")]
    Randomness(String),
}

impl KeySources {
    /// The secret that tokens are issued with: the operator's, else the broker's own.
    pub(super) fn issuing_secret(&self) -> Result<Vec<u8>, KeysError> {
        let (setting, secret) = match &self.secret_file {
            Some(path) => ("jwt_secret_file", operators_secret(path)),
            None => ("data_dir", own_secret(&self.data_dir)),
        };
        secret.map_err(|error| KeysError { setting, error })
    }
}

fn unusable(path: &Path, reason: &str) -> KeyError {
    KeyError::Unusable { path: path.to_owned(), reason: reason.to_owned() }
}

fn file_error(path: &Path) -> impl FnOnce(io::Error) -> KeyError {
    let path = path.to_owned();
    |source| KeyError::File { path, source }
}

/// A file of keys, whole.
///
/// # Errors
/// If it cannot be read, or has more than [`KEYS_BYTES_MAX`] bytes.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, KeyError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(file_error(path))?;
    file.take(KEYS_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(file_error(path))?;
    if bytes.len() as u64 > KEYS_BYTES_MAX {
        return Err(unusable(path, "too long for a key"));
    }
    Ok(bytes)
}

fn operators_secret(path: &Path) -> Result<Vec<u8>, KeyError> {
    let mut secret = read(path)?;
    if secret.last() == Some(&b'\n') {
        secret.pop();
        if secret.last() == Some(&b'\r') {
            secret.pop();
        }
    }
    if secret.len() < SECRET_MIN_BYTES {
        let reason = format!("a secret of at least {SECRET_MIN_BYTES} bytes is needed");
        return Err(unusable(path, &reason));
    }
    if secret.len() < SECRET_WANTED_BYTES {
        tracing::warn!(
            file = %path.display(),
            "the secret for tokens is shorter than {SECRET_WANTED_BYTES} bytes"
        );
    }
    Ok(secret)
}

/// The broker's own key, made at the first start.
fn own_secret(data_dir: &Path) -> Result<Vec<u8>, KeyError> {
    let path = data_dir.join(OWN_KEY_FILE);
    if !path.try_exists().map_err(file_error(&path))? {
        make_own_secret(data_dir, &path)?;
    }
    let mode = fs::metadata(&path).map_err(file_error(&path))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Exposed { path, mode });
    }
    let text = read(&path)?;
    let secret = URL_SAFE_NO_PAD.decode(text.trim_ascii()).unwrap_or_default();
    if secret.len() == OWN_KEY_BYTES {
        Ok(secret)
    } else {
        Err(unusable(&path, "not a key that this program made"))
    }
}

/// Whole or not at all, and never in place of a key that another start has just made: the key is
/// written beside its place, made durable, and linked there only if nothing is there.
fn make_own_secret(data_dir: &Path, path: &Path) -> Result<(), KeyError> {
    let mut random = [0; OWN_KEY_BYTES + 8];
    OsRng.try_fill_bytes(&mut random).map_err(|error| KeyError::Randomness(error.to_string()))?;
    let (secret, suffix) = random.split_at(OWN_KEY_BYTES);
    let draft = data_dir.join(format!(".{OWN_KEY_FILE}-{}", URL_SAFE_NO_PAD.encode(suffix)));
    let written = write_draft(&draft, secret).and_then(|()| link_if_free(&draft, path));
    let removed = fs::remove_file(&draft);
    written.and(removed).map_err(file_error(path))?;
    File::open(data_dir).and_then(|dir| dir.sync_all()).map_err(file_error(data_dir))
}

fn write_draft(draft: &Path, secret: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    writeln!(file, "{}", URL_SAFE_NO_PAD.encode(secret))?;
    file.sync_all()
}

fn link_if_free(draft: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(dir: &Path) -> KeySources {
        KeySources { data_dir: dir.to_owned(), secret_file: None, jwks: None }
    }

    #[test]
    fn the_brokers_own_key_is_made_once_and_for_the_owner_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = sources(dir.path()).issuing_secret().expect("a key");
        let mode =
            fs::metadata(dir.path().join(OWN_KEY_FILE)).expect("a file").permissions().mode();
        assert_eq!((first.len(), mode & 0o777), (OWN_KEY_BYTES, 0o600));
        assert_eq!(sources(dir.path()).issuing_secret().expect("the same key"), first);
        assert_eq!(fs::read_dir(dir.path()).expect("a directory").count(), 1);
    }

    #[test]
    fn a_key_that_was_made_meanwhile_is_kept() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = sources(dir.path()).issuing_secret().expect("a key");
        make_own_secret(dir.path(), &dir.path().join(OWN_KEY_FILE)).expect("nothing to do");
        assert_eq!(sources(dir.path()).issuing_secret().expect("a key"), first);
    }

    #[test]
    fn an_own_key_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        sources(dir.path()).issuing_secret().expect("a key");
        let path = dir.path().join(OWN_KEY_FILE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("a mode");
        let refused = sources(dir.path()).issuing_secret().expect_err("exposed").to_string();
        assert!(refused.starts_with("data_dir: "), "{refused}");
        assert!(refused.contains("0640") && refused.contains(OWN_KEY_FILE), "{refused}");
    }

    #[test]
    fn a_broken_own_key_is_refused_and_not_replaced() {
        let dir = tempfile::tempdir().expect("a directory");
        sources(dir.path()).issuing_secret().expect("a key");
        fs::write(dir.path().join(OWN_KEY_FILE), "short").expect("written");
        let refused = sources(dir.path()).issuing_secret().expect_err("too short");
        assert!(matches!(refused.error, KeyError::Unusable { .. }), "{refused}");
    }

    #[test]
    fn an_operators_secret_ends_before_its_line_ending() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("secret");
        let with = KeySources { secret_file: Some(path.clone()), ..sources(dir.path()) };
        for (text, secret) in [
            ("a secret of more than thirty-two bytes\n", "a secret of more than thirty-two bytes"),
            ("just seventeen by\r\n", "just seventeen by"),
            (" white space counts ", " white space counts "),
        ] {
            fs::write(&path, text).expect("written");
            assert_eq!(with.issuing_secret().expect("a secret"), secret.as_bytes());
        }
        fs::write(&path, "guess\n").expect("written");
        let refused = with.issuing_secret().expect_err("too short");
        assert!(matches!(refused.error, KeyError::Unusable { .. }), "{refused}");
        assert!(!dir.path().join(OWN_KEY_FILE).exists(), "no key of its own is needed");
    }
}
