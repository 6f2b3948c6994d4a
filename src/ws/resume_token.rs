//! The secret by which a device shows that a session is its own.

use crate::domain::ids::ResumeDigest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Bytes of chance in a resume token.
const BYTES: usize = 24;

/// One that nobody guesses.
pub(super) fn new() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; BYTES]>())
}

/// What is kept of it.
pub(super) fn digest(resume_token: &str) -> ResumeDigest {
    ResumeDigest(Sha256::digest(resume_token.as_bytes()).into())
}
