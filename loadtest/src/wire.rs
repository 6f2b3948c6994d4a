//! The messages of `licence-broker.v1` as a device sees them, written from the contract.

use serde::{Deserialize, Serialize};
use serde_json::json;

/// The WebSocket subprotocol.
pub(crate) const SUBPROTOCOL: &str = "licence-broker.v1";

/// What a device says. `id` comes back in the answer.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Request {
    Login { id: u64, device: &'static str, wait: bool },
    Ping { id: u64 },
    Logout { id: u64 },
}

/// A login on a desktop, with every feature, that asks for grace.
pub(crate) fn login_with_grace(grace_s: u64) -> String {
    json!({ "type": "login", "id": 1, "device": "agent_desktop", "grace_s": grace_s }).to_string()
}

/// Continues the session of this welcome.
pub(crate) fn resume(welcome: &LoggedIn) -> String {
    let LoggedIn { session, resume_token, .. } = welcome;
    json!({ "type": "resume", "id": 1, "session": session, "resume_token": resume_token })
        .to_string()
}

impl Request {
    pub(crate) fn to_json(self) -> serde_json::Result<String> {
        serde_json::to_string(&self)
    }
}

/// What a device hears. Unknown fields are ignored, an unknown type is `Other`.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Message {
    LoggedIn(LoggedIn),
    /// The fields of `logged_in`.
    Resumed(LoggedIn),
    LoginRefused {
        reason: String,
        #[serde(default)]
        denied: Vec<Denied>,
    },
    Acquired {
        id: Option<u64>,
        #[serde(default)]
        granted: Vec<Granted>,
    },
    Granted {
        licences: Vec<Granted>,
    },
    Released {
        id: Option<u64>,
        licences: Vec<String>,
    },
    LoggedOut {
        id: Option<u64>,
    },
    Pong {
        id: Option<u64>,
    },
    Draining {},
    Error {
        id: Option<u64>,
        code: String,
    },
    #[serde(other)]
    Other,
}

/// A login that holds at least its seat.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct LoggedIn {
    pub(crate) id: Option<u64>,
    pub(crate) session: String,
    pub(crate) resume_token: String,
    pub(crate) user: String,
    pub(crate) device: String,
    pub(crate) granted: Vec<Granted>,
    #[serde(default)]
    pub(crate) denied: Vec<Denied>,
    /// Seconds.
    pub(crate) heartbeat_s: Option<u64>,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) licence: String,
    #[serde(default)]
    pub(crate) pool: String,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Denied {
    pub(crate) licence: String,
    pub(crate) reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(json: &str) -> Message {
        serde_json::from_str(json).expect("a message")
    }

    fn granted(licence: &str, pool: &str) -> Granted {
        Granted { licence: licence.to_owned(), pool: pool.to_owned() }
    }

    #[test]
    fn requests_are_spelled_as_the_contract_spells_them() {
        let login = Request::Login { id: 1, device: "agent_desktop", wait: false };
        for (request, json) in [
            (login, r#"{"type":"login","id":1,"device":"agent_desktop","wait":false}"#),
            (Request::Ping { id: 6 }, r#"{"type":"ping","id":6}"#),
            (Request::Logout { id: 7 }, r#"{"type":"logout","id":7}"#),
        ] {
            assert_eq!(request.to_json().expect("json"), json);
        }
    }

    #[test]
    fn logged_in_tells_what_was_granted_and_what_denied() {
        let message = heard(
            r#"{"type":"logged_in","id":1,"session":"01J","resume_token":"r","user":"edred",
               "device":"agent_desktop","granted":[{"licence":"inbound_agent","pool":"concurrent"},
               {"licence":"agent_email","pool":"contingency"}],"denied":[{"licence":"agent_web_chat",
               "reason":"exhausted"}],"waiting":[],"heartbeat_s":15,"grace_s":20}"#,
        );
        let expected = LoggedIn {
            id: Some(1),
            session: "01J".to_owned(),
            resume_token: "r".to_owned(),
            user: "edred".to_owned(),
            device: "agent_desktop".to_owned(),
            granted: vec![
                granted("inbound_agent", "concurrent"),
                granted("agent_email", "contingency"),
            ],
            denied: vec![Denied {
                licence: "agent_web_chat".to_owned(),
                reason: "exhausted".to_owned(),
            }],
            heartbeat_s: Some(15),
        };
        assert_eq!(message, Message::LoggedIn(expected));
    }

    #[test]
    fn a_refusal_names_its_reason_and_its_denials() {
        let message = heard(
            r#"{"type":"login_refused","id":1,"reason":"seat_exhausted",
               "denied":[{"licence":"inbound_agent","reason":"exhausted"}]}"#,
        );
        let Message::LoginRefused { reason, denied } = message else {
            panic!("not a refusal: {message:?}");
        };
        assert_eq!(reason, "seat_exhausted");
        assert_eq!(denied[0].licence, "inbound_agent");
    }

    #[test]
    fn changes_in_a_running_session_are_heard() {
        let grant = r#"{"type":"granted","licences":[{"licence":"agent_sms","pool":"shared"}]}"#;
        assert_eq!(
            heard(grant),
            Message::Granted { licences: vec![granted("agent_sms", "shared")] }
        );
        let acquired = r#"{"type":"acquired","id":3,"granted":[],"denied":[],"waiting":["x"]}"#;
        assert_eq!(heard(acquired), Message::Acquired { id: Some(3), granted: vec![] });
        let unasked = r#"{"type":"released","licences":["agent_email"],"reason":"unassigned"}"#;
        let licences = vec!["agent_email".to_owned()];
        assert_eq!(heard(unasked), Message::Released { id: None, licences });
    }

    #[test]
    fn answers_carry_their_id() {
        assert_eq!(heard(r#"{"type":"pong","id":6}"#), Message::Pong { id: Some(6) });
        let out = r#"{"type":"logged_out","id":7,"released":["inbound_agent"]}"#;
        assert_eq!(heard(out), Message::LoggedOut { id: Some(7) });
        let error = r#"{"type":"error","id":3,"code":"bad_message","message":"m"}"#;
        assert_eq!(heard(error), Message::Error { id: Some(3), code: "bad_message".to_owned() });
    }

    #[test]
    fn a_type_of_tomorrow_is_other_and_no_message_at_all_is_an_error() {
        assert_eq!(heard(r#"{"type":"tomorrow","x":1}"#), Message::Other);
        let draining = r#"{"type":"draining","reconnect_within_s":10}"#;
        assert_eq!(heard(draining), Message::Draining {});
        for nonsense in ["", "[]", "{}", r#"{"type":"released"}"#, r#"{"type":"logged_in"}"#] {
            assert!(serde_json::from_str::<Message>(nonsense).is_err(), "{nonsense}");
        }
    }
}
