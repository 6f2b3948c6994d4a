//! Pages for reports and lists. Within one organisation the logs' ids and instants grow together, so a
//! page is found by whichever of them the index has.

use super::error::aborted;
use super::value::{self, Reader, SETTINGS_COLUMNS, USER_COLUMNS, millis, number};
use super::{
    AuditFilter, AuditRow, DenialFilter, DenialRow, OrganisationEntry, Page, Range, StoreError,
    Stored, UserFilter,
};
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::OrganisationId;
use crate::domain::organisation::Settings;
use crate::domain::reason::{DenialReason, UserStatus};
use crate::domain::user::UserRecord;
use crate::store::log_rows::{self, AUDIT_COLUMNS, DENIAL_COLUMNS};
use sqlx::sqlite::{Sqlite, SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, QueryBuilder};

/// The organisation that has a number now, by its internal key.
pub(super) const KEY_OF_NUMBER: &str =
    "(SELECT key FROM organisations WHERE number = ? AND removed_at IS NULL)";

pub(super) async fn organisations(
    readers: &SqlitePool,
) -> Result<Vec<OrganisationEntry>, StoreError> {
    let query = sqlx::query(
        "SELECT number, EXISTS (SELECT 1 FROM sessions WHERE organisation = key) AS has_sessions \
         FROM organisations WHERE removed_at IS NULL ORDER BY key",
    );
    let rows = query.fetch_all(readers).await.map_err(aborted)?;
    let entry = |row: Reader<'_, SqliteRow>| {
        Ok(OrganisationEntry {
            id: row.organisation()?,
            has_open_sessions: row.integer("has_sessions")? != 0,
        })
    };
    rows.iter().map(|row| entry(Reader(row))).collect()
}

pub(super) async fn settings(
    readers: &SqlitePool,
    organisation: OrganisationId,
) -> Result<Option<Settings>, StoreError> {
    let text = format!(
        "SELECT {SETTINGS_COLUMNS} FROM organisations WHERE number = ? AND removed_at IS NULL"
    );
    let query = sqlx::query(AssertSqlSafe(text)).bind(number(organisation));
    let row = query.fetch_optional(readers).await.map_err(aborted)?;
    row.as_ref().map(Reader).map(value::settings).transpose()
}

pub(super) async fn settings_page(
    readers: &SqlitePool,
    page: Page,
) -> Result<Vec<Stored<Settings>>, StoreError> {
    let text = format!(
        "SELECT key AS cursor, {SETTINGS_COLUMNS} FROM organisations \
         WHERE key > ? AND removed_at IS NULL ORDER BY key LIMIT ?"
    );
    let query = sqlx::query(AssertSqlSafe(text)).bind(page.after).bind(i64::from(page.limit));
    let rows = query.fetch_all(readers).await.map_err(aborted)?;
    stored(&rows, |row| value::settings(Reader(row)))
}

pub(super) async fn user(
    readers: &SqlitePool,
    organisation: OrganisationId,
    user: &str,
    catalogue: &Catalogue,
) -> Result<Option<UserRecord>, StoreError> {
    let text = format!(
        "SELECT {USER_COLUMNS} FROM users \
         WHERE organisation = {KEY_OF_NUMBER} AND user = ? AND removed_at IS NULL"
    );
    let query = sqlx::query(AssertSqlSafe(text)).bind(number(organisation)).bind(user);
    let row = query.fetch_optional(readers).await.map_err(aborted)?;
    row.map(|row| value::user(Reader(&row), catalogue)).transpose()
}

pub(super) async fn users_page(
    readers: &SqlitePool,
    organisation: OrganisationId,
    filter: &UserFilter,
    page: Page,
    catalogue: &Catalogue,
) -> Result<Vec<Stored<UserRecord>>, StoreError> {
    let index = Index::Cursor("users_organisation");
    let mut users = LogQuery::new("users", USER_COLUMNS, index, organisation, page);
    users.builder.push(" AND removed_at IS NULL");
    if let Some(part) = &filter.search {
        users.builder.push(" AND (instr(lower(user), lower(").push_bind(part);
        users.builder.push(")) > 0 OR instr(lower(name), lower(").push_bind(part).push(")) > 0)");
    }
    users.equals("status", filter.status.map(UserStatus::as_str));
    users.equals("user_type", filter.user_type.clone());
    stored(&users.fetch(readers).await?, |row| value::user(Reader(row), catalogue))
}

pub(super) async fn denials_page(
    readers: &SqlitePool,
    organisation: OrganisationId,
    filter: &DenialFilter,
    page: Page,
) -> Result<Vec<Stored<DenialRow>>, StoreError> {
    let mut log =
        LogQuery::new("denials", DENIAL_COLUMNS, Index::Instant("denials_at"), organisation, page);
    log.within(filter.range);
    log.equals("user", filter.user.clone());
    log.equals("licence", filter.licence.clone());
    log.equals("device", filter.logon_source.map(log_rows::device_of));
    log.equals("reason", filter.reason.map(DenialReason::as_str));
    stored(&log.fetch(readers).await?, |row| log_rows::denial(Reader(row)))
}

pub(super) async fn audit_page(
    readers: &SqlitePool,
    organisation: OrganisationId,
    filter: &AuditFilter,
    page: Page,
) -> Result<Vec<Stored<AuditRow>>, StoreError> {
    // Several writers keep records of one organisation: the instants may pass each other.
    let index = match filter.newest_first {
        false => Index::Cursor("audit_organisation"),
        true => Index::CursorBack("audit_organisation"),
    };
    let mut log = LogQuery::new("audit", AUDIT_COLUMNS, index, organisation, page);
    log.within(filter.range);
    log.equals("actor", filter.actor.clone());
    log.equals("action", filter.action.clone());
    log.equals("target", filter.target.clone());
    stored(&log.fetch(readers).await?, |row| log_rows::audit(Reader(row)))
}

/// By what an index leads from page to page, within what it is an index of.
#[derive(Clone, Copy)]
enum Index {
    /// By the cursor.
    Cursor(&'static str),
    /// By the cursor, back from it.
    CursorBack(&'static str),
    /// By the instant, then the cursor.
    Instant(&'static str),
}

/// A page of a log or a list, being put together.
struct LogQuery {
    builder: QueryBuilder<Sqlite>,
    index: Index,
    limit: u32,
}

impl LogQuery {
    fn new(
        table: &'static str,
        columns: &'static str,
        index: Index,
        organisation: OrganisationId,
        page: Page,
    ) -> Self {
        let (name, beyond) = match index {
            Index::Cursor(name) | Index::Instant(name) => (name, " > "),
            Index::CursorBack(name) => (name, " < "),
        };
        let mut builder = QueryBuilder::new(format!(
            "SELECT id AS cursor, {columns} FROM {table} INDEXED BY {name} WHERE organisation = \
             (SELECT key FROM organisations WHERE removed_at IS NULL AND number = "
        ));
        builder.push_bind(number(organisation)).push(") AND id").push(beyond).push_bind(page.after);
        if matches!(index, Index::Instant(_)) && page.after > 0 {
            // Nothing after the cursor is earlier than it; a cursor of a row that is gone says nothing.
            builder.push(" AND at >= coalesce((SELECT at FROM ").push(table).push(" WHERE id = ");
            builder.push_bind(page.after).push("), 0)");
        }
        Self { builder, index, limit: page.limit }
    }

    fn within(&mut self, range: Range) {
        if let Some(from) = range.from {
            self.builder.push(" AND at >= ").push_bind(millis(from));
        }
        if let Some(to) = range.to {
            self.builder.push(" AND at < ").push_bind(millis(to));
        }
    }

    fn equals(&mut self, column: &'static str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.builder.push(format_args!(" AND {column} = ")).push_bind(value.into());
        }
    }

    async fn fetch(mut self, readers: &SqlitePool) -> Result<Vec<SqliteRow>, StoreError> {
        let order = match self.index {
            Index::Cursor(_) => " ORDER BY id LIMIT ",
            Index::CursorBack(_) => " ORDER BY id DESC LIMIT ",
            Index::Instant(_) => " ORDER BY at, id LIMIT ",
        };
        self.builder.push(order).push_bind(i64::from(self.limit));
        self.builder.build().fetch_all(readers).await.map_err(aborted)
    }
}

fn stored<T>(
    rows: &[SqliteRow],
    read: impl Fn(&SqliteRow) -> Result<T, StoreError>,
) -> Result<Vec<Stored<T>>, StoreError> {
    let one = |row| Ok(Stored { cursor: Reader(row).integer("cursor")?, row: read(row)? });
    rows.iter().map(one).collect()
}
