//! What an administrative change was made to, as the audit log keeps it: JSON with the contract's names.

use crate::domain::audit::Subject;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::LicenceSet;
use crate::domain::organisation::Settings;
use crate::domain::user::UserRecord;
use serde_json::{Value, json};

/// The JSON object of one side of a change.
pub(super) fn subject(subject: &Subject, catalogue: &Catalogue) -> String {
    let value = match subject {
        Subject::Settings(settings) => organisation(settings),
        Subject::User(record) => user(record, catalogue),
        Subject::Totals(totals) => json!({
            "base": totals.base,
            "concurrent": totals.concurrent,
            "contingency": totals.contingency,
            "fixed": totals.fixed,
        }),
        Subject::Price(price) => json!({"unit_price": price.map(|price| price.to_string())}),
        Subject::Session { session, user, device } => json!({
            "session": session.to_string(),
            "user": user,
            "device": device.as_str(),
        }),
        Subject::Wallboard(wallboard) => json!({
            "id": wallboard.id,
            "name": wallboard.name,
            "user": wallboard.user,
        }),
        Subject::WallboardMaximum(maximum) => json!({"maximum": maximum}),
    };
    value.to_string()
}

/// The organisation itself, without what never changes.
pub(super) fn organisation(settings: &Settings) -> Value {
    json!({
        "id": settings.id.get(),
        "name": settings.name,
        "time_zone": settings.time_zone.name(),
        "max_grace_s": settings.max_grace_s,
        "scheduled_log_off": settings.scheduled_log_off.map(|at| at.format("%H:%M").to_string()),
    })
}

fn user(record: &UserRecord, catalogue: &Catalogue) -> Value {
    let keys = |features: LicenceSet| -> Vec<Value> {
        features.iter().map(|licence| Value::from(&**catalogue.key(licence))).collect()
    };
    let mut value = json!({
        "user": record.user,
        "name": record.name,
        "status": record.status.as_str(),
        "user_type": &**catalogue.key(record.user_type),
        "features": keys(record.features),
    });
    if !record.synced.is_empty() {
        value["synced"] = keys(record.synced).into();
    }
    value
}
