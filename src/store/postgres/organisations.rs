//! Lists of organisations and of their users.

use super::connections::Connections;
use super::statement::Statement;
use super::value::{self, Reader, SETTINGS_COLUMNS, USER_COLUMNS, number};
use super::{OrganisationEntry, Page, StoreError, Stored, UserFilter};
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::OrganisationId;
use crate::domain::organisation::Settings;
use crate::domain::reason::UserStatus;
use crate::domain::user::UserRecord;
use tokio_postgres::Row;

/// The organisation that has the number `$1` now, by its internal key.
pub(super) const KEY_OF_NUMBER: &str =
    "(SELECT key FROM organisations WHERE number = $1 AND removed_at IS NULL)";

pub(super) async fn all(connections: &Connections) -> Result<Vec<OrganisationEntry>, StoreError> {
    const ALL: &str = "SELECT number, \
        EXISTS (SELECT 1 FROM sessions WHERE organisation = key) AS has_sessions \
        FROM organisations WHERE removed_at IS NULL ORDER BY key";
    let rows = connections.rows(&Statement::new(ALL)).await?;
    let entry = |row: Reader<'_, Row>| {
        Ok(OrganisationEntry {
            id: row.organisation()?,
            has_open_sessions: row.integer("has_sessions")? != 0,
        })
    };
    rows.iter().map(|row| entry(Reader(row))).collect()
}

pub(super) async fn settings(
    connections: &Connections,
    organisation: OrganisationId,
) -> Result<Option<Settings>, StoreError> {
    let text = format!(
        "SELECT {SETTINGS_COLUMNS} FROM organisations WHERE number = $1 AND removed_at IS NULL"
    );
    let row = connections.one(&Statement::new(text).bind(number(organisation))).await?;
    row.as_ref().map(Reader).map(value::settings).transpose()
}

pub(super) async fn settings_page(
    connections: &Connections,
    page: Page,
) -> Result<Vec<Stored<Settings>>, StoreError> {
    let text = format!(
        "SELECT key AS cursor, {SETTINGS_COLUMNS} FROM organisations \
         WHERE key > $1 AND removed_at IS NULL ORDER BY key LIMIT $2"
    );
    let question = Statement::new(text).bind(page.after).bind(i64::from(page.limit));
    stored(&connections.rows(&question).await?, value::settings)
}

pub(super) async fn user(
    connections: &Connections,
    organisation: OrganisationId,
    user: &str,
    catalogue: &Catalogue,
) -> Result<Option<UserRecord>, StoreError> {
    let text = format!(
        "SELECT {USER_COLUMNS} FROM users \
         WHERE organisation = {KEY_OF_NUMBER} AND \"user\" = $2 AND removed_at IS NULL"
    );
    let question = Statement::new(text).bind(number(organisation)).bind(user);
    let row = connections.one(&question).await?;
    row.map(|row| value::user(Reader(&row), catalogue)).transpose()
}

pub(super) async fn users_page(
    connections: &Connections,
    organisation: OrganisationId,
    filter: &UserFilter,
    page: Page,
    catalogue: &Catalogue,
) -> Result<Vec<Stored<UserRecord>>, StoreError> {
    let text = format!(
        "SELECT id AS cursor, {USER_COLUMNS} FROM users WHERE organisation = {KEY_OF_NUMBER} \
         AND id > $2 AND removed_at IS NULL"
    );
    let mut question = Statement::new(text).bind(number(organisation)).bind(page.after);
    if let Some(part) = &filter.search {
        // The letters of "C" are those of ASCII: no others are made small.
        question.push(" AND (strpos(lower(\"user\"), lower(").push_bind(part.as_str());
        question.push("::text COLLATE \"C\")) > 0 OR strpos(lower(name), lower(");
        question.push_bind(part.as_str()).push("::text COLLATE \"C\")) > 0)");
    }
    if let Some(status) = filter.status.map(UserStatus::as_str) {
        question.push(" AND status = ").push_bind(status);
    }
    if let Some(user_type) = &filter.user_type {
        question.push(" AND user_type = ").push_bind(user_type.as_str());
    }
    question.push(" ORDER BY id LIMIT ").push_bind(i64::from(page.limit));
    let rows = connections.page(&question).await?;
    stored(&rows, |row| value::user(row, catalogue))
}

/// What `read` makes of each row, with its `cursor`.
pub(super) fn stored<T>(
    rows: &[Row],
    read: impl Fn(Reader<'_, Row>) -> Result<T, StoreError>,
) -> Result<Vec<Stored<T>>, StoreError> {
    let one = |row| Ok(Stored { cursor: Reader(row).integer("cursor")?, row: read(Reader(row))? });
    rows.iter().map(one).collect()
}
