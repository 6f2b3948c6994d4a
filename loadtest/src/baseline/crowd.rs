//! The client, the same for both servers: so many connections, each of which upgrades with a device's token,
//! says a login, and awaits one answer. All of them stay open.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use hyper::header::HeaderValue;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::limits::CONNECT_WAIT;
use crate::population::Device;
use crate::session::code_in_words;
use crate::socket::{Incoming, NotOpened, Socket};
use crate::tally::{Words, latencies, microseconds};
use crate::target::Target;
use crate::wire::{LoggedIn, Message, Request};

/// Licences of a full login: the seat and the desktop's two channels.
const LICENCES_PER_LOGIN: usize = 3;

/// What the first answer must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The text that was sent.
    Echo,
    /// `logged_in` with a seat and both channels.
    Welcome,
}

/// Who comes, from where, and to whom.
pub(crate) struct Plan {
    pub(crate) target: Target,
    pub(crate) organisation: u64,
    /// `Bearer` and the token, one for each connection.
    pub(crate) authorizations: Vec<HeaderValue>,
    pub(crate) source: Option<Ipv4Addr>,
    /// Connections under way at once.
    pub(crate) at_once: usize,
    pub(crate) answer: Answer,
}

/// Everybody who came, and how that went.
pub(crate) struct Crowd {
    /// Open connections that had their answer; they end when this is dropped.
    pub(crate) sockets: Vec<Socket>,
    /// From the begin of a connection to its answer, in microseconds.
    pub(crate) latency: Histogram<u64>,
    /// From the begin of the first to the last answer.
    pub(crate) took: Duration,
    /// Connections that were not served, by what happened.
    pub(crate) failures: Words,
}

/// Sends everybody in; ends when the last one has an answer, or none in time.
///
/// # Errors
///
/// Where the histogram cannot be made, or a task of this tool broke.
pub(crate) async fn gather(plan: Plan) -> Result<Crowd> {
    let mut crowd = Crowd {
        sockets: Vec::with_capacity(plan.authorizations.len()),
        latency: latencies()?,
        took: Duration::ZERO,
        failures: Words::default(),
    };
    let (plan, next) = (Arc::new(plan), Arc::new(AtomicUsize::new(0)));
    let begun = Instant::now();
    let mut queues = JoinSet::new();
    for _ in 0..plan.at_once.min(plan.authorizations.len()) {
        queues.spawn(queue(Arc::clone(&plan), Arc::clone(&next)));
    }
    let mut came = Vec::with_capacity(plan.authorizations.len());
    while let Some(queue) = queues.join_next().await {
        came.extend(queue.context("a client of this tool broke")?);
    }
    crowd.took = begun.elapsed();
    for one in came {
        match one {
            Ok((socket, after)) => {
                crowd.sockets.push(socket);
                crowd.latency.saturating_record(microseconds(after));
            }
            Err(why) => crowd.failures.add(&why),
        }
    }
    Ok(crowd)
}

/// One after the other, as long as there are some.
async fn queue(plan: Arc<Plan>, next: Arc<AtomicUsize>) -> Vec<Result<(Socket, Duration), String>> {
    let mut came = Vec::new();
    while let Some(authorization) = plan.authorizations.get(next.fetch_add(1, Ordering::Relaxed)) {
        let begun = Instant::now();
        let one = timeout(CONNECT_WAIT, come(&plan, authorization)).await;
        let one = one.unwrap_or_else(|_| Err("no answer in time".to_owned()));
        came.push(one.map(|socket| (socket, begun.elapsed())));
    }
    came
}

async fn come(plan: &Plan, authorization: &HeaderValue) -> Result<Socket, String> {
    let opened = Socket::open(&plan.target, plan.organisation, authorization, plan.source).await;
    let mut socket = opened.map_err(NotOpened::in_words)?;
    socket.reset_when_dropped();
    let login = Request::Login { id: 1, device: Device::AgentDesktop.name(), wait: false };
    socket.send(login.to_json().map_err(|error| error.to_string())?).await?;
    loop {
        match socket.next().await {
            Incoming::Said(message) => {
                return judge(plan.answer, &message).map(|()| socket);
            }
            Incoming::Alive => {}
            Incoming::Nonsense => return Err("not a message of the protocol".to_owned()),
            Incoming::Closed(code) => return Err(code_in_words(code)),
            Incoming::Lost(how) => return Err(how),
        }
    }
}

fn judge(expected: Answer, message: &Message) -> Result<(), String> {
    let is_full = |welcome: &LoggedIn| {
        welcome.granted.len() == LICENCES_PER_LOGIN && welcome.denied.is_empty()
    };
    let is_right = match expected {
        // What devices say is none of the messages that they hear.
        Answer::Echo => *message == Message::Other,
        Answer::Welcome => matches!(message, Message::LoggedIn(welcome) if is_full(welcome)),
    };
    if is_right { Ok(()) } else { Err("another answer than a full login or its echo".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(json: &str) -> Message {
        serde_json::from_str(json).expect("a message")
    }

    #[test]
    fn an_echo_is_no_login_and_a_partial_login_is_no_full_one() {
        let echo = heard(r#"{"type":"login","id":1,"device":"agent_desktop","wait":false}"#);
        judge(Answer::Echo, &echo).expect("an echo");
        judge(Answer::Welcome, &echo).expect_err("nobody logged in");
        let welcome = |granted: &str, denied: &str| {
            heard(&format!(
                r#"{{"type":"logged_in","id":1,"session":"s","resume_token":"r","user":"u","device":"d",
                "granted":[{granted}],"denied":[{denied}]}}"#
            ))
        };
        let three = r#"{"licence":"a"},{"licence":"b"},{"licence":"c"}"#;
        judge(Answer::Welcome, &welcome(three, "")).expect("a full login");
        judge(Answer::Echo, &welcome(three, "")).expect_err("no echo");
        let denial = r#"{"licence":"c","reason":"exhausted"}"#;
        judge(Answer::Welcome, &welcome(r#"{"licence":"a"},{"licence":"b"}"#, denial))
            .expect_err("a partial login");
    }
}
