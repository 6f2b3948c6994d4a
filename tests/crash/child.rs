//! A broker in a process of its own.
#![allow(dead_code, reason = "each of the suites that start processes uses another part")]

use crate::support::agent::token;
use crate::support::broker::SECRET;
use crate::support::http::Api;
use crate::support::until::until_seen;
use chrono::{DateTime, Utc};
use licence_broker::auth::{Authenticator, Role};
use serde_json::json;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The program as it was built for these tests.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_licence-broker");

/// The program that is started; `CRASH_BROKER` names another build of it.
fn built() -> PathBuf {
    std::env::var_os("CRASH_BROKER").map_or_else(|| PathBuf::from(PROGRAM), PathBuf::from)
}

/// Where the broker's processes live, one after the other: one address, one database.
pub struct Home {
    pub address: SocketAddr,
    pub authenticator: Arc<Authenticator>,
    pub operator: Api,
    /// How a process is started: what comes before the program, and what it finds in its environment.
    pub launch: Launch,
    /// Where the database is, as seen from the folder.
    database: &'static str,
    folder: TempDir,
}

/// How a program is started in other circumstances than a test's own.
#[derive(Debug, Default)]
pub struct Launch {
    /// A program that starts another, with its arguments.
    pub prefix: Vec<String>,
    /// Further variables.
    pub variables: Vec<(&'static str, String)>,
    /// Where its log goes; to that of the test if nothing is said.
    pub log: Option<&'static str>,
}

/// A process that serves; killed when it is dropped.
pub struct Process {
    child: Child,
    started: Instant,
    /// When it was ready.
    pub ready_at: DateTime<Utc>,
    /// From its start until it was ready.
    pub took: Duration,
}

impl Home {
    pub fn new() -> Self {
        Self::with(TempDir::new().unwrap(), "it.db", Launch::default())
    }

    /// In a folder that is there, with its database in another place or processes started otherwise.
    pub fn with(folder: TempDir, database: &'static str, launch: Launch) -> Self {
        std::fs::write(folder.path().join("secret"), SECRET).unwrap();
        // The port was free just now; every process takes it over from the one before.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let authenticator = Arc::new(Authenticator::with_secret(SECRET));
        let operator = token(&authenticator, Role::Operator, 0, "operator");
        let operator = Api::new(format!("http://{address}"), &operator);
        Self { address, authenticator, operator, launch, database, folder }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The program, about to be started in the folder; `CRASH_BROKER` names another build of it.
    pub fn program(&self) -> Command {
        self.copy(&built())
    }

    fn copy(&self, program: &Path) -> Command {
        let prefix = self.launch.prefix.iter().map(OsStr::new);
        let mut words = prefix.chain([program.as_os_str()]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).current_dir(self.folder()).stdin(Stdio::null());
        command.envs(self.launch.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    fn url(&self) -> String {
        format!("sqlite://{}", self.folder().join(self.database).display())
    }

    fn serve(&self, program: &Path) -> Command {
        let mut command = self.copy(program);
        command
            .args(["serve", "--listen", &self.address.to_string(), "--database", &self.url()])
            .arg("--jwt-secret-file")
            .arg(self.folder().join("secret"))
            .args(["--log-level", "error"]);
        command
    }

    /// Starts a process and waits until it takes logins.
    pub async fn start(&self) -> Process {
        self.until_ready(self.spawn()).await
    }

    /// The same with another copy of the program, and further settings.
    pub async fn start_program(&self, program: &Path, settings: &[&str]) -> Process {
        let mut command = self.serve(program);
        command.args(settings);
        self.until_ready(Process::of(command.spawn().unwrap())).await
    }

    async fn until_ready(&self, mut process: Process) -> Process {
        until_seen("a broker that is ready", async || {
            let ended = process.child.try_wait().unwrap();
            assert!(ended.is_none(), "the broker did not start: {ended:?}");
            self.is_ready().await.then_some(())
        })
        .await;
        process.ready_at = Utc::now();
        process.took = process.started.elapsed();
        process
    }

    /// Starts a process and waits for nothing.
    pub fn spawn(&self) -> Process {
        let mut command = self.serve(&built());
        if let Some(log) = self.launch.log {
            command.stderr(File::options().write(true).open(log).unwrap());
        }
        Process::of(command.spawn().unwrap())
    }

    /// Whether `/readyz` says so.
    pub async fn is_ready(&self) -> bool {
        let answer = reqwest::get(format!("http://{}/readyz", self.address)).await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Starts a process that must not come so far: what it says, once it has ended by itself.
    pub async fn start_in_vain(&self) -> String {
        let mut command = self.serve(&built());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Process::of(command.spawn().unwrap());
        let ended = until_seen("an end by itself", async || child.child.try_wait().unwrap()).await;
        let mut said = String::new();
        child.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(ended.code(), Some(1), "{said}");
        assert!(!said.contains("panicked"), "{said}");
        // What was logged comes before what the operator is told, which is one line.
        let last = said.lines().last().unwrap_or_default().to_owned();
        assert!(last.starts_with("licence-broker: "), "{said}");
        last
    }

    /// Has `licence-broker check` look at the database; a broker may be running on it.
    pub async fn check(&self) {
        let mut command = self.program();
        command.args(["check", "--database", &self.url()]);
        let checked = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&checked.stdout).into_owned();
        assert!(checked.status.success(), "{said}{}", String::from_utf8_lossy(&checked.stderr));
        assert!(said.contains(" 0 broken"), "{said}");
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
    fn of(child: Child) -> Self {
        Self { child, started: Instant::now(), ready_at: Utc::now(), took: Duration::ZERO }
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Processor time that it has used, in hundredths of a second (`man proc_pid_stat`).
    pub fn processor_time(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        // The 14th and the 15th; two came before the bracket.
        fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    }

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

    /// SIGTERM, and nothing else.
    pub fn ask_to_end(&self) {
        self.signal("TERM");
    }

    /// How it ended, once it has.
    pub async fn ended(mut self) -> ExitStatus {
        until_seen("the end of the process", async || self.child.try_wait().unwrap()).await
    }

    /// SIGTERM; how it ended, and after how long.
    pub async fn terminate(self) -> (ExitStatus, Duration) {
        let started = Instant::now();
        self.ask_to_end();
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
