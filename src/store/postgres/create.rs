//! Keeps a new organisation.

use super::StoreError;
use super::connections::Connections;
use super::statement::Statement;
use super::transaction::Transaction;
use super::value::{Reader, millis, month_text, number, seconds_of_day};
use crate::domain::audit::Author;
use crate::domain::moment::month_of;
use crate::domain::organisation::Settings;
use crate::domain::reason::AuditAction;
use crate::store::audit_text;

/// Keeps it, with a note of who created it; `false` if its number is taken.
pub(super) async fn organisation(
    connections: &Connections,
    settings: &Settings,
    author: Option<&Author>,
) -> Result<bool, StoreError> {
    let transaction = connections.transaction().await?;
    let key = keep(&transaction, settings).await?;
    let Some(key) = key else {
        transaction.roll_back().await?;
        return Ok(false);
    };
    if let Some(author) = author {
        note(&transaction, settings, author, key).await?;
    }
    transaction.commit().await?;
    Ok(true)
}

async fn keep(transaction: &Transaction, settings: &Settings) -> Result<Option<i64>, StoreError> {
    const KEEP: &str = "INSERT INTO organisations (number, name, time_zone, max_grace_s, \
        scheduled_log_off_s, created_at, version, last_at, month, month_began_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $6, $8, $6) \
        ON CONFLICT (number) WHERE removed_at IS NULL DO NOTHING RETURNING key";
    let statement = Statement::new(KEEP)
        .bind(number(settings.id))
        .bind(&*settings.name)
        .bind(settings.time_zone.name())
        .bind(i64::from(settings.max_grace_s))
        .bind(settings.scheduled_log_off.map(seconds_of_day))
        .bind(millis(settings.created_at))
        .bind(settings.version.cast_signed())
        .bind(month_text(month_of(settings.created_at, settings.time_zone)));
    let row = transaction.one(&statement).await?;
    row.map(|row| Reader(&row).integer("key")).transpose()
}

async fn note(
    transaction: &Transaction,
    settings: &Settings,
    author: &Author,
    key: i64,
) -> Result<(), StoreError> {
    const NOTE: &str = "INSERT INTO audit (organisation, at, actor, role, action, target, after) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let statement = Statement::new(NOTE)
        .bind(key)
        .bind(millis(settings.created_at))
        .bind(&*author.name)
        .bind(author.role)
        .bind(AuditAction::OrganisationCreated.as_str())
        .bind(settings.id.to_string())
        .bind(audit_text::organisation(settings).to_string());
    transaction.execute(&statement).await.map(drop)
}
