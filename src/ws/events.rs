//! The live counts as server-sent events: `curl` is a wallboard.

use super::wallboard::{counts_text, snapshot_text};
use crate::actor::live::LiveFrame;
use crate::auth::Claims;
use crate::broker::{Broker, Phase};
use crate::domain::ids::OrganisationId;
use actix_web::http::header;
use actix_web::{Error, HttpResponse, web};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use std::sync::Arc;
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
}

/// Streams the counts until the token or the organisation ends, or the broker stops.
pub fn stream(
    broker: web::Data<Broker>,
    organisation: OrganisationId,
    claims: Claims,
    live: watch::Receiver<Arc<LiveFrame>>,
) -> HttpResponse {
    let phase = broker.ready.subscribe();
    let listener = Listener { broker, organisation, claims, live, phase, seq: None };
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
        if self.is_over() {
            return None;
        }
        if self.seq.is_none() {
            return Some(self.write());
        }
        let heartbeat = self.broker.heartbeat.every;
        let has_changed = tokio::select! {
            changed = self.live.changed() => changed.ok().map(|()| true)?,
            _ = self.phase.wait_for(|phase| *phase == Phase::Closing) => return None,
            () = tokio::time::sleep(heartbeat) => false,
        };
        Some(if has_changed { self.write() } else { Bytes::from_static(b": alive\n\n") })
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
