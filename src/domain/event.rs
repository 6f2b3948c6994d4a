//! What a decision changed: the only thing that is written to the store.

use super::activity::LapseChange;
use super::audit::{AuditRecord, Author, Subject};
use super::base::BaseUnit;
use super::billing::BillLine;
use super::ids::{LicenceId, LinkId, ResumeDigest, SessionId, UserName};
use super::interval::IntervalRecord;
use super::moment::Moment;
use super::organisation::Settings;
use super::overflow::HeldBy;
use super::pool::Totals;
use super::reason::{
    AuditAction, BaseChange, DenialOutcome, DenialReason, Device, EndReason, GrantPool,
    ReleaseReason, UsageType,
};
use super::user::UserRecord;
use super::wallboards::Wallboard;
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use std::sync::Arc;

/// A session that began, and all that is needed to find it again after a restart.
#[derive(Clone, Debug)]
pub struct SessionOpened {
    /// The new session.
    pub session: SessionId,
    /// Whose it is.
    pub user: UserName,
    /// On which device.
    pub device: Device,
    /// When it began.
    pub since: DateTime<Utc>,
    /// Seconds of grace after an unclean end; 0 for none.
    pub grace_s: u32,
    /// Proves a resume.
    pub resume: ResumeDigest,
    /// The peer's address.
    pub address: Arc<str>,
}

/// A record of the per-user log: an instance acquired or released (SPEC §7, Licence Usage).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRecord {
    /// Which of the two.
    pub usage_type: UsageType,
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub licence: LicenceId,
    /// Whose.
    pub user: UserName,
    /// On which device.
    pub device: Device,
    /// By which session.
    pub session: SessionId,
    /// From which pool; a release repeats that of its grant.
    pub pool: GrantPool,
    /// Why it was released; `None` for a grant.
    pub reason: Option<ReleaseReason>,
}

/// What a denied name stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeniedName {
    /// A type of the catalogue.
    Licence(LicenceId),
    /// A name that the catalogue does not have, as the client wrote it.
    Unknown(Arc<str>),
}

/// A licence that could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// What was asked for.
    pub licence: DeniedName,
    /// The first reason that fits.
    pub reason: DenialReason,
}

/// A record of demand that could not be served (SPEC §7, Denials).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DenialRecord {
    /// When.
    pub at: DateTime<Utc>,
    /// What was denied, and why.
    pub denied: Denied,
    /// Whose request it was.
    pub user: UserName,
    /// On which device.
    pub device: Device,
    /// What became of the request.
    pub outcome: DenialOutcome,
}

/// One change of an organisation, in the order of its decisions.
#[derive(Clone, Debug)]
pub enum Event {
    /// A login was granted.
    SessionOpened(SessionOpened),
    /// A session is over; its instances were released before.
    SessionClosed {
        /// Which.
        session: SessionId,
    },
    /// An instance was acquired.
    Acquired {
        /// The record of the log.
        record: UsageRecord,
        /// The rank of the user among the holders of the type.
        holder_order: u64,
        /// Since when the user is a holder.
        holder_since: DateTime<Utc>,
    },
    /// An instance was released.
    Released(UsageRecord),
    /// A licence was denied.
    Denied(DenialRecord),
    /// A session waits for a licence.
    Queued {
        /// Which session.
        session: SessionId,
        /// For what.
        licence: LicenceId,
        /// Its place; smaller is served earlier.
        place: u64,
    },
    /// A session no longer waits for a licence.
    Unqueued {
        /// Which session.
        session: SessionId,
        /// For what.
        licence: LicenceId,
    },
    /// The month's contingency maximum rose, or began anew.
    MaximumRaised {
        /// The first day of the month.
        month: NaiveDate,
        /// Of which type.
        licence: LicenceId,
        /// The contingency licences in use at that instant.
        maximum: u32,
        /// When.
        at: DateTime<Utc>,
        /// The sessions by which they were held then, and whose they are.
        sessions: HeldBy,
    },
    /// A month is over; its lines never change.
    MonthClosed {
        /// Its first day.
        month: NaiveDate,
        /// A line for each type of which anything was bought in it or in use.
        lines: Vec<BillLine>,
        /// When it ended.
        at: DateTime<Utc>,
    },
    /// An interval is over.
    IntervalClosed {
        /// When it began; it ended [`super::interval::INTERVAL`] later.
        start: DateTime<Utc>,
        /// In catalogue order; at least one.
        records: Vec<IntervalRecord>,
    },
    /// A base licence changed hands.
    BaseUnitSaved {
        /// As it stands now.
        unit: BaseUnit,
        /// What became of it; `None` where only its user was deleted.
        change: Option<BaseChange>,
        /// When.
        at: DateTime<Utc>,
    },
    /// A user who was active this month is not any more, or is again.
    Lapsed {
        /// The first day of the month.
        month: NaiveDate,
        /// Who.
        user: UserName,
        /// What.
        change: LapseChange,
        /// When.
        at: DateTime<Utc>,
    },
    /// A user was created or changed.
    UserSaved(UserRecord),
    /// A user was deleted.
    UserDeleted {
        /// Who.
        user: UserName,
        /// When.
        at: DateTime<Utc>,
    },
    /// What was bought of a type changed.
    TotalsSet {
        /// Of which type.
        licence: LicenceId,
        /// What is bought now.
        totals: Totals,
        /// The version of all totals.
        version: u64,
        /// When.
        at: DateTime<Utc>,
    },
    /// The price of a type changed.
    PriceSet {
        /// Of which type.
        licence: LicenceId,
        /// What a contingency licence costs in a month now.
        price: Option<Decimal>,
        /// The version of all totals and prices.
        version: u64,
    },
    /// A wallboard was configured or changed.
    WallboardSaved(Wallboard),
    /// A wallboard was taken away.
    WallboardRemoved {
        /// Its id.
        id: Arc<str>,
    },
    /// The number of wallboards that may be configured changed.
    WallboardMaximumSet {
        /// That many.
        maximum: u32,
        /// Its version.
        version: u64,
    },
    /// Somebody changed something as an administrator.
    Audited(AuditRecord),
    /// The organisation's settings changed.
    SettingsSaved(Settings),
    /// The organisation was deleted.
    OrganisationRemoved {
        /// When.
        at: DateTime<Utc>,
    },
}

impl Event {
    /// The session that holds or waits for something else from now on, or is there or not.
    pub fn session(&self) -> Option<SessionId> {
        match self {
            Self::SessionOpened(opened) => Some(opened.session),
            Self::Acquired { record, .. } | Self::Released(record) => Some(record.session),
            Self::SessionClosed { session }
            | Self::Queued { session, .. }
            | Self::Unqueued { session, .. } => Some(*session),
            Self::Denied(_)
            | Self::MaximumRaised { .. }
            | Self::MonthClosed { .. }
            | Self::IntervalClosed { .. }
            | Self::BaseUnitSaved { .. }
            | Self::Lapsed { .. }
            | Self::UserSaved(_)
            | Self::UserDeleted { .. }
            | Self::TotalsSet { .. }
            | Self::PriceSet { .. }
            | Self::WallboardSaved(_)
            | Self::WallboardRemoved { .. }
            | Self::WallboardMaximumSet { .. }
            | Self::Audited(_)
            | Self::SettingsSaved(_)
            | Self::OrganisationRemoved { .. } => None,
        }
    }
}

/// What a connection is told without having asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A wait ended: what was granted, in catalogue order.
    Granted(Vec<(LicenceId, GrantPool)>),
    /// Features were taken away.
    Released {
        /// Which, in catalogue order.
        licences: Vec<LicenceId>,
        /// Why.
        reason: ReleaseReason,
    },
    /// The connection is to be closed.
    Ended(EndReason),
}

/// What a decision does besides answering.
#[derive(Debug, Default)]
pub struct Effects {
    /// To be kept, in this order, before anybody hears of the decision.
    pub events: Vec<Event>,
    /// To be sent, in this order, once the events are durable: those of what time had brought, then the
    /// answer, then the others.
    pub notices: Vec<(LinkId, Notice)>,
    /// How many of the notices come before the answer. Whoever gives back what was granted a moment ago would
    /// otherwise be told of the grant last.
    pub before_answer: usize,
    /// Who asked for it, if it is an administrative change; it is noted in the audit log then.
    pub author: Option<Author>,
}

impl Effects {
    /// Notes an administrative change, if it is one: what devices and time bring has no author.
    pub(super) fn audit(
        &mut self,
        now: Moment,
        action: AuditAction,
        target: impl Into<Arc<str>>,
        before: Option<Subject>,
        after: Option<Subject>,
    ) {
        let Some(author) = self.author.clone() else { return };
        let (at, target) = (now.at, target.into());
        let record = AuditRecord { at, author, action, target, before, after };
        self.events.push(Event::Audited(record));
    }
}

/// What came of a command.
#[derive(Debug)]
pub struct Decision<A> {
    /// For whoever asked.
    pub answer: A,
    /// For the store and for others.
    pub effects: Effects,
}
