//! Compares what pages and wallboards would show now.

use crate::world::{World, same};
use licence_broker::domain::ids::{LicenceId, LicenceSet, UserName};
use licence_broker::domain::reason::HolderPool;
use licence_broker::domain::view::{BaseCounts, HolderView, LicenceCounts};
use std::collections::{BTreeMap, BTreeSet};

fn usize_of(number: u32) -> usize {
    usize::try_from(number).expect("a small number")
}

impl World {
    pub(crate) fn compare_present(&mut self) -> Result<(), String> {
        let types: LicenceSet = self.model.facts.iter().map(|fact| fact.licence).collect();
        let holders = self.organisation.holders(None, None, usize::MAX);
        for count in self.organisation.counts(types) {
            if count.split.over_allocated > 0 {
                self.seen.insert("over-allocated".to_owned());
            }
            self.compare_counts(&count)?;
            self.compare_ranks(count.licence, &holders)?;
        }
        let (_, active) = self.organisation.active_users();
        same("active this month", &usize_of(active), &self.keeper.active_in_month(None))?;
        same("the bill", &self.organisation.bill().1, &self.keeper.bill_lines())?;
        self.model.units.check()?;
        self.compare_sessions()
    }

    fn compare_counts(&self, count: &LicenceCounts) -> Result<(), String> {
        let (licence, model) = (count.licence, &self.model);
        let fact = model.fact(licence).expect("a type of the model");
        let holders = model.holders(licence).len();
        let over = holders.saturating_sub(self.totals(licence));
        let (used, reusable) =
            (model.units.used(licence, model.at), model.units.reusable(licence, model.at));
        let base = [used, reusable, model.totals_of(licence).base + reusable - used];
        let BaseCounts { used, reusable, available } = count.base;
        same(
            &format!("base used, reusable, available of {}", fact.key),
            &[used, reusable, available],
            &base,
        )?;
        same("the keeper's base", &(used, reusable), &self.keeper.base_counts(licence, model.at))?;
        let expected = [
            holders,
            model.sittings.iter().filter(|s| s.holds(licence).is_some()).count(),
            model.waiting(licence),
            if fact.is_fixed { 0 } else { over },
            usize_of(model.contingency_used(licence)),
            usize_of(model.denied_today.get(&licence).copied().unwrap_or(0)),
            usize_of(model.maxima.get(&licence).copied().unwrap_or(0)),
            usize_of(model.assigned(&model.users, licence)),
            self.keeper.active_in_month(Some(licence)),
        ];
        let rules = [
            count.holders,
            count.instances,
            count.waiting,
            count.split.over_allocated,
            count.split.contingency,
            count.denied_today,
            count.contingency_max,
            count.assigned,
            count.active_in_month,
        ];
        let what =
            "holders, instances, waiting, over, contingency, denied, maximum, assigned, active of";
        same(&format!("{what} {}", fact.key), &rules.map(usize_of), &expected)
    }

    fn compare_ranks(&self, licence: LicenceId, holders: &[HolderView]) -> Result<(), String> {
        let of_type = holders.iter().filter(|holder| holder.licence == licence);
        let ranked: Vec<UserName> = of_type.clone().map(|holder| holder.user.clone()).collect();
        let ranks = self.model.ranks.get(&licence).cloned().unwrap_or_default();
        same("holders by rank", &ranked, &ranks)?;
        let pools: Vec<HolderPool> = of_type.map(|holder| holder.pool).collect();
        same("pools by rank", &pools, &self.pools(licence, ranked.len()))
    }

    fn totals(&self, licence: LicenceId) -> usize {
        let totals = self.model.totals_of(licence);
        usize_of(totals.concurrent + totals.contingency)
    }

    fn pools(&self, licence: LicenceId, holders: usize) -> Vec<HolderPool> {
        let concurrent = usize_of(self.model.totals_of(licence).concurrent);
        let is_fixed = self.model.fact(licence).is_some_and(|fact| fact.is_fixed);
        let pool = |rank| match rank {
            _ if is_fixed => HolderPool::Fixed,
            rank if rank < concurrent => HolderPool::Concurrent,
            rank if rank < self.totals(licence) => HolderPool::Contingency,
            _ => HolderPool::OverAllocated,
        };
        (0..holders).map(pool).collect()
    }

    fn compare_sessions(&self) -> Result<(), String> {
        let views = self.organisation.sessions(None, usize::MAX);
        let rules = views.into_iter().map(|view| {
            let held: BTreeSet<_> = view.licences.iter().map(|held| held.licence).collect();
            let waiting: BTreeSet<_> = view.waiting.into_iter().collect();
            (view.session, (view.user, view.device, view.is_connected, held, waiting))
        });
        let model = self.model.sittings.iter().map(|s| {
            let held: BTreeSet<_> = s.held.iter().map(|(licence, _)| *licence).collect();
            let waiting: BTreeSet<_> = s.waits.iter().map(|(licence, _)| *licence).collect();
            (s.id, (s.user.clone(), s.device, s.link.is_some(), held, waiting))
        });
        let (rules, model): (BTreeMap<_, _>, BTreeMap<_, _>) = (rules.collect(), model.collect());
        let held: usize = model.values().map(|(_, _, _, held, _)| held.len()).sum();
        same("open instances in the records", &self.keeper.open_instances(), &held)?;
        same("sessions", &rules, &model)
    }
}
