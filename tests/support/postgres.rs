//! A real PostgreSQL for tests: Debian's, or whichever is on the path.
//!
//! One server serves all processes of a run, for nextest gives every test a process of its own and a server
//! takes a second to start. Each of them holds a lock on a file for as long as it lives; a keeper beside the
//! server (a shell, no child of any test) stops it and removes its folder once nobody holds that lock any
//! more, however they ended. Each test has a database of its own.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Once};
use std::time::Duration;

/// Whom the server runs as where the tests run as root, which it refuses.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// How long a server may take to start.
const START_TRIES: u32 = 600;

/// Between two looks whether it answers.
const LOOK: Duration = Duration::from_millis(50);

/// What keeps a server: starts it, and once nobody holds the lock any more ends it, as a loss of power would,
/// and removes its folder.
///
/// `$1` is the folder, `$2` what else goes with it, the others are the command. The gate is held while it ends
/// the server, so that whoever comes then finds either all of it or nothing.
const KEEPER: &str = r#"
folder=$1 rest=$2; shift 2
"$@" </dev/null >>"$folder/log" 2>&1 &
server=$!
while [ -d "$folder" ]; do
  sleep 1
  flock "$folder.gate" sh -c '
    flock --nonblock --exclusive "$1.users" true || exit 1
    kill -QUIT "$2" 2>/dev/null
    kill -CONT "$2" 2>/dev/null
    while kill -0 "$2" 2>/dev/null; do sleep 0.05; done
    rm -rf "$1" "$1.users" "$3"' keeper "$folder" "$server" "$rest" && exit 0
done
"#;

/// Where the programs of PostgreSQL are.
pub struct Installed(PathBuf);

impl Installed {
    /// `None`, loudly, where there is none and the environment does not ask for everything.
    pub fn find() -> Option<Self> {
        let mut folders: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
            .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
            .unwrap_or_default();
        folders.sort();
        folders.reverse();
        let path = std::env::var_os("PATH").unwrap_or_default();
        folders.extend(std::env::split_paths(&path));
        let has_all = |folder: &PathBuf| {
            ["initdb", "postgres"].iter().all(|program| folder.join(program).is_file())
        };
        if let Some(folder) = folders.into_iter().find(has_all) {
            return Some(Self(folder));
        }
        said_to_be_missing("initdb or postgres is missing: apt-get install postgresql");
        None
    }
}

/// What a server finds in its environment besides: names and values.
type Variables = Vec<(&'static str, OsString)>;

/// Fails where the environment asks for everything; else says once that something is left out.
pub fn said_to_be_missing(missing: &str) {
    let wanted = std::env::var_os("CHECK").is_some_and(|check| check == "full");
    assert!(!wanted, "the tests of PostgreSQL cannot run: {missing}");
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Not `eprintln!`: the test harness swallows that of tests that pass.
        let told = writeln!(std::io::stderr(), "\n!!! POSTGRESQL LEFT OUT: {missing}\n");
        told.expect("standard error can be written to");
    });
}

/// A running server; it ends some time after the last process that knows it.
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    port: u16,
    bin: PathBuf,
    variables: Variables,
    /// Held: as long as anybody has it, the server runs.
    _user: File,
}

impl Server {
    /// The one that all tests share; `None` where there is no PostgreSQL.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: LazyLock<Option<Server>> = LazyLock::new(|| {
            let mut hasher = DefaultHasher::new();
            (env!("CARGO_MANIFEST_DIR"), std::env::var_os("CARGO_TARGET_DIR")).hash(&mut hasher);
            let name = format!("licence-broker-postgres-{:x}", hasher.finish());
            Some(Server::of(&Installed::find()?, std::env::temp_dir().join(name), Vec::new()))
        });
        SHARED.as_ref()
    }

    /// One that only this value knows: for a test that stops it, or breaks it.
    pub fn own() -> Option<Self> {
        Self::own_with(Vec::new())
    }

    /// The same, with further variables in its environment.
    pub fn own_with(variables: Variables) -> Option<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("licence-broker-postgres-{}-{number}", std::process::id());
        Some(Self::of(&Installed::find()?, std::env::temp_dir().join(name), variables))
    }

    /// The server of a folder, started unless it runs.
    fn of(installed: &Installed, folder: PathBuf, variables: Variables) -> Self {
        let gate = lock_file(&folder.with_extension("gate"));
        gate.lock().expect("the gate opens");
        let user = lock_file(&folder.with_extension("users"));
        user.lock_shared().expect("nobody has it for himself but within the gate");
        let running = kept_port(&folder).filter(|port| answers(*port));
        let port = running.unwrap_or_else(|| start(installed, &folder, &variables));
        Self { folder, port, bin: installed.0.clone(), variables, _user: user }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://broker@127.0.0.1:{}/{database}", self.port)
    }

    /// The URL of a new, empty database. It goes with the server: to drop it costs a checkpoint, for which
    /// everybody else would wait.
    pub async fn new_database(&self) -> String {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        let create = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'");
        administer(&self.url("postgres"), &create).await.expect("a new database");
        self.url(&name)
    }

    /// What its processes have used of the processors: those that run, and those that have ended.
    pub fn processor_time(&self) -> Duration {
        let pid = fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap_or_default();
        let pid = pid.lines().next().unwrap_or_default().to_owned();
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let of_one = |stat: String| {
            // After the name, which may have spaces in it: state, parent, … and times in hundredths.
            let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
            let sum = |range: std::ops::Range<usize>| -> Option<u64> {
                fields.get(range)?.iter().map(|field| field.parse::<u64>().ok()).sum()
            };
            let own = stat.split(' ').next() == Some(pid.as_str());
            match (own, fields.get(1) == Some(&pid.as_str())) {
                (true, _) => sum(11..15),
                (false, true) => sum(11..13),
                (false, false) => None,
            }
        };
        let stats = processes.filter_map(|one| fs::read_to_string(one.path().join("stat")).ok());
        Duration::from_millis(stats.filter_map(of_one).sum::<u64>() * 10)
    }

    /// Stops it as an administrator does, cutting every connection; [`Self::start_again`] starts it.
    pub fn stop(&self) {
        let mut command = self.control(&["stop", "--mode=fast", "--wait"]);
        assert!(command.status().expect("pg_ctl runs").success(), "the server stops");
    }

    /// Ends it at once, as a loss of power would.
    pub fn kill(&self) {
        let mut command = self.control(&["stop", "--mode=immediate", "--wait"]);
        assert!(command.status().expect("pg_ctl runs").success(), "the server ends");
    }

    /// Starts it where it was, after [`Self::stop`] or [`Self::kill`].
    pub fn start_again(&self) {
        launch(&self.bin, &self.folder, self.port, &self.variables);
    }

    fn control(&self, what: &[&str]) -> Command {
        let mut command = unprivileged(&self.folder, &self.bin.join("pg_ctl"));
        command.args(what).arg("--pgdata").arg(self.folder.join("data"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

/// Does what no transaction can hold.
pub async fn administer(url: &str, text: &str) -> Result<(), tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    let connection = tokio::spawn(connection);
    let done = client.batch_execute(text).await;
    drop(client);
    let _ = connection.await;
    done
}

fn lock_file(path: &Path) -> File {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).open(path).expect("a file for the lock")
}

fn kept_port(folder: &Path) -> Option<u16> {
    fs::read_to_string(folder.join("port")).ok()?.parse().ok()
}

fn answers(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Makes a cluster in a new folder and starts a server on it.
fn start(installed: &Installed, folder: &Path, variables: &Variables) -> u16 {
    // What a machine that lost its power left there.
    if let Err(error) = fs::remove_dir_all(folder) {
        assert_eq!(error.kind(), ErrorKind::NotFound, "{}: {error}", folder.display());
    }
    DirBuilder::new().mode(0o700).create(folder).expect("a folder for the server");
    if is_root() {
        let owner = format!("{}:", account());
        let given = Command::new("chown").arg(owner).arg(folder).status();
        assert!(given.expect("chown runs").success(), "the folder is the server's");
    }
    let made = unprivileged(folder, &installed.0.join("initdb"))
        .args(["--username=broker", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"])
        .arg("--pgdata")
        .arg(folder.join("data"))
        .stdin(Stdio::null())
        .output()
        .expect("initdb runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let port = free_port();
    fs::write(folder.join("port"), port.to_string()).expect("the port is noted");
    launch(&installed.0, folder, port, variables);
    port
}

/// What goes with a folder that nobody comes back to: its gate. That of the one that is shared stays, for somebody
/// may stand before it.
fn rest(folder: &Path) -> PathBuf {
    let is_own = folder.to_string_lossy().contains(&format!("-{}-", std::process::id()));
    if is_own { folder.with_extension("gate") } else { folder.to_owned() }
}

/// Starts the server and its keeper, and waits until it answers.
fn launch(bin: &Path, folder: &Path, port: u16, variables: &Variables) {
    let server = unprivileged(folder, &bin.join("postgres"));
    let sockets = format!("unix_socket_directories={}", folder.display());
    let mut keeper = Command::new("setsid");
    keeper.envs(variables.iter().map(|(name, value)| (name, value)));
    keeper.args(["--fork", "sh", "-c", KEEPER, "keeper"]).arg(folder).arg(rest(folder));
    keeper.arg(server.get_program()).args(server.get_args()).arg("-D").arg(folder.join("data"));
    let port_text = port.to_string();
    keeper.args(["-p", &port_text, "-c", "listen_addresses=127.0.0.1", "-c", &sockets]);
    for setting in ["fsync=on", "max_connections=300", "shared_buffers=64MB", "max_wal_size=512MB"]
    {
        keeper.args(["-c", setting]);
    }
    keeper.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(keeper.status().expect("setsid runs").success(), "the keeper is started");
    for _ in 0..START_TRIES {
        if is_ready(port) {
            return;
        }
        std::thread::sleep(LOOK);
    }
    let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
    panic!("the server does not answer: {log}");
}

/// Whether it takes a connection of a client: it listens before it does.
fn is_ready(port: u16) -> bool {
    let url = format!("postgres://broker@127.0.0.1:{port}/postgres");
    let look = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.is_ok_and(|runtime| runtime.block_on(administer(&url, "SELECT 1")).is_ok())
    });
    look.join().unwrap_or(false)
}

/// A port on which nobody listens.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

fn account() -> &'static str {
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let is_there =
        |name: &&&str| accounts.lines().any(|line| line.starts_with(&format!("{name}:")));
    UNPRIVILEGED.iter().find(is_there).expect("an account that is not root's")
}

/// A command as somebody whom the server obeys.
pub fn unprivileged(folder: &Path, program: &Path) -> Command {
    let group = || Command::new("id").args(["-g", account()]).output().expect("id runs").stdout;
    let mut command = Command::new("setpriv");
    if is_root() {
        let group = String::from_utf8_lossy(&group()).trim().to_owned();
        command.args(["--reuid", account(), "--regid", &group, "--clear-groups"]);
    }
    command.arg("--").arg(program).current_dir(folder);
    command
}

/// The same, of a process that ends with the test.
pub fn unprivileged_child(folder: &Path, program: &Path) -> Command {
    let whole = unprivileged(folder, program);
    let mut command = Command::new(whole.get_program());
    command.args(["--pdeathsig", "KILL"]).args(whole.get_args()).current_dir(folder);
    command
}
