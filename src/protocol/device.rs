//! What devices are sent.

use super::lists::{DeniedList, Granted, Id, Keys};
use super::request::{RequestError, RequestId};
use crate::domain::admission::{AcquireAnswer, Welcome};
use crate::domain::catalogue::Catalogue;
use crate::domain::event::Denied;
use crate::domain::ids::LicenceId;
use crate::domain::reason::{GrantPool, Refusal, ReleaseReason};
use bytestring::ByteString;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Outgoing<'a> {
    LoggedIn(Session<'a>),
    Resumed(Session<'a>),
    LoginRefused {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Echo<'a>,
        reason: &'static str,
        denied: DeniedList<'a>,
    },
    Acquired {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Echo<'a>,
        granted: Granted<'a>,
        denied: DeniedList<'a>,
        waiting: Keys<'a>,
    },
    Released {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Echo<'a>,
        licences: Keys<'a>,
        reason: &'static str,
    },
    Refreshed {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Echo<'a>,
        expires_at: String,
    },
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Echo<'a>,
    },
    LoggedOut {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Echo<'a>,
        released: Keys<'a>,
    },
    Granted {
        licences: Granted<'a>,
    },
    Draining {
        reconnect_within_s: u64,
    },
    Error {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Echo<'a>,
        code: &'static str,
        message: String,
    },
}

/// The request's id, left out where it gave none.
type Echo<'a> = Option<&'a RequestId>;

#[derive(Serialize)]
struct Session<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Echo<'a>,
    session: Id,
    resume_token: &'a str,
    user: &'a str,
    device: &'static str,
    granted: Granted<'a>,
    denied: DeniedList<'a>,
    waiting: Keys<'a>,
    heartbeat_s: u64,
    grace_s: u32,
}

/// What a device is told of its session beside what the rules say.
#[derive(Clone, Copy)]
pub struct SessionTerms<'a> {
    /// Proves a later resume; valid for the session's life.
    pub resume_token: &'a str,
    /// The lease of the licences, in seconds.
    pub heartbeat_s: u64,
}

/// Why a request of a running session was not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// The request itself is wrong.
    Request(RequestErrorText),
    /// A second `login` or `resume`.
    AlreadyLoggedIn,
    /// The seat goes only with the session.
    SeatNotReleasable,
    /// This feature is neither held nor waited for.
    NotHeld(String),
    /// A queue is at its bound.
    TooManyWaiting,
}

/// A [`RequestError`] in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestErrorText {
    code: &'static str,
    message: String,
}

impl From<RequestError> for ErrorCode {
    fn from(error: RequestError) -> Self {
        let (code, message) = match error {
            RequestError::UnknownType(word) => {
                ("unknown_type", format!("type: there is no message `{word}`"))
            }
            RequestError::BadField(field, shape) => {
                ("bad_message", format!("{field}: has to be {shape}"))
            }
            RequestError::UnknownDevice(word) => (
                "unknown_device",
                format!("device: `{word}` is not agent_desktop, deskphone or switchboard"),
            ),
        };
        Self::Request(RequestErrorText { code, message })
    }
}

impl ErrorCode {
    fn parts(self) -> (&'static str, String) {
        match self {
            Self::Request(text) => (text.code, text.message),
            Self::AlreadyLoggedIn => {
                ("already_logged_in", "this connection has a session already".to_owned())
            }
            Self::SeatNotReleasable => {
                ("seat_not_releasable", "channels: the seat goes only with the session".to_owned())
            }
            Self::NotHeld(name) => {
                ("not_held", format!("channels: `{name}` is neither held nor waited for"))
            }
            Self::TooManyWaiting => {
                ("too_many_waiting", "channels: too many sessions wait already".to_owned())
            }
        }
    }
}

/// Writes messages to one device; knows the names of licence types.
#[derive(Clone, Copy)]
pub struct Writer<'a>(pub &'a Catalogue);

impl<'a> Writer<'a> {
    /// `logged_in`
    pub fn logged_in(
        self,
        id: Option<&RequestId>,
        welcome: &Welcome,
        terms: SessionTerms<'_>,
    ) -> ByteString {
        text(&Outgoing::LoggedIn(self.session(id, welcome, terms)))
    }

    /// `resumed`
    pub fn resumed(
        self,
        id: Option<&RequestId>,
        welcome: &Welcome,
        terms: SessionTerms<'_>,
    ) -> ByteString {
        text(&Outgoing::Resumed(self.session(id, welcome, terms)))
    }

    /// `login_refused`
    pub fn login_refused(
        self,
        id: Option<&RequestId>,
        reason: Refusal,
        denied: &[Denied],
    ) -> ByteString {
        let denied = self.denied(denied);
        text(&Outgoing::LoginRefused { id, reason: reason.as_str(), denied })
    }

    /// `acquired`; `None` for an answer that is another message.
    pub fn acquired(self, id: Option<&RequestId>, answer: &AcquireAnswer) -> Option<ByteString> {
        let AcquireAnswer::Acquired { granted, denied, waiting } = answer else { return None };
        Some(text(&Outgoing::Acquired {
            id,
            granted: self.granted_items(granted),
            denied: self.denied(denied),
            waiting: self.keys(waiting),
        }))
    }

    /// `released`, asked for or not
    pub fn released(
        self,
        id: Option<&RequestId>,
        licences: &[LicenceId],
        reason: ReleaseReason,
    ) -> ByteString {
        let licences = self.keys(licences);
        text(&Outgoing::Released { id, licences, reason: reason.as_str() })
    }

    /// `granted`: a wait that ended
    pub fn granted(self, licences: &[(LicenceId, GrantPool)]) -> ByteString {
        text(&Outgoing::Granted { licences: self.granted_items(licences) })
    }

    /// `logged_out`
    pub fn logged_out(self, id: Option<&RequestId>, released: &[LicenceId]) -> ByteString {
        text(&Outgoing::LoggedOut { id, released: self.keys(released) })
    }

    fn session<'b>(
        self,
        id: Option<&'b RequestId>,
        welcome: &'b Welcome,
        terms: SessionTerms<'b>,
    ) -> Session<'b>
    where
        'a: 'b,
    {
        Session {
            id,
            session: Id(welcome.session),
            resume_token: terms.resume_token,
            user: &welcome.user,
            device: welcome.device.as_str(),
            granted: self.granted_items(&welcome.granted),
            denied: self.denied(&welcome.denied),
            waiting: self.keys(&welcome.waiting),
            heartbeat_s: terms.heartbeat_s,
            grace_s: welcome.grace_s,
        }
    }

    fn keys<'b>(self, licences: &'b [LicenceId]) -> Keys<'b>
    where
        'a: 'b,
    {
        Keys(self.0, licences)
    }

    fn granted_items<'b>(self, granted: &'b [(LicenceId, GrantPool)]) -> Granted<'b>
    where
        'a: 'b,
    {
        Granted(self.0, granted)
    }

    fn denied<'b>(self, denied: &'b [Denied]) -> DeniedList<'b>
    where
        'a: 'b,
    {
        DeniedList(self.0, denied)
    }
}

/// `refreshed`
pub fn refreshed(id: Option<&RequestId>, expires_at: DateTime<Utc>) -> ByteString {
    text(&Outgoing::Refreshed { id, expires_at: rfc3339(expires_at) })
}

/// `pong`
pub fn pong(id: Option<&RequestId>) -> ByteString {
    text(&Outgoing::Pong { id })
}

/// `draining`
pub fn draining(reconnect_within_s: u64) -> ByteString {
    text(&Outgoing::Draining { reconnect_within_s })
}

/// `error`
pub fn error(id: Option<&RequestId>, error: ErrorCode) -> ByteString {
    let (code, message) = error.parts();
    text(&Outgoing::Error { id, code, message })
}

/// A time as every message and every JSON answer writes it: UTC, to the millisecond.
pub fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Most messages fit in; what is longer grows.
const TEXT_BYTES: usize = 512;

fn text(message: &Outgoing<'_>) -> ByteString {
    let mut text = Vec::with_capacity(TEXT_BYTES);
    serde_json::to_writer(&mut text, message).expect("a message of strings and numbers is JSON");
    String::from_utf8(text).expect("JSON is UTF-8").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_echoed_as_it_was_given_and_left_out_where_there_was_none() {
        assert_eq!(pong(Some(&RequestId::Number(6))), r#"{"type":"pong","id":6}"#);
        assert_eq!(pong(Some(&RequestId::Text("a".into()))), r#"{"type":"pong","id":"a"}"#);
        assert_eq!(pong(None), r#"{"type":"pong"}"#);
    }

    #[test]
    fn an_error_names_the_field() {
        let bad = RequestError::BadField("wait", "true or false");
        let written = error(Some(&RequestId::Number(3)), bad.into());
        let expected = r#"{"type":"error","id":3,"code":"bad_message","message":"wait: has to be true or false"}"#;
        assert_eq!(written, expected);
    }
}
