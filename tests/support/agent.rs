//! Agents that come and go by chance, and remember what they were told.

use super::audit::{Held, Ledger};
use super::socket::PATIENCE;
use chrono::{TimeDelta, Utc};
use futures_util::{SinkExt, StreamExt};
use licence_broker::auth::{Authenticator, Claims, Role};
use licence_broker::domain::ids::OrganisationId;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// What clients were told of one organisation.
#[derive(Debug, Default)]
pub struct Told {
    /// Licences of sessions.
    pub granted: Vec<Held>,
    /// Given back at their own request.
    pub released: Vec<Held>,
    /// What logouts were answered.
    pub logged_out: Vec<Held>,
    /// Sessions that asked for grace and were told so.
    pub with_grace: Vec<String>,
    /// Sessions that were resumed.
    pub resumed: Vec<String>,
    /// How often a login or a resume was turned away, and why.
    pub turned_away: usize,
}

impl Told {
    /// Everything that was told must be in the log.
    ///
    /// # Panics
    /// If it is not.
    pub fn hold_against(&self, ledger: &Ledger) {
        for held in &self.granted {
            assert!(ledger.was_acquired(held), "told and not in the log: {held:?}");
        }
        for (all, reason) in [(&self.released, "requested"), (&self.logged_out, "logout")] {
            for held in all {
                let mut releases = ledger.releases(held).iter();
                let is_there = releases.any(|(why, _)| why == reason);
                assert!(is_there, "told that it was released ({reason}), but: {held:?}");
            }
        }
    }
}

/// What the agents of one test share.
#[derive(Clone)]
pub struct Shift {
    pub address: SocketAddr,
    pub authenticator: Arc<Authenticator>,
    pub mode: watch::Receiver<Mode>,
    /// A session with grace that was lost can always be resumed at once.
    pub resumes_succeed: bool,
}

/// What agents do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They work.
    Work,
    /// They connect no more, and go on once they may.
    Pause,
    /// They go home: whoever has a session keeps it.
    End,
}

/// One agent on one device.
pub struct Agent {
    shift: Shift,
    organisation: u64,
    user: String,
    device: &'static str,
    rng: StdRng,
    told: Arc<Mutex<Told>>,
    /// What a session that was lost can be resumed with.
    lost: Option<Credentials>,
}

#[derive(Clone, Debug)]
struct Credentials {
    session: String,
    resume_token: String,
    grace_s: u64,
}

/// A session that an agent has.
pub struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    credentials: Credentials,
}

/// The connection ended, or never was.
struct Lost;

const CHANNELS: [&str; 3] = ["agent_email", "agent_sms", "agent_calls"];

impl Agent {
    pub fn new(
        shift: &Shift,
        organisation: u64,
        user: &str,
        device: &'static str,
        seed: u64,
        told: &Arc<Mutex<Told>>,
    ) -> Self {
        let (shift, told) = (shift.clone(), told.clone());
        let (user, rng) = (user.to_owned(), StdRng::seed_from_u64(seed));
        Self { shift, organisation, user, device, rng, told, lost: None }
    }

    /// Works until the shift ends; gives back the session that it has then.
    pub async fn run(mut self) -> Option<Client> {
        let mut client = None;
        loop {
            let mode = *self.shift.mode.borrow();
            match (mode, client.take()) {
                (Mode::End, last) => return last,
                (Mode::Pause, None) => {
                    // The sender is gone when the test is over.
                    let _ = self.shift.mode.wait_for(|mode| *mode != Mode::Pause).await;
                }
                (Mode::Work, None) => client = self.arrive().await,
                (Mode::Work | Mode::Pause, Some(mut present)) => {
                    match self.do_something(&mut present).await {
                        Ok(true) => client = Some(present),
                        Ok(false) => self.lost = None,
                        Err(Lost) => self.lose(present.credentials),
                    }
                }
            }
        }
    }

    fn lose(&mut self, credentials: Credentials) {
        self.lost = (credentials.grace_s > 0).then_some(credentials);
    }

    /// Logs in or resumes; `None` if that did not come through.
    async fn arrive(&mut self) -> Option<Client> {
        match self.try_arrive().await {
            Ok(client) => Some(client),
            Err(Lost) => {
                self.told.lock().unwrap().turned_away += 1;
                // Full jitter, as clients are asked for.
                sleep(Duration::from_millis(self.rng.random_range(1..30))).await;
                None
            }
        }
    }

    async fn try_arrive(&mut self) -> Result<Client, Lost> {
        let (organisation, address) = (self.organisation, self.shift.address);
        let url = format!("ws://{address}/v1/organisations/{organisation}/session");
        let connected = timeout(PATIENCE, tokio_tungstenite::connect_async(url)).await;
        let (mut socket, _) = connected.expect("an answer in time").map_err(|_| Lost)?;
        let token = token(&self.shift.authenticator, Role::Device, organisation, &self.user);
        let first = match &self.lost {
            Some(lost) => json!({
                "type": "resume", "token": token,
                "session": lost.session, "resume_token": lost.resume_token,
            }),
            None => json!({
                "type": "login", "token": token, "device": self.device,
                "wait": self.rng.random_bool(0.5),
                "grace_s": if self.rng.random_bool(0.5) { 60 } else { 0 },
            }),
        };
        send(&mut socket, &first).await?;
        loop {
            match hear(&mut socket).await {
                Ok(answer) if answer["type"] == "logged_in" || answer["type"] == "resumed" => {
                    return Ok(self.welcomed(socket, &answer));
                }
                // A login that was refused; its close follows.
                Ok(_) => {}
                Err(code) => {
                    self.turned_away(code);
                    return Err(Lost);
                }
            }
        }
    }

    fn turned_away(&mut self, code: Option<u16>) {
        if code == Some(4508) {
            assert!(!self.shift.resumes_succeed, "could not resume: {:?}", self.lost);
            self.lost = None;
        }
    }

    fn welcomed(
        &mut self,
        socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
        answer: &Value,
    ) -> Client {
        let text = |field: &str| answer[field].as_str().unwrap().to_owned();
        let (session, resume_token) = (text("session"), text("resume_token"));
        let grace_s = answer["grace_s"].as_u64().unwrap();
        let mut told = self.told.lock().unwrap();
        told.granted.extend(licences(&session, &answer["granted"]));
        if answer["type"] == "resumed" {
            told.resumed.push(session.clone());
        } else if grace_s > 0 {
            told.with_grace.push(session.clone());
        }
        Client { socket, credentials: Credentials { session, resume_token, grace_s } }
    }

    /// One thing that agents do; whether the session goes on.
    async fn do_something(&mut self, client: &mut Client) -> Result<bool, Lost> {
        let channel = CHANNELS.choose(&mut self.rng).unwrap();
        match self.rng.random_range(0..12) {
            0..3 => {
                let wait = self.rng.random_bool(0.5);
                let ask = json!({ "type": "acquire", "channels": [channel], "wait": wait });
                self.ask(client, ask).await?;
            }
            3..5 => {
                self.ask(client, json!({ "type": "release", "channels": [channel] })).await?;
            }
            5 => self.ask(client, json!({ "type": "ping" })).await?,
            6 => return self.log_out(client).await,
            7 => {
                // A close frame is a logout: there is nothing to come back to.
                let _ = client.socket.close(None).await;
                return Ok(false);
            }
            8 => return Err(Lost),
            _ => self.idle(client).await?,
        }
        Ok(true)
    }

    async fn log_out(&mut self, client: &mut Client) -> Result<bool, Lost> {
        if send(&mut client.socket, &json!({ "type": "logout" })).await.is_err() {
            return Ok(false);
        }
        let session = client.credentials.session.clone();
        while let Ok(message) = hear(&mut client.socket).await {
            if message["type"] == "logged_out" {
                let released = message["released"].as_array().unwrap().iter();
                let released = released.map(|name| (session.clone(), string(name)));
                self.told.lock().unwrap().logged_out.extend(released);
            }
            self.note(&session, &message);
        }
        Ok(false)
    }

    /// Asks, and takes what comes until the answer.
    async fn ask(&mut self, client: &mut Client, mut message: Value) -> Result<(), Lost> {
        message["id"] = json!(7);
        send(&mut client.socket, &message).await?;
        loop {
            let heard = hear(&mut client.socket).await.map_err(|_| Lost)?;
            self.note(&client.credentials.session, &heard);
            if heard["id"] == 7 {
                return Ok(());
            }
        }
    }

    /// Listens for a moment.
    async fn idle(&mut self, client: &mut Client) -> Result<(), Lost> {
        let moment = Duration::from_millis(self.rng.random_range(1..20));
        match timeout(moment, hear(&mut client.socket)).await {
            Ok(Ok(heard)) => {
                self.note(&client.credentials.session, &heard);
                Ok(())
            }
            Ok(Err(_)) => Err(Lost),
            Err(_) => Ok(()),
        }
    }

    fn note(&self, session: &str, heard: &Value) {
        let mut told = self.told.lock().unwrap();
        match heard["type"].as_str() {
            Some("acquired" | "granted") => {
                let list = heard.get("granted").unwrap_or(&heard["licences"]);
                told.granted.extend(licences(session, list));
            }
            // A feature that was only waited for is withdrawn without a record.
            Some("released") => {
                for name in heard["licences"].as_array().unwrap() {
                    let held = (session.to_owned(), string(name));
                    if told.granted.contains(&held) {
                        told.released.push(held);
                    }
                }
            }
            _ => {}
        }
    }
}

impl Client {
    /// Which session it has.
    pub fn session(&self) -> &str {
        &self.credentials.session
    }

    /// Whether the broker still serves it.
    pub async fn is_served(&mut self) -> bool {
        if send(&mut self.socket, &json!({ "type": "ping", "id": 9 })).await.is_err() {
            return false;
        }
        while let Ok(heard) = hear(&mut self.socket).await {
            if heard["id"] == 9 {
                return true;
            }
        }
        false
    }

    /// Ends with a close frame.
    pub async fn leave(mut self) {
        // The broker may have closed it already.
        let _ = self.socket.close(None).await;
    }
}

/// A token that is good for an hour.
pub fn token(
    authenticator: &Authenticator,
    role: Role,
    organisation: u64,
    subject: &str,
) -> String {
    let now = Utc::now();
    let claims = Claims {
        subject: Arc::from(subject),
        organisation: OrganisationId::new(organisation).filter(|_| role != Role::Operator),
        role,
        expires_at: now + TimeDelta::hours(1),
    };
    authenticator.issue(&claims, now).unwrap()
}

fn licences(session: &str, granted: &Value) -> Vec<Held> {
    let granted = granted.as_array().unwrap().iter();
    granted.map(|licence| (session.to_owned(), string(&licence["licence"]))).collect()
}

fn string(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn send(socket: &mut Stream, message: &Value) -> Result<(), Lost> {
    socket.send(Message::text(message.to_string())).await.map_err(|_| Lost)
}

/// The next message, or the code with which the connection ended if it has one.
async fn hear(socket: &mut Stream) -> Result<Value, Option<u16>> {
    timeout(PATIENCE, hear_at_last(socket)).await.expect("something in time")
}

async fn hear_at_last(socket: &mut Stream) -> Result<Value, Option<u16>> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Close(frame))) => return Err(frame.map(|frame| frame.code.into())),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return Err(None),
        }
    }
}
