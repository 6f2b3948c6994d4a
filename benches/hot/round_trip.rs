//! A question to an organisation's actor that changes nothing, so that no commit is waited for.

use crate::cases::estate::{id, settings};
use actix::Arbiter;
use criterion::Criterion;
use licence_broker::actor::directory::{Directory, DirectoryParts};
use licence_broker::actor::journal::Journal;
use licence_broker::catalogue_file;
use licence_broker::clock::Clock;
use licence_broker::domain::organisation::Bounds;
use licence_broker::domain::release::Tick;
use licence_broker::limits::Heartbeat;
use licence_broker::store::Store;
use licence_broker::store::sqlite::SqliteStore;
use std::sync::Arc;
use std::time::Duration;

/// Beside `decision/nothing to decide`: one question after the other, each a hop to another thread and
/// back, and a hundred at once, as a mass login has them.
pub(crate) fn compared(criterion: &mut Criterion) {
    let system = actix::System::new();
    let (arbiter, folder) = (Arbiter::new(), tempfile::TempDir::new().expect("a folder"));
    let url = format!("sqlite://{}", folder.path().join("bench.db").display());
    let directory = system.block_on(open(&url, &arbiter));
    criterion.bench_function("actor/round trip", |bencher| {
        bencher.iter(|| system.block_on(directory.ask(id(), Tick)).expect("an answer"));
    });
    criterion.bench_function("actor/100 round trips at once", |bencher| {
        bencher.iter(|| {
            let asked = (0..100).map(|_| directory.ask(id(), Tick));
            let answers = system.block_on(futures_util::future::join_all(asked));
            assert!(answers.iter().all(Result::is_ok), "answers");
        });
    });
    system.block_on(directory.close());
    arbiter.stop();
}

async fn open(url: &str, arbiter: &Arbiter) -> Directory {
    let (catalogue, clock) = (catalogue_file::built_in(), Clock::system());
    let store = SqliteStore::open(url, catalogue.clone()).await.expect("a store");
    store.create_organisation(&settings(), None).await.expect("created");
    let store: Arc<dyn Store> = Arc::new(store);
    let (journal, _) = Journal::start(store.clone(), clock.clone());
    let running_since = clock.now().at;
    let (directory, _) = Directory::open(DirectoryParts {
        store,
        journal,
        clock,
        catalogue,
        bounds: Bounds { waiting_per_licence_max: 0, users_max: usize::MAX },
        heartbeat: Heartbeat { every: Duration::from_secs(15) },
        arbiters: vec![arbiter.handle()],
        asks_max: 1_000,
        last_run: None,
        running_since,
        cluster: None,
    })
    .await
    .expect("a directory");
    directory
}
