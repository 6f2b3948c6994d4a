//! An organisation, its model and its keeper, side by side; whatever they disagree on is an error.

#[path = "../scenarios/keeper.rs"]
mod keeper;

use crate::calendar::{self, Day};
use crate::facts::facts;
use crate::model::{Model, Outcome, Person, Told};
use crate::op::{Op, Restart};
use crate::units::Units;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use keeper::Keeper;
use licence_broker::domain::activity::LapseChange;
use licence_broker::domain::catalogue::Catalogue;
use licence_broker::domain::event::{DenialRecord, Effects, Event, Notice, UsageRecord};
use licence_broker::domain::ids::{LicenceId, LinkId, OrganisationId};
use licence_broker::domain::interval::IntervalRecord;
use licence_broker::domain::moment::Moment;
use licence_broker::domain::organisation::{Bounds, Command, Organisation, Settings};
use licence_broker::domain::purchases::TotalsRefusal;
use licence_broker::domain::reason::{GrantPool, ReleaseReason, UserStatus};
use licence_broker::domain::release::{ForceLogout, Tick};
use licence_broker::domain::resume::{Reattach, ReleaseAbsent};
use licence_broker::domain::settings::ChangeSettings;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

const SEEN_IN_ANSWERS: &[&str] =
    &["TooManyWaiting", "SeatExhausted", "NoChannelLicensed", "UserNotActive", "BaseExhausted"];
const QUEUE_MAX: u32 = 2;
const USERS_MAX: usize = 12;

pub(crate) struct World {
    catalogue: Arc<Catalogue>,
    pub(crate) organisation: Organisation,
    pub(crate) keeper: Keeper,
    pub(crate) model: Model,
    pub(crate) now: Moment,
    /// Words for what has happened at least once.
    pub(crate) seen: BTreeSet<String>,
}

pub(crate) fn same<T: PartialEq + Debug>(what: &str, rules: &T, model: &T) -> Result<(), String> {
    if rules == model {
        Ok(())
    } else {
        Err(format!("{what}\n  the rules say {rules:?}\n  the model says {model:?}"))
    }
}

fn bounds() -> Bounds {
    Bounds { waiting_per_licence_max: QUEUE_MAX, users_max: USERS_MAX }
}

impl World {
    pub(crate) fn new(catalogue: Arc<Catalogue>, zone: Tz, at: DateTime<Utc>) -> Self {
        let settings = Settings {
            id: OrganisationId::new(129).expect("a number above 0"),
            name: "Example".into(),
            time_zone: zone,
            max_grace_s: 60,
            scheduled_log_off: None,
            created_at: at,
            version: 0,
        };
        let keeper = Keeper::new(settings, catalogue.clone());
        let model = Model {
            facts: facts(&catalogue),
            zone,
            max_grace_s: 60,
            queue_max: usize::try_from(QUEUE_MAX).expect("a small bound"),
            users_max: USERS_MAX,
            log_off: None,
            log_off_due: None,
            users: BTreeMap::new(),
            totals: BTreeMap::new(),
            units: Units::default(),
            sittings: Vec::new(),
            ranks: BTreeMap::new(),
            maxima: BTreeMap::new(),
            denied_today: BTreeMap::new(),
            today: calendar::local_day(at, zone),
            tickets: 0,
            at,
            last_record: at,
            elapsed: Duration::from_secs(100),
            outcome: Outcome::default(),
        };
        Self {
            organisation: Organisation::restore(keeper.snapshot(), catalogue.clone(), bounds(), at),
            catalogue,
            keeper,
            model,
            now: Moment { at, elapsed: Duration::from_secs(100) },
            seen: BTreeSet::new(),
        }
    }

    /// Does one thing to both, and compares all that can be seen.
    pub(crate) fn play(&mut self, op: &Op) -> Result<(), String> {
        if let Op::Pass { wall, elapsed } = op {
            self.now.at += *wall;
            self.now.elapsed += *elapsed;
            return Ok(());
        }
        self.model.begin(self.now.at, self.now.elapsed);
        if !matches!(op, Op::Restart(_)) {
            self.keeper.runs_at(self.now.at);
        }
        // What time brings comes before whatever is asked, but for a restart, which finds itself first.
        if !matches!(op, Op::Restart(_)) {
            self.model.tick();
        }
        self.decide_both(op)?;
        self.compare_present()
    }

    fn decide_both(&mut self, op: &Op) -> Result<(), String> {
        match op.clone() {
            Op::Pass { .. } => {}
            Op::Login(login) => {
                let expected = self.model.login(&login);
                self.both("a login", login, &expected)?;
            }
            Op::Acquire(acquire) => {
                let expected = self.model.acquire(&acquire);
                self.both("an acquire", acquire, &expected)?;
            }
            Op::Release(release) => {
                let expected = self.model.release(&release);
                self.both("a release", release, &expected)?;
            }
            Op::Leave(leave) => {
                let expected = self.model.leave(leave);
                self.both("a leave", leave, &expected)?;
            }
            Op::Resume { resume, is_right } => {
                let expected = self.model.resume(&resume, is_right);
                self.both("a resume", resume, &expected)?;
            }
            Op::Tick => {
                self.both("a tick", Tick, &())?;
            }
            Op::Force(session) => {
                let expected = self.model.force(session);
                self.both("a force", ForceLogout { session }, &expected)?;
            }
            Op::Totals(set) => {
                let expected = self.model.set_totals(&set);
                let answer = self.decide(set)?.map(|_| ());
                if matches!(answer, Err(TotalsRefusal::BaseExhausted(_))) {
                    self.seen.insert("a total below what is bound".to_owned());
                }
                self.compare("totals", &answer, &expected)?;
            }
            Op::Users(provision) => self.provision(provision)?,
            Op::LogOff(_) | Op::MaxGrace(_) => self.settings(op)?,
            Op::Restart(restart) => self.restart(&restart)?,
        }
        Ok(())
    }

    fn both<C: Command>(
        &mut self,
        what: &str,
        command: C,
        expected: &C::Answer,
    ) -> Result<(), String>
    where
        C::Answer: PartialEq + Debug,
    {
        let answer = self.decide(command)?;
        self.compare(what, &answer, expected)
    }

    /// Has the rules decide, and compares records and notices.
    fn decide<C: Command>(&mut self, command: C) -> Result<C::Answer, String> {
        let decision = self.organisation.apply(command, self.now);
        self.take_effects(&decision.effects, self.now.at)?;
        Ok(decision.answer)
    }

    fn compare<T: PartialEq + Debug>(
        &mut self,
        what: &str,
        answer: &T,
        expected: &T,
    ) -> Result<(), String> {
        // The first words of an answer name it; names of licences are numbers in them.
        let text: String = format!("{answer:?}").chars().take(60).collect();
        self.seen.insert(format!("{what}: {}", text.split(['{', '(']).next().unwrap_or("")));
        let whole = format!("{answer:?}");
        for word in SEEN_IN_ANSWERS {
            if whole.contains(word) {
                self.seen.insert((*word).to_owned());
            }
        }
        same(what, answer, expected)
    }

    fn take_effects(&mut self, effects: &Effects, at: DateTime<Utc>) -> Result<(), String> {
        self.organisation.assert_consistent();
        self.keeper.keep(&effects.events, at)?;
        if !effects.events.is_empty() {
            self.model.last_record = self.model.at;
        }
        let expected = std::mem::take(&mut self.model.outcome);
        self.compare_records(&effects.events, expected.usage, &expected.denials, expected.maxima)?;
        let told = told(&effects.notices)?;
        if told.values().any(|told| told.granted.iter().any(|(_, pool)| *pool == GrantPool::Shared))
        {
            self.seen.insert("a wait that ended in sharing".to_owned());
        }
        if told.values().any(|told| told.granted.len() > 1) {
            self.seen.insert("two waits that ended at once".to_owned());
        }
        let mut model_told = expected.told;
        model_told.values_mut().for_each(sort);
        same("what connections are told", &told, &model_told)
    }

    fn compare_records(
        &mut self,
        events: &[Event],
        mut usage: Vec<UsageRecord>,
        denials: &[DenialRecord],
        mut maxima: Vec<(Day, LicenceId, u32)>,
    ) -> Result<(), String> {
        let (mut real_usage, mut real_denials, mut real_maxima) = (vec![], vec![], vec![]);
        self.note_months(events);
        for event in events {
            self.note_seen(event);
            if let Event::Acquired { record, .. } | Event::Released(record) = event {
                real_usage.push(record.clone());
            }
            if let Event::Denied(record) = event {
                real_denials.push(record.clone());
            }
            if let Event::MaximumRaised { month, licence, maximum, .. } = event {
                real_maxima.push((*month, *licence, *maximum));
            }
        }
        let key = |r: &UsageRecord| (r.session, r.licence, r.usage_type, r.pool);
        real_usage.sort_by_key(key);
        usage.sort_by_key(key);
        same("the records of usage", &real_usage, &usage)?;
        same("the denials", &real_denials.as_slice(), &denials)?;
        real_maxima.sort_unstable();
        maxima.sort_unstable();
        same("the maxima", &real_maxima, &maxima)
    }

    fn note_seen(&mut self, event: &Event) {
        if let Event::Acquired { record, .. } | Event::Released(record) = event {
            let reason = record.reason.map_or("Acquired", ReleaseReason::as_str);
            self.seen.insert(format!("{reason} {}", record.pool));
        }
        if let Event::Denied(record) = event {
            self.seen.insert(format!("{} {}", record.denied.reason, record.outcome));
        }
        if let Event::BaseUnitSaved { change: Some(change), .. } = event {
            self.seen.insert(format!("base {change}"));
        }
        if let Event::IntervalClosed { records, .. } = event {
            self.seen.insert("an interval was closed".to_owned());
            let moved = |record: &IntervalRecord| {
                record.concurrent_extent.low + 1 < record.concurrent_extent.peak
            };
            if records.iter().any(moved) {
                self.seen.insert("an interval with a peak and a low".to_owned());
            }
        }
        if let Event::Lapsed { change, .. } = event {
            let word = match change {
                LapseChange::Began(_) => "somebody lapsed",
                LapseChange::Ended(_) => "somebody was active again",
                LapseChange::Detached => "somebody who had lapsed was deleted",
            };
            self.seen.insert(word.to_owned());
        }
    }

    fn note_months(&mut self, events: &[Event]) {
        let closed = events.iter().filter(|event| matches!(event, Event::MonthClosed { .. }));
        let closed = closed.count();
        if closed > 0 {
            self.seen.insert("a month was closed".to_owned());
        }
        if closed > 1 {
            self.seen.insert("two months were closed at once".to_owned());
        }
    }

    fn provision(
        &mut self,
        provision: licence_broker::domain::provisioning::ProvisionUsers,
    ) -> Result<(), String> {
        let expected = self.model.provision(&provision);
        let answers = self.decide(provision)?;
        let answers = answers.into_iter().map(|answer| {
            answer.map(|record| {
                (record.status != UserStatus::Deleted).then(|| Person {
                    status: record.status,
                    seat: record.user_type,
                    features: record.features.iter().collect(),
                })
            })
        });
        self.compare("users", &answers.collect(), &expected)
    }

    fn settings(&mut self, op: &Op) -> Result<(), String> {
        let mut change = ChangeSettings::default();
        if let Op::LogOff(time) = op {
            self.model.log_off = *time;
            change.scheduled_log_off = Some(*time);
        }
        if let Op::MaxGrace(seconds) = op {
            self.model.max_grace_s = *seconds;
            change.max_grace_s = Some(*seconds);
        }
        self.model.plan_log_off();
        let answer = self.decide(change)?;
        same("settings", &answer.is_ok(), &true)
    }

    fn restart(&mut self, restart: &Restart) -> Result<(), String> {
        let known: Vec<_> = restart.connected.iter().map(|(session, _)| *session).collect();
        let left = restart.departed.iter().map(|(session, _)| *session);
        let known: Vec<_> = known.into_iter().chain(left).collect();
        let ready_at = self.now.at + restart.down;
        self.now.at += restart.life;
        let (ran_since, running_since) = if restart.is_new_process {
            self.now.elapsed = Duration::from_secs(1);
            (self.keeper.restart(self.now.at, ready_at), ready_at)
        } else {
            let since = self.keeper.rebuild();
            (since, since)
        };
        let (snapshot, catalogue) = (self.keeper.snapshot(), self.catalogue.clone());
        self.organisation = Organisation::restore(snapshot, catalogue, bounds(), ran_since);
        self.model.turn_to(self.now.at, self.now.elapsed);
        self.model.crash(&known);
        self.decide(ReleaseAbsent { known: known.into_iter().collect(), running_since })?;
        self.now.at = ready_at;
        let expected = self.model.reattach(&restart.connected, &restart.departed, self.now);
        let orphans = self.decide(Reattach {
            connected: restart.connected.clone(),
            departed: restart.departed.clone(),
            held_for: Duration::ZERO,
        })?;
        self.compare("a reattachment", &orphans, &expected)
    }
}

fn sort(told: &mut Told) {
    told.granted.sort_unstable();
    told.released.sort_unstable();
}

fn told(notices: &[(LinkId, Notice)]) -> Result<BTreeMap<LinkId, Told>, String> {
    let mut all: BTreeMap<LinkId, Told> = BTreeMap::new();
    for (link, notice) in notices {
        let told = all.entry(*link).or_default();
        if !told.ended.is_empty() {
            return Err(format!("{link:?} is told {notice:?} after its end"));
        }
        match notice {
            Notice::Granted(granted) => {
                if !granted.is_sorted_by_key(|(licence, _)| *licence) {
                    return Err(format!("{notice:?} is not in catalogue order"));
                }
                told.granted.extend(granted);
            }
            Notice::Released { licences, reason } => {
                told.released.extend(licences.iter().map(|licence| (*licence, *reason)));
            }
            Notice::Ended(reason) => told.ended.push(*reason),
        }
    }
    all.values_mut().for_each(sort);
    Ok(all)
}
