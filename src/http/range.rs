//! Ranges of reports, which are bounded whatever the caller says.

use super::body::Invalid;
use crate::domain::period::Span;
use crate::limits::REPORT_DAYS_MAX;
use crate::store::Range;
use chrono::{DateTime, TimeDelta, Utc};

/// Without `to` it ends with what has happened by `now`, without `from` it is as long as it may be.
pub(super) fn bounded(range: Range, now: DateTime<Utc>) -> Result<Span, Invalid> {
    let longest = TimeDelta::days(REPORT_DAYS_MAX);
    let end = range.to.unwrap_or(now + TimeDelta::milliseconds(1));
    let start = range.from.unwrap_or(end - longest);
    if start > end {
        return Err(Invalid::new("from", "must not be later than `to`"));
    }
    if end - start > longest {
        let why = format!("must be at most {REPORT_DAYS_MAX} days before `to`");
        return Err(Invalid::new("from", why));
    }
    Ok(Span { start, end })
}
