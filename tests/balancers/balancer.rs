//! The process of a balancer that runs a file of `deploy/`, and whether this machine has it.

use crate::support::eventually::eventually;
use crate::support::postgres::free_port;
use crate::support::socket::PATIENCE;
use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use tempfile::TempDir;

const HAPROXY: &str = include_str!("../../deploy/haproxy.cfg");
const NGINX: &str = include_str!("../../deploy/nginx.conf");
/// Where the files expect clients and the nodes, in this order.
const LISTEN: &str = "127.0.0.1:8080";
const NODES: [&str; 3] = ["127.0.0.1:8081", "127.0.0.1:8082", "127.0.0.1:8083"];

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    HaProxy,
    Nginx,
}

impl Kind {
    /// All that this machine has; where one is missing, loudly, unless the environment asks for everything.
    pub(crate) fn installed() -> Vec<Self> {
        let (there, missing): (Vec<_>, Vec<_>) =
            [Self::HaProxy, Self::Nginx].into_iter().partition(|kind| kind.program().is_some());
        if !missing.is_empty() {
            let wanted = std::env::var_os("CHECK").is_some_and(|check| check == "full");
            let reason = format!("{missing:?} is missing: apt-get install haproxy nginx");
            assert!(!wanted, "the balancers cannot be tested: {reason}");
            static ONCE: Once = Once::new();
            ONCE.call_once(|| {
                // Not `eprintln!`: the test harness swallows that of tests that pass.
                let told = writeln!(std::io::stderr(), "\n!!! BALANCERS LEFT OUT: {reason}\n");
                told.expect("standard error can be written to");
            });
        }
        there
    }

    fn program(self) -> Option<PathBuf> {
        let name = match self {
            Self::HaProxy => "haproxy",
            Self::Nginx => "nginx",
        };
        // Both are where Debian puts servers, which not everybody's PATH names.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
        folders.map(|folder| folder.join(name)).find(|file| file.is_file())
    }
}

/// A balancer on a port of its own in front of the nodes; it ends when this is dropped.
pub(crate) struct Balancer {
    pub(crate) address: SocketAddr,
    pub(crate) kind: Kind,
    child: Child,
    _folder: TempDir,
}

impl Balancer {
    /// On a port that nobody had just now.
    pub(crate) async fn start(kind: Kind, nodes: &[SocketAddr]) -> Self {
        Self::start_at(free_address(), kind, nodes).await
    }

    /// Where the nodes know that it will be.
    pub(crate) async fn start_at(address: SocketAddr, kind: Kind, nodes: &[SocketAddr]) -> Self {
        let folder = TempDir::new().unwrap();
        let mut command = match kind {
            Kind::HaProxy => haproxy(&folder, address, nodes),
            Kind::Nginx => nginx(&folder, address, nodes),
        };
        let log = fs::File::create(folder.path().join("log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap();
        let balancer = Self { address, kind, child, _folder: folder };
        let is_up = async || TcpStream::connect(address).is_ok();
        eventually(PATIENCE, "the balancer listens", is_up).await;
        balancer
    }

    /// `http://…` of the balancer, with the path added.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let ended = self.child.kill().and_then(|()| self.child.wait());
        assert!(ended.is_ok() || std::thread::panicking(), "{:?}: {ended:?}", self.kind);
    }
}

/// An address of this machine that nobody had just now.
pub(crate) fn free_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port()).into()
}

/// The file as it is: addresses come from the environment.
fn haproxy(folder: &TempDir, address: SocketAddr, nodes: &[SocketAddr]) -> Command {
    let file = folder.path().join("haproxy.cfg");
    fs::write(&file, HAPROXY).unwrap();
    let mut command = Command::new(Kind::HaProxy.program().expect("it is installed"));
    command.arg("-db").arg("-f").arg(file).env("BIND", address.to_string());
    for (variable, node) in ["NODE_A", "NODE_B", "NODE_C"].into_iter().zip(nodes) {
        command.env(variable, node.to_string());
    }
    command
}

/// The file with other addresses, within a main file that writes nowhere but into the folder.
fn nginx(folder: &TempDir, address: SocketAddr, nodes: &[SocketAddr]) -> Command {
    let mut text = NGINX.replace(LISTEN, &address.to_string());
    for (there, here) in NODES.iter().zip(nodes) {
        assert!(text.contains(there), "{there}");
        text = text.replace(there, &here.to_string());
    }
    let path = folder.path();
    fs::write(path.join("broker.conf"), text).unwrap();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {}/{name};\n", path.display()))
        .concat();
    let main = format!(
        "daemon off;\nmaster_process off;\npid {0}/pid;\nerror_log {0}/error.log;\nevents {{}}\n\
         http {{\naccess_log off;\n{temporary}include {0}/broker.conf;\n}}\n",
        path.display()
    );
    fs::write(path.join("nginx.conf"), main).unwrap();
    let mut command = Command::new(Kind::Nginx.program().expect("it is installed"));
    command.arg("-p").arg(path).arg("-c").arg(path.join("nginx.conf"));
    command
}
