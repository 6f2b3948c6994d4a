//! Three nodes on one PostgreSQL that tell clients to come by way of the balancer.

use crate::balancer::{Balancer, Kind, free_address};
use crate::support::broker::SECRET;
use crate::support::http::Api;
use crate::support::postgres::Server;
use crate::support::socket::{Heard, Socket};
use crate::support::until::until_seen;
use chrono::{TimeDelta, Utc};
use licence_broker::auth::{Authenticator, Claims, Role};
use licence_broker::domain::ids::OrganisationId;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use tempfile::TempDir;

pub(crate) const NAMES: [&str; 3] = ["a", "b", "c"];
pub(crate) const ORGANISATION: u64 = 7;

/// Nodes, and the balancer in front of them. Processes are killed when this is dropped.
pub(crate) struct Cluster {
    pub(crate) balancer: Balancer,
    nodes: BTreeMap<&'static str, Child>,
    _folder: TempDir,
}

impl Cluster {
    /// Organisation 7 with its user edred; `None` where there is no PostgreSQL.
    pub(crate) async fn start(kind: Kind) -> Option<Self> {
        let database = Server::shared()?.new_database().await;
        let (folder, address) = (TempDir::new().unwrap(), free_address());
        fs::write(folder.path().join("secret"), SECRET).unwrap();
        let (mut nodes, mut addresses) = (BTreeMap::new(), Vec::new());
        for name in NAMES {
            let listen = free_address();
            let advertised = format!("http://{address}/node/{name}");
            nodes.insert(name, serve(folder.path(), name, listen, &advertised, &database));
            addresses.push(listen);
        }
        let balancer = Balancer::start_at(address, kind, &addresses).await;
        let cluster = Self { balancer, nodes, _folder: folder };
        until_seen("three nodes that know each other", async || {
            let (status, body) = cluster.operator().call(Method::GET, "/v1/nodes", None).await;
            let are_live =
                |items: &Vec<Value>| items.iter().filter(|it| it["live"] == true).count();
            let live = body["items"].as_array().map_or(0, are_live);
            (status.is_success() && live == NAMES.len()).then_some(())
        })
        .await;
        cluster.operator().create_organisation(ORGANISATION).await;
        cluster.operator().buy(ORGANISATION, "inbound_agent", 2, 0).await;
        cluster.operator().add_user(ORGANISATION, "edred", "inbound_agent", &[]).await;
        Some(cluster)
    }

    /// Calls through the balancer, and follows where it is sent.
    pub(crate) fn operator(&self) -> Api {
        Api::new(self.balancer.url(""), &token(Role::Operator, "operator"))
    }

    /// Moves the organisation, and waits until that node has it and whoever the balancer asks knows.
    pub(crate) async fn move_to(&self, name: &str) {
        let path = format!("/v1/organisations/{ORGANISATION}");
        self.operator().send(Method::POST, &format!("{path}/move"), json!({ "node": name })).await;
        for (prefix, field, told) in [
            (format!("/node/{name}"), "here", Value::Bool(true)),
            (String::new(), "node", Value::from(name)),
        ] {
            until_seen("the move", async || {
                let endpoint = self.operator().get(&format!("{prefix}{path}/endpoint")).await;
                (endpoint[field] == told).then_some(())
            })
            .await;
        }
    }

    /// Edred's first message on a new socket by this base, and what comes of it.
    pub(crate) async fn login(&self, base: &str) -> (Socket, Heard) {
        let base = base.replacen("http", "ws", 1);
        let url = format!("{base}/v1/organisations/{ORGANISATION}/session");
        let (socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        let mut socket = Socket(socket);
        let token = token(Role::Device, "edred");
        socket.send(json!({ "type": "login", "token": token, "device": "agent_desktop" })).await;
        let heard = socket.hear().await;
        (socket, heard)
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self, name: &str) {
        end(&mut self.nodes.remove(name).expect("it lives"));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.nodes.values_mut().for_each(end);
    }
}

fn end(node: &mut Child) {
    // It may have ended already.
    let _ = node.kill();
    let _ = node.wait();
}

fn serve(folder: &Path, name: &str, listen: SocketAddr, url: &str, database: &str) -> Child {
    let log = File::create(folder.join(format!("{name}.log"))).unwrap();
    Command::new(env!("CARGO_BIN_EXE_licence-broker"))
        .current_dir(folder)
        .args(["serve", "--listen", &listen.to_string(), "--data-dir", name])
        .args(["--jwt-secret-file", "secret", "--database", database])
        .args(["--node", name, "--advertise-url", url])
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn token(role: Role, subject: &str) -> String {
    let now = Utc::now();
    let claims = Claims {
        subject: Arc::from(subject),
        organisation: OrganisationId::new(ORGANISATION).filter(|_| role != Role::Operator),
        role,
        expires_at: now + TimeDelta::hours(1),
    };
    Authenticator::with_secret(SECRET).issue(&claims, now).unwrap()
}
