//! The network between devices and the broker: forwards bytes, until it is told to break.

use crate::support::until::until_seen;
use socket2::SockRef;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How the connections that are there break. Those that come later are whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Break {
    /// Both halves are reset.
    Reset,
    /// Both halves end in good order, without a close frame.
    End,
    /// Nothing passes any more, and neither side is told: the broker believes the device alive.
    Silence,
    /// What the broker says is lost, what the device says arrives; neither side is told.
    LostAnswers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Whole,
    Broken(Break),
}

/// Listens on a port of its own, for as long as it lives.
pub(crate) struct Forwarder {
    pub(crate) address: SocketAddr,
    /// Of the connections that were accepted since the last break.
    lines: Arc<Mutex<watch::Sender<Line>>>,
    /// What the broker has said, in bytes, over all connections.
    said: Arc<watch::Sender<usize>>,
    accepting: JoinHandle<()>,
}

impl Forwarder {
    pub(crate) async fn to(broker: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let lines = Arc::new(Mutex::new(watch::Sender::new(Line::Whole)));
        let said = Arc::new(watch::Sender::new(0));
        let (current, counter) = (lines.clone(), said.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((device, _)) = listener.accept().await {
                let line = current.lock().unwrap().subscribe();
                // A broker that is not there refuses, and so does its forwarder.
                let Ok(server) = TcpStream::connect(broker).await else { continue };
                tokio::spawn(forward(device, server, line, counter.clone()));
            }
        });
        Self { address, lines, said, accepting }
    }

    /// Breaks every connection that is there.
    pub(crate) fn break_off(&self, how: Break) {
        let lines =
            std::mem::replace(&mut *self.lines.lock().unwrap(), watch::Sender::new(Line::Whole));
        lines.send_replace(Line::Broken(how));
    }

    /// How much the broker has said so far, in bytes.
    pub(crate) fn said(&self) -> usize {
        *self.said.borrow()
    }

    /// Waits until the broker has said more than that.
    pub(crate) async fn more_said_than(&self, bytes: usize) {
        until_seen("an answer, on its way to nowhere", async || {
            (self.said() > bytes).then_some(())
        })
        .await;
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn forward(
    device: TcpStream,
    server: TcpStream,
    line: watch::Receiver<Line>,
    said: Arc<watch::Sender<usize>>,
) {
    let ((from_device, to_device), (from_server, to_server)) =
        (device.into_split(), server.into_split());
    let up = tokio::spawn(pump(from_device, to_server, line.clone(), None));
    let down = tokio::spawn(pump(from_server, to_device, line, Some(said)));
    // However they end, there is nobody to tell.
    let _ = tokio::join!(up, down);
}

/// One direction, until its connection ends or breaks. `said` counts what the broker says; its direction
/// is the one that loses answers.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut line: watch::Receiver<Line>,
    said: Option<Arc<watch::Sender<usize>>>,
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let state = *line.borrow_and_update();
        match state {
            Line::Broken(Break::End) => return,
            Line::Broken(Break::Reset) => {
                SockRef::from(to.as_ref()).set_linger(Some(Duration::ZERO)).unwrap();
                // Without the goodbye that dropping it would say first.
                return to.forget();
            }
            // The tests' end ends it.
            Line::Broken(Break::Silence) => return std::future::pending().await,
            Line::Whole | Line::Broken(Break::LostAnswers) => {}
        }
        let count = tokio::select! {
            biased;
            Ok(()) = line.changed() => continue,
            read = from.read(&mut buffer) => read.unwrap_or(0),
        };
        if count == 0 {
            return;
        }
        let is_lost = said.is_some() && state == Line::Broken(Break::LostAnswers);
        if !is_lost && to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
        if let Some(said) = &said {
            said.send_modify(|bytes| *bytes += count);
        }
    }
}
