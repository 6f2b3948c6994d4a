//! The keys that are trusted, and from which files they come.
//!
//! A key brings its algorithm with it: a secret is HS256, an RSA key RS256, a P-256 key ES256 and an
//! Ed25519 key EdDSA. What a token's header says never chooses.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use serde_json::Value;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The broker's own key in the data directory: 32 random bytes, base64url.
const OWN_KEY_FILE: &str = "token-key";
const OWN_KEY_BYTES: usize = 32;

/// A shorter secret can be guessed from a token alone.
const SECRET_MIN_BYTES: usize = 8;
/// RFC 7518 §3.2 asks for as many bytes as the hash has; fewer are taken with a warning.
const SECRET_WANTED_BYTES: usize = 32;

/// A key set or secret larger than this is none.
const KEY_FILE_MAX_BYTES: u64 = 1024 * 1024;

/// Where the keys come from (SPEC §9).
#[derive(Clone, Debug)]
pub struct KeySources {
    /// Where the broker keeps its own key. Read and written only if there is no `secret_file`.
    pub data_dir: PathBuf,
    /// An HS256 secret that takes the place of the broker's own key. A line ending at its end is not
    /// part of it.
    pub secret_file: Option<PathBuf>,
    /// A JSON Web Key Set, trusted beside the secret: a file. It is read at start.
    pub jwks: Option<String>,
}

/// Why the keys could not be had; the message names the file, and no key.
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
    /// A key set by URL.
    #[error("{0}: a key set is read from a file; fetch it from its URL beforehand")]
    Url(String),
    /// The system has no randomness to give.
    #[error("no randomness for a new key: {0}")]
    Randomness(String),
}

/// What kind of key it is, and thereby the one algorithm that it is used with.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Secret,
    Rsa,
    P256,
    Ed25519,
}

impl Kind {
    const fn algorithm(self) -> Algorithm {
        match self {
            Self::Secret => Algorithm::HS256,
            Self::Rsa => Algorithm::RS256,
            Self::P256 => Algorithm::ES256,
            Self::Ed25519 => Algorithm::EdDSA,
        }
    }

    /// As the header of a token, and a key set, name the algorithm.
    const fn algorithm_name(self) -> &'static str {
        match self {
            Self::Secret => "HS256",
            Self::Rsa => "RS256",
            Self::P256 => "ES256",
            Self::Ed25519 => "EdDSA",
        }
    }
}

/// A key that is trusted.
#[derive(Debug)]
pub(super) struct Key {
    /// `kid`; a token that names one is held against the keys of that name alone.
    pub(super) id: Option<String>,
    kind: Kind,
    decoding: DecodingKey,
}

impl Key {
    pub(super) fn secret(secret: &[u8]) -> Self {
        Self { id: None, kind: Kind::Secret, decoding: DecodingKey::from_secret(secret) }
    }

    /// As the header of a token names it.
    pub(super) fn algorithm_name(&self) -> &'static str {
        self.kind.algorithm_name()
    }

    /// Whether the holder of the key signed this. HMACs are compared in constant time.
    pub(super) fn has_signed(&self, message: &[u8], signature: &str) -> bool {
        jsonwebtoken::crypto::verify(signature, message, &self.decoding, self.kind.algorithm())
            .unwrap_or(false)
    }
}

impl KeySources {
    /// The secret that tokens are issued with: the operator's, else the broker's own.
    pub(super) fn issuing_secret(&self) -> Result<Vec<u8>, KeyError> {
        match &self.secret_file {
            Some(path) => operators_secret(path),
            None => own_secret(&self.data_dir),
        }
    }

    /// The keys of the key set, if there is one.
    pub(super) fn public_keys(&self) -> Result<Vec<Key>, KeyError> {
        let Some(source) = &self.jwks else {
            return Ok(Vec::new());
        };
        if source.starts_with("http://") || source.starts_with("https://") {
            return Err(KeyError::Url(source.clone()));
        }
        let path = Path::new(source);
        key_set(&read(path)?).map_err(|reason| unusable(path, &reason))
    }
}

fn unusable(path: &Path, reason: &str) -> KeyError {
    KeyError::Unusable { path: path.to_owned(), reason: reason.to_owned() }
}

fn file_error(path: &Path) -> impl FnOnce(io::Error) -> KeyError {
    let path = path.to_owned();
    |source| KeyError::File { path, source }
}

fn read(path: &Path) -> Result<Vec<u8>, KeyError> {
    let length = fs::metadata(path).map_err(file_error(path))?.len();
    if length > KEY_FILE_MAX_BYTES {
        return Err(unusable(path, "too long for a key"));
    }
    fs::read(path).map_err(file_error(path))
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
            path = %path.display(),
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

/// The keys of a set (RFC 7517) that tokens can be verified with. Keys of other kinds or for other
/// uses are passed over, as §5 there asks for; a key of a known kind that is broken is an error.
fn key_set(text: &[u8]) -> Result<Vec<Key>, String> {
    let set: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let listed = set.get("keys").and_then(Value::as_array).ok_or("no list `keys`")?;
    let mut keys = Vec::new();
    for (index, jwk) in listed.iter().enumerate() {
        match public_key(jwk).map_err(|reason| format!("keys[{index}]: {reason}"))? {
            Some(key) => keys.push(key),
            None => tracing::warn!(index, "a key of the key set is of no use here: passed over"),
        }
    }
    if keys.is_empty() {
        return Err("no key for RS256, ES256 or EdDSA".to_owned());
    }
    Ok(keys)
}

fn public_key(jwk: &Value) -> Result<Option<Key>, String> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let part = |name: &str, min_bytes: usize, max_bytes: usize| {
        let text = text(name).ok_or_else(|| format!("`{name}` is missing"))?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| format!("`{name}`: not base64url"))?;
        let fits = (min_bytes..=max_bytes).contains(&bytes.len());
        if fits { Ok(text) } else { Err(format!("`{name}`: {} bytes", bytes.len())) }
    };
    if text("use").is_some_and(|usage| usage != "sig") {
        return Ok(None);
    }
    let (kind, decoding) = match (text("kty"), text("crv")) {
        (Some("RSA"), _) => {
            let (n, e) = (part("n", 256, 1024)?, part("e", 1, 8)?);
            (Kind::Rsa, DecodingKey::from_rsa_components(n, e))
        }
        (Some("EC"), Some("P-256")) => {
            let (x, y) = (part("x", 32, 32)?, part("y", 32, 32)?);
            (Kind::P256, DecodingKey::from_ec_components(x, y))
        }
        (Some("OKP"), Some("Ed25519")) => {
            let x = part("x", 32, 32)?;
            (Kind::Ed25519, DecodingKey::from_ed_components(x))
        }
        _ => return Ok(None),
    };
    if text("alg").is_some_and(|meant| meant != kind.algorithm_name()) {
        return Ok(None);
    }
    let decoding = decoding.map_err(|error| error.to_string())?;
    Ok(Some(Key { id: text("kid").map(str::to_owned), kind, decoding }))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
    use base64::engine::general_purpose::STANDARD;
    use jsonwebtoken::EncodingKey;
    use jsonwebtoken::jwk::Jwk;
    use serde_json::json;

    /// A private key, the key that verifies it, and the bytes of its public half.
    pub(in crate::auth) struct Signer {
        pub(in crate::auth) private: EncodingKey,
        pub(in crate::auth) algorithm: Algorithm,
        pub(in crate::auth) key: Key,
        pub(in crate::auth) public: Vec<u8>,
        pub(in crate::auth) jwk: Value,
    }

    fn signer(private: EncodingKey, algorithm: Algorithm) -> Signer {
        let jwk = jwk(&private, algorithm);
        signer_of(private, algorithm, jwk)
    }

    fn signer_of(private: EncodingKey, algorithm: Algorithm, jwk: Value) -> Signer {
        let key = public_key(&jwk).expect("a good key").expect("a key for signatures");
        let public = jwk.get("n").or_else(|| jwk.get("x")).and_then(Value::as_str);
        let public = URL_SAFE_NO_PAD.decode(public.expect("a part")).expect("base64url");
        Signer { private, algorithm, key, public, jwk }
    }

    fn jwk(private: &EncodingKey, algorithm: Algorithm) -> Value {
        let jwk = Jwk::from_encoding_key(private, algorithm).expect("a public key");
        serde_json::to_value(jwk).expect("JSON")
    }

    pub(in crate::auth) fn rsa_signer() -> Signer {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let der = pair.as_der().expect("PKCS #8");
        let body = STANDARD.encode(der.as_ref());
        let lines: Vec<&str> =
            body.as_bytes().chunks(64).map(|l| std::str::from_utf8(l).expect("ASCII")).collect();
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            lines.join("\n")
        );
        signer(EncodingKey::from_rsa_pem(pem.as_bytes()).expect("a key"), Algorithm::RS256)
    }

    pub(in crate::auth) fn ec_signer() -> Signer {
        let curve = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let der = EcdsaKeyPair::generate_pkcs8(curve, &SystemRandom::new()).expect("a key");
        signer(EncodingKey::from_ec_der(der.as_ref()), Algorithm::ES256)
    }

    pub(in crate::auth) fn ed_signer() -> Signer {
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        let pair = Ed25519KeyPair::from_pkcs8(der.as_ref()).expect("a key");
        let x = URL_SAFE_NO_PAD.encode(pair.public_key());
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
        signer_of(EncodingKey::from_ed_der(der.as_ref()), Algorithm::EdDSA, jwk)
    }

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
        assert!(refused.contains("0640") && refused.contains(OWN_KEY_FILE), "{refused}");
    }

    #[test]
    fn a_broken_own_key_is_refused_and_not_replaced() {
        let dir = tempfile::tempdir().expect("a directory");
        sources(dir.path()).issuing_secret().expect("a key");
        fs::write(dir.path().join(OWN_KEY_FILE), "short").expect("written");
        assert!(matches!(sources(dir.path()).issuing_secret(), Err(KeyError::Unusable { .. })));
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
        fs::write(&path, "too short\n").expect("written");
        assert!(matches!(with.issuing_secret(), Err(KeyError::Unusable { .. })));
        assert!(!dir.path().join(OWN_KEY_FILE).exists(), "no key of its own is needed");
    }

    #[test]
    fn a_key_set_gives_the_keys_that_verify_and_passes_over_the_rest() {
        let mut good = ed_signer().jwk;
        good["kid"] = json!("k1");
        let mut for_encryption = good.clone();
        for_encryption["use"] = json!("enc");
        let set = json!({"keys": [
            {"kty": "oct", "k": "c2VjcmV0"},
            {"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"},
            {"kty": "new"}, 7, for_encryption, good,
        ]});
        let keys = key_set(set.to_string().as_bytes()).expect("a key set");
        assert_eq!(keys.len(), 1);
        assert_eq!((keys[0].id.as_deref(), keys[0].algorithm_name()), (Some("k1"), "EdDSA"));
    }

    #[test]
    fn a_key_for_another_algorithm_of_its_kind_is_passed_over() {
        let mut rsa = rsa_signer().jwk;
        rsa["alg"] = json!("PS256");
        assert!(public_key(&rsa).expect("well-formed").is_none());
    }

    #[test]
    fn a_broken_key_set_is_refused_with_the_place() {
        let small = json!({"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]}).to_string();
        for (text, named) in [
            ("[]", "keys"),
            ("{", "EOF"),
            (r#"{"keys":[]}"#, "no key"),
            (r#"{"keys":[{"kty":"OKP","crv":"Ed25519"}]}"#, "keys[0]: `x`"),
            (&small, "keys[0]: `n`"),
        ] {
            let refused = key_set(text.as_bytes()).expect_err("broken");
            assert!(refused.contains(named), "{refused}");
        }
    }

    #[test]
    fn a_key_set_by_url_is_refused_in_words() {
        let dir = tempfile::tempdir().expect("a directory");
        let url = "https://example.test/jwks.json".to_owned();
        let with = KeySources { jwks: Some(url), ..sources(dir.path()) };
        let refused = with.public_keys().expect_err("a URL").to_string();
        assert!(refused.contains("from a file"), "{refused}");
    }
}
