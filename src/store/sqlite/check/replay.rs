//! Replays the per-user log of all organisations, record by record, in one pass.
//!
//! What is kept in memory is what was held at the same time, never the log.

use super::Checking;
use super::known::Known;
use super::maxima::Maxima;
use super::order::GROWS;
use crate::domain::catalogue::{Catalogue, Model};
use crate::domain::ids::SessionId;
use crate::domain::reason::{GrantPool, UsageType};
use crate::store::StoreError;
use crate::store::sqlite::error::aborted;
use crate::store::sqlite::value::{Reader, SessionText};
use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteRow;
use std::collections::HashMap;
use std::sync::Arc;
use ulid::Ulid;

const SESSIONS: &str = "a session is named by a ULID";
const ENDS: &str = "a grant has one release after it, or an open instance";
const HELD: &str = "an open instance has its grant";

/// What came of it.
#[derive(Default)]
pub(super) struct Replayed {
    pub(super) invariants: usize,
    pub(super) records: u64,
    pub(super) instances: usize,
}

/// A record of the log.
pub(super) struct Record<'r> {
    id: i64,
    pub(super) organisation: i64,
    pub(super) at: i64,
    is_grant: bool,
    pub(super) licence: TypeNumber,
    user: &'r str,
    device: &'r str,
    session: u128,
    pool: &'r str,
}

/// A licence type, numbered as types turn up in the log.
pub(super) type TypeNumber = usize;

/// See [`TypeNumber`].
pub(super) struct Type {
    pub(super) key: Arc<str>,
    /// `None` if the catalogue does not have it.
    pub(super) model: Option<Model>,
}

/// An instance: the organisation's key, the session, the type.
type Instance = (i64, u128, TypeNumber);

/// A grant that has no release yet.
#[derive(Debug, PartialEq, Eq)]
struct Grant {
    id: i64,
    user: Arc<str>,
    pool: Box<str>,
    device: Box<str>,
}

/// What a record must be, given all before it: the invariant, and what is wrong otherwise.
type Rule = (&'static str, fn(&Replay<'_>, &Record<'_>) -> Option<String>);

const RULES: &[Rule] = &[
    (GROWS, later_than_the_one_before),
    (ENDS, granted_once),
    ("a release has its grant", released_what_was_granted),
    ("a release repeats user, device and pool of its grant", repeats_its_grant),
    ("a grant is shared if its user holds the type already", shared_or_not),
    ("nobody becomes a holder while all that was bought is in use", fits_what_was_bought),
];

struct Replay<'a> {
    known: &'a Known,
    catalogue: &'a Catalogue,
    types: Vec<Type>,
    numbers: HashMap<Arc<str>, TypeNumber>,
    open: HashMap<Instance, Grant>,
    /// Instances of each holder, by organisation and type.
    holders: HashMap<(i64, TypeNumber), HashMap<Arc<str>, u32>>,
    last_at: HashMap<i64, i64>,
}

/// Replays the log and holds what is open at its end against what is kept as open.
pub(super) async fn check(
    checking: &mut Checking<'_>,
    known: &Known,
) -> Result<Replayed, StoreError> {
    let mut maxima = Maxima::read(checking, known).await?;
    let mut replay = Replay::new(known, checking.catalogue);
    let records = replay.log(checking, &mut maxima).await?;
    let holders = |organisation, number| replay.holders(organisation, number);
    maxima.finish(&replay.types, holders, &mut checking.findings);
    let instances = replay.compare_with_open(checking).await?;
    Ok(Replayed { invariants: RULES.len() + 3, records, instances })
}

impl<'a> Replay<'a> {
    fn new(known: &'a Known, catalogue: &'a Catalogue) -> Self {
        Self {
            known,
            catalogue,
            types: Vec::new(),
            numbers: HashMap::new(),
            open: HashMap::new(),
            holders: HashMap::new(),
            last_at: HashMap::new(),
        }
    }

    /// How many records there were.
    async fn log(
        &mut self,
        checking: &mut Checking<'_>,
        maxima: &mut Maxima<'_>,
    ) -> Result<u64, StoreError> {
        let text = "SELECT id, organisation, at, usage_type, licence, user, device, session, pool \
                    FROM usage ORDER BY id";
        let mut rows = sqlx::query(text).fetch(&mut *checking.connection);
        let mut records = 0;
        while let Some(row) = rows.try_next().await.map_err(aborted)? {
            records += 1;
            let row = Reader(&row);
            let Ok(session) = Ulid::from_string(row.text("session")?) else {
                let (id, key) = (row.integer("id")?, row.integer("organisation")?);
                let what = format!("`{}` is none", row.text("session")?);
                checking.findings.broken(SESSIONS, "usage", Some(key), id, what);
                continue;
            };
            let record = self.record(row, session.0)?;
            for (invariant, rule) in RULES {
                if let Some(what) = rule(self, &record) {
                    let key = Some(record.organisation);
                    checking.findings.broken(invariant, "usage", key, record.id, what);
                }
            }
            let (types, holders) = (&self.types, &self.holders);
            let count = |organisation, number| count(holders, organisation, number);
            maxima.turn(record.organisation, record.at, types, count, &mut checking.findings);
            if self.apply(&record) {
                let holders = self.holders(record.organisation, record.licence);
                maxima.raise(&record, &self.types[record.licence], holders);
            }
        }
        Ok(records)
    }

    fn record<'r>(
        &mut self,
        row: Reader<'r, SqliteRow>,
        session: u128,
    ) -> Result<Record<'r>, StoreError> {
        Ok(Record {
            id: row.integer("id")?,
            organisation: row.integer("organisation")?,
            at: row.integer("at")?,
            is_grant: row.text("usage_type")? == UsageType::Acquired.as_str(),
            licence: self.number(row.text("licence")?),
            user: row.text("user")?,
            device: row.text("device")?,
            session,
            pool: row.text("pool")?,
        })
    }

    fn number(&mut self, key: &str) -> TypeNumber {
        if let Some(number) = self.numbers.get(key) {
            return *number;
        }
        let key: Arc<str> = key.into();
        let model = self.catalogue.find(&key).map(|licence| self.catalogue.get(licence).model);
        self.types.push(Type { key: key.clone(), model });
        self.numbers.insert(key, self.types.len() - 1);
        self.types.len() - 1
    }

    /// Whether somebody became a holder.
    fn apply(&mut self, record: &Record<'_>) -> bool {
        self.last_at.insert(record.organisation, record.at);
        let key = (record.organisation, record.licence);
        let instance = (record.organisation, record.session, record.licence);
        let holders = self.holders.entry(key).or_default();
        if record.is_grant {
            let user: Arc<str> = match holders.get_key_value(record.user) {
                Some((user, _)) => user.clone(),
                None => record.user.into(),
            };
            let (pool, device) = (record.pool.into(), record.device.into());
            let grant = Grant { id: record.id, user: user.clone(), pool, device };
            if self.open.insert(instance, grant).is_some() {
                return false;
            }
            let instances = holders.entry(user).or_default();
            *instances += 1;
            return *instances == 1;
        }
        let Some(grant) = self.open.remove(&instance) else { return false };
        if let Some(instances) = holders.get_mut(&grant.user) {
            *instances -= 1;
            if *instances == 0 {
                holders.remove(&grant.user);
            }
        }
        false
    }

    fn holders(&self, organisation: i64, number: TypeNumber) -> u32 {
        count(&self.holders, organisation, number)
    }

    /// Whether the log is whole at a record: what comes before it may be deleted otherwise.
    fn is_whole(&self, record: &Record<'_>) -> bool {
        let organisation = self.known.organisations.get(&record.organisation);
        organisation.is_some_and(|organisation| record.at >= organisation.whole_from)
    }

    fn instance_of(&self, record: &Record<'_>) -> Option<&Grant> {
        self.open.get(&(record.organisation, record.session, record.licence))
    }

    /// How many instances are kept as open.
    async fn compare_with_open(mut self, checking: &mut Checking<'_>) -> Result<usize, StoreError> {
        let text = "SELECT organisation, session, licence, i.pool, coalesce(s.user, '') AS user, \
                    coalesce(s.device, '') AS device FROM instances i LEFT JOIN sessions s USING (organisation, session)";
        let rows = sqlx::query(text).fetch_all(&mut *checking.connection).await.map_err(aborted)?;
        for row in rows.iter().map(Reader) {
            let (key, licence) = (row.integer("organisation")?, row.text("licence")?);
            let number = self.number(licence);
            // What is named by no ULID has no grant.
            let session = Ulid::from_string(row.text("session")?).unwrap_or_default();
            let grant = self.open.remove(&(key, session.0, number));
            let (user, device, pool) = (row.text("user")?, row.text("device")?, row.text("pool")?);
            let record = format!("{} {licence}", row.text("session")?);
            let what = match grant {
                None => "the log has no grant of it that was not released".to_owned(),
                Some(grant)
                    if (&*grant.user, &*grant.device, &*grant.pool) != (user, device, pool) =>
                {
                    format!("user, device or pool is not that of its grant, usage {}", grant.id)
                }
                Some(_) => continue,
            };
            checking.findings.broken(HELD, "instances", Some(key), record, what);
        }
        self.never_ended(checking);
        Ok(rows.len())
    }

    fn never_ended(&self, checking: &mut Checking<'_>) {
        let mut left: Vec<_> = self.open.iter().collect();
        left.sort_by_key(|(_, grant)| grant.id);
        for ((organisation, session, number), grant) in left {
            let session = SessionText::of(SessionId(*session));
            let licence = &self.types[*number].key;
            let what = format!("{licence} was granted to session {session} and never released");
            checking.findings.broken(ENDS, "usage", Some(*organisation), grant.id, what);
        }
    }
}

fn count(
    holders: &HashMap<(i64, TypeNumber), HashMap<Arc<str>, u32>>,
    organisation: i64,
    number: TypeNumber,
) -> u32 {
    let count = holders.get(&(organisation, number)).map_or(0, HashMap::len);
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn later_than_the_one_before(replay: &Replay<'_>, record: &Record<'_>) -> Option<String> {
    let before = replay.last_at.get(&record.organisation).filter(|before| **before > record.at)?;
    Some(format!("its instant {} is before {before}, that of the record before", record.at))
}

fn granted_once(replay: &Replay<'_>, record: &Record<'_>) -> Option<String> {
    let before = replay.instance_of(record).filter(|_| record.is_grant)?;
    Some(format!("granted again; the grant before, usage {}, was not released", before.id))
}

fn released_what_was_granted(replay: &Replay<'_>, record: &Record<'_>) -> Option<String> {
    let is_missing = !record.is_grant && replay.instance_of(record).is_none();
    (is_missing && replay.is_whole(record)).then(|| "released, and was not held".to_owned())
}

fn repeats_its_grant(replay: &Replay<'_>, record: &Record<'_>) -> Option<String> {
    let grant = replay.instance_of(record).filter(|_| !record.is_grant)?;
    let differs = [
        ("user", &*grant.user, record.user),
        ("device", &*grant.device, record.device),
        ("pool", &*grant.pool, record.pool),
    ]
    .into_iter()
    .find(|(_, granted, released)| granted != released)?;
    let (name, granted, released) = differs;
    Some(format!("its {name} is `{released}`, that of its grant, usage {}, `{granted}`", grant.id))
}

fn shared_or_not(replay: &Replay<'_>, record: &Record<'_>) -> Option<String> {
    let is_concurrent = replay.types[record.licence].model == Some(Model::Concurrent);
    if !record.is_grant || !is_concurrent || !replay.is_whole(record) {
        return None;
    }
    let holders = replay.holders.get(&(record.organisation, record.licence));
    let holds = holders.is_some_and(|holders| holders.contains_key(record.user));
    let is_shared = record.pool == GrantPool::Shared.as_str();
    (holds != is_shared).then(|| {
        let is = if holds { "holds the type already" } else { "does not hold the type yet" };
        format!("granted as {}, and the user {is}", record.pool)
    })
}

fn fits_what_was_bought(replay: &Replay<'_>, record: &Record<'_>) -> Option<String> {
    let licence = &replay.types[record.licence];
    let holders = replay.holders.get(&(record.organisation, record.licence));
    let holds = holders.is_some_and(|holders| holders.contains_key(record.user));
    let is_new = record.is_grant && !holds && licence.model == Some(Model::Concurrent);
    if !is_new || !replay.is_whole(record) {
        return None;
    }
    let in_force = replay.known.in_force(record.organisation, &licence.key, record.at);
    let holders = replay.holders(record.organisation, record.licence);
    let fits = in_force.all().any(|totals| totals.next(holders).is_some());
    (!fits).then(|| {
        format!(
            "`{}` became a holder of {}, which {holders} held already",
            record.user, licence.key
        )
    })
}
