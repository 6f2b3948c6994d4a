//! Where a key set is, and reading it: a file, or a URL that is fetched.
//!
//! Whoever can change a key set on its way can log in as anybody. So no redirect is followed: what was
//! asked for by `https` is answered by `https`, and by the host that the operator named.

use super::key::Key;
use super::key_set;
use super::keys::{self, KEYS_BYTES_MAX, KeyError};
use rustls::crypto::aws_lc_rs;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Proxy};

/// A fetch may take so long in all, from the look-up of the name to the last byte.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);

/// A key set by its file or URL.
#[derive(Clone, Debug)]
pub(super) struct Source {
    place: Place,
    fetch_timeout: Duration,
}

#[derive(Clone, Debug)]
enum Place {
    File(PathBuf),
    Url(String),
}

impl Source {
    /// As the setting `jwks` has it.
    pub(super) fn new(setting: &str) -> Self {
        let is_url = setting.starts_with("http://") || setting.starts_with("https://");
        let place =
            if is_url { Place::Url(setting.to_owned()) } else { Place::File(setting.into()) };
        Self { place, fetch_timeout: FETCH_TIMEOUT }
    }

    /// The keys that are there now.
    ///
    /// A thread of its own reads them: a stop of the broker waits for no server and no file system, as
    /// it would for a thread of the runtime.
    ///
    /// # Errors
    /// If the set cannot be had, or holds no usable key.
    pub(super) async fn load(&self) -> Result<Vec<Key>, KeyError> {
        let (answer, loaded) = oneshot::channel();
        let source = self.clone();
        let reader = thread::Builder::new().name("key-set".to_owned());
        // Whoever asked may be gone when the answer comes.
        let started = reader.spawn(move || drop(answer.send(source.read())));
        started.map_err(|error| self.error(error.to_string()))?;
        loaded.await.unwrap_or_else(|_| Err(self.error("the reader broke off".to_owned())))
    }

    /// Blocks as long as it takes, for a URL at most the time-out.
    fn read(&self) -> Result<Vec<Key>, KeyError> {
        let bytes = match &self.place {
            Place::File(path) => keys::read(path)?,
            Place::Url(url) => {
                fetch(url, self.fetch_timeout).map_err(|reason| self.error(reason))?
            }
        };
        key_set::parse(&bytes).map_err(|reason| self.error(reason))
    }

    fn error(&self, reason: String) -> KeyError {
        let place = match &self.place {
            Place::File(path) => path.display().to_string(),
            Place::Url(url) => without_password(url),
        };
        KeyError::KeySet { place, reason }
    }
}

fn fetch(url: &str, timeout: Duration) -> Result<Vec<u8>, String> {
    // The certificates that the system trusts: an operator's own authority is added there.
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()))
        .build();
    // What is on this machine needs no proxy, and `http` is for that alone.
    let proxy = if url.starts_with("https://") { Proxy::try_from_env() } else { None };
    let config = Agent::config_builder()
        .tls_config(tls)
        .proxy(proxy)
        .timeout_global(Some(timeout))
        .max_redirects(0)
        .http_status_as_error(false)
        .build();
    let agent = Agent::new_with_config(config);
    let mut answer = agent.get(url).call().map_err(|error| error.to_string())?;
    if answer.status() != 200 {
        return Err(format!("the server answered {}", answer.status()));
    }
    let body = answer.body_mut().with_config().limit(KEYS_BYTES_MAX).read_to_vec();
    body.map_err(|error| error.to_string())
}

/// A URL for logs: without the user and password that may stand before its host.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..authority_end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::tests::ed_signer;
    use super::super::loopback::{Loopback, response, set};
    use super::*;
    use serde_json::json;

    async fn refused(server: &Loopback) -> String {
        let source = Source::new(&server.url());
        let source = Source { fetch_timeout: Duration::from_millis(300), ..source };
        let error = source.load().await.expect_err("no key set").to_string();
        assert!(error.contains(&server.url()), "{error}");
        error
    }

    #[tokio::test]
    async fn a_key_set_is_fetched_from_its_url() {
        let server = Loopback::serving(&set(&[ed_signer().named("k1"), ed_signer().named("k2")]));
        let keys = Source::new(&server.url()).load().await.expect("a key set");
        let names: Vec<_> = keys.iter().filter_map(|key| key.id.as_deref()).collect();
        assert_eq!(names, ["k1", "k2"]);
        assert_eq!(server.fetches(), 1);
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_named() {
        let url = Loopback::serving(&set(&[])).url();
        let error = Source::new(&url).load().await.expect_err("nobody listens").to_string();
        assert!(error.contains(&url), "{error}");
    }

    #[tokio::test]
    async fn an_answer_that_is_no_key_set_is_refused() {
        let server = Loopback::serving(&set(&[]));
        for (answer, named) in [
            (response("200 OK", b"<html>"), "expected value"),
            (response("200 OK", b"{}"), "`keys`"),
            (set(&[json!({"kty": "oct", "k": "c2VjcmV0"})]), "no key"),
            (response("503 Service Unavailable", &[]), "503"),
            (b"SSH-2.0-OpenSSH_9.9\r\n".to_vec(), ""),
            (Vec::new(), ""),
        ] {
            server.serve(&answer);
            let error = refused(&server).await;
            assert!(error.contains(named), "{error}");
        }
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let good = Loopback::serving(&set(&[ed_signer().jwk]));
        let answer =
            format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", good.url());
        let error = refused(&Loopback::serving(answer.as_bytes())).await;
        assert!(error.contains("302"), "{error}");
        assert_eq!(good.fetches(), 0);
    }

    #[tokio::test]
    async fn a_body_beyond_the_bound_is_refused_whether_or_not_it_says_its_length() {
        let mut huge = json!({"keys": [ed_signer().jwk]}).to_string().into_bytes();
        huge.resize(KEYS_BYTES_MAX as usize + 1, b' ');
        let head = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
        for answer in [response("200 OK", &huge), [head, huge.clone()].concat()] {
            let error = refused(&Loopback::serving(&answer)).await;
            assert!(error.contains("limit"), "{error}");
        }
        huge.pop();
        let server = Loopback::serving(&response("200 OK", &huge));
        assert_eq!(Source::new(&server.url()).load().await.expect("a key set").len(), 1);
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_is_given_up() {
        let server = Loopback::serving(&set(&[]));
        server.stall();
        let error = refused(&server).await;
        assert!(error.contains("timeout"), "{error}");
    }

    #[tokio::test]
    async fn a_server_that_does_not_finish_is_given_up() {
        let unfinished = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{";
        let server = Loopback::serving(unfinished);
        server.stall_after_answers();
        let error = refused(&server).await;
        assert!(error.contains("timeout"), "{error}");
    }

    #[tokio::test]
    async fn a_file_that_is_missing_or_beyond_the_bound_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("keys.json");
        let source = Source::new(&path.to_string_lossy());
        let missing = source.load().await.expect_err("no file").to_string();
        assert!(missing.contains("keys.json"), "{missing}");
        std::fs::write(&path, vec![b' '; KEYS_BYTES_MAX as usize + 1]).expect("written");
        let huge = source.load().await.expect_err("too long").to_string();
        assert!(huge.contains("keys.json") && huge.contains("too long"), "{huge}");
    }

    #[test]
    fn a_password_in_a_url_is_not_logged() {
        let named = |url| Source::new(url).error(String::new()).to_string();
        let hidden = named("https://broker:p%40ss@keys.example/set@home");
        assert!(hidden.contains("https://keys.example/set@home"), "{hidden}");
        assert!(!hidden.contains("p%40ss"), "{hidden}");
    }
}
