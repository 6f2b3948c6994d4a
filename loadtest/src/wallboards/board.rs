//! A subscriber that follows the counts and notes when it was shown what.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use hyper::header::HeaderValue;
use tokio::select;
use tokio::sync::watch;
use tokio::time::timeout;

use super::frame;
use crate::limits::LEAVE_WAIT;
use crate::socket::Socket;
use crate::target::Target;

/// Before a board's first snapshot.
pub(crate) const NOTHING_YET: u64 = u64::MAX;
/// The type whose holders tell which logins a frame shows.
const SEAT: &str = "inbound_agent";

/// Where it follows what.
#[derive(Clone)]
pub(crate) struct Board {
    target: Arc<Target>,
    organisation: u64,
    authorization: HeaderValue,
    /// What it was shown last, or [`NOTHING_YET`]. The turn looks whether all are there.
    pub(crate) latest: Arc<AtomicU64>,
}

/// What a frame showed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    pub(crate) at: Instant,
    pub(crate) holders: u64,
}

/// All that came to one subscriber after its first snapshot.
#[derive(Default)]
pub(crate) struct Followed {
    /// A frame without the type that is followed repeats its number.
    pub(crate) shown: Vec<Shown>,
    /// Of their texts.
    pub(crate) bytes: u64,
    /// Snapshots among them, each in place of frames that were missed.
    pub(crate) snapshots: u64,
    /// What the contract does not allow, in words.
    pub(crate) fault: Option<String>,
}

impl Board {
    /// One that has not subscribed yet.
    pub(crate) fn new(
        target: &Arc<Target>,
        organisation: u64,
        authorization: &HeaderValue,
    ) -> Self {
        let (target, authorization) = (Arc::clone(target), authorization.clone());
        Self { target, organisation, authorization, latest: Arc::new(AtomicU64::new(NOTHING_YET)) }
    }

    /// Subscribes, and follows until it is told to stop.
    pub(crate) async fn follow(self, stop: watch::Receiver<bool>) -> Followed {
        let mut followed = Followed::default();
        if let Err(fault) = self.play(stop, &mut followed).await {
            followed.fault = Some(fault);
        }
        followed
    }

    async fn play(
        &self,
        mut stop: watch::Receiver<bool>,
        followed: &mut Followed,
    ) -> Result<(), String> {
        let (mut socket, mut seq, mut holders) = self.subscribe().await?;
        self.latest.store(holders, Ordering::Release);
        let looked_for = frame::followed(SEAT);
        loop {
            let text = select! {
                text = socket.next_text() => text.map_err(closed)?,
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
            };
            let at = Instant::now();
            let Some(frame) = frame::scan(&text, &looked_for) else { continue };
            if !frame.is_snapshot && frame.seq != seq + 1 {
                return Err(format!("counts {} came after {seq}", frame.seq));
            }
            seq = frame.seq;
            holders = frame.holders.unwrap_or(holders);
            followed.shown.push(Shown { at, holders });
            followed.bytes += u64::try_from(text.len()).unwrap_or(0);
            followed.snapshots += u64::from(frame.is_snapshot);
            self.latest.store(holders, Ordering::Release);
        }
    }

    /// The socket after its first snapshot, with that one's number and holders.
    async fn subscribe(&self) -> Result<(Socket, u64, u64), String> {
        let opening = Socket::open_live(&self.target, self.organisation, &self.authorization);
        let opened = timeout(LEAVE_WAIT, opening).await.map_err(|_| "no board in time")?;
        let mut socket = opened.map_err(|error| format!("a board: {error:?}"))?;
        socket.send(r#"{"type":"subscribe","id":1}"#.to_owned()).await?;
        let text = timeout(LEAVE_WAIT, socket.next_text()).await;
        let text = text.map_err(|_| "no snapshot in time")?.map_err(closed)?;
        let scanned = frame::scan(&text, &frame::followed(SEAT));
        if scanned != frame::parse(&text, SEAT) {
            return Err("its members stand in an order that the scan does not know".to_owned());
        }
        let first = scanned.filter(|frame| frame.is_snapshot).ok_or("the first is no snapshot")?;
        Ok((socket, first.seq, first.holders.unwrap_or(0)))
    }
}

fn closed(code: Option<u16>) -> String {
    code.map_or_else(|| "a board was lost".to_owned(), |code| format!("a board was closed: {code}"))
}
