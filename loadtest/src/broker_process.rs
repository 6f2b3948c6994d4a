//! A broker that the run starts, ends, and starts again on the same data.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::api::Api;
use crate::limits::{BROKER_END_WAIT, BROKER_START_WAIT, READY_POLL};
use crate::process::of_ended_children;

/// In its folder.
const DATABASE: &str = "herd.db";

/// Folders that this process has made.
static FOLDERS: AtomicU64 = AtomicU64::new(0);

/// How a broker is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// SIGTERM: it drains.
    Terminate,
    /// SIGKILL.
    Kill,
}

/// How an end went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub(crate) took: Duration,
    /// Processor time of the process in all.
    pub(crate) cpu: Duration,
}

/// Its process ends, and its folder is removed, when this is dropped.
pub(crate) struct BrokerProcess {
    program: PathBuf,
    folder: PathBuf,
    pub(crate) listen: SocketAddr,
    /// Worker threads; `None`: its own default.
    pub(crate) workers: Option<usize>,
    child: Option<Child>,
}

impl BrokerProcess {
    /// A broker that does not run yet, with a folder of its own.
    ///
    /// # Errors
    ///
    /// Where the program is not there, or the folder cannot be made.
    pub(crate) fn new(program: &Path, listen: SocketAddr) -> Result<Self> {
        let found = program.canonicalize();
        let program = found.with_context(|| format!("--broker {}", program.display()))?;
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let folder = format!("loadtest-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        std::fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
        Ok(Self { program, folder, listen, workers: None, child: None })
    }

    /// Starts it; whether it is ready is another question.
    ///
    /// # Errors
    ///
    /// Where the process cannot be started.
    pub(crate) fn start(&mut self) -> Result<()> {
        let child = self
            .command()
            .args(["serve", "--listen", &self.listen.to_string()])
            .args(["--database", &format!("sqlite://{DATABASE}"), "--data-dir", "data"])
            .args(["--log-level", "warn"])
            .args(self.workers.map(|workers| format!("--workers={workers}")))
            .kill_on_drop(true)
            .spawn()
            .context("--broker: it cannot be started")?;
        self.child = Some(child);
        Ok(())
    }

    /// Has it start with a copy of this database.
    ///
    /// # Errors
    ///
    /// Where it cannot be copied, or would be copied without its latest commits.
    pub(crate) fn bring(&self, store: &Path) -> Result<()> {
        ensure!(
            !has_uncopied_commits(store),
            "--store {}: the file that ends in -wal beside it holds commits that a copy would lack; end the \
             broker that writes there, or have SQLite do it (PRAGMA wal_checkpoint(TRUNCATE))",
            store.display()
        );
        let copied = std::fs::copy(store, self.folder.join(DATABASE));
        copied.map(|_| ()).with_context(|| format!("--store {}", store.display()))
    }

    /// An operator's token, signed with the key that it trusts.
    ///
    /// # Errors
    ///
    /// Where the program gives none.
    pub(crate) async fn operator_token(&self, life: Duration) -> Result<String> {
        let life_s = life.as_secs().to_string();
        let asked = ["token", "--role", "operator", "--data-dir", "data", "--ttl-s", &life_s];
        let said = self.command().args(asked).stdout(Stdio::piped()).kill_on_drop(true).output();
        let said = timeout(BROKER_START_WAIT, said).await.context("--broker: no token in time")?;
        let said = said.context("--broker: it gives no token")?;
        ensure!(said.status.success(), "--broker: it gives no token: {}", said.status);
        Ok(String::from_utf8(said.stdout)?.trim().to_owned())
    }

    /// Its number among the system's processes.
    ///
    /// # Errors
    ///
    /// Where it does not run.
    pub(crate) fn id(&self) -> Result<u32> {
        let id = self.child.as_ref().and_then(Child::id);
        id.context("the broker does not run")
    }

    /// Ends it and waits until it has.
    ///
    /// # Errors
    ///
    /// Where it does not end in time, or a drain ends with another code than 0.
    pub(crate) async fn end(&mut self, how: Ending) -> Result<Ended> {
        let mut child = self.child.take().context("there is no broker to end")?;
        let begun = Instant::now();
        match how {
            Ending::Kill => child.start_kill()?,
            Ending::Terminate => {
                let id = child.id().context("the broker has ended by itself")?.to_string();
                Command::new("kill").args(["-TERM", &id]).status().await?;
            }
        }
        // No other child is waited for meanwhile, so what is added is this one's.
        let before = of_ended_children()?;
        let ended = timeout(BROKER_END_WAIT, child.wait()).await;
        let status = ended.context("the broker did not end in time")??;
        ensure!(how == Ending::Kill || status.success(), "the broker did not drain well: {status}");
        let cpu = of_ended_children()?.saturating_sub(before);
        Ok(Ended { took: begun.elapsed(), cpu })
    }

    /// Keeps a copy of its data as they are now; it must not run.
    ///
    /// # Errors
    ///
    /// Where the data cannot be copied.
    pub(crate) fn keep_data(&self) -> Result<()> {
        copy_folder(&self.folder, &self.kept()).context("--broker: its data cannot be kept")
    }

    /// Goes back to the data that were kept; it must not run.
    ///
    /// # Errors
    ///
    /// Where they cannot be brought back.
    pub(crate) fn restore_data(&self) -> Result<()> {
        let restored = std::fs::remove_dir_all(&self.folder)
            .and_then(|()| copy_folder(&self.kept(), &self.folder));
        restored.context("--broker: its data cannot be brought back")
    }

    fn kept(&self) -> PathBuf {
        self.folder.with_extension("kept")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.folder).stdin(Stdio::null());
        command
    }
}

impl Drop for BrokerProcess {
    fn drop(&mut self) {
        // Its process may still write there; what is left then is in the system's folder for such.
        let _ = std::fs::remove_dir_all(&self.folder);
        let _ = std::fs::remove_dir_all(self.kept());
    }
}

/// Whether commits are still in the write-ahead log beside the database.
fn has_uncopied_commits(store: &Path) -> bool {
    let mut log = store.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).is_ok_and(|log| log.len() > 0)
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to)?;
        } else {
            std::fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// Waits until a broker takes logins; how long that took.
///
/// # Errors
///
/// Where it does not in time.
pub(crate) async fn until_ready(api: &Api<'_>) -> Result<Duration> {
    let begun = Instant::now();
    while !api.is_ready().await {
        ensure!(begun.elapsed() < BROKER_START_WAIT, "the broker was not ready in time");
        sleep(READY_POLL).await;
    }
    Ok(begun.elapsed())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::process::Meter;

    #[test]
    fn a_store_with_commits_that_a_copy_would_lack_is_refused() {
        let listen = ([127, 0, 0, 1], 9).into();
        let broker = BrokerProcess::new(Path::new("/proc/self/exe"), listen).expect("a folder");
        let (store, log) = (broker.folder.join("a.db"), broker.folder.join("a.db-wal"));
        std::fs::write(&store, "pages").expect("a store");
        std::fs::write(&log, "commits").expect("a log");
        let error = broker.bring(&store).expect_err("refused").to_string();
        assert!(error.starts_with("--store") && error.contains("-wal"), "{error}");
        std::fs::write(&log, "").expect("a log");
        broker.bring(&store).expect("an empty log lacks nothing");
        std::fs::remove_file(&log).expect("a log");
        broker.bring(&store).expect("no log lacks nothing");
        let copied = std::fs::read(broker.folder.join(DATABASE)).expect("a copy");
        assert_eq!(copied, b"pages");
    }

    #[tokio::test]
    async fn what_a_broker_used_until_it_was_killed_is_known_afterwards() {
        let program = std::env::temp_dir().join(format!("loadtest-busy-{}", std::process::id()));
        std::fs::write(&program, "#!/bin/sh\nwhile :; do :; done\n").expect("a script");
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o700)).expect("a program");
        let listen = ([127, 0, 0, 1], 9).into();
        let mut broker = BrokerProcess::new(&program, listen).expect("a folder");
        broker.start().expect("it starts");
        let mut meter = Meter::of(broker.id().expect("it runs")).expect("it runs");
        while meter.read().expect("it runs").cpu < Duration::from_millis(50) {
            sleep(READY_POLL).await;
        }
        let ended = broker.end(Ending::Kill).await.expect("it ends");
        std::fs::remove_file(&program).expect("a script");
        assert!(ended.cpu >= Duration::from_millis(40), "less a tick each: {ended:?}");
    }
}
