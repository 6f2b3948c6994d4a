//! One life of the broker: it starts upon what is kept, serves for a while, and dies or is the last.

use crate::device::Post;
use crate::world::{FEATURES, SEATS, Tenant, World, settle};
use actix::prelude::*;
use licence_broker::actor::directory::{Directory, DirectoryParts};
use licence_broker::actor::journal::Journal;
use licence_broker::domain::ids::LicenceSet;
use licence_broker::domain::organisation::{Bounds, Settings};
use licence_broker::domain::pool::Totals;
use licence_broker::domain::provisioning::{ProvisionUsers, UserChange, UserDraft};
use licence_broker::domain::purchases::SetTotals;
use licence_broker::domain::reason::UserStatus;
use licence_broker::limits::Heartbeat;
use licence_broker::store::Store;
use std::time::Duration;

/// How many steps lie between two at which everything is held against everything.
const STEPS_TO_CALM: u64 = 25;

/// Runs one life; the world is as it was left, but for the broker.
pub(crate) fn live(world: &mut World) {
    let runner = System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime")
    });
    runner.block_on(serve(world));
    // Everything that was under way is dropped where it stands: that is the crash.
    drop(runner);
    world.post = Post::default();
    world.bury();
}

async fn serve(world: &mut World) {
    if !start(world).await {
        world.coverage.count("fault: start refused");
        return;
    }
    if !world.is_founded {
        found(world).await;
        world.is_founded = true;
    }
    world.store.calm(false);
    while world.done < world.steps && world.auditor.found().is_none() {
        world.done += 1;
        if world.done.is_multiple_of(STEPS_TO_CALM) {
            world.look().await;
        } else if world.step().await {
            world.coverage.count("fault: crash");
            return;
        }
    }
}

/// Starts the broker as its program does; `false` if the store refuses.
async fn start(world: &mut World) -> bool {
    let now = world.clock.now();
    world.store.begin_life(world.life);
    world.store.calm(world.life == 0 || world.random.chance(70));
    let last_run = world.store.last_run().await.expect("it can be read");
    let sign = last_run.map(|run| run.last);
    world.auditor.life_begins(world.life, now.elapsed, sign, now.at);
    let (journal, _) = Journal::start(world.store.clone(), world.clock.clone());
    let opened = Directory::open(DirectoryParts {
        store: world.store.clone(),
        journal,
        clock: world.clock.clone(),
        catalogue: world.catalogue.clone(),
        bounds: Bounds { waiting_per_licence_max: 4, users_max: 40 },
        heartbeat: Heartbeat { every: Duration::from_secs(15) },
        arbiters: vec![Arbiter::current()],
        last_run,
        asks_max: 1_000,
        running_since: now.at,
        cluster: None,
    })
    .await;
    let Ok((directory, open)) = opened else {
        world.directory = None;
        return false;
    };
    let is_open = directory.recover(open).await.is_ok();
    world.directory = is_open.then_some(directory);
    is_open
}

/// Creates the organisations, what they bought and whom they have.
async fn found(world: &mut World) {
    for place in 0..world.tenants.len() {
        let Tenant { id, zone, log_off, users, .. } = &world.tenants[place];
        let settings = Settings {
            id: *id,
            name: "simulated".into(),
            time_zone: *zone,
            max_grace_s: 60,
            scheduled_log_off: *log_off,
            created_at: world.clock.now().at,
            version: 0,
        };
        let (id, users) = (*id, users.clone());
        let directory = world.directory().clone();
        assert_eq!(directory.create(None, settings).await, Ok(true));
        for key in SEATS.iter().chain(FEATURES) {
            let set = world.totals(key);
            directory.ask(id, set).await.expect("calm").expect("bought");
        }
        let drafts: Vec<UserDraft> =
            users.iter().enumerate().map(|(at, user)| world.draft(user, at)).collect();
        let changes = drafts.into_iter().map(UserChange::Create).collect();
        let users = directory.ask(id, ProvisionUsers { changes, atomic: true }).await;
        assert!(users.expect("calm").iter().all(Result::is_ok), "{}", place);
    }
    settle(10).await;
    world.hear();
}

impl World {
    /// What may be bought of a type: little, so that it runs out.
    pub(crate) fn totals(&mut self, key: &str) -> SetTotals {
        let licence = self.catalogue.find(key).expect("a type");
        let mut few =
            |least: u64, more: u64| u32::try_from(least + self.random.below(more)).expect("few");
        let totals = match key {
            "uc_user" => Totals { fixed: 100, ..Totals::default() },
            "inbound_agent" | "supervisor" => {
                Totals { base: 1_000, concurrent: few(3, 5), contingency: few(0, 4), fixed: 0 }
            }
            _ => Totals { concurrent: few(0, 4), contingency: few(0, 3), ..Totals::default() },
        };
        SetTotals { licence, totals, expected_version: None }
    }

    /// A user who has most features. The first two are always there, and active.
    pub(crate) fn draft(&mut self, user: &std::sync::Arc<str>, at: usize) -> UserDraft {
        let seat = if at < 2 { "inbound_agent" } else { self.random.pick(SEATS) };
        let features = FEATURES.iter().filter(|_| at < 2 || self.random.chance(70));
        let features: LicenceSet = features.filter_map(|key| self.catalogue.find(key)).collect();
        UserDraft {
            user: user.clone(),
            name: user.clone(),
            status: UserStatus::Active,
            user_type: self.catalogue.find(seat).expect("a type"),
            features,
        }
    }
}
