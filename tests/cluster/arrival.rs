//! How a device comes in: it connects to any node, goes where it is sent, and resumes what it lost.

use crate::auditor::{Farewell, Welcome, names};
use crate::device::{Device, Seen};
use crate::floor::Close;
use futures_util::{SinkExt, StreamExt};
use rand::Rng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

pub(crate) type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What a session can be resumed with.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) session: String,
    pub(crate) resume_token: String,
}

/// A session whose connection is there.
pub(crate) struct Connected {
    pub(crate) socket: Stream,
    /// The node at its other end.
    pub(crate) node: SocketAddr,
    pub(crate) credentials: Credentials,
    pub(crate) grace: Duration,
    pub(crate) held: BTreeSet<String>,
    pub(crate) waiting: BTreeSet<String>,
    /// When a frame of the broker was read last.
    pub(crate) heard_at: Instant,
    /// A request without an answer yet: its id.
    pub(crate) pending: Option<u64>,
}

/// Why it did not come in.
#[derive(Debug)]
pub(crate) enum Away {
    /// Try again soon.
    Soon,
    /// Try again later: there is no licence.
    Later,
}

/// What one answer to the first message comes to.
enum First {
    In(Connected),
    Wait(Stream),
    Away(Away),
}

/// The longest pause before a further try; the pause is of any length up to it.
const SOON_MS: u64 = 250;
const LATER_MS: u64 = 1_200;

impl Device {
    /// One try to log in, or to resume what was lost.
    pub(crate) async fn arrive(&mut self) -> Result<Connected, Away> {
        let node = match self.target.take() {
            Some(node) => node,
            None => *self.floor.nodes.choose(&mut self.rng).expect("nodes"),
        };
        let came = timeout(self.patience(), self.arrive_at(node)).await;
        came.unwrap_or(Err(Away::Soon))
    }

    /// The pause that a try in vain asks for, with full jitter.
    pub(crate) fn back_off(&mut self, away: &Away) -> Duration {
        let at_most = match away {
            // Where it is sent it goes at once, unless it was just sent there.
            Away::Soon if self.target.is_some() && self.sent_on < 3 => return Duration::ZERO,
            Away::Soon => SOON_MS,
            Away::Later => LATER_MS,
        };
        Duration::from_millis(self.rng.random_range(1..at_most))
    }

    async fn arrive_at(&mut self, node: SocketAddr) -> Result<Connected, Away> {
        let url = format!("ws://{node}/v1/organisations/{}/session", self.organisation);
        let (mut socket, _) = match tokio_tungstenite::connect_async(url).await {
            Ok(connected) => connected,
            Err(Error::Http(answer)) => {
                if !answer.status().is_server_error() {
                    self.floor.auditor.object(&format!("an upgrade was answered {answer:?}"));
                }
                return Err(Away::Soon);
            }
            Err(_) => return Err(Away::Soon),
        };
        let first = self.first_message();
        if self.lost.is_none()
            && let Some(before) = self.before.take()
        {
            // The login takes it over if it is still there, whether anybody hears the answer or not.
            self.floor.auditor.ended(&before, Farewell::OwnWish);
        }
        let text = Message::text(first.to_string());
        socket.send(text).await.map_err(|_| Away::Soon)?;
        loop {
            match self.take_first(node, socket).await {
                First::In(connected) => return Ok(connected),
                First::Wait(still) => socket = still,
                First::Away(away) => return Err(away),
            }
        }
    }

    fn first_message(&self) -> Value {
        let token = self.floor.token(self.organisation, &self.user);
        match &self.lost {
            Some(lost) => json!({
                "type": "resume", "token": token,
                "session": lost.session, "resume_token": lost.resume_token,
            }),
            None => json!({
                "type": "login", "token": token, "device": self.device,
                "wait": self.waits, "grace_s": self.grace.as_secs(),
            }),
        }
    }

    /// What comes after the first message, until the device is in or away.
    async fn take_first(&mut self, node: SocketAddr, mut socket: Stream) -> First {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => {
                let message: Value = serde_json::from_str(&text).expect("JSON");
                match message["type"].as_str() {
                    Some("logged_in" | "resumed") => {
                        First::In(self.welcomed(node, socket, &message))
                    }
                    // Its close follows.
                    Some("login_refused" | "draining") => First::Wait(socket),
                    _ => {
                        self.floor.auditor.object(&format!("a first answer: {message}"));
                        First::Away(Away::Soon)
                    }
                }
            }
            Some(Ok(Message::Close(frame))) => First::Away(self.sent_away(node, frame)),
            Some(Ok(_)) => First::Wait(socket),
            Some(Err(_)) | None => First::Away(Away::Soon),
        }
    }

    fn welcomed(&mut self, node: SocketAddr, socket: Stream, answer: &Value) -> Connected {
        let text = |field: &str| answer[field].as_str().unwrap_or_default().to_owned();
        let (session, resume_token) = (text("session"), text("resume_token"));
        let granted = names(&answer["granted"]);
        let grace = Duration::from_secs(answer["grace_s"].as_u64().unwrap_or(0));
        let auditor = &self.floor.auditor;
        if answer["type"] == "resumed" {
            auditor.resumed(&session, &granted);
        } else {
            auditor.logged_in(Welcome {
                organisation: self.organisation,
                user: self.user.clone(),
                session: session.clone(),
                grace,
                granted: granted.clone(),
            });
        }
        self.before = Some(session.clone());
        (self.lost, self.sent_on) = (None, 0);
        let credentials = Credentials { session, resume_token };
        let waiting = names(&answer["waiting"]);
        let heard_at = Instant::now();
        let (held, pending) = (granted, None);
        Connected { socket, node, credentials, grace, held, waiting, heard_at, pending }
    }

    /// A close frame instead of an answer.
    fn sent_away(&mut self, node: SocketAddr, frame: Option<CloseFrame>) -> Away {
        let (code, reason) = parts(frame);
        self.note_close(node, code, false);
        match code {
            4010 | 4011 => return Away::Later,
            4508 => {
                if let Some(lost) = self.lost.take() {
                    self.floor.auditor.could_not_resume(&lost.session);
                } else {
                    self.floor.auditor.object("a login was answered by 4508");
                }
            }
            4002 => self.go_where_sent(&reason),
            1001 | 4000 | 4001 | 4003 | 4004 => {}
            // Nobody had to say who it is for so long: it was not read in time.
            4501 => {}
            _ => self.floor.auditor.object(&format!("a first message was closed {code} {reason}")),
        }
        Away::Soon
    }

    /// 4002: its reason is the other node's URL.
    pub(crate) fn go_where_sent(&mut self, reason: &str) {
        self.sent_on += 1;
        let rest = reason.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
        self.target = rest.and_then(|rest| rest.parse().ok());
        if self.target.is_none() {
            self.floor.auditor.object(&format!("4002 without a URL: {reason:?}"));
        }
    }

    pub(crate) fn note_close(&self, node: SocketAddr, code: u16, was_in: bool) {
        let close = Close { at: Instant::now(), node, code, was_in };
        self.floor.closes.lock().unwrap().push(close);
    }
}

/// Code and reason; 1005 for a frame without.
pub(crate) fn parts(frame: Option<CloseFrame>) -> (u16, String) {
    frame.map_or((1005, String::new()), |frame| (frame.code.into(), frame.reason.to_string()))
}

/// What the next frame is.
pub(crate) fn seen(frame: Option<Result<Message, Error>>) -> Seen {
    match frame {
        Some(Ok(Message::Text(text))) => {
            Seen::Message(serde_json::from_str(&text).expect("the broker sends JSON"))
        }
        Some(Ok(Message::Close(frame))) => {
            let (code, reason) = parts(frame);
            Seen::Closed(code, reason)
        }
        Some(Ok(_)) => Seen::Sign,
        Some(Err(_)) | None => Seen::Broken,
    }
}
