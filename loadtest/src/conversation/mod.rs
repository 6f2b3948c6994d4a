//! One device's conversation under one connection: whoever comes back, or is there for a time only, talks
//! by it. All that is granted, released and proven goes to the auditor.
//!
//! | file | what it holds |
//! |---|---|
//! | here | the conversation |
//! | `failure` | why an attempt was not served, and whether it may be made again |
//! | `witness` | what is seen of all conversations: the auditor, and faults |

mod failure;
mod witness;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderValue;
use tokio::select;
use tokio::time::{Instant, sleep_until, timeout};

pub(crate) use failure::NotServed;
pub(crate) use witness::Witness;

use crate::audit::{SessionId, Stamp};
use crate::limits::{HEARTBEAT_S, HOPS_MAX, LEAVE_WAIT};
use crate::session::End;
use crate::socket::{Incoming, Socket};
use crate::target::Target;
use crate::wire::{LoggedIn, Message, Request, login_with_grace, resume};

/// Who comes, and from where.
pub(crate) struct Caller {
    pub(crate) organisation: u64,
    pub(crate) user: Arc<str>,
    /// `Bearer` and the user's token.
    pub(crate) authorization: HeaderValue,
    /// `None`: the system chooses.
    pub(crate) source: Option<Ipv4Addr>,
    /// Seconds; 0 for none.
    pub(crate) grace_s: u64,
}

/// A device that is logged in.
pub(crate) struct Conversation {
    socket: Socket,
    witnessed: Witnessed,
    last_id: u64,
    /// The latest request, while it is not answered.
    open: Option<(u64, Stamp)>,
    heartbeat: Duration,
    /// When the connection was there and upgraded.
    pub(crate) upgraded: Instant,
}

/// What the auditor knows of it; however the conversation ends, nothing is proven from then on.
struct Witnessed {
    witness: Arc<Witness>,
    session: SessionId,
}

impl Drop for Witnessed {
    fn drop(&mut self) {
        self.witness.audit().ended(self.session);
    }
}

impl Conversation {
    /// Connects, says the one first message, a resume where there is a ticket, and waits for its answer. Where
    /// it is told that the organisation is elsewhere it goes there at once.
    pub(crate) async fn begin(
        target: &Target,
        caller: &Caller,
        ticket: Option<&LoggedIn>,
        witness: &Arc<Witness>,
    ) -> Result<(Self, LoggedIn), NotServed> {
        let mut hops = 0;
        loop {
            let begun = Self::begin_once(target, caller, ticket, witness).await;
            if hops == HOPS_MAX || !begun.as_ref().is_err_and(NotServed::is_elsewhere) {
                return begun;
            }
            hops += 1;
        }
    }

    async fn begin_once(
        target: &Target,
        caller: &Caller,
        ticket: Option<&LoggedIn>,
        witness: &Arc<Witness>,
    ) -> Result<(Self, LoggedIn), NotServed> {
        let Caller { organisation, user, authorization, source, grace_s } = caller;
        let opened = Socket::open(target, *organisation, authorization, *source).await;
        let mut socket = opened.map_err(NotServed::of_upgrade)?;
        let upgraded = Instant::now();
        let session = witness.audit().begun(*organisation, user);
        let witnessed = Witnessed { witness: Arc::clone(witness), session };
        socket
            .send(ticket.map_or_else(|| login_with_grace(*grace_s), resume))
            .await
            .map_err(NotServed::Later)?;
        let welcome = first_answer(&mut socket).await?;
        witnessed.granted(welcome.granted.iter().map(|granted| granted.licence.as_str()));
        let heartbeat = Duration::from_secs(welcome.heartbeat_s.unwrap_or(HEARTBEAT_S).max(1));
        Ok((Self { socket, witnessed, last_id: 1, open: None, heartbeat, upgraded }, welcome))
    }

    /// Gives signs of life until it is time to leave; an error where the connection ends before.
    pub(crate) async fn stay(&mut self, leave: impl Future<Output = ()>) -> Result<(), End> {
        tokio::pin!(leave);
        // Not in step with the others.
        let mut ping_at = Instant::now() + self.heartbeat.mul_f64(rand::random::<f64>() / 2.0);
        loop {
            select! {
                heard = self.hear() => heard?,
                () = sleep_until(ping_at) => {
                    ping_at = Instant::now() + self.heartbeat / 2;
                    self.ask(|id| Request::Ping { id }).await?;
                }
                () = &mut leave => return Ok(()),
            }
        }
    }

    /// Asks for a sign of life, so that the auditor may count what is held up to now.
    ///
    /// # Errors
    ///
    /// Where none came in time, in words.
    pub(crate) async fn prove(&mut self) -> Result<(), String> {
        self.answered_in_time(|id| Request::Ping { id }).await
    }

    /// Logs out, and sees the connection out.
    ///
    /// # Errors
    ///
    /// Where the logout was not answered in time, in words.
    pub(crate) async fn log_out(mut self) -> Result<(), String> {
        self.answered_in_time(|id| Request::Logout { id }).await?;
        let over = async { while self.hear().await.is_ok() {} };
        if timeout(LEAVE_WAIT, over).await.is_err() {
            return Err("not closed after the logout".to_owned());
        }
        self.see_out().await;
        Ok(())
    }

    /// After a close frame: answers it and waits for the broker to end the connection.
    pub(crate) async fn see_out(self) {
        let Self { socket, witnessed, .. } = self;
        drop(witnessed);
        socket.see_out().await;
    }

    async fn answered_in_time(
        &mut self,
        request: impl FnOnce(u64) -> Request,
    ) -> Result<(), String> {
        let exchange = async {
            self.ask(request).await?;
            while self.open.is_some() {
                self.hear().await?;
            }
            Ok::<(), End>(())
        };
        match timeout(LEAVE_WAIT, exchange).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(end)) => Err(end.in_words()),
            Err(_) => Err("no answer in time".to_owned()),
        }
    }

    /// Sends a request. One that is still open is given up: a late answer to it proves nothing.
    async fn ask(&mut self, request: impl FnOnce(u64) -> Request) -> Result<(), End> {
        self.last_id += 1;
        let text = request(self.last_id).to_json().map_err(|error| End::Lost(error.to_string()))?;
        self.open = Some((self.last_id, self.witnessed.witness.audit().asking()));
        self.socket.send(text).await.map_err(End::Lost)
    }

    /// Waits for the next frame. Nothing is lost where the wait is given up.
    async fn hear(&mut self) -> Result<(), End> {
        match self.socket.next().await {
            Incoming::Said(message) => self.note(message),
            Incoming::Alive => {}
            Incoming::Nonsense => self.fault("not a message of the protocol"),
            Incoming::Closed(code) => return Err(End::Closed(code)),
            Incoming::Lost(how) => return Err(End::Lost(how)),
        }
        Ok(())
    }

    fn note(&mut self, message: Message) {
        match message {
            Message::Granted { licences } => {
                self.witnessed.granted(licences.iter().map(|granted| granted.licence.as_str()));
            }
            Message::Released { id, licences } => {
                self.witnessed.released(licences.iter().map(String::as_str));
                self.answered(id);
            }
            Message::LoggedOut { id } | Message::Pong { id } => self.answered(id),
            Message::Draining {} => {}
            Message::Error { id, code } => {
                self.fault(&format!("error {code}"));
                self.answered(id);
            }
            Message::LoggedIn(_)
            | Message::Resumed(_)
            | Message::LoginRefused { .. }
            | Message::Acquired { .. }
            | Message::Other => self.fault("a message that nothing asked for"),
        }
    }

    fn answered(&mut self, id: Option<u64>) {
        if let Some((_, asked)) = self.open.take_if(|(open, _)| id == Some(*open)) {
            self.witnessed.witness.audit().answered(self.witnessed.session, asked);
        }
    }

    fn fault(&self, what: &str) {
        self.witnessed.witness.fault(what);
    }
}

impl Witnessed {
    fn granted<'a>(&self, licences: impl IntoIterator<Item = &'a str>) {
        self.witness.audit().granted(self.session, licences);
    }

    fn released<'a>(&self, licences: impl IntoIterator<Item = &'a str>) {
        self.witness.audit().released(self.session, licences);
    }
}

async fn first_answer(socket: &mut Socket) -> Result<LoggedIn, NotServed> {
    loop {
        match socket.next().await {
            Incoming::Said(Message::LoggedIn(welcome) | Message::Resumed(welcome)) => {
                return Ok(welcome);
            }
            Incoming::Said(Message::LoginRefused { reason, .. }) => {
                return Err(NotServed::Never(reason));
            }
            Incoming::Said(_) | Incoming::Alive | Incoming::Nonsense => {}
            Incoming::Closed(code) => return Err(NotServed::of_close(code)),
            Incoming::Lost(how) => return Err(NotServed::Later(how)),
        }
    }
}
