//! The second factor: six digits that change every 30 s (SPEC §9; RFC 6238 with SHA-1).

use crate::domain::secret::is_same;
use chrono::{DateTime, Utc};
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use std::fmt;
use totp_rs::{Builder, Totp};

/// What RFC 4226 §4 recommends.
const SECRET_BYTES: usize = 20;
/// How an authenticator app heads its entry.
const ISSUER: &str = "Licence Broker";

/// The secret that the account's owner has in an authenticator app. It is never printed.
#[derive(Clone, Copy)]
pub struct TotpSecret([u8; SECRET_BYTES]);

impl PartialEq for TotpSecret {
    fn eq(&self, other: &Self) -> bool {
        is_same(&self.0, &other.0)
    }
}

impl Eq for TotpSecret {}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(…)")
    }
}

/// The system has no randomness to give.
#[derive(Debug, thiserror::Error)]
#[error("no randomness for a second factor: {0}")]
pub struct RandomnessError(String);

impl TotpSecret {
    /// A fresh one.
    ///
    /// # Errors
    /// If there is no randomness.
    pub fn generate() -> Result<Self, RandomnessError> {
        let mut bytes = [0; SECRET_BYTES];
        OsRng.try_fill_bytes(&mut bytes).map_err(|error| RandomnessError(error.to_string()))?;
        Ok(Self(bytes))
    }

    /// As it was kept; `None` for what is of another length.
    pub fn kept(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// As it is to be kept.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// For typing into an authenticator app.
    pub fn base32(&self) -> String {
        self.totp("").secret().to_base32()
    }

    /// For an authenticator app that reads a QR code: `otpauth://totp/…`. A colon in the login name, which
    /// the form does not allow, is written as a full stop.
    ///
    /// # Panics
    /// For an empty login name, which no account has.
    pub fn uri(&self, user: &str) -> String {
        self.totp(user).to_url().expect("a name without a colon")
    }

    /// The time step whose code this is, out of the present one and its neighbours: clocks differ by as
    /// much. Compared in constant time.
    pub fn step_of(&self, code: &str, now: DateTime<Utc>) -> Option<u64> {
        let seconds = u64::try_from(now.timestamp()).ok()?;
        self.totp("").check(code, seconds)
    }

    /// The code at this instant, as the app shows it.
    pub fn code(&self, now: DateTime<Utc>) -> String {
        self.totp("").generate(now.timestamp().unsigned_abs()).to_string()
    }

    /// SHA-1, six digits, 30 s, one step of leeway on either side: the defaults of the library.
    fn totp(&self, user: &str) -> Totp {
        Builder::new()
            .with_secret(self.0)
            .with_issuer(Some(ISSUER))
            .with_account_name(user.replace(':', "."))
            .build_noncompliant()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_THE_RFC: TotpSecret = TotpSecret(*b"12345678901234567890");

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).expect("an instant")
    }

    #[test]
    fn the_codes_are_those_of_rfc_6238() {
        // Appendix B, the last six of eight digits.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(OF_THE_RFC.code(at(seconds)), code);
            let step = u64::try_from(seconds / 30).ok();
            assert_eq!(OF_THE_RFC.step_of(code, at(seconds)), step);
        }
    }

    #[test]
    fn a_code_is_good_one_step_early_and_one_step_late() {
        let code = OF_THE_RFC.code(at(3_000));
        for seconds in [2_970, 2_999, 3_000, 3_029, 3_059] {
            assert_eq!(OF_THE_RFC.step_of(&code, at(seconds)), Some(100), "{seconds}");
        }
        for seconds in [2_969, 3_060] {
            assert_eq!(OF_THE_RFC.step_of(&code, at(seconds)), None, "{seconds}");
        }
    }

    #[test]
    fn what_is_no_code_is_wrong() {
        for wrong in ["", "28708", "2870822", "28708x", "+87082", " 287082", "２８７０８２"] {
            assert_eq!(OF_THE_RFC.step_of(wrong, at(59)), None, "{wrong}");
        }
    }

    #[test]
    fn an_app_is_told_the_secret_by_uri_and_by_letters() {
        assert_eq!(OF_THE_RFC.base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let uri = OF_THE_RFC.uri("al:ice é");
        let expected = "otpauth://totp/Licence%20Broker:al.ice%20%C3%A9\
                        ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Licence%20Broker";
        assert_eq!(uri, expected);
    }

    #[test]
    fn a_secret_is_fresh_and_is_not_printed() {
        let (one, other) = (TotpSecret::generate(), TotpSecret::generate());
        let (one, other) = (one.expect("randomness"), other.expect("randomness"));
        assert_ne!(one, other);
        assert_eq!(TotpSecret::kept(one.as_bytes()), Some(one));
        assert_eq!(TotpSecret::kept(b"short"), None);
        assert_eq!(format!("{one:?}"), "TotpSecret(…)");
    }
}
