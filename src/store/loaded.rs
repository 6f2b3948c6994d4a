//! What the rows of an organisation mean when it is loaded as a whole: questions and answers that are the
//! same on every database. The first parameter of each question is the organisation's internal key.

use super::value::{self, Columns, Reader, SessionText, corrupt};
use super::{Loaded, StoreError};
use crate::domain::activity::{Lapsed, StoredLapse};
use crate::domain::base::BaseUnit;
use crate::domain::catalogue::Catalogue;
use crate::domain::event::SessionOpened;
use crate::domain::ids::{LicenceId, LicenceSet, ResumeDigest, SessionId, UserName};
use crate::domain::interval::{PastChange, PastChangeKind, interval_of};
use crate::domain::moment::{day_of, start_of_day};
use crate::domain::organisation::Settings;
use crate::domain::pool::Totals;
use crate::domain::reason::{Device, UsageType};
use crate::domain::resume::{Snapshot, StoredSession, month_under_way};
use crate::domain::session::Place;
use crate::domain::user::UserRecord;
use crate::domain::wallboards::Wallboard;
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use std::collections::HashMap;

/// The columns that [`head`] reads.
pub(super) const HEAD_COLUMNS: &str = "key, number, name, time_zone, max_grace_s, \
    scheduled_log_off_s, created_at, version, totals_version, batch, last_at, sequence, \
    intervals_until, wallboards_maximum, wallboards_version, month, month_began_at";
/// For [`value::user`].
pub(super) const USERS: &str = "SELECT \"user\", name, status, user_type, features, synced, \
    created_at, version FROM users WHERE organisation = $1 AND removed_at IS NULL ORDER BY id";
/// For [`sessions`].
pub(super) const SESSIONS: &str = "SELECT session, \"user\", device, since, grace_s, resume, \
    address, CAST(held AS TEXT) AS held FROM sessions WHERE organisation = $1 ORDER BY session";
/// For [`place`].
pub(super) const PLACES: &str =
    "SELECT session, licence, place FROM places WHERE organisation = $1";
/// Of a month; for [`if_known`].
pub(super) const MAXIMA: &str =
    "SELECT licence, maximum FROM maxima WHERE organisation = $1 AND month = $2";
/// The last month that was closed, where the organisation's row does not say which is under way.
pub(super) const MONTH_CLOSED: &str =
    "SELECT month FROM bill_lines WHERE organisation = $1 ORDER BY month DESC LIMIT 1";
/// For [`bought`].
pub(super) const BOUGHT: &str = "SELECT licence, base, concurrent, contingency, fixed, unit_price \
    FROM totals WHERE organisation = $1";
/// For [`change_of_totals`].
pub(super) const TOTALS_LOG: &str = "SELECT licence, at, base, concurrent, contingency, fixed \
    FROM totals_log WHERE organisation = $1 ORDER BY id";
/// Units that are assigned, or were assigned after an instant; for [`base_unit`].
pub(super) const BASE_UNITS: &str = "SELECT unit, licence, \"user\", is_gone, assigned_at, \
    is_reassigned, released_at FROM base_units \
    WHERE organisation = $1 AND (released_at IS NULL OR assigned_at > $2) ORDER BY unit";
/// Of a month; for [`lapse`].
pub(super) const LAPSES: &str =
    "SELECT licence, \"user\", is_gone FROM lapses WHERE organisation = $1 AND month = $2";
/// For [`wallboard`].
pub(super) const WALLBOARDS: &str =
    "SELECT id, name, \"user\", created_at FROM wallboards WHERE organisation = $1";

/// An organisation's own row.
pub(super) struct Head {
    pub(super) key: i64,
    pub(super) settings: Settings,
    totals_version: u64,
    batch: u64,
    pub(super) last_at: DateTime<Utc>,
    sequence: u64,
    intervals_until: DateTime<Utc>,
    /// The month that was under way and when it was begun, where that is kept.
    pub(super) month: Option<(NaiveDate, DateTime<Utc>)>,
    wallboard_maximum: u32,
    wallboard_version: u64,
}

/// From [`HEAD_COLUMNS`].
pub(super) fn head<R: Columns>(row: Reader<'_, R>) -> Result<Head, StoreError> {
    Ok(Head {
        key: row.integer("key")?,
        settings: value::settings(row)?,
        totals_version: row.counter("totals_version")?,
        batch: row.counter("batch")?,
        last_at: row.instant("last_at")?,
        sequence: row.counter("sequence")?,
        intervals_until: row.instant("intervals_until")?,
        month: value::month_under_way(row)?,
        wallboard_maximum: row.count("wallboards_maximum")?,
        wallboard_version: row.counter("wallboards_version")?,
    })
}

impl Head {
    /// The month that was under way when the last record was made, and when it was begun; from the last one
    /// that was closed where the row itself does not say.
    pub(super) fn month_after(&self, closed: Option<NaiveDate>) -> (NaiveDate, DateTime<Utc>) {
        self.month.unwrap_or_else(|| {
            let zone = self.settings.time_zone;
            let month = month_under_way(self.last_at, zone, closed);
            (month, start_of_day(month, zone))
        })
    }

    /// The midnight before the last record, where the organisation is.
    pub(super) fn midnight(&self) -> DateTime<Utc> {
        let zone = self.settings.time_zone;
        start_of_day(day_of(self.last_at, zone), zone)
    }

    /// The start of the interval of the last record; `None` if that has its records already.
    pub(super) fn open_interval(&self) -> Option<DateTime<Utc>> {
        let start = interval_of(self.last_at);
        (self.intervals_until <= start).then_some(start)
    }
}

/// Everything that stands in other rows.
pub(super) struct Body {
    pub(super) users: Vec<UserRecord>,
    pub(super) bought: Bought,
    pub(super) totals_log: TotalsLog,
    pub(super) sessions: Vec<StoredSession>,
    pub(super) base_units: Vec<BaseUnit>,
    pub(super) lapses: Vec<StoredLapse>,
    pub(super) wallboards: Vec<Wallboard>,
    pub(super) maxima: Vec<(LicenceId, u32)>,
    pub(super) month: (NaiveDate, DateTime<Utc>),
    /// Grants and releases since [`Head::open_interval`].
    pub(super) since_interval: Vec<PastChange>,
    pub(super) denied_today: Vec<(LicenceId, u32)>,
}

/// The organisation as a whole.
pub(super) fn whole(head: Head, body: Body) -> Loaded {
    let (month, began_at) = body.month;
    let mut since_interval = body.since_interval;
    if let Some(start) = head.open_interval() {
        since_interval.extend(body.totals_log.changes_since(start));
        since_interval.sort_by_key(|change| change.at);
    }
    let prices = body.bought.iter().filter_map(|(licence, (_, price))| Some((*licence, (*price)?)));
    let snapshot = Snapshot {
        prices: prices.collect(),
        totals: body.bought.iter().map(|(licence, (totals, _))| (*licence, *totals)).collect(),
        highest: body.totals_log.highest_in(began_at),
        totals_version: head.totals_version,
        sessions: body.sessions,
        users: body.users,
        base_units: body.base_units,
        lapses: body.lapses,
        wallboards: body.wallboards,
        wallboard_maximum: head.wallboard_maximum,
        wallboard_version: head.wallboard_version,
        maxima: body.maxima,
        month,
        intervals_until: head.intervals_until,
        since_interval,
        denied_today: body.denied_today,
        last_at: head.last_at,
        sequence: head.sequence,
        settings: head.settings,
    };
    Loaded { snapshot, batch: head.batch }
}

/// What is bought, and prices. Of types that the catalogue has lost they are in force for nobody.
pub(super) type Bought = Vec<(LicenceId, (Totals, Option<Decimal>))>;

/// Every change of what was bought, oldest first.
pub(super) struct TotalsLog(pub(super) Vec<(LicenceId, (DateTime<Utc>, Totals))>);

impl TotalsLog {
    /// The highest totals in force from `start` on; those in force when it came included. A change of
    /// that very instant was decided after the month was begun.
    fn highest_in(&self, start: DateTime<Utc>) -> Vec<(LicenceId, Totals)> {
        let mut highest: HashMap<LicenceId, Totals> = HashMap::new();
        for (licence, (at, totals)) in &self.0 {
            let before = highest.get(licence).copied().unwrap_or_default();
            let now = if *at < start { *totals } else { before.highest(*totals) };
            highest.insert(*licence, now);
        }
        highest.into_iter().collect()
    }

    /// The changes from `start` on, each with what was bought before.
    fn changes_since(&self, start: DateTime<Utc>) -> Vec<PastChange> {
        let mut current: HashMap<LicenceId, Totals> = HashMap::new();
        let mut changes = Vec::new();
        for (licence, (at, totals)) in &self.0 {
            let before = current.insert(*licence, *totals).unwrap_or_default();
            if *at >= start {
                let change = PastChangeKind::Totals(before);
                changes.push(PastChange { at: *at, licence: *licence, change });
            }
        }
        changes
    }
}

/// What is counted by type; types that the catalogue has lost are passed over.
pub(super) fn if_known<'r, R: Columns, T>(
    row: Reader<'r, R>,
    catalogue: &Catalogue,
    read: impl FnOnce(Reader<'r, R>) -> Result<T, StoreError>,
) -> Result<Option<(LicenceId, T)>, StoreError> {
    let licence = catalogue.find(row.text("licence")?);
    licence.map(|licence| Ok((licence, read(row)?))).transpose()
}

/// Those of which something is known.
pub(super) fn known<T>(rows: Result<Vec<Option<T>>, StoreError>) -> Result<Vec<T>, StoreError> {
    rows.map(|rows| rows.into_iter().flatten().collect())
}

/// From [`BOUGHT`].
pub(super) fn bought<R: Columns>(
    row: Reader<'_, R>,
) -> Result<(Totals, Option<Decimal>), StoreError> {
    Ok((totals(row)?, row.optional_word("unit_price", |text| text.parse().ok())?))
}

/// From [`TOTALS_LOG`].
pub(super) fn change_of_totals<R: Columns>(
    row: Reader<'_, R>,
) -> Result<(DateTime<Utc>, Totals), StoreError> {
    Ok((row.instant("at")?, totals(row)?))
}

/// From the four columns of what was bought.
pub(super) fn totals<R: Columns>(row: Reader<'_, R>) -> Result<Totals, StoreError> {
    Ok(Totals {
        base: row.count("base")?,
        concurrent: row.count("concurrent")?,
        contingency: row.count("contingency")?,
        fixed: row.count("fixed")?,
    })
}

/// From [`BASE_UNITS`].
pub(super) fn base_unit<R: Columns>(
    row: Reader<'_, R>,
    catalogue: &Catalogue,
) -> Result<BaseUnit, StoreError> {
    Ok(BaseUnit {
        unit: row.counter("unit")?,
        licence: row.licence("licence", catalogue)?,
        user: row.shared_text("user")?,
        is_gone: row.integer("is_gone")? != 0,
        assigned_at: row.instant("assigned_at")?,
        is_reassigned: row.integer("is_reassigned")? != 0,
        released_at: row.optional_instant("released_at")?,
    })
}

/// From [`LAPSES`].
pub(super) fn lapse<R: Columns>(
    row: Reader<'_, R>,
    catalogue: &Catalogue,
) -> Result<StoredLapse, StoreError> {
    let key = row.text("licence")?;
    let licences: LicenceSet = catalogue.find(key).into_iter().collect();
    let is_gone = row.integer("is_gone")? != 0;
    Ok(StoredLapse {
        user: (!is_gone).then(|| row.shared_text("user")).transpose()?,
        lapsed: Lapsed { licences, at_all: key.is_empty() },
    })
}

/// From [`WALLBOARDS`].
pub(super) fn wallboard<R: Columns>(row: Reader<'_, R>) -> Result<Wallboard, StoreError> {
    Ok(Wallboard {
        id: row.shared_text("id")?,
        name: row.shared_text("name")?,
        user: row.optional_text("user")?.map(Into::into),
        created_at: row.instant("created_at")?,
    })
}

/// A grant or a release, from `at`, `usage_type`, `licence` and `user`.
pub(super) fn past_change<R: Columns>(
    row: Reader<'_, R>,
    catalogue: &Catalogue,
) -> Result<Option<PastChange>, StoreError> {
    let Some(licence) = catalogue.find(row.text("licence")?) else { return Ok(None) };
    let user = row.shared_text("user")?;
    let change = match row.word("usage_type", UsageType::from_word)? {
        UsageType::Acquired => PastChangeKind::Acquired(user),
        UsageType::Released => PastChangeKind::Released(user),
    };
    Ok(Some(PastChange { at: row.instant("at")?, licence, change }))
}

/// Names of users, so that a session shares that of its user.
pub(super) type Names<'u> = HashMap<&'u str, &'u UserName>;

/// The names of these users.
pub(super) fn names(users: &[UserRecord]) -> Names<'_> {
    users.iter().map(|record| (&*record.user, &record.user)).collect()
}

/// From [`SESSIONS`]; without its places.
pub(super) fn session<R: Columns>(
    row: Reader<'_, R>,
    names: &Names<'_>,
    catalogue: &Catalogue,
) -> Result<StoredSession, StoreError> {
    let user = row.text("user")?;
    let user = names.get(user).ok_or_else(|| corrupt("a session of the unknown user", user))?;
    let resume = row.blob("resume")?;
    let digest =
        resume.try_into().map_err(|_| corrupt("a resume digest of length", resume.len()))?;
    let opened = SessionOpened {
        session: row.session()?,
        user: UserName::clone(user),
        device: row.word("device", Device::from_word)?,
        since: row.instant("since")?,
        grace_s: row.count("grace_s")?,
        resume: ResumeDigest(digest),
        address: row.shared_text("address")?,
    };
    let instances = value::held(row.text("held")?, catalogue)?;
    Ok(StoredSession { opened, instances, places: Vec::new() })
}

/// From [`PLACES`].
pub(super) fn place<R: Columns>(
    row: Reader<'_, R>,
    catalogue: &Catalogue,
) -> Result<(SessionId, Place), StoreError> {
    let licence = row.licence("licence", catalogue)?;
    Ok((row.session()?, Place { licence, place: row.counter("place")? }))
}

/// Gives each session its places; sessions are ordered by id.
pub(super) fn put_places(
    sessions: &mut [StoredSession],
    places: Vec<(SessionId, Place)>,
) -> Result<(), StoreError> {
    for (session, place) in places {
        session_of(sessions, session)?.places.push(place);
    }
    Ok(())
}

fn session_of(
    sessions: &mut [StoredSession],
    id: SessionId,
) -> Result<&mut StoredSession, StoreError> {
    match sessions.binary_search_by_key(&id, |stored| stored.opened.session) {
        Ok(position) => Ok(&mut sessions[position]),
        Err(_) => Err(corrupt("something held by the unknown session", SessionText::of(id))),
    }
}
