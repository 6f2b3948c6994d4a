//! One session's conversation: everything that is asked and heard passes here, and goes to the
//! auditor.

use std::time::Duration;

use tokio::time::Instant;

use crate::agent::Login;
use crate::audit::{SessionId, Stamp};
use crate::limits::HEARTBEAT_S;
use crate::run::Run;
use crate::socket::{Incoming, Socket};
use crate::wire::{Denied, LoggedIn, Message, Request};

/// A conversation with the broker under one login.
pub(crate) struct Session<'a> {
    pub(crate) run: &'a Run,
    pub(crate) login: &'a Login,
    pub(crate) socket: Socket,
    /// Under which the auditor knows it.
    pub(crate) audited: SessionId,
    last_id: u64,
    /// The latest request, while it is not answered.
    open: Option<(u64, Stamp)>,
    pub(crate) heartbeat: Duration,
    /// When the last frame came in.
    pub(crate) seen: Instant,
}

/// What the story of a login turns on.
pub(crate) enum Heard {
    LoggedIn(LoggedIn),
    Refused {
        reason: String,
        denied: Vec<Denied>,
    },
    /// The answer to the latest request.
    Answer,
    Nothing,
}

/// Why a session is over although nobody here left.
pub(crate) enum End {
    Closed(Option<u16>),
    Lost(String),
}

impl<'a> Session<'a> {
    pub(crate) fn new(run: &'a Run, login: &'a Login, socket: Socket) -> Self {
        let audited = run.audit().begun(login.organisation, &login.user);
        let heartbeat = Duration::from_secs(HEARTBEAT_S);
        let seen = Instant::now();
        Self { run, login, socket, audited, last_id: 0, open: None, heartbeat, seen }
    }

    pub(crate) async fn until_answered(&mut self) -> Result<(), End> {
        while self.open.is_some() {
            self.hear().await?;
        }
        Ok(())
    }

    pub(crate) async fn until_over(&mut self) -> End {
        loop {
            if let Err(end) = self.hear().await {
                return end;
            }
        }
    }

    /// Sends a request. One that is still open is given up: a late answer to it proves nothing.
    pub(crate) async fn ask(&mut self, request: impl FnOnce(u64) -> Request) -> Result<(), End> {
        self.last_id += 1;
        let text = request(self.last_id).to_json().map_err(|error| End::Lost(error.to_string()))?;
        self.open = Some((self.last_id, self.run.audit().asking()));
        self.socket.send(text).await.map_err(End::Lost)
    }

    /// Waits for the next frame. Nothing is lost where the wait is given up.
    pub(crate) async fn hear(&mut self) -> Result<Heard, End> {
        let incoming = self.socket.next().await;
        self.seen = Instant::now();
        match incoming {
            Incoming::Said(message) => Ok(self.note(message)),
            Incoming::Alive => Ok(Heard::Nothing),
            Incoming::Nonsense => {
                self.fault("not a message of the protocol");
                Ok(Heard::Nothing)
            }
            Incoming::Closed(code) => Err(End::Closed(code)),
            Incoming::Lost(how) => Err(End::Lost(how)),
        }
    }

    fn note(&mut self, message: Message) -> Heard {
        match message {
            Message::LoggedIn(answer) => {
                let granted = answer.granted.iter().map(|granted| granted.licence.as_str());
                self.run.audit().granted(self.audited, granted);
                self.answered(answer.id);
                Heard::LoggedIn(answer)
            }
            Message::Resumed(_) => {
                self.fault("resumed");
                Heard::Nothing
            }
            Message::LoginRefused { reason, denied } => Heard::Refused { reason, denied },
            Message::Acquired { id, granted } => {
                let granted = granted.iter().map(|granted| granted.licence.as_str());
                self.run.audit().granted(self.audited, granted);
                self.answered(id)
            }
            Message::Granted { licences } => {
                let granted = licences.iter().map(|granted| granted.licence.as_str());
                self.run.audit().granted(self.audited, granted);
                Heard::Nothing
            }
            Message::Released { id, licences } => {
                let licences = licences.iter().map(String::as_str);
                self.run.audit().released(self.audited, licences);
                self.answered(id)
            }
            Message::LoggedOut { id } | Message::Pong { id } => self.answered(id),
            Message::Draining {} => {
                self.fault("draining");
                Heard::Nothing
            }
            Message::Error { id, code } => {
                self.fault(&format!("error {code}"));
                self.answered(id)
            }
            Message::Other => {
                self.fault("a message of unknown type");
                Heard::Nothing
            }
        }
    }

    fn answered(&mut self, id: Option<u64>) -> Heard {
        match self.open {
            Some((open, asked)) if id == Some(open) => {
                self.open = None;
                self.run.audit().answered(self.audited, asked);
                Heard::Answer
            }
            Some(_) | None => Heard::Nothing,
        }
    }

    /// Counts what the protocol does not allow, or does not expect here.
    pub(crate) fn fault(&self, what: &str) {
        self.run.tally().outcomes.faults.add(what);
    }
}

impl End {
    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::Closed(code) => code_in_words(*code),
            Self::Lost(how) => how.clone(),
        }
    }
}

pub(crate) fn code_in_words(code: Option<u16>) -> String {
    code.map_or_else(|| "without a code".to_owned(), |code| code.to_string())
}
