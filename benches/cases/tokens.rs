//! Tokens, of each algorithm that the broker takes.

use super::Entry;
use super::estate::{id, now};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use licence_broker::auth::{Authenticator, Claims, KeySources, Role};
use serde_json::{Value, json};
use std::hint::black_box;

/// See [`super::all`].
pub(crate) const CASES: &[Entry] = &[
    ("token/HS256, as POST /v1/tokens issues it", issued),
    ("token/RS256", || published(rsa())),
    ("token/ES256", || published(ec())),
    ("token/EdDSA", || published(ed())),
];

/// The private key, its algorithm, and the public one as a key set has it.
type Signer = (EncodingKey, Algorithm, Value);

fn claims() -> Claims {
    Claims {
        subject: "agent-12345".into(),
        organisation: Some(id()),
        role: Role::Device,
        expires_at: now().at + TimeDelta::hours(1),
    }
}

fn judged(authenticator: Authenticator, token: String) -> Box<dyn FnMut()> {
    Box::new(move || {
        let judged = authenticator.judge(black_box(&token), now().at);
        assert!(black_box(judged).is_ok(), "a good token");
    })
}

fn issued() -> Box<dyn FnMut()> {
    let authenticator = Authenticator::with_secret(b"a secret of more than thirty-two bytes");
    let token = authenticator.issue(&claims(), now().at).expect("a token");
    judged(authenticator, token)
}

/// Signed by a key of a key set, which names it.
fn published((private, algorithm, mut jwk): Signer) -> Box<dyn FnMut()> {
    jwk["kid"] = json!("k1");
    let folder = tempfile::TempDir::new().expect("a folder");
    let jwks = folder.path().join("jwks.json");
    std::fs::write(&jwks, json!({"keys": [jwk]}).to_string()).expect("written");
    let sources = KeySources {
        data_dir: folder.path().to_owned(),
        secret_file: None,
        jwks: Some(jwks.display().to_string()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let authenticator = runtime.block_on(Authenticator::start(&sources)).expect("keys");
    let header = Header { kid: Some("k1".to_owned()), ..Header::new(algorithm) };
    let payload = json!({"sub": "agent-12345", "org": 129, "role": "device", "exp": 3_600});
    let token = jsonwebtoken::encode(&header, &payload, &private).expect("a token");
    judged(authenticator, token)
}

fn rsa() -> Signer {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    let der = pair.as_der().expect("PKCS #8");
    let body = STANDARD.encode(der.as_ref());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    with_jwk(EncodingKey::from_rsa_pem(pem.as_bytes()).expect("a key"), Algorithm::RS256)
}

fn ec() -> Signer {
    let curve = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let der = EcdsaKeyPair::generate_pkcs8(curve, &SystemRandom::new()).expect("a key");
    with_jwk(EncodingKey::from_ec_der(der.as_ref()), Algorithm::ES256)
}

fn ed() -> Signer {
    let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
    let pair = Ed25519KeyPair::from_pkcs8(der.as_ref()).expect("a key");
    let x = URL_SAFE_NO_PAD.encode(pair.public_key());
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
    (EncodingKey::from_ed_der(der.as_ref()), Algorithm::EdDSA, jwk)
}

fn with_jwk(private: EncodingKey, algorithm: Algorithm) -> Signer {
    let jwk = Jwk::from_encoding_key(&private, algorithm).expect("a public key");
    (private, algorithm, serde_json::to_value(jwk).expect("JSON"))
}
