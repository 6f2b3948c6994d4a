//! Accounts, with what their changes leave in the audit.
//!
//! Every change is one transaction of the connection that writes, so that sign-ins for one account are
//! judged one after the other, whoever they come from.

use super::error::aborted;
use super::scan::Reading;
use super::value::{Reader, millis, number};
use super::{Page, SqliteStore, StoreError, Stored, audit};
use crate::auth::account::{Account, Verdict};
use crate::auth::editions::{Edition, Owner};
use crate::domain::ids::OrganisationId;
use crate::domain::reason::UserStatus;
use crate::store::accounts::kept::{self, COLUMNS, Found, PLATFORM};
use crate::store::accounts::{
    AccountChange, Accounts, By, Changing, Creation, NewAccount, SignIn, told,
};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row as _};

#[async_trait]
impl Accounts for SqliteStore {
    async fn account(
        &self,
        organisation: Option<OrganisationId>,
        user: &str,
    ) -> Result<Option<Account>, StoreError> {
        let user = user.to_owned();
        let find = move |connection: &mut Connection| named(connection, organisation, &user);
        let found = self.inner.scanner.run(Reading::Page, find).await?;
        Ok(found.map(|found| found.account))
    }

    async fn accounts_page(
        &self,
        organisation: OrganisationId,
        page: Page,
    ) -> Result<Vec<Stored<Account>>, StoreError> {
        let text = format!(
            "SELECT {COLUMNS} FROM accounts WHERE coalesce(organisation, 0) = \
             (SELECT key FROM organisations WHERE number = ? AND removed_at IS NULL) \
             AND id > ? ORDER BY id LIMIT ?"
        );
        let query = sqlx::query(AssertSqlSafe(text)).bind(number(organisation));
        let query = query.bind(page.after).bind(i64::from(page.limit));
        let rows = query.fetch_all(&self.inner.readers).await.map_err(aborted)?;
        let one = |row| {
            let row = Reader(row);
            Ok(Stored { cursor: row.integer("id")?, row: kept::account(row, Some(organisation))? })
        };
        rows.iter().map(one).collect()
    }

    async fn editions(&self) -> Result<Vec<(Owner, Edition)>, StoreError> {
        let query = sqlx::query(
            "SELECT number, user, accounts.created_at, accounts.version FROM accounts \
             LEFT JOIN organisations ON key = organisation \
             WHERE organisation IS NULL OR removed_at IS NULL",
        );
        let rows = query.fetch_all(&self.inner.readers).await.map_err(aborted)?;
        let one = |row: &SqliteRow| {
            let organisation = row.try_get::<Option<i64>, _>("number").map_err(aborted)?;
            let row = Reader(row);
            let organisation = organisation.map(|_| row.organisation()).transpose()?;
            let edition = Edition::new(row.instant("created_at")?, row.counter("version")?);
            Ok(((organisation, row.shared_text("user")?), edition))
        };
        rows.iter().map(one).collect()
    }

    async fn create_account(
        &self,
        new: &NewAccount,
        max: u32,
        by: &By,
    ) -> Result<Creation, StoreError> {
        let (new, by) = (new.clone(), by.clone());
        self.inner.writer.write(move |connection| create(connection, new, max, &by)).await
    }

    async fn change_account(
        &self,
        organisation: Option<OrganisationId>,
        user: &str,
        expected_version: Option<u64>,
        change: &AccountChange,
        by: &By,
    ) -> Result<Changing, StoreError> {
        let (user, change, by) = (user.to_owned(), change.clone(), by.clone());
        let work = move |connection: &Connection| {
            let Some(found) = named(connection, organisation, &user)? else {
                return Ok(Changing::Unknown);
            };
            if expected_version.is_some_and(|expected| expected != found.account.version) {
                return Ok(Changing::Changed);
            }
            apply(connection, found, change, &by).map(Changing::Done)
        };
        self.inner.writer.write(work).await
    }

    async fn sign_in(&self, sign_in: &SignIn) -> Result<Verdict, StoreError> {
        let sign_in = sign_in.clone();
        self.inner.writer.write(move |connection| judge(connection, &sign_in)).await
    }
}

/// The internal key of an organisation that exists, or the platform's.
fn home(
    connection: &Connection,
    organisation: Option<OrganisationId>,
) -> Result<Option<i64>, StoreError> {
    const FIND: &str = "SELECT key FROM organisations WHERE number = ? AND removed_at IS NULL";
    let Some(organisation) = organisation else { return Ok(Some(PLATFORM)) };
    let mut find = connection.prepare_cached(FIND).map_err(aborted)?;
    find.query_row([number(organisation)], |row| row.get(0)).optional().map_err(aborted)
}

fn find(
    connection: &Connection,
    organisation: Option<OrganisationId>,
    home: i64,
    user: &str,
) -> Result<Option<Found>, StoreError> {
    let text =
        format!("SELECT {COLUMNS} FROM accounts WHERE coalesce(organisation, 0) = ? AND user = ?");
    let mut find = connection.prepare_cached(&text).map_err(aborted)?;
    let mut rows = find.query(params![home, user]).map_err(aborted)?;
    let Some(row) = rows.next().map_err(aborted)? else { return Ok(None) };
    Found::read(Reader(row), organisation, home).map(Some)
}

fn named(
    connection: &Connection,
    organisation: Option<OrganisationId>,
    user: &str,
) -> Result<Option<Found>, StoreError> {
    match home(connection, organisation)? {
        Some(home) => find(connection, organisation, home, user),
        None => Ok(None),
    }
}

fn create(
    connection: &Connection,
    new: NewAccount,
    max: u32,
    by: &By,
) -> Result<Creation, StoreError> {
    const COUNT: &str = "SELECT count(*) FROM accounts WHERE coalesce(organisation, 0) = ?";
    let Some(home) = home(connection, new.organisation)? else {
        return Ok(Creation::NoOrganisation);
    };
    if find(connection, new.organisation, home, &new.user)?.is_some() {
        return Ok(Creation::Exists);
    }
    let accounts: i64 = connection.query_row(COUNT, [home], |row| row.get(0)).map_err(aborted)?;
    if accounts >= i64::from(max) {
        return Ok(Creation::TooMany);
    }
    let account = kept::created(new, by);
    insert(connection, home, &account).map_err(aborted)?;
    audit::write(connection, kept::organisation(home), &told::created(&account, by))?;
    Ok(Creation::Created(account))
}

fn insert(connection: &Connection, home: i64, account: &Account) -> rusqlite::Result<usize> {
    const INSERT: &str = "INSERT INTO accounts (organisation, user, role, password, totp_secret, \
        failures, created_at, version) VALUES (nullif(?, 0), ?, ?, ?, ?, 0, ?, ?)";
    connection.prepare_cached(INSERT)?.execute(params![
        home,
        account.user,
        account.role.as_str(),
        account.credentials.password.as_str(),
        account.credentials.second_factor.as_bytes(),
        millis(account.created_at),
        account.version.cast_signed(),
    ])
}

/// Writes the change and tells the audit; the account as it is then.
fn apply(
    connection: &Connection,
    mut found: Found,
    change: AccountChange,
    by: &By,
) -> Result<Account, StoreError> {
    let record = told::changed(&found.account, &change, by);
    audit::write(connection, found.organisation(), &record)?;
    if kept::stays(&mut found.account, change) {
        update(connection, &found).map_err(aborted)?;
    } else {
        let delete = "DELETE FROM accounts WHERE id = ?";
        connection.execute(delete, [found.id]).map_err(aborted)?;
    }
    Ok(found.account)
}

fn update(connection: &Connection, found: &Found) -> rusqlite::Result<usize> {
    const UPDATE: &str = "UPDATE accounts SET role = ?, password = ?, totp_secret = ?, \
        totp_step = ?, failures = ?, locked_at = ?, version = ? WHERE id = ?";
    let Account { role, credentials, standing, version, .. } = &found.account;
    connection.prepare_cached(UPDATE)?.execute(params![
        role.as_str(),
        credentials.password.as_str(),
        credentials.second_factor.as_bytes(),
        standing.last_step.map(u64::cast_signed),
        standing.failures,
        standing.locked_at.map(millis),
        version.cast_signed(),
        found.id,
    ])
}

fn judge(connection: &Connection, sign_in: &SignIn) -> Result<Verdict, StoreError> {
    const COUNT: &str = "UPDATE unknown_sign_ins SET attempts = attempts + 1";
    let found = named(connection, sign_in.organisation, &sign_in.user)?;
    let is_seen = |found: &Found| Some(&found.account.credentials) == sign_in.credentials.as_ref();
    let Some(mut found) = found.filter(is_seen) else {
        connection.execute(COUNT, []).map_err(aborted)?;
        return Ok(Verdict::Refused);
    };
    let before = found.account.clone();
    let verdict = found.account.standing.judge(sign_in.evidence, sign_in.at);
    if verdict == Verdict::RefusedAndLocked {
        found.account.version += 1;
        let record = told::locked(&before, &found.account, sign_in.at);
        audit::write(connection, found.organisation(), &record)?;
    }
    update(connection, &found).map_err(aborted)?;
    let is_welcome = is_free_to_act(connection, &found)?;
    Ok(if is_welcome { verdict } else { Verdict::Refused })
}

/// Whether the organisation has no user of this name, or an active one.
fn is_free_to_act(connection: &Connection, found: &Found) -> Result<bool, StoreError> {
    const STATUS: &str =
        "SELECT status FROM users WHERE organisation = ? AND user = ? AND removed_at IS NULL";
    let mut status = connection.prepare_cached(STATUS).map_err(aborted)?;
    let mut rows = status.query(params![found.home, found.account.user]).map_err(aborted)?;
    let Some(row) = rows.next().map_err(aborted)? else { return Ok(true) };
    Ok(Reader(row).word("status", UserStatus::from_word)? == UserStatus::Active)
}
