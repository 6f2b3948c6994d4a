//! When every licence is free again, as a subscriber of live counts sees it: to the moment, and without
//! asking the broker anything meanwhile.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use hyper::header::HeaderValue;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::api::{Api, TokenWanted, bearer};
use crate::limits::LEAVE_WAIT;
use crate::socket::Socket;
use crate::target::Target;

const SUBSCRIBE: &str = r#"{"type":"subscribe","id":1}"#;

/// What became of connections that were all dropped at once.
#[derive(Debug, Serialize)]
pub(crate) struct Dropped {
    pub(crate) connections: u64,
    /// From the first drop to the last.
    pub(crate) took_s: f64,
    /// From the last drop until live counts showed that nothing was held any more. The broker sends them
    /// at most every 100 ms, which this contains.
    pub(crate) free_after_s: f64,
}

/// A subscriber in each organisation. They end when this is dropped.
pub(crate) struct FreeWatch {
    _boards: JoinSet<()>,
    /// Since when nothing has been held there.
    free: Vec<watch::Receiver<Option<Instant>>>,
}

impl FreeWatch {
    /// Subscribes in all of these organisations; each has sent its first counts when this is done.
    ///
    /// # Errors
    ///
    /// Where one of them cannot be followed.
    pub(crate) async fn hang(
        api: &Api<'_>,
        target: &Target,
        organisations: &[u64],
        ttl: Duration,
    ) -> Result<Self> {
        let (mut boards, mut free) = (JoinSet::new(), Vec::with_capacity(organisations.len()));
        for &organisation in organisations {
            let token = supervisor(api, organisation, ttl).await?;
            let mut board = Board::open(target, organisation, &token).await?;
            let (found, since) = watch::channel(board.free_since);
            free.push(since);
            boards.spawn(async move { while board.follow(&found).await.is_ok() {} });
        }
        Ok(Self { _boards: boards, free })
    }

    /// Waits until nothing is held anywhere; since when. `None` where it does not come to that by
    /// `deadline`, or where a subscriber lost its connection.
    pub(crate) async fn until_free(mut self, deadline: Instant) -> Option<Instant> {
        let mut last = None;
        for free in &mut self.free {
            let found = timeout_at(deadline, free.wait_for(Option::is_some)).await.ok()?.ok()?;
            last = last.max(*found);
        }
        last
    }
}

async fn supervisor(api: &Api<'_>, org: u64, ttl: Duration) -> Result<HeaderValue> {
    let ttl_s = ttl.as_secs();
    let wanted = TokenWanted { sub: "load-test-supervisor", org, role: "supervisor", ttl_s };
    let issued = api.issue_tokens(&[wanted]).await?;
    let first = issued.first().context("POST /v1/tokens: none came for a supervisor")?;
    bearer(&first.token)
}

struct Board {
    socket: Socket,
    /// By licence type.
    holders: HashMap<String, u64>,
    free_since: Option<Instant>,
}

impl Board {
    async fn open(target: &Target, organisation: u64, token: &HeaderValue) -> Result<Self> {
        let deadline = Instant::now() + LEAVE_WAIT;
        let opening = Socket::open_live(target, organisation, token);
        let opened = timeout_at(deadline, opening).await.context("no live counts in time")?;
        let mut socket = opened.map_err(|error| anyhow!("no live counts: {error:?}"))?;
        socket.send(SUBSCRIBE.to_owned()).await.map_err(|how| anyhow!("no live counts: {how}"))?;
        let mut board = Self { socket, holders: HashMap::new(), free_since: None };
        let first = timeout_at(deadline, board.next()).await.context("no live counts in time")?;
        first.map_err(|code| anyhow!("live counts were closed: {code:?}"))?;
        Ok(board)
    }

    async fn follow(&mut self, found: &watch::Sender<Option<Instant>>) -> Result<(), Option<u16>> {
        self.next().await?;
        found.send_replace(self.free_since);
        Ok(())
    }

    async fn next(&mut self) -> Result<(), Option<u16>> {
        let message = self.socket.next_value().await?;
        self.note(&message, Instant::now());
        Ok(())
    }

    /// Five-minute figures say nothing of holders and change nothing here.
    fn note(&mut self, message: &Value, now: Instant) {
        for row in message["licences"].as_array().into_iter().flatten() {
            if let (Some(licence), Some(holders)) =
                (row["licence"].as_str(), row["holders"].as_u64())
            {
                self.holders.insert(licence.to_owned(), holders);
            }
        }
        let is_free = self.holders.values().all(|holders| *holders == 0);
        self.free_since = is_free.then(|| self.free_since.unwrap_or(now));
    }
}
