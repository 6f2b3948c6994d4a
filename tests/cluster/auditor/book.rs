//! What devices were told, in the order of its arrival, and whether it may be.

use super::sitting::{Sitting, Standing};
use super::{Farewell, Welcome};
use crate::support::audit::Held;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// What is remembered for whoever has to find out how something came about.
const REMEMBERED_MAX: usize = 4_000;
/// Of it, what is told with a fault.
const TOLD_MAX: usize = 25;

/// Sockets are read one after the other: what another device is told within so long of a grant was on its way
/// before it, and may have arrived first.
const ON_ITS_WAY: Duration = Duration::from_millis(100);

/// More hold a licence than were bought, as far as was read by then.
struct Suspicion {
    at: Duration,
    organisation: u64,
    licence: String,
    bought: usize,
    /// Sessions with their users.
    holders: BTreeMap<String, String>,
    history: String,
}

/// All organisations. Instants are counted from the beginning of the test.
pub(super) struct Book {
    /// How long a frame of the broker proves anything: 1.5 × `heartbeat_s`.
    pub(super) lease: Duration,
    /// Whoever takes an organisation over keeps what it finds, grace or not (§4). A broker by itself that is
    /// started again releases who has no grace.
    keeps_without_grace: bool,
    pub(super) bought: BTreeMap<(u64, String), usize>,
    pub(super) sittings: BTreeMap<String, Sitting>,
    pub(super) resumes: usize,
    suspicions: Vec<Suspicion>,
    faults: Vec<String>,
    remembered: VecDeque<(u64, String)>,
}

impl Book {
    pub(super) fn new(lease: Duration, keeps_without_grace: bool) -> Self {
        Self {
            lease,
            keeps_without_grace,
            bought: BTreeMap::new(),
            sittings: BTreeMap::new(),
            resumes: 0,
            suspicions: Vec::new(),
            faults: Vec::new(),
            remembered: VecDeque::new(),
        }
    }

    pub(super) fn buy(&mut self, organisation: u64, licence: &str, total: usize) {
        let most = self.bought.entry((organisation, licence.to_owned())).or_default();
        *most = (*most).max(total);
    }

    pub(super) fn logged_in(&mut self, at: Duration, welcome: Welcome) {
        let (session, granted) = (welcome.session.clone(), welcome.granted.clone());
        let organisation = welcome.organisation;
        self.remember(at, organisation, &format!("{session} of {} in: {granted:?}", welcome.user));
        if self.sittings.insert(session.clone(), Sitting::new(at, welcome)).is_some() {
            self.object(at, &format!("two logins were answered with session {session}"));
        }
        self.count(at, organisation, &granted);
    }

    pub(super) fn resumed(&mut self, at: Duration, session: &str, granted: &BTreeSet<String>) {
        self.resumes += 1;
        let Some(sitting) = self.sittings.get_mut(session) else {
            return self.object(at, &format!("session {session} was resumed and never told"));
        };
        let organisation = sitting.organisation;
        let missing: Vec<String> = sitting.held.difference(granted).cloned().collect();
        for licence in granted.difference(&sitting.held.clone()) {
            // An answer was lost that granted it, unless it was asked back and that did not arrive.
            if sitting.given_up.get(licence) != Some(&true) {
                *sitting.told.entry(licence.clone()).or_default() += 1;
            }
        }
        sitting.held.clone_from(granted);
        sitting.given_up.clear();
        (sitting.standing, sitting.heard_at) = (Standing::Connected, at);
        (sitting.may_know_less, sitting.kept_until) = (false, None);
        self.remember(at, organisation, &format!("{session} resumed: {granted:?}"));
        if !missing.is_empty() {
            self.object(at, &format!("session {session} was resumed without {missing:?}"));
        }
        self.count(at, organisation, granted);
    }

    pub(super) fn could_not_resume(&mut self, at: Duration, session: &str) {
        let Some(sitting) = self.sittings.get_mut(session) else { return };
        let (had_grace, organisation) = (sitting.is_within_grace(at), sitting.organisation);
        sitting.standing = Standing::Over;
        self.remember(at, organisation, &format!("{session} could not resume"));
        if had_grace {
            self.object(at, &format!("session {session} has grace and could not resume"));
        }
    }

    pub(super) fn granted(&mut self, at: Duration, session: &str, licences: &BTreeSet<String>) {
        let Some(sitting) = self.sittings.get_mut(session) else {
            return self.object(at, &format!("{licences:?} granted to nobody: {session}"));
        };
        let organisation = sitting.organisation;
        for licence in licences {
            *sitting.told.entry(licence.clone()).or_default() += 1;
        }
        let again: Vec<String> = licences.intersection(&sitting.held).cloned().collect();
        for licence in licences {
            match sitting.given_up.get_mut(licence) {
                Some(was_granted) => *was_granted = true,
                None => _ = sitting.held.insert(licence.clone()),
            }
        }
        self.remember(at, organisation, &format!("{session} granted: {licences:?}"));
        if !again.is_empty() {
            self.object(at, &format!("session {session} was granted {again:?} that it has"));
        }
        self.count(at, organisation, licences);
    }

    pub(super) fn heard(&mut self, at: Duration, session: &str) -> bool {
        let lease = self.lease;
        let Some(sitting) = self.sittings.get_mut(session) else { return false };
        let is_in_time = sitting.hear(at, lease);
        if !is_in_time {
            let organisation = sitting.organisation;
            self.remember(at, organisation, &format!("{session} heard too late"));
        }
        is_in_time
    }

    pub(super) fn gives_up(&mut self, at: Duration, session: &str, licence: &str) {
        let Some(sitting) = self.sittings.get_mut(session) else { return };
        let organisation = sitting.organisation;
        let was_granted = sitting.held.remove(licence);
        sitting.given_up.insert(licence.to_owned(), was_granted);
        self.remember(at, organisation, &format!("{session} gives up {licence}"));
    }

    pub(super) fn released(
        &mut self,
        at: Duration,
        session: &str,
        licences: &BTreeSet<String>,
        reason: &str,
    ) {
        let Some(sitting) = self.sittings.get_mut(session) else { return };
        let organisation = sitting.organisation;
        for licence in licences {
            let was_given_up = sitting.given_up.remove(licence).unwrap_or(false);
            let was_held = sitting.held.remove(licence) || was_given_up;
            // What was only waited for is withdrawn without a record.
            if was_held {
                let key = (licence.clone(), reason.to_owned());
                *sitting.told_released.entry(key).or_default() += 1;
            }
        }
        // It read to the end, so nothing was missed.
        sitting.may_know_less &= reason != "logout";
        self.remember(at, organisation, &format!("{session} released ({reason}): {licences:?}"));
        self.excuse(at, session, Some(licences));
    }

    pub(super) fn ended(&mut self, at: Duration, session: &str, farewell: Farewell) {
        let Some(sitting) = self.sittings.get_mut(session) else { return };
        let organisation = sitting.organisation;
        sitting.end(at, farewell, self.keeps_without_grace);
        let is_over = sitting.standing == Standing::Over;
        self.remember(at, organisation, &format!("{session} ended: {farewell:?}"));
        if is_over && matches!(farewell, Farewell::Closed(_)) {
            self.excuse(at, session, None);
        }
    }

    pub(super) fn node_lost(
        &mut self,
        at: Duration,
        organisations: &[u64],
        by_records: DateTime<Utc>,
    ) {
        // 1.5 and 2 heartbeats.
        let kept_for = TimeDelta::from_std(self.lease * 4 / 3).expect("seconds");
        let lease = self.lease;
        let there = self.sittings.values_mut().filter(|sitting| {
            organisations.contains(&sitting.organisation)
                && sitting.standing == Standing::Connected
                && sitting.holds(at, lease)
        });
        for sitting in there {
            sitting.kept_until = Some(by_records + kept_for);
        }
        for organisation in organisations {
            self.remember(at, *organisation, "its node was lost");
        }
    }

    pub(super) fn grants(&self) -> usize {
        self.sittings.values().flat_map(|sitting| sitting.told.values()).sum()
    }

    pub(super) fn is_at_rest(&self, at: Duration) -> bool {
        self.sittings.values().all(|sitting| {
            let holds = sitting.standing == Standing::Connected && sitting.holds(at, self.lease);
            holds || !sitting.is_within_grace(at)
        })
    }

    pub(super) fn held_by_connected(&self, at: Duration, organisation: u64) -> BTreeSet<Held> {
        let connected = self.sittings.iter().filter(|(_, sitting)| {
            sitting.organisation == organisation
                && sitting.standing == Standing::Connected
                && sitting.holds(at, self.lease)
        });
        connected
            .flat_map(|(session, sitting)| {
                sitting.held.iter().map(|licence| (session.clone(), licence.clone()))
            })
            .collect()
    }

    /// Sessions whose devices may use a licence at this instant, with their users.
    pub(super) fn holders(
        &self,
        at: Duration,
        organisation: u64,
        licence: &str,
    ) -> BTreeMap<String, String> {
        let holding = self.sittings.iter().filter(|(_, sitting)| {
            sitting.organisation == organisation
                && sitting.held.contains(licence)
                && sitting.holds(at, self.lease)
        });
        holding.map(|(session, sitting)| (session.clone(), sitting.user.clone())).collect()
    }

    /// Nothing is held by more than it was bought for.
    fn count(&mut self, at: Duration, organisation: u64, licences: &BTreeSet<String>) {
        for licence in licences {
            let Some(bought) = self.bought.get(&(organisation, licence.clone())).copied() else {
                continue;
            };
            let holders = self.holders(at, organisation, licence);
            if users(&holders) > bought {
                let history = self.history(organisation);
                let licence = licence.clone();
                self.suspicions.push(Suspicion {
                    at,
                    organisation,
                    licence,
                    bought,
                    holders,
                    history,
                });
            }
        }
        self.judge(at);
    }

    /// What a device is told to have no more, it did not have when what else was on its way arrived.
    fn excuse(&mut self, at: Duration, session: &str, licences: Option<&BTreeSet<String>>) {
        self.judge(at);
        for suspicion in &mut self.suspicions {
            if licences.is_none_or(|licences| licences.contains(&suspicion.licence)) {
                suspicion.holders.remove(session);
            }
        }
    }

    /// Whatever is suspected for longer than anything was on its way is so, or is not.
    fn judge(&mut self, at: Duration) {
        let (ripe, rest) = std::mem::take(&mut self.suspicions)
            .into_iter()
            .partition(|suspicion: &Suspicion| at > suspicion.at + ON_ITS_WAY);
        self.suspicions = rest;
        for Suspicion { at, organisation, licence, bought, holders, history } in ripe {
            let count = users(&holders);
            if count > bought {
                let holders = self.describe(&holders);
                self.object(
                    at,
                    &format!(
                        "OVER-GRANT: {count} hold {licence} of organisation {organisation}, \
                         bought {bought}\n{history}\n    held by\n{holders}"
                    ),
                );
            }
        }
    }

    pub(super) fn object(&mut self, at: Duration, what: &str) {
        self.faults.push(format!("{:>9.3} s: {what}", at.as_secs_f64()));
    }

    /// What was wrong so far, for whoever expects nothing to be on its way any more.
    pub(super) fn faults(&mut self) -> &[String] {
        self.judge(Duration::MAX);
        &self.faults
    }

    fn remember(&mut self, at: Duration, organisation: u64, what: &str) {
        if self.remembered.len() == REMEMBERED_MAX {
            self.remembered.pop_front();
        }
        let line = format!("    {:>9.3} s  {what}", at.as_secs_f64());
        self.remembered.push_back((organisation, line));
    }

    /// Each of these sessions, and what became of it since.
    fn describe(&self, holders: &BTreeMap<String, String>) -> String {
        let line = |(session, user): (&String, &String)| {
            let sitting = &self.sittings[session];
            let heard_at = sitting.heard_at.as_secs_f64();
            let standing = sitting.standing;
            format!("    {session} of {user}, heard at {heard_at:.3} s, by now {standing:?}")
        };
        holders.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// The last that was told to devices of an organisation.
    fn history(&self, organisation: u64) -> String {
        let lines = self.remembered.iter().rev().filter(|(of, _)| *of == organisation);
        let mut lines: Vec<&str> = lines.take(TOLD_MAX).map(|(_, line)| line.as_str()).collect();
        lines.reverse();
        lines.join("\n")
    }
}

/// Distinct ones.
fn users(holders: &BTreeMap<String, String>) -> usize {
    holders.values().collect::<BTreeSet<_>>().len()
}
