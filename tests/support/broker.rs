//! A broker in this process.

use actix_web::web;
use chrono::TimeDelta;
use licence_broker::app::{self, NodeSettings, Parts};
use licence_broker::auth::{Authenticator, Claims, KeySources, Role};
use licence_broker::broker::Broker;
use licence_broker::catalogue_file;
use licence_broker::clock::Clock;
use licence_broker::domain::ids::OrganisationId;
use licence_broker::limits::{Heartbeat, Limits};
use licence_broker::store::Store;
use licence_broker::store::sqlite::SqliteStore;
use licence_broker::transport::certificate::Certificate;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::oneshot;

/// The secret of every broker that a test starts.
pub const SECRET: &[u8] = b"the secret of brokers that tests start";

type Wrap = Box<dyn FnOnce(Arc<dyn Store>) -> Arc<dyn Store> + Send>;

/// What a test may want otherwise.
pub struct Setup {
    /// The interval that devices are told; short, so that silence is soon noticed.
    pub heartbeat: Duration,
    pub limits: Limits,
    pub clock: Clock,
    /// The database; a fresh one by default.
    pub database: Option<PathBuf>,
    /// Puts something between the broker and its store.
    pub wrap: Wrap,
    pub allowed_origins: Vec<String>,
    /// Whether the broker is given back only once it takes logins.
    pub waits_until_ready: bool,
    /// A key set that is trusted beside the secret: a file or a URL.
    pub jwks: Option<String>,
    /// What TLS is served with; in the clear by default.
    pub certificate: Option<Arc<Certificate>>,
    /// How long records are kept; for ever by default.
    pub retention: Option<TimeDelta>,
    /// Paths beside the broker's own.
    pub routes: fn(&mut web::ServiceConfig),
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(15),
            limits: Limits::default(),
            clock: Clock::system(),
            database: None,
            wrap: Box::new(|store| store),
            allowed_origins: Vec::new(),
            waits_until_ready: true,
            jwks: None,
            certificate: None,
            retention: None,
            routes: |_| {},
        }
    }
}

/// How a broker is to end.
#[derive(Debug)]
enum End {
    /// As if the process were killed.
    Halt,
    /// As on SIGTERM.
    Drain,
}

/// A broker that serves on loopback until it is dropped.
pub struct TestBroker {
    pub address: SocketAddr,
    pub authenticator: Arc<Authenticator>,
    pub database: PathBuf,
    /// What the broker's connections have of it, for looking where no client can.
    pub inside: web::Data<Broker>,
    end: Option<oneshot::Sender<End>>,
    thread: Option<JoinHandle<()>>,
    _folder: Option<TempDir>,
}

impl TestBroker {
    /// A broker as an operator would run it.
    pub async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    /// A broker with something otherwise.
    pub async fn with(setup: Setup) -> Self {
        let folder = setup.database.is_none().then(|| TempDir::new().unwrap());
        let database = setup
            .database
            .clone()
            .unwrap_or_else(|| folder.as_ref().unwrap().path().join("test.db"));
        let authenticator = Arc::new(match setup.jwks.clone() {
            None => Authenticator::with_secret(SECRET),
            Some(jwks) => following(jwks).await,
        });
        let (started, running) = oneshot::channel();
        let (end, mut ended) = oneshot::channel();
        let (signer, path) = (authenticator.clone(), database.clone());
        let thread = std::thread::spawn(move || {
            actix::System::new().block_on(async move {
                let waits = setup.waits_until_ready;
                let mut running = app::open(parts(setup, signer, &path).await).await.unwrap();
                if waits {
                    running.recover().await.unwrap();
                }
                assert!(started.send((running.address, running.broker().clone())).is_ok());
                if !waits {
                    // A test that fails meanwhile must not wait for what it holds up.
                    tokio::select! {
                        recovered = running.recover() => recovered.unwrap(),
                        _ = &mut ended => return running.halt().await,
                    }
                }
                match (&mut ended).await {
                    Ok(End::Drain) => running.drain().await,
                    Ok(End::Halt) | Err(_) => running.halt().await,
                }
            });
        });
        let (address, inside) = running.await.expect("the broker starts");
        let (end, thread) = (Some(end), Some(thread));
        Self { address, authenticator, database, inside, end, thread, _folder: folder }
    }

    /// `http://…` of the broker, with the path added.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A token that is good for an hour.
    pub fn token(&self, role: Role, organisation: u64, subject: &str) -> String {
        self.token_for(role, organisation, subject, TimeDelta::hours(1))
    }

    /// A token that is good for as long as is said; it may be over already.
    pub fn token_for(
        &self,
        role: Role,
        organisation: u64,
        subject: &str,
        life: TimeDelta,
    ) -> String {
        let now = chrono::Utc::now();
        let claims = Claims {
            subject: Arc::from(subject),
            organisation: OrganisationId::new(organisation).filter(|_| role != Role::Operator),
            role,
            expires_at: now + life,
        };
        self.authenticator.issue(&claims, now).unwrap()
    }

    /// Ends the broker as if its process were killed; the database stays.
    pub async fn halt(mut self) -> PathBuf {
        self.finish(End::Halt).await
    }

    /// Stops the broker as SIGTERM does; the database stays.
    pub async fn drain(mut self) -> PathBuf {
        self.finish(End::Drain).await
    }

    async fn finish(&mut self, how: End) -> PathBuf {
        self.end.take().unwrap().send(how).unwrap();
        let thread = self.thread.take().unwrap();
        tokio::task::spawn_blocking(move || thread.join()).await.unwrap().expect("a clean end");
        self.database.clone()
    }
}

impl Drop for TestBroker {
    fn drop(&mut self) {
        // Dropping the sender ends the broker; its thread must be gone before its folder is.
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let joined = thread.join();
            assert!(joined.is_ok() || std::thread::panicking(), "the broker's thread panicked");
        }
    }
}

/// Trusts the secret and a key set, which it follows for as long as the test runs.
async fn following(jwks: String) -> Authenticator {
    let folder = TempDir::new().unwrap();
    let secret_file = folder.path().join("secret");
    std::fs::write(&secret_file, SECRET).unwrap();
    let data_dir = folder.path().to_owned();
    let sources = KeySources { data_dir, secret_file: Some(secret_file), jwks: Some(jwks) };
    Authenticator::start(&sources).await.unwrap()
}

async fn parts(setup: Setup, authenticator: Arc<Authenticator>, database: &Path) -> Parts {
    let catalogue = catalogue_file::built_in();
    let url = format!("sqlite://{}", database.display());
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&url, catalogue.clone()).await.unwrap());
    Parts {
        listen: "127.0.0.1:0".parse().unwrap(),
        store: (setup.wrap)(store),
        authenticator,
        clock: setup.clock,
        catalogue,
        limits: setup.limits,
        heartbeat: Heartbeat { every: setup.heartbeat },
        certificate: setup.certificate,
        allowed_origins: setup.allowed_origins,
        retention: setup.retention,
        node: NodeSettings { name: "a".into(), ..NodeSettings::default() },
        workers: 2,
        routes: setup.routes,
    }
}
