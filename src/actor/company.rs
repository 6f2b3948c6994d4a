//! Which organisations have left something to be committed lately.
//!
//! An organisation that is alone commits all that it has at once; one in company commits a portion at a
//! time, so that the others wait for that portion and not for a storm.

use crate::domain::ids::OrganisationId;
use crate::limits::COMPANY_LASTS;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The two organisations that were here last: whoever they are, they tell every other that it is not alone.
#[derive(Debug, Default)]
pub(super) struct Company(Mutex<[Option<Visit>; 2]>);

#[derive(Clone, Copy, Debug)]
struct Visit {
    organisation: OrganisationId,
    /// Monotonic time.
    at: Duration,
}

impl Company {
    /// An organisation leaves a batch at `elapsed` of monotonic time.
    pub(super) fn note(&self, organisation: OrganisationId, elapsed: Duration) {
        let visit = Some(Visit { organisation, at: elapsed });
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = match *last {
            [Some(latest), before] if latest.organisation == organisation => [visit, before],
            [latest, _] => [visit, latest],
        };
    }

    /// Whether another organisation has left a batch within the last seconds.
    pub(super) fn has_others(&self, organisation: OrganisationId, elapsed: Duration) -> bool {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.into_iter().flatten().any(|visit| {
            visit.organisation != organisation && elapsed.saturating_sub(visit.at) < COMPANY_LASTS
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn organisation(number: u64) -> OrganisationId {
        OrganisationId::new(number).expect("a number")
    }

    #[test]
    fn an_organisation_is_in_company_for_a_while_after_another_was_here() {
        let (company, storm, calm) = (Company::default(), organisation(1), organisation(2));
        let at = Duration::from_millis;
        let over = COMPANY_LASTS + at(100);
        company.note(storm, at(0));
        assert!(!company.has_others(storm, at(0)), "alone");
        assert!(company.has_others(calm, at(10)));
        company.note(calm, at(100));
        company.note(storm, at(200));
        company.note(storm, at(300));
        assert!(company.has_others(storm, over - at(1)), "the calm one is not forgotten");
        assert!(!company.has_others(storm, over));
    }

    #[test]
    fn of_many_any_other_is_company() {
        let company = Company::default();
        for number in 1..=5 {
            company.note(organisation(number), Duration::ZERO);
        }
        for number in 1..=6 {
            assert!(company.has_others(organisation(number), Duration::ZERO), "{number}");
        }
    }
}
