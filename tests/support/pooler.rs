//! A real pooler between a store and its PostgreSQL: Debian's PgBouncer in transaction mode, with fewer
//! connections to the server than it gives out, so that they change hands all the time.

use super::server::{Server, free_port, said_to_be_missing, unprivileged_child};
use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const PROGRAM: &str = "/usr/sbin/pgbouncer";

/// How often it is looked whether it listens, and how long between two looks.
const LOOKS: u32 = 200;
const LOOK: Duration = Duration::from_millis(25);

/// Connections to the server: two for whoever brings the schema up to date, and none to spare.
const SERVER_CONNECTIONS: u32 = 2;

/// A pooler, which ends with this value.
#[derive(Debug)]
pub struct Pooler {
    port: u16,
    child: Child,
    _folder: TempDir,
}

impl Pooler {
    /// In front of a server; nothing where there is no PgBouncer.
    pub fn before(server: &Server) -> Option<Self> {
        if !Path::new(PROGRAM).is_file() {
            said_to_be_missing("pgbouncer is missing: apt-get install pgbouncer");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("readable");
        let port = free_port();
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=broker\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = transaction\ndefault_pool_size = {SERVER_CONNECTIONS}\n\
             max_client_conn = 200\n",
            server.port()
        );
        let file = folder.path().join("pgbouncer.ini");
        fs::write(&file, settings).expect("the settings are written");
        let child = unprivileged_child(Path::new("/"), Path::new(PROGRAM))
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pgbouncer starts");
        let pooler = Self { port, child, _folder: folder };
        let listens = (0..LOOKS).any(|_| {
            let listens = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
            if !listens {
                std::thread::sleep(LOOK);
            }
            listens
        });
        assert!(listens, "pgbouncer listens");
        Some(pooler)
    }

    /// The same database, through the pooler.
    pub fn through(&self, url: &str) -> String {
        let name = url.rsplit('/').next().expect("a URL ends with the name");
        format!("postgres://broker@127.0.0.1:{}/{name}", self.port)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
