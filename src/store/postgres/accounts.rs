//! Who signs in to the broker itself.

use super::{Page, PostgresStore, StoreError, Stored, later};
use crate::auth::account::{Account, Verdict};
use crate::auth::editions::{Edition, Owner};
use crate::domain::ids::OrganisationId;
use crate::store::accounts::{AccountChange, Accounts, By, Changing, Creation, NewAccount, SignIn};
use async_trait::async_trait;

#[async_trait]
impl Accounts for PostgresStore {
    async fn account(
        &self,
        _organisation: Option<OrganisationId>,
        _user: &str,
    ) -> Result<Option<Account>, StoreError> {
        Err(later())
    }

    async fn accounts_page(
        &self,
        _organisation: OrganisationId,
        _page: Page,
    ) -> Result<Vec<Stored<Account>>, StoreError> {
        Err(later())
    }

    async fn editions(&self) -> Result<Vec<(Owner, Edition)>, StoreError> {
        Err(later())
    }

    async fn create_account(
        &self,
        _new: &NewAccount,
        _max: u32,
        _by: &By,
    ) -> Result<Creation, StoreError> {
        Err(later())
    }

    async fn change_account(
        &self,
        _organisation: Option<OrganisationId>,
        _user: &str,
        _expected_version: Option<u64>,
        _change: &AccountChange,
        _by: &By,
    ) -> Result<Changing, StoreError> {
        Err(later())
    }

    async fn sign_in(&self, _sign_in: &SignIn) -> Result<Verdict, StoreError> {
        Err(later())
    }
}
