//! One agent: logs in, works until the connection is lost, and comes back with everybody else.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderValue;
use tokio::select;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::attempt::{NotServed, attempt};
use super::{Herd, Stage, backoff};
use crate::limits::HEARTBEAT_S;
use crate::session::code_in_words;
use crate::socket::{Incoming, Socket};
use crate::wire::{LoggedIn, Request};

/// Who, and from where.
pub(crate) struct Member {
    pub(crate) organisation: u64,
    pub(crate) user: Arc<str>,
    /// `Bearer` and the user's token.
    pub(crate) authorization: HeaderValue,
    /// `None`: the system chooses.
    pub(crate) source: Option<Ipv4Addr>,
    /// Seconds; 0 for none.
    pub(crate) grace_s: u64,
}

/// Lives through the whole run.
pub(crate) async fn live(member: Member, herd: Arc<Herd>, mut stage: watch::Receiver<Stage>) {
    let first = {
        // The semaphore is never closed, so this waits for a turn.
        let _turn = herd.turns.acquire().await;
        come(&member, &herd, None).await
    };
    let Some((socket, welcome)) = first else { return };
    herd.tally().logged_in();
    let Some(how) = work(socket, &welcome, &mut stage).await else { return };
    herd.tally().disconnected(&how);
    let Some(since) = until_returning(&mut stage).await else { return };
    let ticket = (member.grace_s > 0).then_some(&welcome);
    herd.tally().begin_to_count();
    if let Some((socket, again)) = come(&member, &herd, ticket).await {
        herd.tally().back(since.elapsed(), ticket.is_some(), again.granted == welcome.granted);
        if let Some(how) = work(socket, &again, &mut stage).await {
            herd.tally().lost(&format!("again: {how}"));
        }
    }
}

/// Tries until it is let in; `None` where that is not to be.
async fn come(
    member: &Member,
    herd: &Herd,
    ticket: Option<&LoggedIn>,
) -> Option<(Socket, LoggedIn)> {
    let mut attempts = 0;
    loop {
        match timeout(herd.answer_timeout, attempt(&herd.target, member, ticket)).await {
            Ok(Ok(served)) => return Some(served),
            Ok(Err(NotServed::Later(why))) => herd.tally().sent_away(&why),
            Ok(Err(NotServed::Never(why))) => {
                herd.tally().lost(&why);
                return None;
            }
            Err(_) => herd.tally().timed_out(),
        }
        sleep(backoff(attempts, member.grace_s)).await;
        attempts += 1;
    }
}

/// Gives signs of life until the connection ends, and says how it did; `None` if it is time to leave.
async fn work(
    mut socket: Socket,
    welcome: &LoggedIn,
    stage: &mut watch::Receiver<Stage>,
) -> Option<String> {
    let heartbeat = Duration::from_secs(welcome.heartbeat_s.unwrap_or(HEARTBEAT_S).max(1));
    // Not in step with the others.
    let mut ping_at = Instant::now() + heartbeat.mul_f64(rand::random::<f64>() / 2.0);
    while *stage.borrow_and_update() != Stage::Leaving {
        select! {
            heard = socket.next() => match heard {
                Incoming::Said(_) | Incoming::Alive | Incoming::Nonsense => {}
                Incoming::Closed(code) => {
                    let how = code_in_words(code);
                    socket.see_out().await;
                    return Some(how);
                }
                Incoming::Lost(how) => return Some(how),
            },
            () = sleep_until(ping_at) => {
                ping_at = Instant::now() + heartbeat / 2;
                let ping = Request::Ping { id: 1 }.to_json().ok()?;
                if let Err(how) = socket.send(ping).await {
                    return Some(how);
                }
            }
            changed = stage.changed() => changed.ok()?,
        }
    }
    None
}

/// The moment from which everybody comes back; `None` if it is time to leave.
async fn until_returning(stage: &mut watch::Receiver<Stage>) -> Option<Instant> {
    loop {
        match *stage.borrow_and_update() {
            Stage::Returning(since) => return Some(since),
            Stage::Leaving => return None,
            Stage::Working => {}
        }
        stage.changed().await.ok()?;
    }
}
