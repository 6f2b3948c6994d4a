//! `licence-broker demo`: a made-up organisation on loopback, its pages, and agents that come and go.

mod agents;
mod organisation;
mod routes;

use crate::app::{self, NodeSettings, Parts, Running, StartError, open_files};
use crate::auth::{Authenticator, Claims, KeysError, Role};
use crate::catalogue_file;
use crate::clock::Clock;
use crate::domain::ids::OrganisationId;
use crate::limits::{Heartbeat, Limits};
use crate::store::StoreError;
use crate::store::sqlite::SqliteStore;
use chrono::TimeDelta;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The organisation of the demo.
pub const ORGANISATION: u64 = 129;

/// How long the tokens that the demo hands out are good for.
const TOKEN_LIFE: TimeDelta = TimeDelta::hours(12);

/// What the demo may be told.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The port on 127.0.0.1; 0 for any that is free.
    pub port: u16,
    /// How many made-up agents come and go.
    pub agents: usize,
    /// The interval that devices are told.
    pub heartbeat: Duration,
}

/// Why the demo did not start.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The broker did not.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Its store did not.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its key could not be made.
    #[error(transparent)]
    Key(#[from] KeysError),
    /// Its folder could not be made.
    #[error("cannot make a folder for the demo: {0}")]
    Folder(#[from] std::io::Error),
    /// Its organisation could not be set up.
    #[error("cannot set up the organisation: {0}")]
    Organisation(String),
}

/// A demo that runs: the broker, and the folder that goes with it.
pub struct Demo {
    /// The broker.
    pub running: Running,
    folder: Folder,
    agents: Vec<tokio::task::JoinHandle<()>>,
}

/// Starts the demo: a broker with an empty store of its own, the organisation, its agents.
///
/// # Errors
/// See [`DemoError`].
pub async fn start(options: Options) -> Result<Demo, DemoError> {
    let folder = Folder::new()?;
    let catalogue = catalogue_file::built_in();
    let database = format!("sqlite://{}", folder.0.join("demo.db").display());
    let store = Arc::new(SqliteStore::open(&database, catalogue.clone()).await?);
    let clock = Clock::system();
    let secret: [u8; 32] = rand::random();
    let parts = Parts {
        listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), options.port),
        store,
        authenticator: Arc::new(Authenticator::with_secret(&secret)),
        clock,
        catalogue,
        limits: limits(),
        heartbeat: Heartbeat { every: options.heartbeat },
        certificate: None,
        allowed_origins: Vec::new(),
        retention: None,
        node: NodeSettings::default(),
        workers: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        routes: routes::configure,
    };
    let running = app::start(parts).await?;
    organisation::set_up(running.broker(), options.agents).await?;
    let agents = agents::start(&running, options.agents);
    Ok(Demo { running, folder, agents })
}

/// What there are descriptors for, as in a broker that is no demo.
fn limits() -> Limits {
    let (room, default) = (open_files::raise(), Limits::default());
    let sessions_max = default.sessions_max.min(room);
    let limits = Limits { sessions_max, ..default };
    Limits { connections_max: open_files::connections_within(room, &limits), ..limits }
}

impl Demo {
    /// Stops the agents and the broker, and removes the folder.
    pub async fn stop(self) {
        for agent in &self.agents {
            agent.abort();
        }
        self.running.drain().await;
        drop(self.folder);
    }

    /// A token for whoever tries things by hand.
    pub fn token(&self, role: Role, subject: &str) -> String {
        issue(&self.running, role, subject)
    }

    /// Where to look and what to try.
    pub fn guide(&self) -> String {
        let url = format!("http://{}", self.running.address);
        let admin = self.token(Role::Admin, "admin");
        let operator = self.token(Role::Operator, "operator");
        let edred = self.token(Role::Device, "edred");
        format!(
            "Licence Broker demo: organisation {ORGANISATION}, its agents come and go.\n\n  \
             Look at   {url}/\n\n\
             Try, in another terminal:\n\n  \
             export URL={url} ORG={ORGANISATION}\n  \
             export TOKEN={admin}\n  \
             curl -sH \"Authorization: Bearer $TOKEN\" $URL/v1/organisations/$ORG/licences\n  \
             curl -sH \"Authorization: Bearer $TOKEN\" $URL/v1/organisations/$ORG/sessions\n  \
             curl -sH \"Authorization: Bearer $TOKEN\" \
             \"$URL/v1/organisations/$ORG/licence-usage?format=csv&user=edred\"\n  \
             curl -NH \"Authorization: Bearer $TOKEN\" $URL/v1/organisations/$ORG/live\n\n\
             Load it:\n\n  \
             export LICENCE_BROKER_OPERATOR_TOKEN={operator}\n  \
             cargo run --release -p loadtest -- mass-login --url $URL --agents 500\n\n\
             A device's token, for a WebSocket of your own at \
             {url}/v1/organisations/{ORGANISATION}/session:\n\n  \
             {edred}\n\n\
             Ctrl-C stops it; nothing is left behind.\n"
        )
    }
}

/// A token of the demo's organisation, good for [`TOKEN_LIFE`].
fn issue(running: &Running, role: Role, subject: &str) -> String {
    routes::issue(running.broker(), role, subject)
}

fn organisation_id() -> OrganisationId {
    OrganisationId::new(ORGANISATION).expect("129 is a number of an organisation")
}

/// Claims of the demo's organisation.
fn claims(role: Role, subject: &str, now: chrono::DateTime<chrono::Utc>) -> Claims {
    Claims {
        subject: Arc::from(subject),
        organisation: (role != Role::Operator).then(organisation_id),
        role,
        expires_at: now + TOKEN_LIFE,
    }
}

/// A folder of its own that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        let name = format!("licence-broker-demo-{}", ulid::Ulid::new());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, file = %self.0.display(), "the demo's folder stays behind");
        }
    }
}
