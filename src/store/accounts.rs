//! Accounts as they are kept. Each change goes into the audit with it: both or neither.

pub(super) mod kept;
pub(super) mod told;

use super::{Page, StoreError, Stored};
use crate::auth::Role;
use crate::auth::account::{Account, Credentials, Evidence, Verdict};
use crate::auth::editions::{Edition, Owner};
use crate::auth::password::PasswordHash;
use crate::auth::second_factor::TotpSecret;
use crate::domain::audit::Author;
use crate::domain::ids::{OrganisationId, UserName};
use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// Who changes something, and when; for the audit.
#[derive(Clone, Debug)]
pub struct By {
    /// A login name, or the command that does it.
    pub author: Author,
    /// When.
    pub at: DateTime<Utc>,
}

/// An account that is to be.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Whose; `None` for an operator of the platform, and for nobody else.
    pub organisation: Option<OrganisationId>,
    /// Login name.
    pub user: UserName,
    /// What a token of it may do.
    pub role: Role,
    /// What its owner knows and has.
    pub credentials: Credentials,
}

/// What became of a new account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Creation {
    /// It is kept.
    Created(Account),
    /// The login name is taken.
    Exists,
    /// The organisation has as many accounts as it may.
    TooMany,
    /// There is no such organisation.
    NoOrganisation,
}

/// What is to become of an account.
#[derive(Clone, Debug)]
pub enum AccountChange {
    /// It gets this role; not `operator`, nor another for one.
    Role(Role),
    /// It is unlocked, and gets what is given.
    Reset {
        /// In place of the old password.
        password: Option<PasswordHash>,
        /// In place of the old one, whose codes are worth nothing from then on.
        second_factor: Option<TotpSecret>,
    },
    /// Its owner has chosen this password.
    Password(PasswordHash),
    /// It is gone.
    Delete,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changing {
    /// The account as it is now, or last was.
    Done(Account),
    /// There is no such account.
    Unknown,
    /// It has another version than was expected.
    Changed,
}

/// A sign-in, after everything that takes time was looked at.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// Of which organisation; `None` for the platform.
    pub organisation: Option<OrganisationId>,
    /// The login name.
    pub user: UserName,
    /// What the evidence was held against; `None` where no account was found.
    pub credentials: Option<Credentials>,
    /// What was shown.
    pub evidence: Evidence,
    /// When.
    pub at: DateTime<Utc>,
}

/// A place where accounts are kept.
///
/// An account belongs to its organisation as long as that exists: a later one with the same number has none
/// of them.
#[async_trait]
pub trait Accounts: Send + Sync + 'static {
    /// One account.
    async fn account(
        &self,
        organisation: Option<OrganisationId>,
        user: &str,
    ) -> Result<Option<Account>, StoreError>;

    /// A page of an organisation's accounts.
    async fn accounts_page(
        &self,
        organisation: OrganisationId,
        page: Page,
    ) -> Result<Vec<Stored<Account>>, StoreError>;

    /// Whose accounts there are, of organisations that exist and of the platform, and which edition of each.
    async fn editions(&self) -> Result<Vec<(Owner, Edition)>, StoreError>;

    /// Keeps a new account, if its organisation has fewer than `max`.
    async fn create_account(
        &self,
        new: &NewAccount,
        max: u32,
        by: &By,
    ) -> Result<Creation, StoreError>;

    /// Changes an account, if it has the version that is expected.
    async fn change_account(
        &self,
        organisation: Option<OrganisationId>,
        user: &str,
        expected_version: Option<u64>,
        change: &AccountChange,
        by: &By,
    ) -> Result<Changing, StoreError>;

    /// Judges a sign-in by [`Standing::judge`](crate::auth::account::Standing::judge), one after the other,
    /// and keeps what comes of it. Refuses, too, where there is no such account, where its credentials are
    /// others by now, and where a user of the same name is not active. Every answer costs a commit.
    async fn sign_in(&self, sign_in: &SignIn) -> Result<Verdict, StoreError>;
}
