//! Some nodes on one database, and who calls them.

use crate::caller::Caller;
use crate::floor::Floor;
use crate::hand::{Hand, library};
use crate::node::{Database, Node, Settings};
use crate::support::postgres::Server;
use crate::support::until::until_seen;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use tempfile::{Builder, TempDir};

pub(crate) const HEARTBEAT: Duration = Duration::from_secs(2);
pub(crate) const LEASE: Duration = Duration::from_secs(3);
const NAMES: [&str; 3] = ["a", "b", "c"];

/// Nodes, and the folder that they live in.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    pub(crate) caller: Caller,
    /// None where the one node has a file.
    database: Option<Server>,
    /// By which PostgreSQL lives, if it is not the machine's.
    clock: Option<TempDir>,
    folder: TempDir,
    /// One cluster at a time: each has the machine for itself.
    _turn: File,
}

impl Cluster {
    /// A broker by itself, with a file.
    pub(crate) async fn alone() -> Self {
        let (heartbeat_s, lease_s) = (HEARTBEAT.as_secs(), LEASE.as_secs());
        let turn = tokio::task::spawn_blocking(turn).await.unwrap();
        Self::with(1, &Settings { heartbeat_s, lease_s, database: None }, None, turn).await
    }

    /// Three nodes that run, on a PostgreSQL of their own; `None` where there is none.
    pub(crate) async fn three() -> Option<Self> {
        let mut cluster = Self::three_stopped().await?;
        cluster.start().await;
        Some(cluster)
    }

    /// Three nodes that run, by whose clocks, and PostgreSQL's, it is `now`; `None` where there is no
    /// PostgreSQL or no clock can be set.
    pub(crate) async fn three_at(now: DateTime<Utc>) -> Option<Self> {
        let library = library()?;
        // PostgreSQL runs as somebody else, who must be able to read the clock.
        let folder = Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().unwrap();
        let hand = Hand::at(folder.path(), now);
        let mut cluster = Self::stopped(hand.variables(&library)).await?;
        for node in &mut cluster.nodes {
            node.set_clock(now);
        }
        cluster.clock = Some(folder);
        cluster.start().await;
        Some(cluster)
    }

    /// Three nodes, not started yet.
    pub(crate) async fn three_stopped() -> Option<Self> {
        Self::stopped(Vec::new()).await
    }

    /// The same, on a PostgreSQL that finds this in its environment.
    async fn stopped(variables: Vec<(&'static str, OsString)>) -> Option<Self> {
        let turn = tokio::task::spawn_blocking(turn).await.unwrap();
        let own = tokio::task::spawn_blocking(|| Server::own_with(variables));
        let server = own.await.unwrap()?;
        let url = server.new_database().await;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port()));
        let database = Some(Database { url, address });
        let (heartbeat_s, lease_s) = (HEARTBEAT.as_secs(), LEASE.as_secs());
        let settings = Settings { heartbeat_s, lease_s, database };
        Some(Self::with(NAMES.len(), &settings, Some(server), turn).await)
    }

    async fn with(count: usize, settings: &Settings, database: Option<Server>, turn: File) -> Self {
        let folder = TempDir::new().unwrap();
        let mut nodes = Vec::new();
        for name in NAMES.into_iter().take(count) {
            nodes.push(Node::new(name, folder.path(), settings).await);
        }
        let addresses: Vec<SocketAddr> = nodes.iter().map(|node| node.address).collect();
        let caller = Caller::new(addresses, Floor::operator_token());
        Self { nodes, caller, database, clock: None, folder, _turn: turn }
    }

    /// Starts all that do not run, and waits until they take logins.
    pub(crate) async fn start(&mut self) {
        for node in self.nodes.iter_mut().filter(|node| !node.is_running()) {
            node.spawn();
        }
        for node in &mut self.nodes {
            node.until_ready().await;
        }
    }

    /// PostgreSQL.
    pub(crate) fn database(&self) -> &Server {
        self.database.as_ref().expect("nodes that share a database")
    }

    /// The URL of the nodes' database, past all lines; none where the one node has a file.
    pub(crate) fn database_url(&self) -> Option<&str> {
        self.nodes[0].database_url_past_lines()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Whether nobody shares its database.
    pub(crate) fn is_alone(&self) -> bool {
        self.database.is_none()
    }

    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(|node| node.address).collect()
    }

    /// The node that owns an organisation, by its place among the nodes.
    pub(crate) async fn owner(&self, organisation: u64) -> usize {
        until_seen("an owner that runs", async || {
            let path = format!("/v1/organisations/{organisation}/endpoint");
            let endpoint = self.caller.get(&path).await;
            self.nodes.iter().position(|node| endpoint["node"] == node.name && node.is_running())
        })
        .await
    }

    /// Which organisations each node owns.
    pub(crate) async fn owned(&self, organisations: &[u64]) -> BTreeMap<usize, Vec<u64>> {
        let mut owned: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
        for organisation in organisations {
            let owner = self.owner(*organisation).await;
            owned.entry(owner).or_default().push(*organisation);
        }
        owned
    }

    /// The node that owns most, and what.
    pub(crate) async fn busiest(&self, organisations: &[u64]) -> (usize, Vec<u64>) {
        let owned = self.owned(organisations).await;
        owned.into_iter().max_by_key(|(_, owned)| owned.len()).expect("organisations")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for node in &self.nodes {
            eprintln!("--- the last words of node {}:\n{}", node.name, node.last_words());
        }
        self.folder.disable_cleanup(true);
        eprintln!("--- everything is left in {}", self.folder.path().display());
    }
}

/// Waits for the cluster before this one to be gone, whichever process it belongs to.
fn turn() -> File {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cluster.turn");
    let file = File::options().create(true).append(true).open(path).unwrap();
    file.lock().unwrap();
    file
}
