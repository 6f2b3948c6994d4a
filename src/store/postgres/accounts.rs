//! Accounts, with what their changes leave in the audit.
//!
//! Every change is one transaction that has the account's row to itself from the first look at it on, so that
//! sign-ins for one account are judged one after the other, whichever node they come to.

use super::organisations::{KEY_OF_NUMBER, stored};
use super::statement::Statement;
use super::transaction::Transaction;
use super::value::{Reader, millis, number};
use super::{Page, PostgresStore, StoreError, Stored, audit};
use crate::auth::account::{Account, Verdict};
use crate::auth::editions::{Edition, Owner};
use crate::domain::ids::OrganisationId;
use crate::domain::reason::UserStatus;
use crate::store::accounts::kept::{self, COLUMNS, Found};
use crate::store::accounts::{
    AccountChange, Accounts, By, Changing, Creation, NewAccount, SignIn, told,
};
use async_trait::async_trait;
use tokio_postgres::Row;

/// The internal key of the organisation that has the number of the first value now; the platform's where
/// that value is null.
const HOME: &str = "coalesce((SELECT key FROM organisations WHERE number = $1 \
    AND removed_at IS NULL), CASE WHEN $1 IS NULL THEN 0 END)";

#[async_trait]
impl Accounts for PostgresStore {
    async fn account(
        &self,
        organisation: Option<OrganisationId>,
        user: &str,
    ) -> Result<Option<Account>, StoreError> {
        let row = self.inner.connections.one(&find(organisation, user, "")).await?;
        row.map(|row| kept::account(Reader(&row), organisation)).transpose()
    }

    async fn accounts_page(
        &self,
        organisation: OrganisationId,
        page: Page,
    ) -> Result<Vec<Stored<Account>>, StoreError> {
        let text = format!(
            "SELECT id AS cursor, {COLUMNS} FROM accounts WHERE organisation = {KEY_OF_NUMBER} \
             AND id > $2 ORDER BY id LIMIT $3"
        );
        let question = Statement::new(text).bind(number(organisation));
        let question = question.bind(page.after).bind(i64::from(page.limit));
        let rows = self.inner.connections.rows(&question).await?;
        stored(&rows, |row| kept::account(row, Some(organisation)))
    }

    async fn editions(&self) -> Result<Vec<(Owner, Edition)>, StoreError> {
        let question = Statement::new(
            "SELECT number, \"user\", accounts.created_at, accounts.version FROM accounts \
             LEFT JOIN organisations ON key = organisation \
             WHERE organisation IS NULL OR removed_at IS NULL",
        );
        let one = |row: &Row| {
            let row = Reader(row);
            let number = row.optional_integer("number")?;
            let organisation = number.map(|_| row.organisation()).transpose()?;
            let edition = Edition::new(row.instant("created_at")?, row.counter("version")?);
            Ok(((organisation, row.shared_text("user")?), edition))
        };
        self.inner.connections.rows(&question).await?.iter().map(one).collect()
    }

    async fn create_account(
        &self,
        new: &NewAccount,
        max: u32,
        by: &By,
    ) -> Result<Creation, StoreError> {
        let transaction = self.inner.connections.transaction().await?;
        let home = Statement::new(format!("SELECT {HOME} AS home"));
        let home = transaction.one(&home.bind(new.organisation.map(number))).await?;
        let home = home.map(|row| Reader(&row).optional_integer("home")).transpose()?.flatten();
        let outcome = match home {
            None => Some(Creation::NoOrganisation),
            Some(home) => hindrance(&transaction, home, new, max).await?,
        };
        let (Some(home), None) = (home, &outcome) else {
            transaction.roll_back().await?;
            return Ok(outcome.unwrap_or(Creation::NoOrganisation));
        };
        let account = kept::created(new.clone(), by);
        let record = audit::write(kept::organisation(home), told::created(&account, by));
        transaction.end_with(&[insert(home, &account), record]).await?;
        Ok(Creation::Created(account))
    }

    async fn change_account(
        &self,
        organisation: Option<OrganisationId>,
        user: &str,
        expected_version: Option<u64>,
        change: &AccountChange,
        by: &By,
    ) -> Result<Changing, StoreError> {
        let transaction = self.inner.connections.transaction().await?;
        let Some(mut found) = take(&transaction, organisation, user).await? else {
            return transaction.roll_back().await.map(|()| Changing::Unknown);
        };
        if expected_version.is_some_and(|expected| expected != found.account.version) {
            return transaction.roll_back().await.map(|()| Changing::Changed);
        }
        let record = told::changed(&found.account, change, by);
        let record = audit::write(found.organisation(), record);
        let written = if kept::stays(&mut found.account, change.clone()) {
            update(&found)
        } else {
            Statement::new("DELETE FROM accounts WHERE id = $1").bind(found.id)
        };
        transaction.end_with(&[written, record]).await?;
        Ok(Changing::Done(found.account))
    }

    async fn sign_in(&self, sign_in: &SignIn) -> Result<Verdict, StoreError> {
        const COUNT: &str = "UPDATE unknown_sign_ins SET attempts = attempts + 1";
        let transaction = self.inner.connections.transaction().await?;
        let found = take(&transaction, sign_in.organisation, &sign_in.user).await?;
        let is_seen =
            |found: &Found| Some(&found.account.credentials) == sign_in.credentials.as_ref();
        let Some(mut found) = found.filter(is_seen) else {
            transaction.end_with(&[Statement::new(COUNT)]).await?;
            return Ok(Verdict::Refused);
        };
        let is_welcome = is_free_to_act(&transaction, &found).await?;
        let before = found.account.clone();
        let verdict = found.account.standing.judge(sign_in.evidence, sign_in.at);
        let mut written = Vec::new();
        if verdict == Verdict::RefusedAndLocked {
            found.account.version += 1;
            let record = told::locked(&before, &found.account, sign_in.at);
            written.push(audit::write(found.organisation(), record));
        }
        written.insert(0, update(&found));
        transaction.end_with(&written).await?;
        Ok(if is_welcome { verdict } else { Verdict::Refused })
    }
}

/// Asks for an account by its name; `lock` is nothing or the clause that keeps others from it.
fn find(organisation: Option<OrganisationId>, user: &str, lock: &str) -> Statement<'static> {
    let text = format!(
        "SELECT coalesce(organisation, 0) AS home, {COLUMNS} FROM accounts \
         WHERE coalesce(organisation, 0) = {HOME} AND \"user\" = $2{lock}"
    );
    Statement::new(text).bind(organisation.map(number)).bind(user.to_owned())
}

/// The account, which nobody else can change until the transaction has ended.
async fn take(
    transaction: &Transaction,
    organisation: Option<OrganisationId>,
    user: &str,
) -> Result<Option<Found>, StoreError> {
    let row = transaction.one(&find(organisation, user, " FOR UPDATE")).await?;
    let Some(row) = row else { return Ok(None) };
    let row = Reader(&row);
    Found::read(row, organisation, row.integer("home")?).map(Some)
}

/// What keeps an account from being created. The accounts of one home are created one after the other, so
/// that none is above the greatest number there may be.
async fn hindrance(
    transaction: &Transaction,
    home: i64,
    new: &NewAccount,
    max: u32,
) -> Result<Option<Creation>, StoreError> {
    const TURN: &str = "SELECT pg_advisory_xact_lock(hashtextextended('accounts', $1))";
    const COUNT: &str = "SELECT count(*) AS accounts, \
        count(*) FILTER (WHERE \"user\" = $2) AS namesakes \
        FROM accounts WHERE coalesce(organisation, 0) = $1";
    let turn = Statement::new(TURN).bind(home);
    let count = Statement::new(COUNT).bind(home).bind(new.user.to_string());
    let answers = transaction.all(&[turn, count]).await?;
    let Some(row) = answers.last().and_then(|rows| rows.first()) else { return Ok(None) };
    let row = Reader(row);
    if row.counter("namesakes")? > 0 {
        return Ok(Some(Creation::Exists));
    }
    Ok((row.counter("accounts")? >= u64::from(max)).then_some(Creation::TooMany))
}

fn insert(home: i64, account: &Account) -> Statement<'static> {
    const INSERT: &str = "INSERT INTO accounts (organisation, \"user\", role, password, \
        totp_secret, failures, created_at, version) \
        VALUES (nullif($1, 0), $2, $3, $4, $5, 0, $6, $7)";
    Statement::new(INSERT)
        .bind(home)
        .bind(account.user.to_string())
        .bind(account.role.as_str())
        .bind(account.credentials.password.as_str().to_owned())
        .bind(account.credentials.second_factor.as_bytes().to_vec())
        .bind(millis(account.created_at))
        .bind(account.version.cast_signed())
}

fn update(found: &Found) -> Statement<'static> {
    const UPDATE: &str = "UPDATE accounts SET role = $1, password = $2, totp_secret = $3, \
        totp_step = $4, failures = $5, locked_at = $6, version = $7 WHERE id = $8";
    let Account { role, credentials, standing, version, .. } = &found.account;
    Statement::new(UPDATE)
        .bind(role.as_str())
        .bind(credentials.password.as_str().to_owned())
        .bind(credentials.second_factor.as_bytes().to_vec())
        .bind(standing.last_step.map(u64::cast_signed))
        .bind(i64::from(standing.failures))
        .bind(standing.locked_at.map(millis))
        .bind(version.cast_signed())
        .bind(found.id)
}

/// Whether the organisation has no user of this name, or an active one.
async fn is_free_to_act(transaction: &Transaction, found: &Found) -> Result<bool, StoreError> {
    const STATUS: &str = "SELECT status FROM users WHERE organisation = $1 AND \"user\" = $2 \
        AND removed_at IS NULL";
    let question = Statement::new(STATUS).bind(found.home).bind(found.account.user.to_string());
    let Some(row) = transaction.one(&question).await? else { return Ok(true) };
    Ok(Reader(&row).word("status", UserStatus::from_word)? == UserStatus::Active)
}
