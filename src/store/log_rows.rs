//! What the rows of the logs mean, in whatever database they are.

use super::value::{Columns, Reader, corrupt};
use super::{AuditRow, DenialRow, StoreError, Stored, UsageFilter, UsageLine, UsageRow};
use crate::domain::ids::SessionId;
use crate::domain::reason::{
    DenialOutcome, DenialReason, Device, GrantPool, LogonSource, ReleaseReason, UsageType,
};
use ulid::Ulid;

/// The columns that [`denial`] reads.
pub(super) const DENIAL_COLUMNS: &str = "at, licence, \"user\", device, reason, outcome";

/// The columns that [`audit`] reads.
pub(super) const AUDIT_COLUMNS: &str = "at, actor, role, action, target, before, after";

/// What an export judges of a record itself: all but whose, when and of which session, so that a part ends
/// after so many records however few of them are asked for.
pub(super) fn lets_through(filter: &UsageFilter, line: &UsageLine<'_>) -> bool {
    filter.licence.as_deref().is_none_or(|licence| line.licence == licence)
        && filter.usage_type.is_none_or(|usage_type| line.usage_type == usage_type.as_str())
        && filter.logon_source.is_none_or(|source| line.logon_source == source.as_str())
        && filter.reason.is_none_or(|reason| line.reason == Some(reason.as_str()))
}

/// The rest of the filter: what an export asks the database for.
pub(super) fn looked_at(filter: &UsageFilter) -> UsageFilter {
    let UsageFilter { range, session, .. } = *filter;
    UsageFilter { range, user: filter.user.clone(), session, ..UsageFilter::default() }
}

/// A record of the per-user log by itself, its words understood.
pub(super) fn usage(cursor: i64, line: &UsageLine<'_>) -> Result<Stored<UsageRow>, StoreError> {
    let session = Ulid::from_string(line.session).map_err(|_| corrupt("session", line.session))?;
    let row = UsageRow {
        usage_type: word("usage_type", line.usage_type, UsageType::from_word)?,
        at: line.at,
        licence: line.licence.to_owned(),
        user: line.user.into(),
        logon_source: word("logon_source", line.logon_source, LogonSource::from_word)?,
        device: word("device", line.device, Device::from_word)?,
        session: SessionId(session.0),
        pool: word("pool", line.pool, GrantPool::from_word)?,
        reason: line
            .reason
            .map(|reason| word("reason", reason, ReleaseReason::from_word))
            .transpose()?,
    };
    Ok(Stored { cursor, row })
}

fn word<T>(column: &str, word: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, StoreError> {
    parse(word).ok_or_else(|| corrupt(column, word))
}

/// A denial, from [`DENIAL_COLUMNS`].
pub(super) fn denial<C: Columns>(row: Reader<'_, C>) -> Result<DenialRow, StoreError> {
    Ok(DenialRow {
        at: row.instant("at")?,
        licence: row.text("licence")?.to_owned(),
        user: row.shared_text("user")?,
        device: row.word("device", Device::from_word)?,
        reason: row.word("reason", DenialReason::from_word)?,
        outcome: row.word("outcome", DenialOutcome::from_word)?,
    })
}

/// The device that grants by this source; denials know no other end.
pub(super) fn device_of(source: LogonSource) -> &'static str {
    let device = Device::ALL.iter().find(|device| device.logon_source() == source);
    device.map_or("", |device| device.as_str())
}

/// A record of the audit, from [`AUDIT_COLUMNS`].
pub(super) fn audit<C: Columns>(row: Reader<'_, C>) -> Result<AuditRow, StoreError> {
    let value = |column| {
        let text = row.optional_text(column)?;
        text.map(|text| serde_json::from_str(text).map_err(|_| corrupt(column, text))).transpose()
    };
    Ok(AuditRow {
        at: row.instant("at")?,
        actor: row.text("actor")?.to_owned(),
        role: row.text("role")?.to_owned(),
        action: row.text("action")?.to_owned(),
        target: row.text("target")?.to_owned(),
        before: value("before")?,
        after: value("after")?,
    })
}
