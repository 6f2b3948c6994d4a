//! What the audit is told of accounts. Never a secret: that a password or a second factor was replaced,
//! not with what.

use crate::auth::account::Account;
use crate::store::accounts::{AccountChange, By};
use crate::store::audit::AuditRow;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

pub(super) fn created(account: &Account, by: &By) -> AuditRow {
    record(by, "account.created", account, None, Some(shape(account)))
}

/// Of an account as it is before the change.
pub(super) fn changed(account: &Account, change: &AccountChange, by: &By) -> AuditRow {
    let before = shape(account);
    let mut after = before.clone();
    let action = match change {
        AccountChange::Role(role) => {
            after["role"] = json!(role.as_str());
            "account.changed"
        }
        AccountChange::Password(_) => {
            after["password"] = json!(REPLACED);
            "account.changed"
        }
        AccountChange::Reset { password, second_factor } => {
            after["locked_at"] = Value::Null;
            if password.is_some() {
                after["password"] = json!(REPLACED);
            }
            if second_factor.is_some() {
                after["second_factor"] = json!(REPLACED);
            }
            "account.reset"
        }
        AccountChange::Delete => {
            return record(by, "account.deleted", account, Some(before), None);
        }
    };
    record(by, action, account, Some(before), Some(after))
}

/// The account itself did it.
pub(super) fn locked(before: &Account, after: &Account, at: DateTime<Utc>) -> AuditRow {
    let by = By { actor: after.user.clone(), role: after.role, at };
    record(&by, "account.locked", after, Some(shape(before)), Some(shape(after)))
}

const REPLACED: &str = "replaced";

fn shape(account: &Account) -> Value {
    let locked_at = account.standing.locked_at;
    let locked_at = locked_at.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true));
    json!({"role": account.role.as_str(), "locked_at": locked_at})
}

fn record(
    by: &By,
    action: &str,
    account: &Account,
    before: Option<Value>,
    after: Option<Value>,
) -> AuditRow {
    AuditRow {
        at: by.at,
        actor: by.actor.to_string(),
        role: by.role.to_string(),
        action: action.to_owned(),
        target: account.user.to_string(),
        before,
        after,
    }
}
