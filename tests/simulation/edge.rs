//! A request at the very moment at which a grace runs out: one decision ends the grace, grants what it
//! held to whoever waits, and answers the request.

use crate::device::{Said, Stage};
use crate::world::{FEATURES, World, settle};
use licence_broker::domain::admission::Acquire;
use licence_broker::domain::reason::Departure;
use licence_broker::domain::release::Release;
use std::sync::Arc;
use std::time::Duration;

impl World {
    /// One device is lost while another of its organisation waits for all that there is; the one that waits
    /// gives it back, or logs out, at the instant at which the grace of the lost one is over.
    pub(crate) async fn ask_just_as_a_grace_runs_out(&mut self) {
        let Some((lost, waits)) = self.two_of_one_organisation() else { return };
        self.wait_for_everything(waits);
        settle(5).await;
        let grace = Duration::from_secs(self.conns[&lost].grace_s.into());
        self.let_go(lost, Departure::ConnectionLost);
        settle(5).await;
        self.hear();
        let is_there = self.conns.get(&waits).is_some_and(|conn| conn.stage == Stage::In);
        if !is_there {
            return;
        }
        self.coverage.count("asked just as a grace ran out");
        // Nobody may look before the request does, so nothing settles in between.
        self.turn(grace);
        if self.random.chance(50) {
            self.log_out_of(waits);
        } else {
            self.give_everything_back(waits);
        }
        settle(1_001).await;
    }

    /// A session that asked for grace, and another one beside it.
    fn two_of_one_organisation(&mut self) -> Option<(usize, usize)> {
        let waits = self.anyone()?;
        let place = self.conns[&waits].place;
        let beside = self.conns.iter().filter(|(id, conn)| {
            **id != waits && conn.place == place && conn.stage == Stage::In && conn.grace_s > 0
        });
        let beside: Vec<usize> = beside.map(|(id, _)| *id).collect();
        (!beside.is_empty()).then(|| (*self.random.pick(&beside), waits))
    }

    fn wait_for_everything(&self, id: usize) {
        let conn = &self.conns[&id];
        let channels: Vec<Arc<str>> = FEATURES.iter().map(|key| (*key).into()).collect();
        let acquire = Acquire { session: conn.session, link: conn.link, channels, wait: true };
        conn.submit(acquire, None, Said::Acquire);
    }

    /// One request for each feature, beginning with any of them: the first is decided with the grace.
    fn give_everything_back(&mut self, id: usize) {
        let first = usize::try_from(self.random.below(FEATURES.len() as u64)).expect("few");
        let conn = &self.conns[&id];
        self.auditor.release_asked(conn.place, conn.session.0);
        for key in FEATURES.iter().cycle().skip(first).take(FEATURES.len()) {
            let channels = vec![(*key).into()];
            let release = Release { session: conn.session, link: conn.link, channels };
            conn.submit(release, None, Said::Release);
        }
    }
}
