//! The most distinct users at one moment, from the holds of one licence type.

use std::collections::HashMap;

use super::Stamp;
use crate::limits::USERS_NAMED_MAX;

/// One licence held by one session of one user.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hold {
    pub(super) user: usize,
    pub(super) since: Stamp,
    /// The last moment at which it was certainly held.
    pub(super) proven: Stamp,
}

impl Hold {
    pub(super) fn counts(&self) -> bool {
        self.proven > self.since
    }
}

pub(super) struct Peak {
    pub(super) holders: usize,
    /// At the first moment of the peak, some of the users beyond the limit: who came last.
    pub(super) above: Vec<usize>,
}

enum Change {
    Begins,
    Ends,
}

/// Walks through all moments at which something begins or ends.
pub(super) fn peak(holds: &[Hold], limit: u64) -> Peak {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    // Per user the holds open now, and the moment of the first of them.
    let mut open: HashMap<usize, (usize, Stamp)> = HashMap::new();
    let mut peak = Peak { holders: 0, above: vec![] };
    for (at, user, change) in changes(holds) {
        match change {
            Change::Begins => open.entry(user).or_insert((0, at)).0 += 1,
            Change::Ends => {
                if let Some((depth, _)) = open.get_mut(&user) {
                    *depth -= 1;
                    if *depth == 0 {
                        open.remove(&user);
                    }
                }
            }
        }
        if open.len() > peak.holders {
            peak.holders = open.len();
            if open.len() > limit {
                peak.above = last_comers(&open, (open.len() - limit).min(USERS_NAMED_MAX));
            }
        }
    }
    peak
}

/// No two changes of different users share a stamp, so their order needs no rule for ties.
fn changes(holds: &[Hold]) -> Vec<(Stamp, usize, Change)> {
    let mut changes = Vec::with_capacity(holds.len() * 2);
    for hold in holds.iter().filter(|hold| hold.counts()) {
        changes.push((hold.since, hold.user, Change::Begins));
        changes.push((hold.proven, hold.user, Change::Ends));
    }
    changes.sort_by_key(|(at, _, _)| *at);
    changes
}

fn last_comers(open: &HashMap<usize, (usize, Stamp)>, count: usize) -> Vec<usize> {
    let mut users: Vec<_> = open.iter().map(|(user, (_, since))| (*since, *user)).collect();
    users.sort_unstable_by(|a, b| b.cmp(a));
    users.into_iter().take(count).map(|(_, user)| user).collect()
}
