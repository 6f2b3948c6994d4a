//! One attempt to log in or to resume, and what its failure means.

use crate::herd::member::Member;
use crate::net::Target;
use crate::session::code_in_words;
use crate::socket::{Incoming, NotOpened, Socket};
use crate::wire::{LoggedIn, Message, login_with_grace, resume};

/// Why an attempt did not succeed; in words.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotServed {
    /// It may be made again after a while.
    Later(String),
    /// It may not: what was held is lost.
    Never(String),
}

/// Connects, says the one first message, and waits for its answer.
pub(super) async fn attempt(
    target: &Target,
    member: &Member,
    ticket: Option<&LoggedIn>,
) -> Result<(Socket, LoggedIn), NotServed> {
    let Member { organisation, authorization, source, grace_s, .. } = member;
    let opened = Socket::open(target, *organisation, authorization, *source).await;
    let mut socket = opened.map_err(of_upgrade)?;
    let text = match ticket {
        Some(ticket) => resume(ticket),
        None => login_with_grace(*grace_s),
    };
    socket.send(text).await.map_err(NotServed::Later)?;
    loop {
        match socket.next().await {
            Incoming::Said(Message::LoggedIn(welcome) | Message::Resumed(welcome)) => {
                return Ok((socket, welcome));
            }
            Incoming::Said(Message::LoginRefused { reason, .. }) => {
                return Err(NotServed::Never(reason));
            }
            Incoming::Said(_) | Incoming::Alive | Incoming::Nonsense => {}
            Incoming::Closed(code) => return Err(of_close(code)),
            Incoming::Lost(how) => return Err(NotServed::Later(how)),
        }
    }
}

fn of_upgrade(error: NotOpened) -> NotServed {
    match error {
        NotOpened::Http(503) => NotServed::Later("HTTP 503".to_owned()),
        NotOpened::Http(status) => NotServed::Never(format!("HTTP {status}")),
        NotOpened::Transport(why) => NotServed::Later(why),
    }
}

/// A machine may try again after 1001 and 4000 to 4499, but for those that a person has to be asked about.
fn of_close(code: Option<u16>) -> NotServed {
    let words = code_in_words(code);
    match code {
        None | Some(1001 | 1006 | 4000..=4009 | 4012..=4499) => NotServed::Later(words),
        Some(_) => NotServed::Never(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_machine_may_try_again_is_tried_again() {
        for code in [1001, 4000, 4001, 4003, 4004] {
            assert_eq!(of_close(Some(code)), NotServed::Later(code.to_string()));
        }
        for code in [1000, 4010, 4011, 4502, 4504, 4508] {
            assert_eq!(of_close(Some(code)), NotServed::Never(code.to_string()));
        }
        assert_eq!(of_upgrade(NotOpened::Http(503)), NotServed::Later("HTTP 503".to_owned()));
        assert_eq!(of_upgrade(NotOpened::Http(401)), NotServed::Never("HTTP 401".to_owned()));
    }
}
