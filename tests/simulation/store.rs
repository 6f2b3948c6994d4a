//! The store double: keeps what is committed in memory, honestly, and fails as its seed says.

use crate::kept::Kept;
use crate::random::Random;
use crate::tables::Tables;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use licence_broker::clock::Clock;
use licence_broker::domain::audit::Author;
use licence_broker::domain::catalogue::Catalogue;
use licence_broker::domain::ids::OrganisationId;
use licence_broker::domain::organisation::Settings;
use licence_broker::domain::user::UserRecord;
use licence_broker::store::{
    AuditFilter, AuditRow, Batch, DenialFilter, DenialRow, Loaded, OrganisationEntry, Page, Part,
    Run, Store, StoreError, Stored, UsageFilter, UsageRow, UsageScribe, UserFilter,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::time::sleep;

/// How one commit goes.
#[derive(Clone, Copy)]
enum Fate {
    Applied,
    Refused,
    /// Applied, and the answer does not know.
    Unknown,
    /// Not applied, and the answer does not know.
    Lost,
}

pub(crate) struct DoubleStore {
    catalogue: Arc<Catalogue>,
    clock: Clock,
    inner: Mutex<Inner>,
}

struct Inner {
    organisations: BTreeMap<OrganisationId, Tables>,
    run: Option<Run>,
    random: Random,
    /// While calm, nothing fails and nothing takes time.
    is_calm: bool,
    life: u32,
    /// What was done, by its name.
    counts: BTreeMap<&'static str, u64>,
    /// When each organisation was last loaded.
    loaded: BTreeMap<OrganisationId, Duration>,
    /// A batch that did not follow: with one broker there is none.
    fenced: Option<String>,
}

impl DoubleStore {
    pub(crate) fn new(seed: u64, catalogue: Arc<Catalogue>, clock: Clock) -> Arc<Self> {
        let inner = Inner {
            organisations: BTreeMap::new(),
            run: None,
            random: Random::new(seed),
            is_calm: true,
            life: 0,
            counts: BTreeMap::new(),
            loaded: BTreeMap::new(),
            fenced: None,
        };
        Arc::new(Self { catalogue, clock, inner: Mutex::new(inner) })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no panic while it is held")
    }

    /// Whether nothing fails from now on.
    pub(crate) fn calm(&self, is_calm: bool) {
        self.lock().is_calm = is_calm;
    }

    /// Another life of the broker begins.
    pub(crate) fn begin_life(&self, life: u32) {
        self.lock().life = life;
    }

    /// How many records of an organisation are durable.
    pub(crate) fn durable(&self, organisation: OrganisationId) -> usize {
        self.lock().organisations[&organisation].log.len()
    }

    /// The records after the first `from`.
    pub(crate) fn since(&self, organisation: OrganisationId, from: usize) -> Vec<Kept> {
        self.lock().organisations[&organisation].log[from..].to_vec()
    }

    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.lock().counts.clone()
    }

    pub(crate) fn fenced(&self) -> Option<String> {
        self.lock().fenced.clone()
    }

    /// When the organisation was last loaded.
    pub(crate) fn loaded(&self, organisation: OrganisationId) -> Duration {
        self.lock().loaded.get(&organisation).copied().unwrap_or_default()
    }

    fn apply(&self, batches: &[Batch]) -> Result<(), StoreError> {
        let elapsed = self.clock.now().elapsed;
        let mut inner = self.lock();
        let Inner { organisations, life, fenced, .. } = &mut *inner;
        for batch in batches {
            let id = batch.organisation;
            let kept = organisations.get(&id).ok_or(StoreError::Fenced(id))?;
            if batch.number > kept.batch + 1 {
                *fenced = Some(format!("batch {} of {id} after {}", batch.number, kept.batch));
                return Err(StoreError::Fenced(id));
            }
        }
        for batch in batches {
            let tables = organisations.get_mut(&batch.organisation).expect("judged above");
            tables.apply(batch, &self.catalogue, elapsed, *life);
        }
        Ok(())
    }
}

impl Inner {
    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// How the next commit goes, and how long it takes before and after it is applied.
    fn fate(&mut self) -> (Fate, Duration, Duration) {
        self.count("commit");
        if self.is_calm {
            return (Fate::Applied, Duration::ZERO, Duration::ZERO);
        }
        let fate = match self.random.below(1000) {
            0..12 => Fate::Refused,
            12..24 => Fate::Unknown,
            24..36 => Fate::Lost,
            _ => Fate::Applied,
        };
        match fate {
            Fate::Applied => {}
            Fate::Refused => self.count("fault: commit refused"),
            Fate::Unknown => self.count("fault: commit unknown, applied"),
            Fate::Lost => self.count("fault: commit unknown, not applied"),
        }
        let before = self.pause();
        let after = self.pause();
        if before + after > Duration::from_millis(300) {
            self.count("fault: commit held");
        }
        (fate, before, after)
    }

    fn pause(&mut self) -> Duration {
        let millis = match self.random.below(100) {
            0..55 => 0,
            55..92 => self.random.below(6),
            92..98 => self.random.below(60),
            _ => 300 + self.random.below(3_000),
        };
        Duration::from_millis(millis)
    }

    fn fails(&mut self, percent: u64, what: &'static str) -> Result<(), StoreError> {
        if !self.is_calm && self.random.chance(percent) {
            self.count(what);
            return Err(StoreError::Aborted("as drawn".to_owned()));
        }
        Ok(())
    }
}

#[async_trait]
impl Store for DoubleStore {
    async fn commit(&self, batches: &[Batch]) -> Result<(), StoreError> {
        let (fate, before, after) = self.lock().fate();
        if !before.is_zero() {
            sleep(before).await;
        }
        if matches!(fate, Fate::Applied | Fate::Unknown) {
            self.apply(batches)?;
        }
        if !after.is_zero() {
            sleep(after).await;
        }
        match fate {
            Fate::Applied => Ok(()),
            Fate::Refused => Err(StoreError::Aborted("as drawn".to_owned())),
            Fate::Unknown | Fate::Lost => Err(StoreError::MaybeApplied("as drawn".to_owned())),
        }
    }

    async fn create_organisation(
        &self,
        settings: &Settings,
        _: Option<&Author>,
    ) -> Result<bool, StoreError> {
        let tables = Tables::new(settings.clone());
        Ok(self.lock().organisations.insert(settings.id, tables).is_none())
    }

    async fn organisations(&self) -> Result<Vec<OrganisationEntry>, StoreError> {
        let inner = self.lock();
        let entries = inner.organisations.iter().map(|(id, tables)| OrganisationEntry {
            id: *id,
            has_open_sessions: !tables.sessions.is_empty(),
        });
        Ok(entries.collect())
    }

    async fn load(&self, organisation: OrganisationId) -> Result<Option<Loaded>, StoreError> {
        let elapsed = self.clock.now().elapsed;
        let mut inner = self.lock();
        inner.fails(15, "fault: load refused")?;
        inner.count("load");
        inner.loaded.insert(organisation, elapsed);
        Ok(inner.organisations.get(&organisation).map(Tables::load))
    }

    async fn record_life(&self, run: Run) -> Result<(), StoreError> {
        let mut inner = self.lock();
        inner.fails(10, "fault: sign of life refused")?;
        let kept = inner.run.get_or_insert(run);
        (kept.since, kept.last) = (kept.since.max(run.since), kept.last.max(run.last));
        Ok(())
    }

    async fn last_run(&self) -> Result<Option<Run>, StoreError> {
        let inner = self.lock();
        let last_record = inner.organisations.values().map(|tables| tables.last_at).max();
        let run = |last: DateTime<Utc>| {
            let since = inner.run.map_or(DateTime::UNIX_EPOCH, |run| run.since);
            Run { since, last: inner.run.map_or(last, |run| run.last.max(last)) }
        };
        Ok(last_record.map(run))
    }

    async fn settings(&self, organisation: OrganisationId) -> Result<Option<Settings>, StoreError> {
        Ok(self.lock().organisations.get(&organisation).map(|kept| kept.settings.clone()))
    }

    async fn prune(&self, _: DateTime<Utc>, _: u32) -> Result<u64, StoreError> {
        unserved()
    }

    async fn settings_page(&self, _: Page) -> Result<Vec<Stored<Settings>>, StoreError> {
        unserved()
    }

    async fn user(&self, _: OrganisationId, _: &str) -> Result<Option<UserRecord>, StoreError> {
        unserved()
    }

    async fn users_page(
        &self,
        _: OrganisationId,
        _: &UserFilter,
        _: Page,
    ) -> Result<Vec<Stored<UserRecord>>, StoreError> {
        unserved()
    }

    async fn usage_page(
        &self,
        _: OrganisationId,
        _: &UsageFilter,
        _: Page,
    ) -> Result<Vec<Stored<UsageRow>>, StoreError> {
        unserved()
    }

    async fn export_usage(
        &self,
        _: OrganisationId,
        _: &UsageFilter,
        _: Page,
        _: Box<dyn UsageScribe>,
    ) -> Result<Part, StoreError> {
        unserved()
    }

    async fn upkeep(&self) -> Result<bool, StoreError> {
        unserved()
    }

    async fn denials_page(
        &self,
        _: OrganisationId,
        _: &DenialFilter,
        _: Page,
    ) -> Result<Vec<Stored<DenialRow>>, StoreError> {
        unserved()
    }

    async fn audit_page(
        &self,
        _: OrganisationId,
        _: &AuditFilter,
        _: Page,
    ) -> Result<Vec<Stored<AuditRow>>, StoreError> {
        unserved()
    }
}

/// What actors never ask for.
pub(crate) fn unserved<T>() -> Result<T, StoreError> {
    panic!("actors read no reports, bills or accounts")
}
