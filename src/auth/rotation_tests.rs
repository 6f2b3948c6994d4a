//! Key sets that change while the broker runs. Time is tokio's, and turned by hand.

use super::authenticator::{Authenticator, TokenRejected};
use super::claims::{Claims, Role};
use super::key::tests::{Signer, ec_signer, ed_signer};
use super::keys::KeySources;
use super::loopback::{Loopback, PATIENCE, response, set};
use crate::domain::ids::OrganisationId;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use serde_json::json;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::time::advance;

const MINUTE: Duration = Duration::from_secs(60);

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).expect("an instant")
}

fn token(signer: &Signer, key_id: &str) -> String {
    let claims = Claims {
        subject: "edred".into(),
        organisation: OrganisationId::new(129),
        role: Role::Device,
        expires_at: DateTime::from_timestamp(1_800_000_060, 0).expect("an instant"),
    };
    let header = json!({"alg": signer.key.algorithm_name(), "kid": key_id}).to_string();
    let payload = claims.write(now()).to_string();
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature =
        jsonwebtoken::crypto::sign(message.as_bytes(), &signer.private, signer.algorithm);
    format!("{message}.{}", signature.expect("a signature"))
}

/// Keeps the paused clock where it is until it is dropped. Left alone, that clock leaps to the next timer
/// whenever the runtime is idle, which it is while a fetch is under way elsewhere.
struct StoppedClock {
    _until: mpsc::Sender<()>,
}

impl StoppedClock {
    fn new() -> Self {
        let (until, stopped) = mpsc::channel::<()>();
        // A blocking task holds the clock; this one ends when the other end is dropped.
        tokio::task::spawn_blocking(move || stopped.recv());
        Self { _until: until }
    }
}

/// A broker that follows a key set, and where it keeps its own key.
struct Following {
    authenticator: Authenticator,
    dir: TempDir,
    _clock: StoppedClock,
}

impl Following {
    async fn start(jwks: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        Self::start_in(dir, jwks).await
    }

    async fn start_in(dir: TempDir, jwks: &str) -> Self {
        let clock = StoppedClock::new();
        let data_dir = dir.path().to_owned();
        let sources = KeySources { data_dir, secret_file: None, jwks: Some(jwks.to_owned()) };
        let authenticator = Authenticator::start(&sources).await.expect("keys");
        Self { authenticator, dir, _clock: clock }
    }

    fn believes(&self, token: &str) -> bool {
        self.judge(token).is_ok()
    }

    fn judge(&self, token: &str) -> Result<Claims, TokenRejected> {
        self.authenticator.judge(token, now())
    }

    /// Waits until the set that has this token's key is in use. Time stands still for the broker.
    async fn believed(&self, token: &str) {
        let started = Instant::now();
        while !self.believes(token) {
            assert!(started.elapsed() < PATIENCE, "the key is not known yet");
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_token_after_one_with_a_new_key_is_believed() {
    let (old, new) = (ed_signer(), ec_signer());
    let server = Loopback::serving(&set(&[old.named("k1")]));
    let following = Following::start(&server.url()).await;
    assert!(following.believes(&token(&old, "k1")));

    server.serve(&set(&[old.named("k1"), new.named("k2")]));
    assert_eq!(following.judge(&token(&new, "k2")), Err(TokenRejected::UnknownKey));
    server.fetched(2).await;
    following.believed(&token(&new, "k2")).await;
    assert!(following.believes(&token(&old, "k1")), "both are alive");
    assert_eq!(server.fetches(), 2);
}

/// It may be there before whoever asked for it comes to wait.
#[tokio::test(start_paused = true)]
async fn a_reading_that_is_over_is_not_waited_for() {
    let (old, new) = (ed_signer(), ec_signer());
    let server = Loopback::serving(&set(&[old.named("k1")]));
    let following = Following::start(&server.url()).await;
    server.serve(&set(&[new.named("k2")]));
    let reading = following.authenticator.next_reading().expect("a key set");
    assert_eq!(following.judge(&token(&old, "k9")), Err(TokenRejected::UnknownKey));
    following.believed(&token(&new, "k2")).await;
    assert_eq!(reading.now_or_never(), Some(()));
    let another = following.authenticator.next_reading().expect("a key set");
    assert_eq!(another.now_or_never(), None);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_left_the_set_is_believed_for_five_minutes_at_most() {
    let (old, new) = (ed_signer(), ed_signer());
    let server = Loopback::serving(&set(&[old.named("k1"), new.named("k2")]));
    let following = Following::start(&server.url()).await;
    server.serve(&set(&[new.named("k2"), new.named("k3")]));
    advance(5 * MINUTE - Duration::from_secs(1)).await;
    assert!(following.believes(&token(&old, "k1")));
    assert_eq!(server.fetches(), 1, "nobody has looked again yet");

    advance(Duration::from_secs(2)).await;
    server.fetched(2).await;
    following.believed(&token(&new, "k3")).await;
    assert_eq!(following.judge(&token(&old, "k1")), Err(TokenRejected::UnknownKey));
    assert!(following.believes(&token(&new, "k2")));
}

#[tokio::test(start_paused = true)]
async fn an_outage_or_garbage_leaves_the_keys_as_they_are() {
    let (old, new) = (ed_signer(), ed_signer());
    let server = Loopback::serving(&set(&[old.named("k1")]));
    let following = Following::start(&server.url()).await;
    let bad = [
        response("500 Internal Server Error", &[]),
        response("200 OK", b"not a key set"),
        set(&[]),
        response("200 OK", &vec![b' '; 2 * 1024 * 1024]),
        Vec::new(),
    ];
    for (round, answer) in bad.iter().enumerate() {
        server.serve(answer);
        advance(5 * MINUTE).await;
        server.fetched(round + 2).await;
        assert!(following.believes(&token(&old, "k1")));
    }
    server.serve(&set(&[new.named("k2")]));
    advance(5 * MINUTE).await;
    // Whoever asks for a key that is not there yet has the set read once more: that is counted elsewhere.
    server.fetched(bad.len() + 2).await;
    following.believed(&token(&new, "k2")).await;
    assert!(!following.believes(&token(&old, "k1")));
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_made_up_key_names_fetches_once_in_thirty_seconds() {
    let signer = ed_signer();
    let server = Loopback::serving(&set(&[signer.named("k1")]));
    let following = Following::start(&server.url()).await;
    let made_up: Vec<_> = (0..1_000).map(|n| token(&signer, &format!("made-up-{n}"))).collect();
    let flood = || made_up.iter().for_each(|token| assert!(!following.believes(token)));
    flood();
    server.fetched(2).await;

    for _ in 0..29 {
        flood();
        advance(Duration::from_secs(1)).await;
    }
    assert_eq!(server.fetches(), 2, "who asks too soon waits");
    advance(Duration::from_secs(2)).await;
    server.fetched(3).await;

    for _ in 0..10 * 60 {
        following.believes(&made_up[0]);
        advance(Duration::from_secs(1)).await;
    }
    assert!(server.fetches() <= 3 + 20, "{} fetches", server.fetches());
}

#[tokio::test(start_paused = true)]
async fn judging_does_not_wait_for_a_server_that_does_not_answer() {
    let signer = ed_signer();
    let server = Loopback::serving(&set(&[signer.named("k1")]));
    let following = Following::start(&server.url()).await;
    server.stall();
    let unknown = token(&signer, "k2");
    assert_eq!(following.judge(&unknown), Err(TokenRejected::UnknownKey));
    server.fetched(2).await;
    assert_eq!(following.judge(&unknown), Err(TokenRejected::UnknownKey));
    assert!(following.believes(&token(&signer, "k1")));
    assert_eq!(server.fetches(), 2, "that one is still under way");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_signature_of_a_known_key_fetches_nothing() {
    let (signer, forger) = (ed_signer(), ed_signer());
    let server = Loopback::serving(&set(&[signer.named("k1")]));
    let following = Following::start(&server.url()).await;
    assert_eq!(following.judge(&token(&forger, "k1")), Err(TokenRejected::Signature));
    advance(MINUTE).await;
    assert_eq!(server.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_set_in_a_file_is_read_again_without_a_restart() {
    let (old, new) = (ed_signer(), ed_signer());
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("keys.json");
    let write = |keys: serde_json::Value| {
        std::fs::write(&path, json!({ "keys": keys }).to_string()).expect("written");
    };
    write(json!([old.named("k1")]));
    let following = Following::start_in(dir, &path.to_string_lossy()).await;
    write(json!([new.named("k2")]));
    following.believed(&token(&new, "k2")).await;
    assert_eq!(following.judge(&token(&old, "k1")), Err(TokenRejected::UnknownKey));

    write(json!([new.named("k2"), new.named("k3")]));
    advance(5 * MINUTE).await;
    following.believed(&token(&new, "k3")).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_fetched_for_a_broker_that_is_gone() {
    let server = Loopback::serving(&set(&[ed_signer().named("k1")]));
    drop(Following::start(&server.url()).await);
    advance(60 * MINUTE).await;
    assert_eq!(server.fetches(), 1);
}

#[tokio::test]
async fn a_start_without_a_usable_key_set_names_its_url() {
    let server = Loopback::serving(&set(&[]));
    let dir = tempfile::tempdir().expect("a directory");
    let data_dir = dir.path().to_owned();
    let sources = KeySources { data_dir, secret_file: None, jwks: Some(server.url()) };
    let refused = Authenticator::start(&sources).await.expect_err("no key").to_string();
    let named = format!("jwks: key set {}: ", server.url());
    assert!(refused.starts_with(&named) && refused.contains("no key"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn whoever_only_issues_needs_no_key_set_and_is_believed_by_whoever_follows_it() {
    let server = Loopback::serving(&set(&[ed_signer().named("k1")]));
    let following = Following::start(&server.url()).await;
    let data_dir = following.dir.path().to_owned();
    let jwks = Some("https://nobody.invalid/keys.json".to_owned());
    let issuer = Authenticator::open(&KeySources { data_dir, secret_file: None, jwks });
    let claims = Claims {
        subject: "edred".into(),
        organisation: None,
        role: Role::Operator,
        expires_at: DateTime::from_timestamp(1_800_000_060, 0).expect("an instant"),
    };
    let issued = issuer.expect("a secret").issue(&claims, now()).expect("a token");
    assert_eq!(following.judge(&issued), Ok(claims));
}
