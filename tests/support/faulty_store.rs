//! A store that fails when it is told to, for tests of the layers above.
//!
//! Wraps any store. Commits pass one after the other through: the count, the gate ([`FaultyStore::hold`]),
//! the outage ([`FaultyStore::set_down`]), then the next planned fault ([`FaultyStore::plan`]). Reads are
//! the wrapped store's own, but fail while it is down.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use licence_broker::auth::account::{Account, Verdict};
use licence_broker::auth::editions::{Edition, Owner};
use licence_broker::domain::audit::Author;
use licence_broker::domain::ids::OrganisationId;
use licence_broker::domain::organisation::Settings;
use licence_broker::domain::period::Span;
use licence_broker::domain::user::UserRecord;
use licence_broker::store::accounts::{
    AccountChange, Accounts, By, Changing, Creation, NewAccount, SignIn,
};
use licence_broker::store::bills::{Bills, ClosedLine, MaximumRow, TotalsRow};
use licence_broker::store::reports::{
    ByTime, DemandRow, DeniedRow, IntervalFilter, IntervalRow, MetricsRow, ReportOutcome,
    ReportQuery, Reports,
};
use licence_broker::store::{
    AuditFilter, AuditRow, Batch, DenialFilter, DenialRow, Extent, Loaded, OrganisationEntry, Page,
    Part, Run, Store, StoreError, Stored, UsageFilter, UsageRow, UsageScribe, UserFilter,
};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// How one commit fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing is applied, and the answer says so.
    Abort,
    /// All is applied, and the answer does not know.
    ApplyUnknown,
    /// Nothing is applied, and the answer does not know.
    LoseUnknown,
}

/// See the head of this file.
pub(crate) struct FaultyStore {
    inner: Arc<dyn Store>,
    /// Whether commits wait at the gate.
    held: watch::Sender<bool>,
    /// Whether loads wait at the gate.
    held_loads: watch::Sender<bool>,
    /// Commits that have begun, those at the gate included.
    begun: watch::Sender<u64>,
    batches: AtomicU64,
    is_down: AtomicBool,
    faults: Mutex<VecDeque<Fault>>,
    /// Loads that have begun, those that fail included.
    loads: AtomicU64,
    /// Loads that are still to panic.
    panics: AtomicU64,
    /// The number of the organisation that cannot be read; 0 for none.
    damaged: AtomicU64,
}

impl FaultyStore {
    /// Fails nothing until told.
    pub(crate) fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            held: watch::Sender::new(false),
            held_loads: watch::Sender::new(false),
            begun: watch::Sender::new(0),
            batches: AtomicU64::new(0),
            is_down: AtomicBool::new(false),
            faults: Mutex::new(VecDeque::new()),
            loads: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            damaged: AtomicU64::new(0),
        })
    }

    /// Commits that begin from now on wait until [`Self::release`].
    pub(crate) fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Loads that begin from now on wait until [`Self::release`].
    pub fn hold_loads(&self) {
        self.held_loads.send_replace(true);
    }

    /// Lets the waiting commits and loads go on, and those that follow.
    pub(crate) fn release(&self) {
        self.held_loads.send_replace(false);
        self.held.send_replace(false);
    }

    /// The next `times` commits that pass the gate fail like this, after those planned before.
    pub(crate) fn plan(&self, fault: Fault, times: usize) {
        let mut faults = self.faults.lock().expect("no test panics while planning");
        faults.extend(std::iter::repeat_n(fault, times));
    }

    /// Forgets what was planned, lets go what waits, and is up.
    pub fn calm(&self) {
        self.faults.lock().expect("no test panics while planning").clear();
        self.panic_loads(0);
        self.set_down(false);
        self.release();
    }

    /// The next `times` loads panic, in the task of whoever loads.
    pub fn panic_loads(&self, times: u64) {
        self.panics.store(times, Ordering::SeqCst);
    }

    /// This organisation cannot be read, until it is said of another; 0 is none.
    pub fn damage(&self, organisation: u64) {
        self.damaged.store(organisation, Ordering::SeqCst);
    }

    /// While down, everything is refused as aborted, loads and reports too.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::SeqCst);
    }

    /// Commits that have begun so far.
    pub(crate) fn commits(&self) -> u64 {
        *self.begun.borrow()
    }

    /// Loads that have begun so far.
    pub fn loads(&self) -> u64 {
        self.loads.load(Ordering::SeqCst)
    }

    /// Batches in the commits that have begun so far.
    pub(crate) fn batches(&self) -> u64 {
        self.batches.load(Ordering::SeqCst)
    }

    /// Waits until so many commits have begun: the last of them may stand at the gate.
    pub(crate) async fn commits_begun(&self, commits: u64) {
        let reached = self.begun.subscribe().wait_for(|begun| *begun >= commits).await.is_ok();
        assert!(reached, "the store counts for as long as it lives");
    }

    fn up(&self) -> Result<&dyn Store, StoreError> {
        if self.is_down.load(Ordering::SeqCst) {
            return Err(StoreError::Aborted("the store is down".to_owned()));
        }
        Ok(&*self.inner)
    }

    fn next_fault(&self) -> Option<Fault> {
        self.faults.lock().expect("no test panics while planning").pop_front()
    }
}

#[async_trait]
impl Bills for FaultyStore {
    async fn closed_lines(
        &self,
        organisation: OrganisationId,
        month: NaiveDate,
    ) -> Result<Vec<ClosedLine>, StoreError> {
        self.up()?.closed_lines(organisation, month).await
    }

    async fn maxima(
        &self,
        organisation: OrganisationId,
        month: NaiveDate,
    ) -> Result<Vec<MaximumRow>, StoreError> {
        self.up()?.maxima(organisation, month).await
    }

    async fn totals_history(
        &self,
        organisation: OrganisationId,
        licence: &str,
        to: DateTime<Utc>,
    ) -> Result<Vec<TotalsRow>, StoreError> {
        self.up()?.totals_history(organisation, licence, to).await
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn commit(&self, batches: &[Batch]) -> Result<(), StoreError> {
        self.batches.fetch_add(batches.len() as u64, Ordering::SeqCst);
        self.begun.send_modify(|begun| *begun += 1);
        let passed = self.held.subscribe().wait_for(|held| !held).await.is_ok();
        assert!(passed, "the gate stands for as long as the store lives");
        let store = self.up()?;
        let unknown = || StoreError::MaybeApplied("as planned".to_owned());
        match self.next_fault() {
            None => store.commit(batches).await,
            Some(Fault::Abort) => Err(StoreError::Aborted("as planned".to_owned())),
            Some(Fault::ApplyUnknown) => store.commit(batches).await.and(Err(unknown())),
            Some(Fault::LoseUnknown) => Err(unknown()),
        }
    }

    async fn create_organisation(
        &self,
        settings: &Settings,
        author: Option<&Author>,
    ) -> Result<bool, StoreError> {
        self.up()?.create_organisation(settings, author).await
    }

    async fn organisations(&self) -> Result<Vec<OrganisationEntry>, StoreError> {
        self.up()?.organisations().await
    }

    async fn load(&self, organisation: OrganisationId) -> Result<Option<Loaded>, StoreError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        let one_less = |panics: u64| panics.checked_sub(1);
        let left = self.panics.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less);
        assert!(left.is_err(), "a load that panics, as planned");
        let passed = self.held_loads.subscribe().wait_for(|held| !held).await.is_ok();
        assert!(passed, "the gate stands for as long as the store lives");
        if self.damaged.load(Ordering::SeqCst) == organisation.get() {
            return Err(StoreError::Corrupt("as planned".to_owned()));
        }
        self.up()?.load(organisation).await
    }

    async fn record_life(&self, run: Run) -> Result<(), StoreError> {
        self.up()?.record_life(run).await
    }

    async fn last_run(&self) -> Result<Option<Run>, StoreError> {
        self.up()?.last_run().await
    }

    async fn prune(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        self.up()?.prune(before, limit).await
    }

    async fn settings(&self, organisation: OrganisationId) -> Result<Option<Settings>, StoreError> {
        self.up()?.settings(organisation).await
    }

    async fn settings_page(&self, page: Page) -> Result<Vec<Stored<Settings>>, StoreError> {
        self.up()?.settings_page(page).await
    }

    async fn user(
        &self,
        organisation: OrganisationId,
        user: &str,
    ) -> Result<Option<UserRecord>, StoreError> {
        self.up()?.user(organisation, user).await
    }

    async fn users_page(
        &self,
        organisation: OrganisationId,
        filter: &UserFilter,
        page: Page,
    ) -> Result<Vec<Stored<UserRecord>>, StoreError> {
        self.up()?.users_page(organisation, filter, page).await
    }

    async fn usage_page(
        &self,
        organisation: OrganisationId,
        filter: &UsageFilter,
        page: Page,
    ) -> Result<Vec<Stored<UsageRow>>, StoreError> {
        self.up()?.usage_page(organisation, filter, page).await
    }

    async fn export_usage(
        &self,
        organisation: OrganisationId,
        filter: &UsageFilter,
        page: Page,
        scribe: Box<dyn UsageScribe>,
    ) -> Result<Part, StoreError> {
        self.up()?.export_usage(organisation, filter, page, scribe).await
    }

    async fn upkeep(&self) -> Result<bool, StoreError> {
        self.up()?.upkeep().await
    }

    async fn extent(&self) -> Result<Extent, StoreError> {
        self.up()?.extent().await
    }

    async fn denials_page(
        &self,
        organisation: OrganisationId,
        filter: &DenialFilter,
        page: Page,
    ) -> Result<Vec<Stored<DenialRow>>, StoreError> {
        self.up()?.denials_page(organisation, filter, page).await
    }

    async fn audit_page(
        &self,
        organisation: OrganisationId,
        filter: &AuditFilter,
        page: Page,
    ) -> Result<Vec<Stored<AuditRow>>, StoreError> {
        self.up()?.audit_page(organisation, filter, page).await
    }
}

#[async_trait]
impl Accounts for FaultyStore {
    async fn account(
        &self,
        organisation: Option<OrganisationId>,
        user: &str,
    ) -> Result<Option<Account>, StoreError> {
        self.up()?.account(organisation, user).await
    }

    async fn accounts_page(
        &self,
        organisation: OrganisationId,
        page: Page,
    ) -> Result<Vec<Stored<Account>>, StoreError> {
        self.up()?.accounts_page(organisation, page).await
    }

    async fn editions(&self) -> Result<Vec<(Owner, Edition)>, StoreError> {
        self.up()?.editions().await
    }

    async fn create_account(
        &self,
        new: &NewAccount,
        max: u32,
        by: &By,
    ) -> Result<Creation, StoreError> {
        self.up()?.create_account(new, max, by).await
    }

    async fn change_account(
        &self,
        organisation: Option<OrganisationId>,
        user: &str,
        expected_version: Option<u64>,
        change: &AccountChange,
        by: &By,
    ) -> Result<Changing, StoreError> {
        self.up()?.change_account(organisation, user, expected_version, change, by).await
    }

    async fn sign_in(&self, sign_in: &SignIn) -> Result<Verdict, StoreError> {
        self.up()?.sign_in(sign_in).await
    }
}

#[async_trait]
impl Reports for FaultyStore {
    async fn intervals_page(
        &self,
        organisation: OrganisationId,
        filter: &IntervalFilter,
        page: Page,
    ) -> Result<Vec<Stored<IntervalRow>>, StoreError> {
        self.up()?.intervals_page(organisation, filter, page).await
    }

    async fn metrics_page(
        &self,
        organisation: OrganisationId,
        question: &ByTime,
        page: Page,
    ) -> Result<Vec<Stored<MetricsRow>>, StoreError> {
        self.up()?.metrics_page(organisation, question, page).await
    }

    async fn denied_page(
        &self,
        organisation: OrganisationId,
        question: &ByTime,
        page: Page,
    ) -> Result<Vec<Stored<DeniedRow>>, StoreError> {
        self.up()?.denied_page(organisation, question, page).await
    }

    async fn demand(
        &self,
        organisation: OrganisationId,
        span: Span,
    ) -> Result<Vec<DemandRow>, StoreError> {
        self.up()?.demand(organisation, span).await
    }

    async fn report(
        &self,
        organisation: OrganisationId,
        query: &ReportQuery,
    ) -> Result<ReportOutcome, StoreError> {
        self.up()?.report(organisation, query).await
    }
}
