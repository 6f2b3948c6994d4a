//! Five-minute figures and months, counted anew from the records before them.

use super::Life;
use crate::kept::{Figures, Kept, Key, Row};
use chrono::{DateTime, Datelike, DurationRound, Months, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use std::collections::{BTreeMap, BTreeSet};

const INTERVAL: TimeDelta = TimeDelta::minutes(5);

/// The contract's list of reported types.
const REPORTED: &[&str] = &[
    "meeting_room",
    "uc_user",
    "inbound_agent",
    "outbound_agent",
    "supervisor",
    "switchboard_operator",
    "uc_switchboard_operator",
    "supervisor_switchboard_operator",
    "agent_calls",
    "agent_email",
    "agent_sms",
    "agent_web_chat",
    "agent_social_media",
    "recording",
    "conferencing",
    "user_voicemail",
];

type Totals = BTreeMap<Key, (u32, u32)>;
type Holders = BTreeMap<Key, BTreeMap<Key, u32>>;

/// How many were in use, and whether that lasted longer than one instant.
#[derive(Clone, Copy, Debug)]
struct Stood {
    at: DateTime<Utc>,
    used: [u32; 2],
    is_sure: bool,
}

pub(crate) struct Figured {
    zone: Tz,
    /// What each user is assigned.
    users: BTreeMap<Key, Vec<Key>>,
    /// The end of the last interval that has records, or when the organisation began.
    last_end: DateTime<Utc>,
    month: NaiveDate,
    /// The most contingency in use this month, by type.
    maxima: BTreeMap<Key, u32>,
    /// A maximum that has just risen: the next record says so.
    due: Option<(Key, u32)>,
    /// Since before the last interval ended.
    stood: BTreeMap<Key, Vec<Stood>>,
    now: BTreeMap<Key, [u32; 2]>,
    touched: BTreeSet<Key>,
    touched_at: DateTime<Utc>,
    /// The life of the broker in which the interval began that is under way.
    began_in: u32,
    /// The life that left the last record.
    last_life: u32,
    /// What ended by then may have been forgotten by a life that had nothing to do with the organisation.
    forgotten_until: DateTime<Utc>,
}

fn floor(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(INTERVAL).expect("a time of these centuries")
}

/// When a record was made; `None` where it does not say.
fn time_of(row: &Row) -> Option<DateTime<Utc>> {
    match row {
        Row::Opened { since: at, .. }
        | Row::Denied { at, .. }
        | Row::Maximum { at, .. }
        | Row::Totals { at, .. } => Some(*at),
        Row::Usage(usage) => Some(usage.at),
        Row::Closed { .. }
        | Row::Queued { .. }
        | Row::Unqueued { .. }
        | Row::Month { .. }
        | Row::Interval { .. }
        | Row::User { .. }
        | Row::UserGone { .. }
        | Row::Other => None,
    }
}

impl Figured {
    pub(crate) fn new(zone: Tz, at: DateTime<Utc>) -> Self {
        let day = at.with_timezone(&zone).date_naive();
        Self {
            zone,
            users: BTreeMap::new(),
            last_end: floor(at),
            month: day.with_day(1).expect("the first"),
            maxima: BTreeMap::new(),
            due: None,
            stood: BTreeMap::new(),
            now: BTreeMap::new(),
            touched: BTreeSet::new(),
            touched_at: at,
            began_in: 0,
            last_life: 0,
            forgotten_until: DateTime::UNIX_EPOCH,
        }
    }

    pub(crate) fn maximum(&self, licence: &str) -> u32 {
        self.maxima.get(licence).copied().unwrap_or_default()
    }

    /// Midnight of the first of the month after, as clocks show it there.
    fn month_ends(&self) -> DateTime<Utc> {
        let midnight = (self.month + Months::new(1)).and_time(NaiveTime::MIN);
        let local = midnight.and_local_timezone(self.zone).earliest();
        local.expect("no zone here skips the first midnight of a month").to_utc()
    }

    /// Judges a record by those before it.
    pub(crate) fn before(&mut self, kept: &Kept, lives: &[Life]) -> Result<(), String> {
        if let Some((licence, most)) = self.due.take() {
            let says_so = matches!(&kept.row, Row::Maximum { licence: of, maximum, month, .. }
                if *of == licence && *maximum == most && *month == self.month);
            if !says_so {
                return Err(format!("{licence} rose to {most} this month, and no record says so"));
            }
        }
        self.doubt(kept.life, lives);
        self.forgotten_until = self.forgotten_until.max(self.forgotten(kept.life, lives));
        if let Row::Interval { start, .. } = &kept.row {
            none_invented(*start + INTERVAL, kept.life, lives)?;
        }
        if let Some(at) = time_of(&kept.row) {
            if at > self.touched_at {
                self.rest();
                self.touched_at = at;
            }
            if at >= self.month_ends() {
                return Err(format!("a record of {at} comes before {} is closed", self.month));
            }
            self.none_missing(at, kept.life, lives)?;
        }
        Ok(())
    }

    /// Where the broker was down beyond the end of an interval, or its clock was set as well, and the
    /// organisation is in that interval again, nobody knows what it saw before.
    fn doubt(&mut self, life: u32, lives: &[Life]) {
        let began = usize::try_from(self.began_in).expect("few");
        let now = usize::try_from(life).expect("few");
        let is_beyond = floor(lives[now].running_since) > self.last_end;
        if now > began && (is_beyond || lives[began..=now].iter().any(|life| life.is_stepped)) {
            self.stood.values_mut().flatten().for_each(|stood| stood.is_sure = false);
        }
    }

    /// What stands now stood for longer than an instant.
    fn rest(&mut self) {
        for licence in std::mem::take(&mut self.touched) {
            let stood = self.stood.entry(licence.clone()).or_default();
            let used = self.now.get(&licence).copied().unwrap_or_default();
            stood.push(Stood { at: self.touched_at, used, is_sure: true });
        }
    }

    /// The store knows of the last life alone: what one before it left open, in an organisation that those
    /// between had nothing to do with, is not known any more in `life`.
    fn forgotten(&self, life: u32, lives: &[Life]) -> DateTime<Utc> {
        let between = lives.iter().take(life as usize).skip(self.last_life as usize + 1);
        between.map(|life| life.running_since).max().unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// Every interval that ended by then has records, if the broker ran at its end.
    fn none_missing(&self, at: DateTime<Utc>, life: u32, lives: &[Life]) -> Result<(), String> {
        if self.users.is_empty() {
            return Ok(());
        }
        let forgotten_until = self.forgotten_until.max(self.forgotten(life, lives));
        let lives = &lives[..=usize::try_from(life).expect("few")];
        let mut end = self.last_end + INTERVAL;
        while end <= at {
            let was_down = lives
                .iter()
                .any(|life| life.sign.is_some_and(|sign| sign < end && end <= life.running_since));
            if !was_down && end > forgotten_until {
                return Err(format!(
                    "the interval that ended at {end} is missing at {at}, lives {:?}",
                    &lives[lives.len().saturating_sub(3)..]
                ));
            }
            end += INTERVAL;
        }
        Ok(())
    }

    /// Reads a record, `totals` and `holders` as they stand after it.
    pub(crate) fn after(
        &mut self,
        kept: &Kept,
        totals: &Totals,
        holders: &Holders,
    ) -> Result<(), String> {
        self.last_life = kept.life;
        match &kept.row {
            Row::Usage(usage) => {
                self.changed(&usage.licence, usage.at, totals, holders);
                if usage.reason.is_none() && matches!(usage.pool, "concurrent" | "contingency") {
                    self.raise(&usage.licence);
                }
            }
            Row::Totals { licence, at, .. } => self.changed(licence, *at, totals, holders),
            Row::User { user, licences, .. } => {
                self.users.insert(user.clone(), licences.clone());
            }
            Row::UserGone { user } => {
                self.users.remove(user);
            }
            Row::Maximum { licence, maximum, .. } => {
                if self.maximum(licence) != *maximum {
                    return Err(format!("the maximum of {licence} is said to be {maximum}"));
                }
            }
            Row::Interval { start, figures } => {
                self.close_interval(*start, figures)?;
                self.began_in = kept.life;
                self.forgotten_until = DateTime::UNIX_EPOCH;
            }
            Row::Month { month, at, maxima } => return self.close_month(*month, *at, maxima),
            Row::Opened { .. }
            | Row::Closed { .. }
            | Row::Denied { .. }
            | Row::Queued { .. }
            | Row::Unqueued { .. }
            | Row::Other => {}
        }
        Ok(())
    }

    fn changed(&mut self, licence: &Key, at: DateTime<Utc>, totals: &Totals, holders: &Holders) {
        let held = u32::try_from(holders.get(licence).map_or(0, BTreeMap::len)).expect("few");
        let used = if licence.starts_with("uc_") {
            [held, 0]
        } else {
            let (concurrent, contingency) = totals.get(licence).copied().unwrap_or_default();
            [held.min(concurrent), held.saturating_sub(concurrent).min(contingency)]
        };
        self.now.insert(licence.clone(), used);
        self.touched.insert(licence.clone());
        let stood = self.stood.entry(licence.clone()).or_default();
        stood.push(Stood { at, used, is_sure: false });
    }

    fn raise(&mut self, licence: &Key) {
        let used = self.now.get(licence).map_or(0, |used| used[1]);
        if used > self.maximum(licence) {
            self.maxima.insert(licence.clone(), used);
            self.due = Some((licence.clone(), used));
        }
    }

    fn close_month(
        &mut self,
        month: NaiveDate,
        at: DateTime<Utc>,
        kept: &[(Key, u32)],
    ) -> Result<(), String> {
        if (month, at) != (self.month, self.month_ends()) {
            return Err(format!(
                "{month} is closed at {at}, not {} at {}",
                self.month,
                self.month_ends()
            ));
        }
        for (licence, most) in &self.maxima {
            let line = kept.iter().find(|(of, _)| of == licence).map_or(0, |(_, most)| *most);
            if line != *most {
                return Err(format!("{month}: {line} of {licence} are billed, {most} were used"));
            }
        }
        self.month = month + Months::new(1);
        self.maxima = self.now.iter().map(|(licence, used)| (licence.clone(), used[1])).collect();
        Ok(())
    }

    fn close_interval(&mut self, start: DateTime<Utc>, figures: &[Figures]) -> Result<(), String> {
        let end = start + INTERVAL;
        if start < self.last_end || floor(start) != start {
            return Err(format!(
                "an interval of {start} follows one that ended at {}",
                self.last_end
            ));
        }
        self.rest();
        for licence in REPORTED {
            let is_assigned = self.users.values().any(|of| of.iter().any(|key| &**key == *licence));
            let record = figures.iter().find(|record| &*record.licence == *licence);
            let used = self.now.get(*licence).copied().unwrap_or_default();
            match record {
                None if is_assigned => return Err(format!("{start} has no record of {licence}")),
                None => {}
                Some(record) => self.judge(record, start, used)?,
            }
        }
        self.last_end = end;
        // What stands now stands when the next one begins.
        for (licence, used) in &self.now {
            let stood = self.stood.entry(licence.clone()).or_default();
            stood.clear();
            stood.push(Stood { at: end, used: *used, is_sure: true });
        }
        Ok(())
    }

    fn judge(&self, record: &Figures, start: DateTime<Utc>, used: [u32; 2]) -> Result<(), String> {
        if [record.concurrent, record.contingency] != used {
            return Err(format!("{start}: {record:?}, but {used:?} were in use at its end"));
        }
        let stood = self.stood.get(&record.licence).map_or(&[][..], Vec::as_slice);
        for pool in 0..2 {
            let sure = stood.iter().filter(|one| one.is_sure && one.at >= start);
            let sure = sure.map(|one| one.used[pool]).chain([used[pool]]);
            let (least, most) =
                sure.fold((u32::MAX, 0), |(least, most), used| (least.min(used), most.max(used)));
            let ever = stood.iter().map(|one| one.used[pool]).chain([used[pool]]);
            let (lowest, highest) =
                ever.fold((u32::MAX, 0), |(least, most), used| (least.min(used), most.max(used)));
            let (peak, low) = (record.peaks[pool], record.lows[pool]);
            if peak < most || peak > highest || low > least || low < lowest {
                return Err(format!(
                    "{start}: {record:?}, but between {least} and {most} were in use for sure, and \
                     never fewer than {lowest} or more than {highest}"
                ));
            }
        }
        Ok(())
    }

    /// Nothing is overdue.
    pub(crate) fn at_rest(
        &self,
        at: DateTime<Utc>,
        last_at: DateTime<Utc>,
        lives: &[Life],
    ) -> Result<(), String> {
        let now = at.max(last_at);
        if now >= self.month_ends() {
            return Err(format!("{} is not closed at {now}", self.month));
        }
        let life = lives.len().saturating_sub(1);
        self.none_missing(now, u32::try_from(life).expect("few"), lives)?;
        Ok(())
    }
}

/// Nothing is made up for time in which the broker did not run, as far as it can know: where its
/// clock was set meanwhile, the same hour may have been twice.
fn none_invented(end: DateTime<Utc>, life: u32, lives: &[Life]) -> Result<(), String> {
    let lives = &lives[..=usize::try_from(life).expect("few")];
    for (number, began) in lives.iter().enumerate() {
        let is_known = lives[number.saturating_sub(1)..].iter().all(|life| !life.is_stepped);
        let was_down = began.sign.is_some_and(|sign| sign < end && end <= began.running_since);
        if is_known && was_down {
            return Err(format!("the interval that ended at {end} is made up: {began:?}"));
        }
    }
    Ok(())
}
