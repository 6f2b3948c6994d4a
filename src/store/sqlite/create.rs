//! Keeps a new organisation.

use super::value::{millis, month_text, number, seconds_of_day};
use crate::domain::audit::Author;
use crate::domain::moment::month_of;
use crate::domain::organisation::Settings;
use crate::domain::reason::AuditAction;
use crate::store::audit_text;
use rusqlite::{Connection, params};

/// Keeps it, with a note of who created it; `false` if its number is taken.
pub(super) fn organisation(
    connection: &Connection,
    settings: &Settings,
    author: Option<&Author>,
) -> rusqlite::Result<bool> {
    const KEEP: &str = "INSERT INTO organisations (number, name, time_zone, max_grace_s, \
        scheduled_log_off_s, created_at, version, last_at, month, month_began_at) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?6, ?8, ?6) \
        ON CONFLICT (number) WHERE removed_at IS NULL DO NOTHING";
    let kept = connection.prepare_cached(KEEP)?.execute(params![
        number(settings.id),
        settings.name,
        settings.time_zone.name(),
        settings.max_grace_s,
        settings.scheduled_log_off.map(seconds_of_day),
        millis(settings.created_at),
        settings.version.cast_signed(),
        month_text(month_of(settings.created_at, settings.time_zone)),
    ])?;
    if kept == 0 {
        return Ok(false);
    }
    if let Some(author) = author {
        note(connection, settings, author, connection.last_insert_rowid())?;
    }
    Ok(true)
}

fn note(
    connection: &Connection,
    settings: &Settings,
    author: &Author,
    key: i64,
) -> rusqlite::Result<()> {
    const NOTE: &str = "INSERT INTO audit (organisation, at, actor, role, action, target, after) \
        VALUES (?, ?, ?, ?, ?, ?, ?)";
    connection.prepare_cached(NOTE)?.execute(params![
        key,
        millis(settings.created_at),
        author.name,
        author.role,
        AuditAction::OrganisationCreated.as_str(),
        settings.id.to_string(),
        audit_text::organisation(settings).to_string(),
    ])?;
    Ok(())
}
