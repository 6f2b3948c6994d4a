//! Issuers of tokens that are not the broker: private keys, and the key sets that publish their halves.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

/// One key of an issuer.
pub struct Signer {
    private: EncodingKey,
    pub algorithm: Algorithm,
    /// The public half as a key set has it, without a name.
    pub jwk: Value,
}

pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A key set as it is published.
pub fn key_set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

impl Signer {
    pub fn rsa() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der = STANDARD.encode(pair.as_der().unwrap().as_ref());
        let lines: Vec<&str> =
            der.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            lines.join("\n")
        );
        let private = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
        Self::of(private, Algorithm::RS256)
    }

    pub fn ec() -> Self {
        let curve = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let der = EcdsaKeyPair::generate_pkcs8(curve, &SystemRandom::new()).unwrap();
        Self::of(EncodingKey::from_ec_der(der.as_ref()), Algorithm::ES256)
    }

    pub fn ed() -> Self {
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(der.as_ref()).unwrap();
        let x = base64url(pair.public_key());
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
        Self { private: EncodingKey::from_ed_der(der.as_ref()), algorithm: Algorithm::EdDSA, jwk }
    }

    fn of(private: EncodingKey, algorithm: Algorithm) -> Self {
        let jwk = Jwk::from_encoding_key(&private, algorithm).unwrap();
        Self { private, algorithm, jwk: serde_json::to_value(jwk).unwrap() }
    }

    /// As the header of a token names the algorithm.
    pub fn algorithm_name(&self) -> String {
        format!("{:?}", self.algorithm)
    }

    /// The public half under a name.
    pub fn named(&self, key_id: &str) -> Value {
        let mut jwk = self.jwk.clone();
        jwk["kid"] = json!(key_id);
        jwk
    }

    /// The bytes of a part of the public half.
    pub fn part(&self, name: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(self.jwk[name].as_str().unwrap()).unwrap()
    }

    /// A token with this header and payload, whatever they are, rightly signed.
    pub fn sign(&self, header: &Value, payload: impl AsRef<[u8]>) -> String {
        let message = format!("{}.{}", base64url(header.to_string()), base64url(payload));
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &self.private, self.algorithm).unwrap();
        format!("{message}.{signature}")
    }

    /// A token as this issuer gives it out, under the key's name.
    pub fn token(&self, key_id: &str, claims: &Value) -> String {
        let header = json!({"alg": self.algorithm_name(), "kid": key_id, "typ": "JWT"});
        self.sign(&header, claims.to_string())
    }
}
