//! The organisation of a table, its clock, its connections, and all that it said so far.

use crate::keeper::Keeper;
use crate::script::When;
use crate::words::Speaker;
use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use licence_broker::catalogue_file;
use licence_broker::domain::billing::{BillLine, amount};
use licence_broker::domain::catalogue::Catalogue;
use licence_broker::domain::event::{DenialRecord, Event, Notice, UsageRecord};
use licence_broker::domain::ids::{
    LicenceId, LicenceSet, LinkId, OrganisationId, ResumeDigest, SessionId, UserName,
};
use licence_broker::domain::interval::{INTERVAL, IntervalRecord};
use licence_broker::domain::moment::Moment;
use licence_broker::domain::organisation::{Bounds, Command, Organisation, Settings};
use licence_broker::domain::pool::Totals;
use licence_broker::domain::reason::Device;
use std::sync::Arc;
use std::time::Duration;

/// A device on the wire: what its session actor would know.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) user: UserName,
    pub(crate) device: Device,
    pub(crate) session: SessionId,
    pub(crate) link: LinkId,
}

/// What the first lines of a table say of the organisation itself.
#[derive(Debug)]
pub(crate) struct Charter {
    pub(crate) id: OrganisationId,
    pub(crate) zone: Tz,
    pub(crate) max_grace_s: u32,
    pub(crate) log_off: Option<NaiveTime>,
    pub(crate) queue_max: u32,
}

pub(crate) struct Stage {
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) organisation: Organisation,
    pub(crate) keeper: Keeper,
    pub(crate) bounds: Bounds,
    pub(crate) now: Moment,
    pub(crate) connections: Vec<Connection>,
    ids: u64,
    /// Notices of the current step.
    pub(crate) told: Vec<(LinkId, Notice)>,
    /// Records that no `then` has shown yet.
    pub(crate) usage: Vec<UsageRecord>,
    pub(crate) denials: Vec<DenialRecord>,
    pub(crate) maxima: Vec<String>,
    /// The same, with who held them.
    pub(crate) maxima_by: Vec<(String, Vec<SessionId>)>,
    pub(crate) intervals: Vec<String>,
    pub(crate) months: Vec<String>,
    pub(crate) base: Vec<String>,
}

impl Stage {
    pub(crate) fn new(charter: &Charter, at: DateTime<Utc>) -> Self {
        let catalogue = catalogue_file::built_in();
        let settings = Settings {
            id: charter.id,
            name: "Example".into(),
            time_zone: charter.zone,
            max_grace_s: charter.max_grace_s,
            scheduled_log_off: charter.log_off,
            created_at: at,
            version: 0,
        };
        let keeper = Keeper::new(settings, catalogue.clone());
        let bounds = Bounds { waiting_per_licence_max: charter.queue_max, users_max: 10_000 };
        Self {
            organisation: Organisation::restore(keeper.snapshot(), catalogue.clone(), bounds, at),
            catalogue,
            keeper,
            bounds,
            now: Moment { at, elapsed: Duration::from_secs(1000) },
            connections: Vec::new(),
            ids: 0,
            told: Vec::new(),
            usage: Vec::new(),
            denials: Vec::new(),
            maxima: Vec::new(),
            maxima_by: Vec::new(),
            intervals: Vec::new(),
            months: Vec::new(),
            base: Vec::new(),
        }
    }

    pub(crate) fn zone(&self) -> Tz {
        self.organisation.settings().time_zone
    }

    pub(crate) fn speaker(&self) -> Speaker<'_> {
        Speaker(&self.catalogue)
    }

    /// Turns the clock to `when`; a wall clock that goes back takes no time to do so.
    pub(crate) fn turn_clock(&mut self, when: When) -> Result<(), String> {
        let at = instant(when, self.zone())?;
        self.now.elapsed += (at - self.now.at).to_std().unwrap_or_default();
        self.now.at = at;
        Ok(())
    }

    pub(crate) fn local(&self, at: DateTime<Utc>) -> String {
        at.with_timezone(&self.zone()).format("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// Has a command decided, keeps what it changed and remembers what it said.
    pub(crate) fn apply<C: Command>(&mut self, command: C) -> Result<C::Answer, String> {
        self.keeper.runs_at(self.now.at);
        self.apply_at(command, self.now)
    }

    pub(crate) fn apply_at<C: Command>(
        &mut self,
        command: C,
        now: Moment,
    ) -> Result<C::Answer, String> {
        let decision = self.organisation.apply(command, now);
        let effects = decision.effects;
        self.organisation.assert_consistent();
        self.keeper.keep(&effects.events, now.at)?;
        for event in &effects.events {
            self.remember(event);
        }
        self.told.extend(effects.notices);
        self.check_counts(now.at)?;
        Ok(decision.answer)
    }

    /// What pages show is what the keeper finds by looking.
    fn check_counts(&self, at: DateTime<Utc>) -> Result<(), String> {
        let counts = self.organisation.counts(self.everything());
        let held: u32 = counts.iter().map(|count| count.instances).sum();
        if usize::try_from(held) != Ok(self.keeper.open_instances()) {
            return Err(format!("{held} instances are held, the records say otherwise"));
        }
        let keeper = &self.keeper;
        for count in &counts {
            let shown = (count.base.used, count.base.reusable);
            let kept = keeper.base_counts(count.licence, at);
            let active = keeper.active_in_month(Some(count.licence));
            let key = self.speaker().key(count.licence);
            if shown != kept {
                return Err(format!("{key}: base {shown:?} used and reusable, kept are {kept:?}"));
            }
            if usize::try_from(count.active_in_month) != Ok(active) {
                return Err(format!(
                    "{key}: {} active this month, not {active}",
                    count.active_in_month
                ));
            }
        }
        let (_, in_month) = self.organisation.active_users();
        if usize::try_from(in_month) != Ok(keeper.active_in_month(None)) {
            return Err(format!(
                "{in_month} users were active this month, the records say otherwise"
            ));
        }
        let (shown, kept) = (self.organisation.bill().1, keeper.bill_lines());
        if shown != kept { Err(format!("the bill is {shown:?}, not {kept:?}")) } else { Ok(()) }
    }

    fn everything(&self) -> LicenceSet {
        self.catalogue.iter().map(|(licence, _)| licence).collect()
    }

    fn remember(&mut self, event: &Event) {
        match event {
            Event::Acquired { record, .. } | Event::Released(record) => {
                self.usage.push(record.clone());
            }
            Event::Denied(record) => self.denials.push(record.clone()),
            Event::MaximumRaised { month, licence, maximum, at, sessions } => {
                let (key, at) = (self.speaker().key(*licence), self.local(*at));
                let row = format!("{} {key} {maximum} at {at}", month.format("%Y-%m"));
                let by = sessions.iter().map(|(session, _)| session).collect();
                self.maxima_by.push((row.clone(), by));
                self.maxima.push(row);
            }
            Event::IntervalClosed { start, records } => {
                let rows = records.iter().map(|record| self.interval_row(*start, record));
                let rows: Vec<String> = rows.collect();
                self.intervals.extend(rows);
            }
            Event::MonthClosed { month, lines, .. } => {
                let rows: Vec<String> =
                    lines.iter().map(|line| self.bill_row(*month, line)).collect();
                self.months.extend(rows);
            }
            Event::BaseUnitSaved { unit, change: Some(change), at } => {
                let (key, at) = (self.speaker().key(unit.licence), self.local(*at));
                self.base.push(format!("{at} {key} {change} {}", unit.user));
            }
            Event::BaseUnitSaved { change: None, .. }
            | Event::SessionOpened(_)
            | Event::SessionClosed { .. }
            | Event::Queued { .. }
            | Event::Unqueued { .. }
            | Event::Lapsed { .. }
            | Event::UserSaved(_)
            | Event::UserDeleted { .. }
            | Event::TotalsSet { .. }
            | Event::PriceSet { .. }
            | Event::WallboardSaved(_)
            | Event::WallboardRemoved { .. }
            | Event::WallboardMaximumSet { .. }
            | Event::Audited(_)
            | Event::SettingsSaved(_)
            | Event::OrganisationRemoved { .. } => {}
        }
    }

    /// `2019-08-16 16:50:00 to 16:55:00 agent_email 50 5 within 48..50 0..5`: the counts at the end, then
    /// the fewest and the most of each.
    fn interval_row(&self, start: DateTime<Utc>, record: &IntervalRecord) -> String {
        let end = (start + INTERVAL).with_timezone(&self.zone()).format("%H:%M:%S");
        let (key, start) = (self.speaker().key(record.licence), self.local(start));
        let IntervalRecord { concurrent, contingency, .. } = record;
        let (of_one, of_other) = (record.concurrent_extent, record.contingency_extent);
        format!(
            "{start} to {end} {key} {concurrent} {contingency} within {}..{} {}..{}",
            of_one.low, of_one.peak, of_other.low, of_other.peak
        )
    }

    /// `2026-11 agent_email base 0 concurrent 50 fixed 0 max 5 at 12.50 is 62.50`
    pub(crate) fn bill_row(&self, month: NaiveDate, line: &BillLine) -> String {
        let key = self.speaker().key(line.licence);
        let Totals { base, concurrent, contingency, fixed } = line.bought;
        let numbers = [
            ("base", base),
            ("concurrent", concurrent),
            ("contingency", contingency),
            ("fixed", fixed),
        ];
        let mut row = format!("{} {key}", month.format("%Y-%m"));
        for (word, number) in numbers.into_iter().filter(|(_, number)| *number > 0) {
            row += &format!(" {word} {number}");
        }
        row += &format!(" max {}", line.contingency_max);
        if let (Some(price), Some(amount)) =
            (line.unit_price, amount(line.contingency_max, line.unit_price))
        {
            row += &format!(" at {price} is {amount}");
        }
        row
    }

    /// `2026-11 agent_email 2 at 2026-11-03 09:00:00 by ada agent_desktop, bob agent_desktop`
    pub(crate) fn maximum_row(&self, row: &str, sessions: &[SessionId]) -> String {
        let of_one = |session: &SessionId| {
            let found = self.connections.iter().find(|c| c.session == *session);
            found.map_or_else(|| "nobody".to_owned(), |c| format!("{} {}", c.user, c.device))
        };
        let by: Vec<String> = sessions.iter().map(of_one).collect();
        format!("{row} by {}", by.join(", "))
    }

    pub(crate) fn next_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    /// The last connection of a user's device, or the one before it.
    pub(crate) fn connection(
        &self,
        user: &str,
        device: Device,
        earlier: bool,
    ) -> Result<&Connection, String> {
        let mut theirs =
            self.connections.iter().rev().filter(|c| &*c.user == user && c.device == device);
        let found = theirs.nth(usize::from(earlier));
        found.ok_or_else(|| format!("{user} has not been on that connection of {device}"))
    }

    /// `edred agent_desktop`, and `earlier edred agent_desktop` for one that was left since.
    pub(crate) fn name_of(&self, link: LinkId) -> String {
        let Some(connection) = self.connections.iter().find(|c| c.link == link) else {
            return format!("nobody ({link:?})");
        };
        let (user, device) = (&connection.user, connection.device);
        let is_last = self.connection(user, device, false).is_ok_and(|last| last.link == link);
        format!("{}{user} {device}", if is_last { "" } else { "earlier " })
    }

    pub(crate) fn licence(&self, key: &str) -> Result<LicenceId, String> {
        self.catalogue.find(key).ok_or_else(|| format!("`{key}` is not in the catalogue"))
    }
}

/// What proves a resume of this session.
pub(crate) fn digest_of(session: SessionId) -> ResumeDigest {
    let mut digest = [0; 32];
    digest[..16].copy_from_slice(&session.0.to_be_bytes());
    ResumeDigest(digest)
}

/// The instant at which clocks in `zone` first show a time.
pub(crate) fn instant(when: When, zone: Tz) -> Result<DateTime<Utc>, String> {
    let local = when.date.and_time(when.time);
    if when.is_utc {
        return Ok(local.and_utc());
    }
    let found = zone.from_local_datetime(&local).earliest();
    found.map(|at| at.with_timezone(&Utc)).ok_or_else(|| format!("clocks in {zone} skip {local}"))
}
