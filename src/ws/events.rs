//! The live counts as server-sent events: `curl` is a wallboard.

use super::following::{Following, News};
use super::tcp::Socket;
use crate::actor::live::Feed;
use crate::auth::Claims;
use crate::broker::admission::Subscriber;
use crate::broker::{Broker, Phase};
use crate::domain::ids::OrganisationId;
use crate::limits::LIVE_INTERVAL;
use crate::telemetry;
use crate::telemetry::process::{Alive, Kind};
use actix_web::http::header;
use actix_web::{Error, HttpResponse, web};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};

/// What one listener is at.
struct Listener {
    broker: web::Data<Broker>,
    organisation: OrganisationId,
    claims: Claims,
    following: Following,
    phase: watch::Receiver<Phase>,
    /// When something was last sent, as a clock that nobody sets has it.
    sent: Duration,
    socket: Option<Socket>,
    /// One of the streams that may be open, and of the subscribers; given back with the stream.
    _places: Places,
    _alive: Alive,
}

/// What a stream takes of what is bounded.
pub type Places = (OwnedSemaphorePermit, Subscriber);

/// How often a listener that hears nothing is looked after.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Streams the counts until the token or the organisation ends, or the broker stops.
pub fn stream(
    broker: web::Data<Broker>,
    organisation: OrganisationId,
    claims: Claims,
    feed: Feed,
    socket: Option<Socket>,
    places: Places,
) -> HttpResponse {
    let sent = broker.clock.elapsed();
    let phase = broker.ready.subscribe();
    let present = telemetry::subscribed_by("sse");
    let following = Following::begin(&broker, organisation, &claims, feed, None, present);
    let _places = places;
    let _alive = Alive::new(Kind::EventStream);
    let listener =
        Listener { broker, organisation, claims, following, phase, sent, socket, _places, _alive };
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/event-stream"))
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
            let (elapsed, is_behind) = (self.broker.clock.elapsed(), self.is_behind());
            if !is_behind && let Some(news) = self.following.next(&self.broker.catalogue) {
                self.sent = elapsed;
                return Some(write(&news));
            }
            if elapsed.saturating_sub(self.sent) >= self.broker.heartbeat.every {
                self.sent = elapsed;
                return Some(Bytes::from_static(b": alive\n\n"));
            }
            let pause = if is_behind { LIVE_INTERVAL } else { LOOK_EVERY };
            let Feed { counts, interval, kinds } = &mut self.following.feed;
            tokio::select! {
                changed = counts.changed(), if !is_behind => changed.ok()?,
                changed = interval.changed(), if !is_behind => changed.ok()?,
                changed = kinds.changed(), if !is_behind => changed.ok()?,
                _ = self.phase.wait_for(|phase| *phase == Phase::Closing) => return None,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Whether so much output waits that more of it would be a backlog.
    fn is_behind(&self) -> bool {
        self.socket.is_some_and(Socket::is_behind)
    }

    /// Whether the listener may hear no more: the token ran out, or the wallboard or the organisation is
    /// gone.
    fn is_over(&mut self) -> bool {
        self.following.is_removed()
            || self.claims.expires_at <= self.broker.clock.now().at
            || !self.broker.directory.exists(self.organisation)
            || !self.broker.directory.is_served_here(self.organisation)
    }
}

fn write(news: &News) -> Bytes {
    let News { name, seq, written } = news;
    let text = &written.text;
    let id = seq.map(|seq| format!("id: {seq}\n")).unwrap_or_default();
    Bytes::from(format!("event: {name}\n{id}data: {text}\n\n"))
}
