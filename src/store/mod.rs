//! What is kept.
//!
//! One trait, so that the layers above know no database. What the rules decide is written by
//! [`Store::commit`] alone: their events, several organisations in one transaction. Reading is either of an
//! organisation as a whole ([`Store::load`]) or of pages for reports. Who signs in to the broker itself is
//! no matter of the rules, and kept beside them ([`Accounts`]).

pub mod accounts;
pub mod audit;
mod audit_text;
mod background;
mod bill_rows;
pub mod bills;
mod by_time;
mod change;
mod figure_rows;
mod figure_sql;
mod loaded;
mod log_rows;
mod net_effect;
pub mod open;
pub mod ownership;
pub mod postgres;
pub mod report_fields;
mod report_statement;
pub mod reports;
pub mod sqlite;
mod value;
pub mod whole;

pub use accounts::Accounts;
pub use audit::{AuditFilter, AuditRow};
pub use open::open;
pub use ownership::Ownership;

use crate::domain::audit::Author;
use crate::domain::event::Event;
use crate::domain::ids::{OrganisationId, SessionId, UserName};
use crate::domain::organisation::Settings;
use crate::domain::reason::{
    DenialOutcome, DenialReason, Device, GrantPool, LogonSource, ReleaseReason, UsageType,
    UserStatus,
};
use crate::domain::resume::Snapshot;
use crate::domain::user::UserRecord;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use reports::Reports;
use std::fmt::Display;
use std::sync::Arc;

/// What one organisation decided since its last commit.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Whose decisions.
    pub organisation: OrganisationId,
    /// The number of this batch: one more than that of the organisation's batch before. A batch that
    /// is committed twice is applied once; one that skips a number is refused.
    pub number: u64,
    /// Under which claim of the organisation it was decided; 0 where nobody claims ([`Ownership`]). A batch
    /// of another claim than the last one is refused, whatever its number.
    pub epoch: u64,
    /// What changed, in the order of the decisions.
    pub events: Arc<[Event]>,
    /// The instant of the last of them.
    pub at: DateTime<Utc>,
    /// The organisation's sequence after the last of them.
    pub sequence: u64,
}

/// Why the store did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing of it was applied; it may be tried again.
    #[error("the store refused: {0}")]
    Aborted(String),
    /// The store takes nothing from anybody at present: it is locked, full, read-only, or its disk fails.
    /// Nothing of it was applied, and whatever else is tried now meets the same.
    #[error("the store refused: {0}")]
    Refused(String),
    /// It may or may not have been applied: load anew before anything is decided.
    #[error("the outcome of a commit is unknown: {0}")]
    MaybeApplied(String),
    /// The batch does not follow the last one that was committed: somebody else writes for this
    /// organisation, or the organisation is gone.
    #[error("organisation {0} has moved on without this writer")]
    Fenced(OrganisationId),
    /// The file itself is damaged: whatever is read or written may be wrong.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// What is kept contradicts itself or the catalogue.
    #[error("what is kept cannot be read: {0}")]
    Corrupt(String),
}

impl StoreError {
    /// The kinds of error, as metrics and the log call them.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Aborted(_) => "aborted",
            Self::Refused(_) => "refused",
            Self::MaybeApplied(_) => "maybe_applied",
            Self::Fenced(_) => "fenced",
            Self::Damaged(_) => "damaged",
            Self::Corrupt(_) => "corrupt",
        }
    }

    /// The same, of a store that has a name: for whoever has no other way to know which one it is.
    #[must_use]
    pub fn of(self, place: impl Display) -> Self {
        let name = |why: String| format!("{place}: {why}");
        match self {
            Self::Aborted(why) => Self::Aborted(name(why)),
            Self::Refused(why) => Self::Refused(name(why)),
            Self::MaybeApplied(why) => Self::MaybeApplied(name(why)),
            Self::Damaged(why) => Self::Damaged(name(why)),
            Self::Corrupt(why) => Self::Corrupt(name(why)),
            fenced @ Self::Fenced(_) => fenced,
        }
    }
}

/// An organisation as a whole.
#[derive(Debug)]
pub struct Loaded {
    /// What the rules need.
    pub snapshot: Snapshot,
    /// The number of the last batch that was committed.
    pub batch: u64,
}

/// An organisation that exists, for the directory at start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrganisationEntry {
    /// Its number.
    pub id: OrganisationId,
    /// Whether sessions were open when the broker stopped.
    pub has_open_sessions: bool,
}

/// A time in which the broker ran without a break, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// When it began.
    pub since: DateTime<Utc>,
    /// When it was last known to be alive.
    pub last: DateTime<Utc>,
}

/// A row of a list, and where the page after it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored<T> {
    /// Rows after this one have a larger cursor.
    pub cursor: i64,
    /// The row.
    pub row: T,
}

/// A part of a list, oldest first.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Only rows with a larger cursor; 0 for the first page.
    pub after: i64,
    /// At most so many.
    pub limit: u32,
}

/// From `from` (inclusive) to `to` (exclusive).
#[derive(Clone, Copy, Debug, Default)]
pub struct Range {
    /// Nothing earlier.
    pub from: Option<DateTime<Utc>>,
    /// Nothing at or after.
    pub to: Option<DateTime<Utc>>,
}

/// Which users; `None` filters nothing.
#[derive(Clone, Debug, Default)]
pub struct UserFilter {
    /// Whose login name or display name has this in it. Small and large letters of ASCII are one.
    pub search: Option<String>,
    /// Of one status.
    pub status: Option<UserStatus>,
    /// Of one user type, by its key.
    pub user_type: Option<String>,
}

/// Which records of the per-user log; `None` filters nothing.
#[derive(Clone, Debug, Default)]
pub struct UsageFilter {
    /// When.
    pub range: Range,
    /// Whose.
    pub user: Option<String>,
    /// Of which type, by its key.
    pub licence: Option<String>,
    /// Grants or releases.
    pub usage_type: Option<UsageType>,
    /// By which kind of device, or which kind of end.
    pub logon_source: Option<LogonSource>,
    /// Releases for this reason.
    pub reason: Option<ReleaseReason>,
    /// Of one session.
    pub session: Option<SessionId>,
}

/// Which denials; `None` filters nothing.
#[derive(Clone, Debug, Default)]
pub struct DenialFilter {
    /// When.
    pub range: Range,
    /// Whose.
    pub user: Option<String>,
    /// Of which name, known or not.
    pub licence: Option<String>,
    /// By which kind of device; ends of sessions are denied nothing.
    pub logon_source: Option<LogonSource>,
    /// For which reason.
    pub reason: Option<DenialReason>,
}

/// A record of the per-user log as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRow {
    /// Grant or release.
    pub usage_type: UsageType,
    /// When.
    pub at: DateTime<Utc>,
    /// The key of the type; the catalogue may have lost it since.
    pub licence: String,
    /// Whose.
    pub user: UserName,
    /// How reports name the device, or the end.
    pub logon_source: LogonSource,
    /// On which device.
    pub device: Device,
    /// By which session.
    pub session: SessionId,
    /// From which pool.
    pub pool: GrantPool,
    /// Why it was released.
    pub reason: Option<ReleaseReason>,
}

/// A record of the per-user log in the contract's words, lent while it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageLine<'a> {
    /// `Acquired` or `Released`.
    pub usage_type: &'a str,
    /// When.
    pub at: DateTime<Utc>,
    /// The key of the type; the catalogue may have lost it since.
    pub licence: &'a str,
    /// Whose.
    pub user: &'a str,
    /// How reports name the device, or the end.
    pub logon_source: &'a str,
    /// On which device.
    pub device: &'a str,
    /// By which session: a ULID.
    pub session: &'a str,
    /// From which pool.
    pub pool: &'a str,
    /// Why it was released.
    pub reason: Option<&'a str>,
}

/// Turns the records of the per-user log into text, one after the other.
pub trait UsageScribe: Send {
    /// Writes one more.
    fn write(&mut self, line: &UsageLine<'_>);

    /// All that was written.
    fn finish(self: Box<Self>) -> Vec<u8>;
}

/// A part of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What the scribe wrote; may be empty though others follow.
    pub text: Vec<u8>,
    /// After which row the next part begins; `None` if this is the last one.
    pub after: Option<i64>,
}

/// A denial as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DenialRow {
    /// When.
    pub at: DateTime<Utc>,
    /// What was asked for: the key of a type, or the name that was not in the catalogue.
    pub licence: String,
    /// Whose request.
    pub user: UserName,
    /// On which device.
    pub device: Device,
    /// The first reason that fitted.
    pub reason: DenialReason,
    /// What became of the request.
    pub outcome: DenialOutcome,
}

/// How large a store is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Bytes of each of its files, by what it is: `database`, `journal`.
    pub files: Vec<(&'static str, u64)>,
    /// Runs of the index by user that are still to be written.
    pub runs_behind: u64,
}

/// A place where organisations are kept.
///
/// After `Ok` what was written survives the loss of power. Reads see every commit that was answered.
#[async_trait]
pub trait Store: Accounts + bills::Bills + Reports + Send + Sync + 'static {
    /// Keeps a new organisation, and notes in its audit log who created it; `false` if the number is
    /// taken.
    async fn create_organisation(
        &self,
        settings: &Settings,
        author: Option<&Author>,
    ) -> Result<bool, StoreError>;

    /// Every organisation that exists.
    async fn organisations(&self) -> Result<Vec<OrganisationEntry>, StoreError>;

    /// One organisation, or `None` if it does not exist.
    async fn load(&self, organisation: OrganisationId) -> Result<Option<Loaded>, StoreError>;

    /// Applies the batches in one transaction: all of them or none.
    async fn commit(&self, batches: &[Batch]) -> Result<(), StoreError>;

    /// Notes that the broker was alive until `run.last`, running since `run.since`; neither moves
    /// backwards.
    async fn record_life(&self, run: Run) -> Result<(), StoreError>;

    /// The last run of the broker that is known of. Its end is the later of the last sign of life and the
    /// last record.
    async fn last_run(&self) -> Result<Option<Run>, StoreError>;

    /// Forgets records of the logs, five-minute figures and audit records from before `before`, at most
    /// `limit` of each kind of each organisation in a transaction. How many; 0 when there is nothing left.
    ///
    /// What a session that is still open has stays, and so does everything of a month that is not closed.
    async fn prune(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError>;

    /// The settings of one organisation.
    async fn settings(&self, organisation: OrganisationId) -> Result<Option<Settings>, StoreError>;

    /// A page of organisations.
    async fn settings_page(&self, page: Page) -> Result<Vec<Stored<Settings>>, StoreError>;

    /// One user.
    async fn user(
        &self,
        organisation: OrganisationId,
        user: &str,
    ) -> Result<Option<UserRecord>, StoreError>;

    /// A page of users, deleted ones apart.
    async fn users_page(
        &self,
        organisation: OrganisationId,
        filter: &UserFilter,
        page: Page,
    ) -> Result<Vec<Stored<UserRecord>>, StoreError>;

    /// A page of the per-user log.
    async fn usage_page(
        &self,
        organisation: OrganisationId,
        filter: &UsageFilter,
        page: Page,
    ) -> Result<Vec<Stored<UsageRow>>, StoreError>;

    /// What `filter` lets through, written by `scribe` while it is read: for exports, which keep no rows.
    /// `page.limit` bounds the records that are looked at, so that a part is short however few it lets
    /// through. Between two parts nothing is held; all exports together have one reader at a time.
    async fn export_usage(
        &self,
        organisation: OrganisationId,
        filter: &UsageFilter,
        page: Page,
        scribe: Box<dyn UsageScribe>,
    ) -> Result<Part, StoreError>;

    /// Does a small piece of the work that commits leave behind (indexes that are written later); whether
    /// there is more of it. Commits wait while it runs. Answers are the same whether it is done or not.
    async fn upkeep(&self) -> Result<bool, StoreError>;

    /// Who has which organisation, where several nodes share the store. `None`: one has them all.
    fn ownership(&self) -> Option<&dyn Ownership> {
        None
    }

    /// How large the store is, for whoever looks from outside. One that keeps no files has nothing to say.
    async fn extent(&self) -> Result<Extent, StoreError> {
        Ok(Extent::default())
    }

    /// A page of the denials.
    async fn denials_page(
        &self,
        organisation: OrganisationId,
        filter: &DenialFilter,
        page: Page,
    ) -> Result<Vec<Stored<DenialRow>>, StoreError>;

    /// A page of the audit, in the order in which its records were kept.
    async fn audit_page(
        &self,
        organisation: OrganisationId,
        filter: &AuditFilter,
        page: Page,
    ) -> Result<Vec<Stored<AuditRow>>, StoreError>;
}
