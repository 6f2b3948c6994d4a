//! Passwords of accounts: how they must be, and as what they are kept (SPEC §9: Argon2id).

use crate::domain::secret::is_same;
use argon2::password_hash::phc;
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use std::fmt;
use std::sync::Arc;

/// The shortest password that may be set, in characters.
pub const PASSWORD_MIN_CHARS: usize = 12;
/// The longest, in characters.
pub const PASSWORD_MAX_CHARS: usize = 1024;

/// What the password of an account that there is not is held against. Nobody knows what it is the hash of.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA\
                       $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The Argon2id hash of a password with its salt and its cost, as a PHC string. It is never printed.
#[derive(Clone)]
pub struct PasswordHash(Arc<str>);

impl PartialEq for PasswordHash {
    fn eq(&self, other: &Self) -> bool {
        is_same(self.0.as_bytes(), other.0.as_bytes())
    }
}

impl Eq for PasswordHash {}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// The system has no randomness to give for a salt.
#[derive(Debug, thiserror::Error)]
#[error("a password could not be hashed: {0}")]
pub struct HashError(String);

/// Whether a password may be set; otherwise what is wrong with it.
///
/// # Errors
/// For people, without the password.
pub fn check_new(password: &str) -> Result<(), String> {
    let length = password.chars().take(PASSWORD_MAX_CHARS + 1).count();
    if length < PASSWORD_MIN_CHARS {
        return Err(format!("must have at least {PASSWORD_MIN_CHARS} characters"));
    }
    if length > PASSWORD_MAX_CHARS {
        return Err(format!("must have at most {PASSWORD_MAX_CHARS} characters"));
    }
    Ok(())
}

impl PasswordHash {
    /// As it was kept.
    pub fn kept(text: &str) -> Self {
        Self(text.into())
    }

    /// As it is to be kept.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Of a new password, with a fresh salt. Takes tens of milliseconds of a processor, on purpose.
    ///
    /// # Errors
    /// If there is no randomness.
    pub fn of(password: &str) -> Result<Self, HashError> {
        let hash: phc::PasswordHash = current()
            .hash_password(password.as_bytes())
            .map_err(|error| HashError(error.to_string()))?;
        Ok(Self(hash.to_string().into()))
    }

    /// Whether it is the hash of this password. Takes as long as [`Self::of`], and compares in constant
    /// time. What is no hash fits no password.
    fn is_of(&self, password: &str) -> bool {
        let Ok(hash) = phc::PasswordHash::new(&self.0) else { return false };
        current().verify_password(password.as_bytes(), &hash).is_ok()
    }
}

/// Whether `password` is the one of `hash`; `None` stands for an account that there is not, and takes as
/// long.
pub fn is_right(hash: Option<&PasswordHash>, password: &str) -> bool {
    match hash {
        Some(hash) => hash.is_of(password),
        None => {
            PasswordHash::kept(NOBODYS).is_of(password);
            false
        }
    }
}

/// Argon2id with 19 MiB, two passes, one lane: what OWASP's password storage cheat sheet asks for.
fn current() -> Argon2<'static> {
    Argon2::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_argon2id_at_the_recommended_cost_and_fits_its_password_alone() {
        let hash = PasswordHash::of("correct horse battery").expect("a hash");
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_str());
        assert!(is_right(Some(&hash), "correct horse battery"));
        assert!(!is_right(Some(&hash), "correct horse batterz"));
        assert!(!is_right(Some(&PasswordHash::kept("nonsense")), ""));
        assert_ne!(hash, PasswordHash::of("correct horse battery").expect("another salt"));
    }

    #[test]
    fn nobodys_password_costs_what_others_cost_and_is_never_right() {
        let hash = PasswordHash::of("correct horse battery").expect("a hash");
        let read = |text| phc::PasswordHash::new(text).expect("a PHC string");
        let (others, nobodys) = (read(hash.as_str()), read(NOBODYS));
        assert_eq!(others.params, nobodys.params);
        assert_eq!((others.algorithm, others.version), (nobodys.algorithm, nobodys.version));
        assert_eq!(others.hash.map(|hash| hash.len()), nobodys.hash.map(|hash| hash.len()));
        assert!(!is_right(None, "correct horse battery"));
    }

    #[test]
    fn a_password_is_long_enough_in_characters_of_any_script() {
        assert_eq!(check_new("twelve chars"), Ok(()));
        assert_eq!(check_new(&"字".repeat(12)), Ok(()));
        assert!(check_new("eleven char").is_err());
        assert!(check_new(&"字".repeat(11)).is_err());
        assert_eq!(check_new(&"字".repeat(PASSWORD_MAX_CHARS)), Ok(()));
        assert!(check_new(&"x".repeat(PASSWORD_MAX_CHARS + 1)).is_err());
    }

    #[test]
    fn a_hash_is_not_printed() {
        assert!(!format!("{:?}", PasswordHash::kept(NOBODYS)).contains("argon2"));
    }
}
