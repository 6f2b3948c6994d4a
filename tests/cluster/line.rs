//! The network between a node and its database: passes bytes until it is told otherwise.

use crate::support::until::until_seen;
use socket2::SockRef;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

const BUFFER_BYTES: usize = 16 * 1024;

/// What becomes of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// They pass.
    Whole,
    /// Nothing passes and nobody is told. What was sent meanwhile arrives once the line is whole again.
    Stalled,
    /// What the node says arrives, what the database answers is lost.
    AnswersLost,
    /// Connections are reset, new ones at once.
    Cut,
}

#[derive(Clone, Copy, Debug)]
struct State {
    flow: Flow,
    /// Connections of an earlier one are reset.
    generation: u64,
}

/// Listens on a port of its own for as long as it lives.
pub(crate) struct Line {
    pub(crate) address: SocketAddr,
    state: watch::Sender<State>,
    /// Answers that were lost, in bytes.
    lost: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Line {
    pub(crate) async fn to(database: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = watch::Sender::new(State { flow: Flow::Whole, generation: 0 });
        let lost = Arc::new(AtomicUsize::new(0));
        let (current, counter) = (state.clone(), lost.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((node, _)) = listener.accept().await {
                tokio::spawn(connect(node, database, current.subscribe(), counter.clone()));
            }
        });
        Self { address, state, lost, accepting }
    }

    /// From now on, for the connections that are there and for new ones.
    pub(crate) fn set(&self, flow: Flow) {
        self.state.send_modify(|state| state.flow = flow);
    }

    /// Loses answers from now on, until there was one.
    pub(crate) async fn lose_an_answer(&self) {
        let before = self.lost.load(Ordering::Relaxed);
        self.set(Flow::AnswersLost);
        until_seen("an answer, on its way to nowhere", async || {
            (self.lost.load(Ordering::Relaxed) > before).then_some(())
        })
        .await;
    }

    /// Whole again; of connections that lost bytes nothing is left.
    pub(crate) fn heal(&self) {
        self.state.send_modify(|state| {
            let lost = matches!(state.flow, Flow::AnswersLost | Flow::Cut);
            state.generation += u64::from(lost);
            state.flow = Flow::Whole;
        });
    }

    /// Resets the connections that are there, whatever they are at; new ones are whole.
    pub(crate) fn snap(&self) {
        self.state.send_modify(|state| {
            state.generation += 1;
            state.flow = Flow::Whole;
        });
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn connect(
    node: TcpStream,
    database: SocketAddr,
    mut state: watch::Receiver<State>,
    lost: Arc<AtomicUsize>,
) {
    let generation = state.borrow().generation;
    let is_open = |state: &State| state.flow != Flow::Stalled || state.generation != generation;
    // The test's end ends it too.
    let Ok(now) = state.wait_for(is_open).await.map(|state| *state) else { return };
    if now.flow == Flow::Cut || now.generation != generation {
        return reset(&node);
    }
    // A database that is not there refuses, and so does its line.
    let Ok(server) = TcpStream::connect(database).await else { return reset(&node) };
    let ((from_node, to_node), (from_server, to_server)) = (node.into_split(), server.into_split());
    let up = Pump { state: state.clone(), generation, answers: None };
    let down = Pump { state, generation, answers: Some(lost) };
    tokio::join!(up.run(from_node, to_server), down.run(from_server, to_node));
}

/// One direction of a connection.
struct Pump {
    state: watch::Receiver<State>,
    generation: u64,
    /// Of the direction from the database: counts what is lost.
    answers: Option<Arc<AtomicUsize>>,
}

impl Pump {
    /// Until the connection ends or is reset.
    async fn run(mut self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let state = *self.state.borrow_and_update();
            if state.flow == Flow::Cut || state.generation != self.generation {
                SockRef::from(to.as_ref()).set_linger(Some(Duration::ZERO)).unwrap();
                // Without the goodbye that dropping it would say first.
                return to.forget();
            }
            if state.flow == Flow::Stalled {
                if self.state.changed().await.is_err() {
                    return;
                }
                continue;
            }
            let count = tokio::select! {
                biased;
                Ok(()) = self.state.changed() => continue,
                read = from.read(&mut buffer) => read.unwrap_or(0),
            };
            if count == 0 {
                return;
            }
            match &self.answers {
                Some(lost) if state.flow == Flow::AnswersLost => {
                    lost.fetch_add(count, Ordering::Relaxed);
                }
                Some(_) | None if to.write_all(&buffer[..count]).await.is_err() => return,
                Some(_) | None => {}
            }
        }
    }
}

fn reset(stream: &TcpStream) {
    // The peer may have gone already.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
