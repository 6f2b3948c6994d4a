//! A line to a database that is cut in the middle of what goes over it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// When the line is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Cut {
    /// Not at all.
    Never,
    /// Before the next `COMMIT` goes over it: the server gets nothing of that transaction's end.
    BeforeCommit,
    /// After the next `COMMIT` went over it, before any answer comes back.
    AfterCommit,
    /// Not cut: after the next lock was asked for nothing passes any more, and neither side is told.
    SilentAtLock,
}

/// Forwards connections, until it is told to cut one.
pub(crate) struct Line {
    port: u16,
    plan: Arc<AtomicU8>,
}

impl Line {
    /// To a server on loopback.
    pub(crate) async fn to(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let plan = Arc::new(AtomicU8::new(Cut::Never as u8));
        let planned = Arc::clone(&plan);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(("127.0.0.1", server)).await.expect("it listens");
                tokio::spawn(forward(near, far, Arc::clone(&planned)));
            }
        });
        Self { port, plan }
    }

    /// The same database, over this line.
    pub(crate) fn over(&self, url: &str) -> String {
        let name = url.rsplit('/').next().expect("a URL ends with the name");
        format!("postgres://broker@127.0.0.1:{}/{name}", self.port)
    }

    /// Cuts the connection over which the next `COMMIT` goes, and no other.
    pub(crate) fn cut_next(&self, cut: Cut) {
        self.plan.store(cut as u8, Ordering::SeqCst);
    }
}

/// Ends both ends when it returns.
async fn forward(mut near: TcpStream, mut far: TcpStream, plan: Arc<AtomicU8>) {
    let (mut asked, mut answered) = (vec![0; 1 << 20], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = near.read(&mut asked) => {
                let Ok(count @ 1..) = read else { return };
                let is_lock = asked[..count].windows(10).any(|text| text == b"FOR UPDATE");
                if is_lock && plan.load(Ordering::SeqCst) == Cut::SilentAtLock as u8 {
                    // Only this line: whoever comes after it is heard.
                    plan.store(Cut::Never as u8, Ordering::SeqCst);
                    let _ = far.write_all(&asked[..count]).await;
                    return std::future::pending().await;
                }
                let is_last = asked[..count].windows(6).any(|text| text == b"COMMIT");
                let cut = if is_last { plan.swap(Cut::Never as u8, Ordering::SeqCst) } else { 0 };
                if cut == Cut::BeforeCommit as u8 || far.write_all(&asked[..count]).await.is_err() {
                    return;
                }
                if cut == Cut::AfterCommit as u8 {
                    // The server has all of it once it answers.
                    let _ = far.read(&mut answered).await;
                    return;
                }
            }
            read = far.read(&mut answered) => {
                let Ok(count @ 1..) = read else { return };
                if near.write_all(&answered[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}
