//! Counts what decisions change, by handles that are looked up when they are first needed.

use super::field;
use super::recorder::install_metrics;
use super::series::{DENIALS, GRANTS, RELEASES};
use crate::domain::catalogue::Catalogue;
use crate::domain::event::{DeniedName, Event, UsageRecord};
use crate::domain::ids::LicenceId;
use crate::domain::reason::{DenialReason, GrantPool, ReleaseReason};
use metrics::{Counter, counter};
use std::sync::{Arc, OnceLock};

/// The label under which names that no catalogue has are counted: clients must not make series.
const UNKNOWN_LICENCE: &str = "unknown";

/// Counters of instances acquired and released and of licences denied, for every type of a catalogue. One for
/// all organisations of a broker.
pub struct EventCounters {
    /// Of each type by its place, and at last of names that are none.
    licences: Vec<OfLicence>,
}

/// The counters of one type, by the place of the other label's value in its vocabulary.
struct OfLicence {
    key: Arc<str>,
    grants: [OnceLock<Counter>; GrantPool::ALL.len()],
    releases: [OnceLock<Counter>; ReleaseReason::ALL.len()],
    denials: [OnceLock<Counter>; DenialReason::ALL.len()],
}

impl EventCounters {
    /// Nothing was counted yet.
    pub fn new(catalogue: &Catalogue) -> Self {
        // A handle that is looked up before there is a recorder would count nothing for ever.
        install_metrics();
        let keys = catalogue.iter().map(|(_, licence)| licence.key.clone());
        let licences = keys.chain([UNKNOWN_LICENCE.into()]).map(OfLicence::new).collect();
        Self { licences }
    }

    /// Counts instances acquired and released, and licences denied.
    pub fn count(&self, events: &[Event]) {
        for event in events {
            match event {
                Event::Acquired { record, .. } => self.count_grant(record),
                Event::Released(record) => self.count_release(record),
                Event::Denied(record) => {
                    self.count_denial(&record.denied.licence, record.denied.reason);
                }
                Event::SessionOpened(_)
                | Event::SessionClosed { .. }
                | Event::Queued { .. }
                | Event::Unqueued { .. }
                | Event::MaximumRaised { .. }
                | Event::MonthClosed { .. }
                | Event::IntervalClosed { .. }
                | Event::BaseUnitSaved { .. }
                | Event::Lapsed { .. }
                | Event::PriceSet { .. }
                | Event::WallboardSaved(_)
                | Event::WallboardRemoved { .. }
                | Event::WallboardMaximumSet { .. }
                | Event::Audited(_)
                | Event::UserSaved(_)
                | Event::UserDeleted { .. }
                | Event::TotalsSet { .. }
                | Event::SettingsSaved(_)
                | Event::OrganisationRemoved { .. } => {}
            }
        }
    }

    fn count_grant(&self, record: &UsageRecord) {
        let (of, pool) = (self.of(record.licence), record.pool);
        let name = || counter!(GRANTS, "licence" => of.key.clone(), "pool" => pool.as_str());
        of.grants[pool as usize].get_or_init(name).increment(1);
    }

    fn count_release(&self, record: &UsageRecord) {
        // A release always has its reason.
        let Some(reason) = record.reason else { return };
        let of = self.of(record.licence);
        let word = reason.as_str();
        let name = || counter!(RELEASES, "licence" => of.key.clone(), field::REASON => word);
        of.releases[reason as usize].get_or_init(name).increment(1);
    }

    fn count_denial(&self, licence: &DeniedName, reason: DenialReason) {
        let of = match licence {
            DeniedName::Licence(licence) => self.of(*licence),
            DeniedName::Unknown(_) => &self.licences[self.licences.len() - 1],
        };
        let word = reason.as_str();
        let name = || counter!(DENIALS, "licence" => of.key.clone(), field::REASON => word);
        of.denials[reason as usize].get_or_init(name).increment(1);
    }

    fn of(&self, licence: LicenceId) -> &OfLicence {
        &self.licences[licence.index()]
    }
}

impl OfLicence {
    fn new(key: Arc<str>) -> Self {
        Self {
            key,
            grants: [const { OnceLock::new() }; GrantPool::ALL.len()],
            releases: [const { OnceLock::new() }; ReleaseReason::ALL.len()],
            denials: [const { OnceLock::new() }; DenialReason::ALL.len()],
        }
    }
}
