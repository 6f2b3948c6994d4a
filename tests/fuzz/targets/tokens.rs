//! Tokens, and the key sets that vouch for them.

use super::now;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use licence_broker::auth::{Authenticator, Claims, Role, TokenRejected, fuzzing, only_bearer};

const SECRET: &[u8] = b"the secret that fuzz targets sign with";

/// The bytes are a key set, a header of a request, a token, and the claims of one that is signed well.
pub(crate) fn run(data: &[u8]) {
    match fuzzing::key_set(data) {
        Ok(keys) => assert!(keys > 0),
        Err(reason) => assert!(!reason.is_empty()),
    }
    let authenticator = Authenticator::with_secret(SECRET);
    if let Ok(text) = std::str::from_utf8(data) {
        let token = only_bearer([data]).ok().flatten().unwrap_or(text);
        // Nobody guesses a signature; the corpus has one token that carries a good one.
        if let Ok(claims) = authenticator.judge(token, now()) {
            check(&claims);
        }
    }
    match authenticator.judge(&signed(data), now()) {
        Ok(claims) => check(&claims),
        Err(rejected) => assert!(!matches!(rejected, TokenRejected::Signature), "{rejected}"),
    }
}

fn signed(claims: &[u8]) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
    let key = EncodingKey::from_secret(SECRET);
    let signature = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("a signature");
    format!("{message}.{signature}")
}

/// Nobody is believed whose time is over, or who is of no organisation without being an operator.
fn check(claims: &Claims) {
    assert!(claims.expires_at > now() - TimeDelta::seconds(6), "{claims:?}");
    assert!(!claims.subject.is_empty());
    assert_eq!(claims.organisation.is_none(), claims.role == Role::Operator, "{claims:?}");
}
