//! One key: what it is, and thereby which one algorithm it is used with.
//!
//! A secret is HS256, an RSA key RS256, a P-256 key ES256 and an Ed25519 key EdDSA. What a token's header
//! says never chooses.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

/// What kind of public key it is, and thereby the one algorithm that it is used with.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Rsa,
    P256,
    Ed25519,
}

impl Kind {
    const fn algorithm(self) -> Algorithm {
        match self {
            Self::Rsa => Algorithm::RS256,
            Self::P256 => Algorithm::ES256,
            Self::Ed25519 => Algorithm::EdDSA,
        }
    }

    /// As the header of a token, and a key set, name the algorithm.
    const fn algorithm_name(self) -> &'static str {
        match self {
            Self::Rsa => "RS256",
            Self::P256 => "ES256",
            Self::Ed25519 => "EdDSA",
        }
    }
}

/// A key that is trusted.
#[derive(Debug)]
pub(super) struct Key {
    /// `kid`; a token that names one is held against the keys of that name alone.
    pub(super) id: Option<String>,
    verifier: Verifier,
}

/// What verifies. The key of an HMAC is made ready once: most tokens are the broker's own.
#[derive(Debug)]
enum Verifier {
    Secret(Box<hmac::Key>),
    Public(Kind, DecodingKey),
}

impl Key {
    pub(super) fn secret(secret: &[u8]) -> Self {
        Self {
            id: None,
            verifier: Verifier::Secret(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret))),
        }
    }

    /// As the header of a token names it.
    pub(super) fn algorithm_name(&self) -> &'static str {
        match &self.verifier {
            Verifier::Secret(_) => "HS256",
            Verifier::Public(kind, _) => kind.algorithm_name(),
        }
    }

    /// Whether the holder of the key signed this. HMACs are compared in constant time.
    pub(super) fn has_signed(&self, message: &[u8], signature: &str) -> bool {
        match &self.verifier {
            Verifier::Secret(key) => URL_SAFE_NO_PAD
                .decode(signature)
                .is_ok_and(|signature| hmac::verify(key, message, &signature).is_ok()),
            Verifier::Public(kind, key) => {
                jsonwebtoken::crypto::verify(signature, message, key, kind.algorithm())
                    .unwrap_or(false)
            }
        }
    }
}

/// A public key as a key set has it (RFC 7517); `None` for one of another kind or for another use.
///
/// # Errors
/// What is broken about a key of a known kind.
pub(super) fn public_key(jwk: &Value) -> Result<Option<Key>, String> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let part = |name: &str, min_bytes: usize, max_bytes: usize| {
        let text = text(name).ok_or_else(|| format!("`{name}` is missing"))?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| format!("`{name}`: not base64url"))?;
        let fits = (min_bytes..=max_bytes).contains(&bytes.len());
        if fits { Ok(text) } else { Err(format!("`{name}`: {} bytes", bytes.len())) }
    };
    if text("use").is_some_and(|usage| usage != "sig") {
        return Ok(None);
    }
    let (kind, decoding) = match (text("kty"), text("crv")) {
        (Some("RSA"), _) => {
            let (n, e) = (part("n", 256, 1024)?, part("e", 1, 8)?);
            (Kind::Rsa, DecodingKey::from_rsa_components(n, e))
        }
        (Some("EC"), Some("P-256")) => {
            let (x, y) = (part("x", 32, 32)?, part("y", 32, 32)?);
            (Kind::P256, DecodingKey::from_ec_components(x, y))
        }
        (Some("OKP"), Some("Ed25519")) => {
            let x = part("x", 32, 32)?;
            (Kind::Ed25519, DecodingKey::from_ed_components(x))
        }
        _ => return Ok(None),
    };
    if text("alg").is_some_and(|meant| meant != kind.algorithm_name()) {
        return Ok(None);
    }
    let decoding = decoding.map_err(|error| error.to_string())?;
    let verifier = Verifier::Public(kind, decoding);
    Ok(Some(Key { id: text("kid").map(str::to_owned), verifier }))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
    use base64::engine::general_purpose::STANDARD;
    use jsonwebtoken::EncodingKey;
    use jsonwebtoken::jwk::Jwk;
    use serde_json::json;

    /// A private key, the key that verifies it, and the bytes of its public half.
    pub(in crate::auth) struct Signer {
        pub(in crate::auth) private: EncodingKey,
        pub(in crate::auth) algorithm: Algorithm,
        pub(in crate::auth) key: Key,
        pub(in crate::auth) public: Vec<u8>,
        pub(in crate::auth) jwk: Value,
    }

    fn signer(private: EncodingKey, algorithm: Algorithm) -> Signer {
        let jwk = jwk(&private, algorithm);
        signer_of(private, algorithm, jwk)
    }

    fn signer_of(private: EncodingKey, algorithm: Algorithm, jwk: Value) -> Signer {
        let key = public_key(&jwk).expect("a good key").expect("a key for signatures");
        let public = jwk.get("n").or_else(|| jwk.get("x")).and_then(Value::as_str);
        let public = URL_SAFE_NO_PAD.decode(public.expect("a part")).expect("base64url");
        Signer { private, algorithm, key, public, jwk }
    }

    fn jwk(private: &EncodingKey, algorithm: Algorithm) -> Value {
        let jwk = Jwk::from_encoding_key(private, algorithm).expect("a public key");
        serde_json::to_value(jwk).expect("JSON")
    }

    pub(in crate::auth) fn rsa_signer() -> Signer {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let der = pair.as_der().expect("PKCS #8");
        let body = STANDARD.encode(der.as_ref());
        let lines: Vec<&str> =
            body.as_bytes().chunks(64).map(|l| std::str::from_utf8(l).expect("ASCII")).collect();
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            lines.join("\n")
        );
        signer(EncodingKey::from_rsa_pem(pem.as_bytes()).expect("a key"), Algorithm::RS256)
    }

    pub(in crate::auth) fn ec_signer() -> Signer {
        let curve = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let der = EcdsaKeyPair::generate_pkcs8(curve, &SystemRandom::new()).expect("a key");
        signer(EncodingKey::from_ec_der(der.as_ref()), Algorithm::ES256)
    }

    pub(in crate::auth) fn ed_signer() -> Signer {
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        let pair = Ed25519KeyPair::from_pkcs8(der.as_ref()).expect("a key");
        let x = URL_SAFE_NO_PAD.encode(pair.public_key());
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
        signer_of(EncodingKey::from_ed_der(der.as_ref()), Algorithm::EdDSA, jwk)
    }

    impl Signer {
        /// The public half as a key set has it, under a name.
        pub(in crate::auth) fn named(&self, key_id: &str) -> Value {
            let mut jwk = self.jwk.clone();
            jwk["kid"] = json!(key_id);
            jwk
        }
    }

    #[test]
    fn a_key_for_another_algorithm_of_its_kind_is_passed_over() {
        let mut rsa = rsa_signer().jwk;
        rsa["alg"] = json!("PS256");
        assert!(public_key(&rsa).expect("well-formed").is_none());
    }
}
