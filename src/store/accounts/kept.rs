//! How accounts stand in the tables, and what their changes come to; the same in every database.

use super::{AccountChange, By, NewAccount};
use crate::auth::Role;
use crate::auth::account::{Account, Credentials, Standing};
use crate::auth::password::PasswordHash;
use crate::auth::second_factor::TotpSecret;
use crate::domain::ids::OrganisationId;
use crate::store::StoreError;
use crate::store::value::{Columns, Reader, corrupt};

/// The columns that [`account`] reads.
pub(in crate::store) const COLUMNS: &str = "id, \"user\", role, password, totp_secret, totp_step, \
    failures, locked_at, created_at, version";

/// Stands for the platform where an organisation's internal key would; those begin with 1.
pub(in crate::store) const PLATFORM: i64 = 0;

/// An account with its own internal key and that of its organisation.
pub(in crate::store) struct Found {
    pub(in crate::store) id: i64,
    pub(in crate::store) home: i64,
    pub(in crate::store) account: Account,
}

impl Found {
    /// From [`COLUMNS`].
    pub(in crate::store) fn read(
        row: Reader<'_, impl Columns>,
        organisation: Option<OrganisationId>,
        home: i64,
    ) -> Result<Self, StoreError> {
        Ok(Self { id: row.integer("id")?, home, account: account(row, organisation)? })
    }

    /// The organisation's key as the tables have it.
    pub(in crate::store) fn organisation(&self) -> Option<i64> {
        organisation(self.home)
    }
}

/// The organisation's key as the tables have it.
pub(in crate::store) fn organisation(home: i64) -> Option<i64> {
    Some(home).filter(|home| *home != PLATFORM)
}

/// An account, from [`COLUMNS`].
pub(in crate::store) fn account(
    row: Reader<'_, impl Columns>,
    organisation: Option<OrganisationId>,
) -> Result<Account, StoreError> {
    let secret = row.blob("totp_secret")?;
    let secret = TotpSecret::kept(secret)
        .ok_or_else(|| corrupt("a second factor of length", secret.len()))?;
    Ok(Account {
        organisation,
        user: row.shared_text("user")?,
        role: row.word("role", Role::from_word)?,
        credentials: Credentials {
            password: PasswordHash::kept(row.text("password")?),
            second_factor: secret,
        },
        standing: Standing {
            last_step: row.optional_integer("totp_step")?.map(i64::cast_unsigned),
            failures: row.count("failures")?,
            locked_at: row.optional_instant("locked_at")?,
        },
        created_at: row.instant("created_at")?,
        version: row.counter("version")?,
    })
}

/// An account as it is at first.
pub(in crate::store) fn created(new: NewAccount, by: &By) -> Account {
    Account {
        organisation: new.organisation,
        user: new.user,
        role: new.role,
        credentials: new.credentials,
        standing: Standing::default(),
        created_at: by.at,
        version: 1,
    }
}

/// Changes the account; `false` if it is to be deleted.
pub(in crate::store) fn stays(account: &mut Account, change: AccountChange) -> bool {
    match change {
        AccountChange::Role(role) => account.role = role,
        AccountChange::Password(password) => account.credentials.password = password,
        AccountChange::Reset { password, second_factor } => {
            account.standing.failures = 0;
            account.standing.locked_at = None;
            if let Some(password) = password {
                account.credentials.password = password;
            }
            if let Some(second_factor) = second_factor {
                account.credentials.second_factor = second_factor;
                // The steps of the old secret say nothing about codes of the new one.
                account.standing.last_step = None;
            }
        }
        AccountChange::Delete => return false,
    }
    account.version += 1;
    true
}
