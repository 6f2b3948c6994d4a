//! What the audit is told of accounts. Never a secret: that a password or a second factor was replaced,
//! not with what.

use super::{AccountChange, By};
use crate::auth::account::Account;
use crate::domain::audit::Author;
use crate::domain::reason::AuditAction;
use crate::store::audit::AuditRow;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

pub(in crate::store) fn created(account: &Account, by: &By) -> AuditRow {
    record(by, AuditAction::AccountCreated, account, None, Some(shape(account)))
}

/// Of an account as it is before the change.
pub(in crate::store) fn changed(account: &Account, change: &AccountChange, by: &By) -> AuditRow {
    let before = shape(account);
    let mut after = before.clone();
    let action = match change {
        AccountChange::Role(role) => {
            after["role"] = json!(role.as_str());
            AuditAction::AccountChanged
        }
        AccountChange::Password(_) => {
            after["password"] = json!(REPLACED);
            AuditAction::AccountChanged
        }
        AccountChange::Reset { password, second_factor } => {
            after["locked_at"] = Value::Null;
            if password.is_some() {
                after["password"] = json!(REPLACED);
            }
            if second_factor.is_some() {
                after["second_factor"] = json!(REPLACED);
            }
            AuditAction::AccountReset
        }
        AccountChange::Delete => {
            return record(by, AuditAction::AccountDeleted, account, Some(before), None);
        }
    };
    record(by, action, account, Some(before), Some(after))
}

/// The account itself did it.
pub(in crate::store) fn locked(before: &Account, after: &Account, at: DateTime<Utc>) -> AuditRow {
    let author = Author { name: after.user.clone(), role: after.role.as_str() };
    record(
        &By { author, at },
        AuditAction::AccountLocked,
        after,
        Some(shape(before)),
        Some(shape(after)),
    )
}

const REPLACED: &str = "replaced";

fn shape(account: &Account) -> Value {
    let locked_at = account.standing.locked_at;
    let locked_at = locked_at.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true));
    json!({"role": account.role.as_str(), "locked_at": locked_at})
}

fn record(
    by: &By,
    action: AuditAction,
    account: &Account,
    before: Option<Value>,
    after: Option<Value>,
) -> AuditRow {
    AuditRow {
        at: by.at,
        actor: by.author.name.to_string(),
        role: by.author.role.to_owned(),
        action: action.to_string(),
        target: account.user.to_string(),
        before,
        after,
    }
}
