//! One device's conversation, message by message; everything granted and released goes to the auditor.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::time::timeout;

use super::Shared;
use crate::audit::SessionId;
use crate::limits::LEAVE_WAIT;
use crate::socket::Socket;

/// What a resume needs.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) session: String,
    pub(crate) resume_token: String,
}

/// The connection is over: the code of its close frame, if it had one.
pub(crate) struct Over(pub(crate) Option<u16>);

/// How a login or a resume ended.
pub(crate) enum Arrival {
    /// There is a session.
    In(Credentials),
    /// The reason of `login_refused`.
    Refused(String),
}

/// A conversation under one connection.
pub(crate) struct Talk {
    shared: Arc<Shared>,
    socket: Socket,
    audited: Audited,
    last_id: u64,
}

/// What the auditor knows of it; however the conversation ends, nothing is proven from then on.
struct Audited {
    shared: Arc<Shared>,
    session: SessionId,
}

impl Drop for Audited {
    fn drop(&mut self) {
        self.shared.audit().ended(self.session);
    }
}

impl Talk {
    pub(crate) fn new(shared: &Arc<Shared>, organisation: u64, user: &str, socket: Socket) -> Self {
        let session = shared.audit().begun(organisation, user);
        let audited = Audited { shared: Arc::clone(shared), session };
        Self { shared: Arc::clone(shared), socket, audited, last_id: 0 }
    }

    /// Sends the first message and waits for what comes of it.
    pub(crate) async fn arrive(&mut self, first: Value) -> Result<Arrival, Over> {
        let answer = self.ask(first).await?;
        if answer["type"] == "login_refused" {
            return Ok(Arrival::Refused(text(&answer, "reason")));
        }
        let (session, resume_token) = (text(&answer, "session"), text(&answer, "resume_token"));
        Ok(Arrival::In(Credentials { session, resume_token }))
    }

    /// Asks, and takes what comes until the answer.
    pub(crate) async fn ask(&mut self, mut request: Value) -> Result<Value, Over> {
        self.last_id += 1;
        request["id"] = json!(self.last_id);
        let asked = self.shared.audit().asking();
        self.socket.send(request.to_string()).await.map_err(|_| Over(None))?;
        loop {
            let heard = self.hear().await?;
            if heard["id"] == self.last_id {
                self.shared.audit().answered(self.audited.session, asked);
                return Ok(heard);
            }
        }
    }

    /// The next message.
    async fn hear(&mut self) -> Result<Value, Over> {
        let Ok(heard) = timeout(LEAVE_WAIT, self.socket.next_value()).await else {
            self.shared.fault("no answer in time");
            return Err(Over(None));
        };
        let heard = heard.map_err(Over)?;
        self.note(&heard);
        Ok(heard)
    }

    fn note(&self, heard: &Value) {
        let names = |list: &Value, member: Option<&str>| -> Vec<String> {
            let items = list.as_array().map(Vec::as_slice).unwrap_or_default().iter();
            items
                .filter_map(|item| member.map_or(item, |member| &item[member]).as_str())
                .map(str::to_owned)
                .collect()
        };
        let granted = match heard["type"].as_str() {
            Some("logged_in" | "resumed" | "acquired") => names(&heard["granted"], Some("licence")),
            Some("granted") => names(&heard["licences"], Some("licence")),
            Some("released") => {
                let released = names(&heard["licences"], None);
                let released = released.iter().map(String::as_str);
                return self.shared.audit().released(self.audited.session, released);
            }
            Some("error") => return self.note_error(heard),
            Some(_) | None => return,
        };
        self.shared.audit().granted(self.audited.session, granted.iter().map(String::as_str));
    }

    /// A feature that is not held cannot be released; every other error is a fault.
    fn note_error(&self, heard: &Value) {
        let code = text(heard, "code");
        if code != "not_held" {
            self.shared.fault(&format!("error {code}"));
        }
    }

    /// Takes what comes until the broker closes; the code, `None` where it does not in time.
    pub(crate) async fn until_closed(mut self) -> Option<u16> {
        let closed = timeout(LEAVE_WAIT, async {
            loop {
                if let Err(code) = self.socket.next_value().await {
                    return code;
                }
            }
        });
        closed.await.ok().flatten()
    }

    /// Ends with a close frame, which is a logout, and sees the connection out.
    pub(crate) async fn close(self) {
        let Self { socket, audited, .. } = self;
        drop(audited);
        socket.close().await;
    }
}

fn text(message: &Value, field: &str) -> String {
    message[field].as_str().unwrap_or_default().to_owned()
}
