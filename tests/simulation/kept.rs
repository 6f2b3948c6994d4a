//! What the store keeps, in plain words: all that the auditor reads of it.

use chrono::{DateTime, NaiveDate, Utc};
use licence_broker::domain::catalogue::Catalogue;
use licence_broker::domain::event::{DeniedName, Event, UsageRecord};
use licence_broker::domain::ids::{LicenceId, LicenceSet};
use std::sync::Arc;
use std::time::Duration;

/// The key of a licence type.
pub(crate) type Key = Arc<str>;

/// A record, with when and in which life of the broker the store took it.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) row: Row,
    /// Monotonic time at which it was applied.
    pub(crate) elapsed: Duration,
    /// How many lives the broker had before.
    pub(crate) life: u32,
}

#[derive(Clone, Debug)]
pub(crate) enum Row {
    Opened { session: u128, user: Key, device: &'static str, since: DateTime<Utc>, grace_s: u32 },
    Closed { session: u128 },
    Usage(Usage),
    Denied { at: DateTime<Utc>, licence: Key, user: Key },
    Queued { session: u128, licence: Key, place: u64 },
    Unqueued { session: u128, licence: Key },
    Maximum { month: NaiveDate, licence: Key, maximum: u32, at: DateTime<Utc> },
    Month { month: NaiveDate, at: DateTime<Utc>, maxima: Vec<(Key, u32)> },
    Interval { start: DateTime<Utc>, figures: Vec<Figures> },
    Totals { licence: Key, concurrent: u32, contingency: u32, at: DateTime<Utc> },
    User { user: Key, licences: Vec<Key> },
    UserGone { user: Key },
    Other,
}

/// An instance acquired or released.
#[derive(Clone, Debug)]
pub(crate) struct Usage {
    pub(crate) at: DateTime<Utc>,
    pub(crate) licence: Key,
    pub(crate) user: Key,
    pub(crate) session: u128,
    pub(crate) pool: &'static str,
    /// `None` for a grant.
    pub(crate) reason: Option<&'static str>,
}

/// One type in one five-minute record.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    pub(crate) licence: Key,
    pub(crate) concurrent: u32,
    pub(crate) contingency: u32,
    /// Concurrent, contingency.
    pub(crate) peaks: [u32; 2],
    pub(crate) lows: [u32; 2],
}

/// An event in plain words.
pub(crate) fn row_of(event: &Event, catalogue: &Catalogue) -> Row {
    let key = |licence: &LicenceId| catalogue.key(*licence).clone();
    match event {
        Event::SessionOpened(opened) => Row::Opened {
            session: opened.session.0,
            user: opened.user.clone(),
            device: opened.device.as_str(),
            since: opened.since,
            grace_s: opened.grace_s,
        },
        Event::SessionClosed { session } => Row::Closed { session: session.0 },
        Event::Acquired { record, .. } | Event::Released(record) => usage(record, catalogue),
        Event::Denied(record) => Row::Denied {
            at: record.at,
            licence: match &record.denied.licence {
                DeniedName::Licence(licence) => key(licence),
                DeniedName::Unknown(name) => name.clone(),
            },
            user: record.user.clone(),
        },
        Event::Queued { session, licence, place } => {
            Row::Queued { session: session.0, licence: key(licence), place: *place }
        }
        Event::Unqueued { session, licence } => {
            Row::Unqueued { session: session.0, licence: key(licence) }
        }
        Event::MaximumRaised { month, licence, maximum, at, .. } => {
            Row::Maximum { month: *month, licence: key(licence), maximum: *maximum, at: *at }
        }
        Event::MonthClosed { month, lines, at } => Row::Month {
            month: *month,
            at: *at,
            maxima: lines.iter().map(|line| (key(&line.licence), line.contingency_max)).collect(),
        },
        Event::IntervalClosed { .. }
        | Event::TotalsSet { .. }
        | Event::UserSaved(_)
        | Event::UserDeleted { .. } => estate(event, catalogue),
        Event::BaseUnitSaved { .. }
        | Event::Lapsed { .. }
        | Event::PriceSet { .. }
        | Event::WallboardSaved(_)
        | Event::WallboardRemoved { .. }
        | Event::WallboardMaximumSet { .. }
        | Event::Audited(_)
        | Event::SettingsSaved(_)
        | Event::OrganisationRemoved { .. } => Row::Other,
    }
}

fn estate(event: &Event, catalogue: &Catalogue) -> Row {
    let key = |licence: LicenceId| catalogue.key(licence).clone();
    let keys = |licences: LicenceSet| licences.iter().map(key).collect();
    match event {
        Event::IntervalClosed { start, records } => Row::Interval {
            start: *start,
            figures: records
                .iter()
                .map(|record| Figures {
                    licence: key(record.licence),
                    concurrent: record.concurrent,
                    contingency: record.contingency,
                    peaks: [record.concurrent_extent.peak, record.contingency_extent.peak],
                    lows: [record.concurrent_extent.low, record.contingency_extent.low],
                })
                .collect(),
        },
        Event::TotalsSet { licence, totals, at, .. } => Row::Totals {
            licence: key(*licence),
            concurrent: totals.concurrent,
            contingency: totals.contingency,
            at: *at,
        },
        Event::UserSaved(record) => {
            Row::User { user: record.user.clone(), licences: keys(record.licences()) }
        }
        Event::UserDeleted { user, .. } => Row::UserGone { user: user.clone() },
        _ => Row::Other,
    }
}

fn usage(record: &UsageRecord, catalogue: &Catalogue) -> Row {
    Row::Usage(Usage {
        at: record.at,
        licence: catalogue.key(record.licence).clone(),
        user: record.user.clone(),
        session: record.session.0,
        pool: record.pool.as_str(),
        reason: record.reason.map(licence_broker::domain::reason::ReleaseReason::as_str),
    })
}
