//! Whether an organisation is this node's to decide for.

use super::cell::{Cell, Past};
use super::directory::Shared;
use crate::domain::ids::OrganisationId;
use crate::store::ownership::{CHANGE_OF_HANDS_MAX, Claim, NodeRun, Tenure};
use crate::store::{Loaded, Run, StoreError};
use crate::telemetry;
use std::time::Duration;

/// An organisation that was looked for.
pub(super) enum Found {
    /// It is loaded, under the claim if one was needed.
    Here(Box<Loaded>, Option<Tenure>),
    /// Another node has it, or this one may not decide at present.
    Elsewhere,
    /// There is no such organisation.
    Nowhere,
}

/// Claims it where several nodes share the store, and loads it: in this order, so that what is loaded is
/// what the claim found, or the first commit is refused.
///
/// # Errors
/// If the store does not answer; then a claim may have come through, and the next one finds that.
pub(super) async fn find(shared: &Shared, cell: &Cell) -> Result<Found, StoreError> {
    let organisation = cell.id();
    let tenure = match &shared.cluster {
        None => None,
        Some(cluster) => match cluster.claim(organisation).await? {
            Claim::Mine(tenure) => {
                take_over(shared, cell, &tenure);
                Some(tenure)
            }
            Claim::Elsewhere(_) | Claim::LeaseOver => return Ok(Found::Elsewhere),
            Claim::Unknown => return Ok(Found::Nowhere),
        },
    };
    let loaded = shared.store.load(organisation).await?;
    Ok(loaded.map_or(Found::Nowhere, |loaded| Found::Here(Box::new(loaded), tenure)))
}

/// From whom it was claimed says how long sessions are held that no connection of this node has. Noted before
/// anything is loaded: if that fails the next claim is one of this node's own, and says nothing of it.
fn take_over(shared: &Shared, cell: &Cell, tenure: &Tenure) {
    if tenure.is_takeover {
        telemetry::count_takeover();
        let held_until = shared.clock.elapsed() + shared.heartbeat.held_after_takeover();
        cell.take_over(past_of(tenure, held_until));
    }
}

/// Gives it to another node, or back.
///
/// # Errors
/// If the store does not answer; then it may have come through.
pub(super) async fn hand_over(
    shared: &Shared,
    organisation: OrganisationId,
    epoch: u64,
    to: Option<&NodeRun>,
) -> Result<bool, StoreError> {
    match &shared.cluster {
        None => Ok(false),
        Some(cluster) => cluster.hand_over(organisation, epoch, to).await,
    }
}

/// What came before a claim from another run. A change of hands is no break: the intervals and the month that
/// are under way are those that were.
fn past_of(tenure: &Tenure, held_until: Duration) -> Past {
    let at = tenure.at;
    match tenure.last_run {
        Some(run) if at - run.last <= CHANGE_OF_HANDS_MAX => Past {
            last_run: Some(Run { since: run.since, last: at.max(run.last) }),
            running_since: run.since,
            held_until,
        },
        last_run => Past { last_run, running_since: at, held_until },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, TimeDelta, Utc};

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn past(last_run: Option<Run>) -> Past {
        let tenure = Tenure { epoch: 7, is_takeover: true, last_run, at: at(100) };
        past_of(&tenure, Duration::from_secs(30))
    }

    #[test]
    fn a_change_of_hands_is_no_break() {
        let past = past(Some(Run { since: at(10), last: at(97) }));
        assert_eq!(past.running_since, at(10));
        assert_eq!(past.last_run, Some(Run { since: at(10), last: at(100) }));
        assert_eq!(past.held_until, Duration::from_secs(30));
    }

    #[test]
    fn where_nobody_ran_it_for_longer_the_last_sign_of_life_is_what_it_was() {
        let run = Run { since: at(10), last: at(69) };
        let past = past(Some(run));
        assert_eq!((past.running_since, past.last_run), (at(100), Some(run)));
    }

    #[test]
    fn what_was_never_run_has_no_last_run() {
        let past = past(None);
        assert_eq!((past.running_since, past.last_run), (at(100), None));
    }
}
