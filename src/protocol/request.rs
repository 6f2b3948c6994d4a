//! What clients send: one JSON object a message, read field by field so that an error names its field.

use crate::domain::admission::Wanted;
use crate::domain::ids::SessionId;
use crate::domain::reason::Device;
use crate::domain::secret::SecretText;
use crate::json::{self, Value};
use crate::limits::{CHANNEL_NAME_BYTES_MAX, CHANNELS_PER_MESSAGE_MAX};
use serde::Serialize;
use std::sync::Arc;
use ulid::Ulid;

/// What a request calls itself, echoed in its answer: a string, or an integer of at most 2^53.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum RequestId {
    /// As it was written.
    Text(String),
    /// Within ±2^53, so that every JSON reader keeps it exact.
    Number(i64),
}

/// The largest integer that an id may be.
const ID_MAX: i64 = 1 << 53;

/// A message that is a JSON object.
#[derive(Debug)]
pub struct Envelope {
    /// Present if the client gave a valid one.
    pub id: Option<RequestId>,
    /// What is asked, or why it cannot be served.
    pub request: Result<Request, RequestError>,
}

/// What may be asked.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    /// A device logs in.
    Login(LoginRequest),
    /// A device comes back to its session.
    Resume(ResumeRequest),
    /// A wallboard subscribes.
    Subscribe {
        /// The token, unless the upgrade carried it.
        token: Option<SecretText>,
    },
    /// More features.
    Acquire {
        /// Which.
        channels: Vec<Arc<str>>,
        /// Whether exhausted ones are queued.
        wait: bool,
    },
    /// Fewer features.
    Release {
        /// Which.
        channels: Vec<Arc<str>>,
    },
    /// A fresh token for the same user.
    Refresh {
        /// The token.
        token: SecretText,
    },
    /// A sign of life that wants an answer.
    Ping,
    /// Goodbye.
    Logout,
}

/// The fields of `login`.
#[derive(Debug, PartialEq, Eq)]
pub struct LoginRequest {
    /// The token, unless the upgrade carried it.
    pub token: Option<SecretText>,
    /// The kind of device.
    pub device: Device,
    /// Which features.
    pub wanted: Wanted,
    /// Whether exhausted features are queued.
    pub wait: bool,
    /// Seconds of grace asked for.
    pub grace_s: u32,
}

/// The fields of `resume`.
#[derive(Debug, PartialEq, Eq)]
pub struct ResumeRequest {
    /// The token, unless the upgrade carried it.
    pub token: Option<SecretText>,
    /// The session; `None` if what was given cannot be one.
    pub session: Option<SessionId>,
    /// The resume token.
    pub resume_token: SecretText,
}

/// Why a JSON object cannot be served.
#[derive(Debug, PartialEq, Eq)]
pub enum RequestError {
    /// No message has this `type`.
    UnknownType(String),
    /// A field is missing or has another shape: its name, and what it has to be.
    BadField(&'static str, &'static str),
    /// No device has this name.
    UnknownDevice(String),
}

/// Not a JSON object.
#[derive(Debug, PartialEq, Eq)]
pub struct NotAnObject;

/// Reads one message.
///
/// # Errors
/// If it is not a JSON object; everything else is said in the envelope.
pub fn parse(text: &str) -> Result<Envelope, NotAnObject> {
    let fields = json::Fields::read(text, NAMES).map_err(|_| NotAnObject)?;
    let fields = Fields(fields);
    Ok(match fields.id() {
        Ok(id) => Envelope { id, request: fields.request() },
        Err(error) => Envelope { id: None, request: Err(error) },
    })
}

/// The fields that some message has.
const NAMES: &[&str; 9] =
    &["type", "id", "token", "device", "channels", "wait", "grace_s", "session", "resume_token"];

struct Fields<'a>(json::Fields<'a, 9>);

type Read<T> = Result<T, RequestError>;

impl<'a> Fields<'a> {
    /// A field that is there; `null` counts as absent.
    fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.0.get(name).filter(|value| **value != Value::Null)
    }

    fn id(&self) -> Read<Option<RequestId>> {
        match self.get("id") {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(RequestId::Text(text.to_string()))),
            Some(value) => match value.as_i64() {
                Some(number) if (-ID_MAX..=ID_MAX).contains(&number) => {
                    Ok(Some(RequestId::Number(number)))
                }
                _ => Err(RequestError::BadField("id", "a string or an integer up to 2^53")),
            },
        }
    }

    fn request(&self) -> Read<Request> {
        match self.text("type", "a string")? {
            "login" => self.login().map(Request::Login),
            "resume" => self.resume().map(Request::Resume),
            "subscribe" => Ok(Request::Subscribe { token: self.token()? }),
            "acquire" => {
                Ok(Request::Acquire { channels: self.channels()?, wait: self.flag("wait")? })
            }
            "release" => Ok(Request::Release { channels: self.channels()? }),
            "refresh" => Ok(Request::Refresh { token: self.secret("token")? }),
            "ping" => Ok(Request::Ping),
            "logout" => Ok(Request::Logout),
            other => Err(RequestError::UnknownType(other.chars().take(64).collect())),
        }
    }

    fn login(&self) -> Read<LoginRequest> {
        let word = self.text("device", "agent_desktop, deskphone or switchboard")?;
        let device = Device::from_word(word);
        let device = device.ok_or_else(|| RequestError::UnknownDevice(word.to_owned()))?;
        let wanted = match self.get("channels") {
            None => Wanted::Assigned,
            Some(_) => Wanted::Named(self.channels()?),
        };
        Ok(LoginRequest {
            token: self.token()?,
            device,
            wanted,
            wait: self.flag("wait")?,
            grace_s: self.seconds("grace_s")?,
        })
    }

    fn resume(&self) -> Read<ResumeRequest> {
        let session = self.text("session", "a string")?;
        Ok(ResumeRequest {
            token: self.token()?,
            session: Ulid::from_string(session).ok().map(|ulid| SessionId(ulid.0)),
            resume_token: self.secret("resume_token")?,
        })
    }

    fn text(&self, name: &'static str, shape: &'static str) -> Read<&str> {
        self.get(name).and_then(Value::as_str).ok_or(RequestError::BadField(name, shape))
    }

    fn secret(&self, name: &'static str) -> Read<SecretText> {
        self.text(name, "a string").map(|text| text.to_owned().into())
    }

    fn token(&self) -> Read<Option<SecretText>> {
        match self.get("token") {
            None => Ok(None),
            Some(_) => self.secret("token").map(Some),
        }
    }

    fn flag(&self, name: &'static str) -> Read<bool> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Flag(flag)) => Ok(*flag),
            Some(_) => Err(RequestError::BadField(name, "true or false")),
        }
    }

    fn seconds(&self, name: &'static str) -> Read<u32> {
        match self.get(name) {
            None => Ok(0),
            Some(value) => value
                .as_u64()
                .map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX))
                .ok_or(RequestError::BadField(name, "a whole number of seconds, 0 or more")),
        }
    }

    fn channels(&self) -> Read<Vec<Arc<str>>> {
        const SHAPE: &str = "a list of at most 256 names of at most 128 bytes each";
        let bad = || RequestError::BadField("channels", SHAPE);
        let Some(Value::List(names)) = self.get("channels") else { return Err(bad()) };
        if names.len() > CHANNELS_PER_MESSAGE_MAX {
            return Err(bad());
        }
        let name = |value: &Value<'_>| {
            let name = value.as_str().filter(|name| name.len() <= CHANNEL_NAME_BYTES_MAX);
            name.map(Arc::from).ok_or_else(bad)
        };
        names.iter().map(name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Read<Request> {
        parse(text).expect("a JSON object").request
    }

    #[test]
    fn what_is_not_a_json_object_is_not_a_message() {
        let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
        let deep_object = "{\"a\":".repeat(5_000);
        for text in ["", "hello", "[]", "1", "null", "{", "{}x", &deep, &deep_object] {
            assert!(parse(text).is_err(), "{text:.20}");
        }
    }

    #[test]
    fn ids_are_strings_or_integers_that_json_keeps_exact() {
        let id = |text: &str| parse(text).expect("a JSON object").id;
        let number = RequestId::Number(9_007_199_254_740_992);
        assert_eq!(id(r#"{"type":"ping","id":9007199254740992}"#), Some(number));
        assert_eq!(id(r#"{"type":"ping","id":""}"#), Some(RequestId::Text(String::new())));
        assert_eq!(id(r#"{"type":"ping"}"#), None);
        for bad in ["9007199254740993", "1.5", "1e3", "true", "[]", "{}"] {
            let read = request(&format!(r#"{{"type":"ping","id":{bad}}}"#));
            assert!(matches!(read, Err(RequestError::BadField("id", _))), "{bad}");
        }
    }

    #[test]
    fn the_field_that_is_wrong_is_named() {
        let nested = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
        let deep = format!(r#"{{"type":"release","channels":{nested}}}"#);
        let cases = [
            (r#"{"id":1}"#, "type"),
            (r#"{"type":7}"#, "type"),
            (r#"{"type":"login"}"#, "device"),
            (r#"{"type":"login","device":"deskphone","wait":1}"#, "wait"),
            (r#"{"type":"login","device":"deskphone","grace_s":-1}"#, "grace_s"),
            (r#"{"type":"login","device":"deskphone","channels":"agent_sms"}"#, "channels"),
            (r#"{"type":"login","device":"deskphone","channels":[1]}"#, "channels"),
            (r#"{"type":"login","device":"deskphone","token":1}"#, "token"),
            (r#"{"type":"resume","session":"x"}"#, "resume_token"),
            (r#"{"type":"acquire"}"#, "channels"),
            (r#"{"type":"refresh"}"#, "token"),
            // JSON that no reader has to hold (RFC 8259 §9) is still JSON.
            (r#"{"type":"\ud800"}"#, "type"),
            (r#"{"type":"ping","id":1e999}"#, "id"),
            (r#"{"type":"refresh","token":"\udc00"}"#, "token"),
            (r#"{"type":"acquire","channels":["agent_sms",1e999]}"#, "channels"),
            (&deep, "channels"),
        ];
        for (text, field) in cases {
            match request(text) {
                Err(RequestError::BadField(named, _)) => assert_eq!(named, field, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn unknown_fields_and_nulls_are_ignored() {
        let text = r#"{"type":"login","device":"switchboard","channels":null,"colour":"blue"}"#;
        let Ok(Request::Login(login)) = request(text) else { panic!("a login") };
        assert_eq!((login.device, login.wanted), (Device::Switchboard, Wanted::Assigned));
        let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
        for value in ["1e999", r#""\ud800""#, &deep] {
            let text = format!(r#"{{"type":"ping","colour":{value}}}"#);
            assert_eq!(request(&text), Ok(Request::Ping), "{value:.20}");
        }
    }

    #[test]
    fn an_unknown_device_is_told_from_an_unknown_message() {
        let device = request(r#"{"type":"login","device":"fax"}"#);
        assert_eq!(device, Err(RequestError::UnknownDevice("fax".into())));
        assert_eq!(request(r#"{"type":"dance"}"#), Err(RequestError::UnknownType("dance".into())));
    }

    #[test]
    fn grace_beyond_any_range_is_as_much_as_can_be_asked_for() {
        let text = r#"{"type":"login","device":"deskphone","grace_s":99999999999}"#;
        let Ok(Request::Login(login)) = request(text) else { panic!("a login") };
        assert_eq!(login.grace_s, u32::MAX);
    }
}
