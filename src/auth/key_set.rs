//! A JSON Web Key Set (RFC 7517): the public keys that an issuer vouches with.

use super::key::{Key, public_key};
use serde_json::Value;

/// The keys of a set that tokens can be verified with.
///
/// Keys of other kinds or for other uses are passed over, and so are broken ones, as RFC 7517 §5 asks for:
/// one that nobody uses yet must not keep the others from changing.
///
/// # Errors
/// If it is no key set, or none of its keys is of use; the reason names a broken key by its place.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Key>, String> {
    let set: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let listed = set.get("keys").and_then(Value::as_array).ok_or("no list `keys`")?;
    let (mut keys, mut broken) = (Vec::new(), Vec::new());
    for (index, jwk) in listed.iter().enumerate() {
        match public_key(jwk) {
            Ok(Some(key)) => keys.push(key),
            Ok(None) => tracing::debug!(index, "a key that is not for tokens: passed over"),
            Err(reason) => broken.push(format!("keys[{index}]: {reason}")),
        }
    }
    if !keys.is_empty() {
        for reason in broken {
            tracing::warn!(reason, "a key of the key set is broken: passed over");
        }
        return Ok(keys);
    }
    broken.insert(0, "no key for RS256, ES256 or EdDSA".to_owned());
    Err(broken.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::key::tests::ed_signer;
    use serde_json::json;

    #[test]
    fn a_key_set_gives_the_keys_that_verify_and_passes_over_the_rest() {
        let good = ed_signer().named("k1");
        let mut for_encryption = good.clone();
        for_encryption["use"] = json!("enc");
        let set = json!({"keys": [
            {"kty": "oct", "k": "c2VjcmV0"},
            {"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"},
            {"kty": "new"}, 7, {"kty": "OKP", "crv": "Ed25519", "x": "AA"}, for_encryption, good,
        ]});
        let keys = parse(set.to_string().as_bytes()).expect("a key set");
        assert_eq!(keys.len(), 1);
        assert_eq!((keys[0].id.as_deref(), keys[0].algorithm_name()), (Some("k1"), "EdDSA"));
    }

    #[test]
    fn a_broken_key_set_is_without_a_good_key_is_refused_with_the_place() {
        let small = json!({"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]}).to_string();
        for (text, named) in [
            ("[]", "keys"),
            ("{", "EOF"),
            (r#"{"keys":[]}"#, "no key"),
            (r#"{"keys":[{"kty":"OKP","crv":"Ed25519"}]}"#, "keys[0]: `x`"),
            (&small, "keys[0]: `n`"),
        ] {
            let refused = parse(text.as_bytes()).expect_err("broken");
            assert!(refused.contains(named), "{refused}");
        }
    }
}
