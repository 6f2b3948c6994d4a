//! One node: a process of the program as it was built, with a line of its own to the database.

use crate::hand::{Hand, library};
use crate::line::Line;
use crate::support::broker::SECRET;
use crate::support::until::until_seen;
use chrono::{DateTime, Utc};
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// What is printed of the log of each node when a test fails.
const LOG_LINES_TOLD: usize = 60;

/// How all nodes of a cluster are started.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) heartbeat_s: u64,
    pub(crate) lease_s: u64,
    /// `None`: the one node has a file of its own, and no other beside it.
    pub(crate) database: Option<Database>,
}

/// A database of a PostgreSQL on this machine.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    /// Its URL, past all lines.
    pub(crate) url: String,
    /// Where the server listens.
    pub(crate) address: SocketAddr,
}

impl Database {
    /// Its URL by way of a line.
    fn url_by(&self, line: SocketAddr) -> String {
        self.url.replace(&self.address.to_string(), &line.to_string())
    }
}

/// A node, running or not. Its process is killed when this is dropped.
pub(crate) struct Node {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    /// To the database; none where it is a file.
    pub(crate) line: Option<Line>,
    settings: Settings,
    folder: PathBuf,
    clock: Option<(Hand, PathBuf)>,
    process: Option<Child>,
}

impl Node {
    /// It lives in a folder of its own and is not started yet.
    pub(crate) async fn new(name: &'static str, folder: &Path, settings: &Settings) -> Self {
        let folder = folder.join(name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("secret"), SECRET).unwrap();
        // The port was free just now; every process takes it over from the one before.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let line = match &settings.database {
            Some(database) => Some(Line::to(database.address).await),
            None => None,
        };
        let settings = settings.clone();
        Self { name, address, line, settings, folder, clock: None, process: None }
    }

    /// Its line to PostgreSQL.
    pub(crate) fn line(&self) -> &Line {
        self.line.as_ref().expect("a node whose database is PostgreSQL")
    }

    /// Has it live by a clock that shows `now`; whether clocks can be set here.
    pub(crate) fn set_clock(&mut self, now: DateTime<Utc>) -> bool {
        if self.clock.is_none() {
            let Some(library) = library() else { return false };
            self.clock = Some((Hand::at(&self.folder, now), library));
        }
        let (hand, _) = self.clock.as_ref().expect("just made");
        hand.set(now);
        true
    }

    /// Starts its process and waits for nothing.
    pub(crate) fn spawn(&mut self) {
        assert!(self.process.is_none(), "node {} runs already", self.name);
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_licence-broker"));
        command
            .current_dir(&self.folder)
            .args(["serve", "--listen", &self.address.to_string(), "--data-dir", "data"])
            .args(["--jwt-secret-file", "secret", "--log-level", "info"])
            .args(["--heartbeat-s", &self.settings.heartbeat_s.to_string()])
            .args(["--database", &self.database_url()]);
        if self.settings.database.is_some() {
            command
                .args(["--node", self.name, "--advertise-url", &self.url()])
                .args(["--lease-s", &self.settings.lease_s.to_string()]);
        }
        if let Some((hand, library)) = &self.clock {
            hand.give_to(&mut command, library);
        }
        let output = log.try_clone().unwrap();
        command.stdin(Stdio::null()).stdout(output).stderr(log);
        self.process = Some(command.spawn().unwrap());
    }

    /// The URL of the shared database.
    pub(crate) fn database_url_past_lines(&self) -> Option<&str> {
        self.settings.database.as_ref().map(|database| database.url.as_str())
    }

    fn database_url(&self) -> String {
        match (&self.settings.database, &self.line) {
            (Some(database), Some(line)) => database.url_by(line.address),
            _ => "sqlite://it.db".to_owned(),
        }
    }

    /// `http://…`, as it tells clients.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Starts it and waits until it takes logins.
    pub(crate) async fn start(&mut self) {
        self.spawn();
        self.until_ready().await;
    }

    /// Waits until `/readyz` says so.
    pub(crate) async fn until_ready(&mut self) {
        let (url, name) = (format!("{}/readyz", self.url()), self.name);
        until_seen("a node that is ready", async || {
            let ended = self.process.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "node {name} did not start: {ended:?}");
            let answer = reqwest::get(&url).await;
            answer.is_ok_and(|answer| answer.status().is_success()).then_some(())
        })
        .await;
    }

    pub(crate) fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// SIGKILL: nothing of it runs any more when this returns.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().expect("a node that runs");
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// SIGSTOP: its sockets stay, and nothing is done. None of its threads runs any more when this returns,
    /// which is some time after the signal.
    pub(crate) async fn freeze(&self) {
        self.signal("STOP");
        let tasks = format!("/proc/{}/task", self.process.as_ref().expect("it runs").id());
        let stands_still = |stat: String| stat.rsplit_once(") ").unwrap().1.starts_with('T');
        until_seen("threads that stand still", async || {
            let mut threads = std::fs::read_dir(&tasks).unwrap().flatten();
            let all = threads.all(|thread| {
                std::fs::read_to_string(thread.path().join("stat")).is_ok_and(stands_still)
            });
            all.then_some(())
        })
        .await;
    }

    /// SIGCONT.
    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    /// SIGTERM; how it ended.
    pub(crate) async fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        let mut process = self.process.take().expect("a node that runs");
        until_seen("the end of the process", async || process.try_wait().unwrap()).await
    }

    fn signal(&self, name: &str) {
        let pid = self.process.as_ref().expect("a node that runs").id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// The last lines of its log, for whoever has to find out why a test failed.
    pub(crate) fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let is_request = |line: &&str| line.contains("http::observe");
        let lines: Vec<&str> = log.lines().filter(|line| !is_request(line)).collect();
        lines[lines.len().saturating_sub(LOG_LINES_TOLD)..].join("\n")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
