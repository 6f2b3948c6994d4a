//! The auditor: did more distinct users hold a licence than were bought? It knows messages alone,
//! asks the broker nothing, and shares no code with it.
//!
//! It must never raise a false alarm, although news travels: a session that the broker has ended
//! is known to have ended only when the close arrives, and meanwhile another may have been granted
//! what became free. So a hold counts
//!
//! - from the *receipt* of its grant (the broker granted earlier),
//! - to the *sending* of the last request that the same session answered afterwards, a ping for
//!   example (the broker answered later, and tells a session of a release before anything else).
//!
//! Within that time the licence was certainly held, whatever happened later. A client that leaves
//! asks nothing more: its licences count as released from the moment it starts to leave. A hold
//! that nothing proves does not count, and the verdict says how many there were.
//!
//! Moments are stamps drawn from one counter, so that their order is certain and no clock is read.

mod sweep;
#[cfg(test)]
mod tests;
mod verdict;

use std::collections::HashMap;

use sweep::{Hold, peak};
pub(crate) use verdict::{PoolPeak, Verdict, Violation};

/// A session as the auditor knows it: one connection, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SessionId(u64);

/// A moment, in the order of all that the auditor was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp(u64);

/// What the organisation's list says about a licence type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bought {
    /// Concurrent model: at most so many distinct users, contingency included.
    Holders(u64),
    /// Another model, which this audit does not count.
    Uncounted,
}

#[derive(Default)]
pub(crate) struct Auditor {
    last: u64,
    pools: Vec<Pool>,
    pool_of: HashMap<u64, HashMap<String, usize>>,
    users: Vec<String>,
    user_of: HashMap<u64, HashMap<String, usize>>,
    sessions: HashMap<SessionId, Session>,
    /// Licences that sessions hold now.
    held: u64,
}

/// One licence type of one organisation.
struct Pool {
    organisation: u64,
    licence: String,
    /// `None`: the organisation's list does not have the type.
    bought: Option<Bought>,
    /// Holds that are over, proven or not.
    past: Vec<Hold>,
}

struct Session {
    organisation: u64,
    user: usize,
    /// The last moment at which the session was certainly alive.
    proven: Stamp,
    /// What it holds: the pool, and since when.
    held: Vec<(usize, Stamp)>,
}

impl Auditor {
    /// Notes what an organisation bought of a type; before the first login.
    pub(crate) fn bought(&mut self, organisation: u64, licence: &str, bought: Bought) {
        let pool = self.pool(organisation, licence);
        self.pools[pool].bought = Some(bought);
    }

    /// A session of a user begins; it holds nothing yet.
    pub(crate) fn begun(&mut self, organisation: u64, user: &str) -> SessionId {
        let proven = self.stamp();
        let session = SessionId(proven.0);
        let user = self.user(organisation, user);
        let held = Vec::new();
        self.sessions.insert(session, Session { organisation, user, proven, held });
        session
    }

    /// A request is about to be sent: call it before, and keep the stamp for [`Self::answered`].
    pub(crate) fn asking(&mut self) -> Stamp {
        self.stamp()
    }

    /// The session answered the request that was sent at `asked`.
    pub(crate) fn answered(&mut self, session: SessionId, asked: Stamp) {
        if let Some(session) = self.sessions.get_mut(&session) {
            session.proven = session.proven.max(asked);
        }
    }

    /// The session was granted licences: by a login, an acquire, or after waiting.
    pub(crate) fn granted<'a>(
        &mut self,
        session: SessionId,
        licences: impl IntoIterator<Item = &'a str>,
    ) {
        let Some(organisation) = self.sessions.get(&session).map(|s| s.organisation) else {
            return;
        };
        let since = self.stamp();
        for licence in licences {
            let pool = self.pool(organisation, licence);
            if let Some(session) = self.sessions.get_mut(&session)
                && session.held.iter().all(|(held, _)| *held != pool)
            {
                session.held.push((pool, since));
                self.held += 1;
            }
        }
    }

    /// The session no longer has these licences, asked or unasked; call it before
    /// [`Self::answered`] for the request that this answers.
    pub(crate) fn released<'a>(
        &mut self,
        session: SessionId,
        licences: impl IntoIterator<Item = &'a str>,
    ) {
        let Some(mut ledger) = self.sessions.remove(&session) else {
            return;
        };
        for licence in licences {
            let pool = self.pool(ledger.organisation, licence);
            if let Some(index) = ledger.held.iter().position(|(held, _)| *held == pool) {
                let (pool, since) = ledger.held.swap_remove(index);
                self.held -= 1;
                self.pools[pool].past.push(ledger.hold(since));
            }
        }
        self.sessions.insert(session, ledger);
    }

    /// The session is over, whoever ended it. What it is told later does not count.
    pub(crate) fn ended(&mut self, session: SessionId) {
        if let Some(ledger) = self.sessions.remove(&session) {
            for (pool, since) in &ledger.held {
                self.pools[*pool].past.push(ledger.hold(*since));
                self.held -= 1;
            }
        }
    }

    /// Licences that sessions hold now, by what they were told so far, of every type.
    pub(crate) fn held_now(&self) -> u64 {
        self.held
    }

    /// Judges all that was told so far; sessions that are not over count as far as they are proven.
    pub(crate) fn verdict(&self) -> Verdict {
        let mut holds: Vec<Vec<Hold>> = self.pools.iter().map(|pool| pool.past.clone()).collect();
        for session in self.sessions.values() {
            for (pool, since) in &session.held {
                holds[*pool].push(session.hold(*since));
            }
        }
        let mut verdict = Verdict { holds: 0, proven: 0, pools: vec![], violations: vec![] };
        for (pool, holds) in self.pools.iter().zip(&holds) {
            self.judge(pool, holds, &mut verdict);
        }
        verdict.sort();
        verdict
    }

    fn judge(&self, pool: &Pool, holds: &[Hold], verdict: &mut Verdict) {
        let bought = match pool.bought {
            Some(Bought::Uncounted) => return,
            Some(Bought::Holders(bought)) => Some(bought),
            None => None,
        };
        let limit = bought.unwrap_or(0);
        let peak = peak(holds, limit);
        verdict.holds += count(holds.len());
        verdict.proven += count(holds.iter().filter(|hold| hold.counts()).count());
        let (organisation, licence) = (pool.organisation, pool.licence.clone());
        let peak_holders = count(peak.holders);
        if peak_holders > limit || (bought.is_none() && !holds.is_empty()) {
            let users = peak.above.iter().map(|user| self.users[*user].clone()).collect();
            let licence = licence.clone();
            verdict.violations.push(Violation {
                organisation,
                licence,
                bought,
                peak_holders,
                users,
            });
        }
        verdict.pools.push(PoolPeak { organisation, licence, bought: limit, peak_holders });
    }

    fn stamp(&mut self) -> Stamp {
        self.last += 1;
        Stamp(self.last)
    }

    fn pool(&mut self, organisation: u64, licence: &str) -> usize {
        let of_organisation = self.pool_of.entry(organisation).or_default();
        if let Some(pool) = of_organisation.get(licence) {
            return *pool;
        }
        let licence = licence.to_owned();
        of_organisation.insert(licence.clone(), self.pools.len());
        self.pools.push(Pool { organisation, licence, bought: None, past: vec![] });
        self.pools.len() - 1
    }

    fn user(&mut self, organisation: u64, name: &str) -> usize {
        let of_organisation = self.user_of.entry(organisation).or_default();
        if let Some(user) = of_organisation.get(name) {
            return *user;
        }
        of_organisation.insert(name.to_owned(), self.users.len());
        self.users.push(name.to_owned());
        self.users.len() - 1
    }
}

impl Session {
    fn hold(&self, since: Stamp) -> Hold {
        Hold { user: self.user, since, proven: self.proven }
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
