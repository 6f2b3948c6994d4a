//! The live counts as server-sent events: `curl` is a wallboard.

use super::tcp::Socket;
use super::wallboard::{counts_text, snapshot_text};
use crate::actor::live::LiveFrame;
use crate::auth::Claims;
use crate::broker::{Broker, Phase};
use crate::domain::ids::OrganisationId;
use crate::limits::LIVE_INTERVAL;
use actix_web::http::header;
use actix_web::{Error, HttpResponse, web};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// What one listener is at.
struct Listener {
    broker: web::Data<Broker>,
    organisation: OrganisationId,
    claims: Claims,
    live: watch::Receiver<Arc<LiveFrame>>,
    phase: watch::Receiver<Phase>,
    /// The sequence number last sent; `None` before the first.
    seq: Option<u64>,
    /// When something was last sent, as a clock that nobody sets has it.
    sent: Duration,
    socket: Option<Socket>,
}

/// How often a listener that hears nothing is looked after.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Streams the counts until the token or the organisation ends, or the broker stops.
pub fn stream(
    broker: web::Data<Broker>,
    organisation: OrganisationId,
    claims: Claims,
    live: watch::Receiver<Arc<LiveFrame>>,
    socket: Option<Socket>,
) -> HttpResponse {
    let sent = broker.clock.now().elapsed;
    let phase = broker.ready.subscribe();
    let listener = Listener { broker, organisation, claims, live, phase, seq: None, sent, socket };
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/event-stream"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .streaming(events(listener))
}

fn events(listener: Listener) -> impl Stream<Item = Result<Bytes, Error>> {
    stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((event, listener))
    })
    .map(Ok)
}

impl Listener {
    /// The next event, or a comment that keeps the connection alive; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.is_over() {
                return None;
            }
            let (elapsed, is_behind) = (self.broker.clock.now().elapsed, self.is_behind());
            if !is_behind && self.has_news() {
                self.sent = elapsed;
                return Some(self.write());
            }
            if elapsed.saturating_sub(self.sent) >= self.broker.heartbeat.every {
                self.sent = elapsed;
                return Some(Bytes::from_static(b": alive\n\n"));
            }
            let pause = if is_behind { LIVE_INTERVAL } else { LOOK_EVERY };
            tokio::select! {
                changed = self.live.changed(), if !is_behind => changed.ok()?,
                _ = self.phase.wait_for(|phase| *phase == Phase::Closing) => return None,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn has_news(&self) -> bool {
        self.seq != Some(self.live.borrow().seq)
    }

    /// Whether so much output waits that more of it would be a backlog.
    fn is_behind(&self) -> bool {
        self.socket.is_some_and(Socket::is_behind)
    }

    /// Whether the listener may hear no more: the token ran out, or the organisation is gone.
    fn is_over(&self) -> bool {
        self.claims.expires_at <= self.broker.clock.now().at
            || !self.broker.directory.exists(self.organisation)
    }

    fn write(&mut self) -> Bytes {
        let frame = self.live.borrow_and_update().clone();
        let is_next = self.seq.is_some_and(|seq| frame.seq == seq + 1);
        self.seq = Some(frame.seq);
        let (name, text) = if is_next {
            ("counts", counts_text(&frame, &self.broker.catalogue))
        } else {
            ("snapshot", snapshot_text(&frame, &self.broker.catalogue))
        };
        Bytes::from(format!("event: {name}\nid: {}\ndata: {text}\n\n", frame.seq))
    }
}
