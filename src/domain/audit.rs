//! Administrative changes, and who made them (SPEC §9).

use super::ids::SessionId;
use super::organisation::Settings;
use super::pool::Totals;
use super::reason::{AuditAction, Device};
use super::user::UserRecord;
use super::wallboards::Wallboard;
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use std::sync::Arc;

/// Whoever makes an administrative change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// The name that their token bears.
    pub name: Arc<str>,
    /// Their role, in the contract's word.
    pub role: &'static str,
}

/// What a change was made to, as it stood before or stands after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The organisation itself.
    Settings(Settings),
    /// A user.
    User(UserRecord),
    /// What was bought of a type.
    Totals(Totals),
    /// What a contingency licence of a type costs in a month.
    Price(Option<Decimal>),
    /// A session that was ended.
    Session {
        /// Which.
        session: SessionId,
        /// Whose.
        user: Arc<str>,
        /// On which device.
        device: Device,
    },
    /// A configured wallboard.
    Wallboard(Wallboard),
    /// How many wallboards may be configured.
    WallboardMaximum(u32),
}

/// A record of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// When.
    pub at: DateTime<Utc>,
    /// By whom.
    pub author: Author,
    /// What was done.
    pub action: AuditAction,
    /// To what: a name, a key or a number.
    pub target: Arc<str>,
    /// As it stood; `None` for what was not there.
    pub before: Option<Subject>,
    /// As it stands; `None` for what is not there any more.
    pub after: Option<Subject>,
}
