//! A broker in a process of its own.

use crate::support::agent::token;
use crate::support::broker::SECRET;
use crate::support::http::Api;
use crate::support::until::until_seen;
use chrono::{DateTime, Utc};
use licence_broker::auth::{Authenticator, Role};
use serde_json::json;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The program as it was built for these tests.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_licence-broker");

/// Where the broker's processes live, one after the other: one address, one database.
pub struct Home {
    pub address: SocketAddr,
    pub authenticator: Arc<Authenticator>,
    pub operator: Api,
    folder: TempDir,
}

/// A process that serves; killed when it is dropped.
pub struct Process {
    child: Child,
    /// When it was ready.
    pub ready_at: DateTime<Utc>,
    /// From its start until it was ready.
    pub took: Duration,
}

impl Home {
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("secret"), SECRET).unwrap();
        // The port was free just now; every process takes it over from the one before.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let authenticator = Arc::new(Authenticator::with_secret(SECRET));
        let operator = token(&authenticator, Role::Operator, 0, "operator");
        let operator = Api::new(format!("http://{address}"), &operator);
        Self { address, authenticator, operator, folder }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts a process and waits until it takes logins.
    pub async fn start(&self) -> Process {
        self.start_program(Path::new(PROGRAM), &[]).await
    }

    /// The same with another copy of the program, and further settings.
    pub async fn start_program(&self, program: &Path, settings: &[&str]) -> Process {
        let started = Instant::now();
        let child = Command::new(program)
            .current_dir(self.folder())
            .args(["serve", "--listen", &self.address.to_string(), "--database", "sqlite://it.db"])
            .args(["--jwt-secret-file", "secret", "--data-dir", "data", "--log-level", "error"])
            .args(settings)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut process = Process { child, ready_at: Utc::now(), took: Duration::ZERO };
        let url = format!("http://{}/readyz", self.address);
        until_seen("a broker that is ready", async || {
            let ended = process.child.try_wait().unwrap();
            assert!(ended.is_none(), "the broker did not start: {ended:?}");
            let answer = reqwest::get(&url).await;
            answer.is_ok_and(|answer| answer.status().is_success()).then_some(())
        })
        .await;
        process.ready_at = Utc::now();
        process.took = started.elapsed();
        process
    }

    /// An organisation that bought so many of each type, with agents `agent-0` and on.
    pub async fn organisation(&self, id: u64, users: usize, bought: u32) {
        self.operator.create_organisation(id).await;
        for licence in ["inbound_agent", "agent_email", "agent_sms", "agent_calls"] {
            self.operator.buy(id, licence, bought, 0).await;
        }
        let changed = json!({ "max_grace_s": 60 });
        let path = format!("/v1/organisations/{id}");
        self.operator.send(reqwest::Method::PATCH, &path, changed).await;
        for number in 0..users {
            let features = ["agent_email", "agent_sms", "agent_calls"];
            let user = format!("agent-{number}");
            self.operator.add_user(id, &user, "inbound_agent", &features).await;
        }
    }
}

impl Process {
    /// SIGKILL: nothing of it runs any more when this returns.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends it a signal, `TERM` or `INT`.
    pub fn signal(&self, name: &str) {
        let (signal, pid) = (format!("-{name}"), self.child.id().to_string());
        assert!(Command::new("kill").args([&signal, &pid]).status().unwrap().success());
    }

    /// How it ended, once it has.
    pub async fn ended(mut self) -> ExitStatus {
        until_seen("the end of the process", async || self.child.try_wait().unwrap()).await
    }

    /// SIGTERM; how it ended, and after how long.
    pub async fn terminate(self) -> (ExitStatus, Duration) {
        let started = Instant::now();
        self.signal("TERM");
        (self.ended().await, started.elapsed())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
