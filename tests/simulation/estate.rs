//! What administrators change while agents work.

use crate::world::{FEATURES, SEATS, World};
use licence_broker::actor::reply::Reply;
use licence_broker::domain::ids::LicenceSet;
use licence_broker::domain::provisioning::{ProvisionUsers, UserChange, UserPatch};
use licence_broker::domain::reason::UserStatus;

impl World {
    /// Totals are raised or lowered.
    pub(crate) fn buy(&mut self) {
        let places: Vec<usize> = (0..self.tenants.len()).collect();
        let place = *self.random.pick(&places);
        let keys: Vec<&str> = SEATS.iter().chain(FEATURES).copied().collect();
        let key = *self.random.pick(&keys);
        let set = self.totals(key);
        self.coverage.count("totals changed");
        self.auditor.buys(place, key, set.totals.concurrent + set.totals.contingency);
        self.organisation(place).submit(set, None, Reply::nobody());
    }

    /// A user is changed, suspended, deleted, or there again. The first two stay as they are.
    pub(crate) fn provision(&mut self) {
        let places: Vec<usize> = (0..self.tenants.len()).collect();
        let place = *self.random.pick(&places);
        let users = self.tenants[place].users[2..].to_vec();
        let user = self.random.pick(&users).clone();
        let patch = |patch| UserChange::Patch { user: user.clone(), patch, expected_version: None };
        let change = match self.random.below(10) {
            0..3 => {
                let features = FEATURES.iter().filter(|_| self.random.chance(60));
                let features: LicenceSet =
                    features.filter_map(|key| self.catalogue.find(key)).collect();
                patch(UserPatch { features: Some(features), ..UserPatch::default() })
            }
            3 => patch(UserPatch { status: Some(UserStatus::Suspended), ..UserPatch::default() }),
            4 => {
                let seat = *self.random.pick(SEATS);
                let seat = self.catalogue.find(seat);
                patch(UserPatch { user_type: seat, ..UserPatch::default() })
            }
            5 => UserChange::Delete { user: user.clone(), expected_version: None },
            _ => UserChange::Upsert(self.draft(&user, 9)),
        };
        self.coverage.count("user changed");
        self.auditor.user_changes(place, &user);
        let command = ProvisionUsers { changes: vec![change], atomic: true };
        self.organisation(place).submit(command, None, Reply::nobody());
    }
}
