//! Tokens of those who signed in end with their account as it was: whoever is deleted, locked, reset, given
//! another role or another password signs in anew.
//!
//! Such a token names the account's [`Edition`]. The present ones are all in memory, so that no request waits
//! for the store; whoever changes an account has it looked up again before the change is answered.

use super::account::Account;
use super::authenticator::TokenRejected;
use super::claims::Payload;
use crate::domain::ids::{OrganisationId, UserName};
use crate::json::Value;
use chrono::{DateTime, Utc};
use serde_json::json;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// The claim that names an edition. Tokens of other issuers have none, nor have those that an administrator
/// issues.
pub(super) const CLAIM: &str = "licence_broker_account";

/// An account between two changes that an administrator can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edition {
    /// Tells an account from an earlier one of the same name; milliseconds since 1970.
    created_at_ms: i64,
    /// Grows with every change.
    version: u64,
}

impl Edition {
    /// Of an account that was created then and has this version.
    pub fn new(created_at: DateTime<Utc>, version: u64) -> Self {
        Self { created_at_ms: created_at.timestamp_millis(), version }
    }

    /// The present one of an account.
    pub fn of(account: &Account) -> Self {
        Self::new(account.created_at, account.version)
    }

    /// Writes it among a token's claims.
    pub(super) fn write(self, claims: &mut serde_json::Value) {
        claims[CLAIM] = json!([self.created_at_ms, self.version]);
    }

    /// The one that a token names.
    pub(super) fn read(payload: &Payload<'_>) -> Result<Option<Self>, TokenRejected> {
        if payload.repeats(CLAIM) {
            return Err(TokenRejected::Claim(CLAIM));
        }
        let named = match payload.get(CLAIM) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::List(parts)) => match &parts[..] {
                [created_at_ms, version] => created_at_ms.as_i64().zip(version.as_u64()),
                _ => None,
            },
            Some(
                Value::Flag(_)
                | Value::Unsigned(_)
                | Value::Negative(_)
                | Value::Fraction(_)
                | Value::Text(_)
                | Value::Object
                | Value::Unreadable,
            ) => None,
        };
        let (created_at_ms, version) = named.ok_or(TokenRejected::Claim(CLAIM))?;
        Ok(Some(Self { created_at_ms, version }))
    }
}

/// Whose account: the organisation, `None` for the platform's operators, and the login name.
pub type Owner = (Option<OrganisationId>, UserName);

type Present = HashMap<Option<OrganisationId>, HashMap<UserName, Edition>>;

/// The present edition of every account. Fails closed: a token whose account is not here is refused.
#[derive(Debug, Default)]
pub struct Editions {
    present: RwLock<Present>,
    /// Held while one is looked up and noted, so that what is noted last was looked up last.
    noting: tokio::sync::Mutex<()>,
}

impl Editions {
    /// Notes those of the store, at start.
    pub fn load(&self, kept: impl IntoIterator<Item = (Owner, Edition)>) {
        let mut present = self.present.write().unwrap_or_else(PoisonError::into_inner);
        for ((organisation, user), edition) in kept {
            present.entry(organisation).or_default().insert(user, edition);
        }
    }

    /// Notes all that `look_up` finds in place of what was known: other nodes change accounts too.
    ///
    /// # Errors
    /// That of `look_up`; then everything stays.
    pub async fn replace<E>(
        &self,
        look_up: impl Future<Output = Result<Vec<(Owner, Edition)>, E>>,
    ) -> Result<(), E> {
        let _noting = self.noting.lock().await;
        let mut found = Present::new();
        for ((organisation, user), edition) in look_up.await? {
            found.entry(organisation).or_default().insert(user, edition);
        }
        *self.present.write().unwrap_or_else(PoisonError::into_inner) = found;
        Ok(())
    }

    /// Notes what `look_up` finds; `None` stands for an account that there is not, or that cannot be read.
    pub async fn note(&self, owner: Owner, look_up: impl Future<Output = Option<Edition>>) {
        let _noting = self.noting.lock().await;
        let found = look_up.await;
        let (organisation, user) = owner;
        let mut present = self.present.write().unwrap_or_else(PoisonError::into_inner);
        match found {
            Some(edition) => {
                present.entry(organisation).or_default().insert(user, edition);
            }
            // Names that have no account must leave nothing behind.
            None => {
                present.get_mut(&organisation).and_then(|accounts| accounts.remove(&user));
            }
        }
    }

    /// Forgets the accounts of an organisation that is about to be created: those were of another one that
    /// had its number.
    pub fn forget_organisation(&self, organisation: OrganisationId) {
        self.present.write().unwrap_or_else(PoisonError::into_inner).remove(&Some(organisation));
    }

    /// Whether an account is still as a token names it.
    pub(super) fn is_present(
        &self,
        organisation: Option<OrganisationId>,
        user: &str,
        named: Edition,
    ) -> bool {
        let present = self.present.read().unwrap_or_else(PoisonError::into_inner);
        let accounts = present.get(&organisation);
        accounts.and_then(|accounts| accounts.get(user)) == Some(&named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edition(version: u64) -> Edition {
        Edition::new(DateTime::UNIX_EPOCH, version)
    }

    fn read(claims: &serde_json::Value) -> Result<Option<Edition>, TokenRejected> {
        Edition::read(&Payload::read(claims.to_string().as_bytes())?)
    }

    #[test]
    fn what_is_written_among_the_claims_is_read() {
        let mut claims = json!({"sub": "ada", "exp": 7});
        assert_eq!(read(&claims), Ok(None));
        edition(3).write(&mut claims);
        assert_eq!(read(&claims), Ok(Some(edition(3))));
        for wrong in [json!(3), json!([3]), json!("3"), json!([3, -1]), json!({})] {
            claims[CLAIM] = wrong;
            assert_eq!(read(&claims), Err(TokenRejected::Claim(CLAIM)));
        }
        let twice = format!(r#"{{"{CLAIM}":[0,1],"{CLAIM}":[0,3]}}"#);
        let payload = Payload::read(twice.as_bytes()).expect("an object");
        assert_eq!(Edition::read(&payload), Err(TokenRejected::Claim(CLAIM)), "named twice");
    }

    #[tokio::test]
    async fn only_the_edition_that_was_noted_last_is_present() {
        let (own, user) = (OrganisationId::new(129), UserName::from("ada"));
        let editions = Editions::default();
        assert!(!editions.is_present(own, "ada", edition(1)), "nobody has said so");
        editions.load([((own, user.clone()), edition(1))]);
        assert!(editions.is_present(own, "ada", edition(1)));
        editions.note((own, user.clone()), async { Some(edition(2)) }).await;
        assert!(!editions.is_present(own, "ada", edition(1)));
        assert!(editions.is_present(own, "ada", edition(2)));
        assert!(!editions.is_present(None, "ada", edition(2)), "an operator of that name");
        editions.note((own, user.clone()), async { None }).await;
        assert!(!editions.is_present(own, "ada", edition(2)), "it was deleted");
        editions.load([((own, user), edition(1))]);
        editions.forget_organisation(own.expect("a number"));
        assert!(!editions.is_present(own, "ada", edition(1)));
    }
}
