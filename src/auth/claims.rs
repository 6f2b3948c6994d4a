//! What a token says. Every claim that is present must be what the contract says it is; claims that the
//! contract does not name (`iss`, `aud`, …) are not read.

use super::authenticator::TokenRejected;
use super::editions;
use crate::domain::ids::OrganisationId;
use crate::json::{Fields, Value};
use chrono::{DateTime, Utc};
use serde_json::json;
use std::fmt;
use std::sync::Arc;

/// The longest `sub`, in bytes: every login name of 128 characters, whatever its script.
pub const SUBJECT_MAX_BYTES: usize = 512;

/// The last second that RFC 3339 can write; a token that says it is valid for longer is not believed.
const LAST_SECOND: i64 = 253_402_300_799;

/// What the bearer of a token may do (SPEC §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Logs in as its own `sub`, and nothing else.
    Device,
    /// Subscribes to live counts, and nothing else.
    Wallboard,
    /// Reads who holds what, and ends sessions.
    Supervisor,
    /// Everything in its own organisation, except to create or delete it.
    Admin,
    /// Everything, in every organisation.
    Operator,
}

impl Role {
    /// Every role, from the one that may least.
    pub const ALL: &[Self] =
        &[Self::Device, Self::Wallboard, Self::Supervisor, Self::Admin, Self::Operator];

    /// The contract's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Wallboard => "wallboard",
            Self::Supervisor => "supervisor",
            Self::Admin => "admin",
            Self::Operator => "operator",
        }
    }

    /// The role that the word stands for; `None` for any other word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.as_str() == word)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The claims that are looked at.
const NAMES: &[&str; 6] = &["sub", "org", "role", "exp", "nbf", editions::CLAIM];

/// The payload of a token, read once for all who look at it.
pub(super) struct Payload<'a>(Fields<'a, 6>);

impl<'a> Payload<'a> {
    /// Reads the JSON object that a payload has to be.
    pub(super) fn read(text: &'a [u8]) -> Result<Self, TokenRejected> {
        let text = str::from_utf8(text).map_err(|_| TokenRejected::Malformed)?;
        Fields::read(text, NAMES).map(Self).map_err(|_| TokenRejected::Malformed)
    }

    /// A claim that is looked at, `null` as well; `None` where there is none.
    pub(super) fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.0.get(name)
    }

    /// Whether a claim that is looked at came more than once.
    pub(super) fn repeats(&self, name: &str) -> bool {
        self.0.repeats(name)
    }
}

/// What a token that was believed says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// `sub`: a user's login name, or a wallboard's id; 1 to [`SUBJECT_MAX_BYTES`] bytes without
    /// control characters.
    pub subject: Arc<str>,
    /// `org`: `None` for an operator, and for nobody else.
    pub organisation: Option<OrganisationId>,
    /// `role`
    pub role: Role,
    /// `exp`: from this instant on the token is worth nothing.
    pub expires_at: DateTime<Utc>,
}

impl Claims {
    /// Reads the payload of a token whose signature was verified, as of `now`. There is no leeway.
    ///
    /// An operator's `org` must be well-formed if it is there, and is ignored.
    pub(super) fn read(claims: &Payload<'_>, now: DateTime<Utc>) -> Result<Self, TokenRejected> {
        let expires_at = date(claims, "exp")?.ok_or(TokenRejected::Claim("exp"))?;
        if expires_at <= now {
            return Err(TokenRejected::Expired);
        }
        if date(claims, "nbf")?.is_some_and(|not_before| not_before > now) {
            return Err(TokenRejected::NotYetValid);
        }
        let word = claims.get("role").and_then(Value::as_str);
        let role = word.and_then(Role::from_word).ok_or(TokenRejected::Claim("role"))?;
        let organisation = match (role, organisation(claims)?) {
            (Role::Operator, _) => None,
            (Role::Device | Role::Wallboard | Role::Supervisor | Role::Admin, None) => {
                return Err(TokenRejected::Claim("org"));
            }
            (Role::Device | Role::Wallboard | Role::Supervisor | Role::Admin, own) => own,
        };
        Ok(Self { subject: subject(claims)?, organisation, role, expires_at })
    }

    /// The payload of a token that says this, issued at `now`.
    pub(super) fn write(&self, now: DateTime<Utc>) -> serde_json::Value {
        let mut claims = json!({
            "sub": &*self.subject,
            "role": self.role.as_str(),
            "exp": self.expires_at.timestamp(),
            "iat": now.timestamp(),
        });
        if let Some(organisation) = self.organisation {
            claims["org"] = json!(organisation.get());
        }
        claims
    }
}

fn subject(claims: &Payload<'_>) -> Result<Arc<str>, TokenRejected> {
    let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
    if is_subject(subject) { Ok(subject.into()) } else { Err(TokenRejected::Claim("sub")) }
}

/// Whether this may be a `sub`: 1 to [`SUBJECT_MAX_BYTES`] bytes, and none that could forge a line of a log.
pub(crate) fn is_subject(text: &str) -> bool {
    (1..=SUBJECT_MAX_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// `org`, where absent and `null` are the same.
fn organisation(claims: &Payload<'_>) -> Result<Option<OrganisationId>, TokenRejected> {
    match claims.get("org") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let number = value.as_u64().and_then(OrganisationId::new);
            number.map(Some).ok_or(TokenRejected::Claim("org"))
        }
    }
}

/// A `NumericDate` (RFC 7519 §2): seconds since 1970, a fraction allowed.
fn date(claims: &Payload<'_>, name: &'static str) -> Result<Option<DateTime<Utc>>, TokenRejected> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let refused = TokenRejected::Claim(name);
    let seconds = value.as_f64().ok_or(refused)?;
    if !(0.0..=LAST_SECOND as f64).contains(&seconds) {
        return Err(refused);
    }
    let read = DateTime::from_timestamp_millis((seconds * 1000.0).floor() as i64);
    read.map(Some).ok_or(refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).expect("an instant")
    }

    fn read(claims: &Value) -> Result<Claims, TokenRejected> {
        Claims::read(&Payload::read(claims.to_string().as_bytes())?, now())
    }

    /// A device's claims with one of them replaced, or taken away if it is `null`.
    fn with(name: &str, value: Value) -> Value {
        let mut claims = json!({"sub": "edred", "org": 129, "role": "device",
            "exp": 1_800_000_060, "iat": 1_799_999_000});
        if value.is_null() {
            claims.as_object_mut().expect("an object").remove(name);
        } else {
            claims[name] = value;
        }
        claims
    }

    #[test]
    fn a_device_is_its_subject_in_its_organisation() {
        let claims = read(&with("iss", json!("somebody"))).expect("a good token");
        assert_eq!(&*claims.subject, "edred");
        assert_eq!(claims.organisation, OrganisationId::new(129));
        assert_eq!(claims.role, Role::Device);
        assert_eq!(claims.expires_at.timestamp(), 1_800_000_060);
    }

    #[test]
    fn what_is_written_is_read() {
        let claims = read(&with("sub", json!("えどれど"))).expect("a good token");
        assert_eq!(read(&claims.write(now())), Ok(claims));
    }

    #[test]
    fn a_token_that_never_expires_is_refused() {
        assert_eq!(read(&with("exp", Value::Null)), Err(TokenRejected::Claim("exp")));
    }

    #[test]
    fn an_expiry_that_is_no_date_is_refused() {
        for wrong in [
            json!("1800000060"),
            json!(-1),
            json!(u64::MAX),
            json!(1e300),
            json!(LAST_SECOND + 1),
            json!(true),
            json!([1_800_000_060]),
        ] {
            assert_eq!(read(&with("exp", wrong)), Err(TokenRejected::Claim("exp")));
        }
    }

    #[test]
    fn a_token_is_over_at_its_expiry_without_leeway() {
        assert_eq!(read(&with("exp", json!(1_800_000_000))), Err(TokenRejected::Expired));
        assert!(read(&with("exp", json!(1_800_000_000.5))).is_ok());
        assert!(read(&with("exp", json!(LAST_SECOND))).is_ok());
    }

    #[test]
    fn a_token_is_worth_nothing_before_its_time() {
        assert_eq!(read(&with("nbf", json!(1_800_000_001))), Err(TokenRejected::NotYetValid));
        assert!(read(&with("nbf", json!(1_800_000_000))).is_ok());
        assert_eq!(read(&with("nbf", json!("soon"))), Err(TokenRejected::Claim("nbf")));
    }

    #[test]
    fn an_organisation_that_is_no_number_is_refused() {
        for wrong in [json!("129"), json!(0), json!(129.5), json!(-129), json!(1_u64 << 53)] {
            assert_eq!(read(&with("org", wrong)), Err(TokenRejected::Claim("org")));
        }
    }

    #[test]
    fn only_an_operator_has_no_organisation() {
        for role in Role::ALL {
            let mut claims = with("org", Value::Null);
            claims["role"] = json!(role.as_str());
            assert_eq!(read(&claims).is_ok(), *role == Role::Operator, "{role}");
            claims["org"] = Value::Null;
            assert_eq!(read(&claims).is_ok(), *role == Role::Operator, "{role}");
        }
    }

    #[test]
    fn the_organisation_of_an_operator_is_ignored_but_must_be_one() {
        let mut claims = with("role", json!("operator"));
        assert_eq!(read(&claims).expect("a good token").organisation, None);
        claims["org"] = json!("all");
        assert_eq!(read(&claims), Err(TokenRejected::Claim("org")));
    }

    #[test]
    fn an_unknown_role_is_refused() {
        for wrong in [json!("root"), json!("Admin"), json!(""), json!(4), Value::Null] {
            assert_eq!(read(&with("role", wrong)), Err(TokenRejected::Claim("role")));
        }
    }

    #[test]
    fn a_subject_is_bounded_not_empty_and_of_one_line() {
        for wrong in [json!(""), json!("x".repeat(SUBJECT_MAX_BYTES + 1)), json!(7), Value::Null] {
            assert_eq!(read(&with("sub", wrong)), Err(TokenRejected::Claim("sub")));
        }
        for control in ['\0', '\n', '\r', '\t', '\u{1b}', '\u{7f}', '\u{85}'] {
            let wrong = json!(format!("ed{control}red"));
            assert_eq!(read(&with("sub", wrong)), Err(TokenRejected::Claim("sub")));
        }
        assert!(read(&with("sub", json!("𠮷".repeat(128)))).is_ok());
    }

    #[test]
    fn a_payload_that_is_no_object_is_refused() {
        for wrong in [&b"[]"[..], b"null", b"{", b"\xff", b""] {
            assert!(matches!(Payload::read(wrong), Err(TokenRejected::Malformed)));
        }
    }
}
