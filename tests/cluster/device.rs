//! A device, written from the contract alone (§8): what it does by chance, and how it takes what it hears.

use crate::arrival::{Connected, Credentials, seen};
use crate::auditor::{Farewell, names};
use crate::estate::newcomer;
use crate::floor::{Floor, Mode};
use futures_util::{SinkExt, StreamExt};
use rand::rngs::StdRng;
use rand::seq::IteratorRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};
use tokio::time::{sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;

/// Between two things that a device does.
const PAUSE_MS: Range<u64> = 100..900;
/// A logout that is not answered for so long was sent to nobody.
const GOODBYE_WITHIN: Duration = Duration::from_secs(3);
const PATIENCE_MS: Range<u64> = 1_200..6_000;
const NEWCOMERS_PATIENCE_MS: Range<u64> = 400..800;
/// Which channels a device carries.
const OF_DESKTOP: [&str; 2] = ["agent_email", "agent_sms"];
const OF_PHONE: [&str; 2] = ["agent_calls", "recording"];

/// One device of one user.
pub(crate) struct Device {
    pub(crate) floor: Floor,
    pub(crate) organisation: u64,
    pub(crate) user: String,
    pub(crate) device: &'static str,
    /// What it asks for at each login.
    pub(crate) grace: Duration,
    pub(crate) waits: bool,
    pub(crate) rng: StdRng,
    /// Where it was sent.
    pub(crate) target: Option<SocketAddr>,
    /// How often in a row.
    pub(crate) sent_on: u32,
    /// A session that was lost and can be resumed, or is worth a try.
    pub(crate) lost: Option<Credentials>,
    /// Its last session, which a login takes over if the broker still has it.
    pub(crate) before: Option<String>,
    /// A node that answers nothing for so many milliseconds is left; how long differs from try to try.
    patience_ms: Range<u64>,
    next_id: u64,
}

/// What comes in.
#[derive(Debug)]
pub(crate) enum Seen {
    Message(Value),
    /// A ping or a pong.
    Sign,
    Closed(u16, String),
    Broken,
}

/// How a session goes on.
enum Next {
    On(Box<Connected>),
    /// The connection is gone; the session may be resumed.
    Lost(Box<Connected>),
    Gone,
}

impl Device {
    pub(crate) fn new(
        floor: &Floor,
        organisation: u64,
        user: &str,
        device: &'static str,
        seed: u64,
    ) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let grace = if rng.random_bool(0.5) { Duration::from_secs(60) } else { Duration::ZERO };
        Self {
            floor: floor.clone(),
            organisation,
            user: user.to_owned(),
            device,
            grace,
            waits: rng.random_bool(0.5),
            rng,
            target: None,
            sent_on: 0,
            lost: None,
            before: None,
            patience_ms: PATIENCE_MS,
            next_id: 1,
        }
    }

    /// Somebody who comes for the first time, and soon tries elsewhere.
    pub(crate) fn newcomer(floor: &Floor, organisation: u64, number: usize) -> Self {
        let user = newcomer(number);
        let device = Self::new(floor, organisation, &user, "agent_desktop", organisation);
        Self { grace: Duration::ZERO, waits: false, patience_ms: NEWCOMERS_PATIENCE_MS, ..device }
    }

    /// How long it waits for an answer this time.
    pub(crate) fn patience(&mut self) -> Duration {
        Duration::from_millis(self.rng.random_range(self.patience_ms.clone()))
    }

    /// Works until everybody goes home.
    pub(crate) async fn run(mut self) {
        loop {
            let mode = *self.floor.mode.borrow();
            if mode == Mode::End {
                return;
            }
            if mode == Mode::Calm && self.lost.is_none() {
                // The sender is gone when the test is over.
                let _ = self.floor.mode.wait_for(|mode| *mode != Mode::Calm).await;
                continue;
            }
            match self.arrive().await {
                Ok(connected) => self.stay(connected).await,
                Err(away) => sleep(self.back_off(&away)).await,
            }
        }
    }

    /// A session, from its first answer to its end.
    async fn stay(&mut self, connected: Connected) {
        let mut connected = Box::new(connected);
        loop {
            if *self.floor.mode.borrow() == Mode::End {
                return;
            }
            match self.live(connected).await {
                Next::On(still) => connected = still,
                Next::Gone => return,
                Next::Lost(gone) => {
                    // Without grace it may still be there, after the loss of a node.
                    let tries = gone.grace > Duration::ZERO || self.rng.random_bool(0.5);
                    self.lost = tries.then_some(gone.credentials);
                    return;
                }
            }
        }
    }

    /// Until it has done something; hears meanwhile whatever comes.
    async fn live(&mut self, mut connected: Box<Connected>) -> Next {
        let pause = Duration::from_millis(self.rng.random_range(PAUSE_MS));
        let acts_at = tokio::time::Instant::now() + pause;
        loop {
            let lapses_at = (connected.heard_at + self.floor.lease).into();
            tokio::select! {
                frame = connected.socket.next() => {
                    match self.take(connected, seen(frame)) {
                        Next::On(still) => connected = still,
                        gone @ (Next::Lost(_) | Next::Gone) => return gone,
                    }
                }
                () = sleep_until(lapses_at) => {
                    // Whatever it still says proves nothing: the connection is dropped.
                    self.floor.auditor.ended(&connected.credentials.session, Farewell::Broke);
                    return Next::Lost(connected);
                }
                () = sleep_until(acts_at) => return self.act(connected).await,
            }
        }
    }

    /// Takes what came in.
    fn take(&mut self, mut connected: Box<Connected>, seen: Seen) -> Next {
        let auditor = self.floor.auditor.clone();
        let session = connected.credentials.session.clone();
        let is_in_time = !matches!(seen, Seen::Broken) && auditor.heard(&session);
        match seen {
            Seen::Broken => {
                auditor.ended(&session, Farewell::Broke);
                return Next::Lost(connected);
            }
            Seen::Closed(code, reason) => {
                self.note_close(connected.node, code, is_in_time);
                auditor.ended(&session, Farewell::Closed(code));
                return self.told_to_go(connected, code, &reason);
            }
            Seen::Message(_) | Seen::Sign if !is_in_time => {
                auditor.ended(&session, Farewell::Broke);
                return Next::Lost(connected);
            }
            Seen::Message(message) => self.understand(&mut connected, &message),
            Seen::Sign => {}
        }
        connected.heard_at = Instant::now();
        Next::On(connected)
    }

    fn told_to_go(&mut self, connected: Box<Connected>, code: u16, reason: &str) -> Next {
        match code {
            4002 => self.go_where_sent(reason),
            1001 | 4000 | 4001 | 4003 | 4004 => {}
            _ => self.floor.auditor.object(&format!("a session was closed {code} {reason}")),
        }
        if connected.grace == Duration::ZERO { Next::Gone } else { Next::Lost(connected) }
    }

    fn understand(&mut self, connected: &mut Connected, message: &Value) {
        let (auditor, session) = (&self.floor.auditor, &connected.credentials.session);
        if message["id"].as_u64().is_some_and(|id| Some(id) == connected.pending) {
            connected.pending = None;
        }
        match message["type"].as_str() {
            Some("acquired" | "granted") => {
                let list = message.get("granted").unwrap_or(&message["licences"]);
                let granted = names(list);
                connected.waiting.extend(names(&message["waiting"]));
                connected.waiting.retain(|licence| !granted.contains(licence));
                connected.held.extend(granted.iter().cloned());
                auditor.granted(session, &granted);
            }
            Some("released") => {
                let licences = names(&message["licences"]);
                connected.held.retain(|licence| !licences.contains(licence));
                connected.waiting.retain(|licence| !licences.contains(licence));
                let reason = message["reason"].as_str().unwrap_or_default();
                auditor.released(session, &licences, reason);
            }
            Some("pong" | "draining") => {}
            _ => auditor.object(&format!("session {session} was told {message}")),
        }
    }

    /// One thing that devices do.
    async fn act(&mut self, mut connected: Box<Connected>) -> Next {
        let is_calm = *self.floor.mode.borrow() != Mode::Work;
        // One request at a time; pings keep the session alive meanwhile.
        let deed =
            if is_calm || connected.pending.is_some() { 99 } else { self.rng.random_range(0..30) };
        let asks = match deed {
            0..6 => self.acquire(&mut connected),
            6..12 => self.release(&mut connected),
            12 => return self.log_out(connected).await,
            13 => {
                self.floor.auditor.ended(&connected.credentials.session, Farewell::OwnWish);
                // A close frame is a logout: there is nothing to come back to.
                let _ = connected.socket.close(None).await;
                return Next::Gone;
            }
            14 => return self.vanish(connected),
            _ => None,
        };
        let message = asks.unwrap_or_else(|| json!({ "type": "ping" }));
        if connected.socket.send(Message::text(message.to_string())).await.is_err() {
            self.floor.auditor.ended(&connected.credentials.session, Farewell::Broke);
            return Next::Lost(connected);
        }
        Next::On(connected)
    }

    fn channels(&self) -> [&'static str; 2] {
        if self.device == "deskphone" { OF_PHONE } else { OF_DESKTOP }
    }

    fn acquire(&mut self, connected: &mut Connected) -> Option<Value> {
        let wanted = self.channels().into_iter().filter(|channel| {
            !connected.held.contains(*channel) && !connected.waiting.contains(*channel)
        });
        let channel = wanted.choose(&mut self.rng)?;
        let id = self.next(connected);
        let wait = self.rng.random_bool(0.5);
        Some(json!({ "type": "acquire", "id": id, "channels": [channel], "wait": wait }))
    }

    fn release(&mut self, connected: &mut Connected) -> Option<Value> {
        let held = self.channels().into_iter().filter(|channel| {
            connected.held.contains(*channel) || connected.waiting.contains(*channel)
        });
        let channel = held.choose(&mut self.rng)?;
        let id = self.next(connected);
        // From now on it is not used any more.
        self.floor.auditor.gives_up(&connected.credentials.session, channel);
        Some(json!({ "type": "release", "id": id, "channels": [channel] }))
    }

    fn next(&mut self, connected: &mut Connected) -> u64 {
        self.next_id += 1;
        connected.pending = Some(self.next_id);
        self.next_id
    }

    /// The network's fault, as far as the broker can tell: grace holds.
    fn vanish(&mut self, connected: Box<Connected>) -> Next {
        let has_grace = connected.grace > Duration::ZERO;
        let farewell = if has_grace { Farewell::Broke } else { Farewell::OwnWish };
        self.floor.auditor.ended(&connected.credentials.session, farewell);
        if has_grace { Next::Lost(connected) } else { Next::Gone }
    }

    /// Logs out and goes home, whether it is answered or not.
    pub(crate) async fn leave(&mut self, connected: Connected) {
        self.log_out(Box::new(connected)).await;
    }

    async fn log_out(&mut self, mut connected: Box<Connected>) -> Next {
        let session = connected.credentials.session.clone();
        self.floor.auditor.ended(&session, Farewell::OwnWish);
        let goodbye = async {
            let logout = Message::text(json!({ "type": "logout" }).to_string());
            connected.socket.send(logout).await.ok()?;
            loop {
                match seen(connected.socket.next().await) {
                    Seen::Message(message) if message["type"] == "logged_out" => {
                        let released = names(&message["released"]);
                        self.floor.auditor.released(&session, &released, "logout");
                        return Some(());
                    }
                    Seen::Message(message) => self.understand(&mut connected, &message),
                    Seen::Sign => {}
                    Seen::Closed(..) | Seen::Broken => return None,
                }
            }
        };
        // It goes home all the same.
        let _ = timeout(GOODBYE_WITHIN, goodbye).await;
        Next::Gone
    }
}
