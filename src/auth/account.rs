//! Accounts: who signs in to the broker itself, and when a sign-in is accepted (SPEC §9).

use super::claims::Role;
use super::password::PasswordHash;
use super::second_factor::TotpSecret;
use crate::domain::ids::{OrganisationId, UserName};
use chrono::{DateTime, Utc};

/// Wrong sign-ins in a row that lock an account.
pub const FAILURES_MAX: u32 = 5;

/// Somebody who signs in to the broker's API and pages. Stands beside the organisation's users: who has
/// an account needs no licence, and who holds licences needs no account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Whose account; `None` for an operator of the platform.
    pub organisation: Option<OrganisationId>,
    /// Login name, unique in its organisation.
    pub user: UserName,
    /// What a token of it may do: `admin` or `supervisor`; `operator` where there is no organisation.
    pub role: Role,
    /// What its owner knows and has.
    pub credentials: Credentials,
    /// How its sign-ins went.
    pub standing: Standing,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// Grows with every change that an administrator can see.
    pub version: u64,
}

/// What the owner of an account knows and has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Of the password.
    pub password: PasswordHash,
    /// In the owner's authenticator app.
    pub second_factor: TotpSecret,
}

/// How the sign-ins of an account went so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The time step of the last code that was accepted. Only later ones are: a code works once.
    pub last_step: Option<u64>,
    /// Wrong sign-ins since the last right one, or since the last reset.
    pub failures: u32,
    /// Since when nobody gets in, until an administrator resets the account.
    pub locked_at: Option<DateTime<Utc>>,
}

/// What somebody showed who wants to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Whether the password was right.
    pub is_password_right: bool,
    /// The time step whose code was given; `None` for a wrong code.
    pub step: Option<u64>,
}

/// What becomes of a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Let them in.
    Accepted,
    /// Something was wrong; nobody is told what.
    Refused,
    /// Something was wrong, once too often: the account is locked from now on.
    RefusedAndLocked,
    /// Everything was right, and the account is locked.
    Locked,
}

impl Standing {
    /// Judges a sign-in and counts it. Must be done for one sign-in after the other, on what is kept.
    ///
    /// A locked account answers so only to whoever has the password and a code: others could otherwise
    /// try passwords on it without end and be told which one is right.
    pub fn judge(&mut self, evidence: Evidence, now: DateTime<Utc>) -> Verdict {
        let fresh = evidence.step.filter(|step| self.last_step.is_none_or(|last| *step > last));
        match fresh.filter(|_| evidence.is_password_right) {
            Some(_) if self.locked_at.is_some() => Verdict::Locked,
            Some(step) => {
                *self = Self { last_step: Some(step), failures: 0, locked_at: None };
                Verdict::Accepted
            }
            None => self.count_failure(now),
        }
    }

    fn count_failure(&mut self, now: DateTime<Utc>) -> Verdict {
        self.failures = self.failures.saturating_add(1);
        if self.locked_at.is_some() || self.failures < FAILURES_MAX {
            return Verdict::Refused;
        }
        self.locked_at = Some(now);
        Verdict::RefusedAndLocked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn right(step: u64) -> Evidence {
        Evidence { is_password_right: true, step: Some(step) }
    }

    const WRONG_PASSWORD: Evidence = Evidence { is_password_right: false, step: Some(9) };
    const WRONG_CODE: Evidence = Evidence { is_password_right: true, step: None };

    #[test]
    fn a_code_works_once_and_none_before_it_works_later() {
        let mut standing = Standing::default();
        assert_eq!(standing.judge(right(7), NOW), Verdict::Accepted);
        assert_eq!(standing.judge(right(7), NOW), Verdict::Refused);
        assert_eq!(standing.judge(right(6), NOW), Verdict::Refused);
        assert_eq!(standing.judge(right(8), NOW), Verdict::Accepted);
        assert_eq!(standing, Standing { last_step: Some(8), ..Standing::default() });
    }

    #[test]
    fn five_failures_in_a_row_lock_whatever_was_wrong() {
        let mut standing = Standing::default();
        for wrong in [WRONG_PASSWORD, WRONG_CODE, WRONG_PASSWORD, WRONG_CODE] {
            assert_eq!(standing.judge(wrong, NOW), Verdict::Refused);
        }
        assert_eq!(standing.judge(WRONG_PASSWORD, NOW), Verdict::RefusedAndLocked);
        assert_eq!((standing.failures, standing.locked_at), (5, Some(NOW)));
    }

    #[test]
    fn a_right_sign_in_begins_the_count_anew() {
        let mut standing = Standing::default();
        for step in 1..=10 {
            for _ in 1..FAILURES_MAX {
                assert_eq!(standing.judge(WRONG_PASSWORD, NOW), Verdict::Refused);
            }
            assert_eq!(standing.judge(right(step), NOW), Verdict::Accepted);
        }
    }

    #[test]
    fn a_wrong_password_does_not_use_up_the_code() {
        let mut standing = Standing::default();
        standing.judge(WRONG_PASSWORD, NOW);
        assert_eq!(standing.judge(right(9), NOW), Verdict::Accepted);
    }

    #[test]
    fn a_locked_account_tells_only_those_who_would_get_in() {
        let mut standing = Standing { locked_at: Some(NOW), failures: 5, ..Standing::default() };
        assert_eq!(standing.judge(right(7), NOW), Verdict::Locked);
        assert_eq!(standing.judge(WRONG_PASSWORD, NOW), Verdict::Refused);
        assert_eq!(standing.judge(WRONG_CODE, NOW), Verdict::Refused);
        assert_eq!(standing.locked_at, Some(NOW));
    }
}
