//! The series of Prometheus that say how things stand at the moment of asking.
//!
//! They are read from what organisations last made known, never from their actors: an organisation that is
//! stuck holds up no scrape. Those with the smallest numbers have series of their own, so that no series
//! comes and goes with the load; the others are summed up as `other`.

use crate::actor::directory::Directory;
use crate::actor::directory::census::Standing;
use crate::actor::gauges::State;
use crate::broker::Broker;
use crate::domain::catalogue::{Catalogue, Model};
use crate::domain::ids::LicenceId;
use crate::domain::view::LicenceCounts;
use crate::limits::REPORTS_UNDER_WAY_MAX;
use crate::limits::bound::Bound;
use crate::store::sqlite::memory_used;
use crate::telemetry::{self, exact, field};
use metrics::gauge;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The label of organisations beyond the bound.
const OTHER: &str = "other";

/// The page, in Prometheus' text format.
pub(super) fn page(broker: &Broker) -> String {
    let census = broker.directory.census();
    telemetry::rendered(|| {
        gauge!(telemetry::BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1);
        gauge!(telemetry::READY).set(u8::from(super::health::reasons(broker).is_empty()));
        set_store(&broker.directory);
        set_node(&broker.directory);
        for (bound, level) in levels(broker) {
            gauge!(telemetry::BOUND_LEVEL, "bound" => bound.as_str()).set(number(level));
        }
        telemetry::process::collect();
        set_actors(&census);
        set_organisations(&census, broker.limits.metrics_organisations_max, &broker.catalogue);
        set_shortages(&census, &broker.catalogue);
    })
}

/// How many there are now of what is bounded.
fn levels(broker: &Broker) -> impl Iterator<Item = (Bound, usize)> {
    let reports = REPORTS_UNDER_WAY_MAX.saturating_sub(broker.reports.available_permits());
    broker.admission.levels().into_iter().chain([
        (Bound::RequestsUnderWay, broker.directory.asks_under_way()),
        (Bound::ReportsUnderWay, reports),
        (Bound::PasswordsWaiting, broker.hashing.waiting()),
    ])
}

fn set_node(directory: &Directory) {
    let live = directory.nodes().map_or(1, |cluster| cluster.shares().len());
    gauge!(telemetry::LEASE).set(u8::from(directory.may_decide()));
    gauge!(telemetry::NODES_LIVE).set(number(live));
    gauge!(telemetry::ORGANISATIONS_SERVED).set(number(directory.served()));
}

fn set_store(directory: &Directory) {
    let backlog = directory.backlog();
    gauge!(telemetry::JOURNAL_BATCHES).set(number(backlog.batches()));
    gauge!(telemetry::STORE_REFUSING).set(u8::from(directory.store_refusal().is_some()));
    gauge!(telemetry::STORE_MEMORY).set(exact(memory_used()));
    gauge!(telemetry::STORE_DURABLE).set(seconds(backlog.durable_ms()));
}

fn set_actors(census: &[Standing]) {
    let waiting = census.iter().map(|standing| standing.waiting);
    gauge!(telemetry::MAILBOX).set(number(waiting.clone().sum()));
    gauge!(telemetry::MAILBOX_MAX).set(number(waiting.max().unwrap_or(0)));
    let lingering = census.iter().map(|standing| standing.lingering).sum();
    gauge!(telemetry::LINGERING).set(number(lingering));
    for state in State::ALL {
        let count = census.iter().filter(|standing| standing.state == *state).count();
        gauge!(telemetry::ORGANISATIONS, "state" => state.as_str()).set(number(count));
    }
}

/// What is held of a type and what was bought of it, in one organisation or in several.
#[derive(Clone, Copy, Default)]
struct Sums {
    holders: u64,
    concurrent: u64,
    contingency: u64,
    contingency_used: u64,
    contingency_max: u64,
    over_allocated: u64,
    waiting: u64,
}

impl Sums {
    fn add(&mut self, counts: &LicenceCounts) {
        self.holders += u64::from(counts.holders);
        self.concurrent += u64::from(counts.totals.concurrent) + u64::from(counts.totals.fixed);
        self.contingency += u64::from(counts.totals.contingency);
        self.contingency_used += u64::from(counts.split.contingency);
        self.contingency_max += u64::from(counts.contingency_max);
        self.over_allocated += u64::from(counts.split.over_allocated);
        self.waiting += u64::from(counts.waiting);
    }

    fn set(&self, organisation: &Arc<str>, licence: &Arc<str>) {
        for (name, value) in [
            (telemetry::HOLDERS, self.holders),
            (telemetry::CONCURRENT_BOUGHT, self.concurrent),
            (telemetry::CONTINGENCY_BOUGHT, self.contingency),
            (telemetry::CONTINGENCY_USED, self.contingency_used),
            (telemetry::CONTINGENCY_MAXIMUM, self.contingency_max),
            (telemetry::OVER_ALLOCATED, self.over_allocated),
            (telemetry::WAITING, self.waiting),
        ] {
            let organisation = organisation.clone();
            gauge!(name, field::ORGANISATION => organisation, "licence" => licence.clone())
                .set(exact(value));
        }
    }
}

/// Types that are neither bought nor wanted have no series.
fn is_in_use(counts: &&LicenceCounts) -> bool {
    let totals = counts.totals;
    let bought = [totals.concurrent, totals.contingency, totals.fixed, counts.contingency_max];
    counts.holders > 0 || counts.waiting > 0 || bought.iter().any(|bought| *bought > 0)
}

fn set_organisations(census: &[Standing], own_max: usize, catalogue: &Catalogue) {
    let (own, others) = census.split_at(own_max.min(census.len()));
    for standing in own {
        let organisation: Arc<str> = standing.organisation.to_string().into();
        for counts in standing.frame.all.iter().filter(is_in_use) {
            let mut sums = Sums::default();
            sums.add(counts);
            sums.set(&organisation, catalogue.key(counts.licence));
        }
    }
    let mut sums: BTreeMap<LicenceId, Sums> = BTreeMap::new();
    for standing in others {
        for counts in standing.frame.all.iter().filter(is_in_use) {
            sums.entry(counts.licence).or_default().add(counts);
        }
    }
    let other: Arc<str> = OTHER.into();
    for (licence, sums) in sums {
        sums.set(&other, catalogue.key(licence));
    }
}

/// In how many organisations a type runs short: over all of them, so that an alert misses none that has no
/// series of its own.
#[derive(Clone, Copy, Default)]
struct Shortage {
    contingency: usize,
    exhausted: usize,
    over_allocated: usize,
}

fn set_shortages(census: &[Standing], catalogue: &Catalogue) {
    let mut shortages: BTreeMap<LicenceId, Shortage> = BTreeMap::new();
    let counts = census.iter().flat_map(|standing| standing.frame.all.iter().filter(is_in_use));
    for counts in counts {
        if catalogue.get(counts.licence).model != Model::Concurrent {
            continue;
        }
        let shortage = shortages.entry(counts.licence).or_default();
        let bought = u64::from(counts.totals.concurrent) + u64::from(counts.totals.contingency);
        shortage.contingency += usize::from(counts.split.contingency > 0);
        shortage.exhausted += usize::from(bought > 0 && u64::from(counts.holders) >= bought);
        shortage.over_allocated += usize::from(counts.split.over_allocated > 0);
    }
    for (licence, shortage) in shortages {
        for (state, organisations) in [
            ("contingency", shortage.contingency),
            ("exhausted", shortage.exhausted),
            ("over_allocated", shortage.over_allocated),
        ] {
            let licence = catalogue.key(licence).clone();
            gauge!(telemetry::SHORT, "licence" => licence, "state" => state)
                .set(number(organisations));
        }
    }
}

fn number(count: usize) -> f64 {
    exact(u64::try_from(count).unwrap_or(u64::MAX))
}

/// Milliseconds of the Unix epoch as seconds.
#[expect(clippy::cast_precision_loss, reason = "exact until the year 280,000")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}
