//! Accounts, with what their changes leave in the audit.
//!
//! Every change is one transaction of the connection that writes, so that sign-ins for one account are
//! judged one after the other, whoever they come from.

use super::error::aborted;
use super::value::{Reader, corrupt, millis, number};
use super::{Page, SqliteStore, StoreError, Stored, audit};
use crate::auth::Role;
use crate::auth::account::{Account, Credentials, Standing, Verdict};
use crate::auth::editions::{Edition, Owner};
use crate::auth::password::PasswordHash;
use crate::auth::second_factor::TotpSecret;
use crate::domain::ids::OrganisationId;
use crate::domain::reason::UserStatus;
use crate::store::accounts::{AccountChange, Accounts, By, Changing, Creation, NewAccount, SignIn};
use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Row as _};

mod told;

const COLUMNS: &str =
    "id, user, role, password, totp_secret, totp_step, failures, locked_at, created_at, version";

/// Stands for the platform where an organisation's internal key would; those begin with 1.
const PLATFORM: i64 = 0;

/// An account with its own internal key and that of its organisation.
struct Found {
    id: i64,
    home: i64,
    account: Account,
}

impl Found {
    /// The organisation's key as the tables have it.
    fn organisation(&self) -> Option<i64> {
        Some(self.home).filter(|home| *home != PLATFORM)
    }
}

#[async_trait]
impl Accounts for SqliteStore {
    async fn account(
        &self,
        organisation: Option<OrganisationId>,
        user: &str,
    ) -> Result<Option<Account>, StoreError> {
        let mut connection = self.inner.readers.acquire().await.map_err(aborted)?;
        let Some(home) = home(&mut connection, organisation).await? else { return Ok(None) };
        let found = find(&mut connection, organisation, home, user).await?;
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
            Ok(Stored { cursor: row.integer("id")?, row: account(row, Some(organisation))? })
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
        let (inner, new, by) = (self.inner.clone(), new.clone(), by.clone());
        to_the_end(async move {
            let mut transaction = inner.writer.begin().await?;
            let outcome = create(transaction.connection(), new, max, &by).await;
            transaction.end(outcome).await
        })
        .await
    }

    async fn change_account(
        &self,
        organisation: Option<OrganisationId>,
        user: &str,
        expected_version: Option<u64>,
        change: &AccountChange,
        by: &By,
    ) -> Result<Changing, StoreError> {
        let (inner, user) = (self.inner.clone(), user.to_owned());
        let (change, by) = (change.clone(), by.clone());
        to_the_end(async move {
            let mut transaction = inner.writer.begin().await?;
            let outcome = async {
                let connection = transaction.connection();
                let Some(found) = named(connection, organisation, &user).await? else {
                    return Ok(Changing::Unknown);
                };
                if expected_version.is_some_and(|expected| expected != found.account.version) {
                    return Ok(Changing::Changed);
                }
                apply(connection, found, change, &by).await.map(Changing::Done)
            }
            .await;
            transaction.end(outcome).await
        })
        .await
    }

    async fn sign_in(&self, sign_in: &SignIn) -> Result<Verdict, StoreError> {
        let (inner, sign_in) = (self.inner.clone(), sign_in.clone());
        to_the_end(async move {
            let mut transaction = inner.writer.begin().await?;
            let outcome = judge(transaction.connection(), &sign_in).await;
            transaction.end(outcome).await
        })
        .await
    }
}

/// Runs to its end even if whoever waits for it goes away: nobody leaves a sign-in uncounted by hanging up.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    let task = tokio::spawn(work);
    task.await.unwrap_or_else(|error| Err(StoreError::MaybeApplied(error.to_string())))
}

/// The internal key of an organisation that exists, or the platform's.
async fn home(
    connection: &mut SqliteConnection,
    organisation: Option<OrganisationId>,
) -> Result<Option<i64>, StoreError> {
    let Some(organisation) = organisation else { return Ok(Some(PLATFORM)) };
    let query =
        sqlx::query_scalar("SELECT key FROM organisations WHERE number = ? AND removed_at IS NULL");
    query.bind(number(organisation)).fetch_optional(connection).await.map_err(aborted)
}

async fn find(
    connection: &mut SqliteConnection,
    organisation: Option<OrganisationId>,
    home: i64,
    user: &str,
) -> Result<Option<Found>, StoreError> {
    let text =
        format!("SELECT {COLUMNS} FROM accounts WHERE coalesce(organisation, 0) = ? AND user = ?");
    let query = sqlx::query(AssertSqlSafe(text)).bind(home).bind(user);
    let row: Option<SqliteRow> = query.fetch_optional(connection).await.map_err(aborted)?;
    let Some(row) = row else { return Ok(None) };
    let row = Reader(&row);
    Ok(Some(Found { id: row.integer("id")?, home, account: account(row, organisation)? }))
}

async fn named(
    connection: &mut SqliteConnection,
    organisation: Option<OrganisationId>,
    user: &str,
) -> Result<Option<Found>, StoreError> {
    match home(connection, organisation).await? {
        Some(home) => find(connection, organisation, home, user).await,
        None => Ok(None),
    }
}

fn account(row: Reader<'_>, organisation: Option<OrganisationId>) -> Result<Account, StoreError> {
    let secret = row.blob("totp_secret")?;
    let secret = TotpSecret::kept(secret)
        .ok_or_else(|| corrupt("a second factor of length", secret.len()))?;
    let optional = |column| row.0.try_get::<Option<i64>, _>(column).map_err(aborted);
    Ok(Account {
        organisation,
        user: row.shared_text("user")?,
        role: row.word("role", Role::from_word)?,
        credentials: Credentials {
            password: PasswordHash::kept(row.text("password")?),
            second_factor: secret,
        },
        standing: Standing {
            last_step: optional("totp_step")?.map(i64::cast_unsigned),
            failures: row.count("failures")?,
            locked_at: optional("locked_at")?.map(|_| row.instant("locked_at")).transpose()?,
        },
        created_at: row.instant("created_at")?,
        version: row.counter("version")?,
    })
}

async fn create(
    connection: &mut SqliteConnection,
    new: NewAccount,
    max: u32,
    by: &By,
) -> Result<Creation, StoreError> {
    let Some(home) = home(connection, new.organisation).await? else {
        return Ok(Creation::NoOrganisation);
    };
    if find(connection, new.organisation, home, &new.user).await?.is_some() {
        return Ok(Creation::Exists);
    }
    let count = "SELECT count(*) FROM accounts WHERE coalesce(organisation, 0) = ?";
    let count = sqlx::query_scalar(count).bind(home).fetch_one(&mut *connection);
    let accounts: i64 = count.await.map_err(aborted)?;
    if accounts >= i64::from(max) {
        return Ok(Creation::TooMany);
    }
    let account = Account {
        organisation: new.organisation,
        user: new.user,
        role: new.role,
        credentials: new.credentials,
        standing: Standing::default(),
        created_at: by.at,
        version: 1,
    };
    insert(connection, home, &account).await.map_err(aborted)?;
    let organisation = Some(home).filter(|home| *home != PLATFORM);
    audit::write(connection, organisation, &told::created(&account, by)).await?;
    Ok(Creation::Created(account))
}

async fn insert(
    connection: &mut SqliteConnection,
    home: i64,
    account: &Account,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(
        "INSERT INTO accounts (organisation, user, role, password, totp_secret, failures, \
         created_at, version) VALUES (nullif(?, 0), ?, ?, ?, ?, 0, ?, ?)",
    )
    .bind(home)
    .bind(account.user.clone())
    .bind(account.role.as_str())
    .bind(account.credentials.password.as_str().to_owned())
    .bind(account.credentials.second_factor.as_bytes().to_vec())
    .bind(millis(account.created_at))
    .bind(account.version.cast_signed());
    query.execute(connection).await.map(|_| ())
}

/// Writes the change and tells the audit; the account as it is then.
async fn apply(
    connection: &mut SqliteConnection,
    mut found: Found,
    change: AccountChange,
    by: &By,
) -> Result<Account, StoreError> {
    let record = told::changed(&found.account, &change, by);
    audit::write(connection, found.organisation(), &record).await?;
    let account = &mut found.account;
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
        AccountChange::Delete => {
            let delete = sqlx::query("DELETE FROM accounts WHERE id = ?").bind(found.id);
            delete.execute(connection).await.map_err(aborted)?;
            return Ok(found.account);
        }
    }
    account.version += 1;
    update(connection, &found).await.map_err(aborted)?;
    Ok(found.account)
}

async fn update(connection: &mut SqliteConnection, found: &Found) -> Result<(), sqlx::Error> {
    let Account { role, credentials, standing, version, .. } = &found.account;
    let query = sqlx::query(
        "UPDATE accounts SET role = ?, password = ?, totp_secret = ?, totp_step = ?, \
         failures = ?, locked_at = ?, version = ? WHERE id = ?",
    )
    .bind(role.as_str())
    .bind(credentials.password.as_str().to_owned())
    .bind(credentials.second_factor.as_bytes().to_vec())
    .bind(standing.last_step.map(u64::cast_signed))
    .bind(i64::from(standing.failures))
    .bind(standing.locked_at.map(millis))
    .bind(version.cast_signed())
    .bind(found.id);
    query.execute(connection).await.map(|_| ())
}

async fn judge(connection: &mut SqliteConnection, sign_in: &SignIn) -> Result<Verdict, StoreError> {
    let found = named(connection, sign_in.organisation, &sign_in.user).await?;
    let is_seen = |found: &Found| Some(&found.account.credentials) == sign_in.credentials.as_ref();
    let Some(mut found) = found.filter(is_seen) else {
        let count = "UPDATE unknown_sign_ins SET attempts = attempts + 1";
        sqlx::query(count).execute(connection).await.map_err(aborted)?;
        return Ok(Verdict::Refused);
    };
    let before = found.account.clone();
    let verdict = found.account.standing.judge(sign_in.evidence, sign_in.at);
    if verdict == Verdict::RefusedAndLocked {
        found.account.version += 1;
        let record = told::locked(&before, &found.account, sign_in.at);
        audit::write(connection, found.organisation(), &record).await?;
    }
    update(connection, &found).await.map_err(aborted)?;
    let is_welcome = is_free_to_act(connection, &found).await?;
    Ok(if is_welcome { verdict } else { Verdict::Refused })
}

/// Whether the organisation has no user of this name, or an active one.
async fn is_free_to_act(
    connection: &mut SqliteConnection,
    found: &Found,
) -> Result<bool, StoreError> {
    let query = sqlx::query(
        "SELECT status FROM users WHERE organisation = ? AND user = ? AND removed_at IS NULL",
    );
    let query = query.bind(found.home).bind(found.account.user.clone());
    let row = query.fetch_optional(connection).await.map_err(aborted)?;
    let status = row.map(|row| Reader(&row).word("status", UserStatus::from_word)).transpose()?;
    Ok(status.is_none_or(|status| status == UserStatus::Active))
}
