//! Judging and issuing tokens.

use super::claims::{Claims, Payload};
use super::editions::{Edition, Editions};
use super::key::Key;
use super::keys::{KeySources, KeysError};
use super::published::Published;
use super::source::Source;
use crate::json::{Fields, Value};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use std::borrow::Cow;

/// The longest token that is looked at, in bytes.
const TOKEN_MAX_BYTES: usize = 8 * 1024;

/// Why a token is worth nothing. Whoever sent it is told no more than that; these words are for logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRejected {
    /// Not three parts of base64url with JSON objects in the first two, or too long.
    #[error("the token is malformed")]
    Malformed,
    /// No key that could be meant is used with the algorithm that the header names.
    #[error("the token's algorithm is not that of a key")]
    Algorithm,
    /// The header names a key that there is not.
    #[error("the token names an unknown key")]
    UnknownKey,
    /// No key that could be meant made this signature.
    #[error("the token's signature is wrong")]
    Signature,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not begun.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Its bearer signed in, and the account has changed since.
    #[error("the account that the token was given to has changed")]
    AccountChanged,
    /// This claim is missing, or not what it must be.
    #[error("the token's claim `{0}` is missing or wrong")]
    Claim(&'static str),
}

/// The token could not be made; nothing that a caller can change.
#[derive(Debug, thiserror::Error)]
#[error("a token could not be signed: {0}")]
pub struct IssueError(#[from] jsonwebtoken::errors::Error);

/// Knows the keys. Shared by every connection.
#[derive(Debug)]
pub struct Authenticator {
    /// The keys that do not change.
    trusted: Vec<Key>,
    /// The keys of the key set, if there is one; followed as long as this is alive.
    published: Option<Published>,
    /// Signs HS256; the same secret is among the trusted keys.
    issuing: EncodingKey,
    /// The accounts of those who sign in to the broker itself, as they are now.
    editions: Editions,
}

/// The fields of a header that are looked at.
const HEADER_NAMES: &[&str; 3] = &["alg", "kid", "crit"];

/// The header of a token, as far as it matters.
struct Named<'a> {
    algorithm: Cow<'a, str>,
    key_id: Option<Cow<'a, str>>,
}

impl Authenticator {
    /// Trusts every source of keys, and keeps up with the key set until it is dropped. Makes the broker's
    /// own key if it is needed and there is none. Needs a tokio runtime.
    ///
    /// # Errors
    /// If a file cannot be read or written, the key set cannot be fetched, or one holds no usable key.
    pub async fn start(sources: &KeySources) -> Result<Self, KeysError> {
        let mut authenticator = Self::open(sources)?;
        if let Some(jwks) = &sources.jwks {
            let published = Published::follow(Source::new(jwks)).await;
            let unusable = |error| KeysError { setting: "jwks", error };
            authenticator.published = Some(published.map_err(unusable)?);
        }
        Ok(authenticator)
    }

    /// Trusts the secret alone, for whoever only issues: the key set is not looked at. Makes the broker's
    /// own key if it is needed and there is none.
    ///
    /// # Errors
    /// If a file cannot be read or written, or holds no usable secret.
    pub fn open(sources: &KeySources) -> Result<Self, KeysError> {
        Ok(Self::with_secret(&sources.issuing_secret()?))
    }

    /// Trusts one HS256 secret, and issues with it.
    pub fn with_secret(secret: &[u8]) -> Self {
        Self {
            trusted: vec![Key::secret(secret)],
            published: None,
            issuing: EncodingKey::from_secret(secret),
            editions: Editions::default(),
        }
    }

    #[cfg(test)]
    pub(super) fn trusting(trusted: Vec<Key>) -> Self {
        let issuing = EncodingKey::from_secret(b"issues, and is not trusted itself");
        Self { trusted, published: None, issuing, editions: Editions::default() }
    }

    /// Whether to believe a token, as of `now`.
    ///
    /// The algorithm is the key's: the header's must be the same and chooses nothing. A token that names
    /// a key (`kid`) is held against that key alone, one that names none against every key. Never waits:
    /// a token that names an unknown key is refused, and the key set is read again for those that follow.
    ///
    /// # Errors
    /// Why not.
    pub fn judge(&self, token: &str, now: DateTime<Utc>) -> Result<Claims, TokenRejected> {
        if token.len() > TOKEN_MAX_BYTES {
            return Err(TokenRejected::Malformed);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenRejected::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(TokenRejected::Malformed)?;
        let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| TokenRejected::Malformed)?;
        let published = self.published.as_ref().map(Published::keys);
        let published = published.as_deref().map_or(&[][..], Vec::as_slice);
        let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| TokenRejected::Malformed)?;
        let named = Named::read(&header)?;
        let known = self.trusted.iter().chain(published);
        let judged = held_against(known, &named, message.as_bytes(), signature);
        if let (Err(TokenRejected::UnknownKey), Some(published)) = (judged, &self.published) {
            published.ask();
        }
        judged?;
        self.read(&payload, now)
    }

    /// Ends when the key set is read after this call, or could not be for too long; `None` if there is none.
    /// For whoever holds a token that may name a key that is not known yet: to be called before
    /// [`judge`](Self::judge), which asks for the reading and does not wait until anybody waits for it.
    pub fn next_reading(&self) -> Option<impl Future<Output = ()> + use<>> {
        self.published.as_ref().map(Published::next_reading)
    }

    /// What a payload says whose signature was verified.
    fn read(&self, payload: &[u8], now: DateTime<Utc>) -> Result<Claims, TokenRejected> {
        let payload = Payload::read(payload)?;
        let claims = Claims::read(&payload, now)?;
        let is_present =
            |edition| self.editions.is_present(claims.organisation, &claims.subject, edition);
        match Edition::read(&payload)? {
            Some(edition) if !is_present(edition) => Err(TokenRejected::AccountChanged),
            Some(_) | None => Ok(claims),
        }
    }

    /// The accounts of those who sign in, as they are now.
    pub fn editions(&self) -> &Editions {
        &self.editions
    }

    /// A token as [`issue`](Self::issue) makes it, that ends with this edition of its subject's account.
    ///
    /// # Errors
    /// If the library that signs refuses to.
    pub fn issue_to_account(
        &self,
        claims: &Claims,
        edition: Edition,
        now: DateTime<Utc>,
    ) -> Result<String, IssueError> {
        let mut claims = claims.write(now);
        edition.write(&mut claims);
        Ok(jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.issuing)?)
    }

    /// A token that says this, issued at `now`: HS256, without `kid`.
    ///
    /// # Errors
    /// If the library that signs refuses to.
    pub fn issue(&self, claims: &Claims, now: DateTime<Utc>) -> Result<String, IssueError> {
        let header = Header::new(Algorithm::HS256);
        Ok(jsonwebtoken::encode(&header, &claims.write(now), &self.issuing)?)
    }
}

/// Whether one of the keys that a token may mean, used with the algorithm that it names, signed it.
fn held_against<'k>(
    known: impl Iterator<Item = &'k Key>,
    named: &Named<'_>,
    message: &[u8],
    signature: &str,
) -> Result<(), TokenRejected> {
    let is_meant =
        |key: &&Key| named.key_id.is_none() || key.id.as_deref() == named.key_id.as_deref();
    let mut refusal = TokenRejected::UnknownKey;
    for key in known.filter(is_meant) {
        if key.algorithm_name() == named.algorithm {
            if key.has_signed(message, signature) {
                return Ok(());
            }
            refusal = TokenRejected::Signature;
        } else if refusal == TokenRejected::UnknownKey {
            refusal = TokenRejected::Algorithm;
        }
    }
    Err(refusal)
}

impl<'a> Named<'a> {
    fn read(header: &'a [u8]) -> Result<Self, TokenRejected> {
        let header = str::from_utf8(header).map_err(|_| TokenRejected::Malformed)?;
        let header = Fields::read(header, HEADER_NAMES).map_err(|_| TokenRejected::Malformed)?;
        let [algorithm, key_id, critical] = header.into_values();
        // RFC 7515 §4.1.11: what must be understood and is not makes a token invalid.
        if critical.is_some() {
            return Err(TokenRejected::Malformed);
        }
        let text = |value| match value {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(
                Value::Null
                | Value::Flag(_)
                | Value::Unsigned(_)
                | Value::Negative(_)
                | Value::Fraction(_)
                | Value::List(_)
                | Value::Object
                | Value::Unreadable,
            ) => Err(TokenRejected::Malformed),
        };
        let algorithm = text(algorithm)?.ok_or(TokenRejected::Malformed)?;
        Ok(Self { algorithm, key_id: text(key_id)? })
    }
}

/// The token of a request, from the values of all of its `Authorization` headers; `None` where there is no
/// such header. Of two, one would be judged here and the other by a proxy.
///
/// # Errors
/// If there are several, or the one holds anything else than `Bearer` and a token.
pub fn only_bearer<'v>(
    values: impl IntoIterator<Item = &'v [u8]>,
) -> Result<Option<&'v str>, NoBearer> {
    let mut values = values.into_iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(NoBearer);
    }
    let token = std::str::from_utf8(value).ok().and_then(bearer);
    token.map(Some).ok_or(NoBearer)
}

/// What stands in `Authorization` is not `Bearer` and one token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one `Authorization: Bearer` with a token")]
pub struct NoBearer;

/// The token in the value of an `Authorization` header; `None` if it is of another scheme.
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.trim().split_once(' ')?;
    let token = token.trim_start();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::super::claims::Role;
    use super::*;
    use crate::auth::key::tests::{Signer, ec_signer, ed_signer, rsa_signer};
    use crate::domain::ids::OrganisationId;
    use serde_json::{Value, json};

    const SECRET: &[u8] = b"a secret of more than thirty-two bytes";

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).expect("an instant")
    }

    fn claims() -> Claims {
        Claims {
            subject: "edred".into(),
            organisation: OrganisationId::new(129),
            role: Role::Admin,
            expires_at: DateTime::from_timestamp(1_800_000_060, 0).expect("an instant"),
        }
    }

    fn part(value: &Value) -> String {
        URL_SAFE_NO_PAD.encode(value.to_string())
    }

    /// A token with any header, signed by a key with that key's algorithm.
    fn signed(header: &Value, key: &EncodingKey, algorithm: Algorithm) -> String {
        let message = format!("{}.{}", part(header), part(&claims().write(now())));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm);
        format!("{message}.{}", signature.expect("a signature"))
    }

    fn hs256(header: &Value, secret: &[u8]) -> String {
        signed(header, &EncodingKey::from_secret(secret), Algorithm::HS256)
    }

    fn judge(authenticator: &Authenticator, token: &str) -> Result<Claims, TokenRejected> {
        authenticator.judge(token, now())
    }

    #[test]
    fn what_is_issued_is_believed_until_it_expires() {
        let authenticator = Authenticator::with_secret(SECRET);
        let token = authenticator.issue(&claims(), now()).expect("a token");
        assert_eq!(judge(&authenticator, &token), Ok(claims()));
        let later = claims().expires_at;
        assert_eq!(authenticator.judge(&token, later), Err(TokenRejected::Expired));
    }

    #[test]
    fn a_token_of_another_secret_is_refused() {
        let token = hs256(&json!({"alg": "HS256"}), b"another secret");
        let refused = judge(&Authenticator::with_secret(SECRET), &token);
        assert_eq!(refused, Err(TokenRejected::Signature));
    }

    #[test]
    fn a_token_whose_claims_were_changed_is_refused() {
        let token = hs256(&json!({"alg": "HS256"}), SECRET);
        let parts: Vec<&str> = token.split('.').collect();
        let mut changed = claims().write(now());
        changed["role"] = json!("operator");
        let forged = format!("{}.{}.{}", parts[0], part(&changed), parts[2]);
        let refused = judge(&Authenticator::with_secret(SECRET), &forged);
        assert_eq!(refused, Err(TokenRejected::Signature));
    }

    #[test]
    fn a_token_without_an_algorithm_is_refused() {
        let authenticator = Authenticator::with_secret(SECRET);
        for algorithm in ["none", "None", "NONE", ""] {
            let header = part(&json!({"alg": algorithm}));
            let unsigned = format!("{header}.{}.", part(&claims().write(now())));
            assert_eq!(judge(&authenticator, &unsigned), Err(TokenRejected::Algorithm));
            let signed = hs256(&json!({"alg": algorithm}), SECRET);
            assert_eq!(judge(&authenticator, &signed), Err(TokenRejected::Algorithm));
        }
    }

    #[test]
    fn a_header_that_names_another_algorithm_than_the_keys_is_refused() {
        for algorithm in ["HS384", "HS512", "RS256", "hs256"] {
            let token = hs256(&json!({"alg": algorithm}), SECRET);
            let refused = judge(&Authenticator::with_secret(SECRET), &token);
            assert_eq!(refused, Err(TokenRejected::Algorithm), "{algorithm}");
        }
    }

    #[test]
    fn every_kind_of_public_key_verifies_what_its_private_key_signed() {
        for Signer { private, algorithm, key, .. } in [rsa_signer(), ec_signer(), ed_signer()] {
            let header = json!({"alg": key.algorithm_name()});
            let token = signed(&header, &private, algorithm);
            let authenticator = Authenticator::trusting(vec![key]);
            assert_eq!(judge(&authenticator, &token), Ok(claims()), "{algorithm:?}");
            let broken = format!("{}A", &token[..token.len() - 2]);
            assert!(judge(&authenticator, &broken).is_err(), "{algorithm:?}");
        }
    }

    #[test]
    fn a_public_key_is_no_secret() {
        // The classic confusion: the attacker signs HS256 with the public key, which everybody knows.
        let Signer { key, public, .. } = rsa_signer();
        let authenticator = Authenticator::trusting(vec![key]);
        for header in [json!({"alg": "HS256"}), json!({"alg": "RS256"})] {
            let token = hs256(&header, &public);
            assert!(judge(&authenticator, &token).is_err(), "{header}");
        }
    }

    #[test]
    fn a_key_of_one_kind_does_not_stand_in_for_another() {
        let Signer { private, algorithm, .. } = ed_signer();
        let token = signed(&json!({"alg": "EdDSA"}), &private, algorithm);
        let refused = judge(&Authenticator::trusting(vec![ec_signer().key]), &token);
        assert_eq!(refused, Err(TokenRejected::Algorithm));
    }

    #[test]
    fn a_token_that_names_an_unknown_key_is_refused() {
        let named = hs256(&json!({"alg": "HS256", "kid": "k2"}), SECRET);
        let unnamed = hs256(&json!({"alg": "HS256"}), SECRET);
        let mut key = Key::secret(SECRET);
        assert_eq!(
            judge(&Authenticator::with_secret(SECRET), &named),
            Err(TokenRejected::UnknownKey)
        );
        key.id = Some("k2".to_owned());
        let authenticator = Authenticator::trusting(vec![Key::secret(b"other"), key]);
        assert_eq!(judge(&authenticator, &named), Ok(claims()));
        assert_eq!(judge(&authenticator, &unnamed), Ok(claims()));
    }

    #[test]
    fn a_token_that_is_none_is_refused() {
        let authenticator = Authenticator::with_secret(SECRET);
        let good = hs256(&json!({"alg": "HS256"}), SECRET);
        let long = format!("{}{good}", "A".repeat(TOKEN_MAX_BYTES));
        let bent = [
            "",
            ".",
            "..",
            "a.b",
            "a.b.c",
            "ééé.é.é",
            "a.b.c.d",
            &format!("{good}.x"),
            &long,
            &hs256(&json!({"alg": "HS256", "crit": ["exp"]}), SECRET),
            &hs256(&json!({"alg": "HS256", "kid": 7}), SECRET),
            &hs256(&json!({"alg": 256}), SECRET),
            &hs256(&json!(["HS256"]), SECRET),
            &format!("{good}="),
        ];
        for token in bent {
            let refused = judge(&authenticator, token);
            assert!(
                matches!(refused, Err(TokenRejected::Malformed | TokenRejected::Signature)),
                "{token}"
            );
        }
    }

    #[test]
    fn of_two_authorization_headers_neither_is_believed() {
        let of = |values: &[&'static str]| {
            only_bearer(values.iter().map(|value| value.as_bytes()).collect::<Vec<_>>())
        };
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&["Bearer a.b.c"]), Ok(Some("a.b.c")));
        for wrong in [&["Basic YTpi"][..], &[""], &["Bearer a.b.c", "Bearer a.b.c"]] {
            assert_eq!(of(wrong), Err(NoBearer), "{wrong:?}");
        }
        assert_eq!(only_bearer([&b"Bearer \xff.b.c"[..]]), Err(NoBearer));
    }

    #[test]
    fn a_bearer_token_is_found_whatever_the_case_of_its_scheme() {
        assert_eq!(bearer("Bearer a.b.c"), Some("a.b.c"));
        assert_eq!(bearer("bearer  a.b.c "), Some("a.b.c"));
        for other in ["", "Bearer", "Bearer ", "Basic a.b.c", "a.b.c"] {
            assert_eq!(bearer(other), None, "{other}");
        }
    }
}
