//! Now and then everything comes to rest, and is held against everything else.

use crate::auditor::calm::{Counts, Present, Seen};
use crate::world::{World, settle};
use licence_broker::actor::live::LiveFrame;
use licence_broker::domain::organisation::Organisation;
use licence_broker::domain::view::LicenceCounts;
use std::time::Duration;

impl World {
    /// Nothing fails for a while, whoever was slow reads, and all that is under way comes to its end.
    pub(crate) async fn look(&mut self) {
        self.store.calm(true);
        for conn in self.conns.values_mut() {
            conn.thaw = None;
        }
        for _ in 0..9 {
            self.pass(Duration::from_millis(1_000)).await;
            self.hear();
        }
        if let Some(fenced) = self.store.fenced() {
            self.auditor.fault(fenced);
        }
        let (at, elapsed) = (self.clock.now().at, self.clock.now().elapsed);
        for place in 0..self.tenants.len() {
            self.look_at(place, at, elapsed).await;
        }
        self.store.calm(false);
    }

    async fn look_at(
        &mut self,
        place: usize,
        at: chrono::DateTime<chrono::Utc>,
        elapsed: Duration,
    ) {
        let id = self.tenants[place].id;
        let directory = self.directory().clone();
        let Ok(present) = directory.view(id, present).await else {
            self.auditor.fault(format!("organisation {id} gives no answer at rest"));
            return;
        };
        settle(150).await;
        self.follow_one(place).await;
        self.hear();
        let here = self.conns.iter().filter(|(_, conn)| conn.place == place);
        let here = here
            .filter(|(_, conn)| self.is_certain(conn))
            .map(|(id, conn)| (*id, conn.session.0))
            .collect();
        self.auditor.at_rest(place, &Seen { at, elapsed, present, here });
        self.coverage.count("organisation at rest");
    }

    /// Wallboards look at what they follow.
    pub(crate) async fn follow(&mut self) {
        let places: Vec<usize> = (0..self.tenants.len()).collect();
        let place = *self.random.pick(&places);
        self.follow_one(place).await;
    }

    async fn follow_one(&mut self, place: usize) {
        let id = self.tenants[place].id;
        if self.tenants[place].feed.is_none() {
            let following = self.directory().live(id);
            let Ok(Ok(feed)) = tokio::time::timeout(Duration::from_millis(5), following).await
            else {
                return;
            };
            self.tenants[place].feed = Some(feed);
            self.auditor.wallboard_begins(place);
        }
        let Some(feed) = &mut self.tenants[place].feed else { return };
        let frame: std::sync::Arc<LiveFrame> = feed.counts.borrow_and_update().clone();
        let plain = |counts: &[LicenceCounts]| -> Vec<Counts> {
            counts.iter().map(|one| counts_of(self.catalogue.key(one.licence), one)).collect()
        };
        let (changed, all) = (plain(&frame.changed), plain(&frame.all));
        let how = self.auditor.frame(place, frame.seq, &changed, &all);
        self.coverage.count(how);
    }
}

fn counts_of(key: &crate::kept::Key, counts: &LicenceCounts) -> Counts {
    Counts {
        licence: key.clone(),
        holders: counts.holders,
        instances: counts.instances,
        waiting: counts.waiting,
        contingency_max: counts.contingency_max,
    }
}

/// How the organisation's actor sees itself.
fn present(organisation: &Organisation) -> Present {
    organisation.assert_consistent();
    let catalogue = organisation.catalogue();
    let key = |licence| catalogue.key(licence).clone();
    let sessions = organisation.sessions(None, usize::MAX).into_iter().map(|session| {
        let held = session.licences.iter().map(|held| key(held.licence)).collect();
        let waiting = session.waiting.iter().map(|licence| key(*licence)).collect();
        (session.session.0, (session.is_connected, held, waiting))
    });
    let counts = organisation.counts(catalogue.acquirable());
    let counts = counts.iter().map(|one| counts_of(catalogue.key(one.licence), one)).collect();
    Present { sessions: sessions.collect(), counts }
}
