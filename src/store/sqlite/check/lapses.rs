//! Who was active this month and is not any more.

use super::Checking;
use super::known::Known;
use crate::store::StoreError;
use crate::store::sqlite::error::aborted;
use crate::store::sqlite::value::month_text;
use futures_util::TryStreamExt;
use sqlx::Row;

const LAPSED: &str = "who lapsed is not active";

/// How many invariants there were. Of a month that is over nothing can be said: who was not active at
/// its end may be again.
pub(super) async fn check(checking: &mut Checking<'_>, known: &Known) -> Result<usize, StoreError> {
    let present = known.organisations.iter().filter(|(_, organisation)| !organisation.is_removed);
    for (key, organisation) in present {
        let month = month_text(organisation.month_under_way());
        active(checking, *key, month).await?;
    }
    Ok(1)
}

async fn active(checking: &mut Checking<'_>, key: i64, month: String) -> Result<(), StoreError> {
    let text = "SELECT l.user, l.licence FROM lapses l JOIN users u \
                ON u.organisation = l.organisation AND u.user = l.user AND u.removed_at IS NULL \
                WHERE l.organisation = ? AND l.month = ? AND l.is_gone = 0 AND u.status = 'active' \
                AND (l.licence IN ('', u.user_type) \
                OR l.licence IN (SELECT value FROM json_each(u.features)) \
                OR l.licence IN (SELECT value FROM json_each(u.synced)))";
    let mut rows = sqlx::query(text).bind(key).bind(month).fetch(&mut *checking.connection);
    while let Some(row) = rows.try_next().await.map_err(aborted)? {
        let user: String = row.try_get(0).map_err(aborted)?;
        let licence: String = row.try_get(1).map_err(aborted)?;
        let of = if licence.is_empty() { String::new() } else { format!(" with {licence}") };
        let what = format!("the user is active{of}");
        checking.findings.broken(LAPSED, "lapses", Some(key), format!("`{user}`"), what);
    }
    Ok(())
}
