//! The process of a `chromedriver`, and whether this machine has what is needed for one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Once;
use std::time::Duration;

/// How long the driver may take to end its browser.
const FAREWELL: Duration = Duration::from_secs(10);

/// Where the browser and its driver are.
pub(crate) struct Installed {
    pub(crate) chromium: PathBuf,
    pub(crate) chromedriver: PathBuf,
}

impl Installed {
    /// `None`, loudly, where one of them is missing and the environment does not ask for everything.
    pub(crate) fn find() -> Option<Self> {
        if let (Some(chromium), Some(chromedriver)) = (on_path("chromium"), on_path("chromedriver"))
        {
            return Some(Self { chromium, chromedriver });
        }
        let missing =
            "chromium or chromedriver is missing: apt-get install chromium chromium-driver";
        let wanted = std::env::var_os("CHECK").is_some_and(|check| check == "full");
        assert!(!wanted, "the browser suite cannot run: {missing}");
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            // Not `eprintln!`: the test harness swallows that of tests that pass.
            let told = writeln!(std::io::stderr(), "\n!!! BROWSER SUITE LEFT OUT: {missing}\n");
            told.expect("standard error can be written to");
        });
        None
    }
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// A driver on a port of its own; it and its browser end when this is dropped.
pub(crate) struct Driver {
    pub(crate) port: u16,
    child: Child,
    /// Kept open: a driver whose output nobody takes would end.
    _output: BufReader<ChildStdout>,
}

impl Driver {
    /// What it and its browser leave behind goes to `scratch`.
    pub(crate) fn start(installed: &Installed, scratch: &Path) -> Self {
        let mut child = Command::new(&installed.chromedriver)
            .arg("--port=0")
            .env("TMPDIR", scratch)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let port = announced_port(&mut output);
        Self { port, child, _output: output }
    }
}

fn announced_port(output: &mut impl BufRead) -> u16 {
    for line in output.lines() {
        let line = line.unwrap();
        if let Some((_, port)) = line.rsplit_once("successfully on port ") {
            return port.trim_end_matches('.').parse().unwrap();
        }
    }
    panic!("chromedriver ended without saying its port");
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Asked to, the driver ends its browser as well; killed, it would leave it behind. It closes
        // the connection when it ends, so that reading to the end waits for it.
        let farewell = || -> std::io::Result<()> {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
            stream.set_read_timeout(Some(FAREWELL))?;
            write!(stream, "GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", self.port)?;
            stream.read_to_end(&mut Vec::new()).map(drop)
        };
        if let Err(error) = farewell() {
            eprintln!("chromedriver did not end by itself: {error}");
        }
        // It may be gone already; either way it must not stay as a zombie.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
