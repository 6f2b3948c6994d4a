//! Keeps a new organisation.

use super::StoreError;
use super::error::aborted;
use super::value::{millis, month_text, number, seconds_of_day, word};
use crate::domain::audit::Author;
use crate::domain::moment::month_of;
use crate::domain::organisation::Settings;
use crate::domain::reason::AuditAction;
use crate::store::audit_text;
use sqlx::sqlite::SqliteConnection;

/// Keeps it, with a note of who created it; `false` if its number is taken.
pub(super) async fn organisation(
    connection: &mut SqliteConnection,
    settings: &Settings,
    author: Option<&Author>,
) -> Result<bool, StoreError> {
    let query = sqlx::query(
        "INSERT INTO organisations (number, name, time_zone, max_grace_s, scheduled_log_off_s, \
         created_at, version, last_at, month, month_began_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?6, ?8, ?6) \
         ON CONFLICT (number) WHERE removed_at IS NULL DO NOTHING",
    )
    .bind(number(settings.id))
    .bind(settings.name.clone())
    .bind(settings.time_zone.name())
    .bind(i64::from(settings.max_grace_s))
    .bind(settings.scheduled_log_off.map(seconds_of_day))
    .bind(millis(settings.created_at))
    .bind(settings.version.cast_signed())
    .bind(month_text(month_of(settings.created_at, settings.time_zone)));
    let done = query.execute(&mut *connection).await.map_err(aborted)?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    if let Some(author) = author {
        note(connection, settings, author, done.last_insert_rowid()).await?;
    }
    Ok(true)
}

async fn note(
    connection: &mut SqliteConnection,
    settings: &Settings,
    author: &Author,
    key: i64,
) -> Result<(), StoreError> {
    let query = sqlx::query(
        "INSERT INTO audit (organisation, at, actor, role, action, target, after) \
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(key)
    .bind(millis(settings.created_at))
    .bind(author.name.clone())
    .bind(word(author.role))
    .bind(word(AuditAction::OrganisationCreated.as_str()))
    .bind(settings.id.to_string())
    .bind(audit_text::organisation(settings).to_string());
    query.execute(connection).await.map_err(aborted)?;
    Ok(())
}
